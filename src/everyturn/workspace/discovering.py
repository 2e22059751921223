"""Requests -> intents, stored: the discovery whole, each request, turn and eval case under its intent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.intents import Discovery, assign, discover
from everyturn.intents.embedders import named, stored
from everyturn.intents.layout import POINT_SCHEMA, points
from everyturn.intents.naming import Names, name_with
from everyturn.intents.remote import Remote
from everyturn.intents.tables import EVENT_SCHEMA
from everyturn.intents.taxonomy import Taxonomy, to_yaml
from everyturn.model import Json
from everyturn.model.schemas import REQUEST_SCHEMA, TIME
from everyturn.workspace.observing import observe
from everyturn.workspace.result import Progress, plain
from everyturn.workspace.vectors import Vectors
from everyturn.workspace.verifying import settle


@dataclass(frozen=True, slots=True)
class Discovered:
    """One discovery and what it was made from."""

    discovery: Discovery
    requests: int
    unclear: int
    seed: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to discover: by which embedder, in whose words, named by which model; nothing said is as it was before."""

    embedder: str | None = None
    taxonomy: Taxonomy | None = None
    names: str | None = None
    seed: int = 7


def discover_intents(db: Database, wishes: Wishes, *, progress: Progress) -> Discovered:
    """Finds the intents of every request and stores them; those known before keep their ids."""
    observe(db, progress=progress)
    requests = stored_requests(db)
    store = Vectors(db)
    embedder = named(wishes.embedder, store) if wishes.embedder else None
    remote = Remote(wishes.names) if wishes.names else None
    progress("discovering", 0, None)
    found = discover(
        requests, known=known(db), embedder=embedder, store=store, taxonomy=wishes.taxonomy, seed=wishes.seed
    )
    names: Names = {key: tuple(told) for key, told in orjson.loads(db.meta("intent_names") or "{}").items()}
    found, names = name_with(remote, found, requests, known=names)
    db.set_meta("intent_names", orjson.dumps(names).decode())
    _store(db, found)
    settle(db)
    unclear: int = db.scalar("SELECT count(*) FROM assignments WHERE intent_id IS NULL")
    return Discovered(found, requests.num_rows, unclear, wishes.seed)


def ensure_intents(db: Database, *, progress: Progress) -> None:
    """Discovers where that was never done, and places what was loaded since under the intents there are."""
    observe(db, progress=progress)
    if db.scalar("SELECT count(*) FROM requests"):
        _place_all(db, progress=progress)
    else:
        _place_turns(db)
    settle(db)


def _place_all(db: Database, *, progress: Progress) -> None:
    if known_embedder(db) is None or db.meta("requests_changed") == "yes":
        discover_intents(db, Wishes(), progress=progress)
    elif db.meta("cases_changed") == "yes" and (found := known(db)) is not None:
        with db.transaction():
            _place_cases(db, found)
    db.set_meta("cases_changed", "no")


def known(db: Database) -> Discovery | None:
    """The intents known so far, None before the first discovery."""
    kept = db.rows("SELECT name, value FROM blobs WHERE name LIKE 'discovery.%'")
    if not kept:
        return None
    return Discovery.from_tables({name.partition(".")[2]: _from_ipc(value) for name, value in kept})


def known_embedder(db: Database) -> str | None:
    """What the known intents were found with, None before the first discovery; the rest of the discovery is not read."""
    state = db.blob("discovery.state")
    return _from_ipc(state)["embedder_name"][0].as_py() if state else None


def intent_rows(db: Database) -> list[dict[str, Json]]:
    """The intents as `discover` shows them, the largest first."""
    return [
        {**row, "phrases": orjson.loads(row["phrases"]), "first_seen": plain(row["first_seen"])}
        for row in db.table(
            """
            SELECT i.intent_id, label AS intent, description, phrases, count(DISTINCT a.conversation_id) AS volume, users,
              first_seen::DATE AS first_seen, path, x, y
            FROM intents i LEFT JOIN assignments a USING (intent_id) GROUP BY ALL ORDER BY volume DESC, intent_id
            """
        ).to_pylist()
    ]


