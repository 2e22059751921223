"""Texts -> vectors by the words and letters they share, learnt from the texts at hand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from everyturn.errors import InputError
from everyturn.intents.grid import Floats
from everyturn.intents.words import normal
from everyturn.model import digest


class Lexical:
    """Word 1-2-grams and in-word character 3-5-grams, TF-IDF, reduced to at most 200 numbers by a truncated SVD.

    Learns from the texts at hand alone, in any language that spaces its words. Deterministic: n-grams are hashed by
    arithmetic on code points, the fitting sample is chosen by content, signs are fixed, and the components are rounded
    to half precision before their first use, so that a stored embedder encodes exactly as the fitted one did.

    Method: latent semantic analysis (Deerwester et al. 1990). `familiar` compares the weight of a text's known n-grams
    with that of all of them (an unknown one weighs as much as the rarest): the projection alone cannot tell a text of
    unknown words from a short known one.

    >>> lexical = Lexical()
    >>> lexical.fit(["cancel my order", "please cancel the order", "reset my password", "password reset fails"] * 2)
    >>> rows = lexical.encode(["cancel order", "order cancelled", "reset password"])
    >>> bool(rows[0] @ rows[1] > rows[0] @ rows[2])
    True
    >>> Lexical.from_bytes(lexical.to_bytes()).encode(["cancel order"]).tolist() == rows[:1].tolist()
    True
    """

    name = "lexical/1"

    def __init__(self) -> None:
        self._ids: tuple[npt.NDArray[np.uint32], ...] = (np.empty(0, np.uint32),) * len(_BLOCKS)
        self._weights: tuple[Floats, ...] = (np.empty(0, np.float32),) * len(_BLOCKS)
        self._unknown = 1.0
        self._components = np.zeros((0, 1), np.float16)

    def fit(self, texts: Sequence[str]) -> None:
        """Learn weights and components from at most 20,000 distinct texts, the same ones in whatever order they come."""
        distinct = sorted({normal(text) for text in texts} - {""})
        if len(distinct) > SAMPLE:
            distinct = sorted(sorted(distinct, key=digest)[:SAMPLE])
        if not distinct:
            raise InputError("there are no words to learn from", expected="at least one text with a word in it")
        n = len(distinct)
        # a text holds its own rarest n-grams, so "unknown" must not weigh less than they do
        self._unknown = float(np.log(1 + n) + 1)
        ids, weights = [], []
        for ngrams, limit in _BLOCKS:
            found = np.concatenate([np.empty(0, np.uint32), *(b.ids for b in _batches(distinct, ngrams))])
            known, in_texts = np.unique(found, return_counts=True)
            often = np.flatnonzero(in_texts >= (2 if n >= _FEW else 1))
            # the most frequent; of equals those with the smaller hash
            often = np.sort(often[np.lexsort((known[often], -in_texts[often]))][:limit])
            ids.append(known[often])
            weights.append((np.log((1 + n) / (1 + in_texts[often])) + 1).astype(np.float32))
        self._ids, self._weights = tuple(ids), tuple(weights)
        self._components = _components(self._matrix(distinct)[0])

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 a text; zeros where it holds no n-gram seen in fitting."""
        components = np.ascontiguousarray(self._components.astype(np.float64))
        rows = np.zeros((len(texts), components.shape[1]), np.float32)
        for start in range(0, len(texts), _BATCH):
            matrix, _ = self._matrix([normal(text) for text in texts[start : start + _BATCH]])
            batch = matrix @ components
            length = np.sqrt(np.einsum("ij,ij->i", batch, batch))
            rows[start : start + _BATCH] = batch / np.where(length > _NOTHING, length, np.inf)[:, None]
        return rows

    def familiar(self, texts: Sequence[str]) -> Floats:
        """How much of each text's weight is in n-grams seen in fitting, 0 to 1."""
        shares = np.zeros(len(texts), np.float32)
        for start in range(0, len(texts), _BATCH):
            _, share = self._matrix([normal(text) for text in texts[start : start + _BATCH]])
            shares[start : start + _BATCH] = share
        return shares

    def to_bytes(self) -> bytes:
        """The fitted state as an Arrow IPC stream of raw arrays."""
        parts = [
            struct.pack("<dq", self._unknown, self._components.shape[1]),
            *(ids.astype("<u4").tobytes() for ids in self._ids),
            *(weights.astype("<f4").tobytes() for weights in self._weights),
            self._components.astype("<f2").tobytes(),
        ]
        table = pa.table({"part": pa.array(parts, pa.binary())})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        return cast("bytes", sink.getvalue().to_pybytes())

    @classmethod
    def from_bytes(cls, state: bytes) -> Lexical:
        """The embedder that `to_bytes` stored."""
        try:
            header, *arrays = pa.ipc.open_stream(state).read_all()["part"].to_pylist()
            n = len(_BLOCKS)
            lexical = cls()
            lexical._unknown, dimensions = struct.unpack("<dq", header)
            lexical._ids = tuple(np.frombuffer(a, "<u4") for a in arrays[:n])
            lexical._weights = tuple(np.frombuffer(a, "<f4") for a in arrays[n : 2 * n])
            lexical._components = np.frombuffer(arrays[2 * n], "<f2").reshape(-1, dimensions)
        except (pa.ArrowInvalid, KeyError, IndexError, ValueError, struct.error) as error:
            raise InputError("this is not a stored embedder", expected=f"the bytes of a {cls.name} embedder") from error
        return lexical

    def _matrix(self, normalised: list[str]) -> tuple[sp.csr_matrix, Floats]:
        """TF-IDF of normalised texts, each kind of n-gram of length 1 (with its unknown ones), and the known share."""
        blocks: list[sp.csr_matrix] = []
        known_square = np.zeros(len(normalised))
        for (ngrams, _), ids, weights in zip(_BLOCKS, self._ids, self._weights, strict=True):
            parts = list(_batches(normalised, ngrams))
            rows = np.concatenate([np.empty(0, np.int64), *(p.rows for p in parts)])
            found = np.concatenate([np.empty(0, np.uint32), *(p.ids for p in parts)])
            damped = 1 + np.log(np.concatenate([np.empty(0), *(p.counts for p in parts)]))
            column = np.minimum(np.searchsorted(ids, found), max(len(ids) - 1, 0))
            is_known = ids[column] == found if len(ids) else np.zeros(len(found), bool)
            value = damped * np.where(is_known, weights[column] if len(ids) else 0.0, self._unknown)
            square = np.bincount(rows, value**2, len(normalised))
            square_known = np.bincount(rows[is_known], value[is_known] ** 2, len(normalised))
            known_square += square_known / np.where(square > 0, square, 1) / len(_BLOCKS)
            length = np.sqrt(np.where(square_known > 0, square_known, 1))
            kept = (value[is_known] / length[rows[is_known]], (rows[is_known], column[is_known]))
            blocks.append(sp.csr_matrix(kept, shape=(len(normalised), len(ids))))
        return sp.hstack(blocks, format="csr"), np.sqrt(known_square).astype(np.float32)


