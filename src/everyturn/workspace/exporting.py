"""The verb `export`: stored data as Arrow batches, in the forms in which they are written to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import orjson
import pyarrow as pa

from everyturn.engines import evidence, metrics
from everyturn.engines.fragments import fragments
from everyturn.engines.local import Database
from everyturn.errors import UnknownName
from everyturn.model import Json
from everyturn.model.schemas import TIME
from everyturn.workspace.discovering import intent_rows, map_points, taxonomy_text

Exported: TypeAlias = tuple[Iterable[pa.RecordBatch], pa.Schema]

_JSON = ("attributes", "messages", "feedback", "scores")
_CONVERSATION = ("conversation_id", "user_id", "started_at", "attributes", "messages", "feedback")
_FINDINGS = (
    "id", "kind", "signal", "cohort", "intent", "since", "found_at", "size", "low", "high", "sentence", "conversations",
)  # fmt: skip
QUERIES = {
    "actions": 'SELECT action_id, "at", user_id, kind, conversation_id, turn, artefact, before, attributes FROM actions'
    ' ORDER BY "at", action_id',
    "observations": "SELECT o.*, c.user_id FROM observations o JOIN conversations c USING (conversation_id)"
    " ORDER BY conversation_id, signal, turn",
    "intents": "SELECT * FROM intents ORDER BY size DESC, intent_id",
    "assignments": "SELECT a.conversation_id, a.request, a.intent_id, coalesce(i.label, a.intent_id) AS intent, a.confidence"
    " FROM assignments a LEFT JOIN intents i USING (intent_id) ORDER BY a.conversation_id, a.request",
}
AS_LOADED = frozenset({"conversations", "actions"})  # written as loaded; all others are computed from these
WITH_INTENTS = frozenset({"intents", "assignments", "map", "taxonomy", "summaries"})
KINDS = ("conversations", *QUERIES, "map", "taxonomy", "summaries", "findings")


def require_kind(kind: str) -> None:
    """Raises UnknownName if that kind cannot be exported."""
    if kind not in KINDS:
        raise UnknownName.among("kind of export", kind, KINDS, example="everyturn export {} --to -")


def write(db: Database, kind: str, to: str | Path, *, findings: Callable[[], Sequence[dict[str, Json]]]) -> int:
    """Writes one kind and returns the number of rows; what it is computed from must be up to date. `findings` returns the findings."""
    from everyturn.outputs.tables import write_table, write_text

    if kind == "taxonomy":
        write_text(taxonomy_text(db), to)
        return len(intent_rows(db))
    if kind == "conversations":
        batches, schema = conversations(db)
    elif kind in QUERIES:
        batches, schema = queried(db, QUERIES[kind])
    else:
        table = (
            map_points(db)
            if kind == "map"
            else metrics.all_summaries(db)
            if kind == "summaries"
            else finding_table(findings())
        )
        batches, schema = table.to_batches(), table.schema
    return write_table(batches, schema, to)


def queried(db: Database, sql: str) -> Exported:
    """A query's batches, with JSON columns as JSON and times as instants in UTC."""
    schema = pa.schema([_field(f) for f in db.table(f"SELECT * FROM ({sql}) LIMIT 0").schema])
    batches = (
        pa.RecordBatch.from_arrays([_column(c, f.type) for c, f in zip(b.columns, schema, strict=True)], schema=schema)
        for b in db.batches(sql)
    )
    return batches, schema


def conversations(db: Database) -> Exported:
    """All conversations in the form that `load` reads; with a column `scores` if any has scores by machines."""
    scored = db.scalar("SELECT count(*) FROM feedback WHERE source = 'judge'")
    names = (*_CONVERSATION, "scores") if scored else _CONVERSATION
    schema = pa.schema([(name, pa.json_() if name in _JSON else pa.string()) for name in names])

    def batches() -> Iterator[pa.RecordBatch]:
        for fragment in fragments(db):
            rows = [evidence.conversation_json(c) for c in fragment.conversations()]
            yield pa.RecordBatch.from_pydict(
                {name: [orjson.dumps(r[name]).decode() if name in _JSON else r[name] for r in rows] for name in names},
                schema=schema,
            )

    return batches(), schema


def finding_table(found: Sequence[dict[str, Json]]) -> pa.Table:
    """The findings of `watch` as a table, a row each."""
    schema = pa.schema([(n, pa.float64() if n in {"size", "low", "high"} else pa.string()) for n in _FINDINGS])
    rows = [{n: orjson.dumps(f[n]).decode() if n == "conversations" else f[n] for n in _FINDINGS} for f in found]
    return pa.Table.from_pylist(rows, schema)


def _field(field: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(field.type):
        return field.with_type(TIME)
    return field.with_type(pa.json_()) if field.name in {"attributes", "phrases"} else field


def _column(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us")).cast(kind)
    return pa.ExtensionArray.from_storage(kind, column) if isinstance(kind, pa.JsonType) else column
