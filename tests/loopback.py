"""A vendor on loopback: it pages through rows as the real one documents it, with the trouble a test asks for."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

GOLDEN = Path(__file__).parent / "golden"


def rows(*paths: str) -> list:
    """The JSON values of captures, one a line."""
    found = []
    for path in paths:
        data = (GOLDEN / path).read_bytes()
        text = gzip.decompress(data) if path.endswith(".gz") else data
        found += (
            [orjson.loads(line) for line in text.splitlines()]
            if path.endswith((".jsonl", ".jsonl.gz"))
            else [orjson.loads(text)]
        )
    return found


class Vendor:
    """Routes by path to functions of the query (and body) that give a reply's JSON. `trouble` is had, one a request, in order.

    Trouble is "429", "500", "cut" (the connection ends within the body), "broken" (half a JSON of the announced length), "drop" (no reply),
    a status as an int for good, or "" for none. `skew` is how far its clock is ahead of the truth.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Callable] = {}
        self.trouble: list = []
        self.skew = timedelta(0)
        self.asked: list[tuple[str, str, dict, dict, object]] = []  # method, path, query, headers, body
        self.served: list[str] = []

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = {k: v if len(v) > 1 else v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        data = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        body = orjson.loads(data) if data else None
        self.asked.append((handler.command, url.path, query, dict(handler.headers), body))
        trouble = self.trouble.pop(0) if self.trouble else ""
        if trouble == "drop":
            handler.close_connection = True
            return
        if isinstance(trouble, int):
            self._send(handler, trouble, b"{}")
        elif trouble in {"429", "500"}:
            self._send(handler, int(trouble), b"slow down", {"retry-after": "7"} if trouble == "429" else {})
        elif url.path not in self.routes:
            self._send(handler, 404, b"{}")
        else:
            found = self.routes[url.path](query, body)
            content = orjson.dumps(found)
            self.served.append(url.path)
            if trouble == "cut":
                self._send(handler, 200, content[: len(content) // 2], length=len(content))
                handler.close_connection = True
            else:
                self._send(handler, 200, content[: len(content) // 2] if trouble == "broken" else content)

    def _send(self, handler, status: int, content: bytes, headers=(), *, length: int | None = None) -> None:
        handler.send_response_only(status)
        handler.send_header("date", format_datetime(datetime.now(UTC) + self.skew, usegmt=True))
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(content) if length is None else length))
        for name, value in dict(headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


def between(row_time: str, low: str | None, high: str | None) -> bool:
    """Whether a row's time lies in a query's range: from the low one, before the high one."""
    at = datetime.fromisoformat(row_time)
    return (low is None or datetime.fromisoformat(low) <= at) and (high is None or at < datetime.fromisoformat(high))


def paged(found: list, cursor: str | None, size: int, *, repeats: int = 0) -> tuple[list, str | None]:
    """A page from a cursor on, and the next cursor; each page after the first begins with rows that were given before."""
    start = int(cursor or 0)
    page = found[max(0, start - repeats) : start + size]
    return page, str(start + size) if start + size < len(found) else None


@contextmanager
def serving(vendor: Vendor, *, delay: float = 0.0) -> Iterator[Vendor]:
    """The vendor on a port of its own, which is then its `url`; each reply takes its time."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: else each reply waits 40 ms for an acknowledgement

        def do_GET(self):
            if delay:
                time.sleep(delay)
            vendor.reply(self)

        do_POST = do_GET  # noqa: N815 - the same

        def log_message(self, *_):
            pass

        def handle(self):
            with suppress(ConnectionError):  # the client was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
