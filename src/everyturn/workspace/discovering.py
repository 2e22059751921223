"""Discovers intents and stores them: the discovery itself, and the intent of each request, turn and eval case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.intents import Discovery, assign, discover
from everyturn.intents.embedders import encoded, named, stored
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
from everyturn.workspace.verifying import update_after_discovery


@dataclass(frozen=True, slots=True)
class Discovered:
    """One discovery and what it was made from."""

    discovery: Discovery
    requests: int
    unclear: int
    seed: int


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """How to discover intents: `embedder`, people's `taxonomy`, and a language model for `names`; None keeps what was used before."""

    embedder: str | None = None
    taxonomy: Taxonomy | None = None
    names: str | None = None
    seed: int = 7


def discover_intents(db: Database, options: DiscoveryOptions, *, progress: Progress) -> Discovered:
    """Finds the intents of all requests and stores them; intents known before keep their ids."""
    observe(db, progress=progress)
    requests = stored_requests(db)
    store = Vectors(db)
    embedder = named(options.embedder, store) if options.embedder else None
    remote = Remote(options.names) if options.names else None
    progress("discovering", 0, None)
    found = discover(
        requests, known=known(db), embedder=embedder, store=store, taxonomy=options.taxonomy, seed=options.seed
    )
    names: Names = {key: tuple(told) for key, told in orjson.loads(db.meta("intent_names") or "{}").items()}
    found, names = name_with(remote, found, requests, known=names)
    db.set_meta("intent_names", orjson.dumps(names).decode())
    _store(db, found)
    update_after_discovery(db)
    unclear: int = db.scalar("SELECT count(*) FROM assignments WHERE intent_id IS NULL")
    return Discovered(found, requests.num_rows, unclear, options.seed)


def ensure_intents(db: Database, *, progress: Progress) -> None:
    """Discovers intents if that was never done; otherwise assigns what was loaded since to the known ones."""
    observe(db, progress=progress)
    if db.scalar("SELECT count(*) FROM requests"):
        _place_all(db, progress=progress)
    else:
        _place_turns(db)
    update_after_discovery(db)


def _place_all(db: Database, *, progress: Progress) -> None:
    if known_embedder(db) is None or db.meta("requests_changed") == "yes":
        discover_intents(db, DiscoveryOptions(), progress=progress)
    elif db.meta("cases_changed") == "yes" and (found := known(db)) is not None:
        with db.transaction():
            _place_cases(db, found)
    db.set_meta("cases_changed", "no")


def known(db: Database) -> Discovery | None:
    """The stored discovery, None before the first one."""
    kept = db.rows("SELECT name, value FROM blobs WHERE name LIKE 'discovery.%'")
    if not kept:
        return None
    return Discovery.from_tables({name.partition(".")[2]: _from_ipc(value) for name, value in kept})


def known_embedder(db: Database) -> str | None:
    """The name of the embedder of the stored discovery, None before the first one; much cheaper than reading all of it."""
    state = db.blob("discovery.state")
    return _from_ipc(state)["embedder_name"][0].as_py() if state else None


def intent_rows(db: Database) -> list[dict[str, Json]]:
    """The intents in the form of the `discover` result, the largest first."""
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
    """The fields of the `discover` result."""
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
    """All intents and what people said about them, as YAML that can be edited and passed to `discover`."""
    found = known(db)
    return Taxonomy().to_yaml() if found is None else to_yaml(found)


def _store(db: Database, found: Discovery) -> None:
    """Stores a discovery: its state, its intents and assignments as tables, and the intent of each turn and eval case."""
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
    """Stores the intent of each turn: that of the latest request at or before it; turns before the first request get the first one's."""
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
    """Stores the intent of each eval case, determined like that of a request; null if it is inside none."""
    db.run("DELETE FROM case_intents")
    cases = db.table("SELECT suite, case_id, input FROM eval_cases ORDER BY suite, case_id")
    if not cases.num_rows:
        return
    ids, confidence = assign(cases["input"].to_pylist(), found, store=Vectors(db))
    placed = cases.drop_columns(["input"]).append_column("intent_id", pa.array(ids, pa.string()))
    db.insert("case_intents", placed.append_column("confidence", pa.array(confidence, pa.float64())))


def stored_requests(db: Database) -> pa.Table:
    """All stored requests, as a table of REQUEST_SCHEMA."""
    return _zoned(db.table("SELECT * FROM requests ORDER BY conversation_id, request"))


def map_points(db: Database) -> pa.Table:
    """The place of each request on the map of intents, as `intents.layout.POINT_SCHEMA`; empty before the first discovery."""
    found = known(db)
    if found is None or not found.intents:
        return POINT_SCHEMA.empty_table()
    requests = stored_requests(db)
    embedder = stored(found.embedder_name, found.embedder_state, Vectors(db))
    return points(found, requests, encoded(embedder, [text or "" for text in requests["text"].to_pylist()]))


def _zoned(requests: pa.Table) -> pa.Table:
    """Stored requests as REQUEST_SCHEMA, with times as instants in UTC."""
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
    """The rows of the stored table `intents`."""
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
