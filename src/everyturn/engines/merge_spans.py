"""Storing conversations that come as spans: spans are merged by id and grouped, and the conversations they touch assembled again.

All functions run inside the load's transaction, read the staged tables `in_spans` and `in_ratings`, and add the conversations they
change to the temporary table `touched`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

import pyarrow as pa

from everyturn.engines.link_traces import Threads, link_traces
from everyturn.engines.local import Database
from everyturn.engines.rows import feedback_rows, header_rows, message_rows, ratings_of, span_table, spans_of
from everyturn.model import Conversation, FeedbackRecord, Span

Merge = Callable[[Span, Span], Span]
Assemble = Callable[[list[Span], list[FeedbackRecord]], list[Conversation]]
Resolve = Callable[[list[Span]], dict[str, frozenset[str]]]

_GROUPS_AT_ONCE = 2_000  # conversations assembled in one step; only bounds memory


def merge_spans(
    database: Database, staged: set[str], *, merge: Merge, resolve: Resolve, assemble: Assemble, threads: Threads
) -> None:
    """Stores the staged spans and rebuilds every conversation that they or the staged feedback belong to."""
    run = database.run
    run("CREATE OR REPLACE TEMP TABLE touched_traces (trace_id VARCHAR)")
    if "spans" in staged:
        run("INSERT INTO touched_traces SELECT DISTINCT trace_id FROM temp.in_spans")
        _store_spans(database, merge)
    if "ratings" in staged:
        run(
            """
            INSERT INTO touched_traces
            SELECT trace_id FROM temp.in_ratings WHERE trace_id IS NOT NULL
            UNION SELECT t.trace_id FROM temp.in_ratings r JOIN trace_conversations t USING (conversation_id)
            UNION SELECT s.trace_id FROM temp.in_ratings r JOIN spans s USING (response_id)
            UNION SELECT s.trace_id FROM temp.in_ratings r JOIN spans s USING (span_id) WHERE r.trace_id IS NULL
            """
        )
    _map_traces(database, resolve, threads)
    _assemble_groups(database, assemble)


def _store_spans(database: Database, merge: Merge) -> None:
    """Stores new spans; a span seen before, or in parts, is merged with what is there."""
    run = database.run
    columns = "trace_id, span_id"
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE met AS
        SELECT DISTINCT ON (h) * FROM (
          SELECT s.*, hash(s) AS h FROM spans s WHERE ({columns}) IN (SELECT ({columns}) FROM temp.in_spans)
          UNION ALL SELECT i.*, hash(i) AS h FROM temp.in_spans i)
        """
    )
    run(f"DELETE FROM spans WHERE ({columns}) IN (SELECT ({columns}) FROM temp.in_spans)")
    run(
        f"""
        INSERT INTO spans BY NAME SELECT * EXCLUDE (h) FROM met
        WHERE ({columns}) NOT IN (SELECT ({columns}) FROM met GROUP BY ALL HAVING count(*) > 1)
        """
    )
    run(f"CREATE OR REPLACE TEMP TABLE several AS SELECT * FROM met WHERE ({columns}) IN"
        f" (SELECT ({columns}) FROM met GROUP BY ALL HAVING count(*) > 1) ORDER BY {columns}, h")  # fmt: skip
    run("DROP TABLE met")
    pending: list[Span] = []
    for _, parts in groupby(spans_of(_own_batches(database, "SELECT * EXCLUDE (h) FROM several")), key=_span_key):
        first, *rest = parts
        for part in rest:
            first = merge(first, part)
        pending.append(first)
        if len(pending) >= 10_000:
            database.insert("spans", span_table(pending))
            pending = []
    if pending:
        database.insert("spans", span_table(pending))
    run("DROP TABLE several")


def _own_batches(database: Database, sql: str) -> list[pa.RecordBatch]:
    """A query's batches, read whole on the database's own connection, which sees temporary tables and the open transaction."""
    batches: list[pa.RecordBatch] = database.table(sql).to_batches(10_000)
    return batches


def _map_traces(database: Database, resolve: Resolve, threads: Threads) -> None:
    """Determines again which conversations each touched trace belongs to, and marks these conversations as touched."""
    run = database.run
    run("CREATE OR REPLACE TEMP TABLE regrouped AS SELECT DISTINCT trace_id FROM touched_traces")
    run(
        "CREATE OR REPLACE TEMP TABLE affected AS SELECT DISTINCT conversation_id FROM trace_conversations"
        " WHERE trace_id IN (SELECT trace_id FROM regrouped)"
    )
    run("DELETE FROM trace_conversations WHERE trace_id IN (SELECT trace_id FROM regrouped)")
    narrow = (
        "SELECT trace_id, span_id, parent_id, conversation_id, user_id, operation, name, started_at, NULL AS ended_at,"
        " NULL AS input, NULL AS output, NULL AS tool_call, NULL AS tool_result, NULL AS error, NULL AS response_id,"
        " '{}' AS attributes, is_evaluation FROM spans"
        " WHERE trace_id IN (SELECT trace_id FROM regrouped) ORDER BY trace_id, span_id"
    )
    pairs: list[tuple[str, str]] = []
    for _, spans in groupby(spans_of(_own_batches(database, narrow)), key=lambda s: s.trace_id):
        for trace_id, conversation_ids in resolve(list(spans)).items():
            pairs.extend((trace_id, conversation_id) for conversation_id in sorted(conversation_ids))
    names = pa.schema([("trace_id", pa.string()), ("conversation_id", pa.string())])
    table = pa.Table.from_pylist([{"trace_id": t, "conversation_id": c} for t, c in pairs], names)
    database.insert("trace_conversations", table)
    link_traces(database, threads, [t for t, c in pairs if t == c])
    run(
        "INSERT INTO affected SELECT DISTINCT conversation_id FROM trace_conversations"
        " WHERE trace_id IN (SELECT trace_id FROM regrouped)"
    )
    run("INSERT INTO touched SELECT DISTINCT conversation_id FROM trace_conversations"
        " WHERE trace_id IN (SELECT trace_id FROM regrouped)")  # fmt: skip
    run("DROP TABLE regrouped")
    run("DROP TABLE touched_traces")


