"""Requests -> Intent, Assignment: what users came for, with ids that last.

`discover` finds the intents of all requests and keeps those found before; `assign` says which of them, if any, another
text is inside of: a later request, an eval case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from everyturn.intents.embedders import Embedder, VectorStore
from everyturn.intents.grid import Doubles, Floats
from everyturn.intents.identify import Event

if TYPE_CHECKING:
    from everyturn.intents.taxonomy import Taxonomy

__all__ = ["Discovery", "Embedder", "Event", "Gathering", "Intent", "assign", "discover"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What users came to get done.

    `size` counts requests and `users` distinct people (a request without a user id counts its conversation as one).
    `first_seen` is the start of the first week from which the intent holds, not its first stray text; `last_seen` the time
    of its latest request; both None where requests carry no time. `examples` are its five most central requests, as
    (conversation_id, request). `centroid` is its mean direction; `prototypes`, `cut` and `typical` say what is inside it
    (see `membership`). `found_label` is the name its texts gave it, `label` the one people gave it where they did. `path`
    names what it stands under, the widest first: nothing where there are few intents. `place` is where it stands on the
    map (see `layout`). `firmness` is how much surer its requests are than their margins say (see `membership.Odds`); None
    where that was never learnt.
    """

    intent_id: str
    label: str
    description: str
    phrases: tuple[str, ...]
    size: int
    users: int
    first_seen: datetime | None
    last_seen: datetime | None
    examples: tuple[tuple[str, int], ...]
    centroid: Floats = field(repr=False, compare=False)
    prototypes: Floats = field(repr=False, compare=False)
    cut: float
    typical: float
    found_label: str = ""
    path: tuple[str, ...] = ()
    place: tuple[float, float] = (0.0, 0.0)
    firmness: float | None = None


@dataclass(frozen=True, slots=True)
class Gathering:
    """Requests alike that too few people have made to be an intent: nothing about their words is told."""

    size: int
    users: int
    first_seen: datetime | None
    last_seen: datetime | None
    examples: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The intents of a body of requests and which request is of which, with all that a later discovery continues from.

    `assignments` is `ASSIGNMENT_SCHEMA`, in the order of the requests; intent_id null is unclear. `events` are those
    of all discoveries so far. `fingerprint` tells whether the requests are the same again; `compared` counts the distinct
    texts when the groups were last found from scratch. `odds` are the first two numbers of `membership.Odds`.
    """

    intents: tuple[Intent, ...]
    assignments: pa.Table = field(compare=False)
    events: tuple[Event, ...]
    gatherings: tuple[Gathering, ...]
    embedder_name: str
    embedder_state: bytes = field(repr=False)
    fingerprint: str
    compared: int
    odds: tuple[float, float] = (0.0, 1.0)
    taxonomy: str = ""

    def to_tables(self) -> dict[str, pa.Table]:
        """Arrow tables intents, assignments, events, gatherings and state, from which `from_tables` gives this back."""
        from everyturn.intents.tables import to_tables

        return to_tables(self)

    @classmethod
    def from_tables(cls, tables: dict[str, pa.Table]) -> Discovery:
        """The discovery stored as these tables."""
        from everyturn.intents.tables import from_tables

        return from_tables(tables)


def discover(
    requests: pa.Table,
    *,
    known: Discovery | None,
    embedder: Embedder | None = None,
    store: VectorStore | None = None,
    taxonomy: Taxonomy | None = None,
    seed: int = 7,
    minimum_users: int = 5,
) -> Discovery:
    """The intents of all `requests` (`REQUEST_SCHEMA`), those of `known` under the ids they have.

    The same requests again give `known` back as it is. With further ones, a request assigned before stays where it is;
    new ones join the intents they are inside of, and what is left may form new intents. The groups are found from
    scratch when the distinct texts have doubled, or when most of what was known is gone; intents then keep their ids by
    the requests they share. A group with fewer than `minimum_users` distinct users is no intent: its requests are unclear
    and it is listed under `gatherings`. A request outside its group's cut, or without words, is unclear too.

    Deterministic: the same requests, in whatever order, give the same ids, labels and assignments. Cost: see
    `docs/decisions/0007-intents-without-a-model.md`; grows with the number of texts, never with its square.
    """
    from everyturn.intents.discovery import Settings, run

    return run(
        requests,
        known=known,
        settings=Settings(embedder, store, taxonomy, seed, minimum_users),
    )


def assign(
    texts: Sequence[str], discovery: Discovery, *, store: VectorStore | None = None
) -> tuple[list[str | None], Doubles]:
    """The intent each text is inside of, None where it is inside none, and the chance that its nearest intent is its own.

    Inside means as like the intent's members as all but 3% of these are like each other, by words the embedder has seen;
    the nearest intent is no answer where the text is outside it.
    """
    from everyturn.intents.discovery import membership_of
    from everyturn.intents.embedders import encoded, stored

    if not discovery.intents or not texts:
        return [None] * len(texts), np.zeros(len(texts))
    embedder = stored(discovery.embedder_name, discovery.embedder_state, store)
    inside, confidence = membership_of(discovery).place(encoded(embedder, texts), embedder.familiar(texts))
    return [discovery.intents[i].intent_id if i >= 0 else None for i in inside], confidence