SAMPLE = 20_000  # distinct texts learnt from: more did not raise agreement with the labels of the public sets
_DIMENSIONS = 200
_FEW = 100  # below this many distinct texts even n-grams of one text are kept
_BATCH = 8192
_SPARE, _ITERATIONS = 10, 3
_NOTHING = 1e-9


def _components(matrix: sp.csr_matrix) -> npt.NDArray[np.float16]:
    """The right singular vectors as columns, signs fixed, in half precision.

    Method: subspace iteration from random directions (Halko, Martinsson and Tropp 2011). On one thread: a few tall
    products gain nothing from more, and lose much where others want the processors too.
    """
    from threadpoolctl import threadpool_limits

    # with fewer texts fewer directions are more than noise
    dimensions = int(min(_DIMENSIONS, max(20, matrix.shape[0] // 10), matrix.shape[0], matrix.shape[1]))
    with threadpool_limits(1, "blas"):
        if min(matrix.shape) <= dimensions + _SPARE:
            vectors = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:dimensions]
        else:
            start = np.random.default_rng(7).standard_normal((matrix.shape[1], dimensions + _SPARE))
            transposed = matrix.T.tocsr()
            directions = _orthonormal(start)
            for _ in range(_ITERATIONS):
                directions = _orthonormal(transposed @ (matrix @ directions))
            image = matrix @ directions
            _, turn = np.linalg.eigh(image.T @ image)
            vectors = (directions @ turn[:, ::-1][:, :dimensions]).T
    largest = vectors[np.arange(len(vectors)), np.abs(np.round(vectors, 6)).argmax(axis=1)]
    return cast("npt.NDArray[np.float16]", (vectors * np.where(largest < 0, -1, 1)[:, None]).T.astype(np.float16))


def _orthonormal(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The directions that span the columns."""
    strength, turn = np.linalg.eigh(columns.T @ columns)
    return cast("npt.NDArray[np.float64]", columns @ (turn / np.sqrt(np.maximum(strength, strength[-1] * 1e-12))))


# --- n-grams as numbers --------------------------------------------------------------------------------------


class _Counts:
    """How often each text (row) holds each n-gram (id)."""

    __slots__ = ("counts", "ids", "rows")

    def __init__(self, rows: npt.NDArray[np.int64], ids: npt.NDArray[np.uint64], first_row: int) -> None:
        pair, counts = np.unique(rows.astype(np.uint64) << np.uint64(32) | ids, return_counts=True)
        self.rows = (pair >> np.uint64(32)).astype(np.int64) + first_row
        self.ids = pair.astype(np.uint32)
        self.counts = counts


class _Characters:
    """The code points of normalised texts one after another, a space before and after each text, and where words are."""

    def __init__(self, normalised: Sequence[str]) -> None:
        joined = "".join(f" {text} " for text in normalised)
        self.codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        self.row = np.repeat(np.arange(len(normalised)), [len(text) + 2 for text in normalised])
        self.is_space = self.codes == ord(" ")
        self.starts = np.flatnonzero(~self.is_space & np.roll(self.is_space, 1))
        place = np.arange(len(self.codes))
        if len(self.starts):
            place -= self.starts[np.maximum(np.searchsorted(self.starts, place, "right") - 1, 0)]
        self.powers = np.where(self.is_space, np.uint64(0), _POWERS[place % len(_POWERS)])


def _words(chars: _Characters) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    if not len(chars.starts):
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    word = np.add.reduceat(chars.codes * chars.powers, chars.starts)
    row = chars.row[chars.starts]
    follows = np.flatnonzero(row[1:] == row[:-1])
    pairs = _mix(word[follows]) * _BASE + word[follows + 1]
    return np.concatenate([row, row[follows]]), np.concatenate([_mix(word), _mix(pairs)]) >> np.uint64(32)


def _in_words(chars: _Characters) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    spaces = np.concatenate([[0], np.cumsum(chars.is_space)])
    rows, ids = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for n in (3, 4, 5):
        last = len(chars.codes) - n + 1
        # the ends may be spaces, the inside may not: an n-gram knows its word's edges and never crosses them
        at = np.flatnonzero(spaces[n - 1 : last + n - 1] == spaces[1 : last + 1])
        value = np.full(len(at), n, np.uint64)
        for offset in range(n):
            value = value * _BASE + chars.codes[at + offset]
        rows.append(chars.row[at])
        ids.append(_mix(value) >> np.uint64(32))
    return np.concatenate(rows), np.concatenate(ids)


_Ngrams: TypeAlias = Callable[[_Characters], tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]]
_BLOCKS: tuple[tuple[_Ngrams, int], ...] = ((_words, 15_000), (_in_words, 25_000))
_BASE = np.uint64(0x9E3779B97F4A7C15)
_POWERS = np.cumprod(np.concatenate([[np.uint64(1)], np.full(63, _BASE)]), dtype=np.uint64)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _batches(normalised: Sequence[str], ngrams: _Ngrams) -> Iterator[_Counts]:
    for start in range(0, len(normalised), _BATCH):
        yield _Counts(*ngrams(_Characters(normalised[start : start + _BATCH])), start)
