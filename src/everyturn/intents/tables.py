"""A discovery as Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from everyturn.errors import WorkspaceError
from everyturn.intents import Discovery, Event, Gathering, Intent
from everyturn.model.schemas import ASSIGNMENT_SCHEMA, TIME

VERSION = 3
_UNSURE = 2  # the form before: how sure its assignments are meant something else and is learnt anew

_EXAMPLES = pa.list_(pa.struct([("conversation_id", pa.string()), ("request", pa.int32())]))
INTENT_SCHEMA = pa.schema(
    [
        ("intent_id", pa.string()),
        ("label", pa.string()),
        ("description", pa.string()),
        ("phrases", pa.list_(pa.string())),
        ("size", pa.int64()),
        ("users", pa.int64()),
        ("first_seen", TIME),
        ("last_seen", TIME),
        ("examples", _EXAMPLES),
        ("centroid", pa.list_(pa.float32())),
        ("prototypes", pa.list_(pa.float32())),  # row after row, each as long as the centroid
        ("cut", pa.float64()),
        ("typical", pa.float64()),
        ("found_label", pa.string()),
        ("path", pa.list_(pa.string())),
        ("place", pa.list_(pa.float64())),
        ("firmness", pa.float64()),
    ]
)
EVENT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("intent_id", pa.string()),
        ("at", TIME),
        ("other", pa.string()),
        ("chance", pa.float64()),
    ]
)
GATHERING_SCHEMA = pa.schema(
    [("size", pa.int64()), ("users", pa.int64()), ("first_seen", TIME), ("last_seen", TIME), ("examples", _EXAMPLES)]
)
STATE_SCHEMA = pa.schema(
    [
        ("version", pa.int32()),
        ("embedder_name", pa.string()),
        ("embedder_state", pa.binary()),
        ("fingerprint", pa.string()),
        ("compared", pa.int64()),
        ("odds", pa.list_(pa.float64())),
        ("taxonomy", pa.string()),
    ]
)


def to_tables(discovery: Discovery) -> dict[str, pa.Table]:
    """Tables intents, assignments, events, gatherings and state, of the schemas above."""
    intents = [
        {
            **{name: getattr(intent, name) for name in INTENT_SCHEMA.names},
            "examples": _structs(intent.examples),
            "prototypes": intent.prototypes.ravel(),
        }
        for intent in discovery.intents
    ]
    events = [{name: getattr(event, name) for name in EVENT_SCHEMA.names} for event in discovery.events]
    gatherings = [
        {name: getattr(gathering, name) for name in GATHERING_SCHEMA.names} | {"examples": _structs(gathering.examples)}
        for gathering in discovery.gatherings
    ]
    state = {name: getattr(discovery, name) for name in STATE_SCHEMA.names if name != "version"} | {"version": VERSION}
    return {
        "intents": pa.Table.from_pylist(intents, INTENT_SCHEMA),
        "assignments": discovery.assignments,
        "events": pa.Table.from_pylist(events, EVENT_SCHEMA),
        "gatherings": pa.Table.from_pylist(gatherings, GATHERING_SCHEMA),
        "state": pa.Table.from_pylist([state], STATE_SCHEMA),
    }


def from_tables(tables: Mapping[str, pa.Table]) -> Discovery:
    """The discovery that `to_tables` stored."""
    state = tables["state"].to_pylist()[0]
    if state["version"] not in (_UNSURE, VERSION):
        raise WorkspaceError(
            f"the intents were stored in form {state['version']}", expected=f"form {VERSION}", try_="everyturn discover"
        )
    return Discovery(
        _intents(tables["intents"]),
        tables["assignments"].cast(ASSIGNMENT_SCHEMA),
        tuple(Event(**row) for row in tables["events"].to_pylist()),
        tuple(Gathering(**(row | {"examples": _pairs(row["examples"])})) for row in tables["gatherings"].to_pylist()),
        state["embedder_name"],
        state["embedder_state"],
        state["fingerprint"] if state["version"] == VERSION else "",
        state["compared"],
        tuple(state["odds"]),
        state["taxonomy"],
    )


def _intents(table: pa.Table) -> tuple[Intent, ...]:
    """The intents; their vectors, tens of millions of numbers, go from Arrow to NumPy as they are."""
    vectors = table.select(["centroid", "prototypes"])
    found = []
    for i, row in enumerate(table.drop_columns(vectors.column_names).to_pylist()):
        centroid, prototypes = (vectors[name][i].values.to_numpy() for name in vectors.column_names)
        told = {
            "phrases": tuple(row["phrases"]),
            "examples": _pairs(row["examples"]),
            "path": tuple(row["path"]),
            "place": tuple(row["place"]),
            "centroid": centroid,
            "prototypes": prototypes.reshape(-1, len(centroid)),
        }
        found.append(Intent(**(row | told)))
    return tuple(found)


def _structs(examples: tuple[tuple[str, int], ...]) -> list[dict[str, object]]:
    return [{"conversation_id": conversation, "request": request} for conversation, request in examples]


def _pairs(examples: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((example["conversation_id"], example["request"]) for example in examples)
