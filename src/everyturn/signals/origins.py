"""Finds the output that an artefact came from, among all outputs its user was given in the days before.

Each text is fingerprinted once. The fingerprints of outputs are sorted by user, hash and time, those of artefacts are looked up in them,
and shared ones are counted, so the work grows with the length of the texts and not with outputs times artefacts. A fingerprint of an
artefact is only compared with the eight latest outputs that have it, so common phrases cost no more than others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from everyturn.signals.fingerprints import Hashes, Prints, all_fingerprints, mixed

Indices = npt.NDArray[np.int64]

LATEST = 8  # outputs with the same fingerprint that are looked at, the latest before the artefact
MOST_TEXTS = 1 << 24  # outputs and artefacts in one call: a place in time takes 24 bits beside 40 of a hash
_FEWEST_SHARED = 3  # fingerprints; fewer are one short phrase
_PLACE = np.uint64(MOST_TEXTS - 1)
_BITS = np.uint64(24)
_WORD = re.compile(r"[^\W_]{4,}|[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]{2}")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, with their users (as numbers) and their times (`at`, in microseconds)."""

    users: Indices
    at: Indices
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Origins:
    """For each artefact the index of its output (-1 if none was found), and the share of that output's fingerprints it contains."""

    outputs: Indices
    shares: npt.NDArray[np.float64]


def word_prints(texts: Sequence[str]) -> Prints:
    """The hashes of each text's words of at least four letters; in scripts without spaces, of pairs of characters."""
    found = [sorted({hash_of(word) for word in _WORD.findall(text.casefold())}) for text in texts]
    starts = np.cumsum([0, *map(len, found)])
    return Prints(np.fromiter((h for words in found for h in words), np.uint64, count=int(starts[-1])), starts)


def hash_of(word: str) -> int:
    """A word as a number, the same in every process."""
    data = word.encode("utf-8", "surrogatepass")
    return (int.from_bytes(data[:8], "little") ^ int.from_bytes(data[8:16], "little") * 3 + len(data)) & (2**64 - 1)


def find_origins(
    outputs: Texts,
    artefacts: Texts,
    *,
    window: int,
    prints: Callable[[Sequence[str]], Prints] = all_fingerprints,
) -> Origins:
    """For each artefact, the output that most of it came from, among those its user was given at most `window` microseconds before.

    The best output is the one that shares most with the artefact, relative to both texts; the latest of equals. Neither the order of the
    texts nor other users' outputs matter. `prints` computes the fingerprints.
    Assumes fewer than 2²⁴ texts in one call.
    """
    nothing = Origins(np.full(len(artefacts.texts), -1, dtype=np.int64), np.zeros(len(artefacts.texts)))
    if not outputs.texts or not artefacts.texts:
        return nothing
    places = _places(outputs, artefacts)
    known, known_counts = _keys(outputs.users, prints(outputs.texts), places.outputs)
    asked, asked_counts = _keys(artefacts.users, prints(artefacts.texts), places.artefacts)
    earliest = places.first_within(window)
    pairs, shared = _meetings(known, asked, earliest)
    if not len(pairs):
        return nothing
    artefact, output = (pairs >> _BITS).astype(np.int64), (pairs & _PLACE).astype(np.int64)
    held = shared / known_counts[output]
    score = np.round(held + shared / asked_counts[artefact], 9)
    is_enough = (shared >= _FEWEST_SHARED) | (shared == known_counts[output])
    artefact, output, held, score = (column[is_enough] for column in (artefact, output, held, score))
    order = np.lexsort((output, score, artefact))
    last = order[np.append(artefact[order][1:] != artefact[order][:-1], True)] if len(order) else order
    rows = places.row[artefact[last]]
    nothing.outputs[rows] = places.row[output[last]]
    nothing.shares[rows] = held[last]
    return nothing


def match_texts(outputs: pa.Table, artefacts: pa.Table, *, window: int) -> pa.Table:
    """`find_origins` on tables with the columns user, at (microseconds) and text; gives output and share for each artefact."""
    found = find_origins(_texts(outputs), _texts(artefacts), window=window)
    return pa.table({"output": found.outputs, "share": found.shares})


