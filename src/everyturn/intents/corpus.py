"""The input of a discovery: the distinct texts of all requests, and the text, user and time of each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents.grid import Doubles, Labels
from everyturn.intents.words import normal
from everyturn.model import digest
from everyturn.model.schemas import REQUEST_SCHEMA


@dataclass(frozen=True, slots=True)
class Corpus:
    """The requests, ordered by conversation and number.

    `texts` are the distinct texts, and `words` their normalised forms by which they are distinct, in alphabetical order. `text[r]` is the
    number of request r's text (-1 if it has no word), `user[r]` the number of its user; a conversation without a user id counts as one
    user. `order[r]` is the row of request r in the original table. `fingerprint` is a digest of all content.
    """

    requests: pa.Table
    order: Labels
    texts: list[str]
    words: list[str]
    text: Labels
    user: Labels
    fingerprint: str

    @classmethod
    def of(cls, requests: pa.Table) -> Corpus:
        """The corpus of a table of `REQUEST_SCHEMA`."""
        order = pc.sort_indices(requests, [("conversation_id", "ascending"), ("request", "ascending")])
        requests = requests.select(REQUEST_SCHEMA.names).take(order).combine_chunks()
        encoded = _whole(requests["text"]).dictionary_encode()
        raw = encoded.dictionary.to_pylist()
        words = [found if found.strip("0 ") else "" for found in map(normal, raw)]
        shown: dict[str, str] = {}
        for key, text in zip(words, raw, strict=True):
            if key:
                shown[key] = min(shown.get(key, text), text)
        distinct = sorted(shown)
        number = {"": -1} | {key: i for i, key in enumerate(distinct)}
        numbers = np.array([*(number[key] for key in words), -1], np.int64)  # the last stands for null
        owner = pc.coalesce(requests["user_id"], pc.binary_join_element_wise("\x00", requests["conversation_id"], ""))
        times = requests["at"].cast(pa.int64())  # a stored time zone may be written in several ways
        content = requests.set_column(requests.schema.get_field_index("at"), "at", times)
        return cls(
            requests,
            order.to_numpy().astype(np.int64),
            [shown[key] for key in distinct],
            distinct,
            numbers[encoded.indices.fill_null(len(raw)).to_numpy()],
            _whole(owner).dictionary_encode().indices.to_numpy().astype(np.int64),
            digest(*(repr(content[name].to_pylist()) for name in REQUEST_SCHEMA.names)),
        )

    def groups(self, labels: Labels) -> Labels:
        """The group of each request, given the group of each text; -1 where it is in none."""
        return cast("Labels", np.append(labels, -1)[self.text])

    def codes(self, assignments: pa.Table, ids: list[str]) -> tuple[Labels, Doubles]:
        """For each request the number of its id in `assignments` (an index into `ids`), and its confidence.

        The number is -1 if the id is null, and -2 (with confidence NaN) if the request is not in `assignments`.
        """
        places = _whole(pc.index_in(key_of(self.requests), key_of(assignments))).fill_null(len(assignments)).to_numpy()
        code = pc.index_in(assignments["intent_id"], pa.array(ids, pa.string())).fill_null(-1)
        known = np.append(_whole(code).to_numpy().astype(np.int64), -2)
        sure = np.append(assignments["confidence"].to_numpy(), np.nan)
        return known[places], sure[places]

    def of_texts(self, values: npt.NDArray[Any], among: npt.NDArray[np.bool_], otherwise: float) -> npt.NDArray[Any]:
        """A value for each text: that of the first of its requests for which `among` holds, else `otherwise`. `values` are by request."""
        rows = np.flatnonzero(among & (self.text >= 0))[::-1]
        found = np.full(len(self.texts), otherwise, values.dtype)
        found[self.text[rows]] = values[rows]
        return found

    def users_of(self, groups: Labels) -> Labels:
        """The number of distinct users of each group, given the group of each request."""
        everyone = int(self.user.max(initial=0)) + 1
        pairs = np.unique((groups * everyone + self.user)[groups >= 0])
        return np.bincount(pairs // everyone, minlength=int(groups.max(initial=-1)) + 1)

    def senders(self, texts: Labels) -> dict[int, frozenset[int]]:
        """The users who sent each of these texts."""
        wanted = np.zeros(len(self.texts) + 1, bool)
        wanted[texts] = True
        rows = np.flatnonzero(wanted[self.text])
        found: dict[int, set[int]] = {}
        for text, user in zip(self.text[rows].tolist(), self.user[rows].tolist(), strict=True):
            found.setdefault(text, set()).add(user)
        return {text: frozenset(users) for text, users in found.items()}

    def key(self, request: int) -> tuple[str, int]:
        """The conversation and number of a request."""
        return self.requests["conversation_id"][request].as_py(), self.requests["request"][request].as_py()

    def times(self) -> Doubles:
        """Each request's time in seconds since 1970, -1 if it has none."""
        micros = _whole(self.requests["at"]).cast(pa.int64()).fill_null(-1_000_000).to_numpy()
        return cast("Doubles", micros / 1e6)

    def span(self, requests: Labels) -> tuple[datetime | None, datetime | None]:
        """The times of the first and the last of these requests, None if none has a time."""
        limits = pc.min_max(self.requests["at"].take(pa.array(requests)))
        return limits["min"].as_py(), limits["max"].as_py()


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def key_of(table: pa.Table) -> pa.Array:
    """A key for each request, made of its conversation and number."""
    number = table["request"].cast(pa.string())
    return _whole(pc.binary_join_element_wise(table["conversation_id"], number, "\x00"))
