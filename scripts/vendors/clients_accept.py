"""The clients of Braintrust, LangSmith and Langfuse take the written rows, and upload the same cases to a server that records."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
import typing
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CASES = Path(sys.argv[1])
received: list[tuple[str, str, bytes]] = []


class Recorder(BaseHTTPRequestHandler):
    """Answers as the three servers do, as far as their clients look."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body

    def _answer(self) -> None:
        body, path = self._body(), self.path.partition("?")[0]
        received.append((self.command, path, body))
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        row = json.loads(body) if body[:1] == b"{" else {}
        now = "2026-01-01T00:00:00Z"
        answers: dict[str, object] = {
            "/api/apikey/login": {"org_info": [{"id": "o", "name": "o", "api_url": url, "proxy_url": url}]},
            "/v1/project": {"id": "p", "name": "shop", "org_id": "o", "created": now},
            "/v1/dataset": {"id": "d", "name": "gaps", "project_id": "p", "created": now},
            "/v1/dataset/d/insert": {"row_ids": [event["id"] for event in row.get("events", ())]},
            "/api/public/v2/datasets": {
                "id": "d", "name": row.get("name"), "projectId": "p", "createdAt": now, "updatedAt": now, "metadata": {},
                "inputSchema": None, "expectedOutputSchema": None,
            },
            "/api/public/dataset-items": {
                "id": row.get("id"), "status": "ACTIVE", "input": row.get("input"), "datasetId": "d", "createdAt": now,
                "expectedOutput": row.get("expectedOutput"), "metadata": {}, "datasetName": "gaps", "updatedAt": now,
                "sourceTraceId": None, "sourceObservationId": None, "mediaReferences": [],
            },
        }  # fmt: skip
        found = answers.get(path, {})
        if path == "/datasets":
            dataset = {
                "id": "00000000-0000-4000-8000-000000000001",
                "name": "gaps",
                "created_at": now,
                "data_type": "kv",
            }
            found = [] if self.command == "GET" else dataset
        if path == "/examples":
            found = []
        data = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - the names the base class calls


def rows(name: str) -> list[dict]:
    """The rows of a golden file."""
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


def models() -> None:
    """Each written row is what the SDK's own model of it holds."""
    from braintrust._generated_types import DatasetEvent
    from langfuse.api import CreateDatasetItemRequest
    from langfuse.api.core.pydantic_utilities import parse_obj_as
    from langsmith.schemas import ExampleCreate

    for row in rows("langsmith.jsonl"):
        example = json.loads(ExampleCreate(**row).model_dump_json(by_alias=True))
        assert {name: example[name] for name in row} == row
    for row in rows("langfuse.jsonl"):
        item = parse_obj_as(CreateDatasetItemRequest, row)
        assert (item.dataset_name, item.id, item.input) == (row["datasetName"], row["id"], row["input"])
        assert item.expected_output == row.get("expectedOutput")
    for row in rows("braintrust.jsonl"):
        assert row.keys() <= typing.get_type_hints(DatasetEvent).keys()


def uploads(url: str) -> None:
    """The same cases through each client arrive at the server as they were written."""
    os.environ |= {
        "BRAINTRUST_API_KEY": "k", "BRAINTRUST_APP_URL": url, "BRAINTRUST_API_URL": url, "LANGSMITH_API_KEY": "k",
        "LANGSMITH_ENDPOINT": url, "LANGFUSE_PUBLIC_KEY": "k", "LANGFUSE_SECRET_KEY": "k", "LANGFUSE_BASE_URL": url,
        "LANGFUSE_HOST": url,
    }  # fmt: skip
    from everyturn.model import Message, ToolCall
    from everyturn.outputs.cases import NewCase, upload_cases

    def message(m: dict) -> Message:
        calls = [c["function"] | {"id": c["id"]} for c in m.get("tool_calls", ())]
        made = tuple(ToolCall(c["id"], c["name"], json.loads(c["arguments"])) for c in calls)
        return Message(m["role"], m["content"], None, made, m.get("tool_call_id"))

    cases = [
        NewCase(
            row["case_id"],
            tuple(map(message, row["input"])),
            row.get("expected"),
            row["rubric"],
            row.get("metadata", {}),
        )
        for row in rows("jsonl.jsonl")
    ]
    for to, dataset in (("langfuse", "gaps"), ("langsmith", "gaps"), ("braintrust", "shop/gaps")):
        received.clear()
        assert upload_cases(cases, dataset, to=to) == len(cases)
        sent = b"\n".join(body for _, _, body in received).decode("utf-8", "replace")
        for case in cases:
            assert case.rubric in sent, (to, [(m, p) for m, p, _ in received])
        assert cases[0].expected in sent
        print(f"{to}: {len(cases)} cases uploaded in {len(received)} requests")


warnings.simplefilter("ignore", DeprecationWarning)  # "outputs" is also what older servers and clients call it
models()
print("braintrust, langfuse, langsmith: the SDKs' models hold every row")
server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
uploads(f"http://127.0.0.1:{server.server_address[1]}")
server.shutdown()
