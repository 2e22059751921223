"""A vendor on loopback for each test."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loopback import Vendor


@pytest.fixture
def vendor():
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: else each reply waits 40 ms for an acknowledgement

        def do_GET(self):
            vendor.reply(self)

        do_POST = do_GET  # noqa: N815 - the same

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    yield vendor
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def slept(monkeypatch):
    """The seconds between attempts, which tests do not wait."""
    seconds: list[float] = []
    monkeypatch.setattr("everyturn.pulls.api.time.sleep", seconds.append)
    return seconds
