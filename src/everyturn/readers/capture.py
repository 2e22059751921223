"""Recorded HTTP requests, one a line, as a recorder in front of a collector writes them.

    {"seq": 1, "method": "POST", "path": "/api/public/ingestion", "headers": {}, "body": {"batch": []}}
    {"seq": 2, "method": "POST", "path": "/v1/traces", "headers": {}, "file": "002-traces.pb"}
    {"seq": 3, "method": "GET", "path": "/health"}

A body is read by the format that recognises it (the path is a hint to that format). Skipped and counted are requests without a body,
requests whose body stands in a file of its own (load that file), and requests whose body is of no known format: settings, log-ins,
metrics.
"""

from __future__ import annotations

from dataclasses import replace

from everyturn.model import Json
from everyturn.readers import BadRecord, Context, Reader, Records, Sample, SkipRecord, fields
from everyturn.readers.recognise import readers, recognise


def _read(record: Json, context: Context) -> Records:
    if not isinstance(record, dict) or not isinstance(record.get("path"), str):
        raise BadRecord(expected="a request with a method and a path", found=fields.describe(record))
    body = fields.json_value(record.get("body"))
    if body is None or body == "":
        raise SkipRecord(
            "a request whose body is a file of its own" if record.get("file") else "a request without a body"
        )
    endpoint = record["path"].partition("?")[0]
    others = [r for r in readers("conversations").values() if r.name != READER.name]
    inner = replace(context, endpoint=endpoint)
    whole = recognise(Sample((body,), endpoint=endpoint), others)
    if whole is not None:
        yield from whole.read(body, inner)
        return
    each = recognise(Sample(tuple(body), endpoint=endpoint), others) if isinstance(body, list) and body else None
    if each is None:
        raise SkipRecord("a request whose body is of no known format")
    for item in body:
        yield from each.read(item, inner)


def _looks_like(sample: Sample) -> float:
    """How many of the records are requests."""
    return sample.share(_is_request)


def _is_request(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("method"), str)
        and isinstance(record.get("path"), str)
        and record["path"].startswith("/")
        and not record.keys().isdisjoint({"body", "file", "headers", "reply_status"})
    )


READER = Reader(
    name="capture",
    kind="conversations",
    description="recorded HTTP requests to a collector, one a line, their bodies in any of these formats",
    looks_like=_looks_like,
    read=_read,
)