def match_words(requests: pa.Table, tickets: pa.Table, *, window: int) -> pa.Table:
    """The same for requests and what users later wrote to people; compared by words, because nobody repeats whole runs of them."""
    found = find_origins(_texts(requests), _texts(tickets), window=window, prints=word_prints)
    return pa.table({"output": found.outputs, "share": found.shares})


def _texts(table: pa.Table) -> Texts:
    users, at = (table.column(name).to_numpy().astype(np.int64) for name in ("user", "at"))
    return Texts(users, at, table.column("text").to_pylist())


@dataclass(frozen=True, slots=True)
class _Places:
    """Every text's place in the order of time, artefacts after outputs of the same time; `row` gives the text at each place."""

    outputs: Indices
    artefacts: Indices
    row: Indices
    at: Indices

    def first_within(self, window: int) -> Indices:
        """For each place the first one that is not longer than the window before it."""
        return np.searchsorted(self.at, self.at - window).astype(np.int64)


def _places(outputs: Texts, artefacts: Texts) -> _Places:
    at = np.concatenate([outputs.at, artefacts.at])
    kinds = np.repeat([0, 1], [len(outputs.texts), len(artefacts.texts)])
    # Texts of the same time are ordered by length, then alphabetically, so that the order of reading does not matter.
    lengths = np.array([len(text) for text in (*outputs.texts, *artefacts.texts)])
    order = np.lexsort((lengths, kinds, at))
    order = _by_text(order, at, kinds, lengths, [*outputs.texts, *artefacts.texts])
    place = np.empty(len(at), dtype=np.int64)
    place[order] = np.arange(len(at))
    row = order - np.where(order < len(outputs.texts), 0, len(outputs.texts))
    return _Places(place[: len(outputs.texts)], place[len(outputs.texts) :], row, at[order])


def _by_text(order: Indices, at: Indices, kinds: Indices, lengths: Indices, texts: Sequence[str]) -> Indices:
    """The order, with runs of equal keys sorted by their texts."""
    equal = np.ones(max(0, len(order) - 1), dtype=bool)
    for key in (at, kinds, lengths):
        equal &= key[order][1:] == key[order][:-1]
    bounds = np.flatnonzero(np.diff(equal.astype(np.int8), prepend=0, append=0))
    for start, end in zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True):
        order[start : end + 1] = sorted(order[start : end + 1].tolist(), key=lambda index: texts[index])
    return order


def _keys(users: Indices, prints: Prints, places: Indices) -> tuple[Hashes, npt.NDArray[np.float64]]:
    """Sorted keys of 40 bits of (user, hash) and 24 of the place, and the number of different prints at each place."""
    counts = np.diff(prints.starts)
    salt = mixed(users.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    keys = mixed(prints.hashes ^ np.repeat(salt, counts)) & ~_PLACE | np.repeat(places.astype(np.uint64), counts)
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    here = (keys & _PLACE).astype(np.int64)
    return keys, np.bincount(here, minlength=int(places.max(initial=0)) + 1).astype(np.float64)


def _meetings(known: Hashes, asked: Hashes, earliest: Indices) -> tuple[Hashes, npt.NDArray[np.float64]]:
    """The pairs of (artefact's place, output's place) that share prints, sorted, and how many they share."""
    at = np.searchsorted(known, asked)
    found = []
    for _ in range(LATEST):
        at -= 1
        keep = at >= 0
        at, asked = at[keep], asked[keep]
        entry = known[at]
        keep = (entry >> _BITS == asked >> _BITS) & (
            (entry & _PLACE).astype(np.int64) >= earliest[(asked & _PLACE).astype(np.int64)]
        )
        at, asked, entry = at[keep], asked[keep], entry[keep]
        if not len(at):
            break
        found.append((asked & _PLACE) << _BITS | entry & _PLACE)
    if not found:
        return np.empty(0, dtype=np.uint64), np.empty(0)
    pairs, shared = np.unique(np.concatenate(found), return_counts=True)
    return pairs, shared.astype(np.float64)
