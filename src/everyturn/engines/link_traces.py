"""Traces without a conversation id: finds which trace each continues, and updates this as traces arrive in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.engines.rows import spans_of, utc
from everyturn.model import Span, TraceEnds
from everyturn.model.schemas import TIME

_SPANS_OF = 500  # traces whose spans are in memory at once
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("trace_id", "user_id", "begins", "ends", "first_id")]
    + [("started_at", TIME), ("ended_at", TIME)]
)


class Threads(NamedTuple):
    """The two functions that link traces: `ends` gives the `TraceEnds` of spans, `link` the first trace of each that continues one."""

    ends: Callable[[Sequence[Span]], Sequence[TraceEnds]]
    link: Callable[[Iterable[TraceEnds]], dict[str, str]]


def link_traces(database: Database, threads: Threads, alone: Sequence[str]) -> None:
    """Assigns the touched traces without a conversation id (`alone`) to the conversation they continue.

    Assumes the temporary tables `regrouped` (the touched traces), `affected` and `touched`. Other traces that may now be linked
    differently, because they begin or end like the touched ones, are linked again as well.
    """
    run = database.run
    keys = _keys(database, "SELECT begins, ends FROM loose_traces WHERE trace_id IN (SELECT trace_id FROM regrouped)")
    run("DELETE FROM loose_traces WHERE trace_id IN (SELECT trace_id FROM regrouped)")
    for start in range(0, len(alone), _SPANS_OF):
        names = alone[start : start + _SPANS_OF]
        table = database.table(
            "SELECT * FROM spans WHERE trace_id IN (SELECT unnest(?)) ORDER BY trace_id, span_id", [list(names)]
        )
        found = threads.ends(list(spans_of(table.to_batches(10_000))))
        keys |= {k for e in found for k in (e.begins, e.ends) if k is not None}
        rows = [{**e._asdict(), "first_id": e.trace_id} for e in found]
        database.insert("loose_traces", pa.Table.from_pylist(rows, _SCHEMA))
    if not keys:
        return
    stored = _around(database, keys)
    first = threads.link([row.trace for row in stored])
    moved = [
        {"trace_id": row.trace.trace_id, "before": row.first_id, "first_id": new}
        for row in stored
        if (new := first.get(row.trace.trace_id, row.trace.trace_id)) != row.first_id
    ]
    names_schema = pa.schema([(name, pa.string()) for name in ("trace_id", "before", "first_id")])
    run("CREATE OR REPLACE TEMP TABLE moved (trace_id VARCHAR, before VARCHAR, first_id VARCHAR)")
    database.insert("temp.moved", pa.Table.from_pylist(moved, names_schema))
    run("UPDATE loose_traces SET first_id = m.first_id FROM moved m WHERE m.trace_id = loose_traces.trace_id")
    run("INSERT INTO affected SELECT before FROM moved UNION SELECT first_id FROM moved")
    run("INSERT INTO touched SELECT first_id FROM moved")
    linked = "(SELECT trace_id FROM moved UNION SELECT l.trace_id FROM loose_traces l JOIN regrouped USING (trace_id))"
    run(f"DELETE FROM trace_conversations WHERE trace_id IN {linked}")
    run(f"INSERT INTO trace_conversations SELECT trace_id, first_id FROM loose_traces WHERE trace_id IN {linked}")
    run("DROP TABLE moved")


class _Stored(NamedTuple):
    trace: TraceEnds
    first_id: str


def _keys(database: Database, sql: str) -> set[str]:
    return {key for row in database.rows(sql) for key in row if key is not None}


def _around(database: Database, keys: set[str]) -> list[_Stored]:
    """The traces with one of these digests as beginning or end, and in turn those that share a digest with them."""
    found: dict[str, _Stored] = {}
    seen: set[str] = set()
    while keys:
        seen |= keys
        met = list(_stored(database, keys))
        found |= {row.trace.trace_id: row for row in met}
        keys = {k for row in met for k in (row.trace.begins, row.trace.ends) if k is not None} - seen
    return list(found.values())


def _stored(database: Database, keys: set[str]) -> Iterator[_Stored]:
    rows = database.rows(
        "SELECT trace_id, user_id, started_at, ended_at, begins, ends, first_id FROM loose_traces"
        " WHERE begins IN (SELECT unnest($1)) OR ends IN (SELECT unnest($1))",
        [sorted(keys)],
    )
    for trace_id, user_id, started_at, ended_at, begins, ends, first_id in rows:
        start, end = utc(started_at), utc(ended_at)
        if start is not None and end is not None:
            yield _Stored(TraceEnds(trace_id, user_id, start, end, begins, ends), first_id)