def _assemble_groups(database: Database, assemble: Assemble) -> None:
    """Rebuilds the affected conversations from all spans of all their traces."""
    run, rows = database.run, database.rows
    # Traces and conversations that are connected form one group: nearly always a conversation and its traces.
    group_of = _components(
        rows(
            "SELECT trace_id, conversation_id FROM trace_conversations WHERE conversation_id IN"
            " (SELECT conversation_id FROM affected)"
        ),
        lambda traces: rows(
            "SELECT trace_id, conversation_id FROM trace_conversations WHERE trace_id IN (SELECT unnest(?))", [traces]
        ),
    )
    groups = pa.table(
        {"trace_id": pa.array(list(group_of), pa.string()), "group_id": pa.array(list(group_of.values()), pa.string())}
    )
    run("CREATE OR REPLACE TEMP TABLE groups (trace_id VARCHAR, group_id VARCHAR)")
    database.insert("temp.groups", groups)
    run(
        "DELETE FROM conversations WHERE origin = 'spans' AND conversation_id IN (SELECT conversation_id FROM affected)"
    )
    for name in ("messages", "feedback"):
        run(
            f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM affected)"
            " AND conversation_id NOT IN (SELECT conversation_id FROM conversations)"
        )
    names = rows("SELECT DISTINCT group_id FROM groups ORDER BY group_id")
    for start in range(0, len(names), _GROUPS_AT_ONCE):
        low, high = names[start][0], names[min(start + _GROUPS_AT_ONCE, len(names)) - 1][0]
        run(
            "CREATE OR REPLACE TEMP TABLE step AS SELECT trace_id FROM groups WHERE group_id BETWEEN ? AND ?",
            [low, high],
        )
        spans = list(
            spans_of(
                _own_batches(
                    database,
                    "SELECT s.* REPLACE (coalesce(s.conversation_id, l.first_id) AS conversation_id) FROM spans s"
                    " SEMI JOIN step t ON t.trace_id = s.trace_id LEFT JOIN loose_traces l ON l.trace_id = s.trace_id"
                    " ORDER BY s.trace_id, s.span_id",
                )
            )
        )
        ratings = database.table(
            """
            SELECT * FROM ratings r WHERE trace_id IN (SELECT trace_id FROM step)
              OR conversation_id IN (SELECT conversation_id FROM trace_conversations JOIN step USING (trace_id))
              OR response_id IN (SELECT response_id FROM spans JOIN step USING (trace_id) WHERE response_id IS NOT NULL)
              OR (trace_id IS NULL AND span_id IN (SELECT span_id FROM spans JOIN step USING (trace_id)))
            ORDER BY feedback_id
            """
        )
        _write_conversations(database, assemble(spans, list(ratings_of(ratings))))
    run(  # conversations that no longer exist: what was concluded from them must go too
        "INSERT INTO touched SELECT conversation_id FROM affected"
        " WHERE conversation_id NOT IN (SELECT conversation_id FROM conversations)"
    )
    for name in ("groups", "step", "affected"):
        run(f"DROP TABLE IF EXISTS {name}")


def _write_conversations(database: Database, conversations: list[Conversation]) -> None:
    """Stores assembled conversations, except where the same conversation was loaded whole, as messages."""
    taken = {
        row[0]
        for row in database.rows(
            "SELECT conversation_id FROM conversations WHERE conversation_id IN (SELECT unnest(?))",
            [[c.conversation_id for c in conversations]],
        )
    }
    fresh = [c for c in conversations if c.conversation_id not in taken]
    if not fresh:
        return
    messages, headers = message_rows(fresh), header_rows(fresh)
    database.insert("messages", messages)
    database.insert("conversations", headers)
    database.insert("feedback", feedback_rows(fresh))


def _span_key(span: Span) -> tuple[str, str]:
    return span.trace_id, span.span_id


def _components(pairs: Iterable[tuple[str, str]], more: Callable[[list[str]], list[tuple[str, str]]]) -> dict[str, str]:
    """The group of each trace: traces that share a conversation are in one group, and so are conversations that share a trace.

    `pairs` are (trace id, conversation id); `more` gives all pairs of the traces named and is called until nothing new turns up. A
    group's name is its smallest conversation id.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    traces: dict[str, str] = {}
    todo = list(pairs)
    while todo:
        for trace_id, conversation_id in todo:
            a, b = root(conversation_id), root(traces.setdefault(trace_id, conversation_id))
            parent[max(a, b)] = min(a, b)
        todo = [pair for pair in more(sorted({trace for trace, _ in todo})) if pair[1] not in parent]
    return {trace_id: root(conversation_id) for trace_id, conversation_id in traces.items()}
