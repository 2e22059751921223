"""Langfuse's API: observations and scores by time, dataset items; of servers without the newer lists, the older ones.

Its lists can be filtered by a start time, not by a time of change: they are read again for a day before their mark. The newer list cuts
metadata values to 200 characters and gives whole ones only by name: a page that holds a value so long is asked for again, with its name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from everyturn.model import Json, digest
from everyturn.pulls import Connection, Environment, Page, Pull, Start, Stream, by_cursor, by_time, iso, rows_of, under
from everyturn.pulls.api import Api

_OVERLAP = timedelta(days=1)
_CUT_AT = 200  # characters
_OBSERVATIONS, _OLD_OBSERVATIONS = "/api/public/v2/observations", "/api/public/observations"
_SCORES, _OLD_SCORES = "/api/public/v3/scores", "/api/public/v2/scores"


def _connect(environment: Environment) -> Connection:
    public, secret = environment["LANGFUSE_PUBLIC_KEY"], environment["LANGFUSE_SECRET_KEY"]
    host = environment.get("LANGFUSE_BASE_URL") or environment.get("LANGFUSE_HOST") or "https://cloud.langfuse.com"
    token = base64.b64encode(f"{public}:{secret}".encode()).decode()
    return Connection(host, {"authorization": f"Basic {token}"}, digest(host, public))


def _streams(api: Api, _environment: Environment) -> list[Stream]:
    if api.has(_OBSERVATIONS, {"limit": 1}):
        streams = [Stream("observations", "langfuse", by_time(_OVERLAP, _observations))]
    else:
        streams = [
            Stream("traces", "langfuse", by_time(_OVERLAP, _old("/api/public/traces", "Timestamp", 50))),
            Stream("observations", "langfuse", by_time(_OVERLAP, _old(_OLD_OBSERVATIONS, "StartTime", 100))),
        ]
    has_scores = api.has(_SCORES, {"limit": 1})
    scores = by_time(_OVERLAP, _scores if has_scores else _old(_OLD_SCORES, "Timestamp", 100))
    streams.append(Stream("scores", "langfuse", scores))
    streams.append(Stream("dataset items", "langfuse", _dataset_items))
    return streams


def _observations(api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    fields = "core,basic,time,io,metadata,model,trace_context"
    # The API takes up to 1,000 a page; Langfuse's own cloud refuses replies over 5 MB, which 100 long ones come close to.
    params = {"fields": fields, "limit": 100, "fromStartTime": iso(low), "toStartTime": high and iso(high)}
    whole: set[str] = set()

    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.get(_OBSERVATIONS, {**params, "cursor": cursor, "expandMetadata": ",".join(sorted(whole)) or None})
        rows = rows_of(reply.value, "data")
        if cut := _cut(rows) - whole:
            whole.update(cut)
            return ask(cursor)
        return rows, reply.size, under(reply.value, "meta", "cursor")

    return by_cursor(ask)


def _cut(rows: list[Json]) -> set[str]:
    """The names of metadata whose values are so long that they may have been cut."""
    found = (under(row, "metadata") for row in rows)
    return {
        name
        for metadata in found
        if isinstance(metadata, dict)
        for name, value in metadata.items()
        if isinstance(value, str) and len(value) >= _CUT_AT and "," not in name
    }


def _scores(api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    return _cursored(
        api,
        _SCORES,
        {
            "fields": "details,subject,annotation",
            "limit": 100,
            "fromTimestamp": iso(low),
            "toTimestamp": high and iso(high),
        },
    )


def _cursored(api: Api, path: str, params: dict[str, Any]) -> Iterator[Page]:
    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.get(path, {**params, "cursor": cursor})
        return rows_of(reply.value, "data"), reply.size, under(reply.value, "meta", "cursor")

    return by_cursor(ask)


def _old(path: str, name: str, limit: int) -> Callable[[Api, datetime, datetime | None], Iterator[Page]]:
    """What reads the numbered pages of an older endpoint; `name` is the time it filters by ("Timestamp": fromTimestamp)."""

    def pages(api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
        return _numbered(api, path, {"limit": limit, f"from{name}": iso(low), f"to{name}": high and iso(high)})

    return pages


def _numbered(api: Api, path: str, params: dict[str, Any]) -> Iterator[Page]:
    page = 0
    total = 1
    while page < total:
        page += 1
        reply = api.get(path, {**params, "page": page})
        total = int(under(reply.value, "meta", "totalPages") or 0)
        yield Page(rows_of(reply.value, "data"), reply.size)


def _dataset_items(api: Api, _start: Start) -> Iterator[Page]:
    return _numbered(api, "/api/public/dataset-items", {"limit": 100})


PULL = Pull(
    name="langfuse",
    description="Langfuse: observations, scores and dataset items",
    needs=("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"),
    takes=("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    connect=_connect,
    streams=_streams,
)
