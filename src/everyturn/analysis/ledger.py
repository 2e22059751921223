"""Building blocks of the monitor's state: codes for names, arrays that grow, and their form as bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from everyturn.stats.summaries import Codes, Floats

INTENTS, COHORTS = 1 << 16, 1 << 12  # most codes of each: several codes are packed into one integer


@dataclass
class Names:
    """Texts and their codes, numbered in the order in which they first occur; None has a code like any other."""

    texts: list[str | None] = field(default_factory=list)
    codes: dict[str | None, int] = field(default_factory=dict)

    def encode(self, texts: Sequence[str | None]) -> Codes:
        """The code of each text; new texts get the next ones."""
        for text in texts:
            if text not in self.codes:
                self.codes[text] = len(self.texts)
                self.texts.append(text)
        return np.array([self.codes[text] for text in texts], dtype=np.int64)


@dataclass
class Slots:
    """Integer keys and the place of each in the arrays that belong to them."""

    places: dict[int, int] = field(default_factory=dict)

    def of(self, keys: Codes) -> Codes:
        """The place of each key; new keys get the next ones."""
        encoded = pa.array(keys).dictionary_encode()  # by hashing: a sort of all rows would cost more than the fold
        distinct = encoded.dictionary.to_pylist()
        for key in distinct:
            self.places.setdefault(key, len(self.places))
        found = np.array([self.places[key] for key in distinct], dtype=np.int64)
        placed: Codes = found[encoded.indices.to_numpy()]
        return placed

    def keys(self) -> Codes:
        """The keys in the order of their places."""
        return np.fromiter(self.places, dtype=np.int64, count=len(self.places))


def encoded(column: pa.ChunkedArray, names: Names) -> Codes:
    """The codes of a column's texts, nulls included."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    codes = names.encode(coded.dictionary.to_pylist())
    found: Codes = codes[coded.indices.to_numpy(zero_copy_only=False)]
    return found


def starts_of(code: Codes, *more: Codes) -> Codes:
    """Where each run of equal codes begins; of several columns, where any changes.

    >>> starts_of(np.array([4, 4, 7, 7]), np.array([1, 2, 2, 2])).tolist(), starts_of(np.array([], int)).tolist()
    ([0, 1, 2], [])
    """
    begins = np.ones(len(code), dtype=bool)
    begins[1:] = code[1:] != code[:-1]
    for column in more:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def ordered(code: Codes) -> Codes:
    """The order that sorts codes from 0 on, equal ones as they stand.

    >>> ordered(np.array([70_000, 2, 70_000, 1])).tolist()
    [3, 1, 0, 2]
    """
    order: Codes = np.argsort(
        (code & 0xFFFF).astype(np.uint16), kind="stable"
    )  # two bytes at a time are counted, not compared
    shift = 16
    while len(code) and int(code.max()) >> shift:
        order = order[np.argsort(((code[order] >> shift) & 0xFFFF).astype(np.uint16), kind="stable")]
        shift += 16
    return order


def grown(values: NDArray[Any], size: int) -> NDArray[Any]:
    """The array with room for `size` rows, the new ones zero."""
    if size <= len(values):
        return values
    room = np.zeros((max(size, 2 * len(values)), *values.shape[1:]), dtype=values.dtype)
    room[: len(values)] = values
    return room


@dataclass
class Part:
    """One part of an expectation: for each key the number `n` of answers and their `total`, shrunk to 0 by `anchor` imagined answers."""

    anchor: float
    slots: Slots = field(default_factory=Slots)
    total: Floats = field(default_factory=lambda: np.zeros(0))
    n: Floats = field(default_factory=lambda: np.zeros(0))

    def place(self, keys: Codes) -> Codes:
        """The places of the keys; new ones get places."""
        placed = self.slots.of(keys)
        self.total, self.n = grown(self.total, len(self.slots.places)), grown(self.n, len(self.slots.places))
        return placed


def pack(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """A header and arrays as bytes, in a format that cannot contain code."""
    sink = io.BytesIO()
    text = np.frombuffer(orjson.dumps(header), dtype=np.uint8)
    np.savez_compressed(sink, header=text, **arrays)  # type: ignore[arg-type]
    return sink.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and arrays that `pack` stored."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return orjson.loads(arrays.pop("header").tobytes()), arrays
