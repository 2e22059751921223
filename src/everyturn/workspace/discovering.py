"""Requests -> intents, stored: the discovery whole, each request, turn and eval case under its intent."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.intents import Discovery, assign, discover
from everyturn.model import REQUEST_SCHEMA, TIME, Json
from everyturn.workspace.observing import observe
from everyturn.workspace.result import Progress, plain


@dataclass(frozen=True, slots=True)
class Discovered:
    """One discovery and what it was made from."""

    discovery: Discovery
    requests: int
    unclear: int


def discover_intents(db: Database, *, seed: int, progress: Progress) -> Discovered:
    """Finds the intents of every request and stores them; those known before keep their ids."""
    observe(db, progress=progress)
    requests = _zoned(db.table("SELECT * FROM requests ORDER BY conversation_id, request"))
    progress("discovering", 0, None)
    found = discover(requests, known=known(db), seed=seed)
    _store(db, found)
    unclear: int = db.scalar("SELECT count(*) FROM assignments WHERE intent_id IS NULL")
    return Discovered(found, requests.num_rows, unclear)


def ensure_intents(db: Database, *, progress: Progress) -> None:
    """Discovers where that was never done, and places what was loaded since under the intents there are."""
    observe(db, progress=progress)
    if not db.scalar("SELECT count(*) FROM requests"):
        _place_turns(db)
        return
    found = known(db)
    if found is None or db.meta("requests_changed") == "yes":
        discover_intents(db, seed=7, progress=progress)
    elif db.meta("cases_changed") == "yes":
        with db.transaction():
            _place_cases(db, found)
    db.set_meta("cases_changed", "no")


def known(db: Database) -> Discovery | None:
    """The intents known so far, None before the first discovery."""
    stored = db.rows("SELECT name, value FROM blobs WHERE name LIKE 'discovery.%'")
    if not stored:
        return None
    return Discovery.from_tables({name.partition(".")[2]: _from_ipc(value) for name, value in stored})


def intent_rows(db: Database) -> list[dict[str, Json]]:
    """The intents as `discover` shows them, the largest first."""
    return [
        {**row, "phrases": orjson.loads(row["phrases"]), "first_seen": plain(row["first_seen"])}
        for row in db.table(
            """
            SELECT i.intent_id, label AS intent, description, phrases, count(DISTINCT a.conversation_id) AS volume, users,
              first_seen::DATE AS first_seen
            FROM intents i LEFT JOIN assignments a USING (intent_id) GROUP BY ALL ORDER BY volume DESC, intent_id
            """
        ).to_pylist()
    ]


def _store(db: Database, found: Discovery) -> None:
    """Keeps a discovery: its state whole, its intents and assignments as tables, each turn and each eval case placed."""
    with db.transaction():
        for name, table in found.to_tables().items():
            db.set_blob(f"discovery.{name}", _to_ipc(table))
        db.run("DELETE FROM intents")
        db.insert("intents", _intent_table(found))
        ready = "(SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
        db.run(f"DELETE FROM assignments WHERE conversation_id NOT IN {ready}")
        db.insert("assignments", found.assignments)
        _place_turns(db)
        _place_cases(db, found)
        db.set_meta("requests_changed", "no")


def _place_turns(db: Database) -> None:
    """Each turn belongs to the latest request at or before it; what came before the first request belongs to the first."""
    db.run("DELETE FROM turn_intents")
    db.run(
        """
        INSERT INTO turn_intents
        SELECT t.conversation_id, t.turn, arg_max_null(a.intent_id, a.request) FROM (
          SELECT DISTINCT conversation_id, turn FROM messages WHERE turn IS NOT NULL
          UNION SELECT conversation_id, 0 FROM conversations WHERE origin = 'outcomes') t
        JOIN assignments a ON a.conversation_id = t.conversation_id
          AND (a.request = 0 OR a.turn <= t.turn)
        GROUP BY ALL
        """
    )


def _place_cases(db: Database, found: Discovery) -> None:
    """Each eval case under the intent it is inside of, by the rule the requests follow; null where it is inside none."""
    db.run("DELETE FROM case_intents")
    cases = db.table("SELECT suite, case_id, input FROM eval_cases ORDER BY suite, case_id")
    if not cases.num_rows:
        return
    ids, confidence = assign(cases["input"].to_pylist(), found)
    placed = cases.drop_columns(["input"]).append_column("intent_id", pa.array(ids, pa.string()))
    db.insert("case_intents", placed.append_column("confidence", pa.array(confidence, pa.float64())))


def _zoned(requests: pa.Table) -> pa.Table:
    """Stored requests as REQUEST_SCHEMA: their times are the instants they are."""
    at = requests.column("at").cast(pa.timestamp("us")).cast(TIME)
    return requests.set_column(requests.schema.get_field_index("at"), "at", at).cast(REQUEST_SCHEMA)


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _from_ipc(value: bytes) -> pa.Table:
    return pa.ipc.open_stream(value).read_all()


def _intent_table(found: Discovery) -> pa.Table:
    """The intents as the stored table shows them to people and queries."""
    return pa.Table.from_pylist(
        [
            {
                "intent_id": i.intent_id,
                "label": i.label,
                "description": i.description,
                "phrases": orjson.dumps(list(i.phrases)).decode(),
                "size": i.size,
                "users": i.users,
                "first_seen": i.first_seen,
                "last_seen": i.last_seen,
            }
            for i in found.intents
        ],
        pa.schema(
            [(n, pa.string()) for n in ("intent_id", "label", "description", "phrases")]
            + [(n, pa.int64()) for n in ("size", "users")]
            + [(n, TIME) for n in ("first_seen", "last_seen")]
        ),
    )