def discovered_json(db: Database, made: Discovered) -> dict[str, Json]:
    """A discovery as every face shows it."""
    found = made.discovery
    return {
        "embedder": found.embedder_name,
        "seed": made.seed,
        "requests": made.requests,
        "unclear": made.unclear,
        "intents": intent_rows(db),
        "events": [
            {"kind": e.kind, "intent_id": e.intent_id, "at": plain(e.at), "other": e.other, "chance": e.chance}
            for e in found.events
        ],
        "gathering": len(found.gatherings),
    }


def read_taxonomy(path: str | Path | None) -> Taxonomy | None:
    """The taxonomy in a YAML file, None where none is given."""
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the taxonomy cannot be read",
            where=str(path),
            expected="a YAML file",
            try_="everyturn export taxonomy --to FILE",
        ) from error
    return Taxonomy.parse(text, where=str(path))


def taxonomy_text(db: Database) -> str:
    """All intents and what people said about them, as YAML to be edited and given back."""
    found = known(db)
    return Taxonomy().to_yaml() if found is None else to_yaml(found)


def _store(db: Database, found: Discovery) -> None:
    """Keeps a discovery: its state whole, its intents and assignments as tables, each turn and each eval case placed."""
    tables = found.to_tables()
    with db.transaction():
        for name, table in tables.items():
            db.set_blob(f"discovery.{name}", _to_ipc(table))
        db.run("DELETE FROM intents")
        db.insert("intents", _intent_table(found))
        db.run("DELETE FROM intent_events")
        db.insert("intent_events", tables["events"].select(EVENT_SCHEMA.names))
        ready = "(SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
        db.run(f"DELETE FROM assignments WHERE conversation_id NOT IN {ready}")
        db.insert("assignments", found.assignments)
        _place_turns(db)
        _place_cases(db, found)
        db.set_meta("requests_changed", "no")
        db.set_meta("settled", "no")


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
    ids, confidence = assign(cases["input"].to_pylist(), found, store=Vectors(db))
    placed = cases.drop_columns(["input"]).append_column("intent_id", pa.array(ids, pa.string()))
    db.insert("case_intents", placed.append_column("confidence", pa.array(confidence, pa.float64())))


def stored_requests(db: Database) -> pa.Table:
    """All requests, as discovery reads them."""
    return _zoned(db.table("SELECT * FROM requests ORDER BY conversation_id, request"))


def map_points(db: Database) -> pa.Table:
    """Where each request stands on the map of intents (`intents.layout.POINT_SCHEMA`); no row before a discovery."""
    found = known(db)
    if found is None or not found.intents:
        return POINT_SCHEMA.empty_table()
    requests = stored_requests(db)
    embedder = stored(found.embedder_name, found.embedder_state, Vectors(db))
    return points(found, requests, embedder.encode([text or "" for text in requests["text"].to_pylist()]))


def _zoned(requests: pa.Table) -> pa.Table:
    """Stored requests as REQUEST_SCHEMA: their times are the instants they are."""
    at = requests.column("at").cast(pa.timestamp("us")).cast(TIME)
    return requests.set_column(requests.schema.get_field_index("at"), "at", at).cast(REQUEST_SCHEMA)


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
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
                "path": list(i.path),
                "x": i.place[0],
                "y": i.place[1],
            }
            for i in found.intents
        ],
        pa.schema(
            [(n, pa.string()) for n in ("intent_id", "label", "description", "phrases")]
            + [(n, pa.int64()) for n in ("size", "users")]
            + [(n, TIME) for n in ("first_seen", "last_seen")]
            + [("path", pa.list_(pa.string())), ("x", pa.float64()), ("y", pa.float64())]
        ),
    )
