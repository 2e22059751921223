"""Braintrust's API: the rows of every project's logs by the transaction that last changed them, and the datasets.

Feedback is a new transaction on an old row, so that a mark on transactions misses none. Pages run from the latest transaction to the
earliest: reading ends where a page holds nothing newer than an hour before the mark. A later page may repeat a row in an older version; the
first version seen is the latest and the only one that is handed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from everyturn.model import Json, digest
from everyturn.pulls import Connection, Environment, Page, Pull, Start, Stream, by_cursor, rows_of
from everyturn.pulls.api import Api

_OVERLAP = timedelta(hours=1)
_LIMIT = 100  # traces, each of several rows
_EPOCH_BITS = 0x0DE1 << 48  # a transaction's id: these 16 bits, 32 bits of seconds since 1970, 16 bits of a counter


def _connect(environment: Environment) -> Connection:
    base_url = environment.get("BRAINTRUST_API_URL") or "https://api.braintrust.dev"
    return Connection(base_url, {"authorization": f"Bearer {environment['BRAINTRUST_API_KEY']}"}, base_url)


def _streams(api: Api, _environment: Environment) -> list[Stream]:
    logs = [
        Stream(f"logs of {name}", "braintrust", partial(_rows, f"/v1/project_logs/{quote(name, safe='')}/fetch"))
        for name in _names(api, "/v1/project")
    ]
    datasets = [
        Stream(f"dataset {name}", "braintrust", partial(_rows, f"/v1/dataset/{quote(name, safe='')}/fetch"))
        for name in _names(api, "/v1/dataset")
    ]
    return logs + datasets


def _names(api: Api, path: str) -> Iterator[str]:
    """The ids of all projects or datasets."""
    last: str | None = None
    while True:
        found = rows_of(api.get(path, {"limit": 100, "starting_after": last}).value, "objects")
        names = [o["id"] for o in found if isinstance(o, dict) and isinstance(o.get("id"), str)]
        yield from names
        if len(found) < 100 or not names:
            return
        last = names[-1]


def _rows(path: str, api: Api, start: Start) -> Iterator[Page]:
    low = _transaction(start.since)
    if start.mark is not None:
        low = max(low, int(start.mark) - (int(_OVERLAP.total_seconds()) << 16))
    latest = 0
    seen: set[int] = set()  # 64 bits of each row's id: a few dozen bytes a row

    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        body: dict[str, Any] = {"limit": _LIMIT} | ({"cursor": cursor} if cursor else {})
        reply = api.post(path, body)
        cursor = reply.value.get("cursor") if isinstance(reply.value, dict) else None
        return rows_of(reply.value, "events"), reply.size, cursor or None

    for page in by_cursor(ask):
        if not page.rows:
            break
        changed = [_changed(row) for row in page.rows]
        latest = max(latest, *changed)
        fresh = [row for row, at in zip(page.rows, changed, strict=True) if at >= low and _is_first(row, seen)]
        yield Page(fresh, page.size)
        if max(changed) < low:
            break
    mark = max(latest, int(start.mark or 0), low)
    yield Page([], mark=str(mark))


def _is_first(row: Json, seen: set[int]) -> bool:
    name = row.get("id") if isinstance(row, dict) else None
    if not isinstance(name, str):
        return True  # the reader says what is wrong with it
    key = int(digest(name)[:16], 16)
    if key in seen:
        return False
    seen.add(key)
    return True


def _transaction(at: datetime) -> int:
    """The smallest transaction id of a time."""
    return _EPOCH_BITS | max(0, int(at.timestamp())) << 16


def _changed(row: Json) -> int:
    """The transaction that last changed a row; of rows without one, that of the time they were created."""
    found = row.get("_xact_id") if isinstance(row, dict) else None
    try:
        if found is not None:
            return int(found)
        return _transaction(datetime.fromisoformat(row["created"]))
    except (TypeError, ValueError, KeyError):
        return 1 << 63  # it cannot be told: take it for new


PULL = Pull(
    name="braintrust",
    description="Braintrust: the logs of every project, and datasets",
    needs=("BRAINTRUST_API_KEY",),
    takes=("BRAINTRUST_API_URL",),
    connect=_connect,
    streams=_streams,
)
