"""Texts -> vectors by the words and letters they share, learnt from the texts at hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from everyturn.errors import InputError
from everyturn.intents.embedders.ngrams import Count, Numbers, Weighed, count_letters, count_words
from everyturn.intents.embedders.worded import Worded
from everyturn.intents.grid import Floats, Labels
from everyturn.intents.words import normal
from everyturn.model import digest

_DIMENSIONS = 512  # groups agree best with the labels of bitext8k at 400, with those of hwu64 at 800 and more


class Lexical:
    """Words and in-word character 3-5-grams, TF-IDF, reduced to at most `dimensions` numbers by a truncated SVD.

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

    def __init__(self, *, dimensions: int = _DIMENSIONS) -> None:
        self._dimensions = dimensions
        self._ids: tuple[npt.NDArray[np.uint32], ...] = (np.empty(0, np.uint32),) * len(_KINDS)
        self._weights: tuple[Floats, ...] = (np.empty(0, np.float32),) * len(_KINDS)
        self._unknown = 1.0
        self._components = np.zeros((0, 1), np.float16)

    def fit(self, texts: Sequence[str]) -> None:
        """Learn weights and components from at most 20,000 distinct texts, the same ones in whatever order they come."""
        distinct = sorted({normal(text) for text in texts} - {""})
        if len(distinct) > SAMPLE:
            distinct = sorted(sorted(distinct, key=digest)[:SAMPLE])
        if not distinct:
            raise InputError(
                "there are no words to learn from",
                where=f"{len(texts)} texts",
                expected="at least one text with a word in it",
                try_="everyturn load FILE, with conversations in which users say something",
            )
        n = len(distinct)
        # a text holds its own rarest n-grams, so "unknown" must not weigh less than they do
        self._unknown = float(np.log(1 + n) + 1)
        ids, weights = [], []
        for count, limit in _KINDS:
            known, in_texts = _in_texts(distinct, count)
            often = np.flatnonzero(in_texts >= (2 if n >= _FEW else 1))
            # the most frequent; of equals those with the smaller hash
            often = np.sort(often[np.lexsort((known[often], -in_texts[often]))][:limit])
            ids.append(known[often])
            weights.append((np.log((1 + n) / (1 + in_texts[often])) + 1).astype(np.float32))
        self._ids, self._weights = tuple(ids), tuple(weights)
        matrix = sp.vstack([self._matrix(said) for said in _batches(distinct)], format="csr")
        self._components = _components(matrix, self._dimensions)

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 a text; zeros where it holds no n-gram seen in fitting."""
        components = np.ascontiguousarray(self._components.astype(np.float64))
        middle = len(self._ids[0])
        rows = np.zeros((len(texts), components.shape[1]), np.float32)
        for start, said in zip(range(0, len(texts), _BATCH), _batches(texts), strict=True):
            words, letters = self._weighed(said)
            batch = words.image(components[:middle]) + letters.image(components[middle:])
            length = np.sqrt(np.einsum("ij,ij->i", batch, batch))
            rows[start : start + _BATCH] = batch / np.where(length > _NOTHING, length, np.inf)[:, None]
        return rows

    def familiar(self, texts: Sequence[str]) -> Floats:
        """How much of each text's weight is in n-grams seen in fitting, 0 to 1."""
        shares = [np.sqrt(np.mean([kind.share() for kind in self._weighed(said)], axis=0)) for said in _batches(texts)]
        return cast("Floats", np.concatenate([np.empty(0), *shares]).astype(np.float32))

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
    def from_bytes(cls, state: bytes, *, dimensions: int = _DIMENSIONS) -> Lexical:
        """The embedder that `to_bytes` stored."""
        try:
            header, *arrays = pa.ipc.open_stream(state).read_all()["part"].to_pylist()
            n = len(_KINDS)
            lexical = cls(dimensions=dimensions)
            lexical._unknown, width = struct.unpack("<dq", header)
            lexical._ids = tuple(np.frombuffer(a, "<u4") for a in arrays[:n])
            lexical._weights = tuple(np.frombuffer(a, "<f4") for a in arrays[n : 2 * n])
            lexical._components = np.frombuffer(arrays[2 * n], "<f2").reshape(-1, width)
        except (pa.ArrowInvalid, KeyError, IndexError, ValueError, struct.error) as error:
            raise InputError(
                "this is not a stored embedder",
                where="the discovery this workspace holds",
                expected=f"the bytes of a {cls.name} embedder",
                try_="everyturn discover --embedder default",
            ) from error
        return lexical

    def _weighed(self, said: Worded) -> list[Weighed]:
        """Each kind of n-gram in the texts, weighed by what was learnt."""
        learnt = zip(_KINDS, self._ids, self._weights, strict=True)
        return [Weighed(count(said), ids, weights, self._unknown) for (count, _), ids, weights in learnt]

    def _matrix(self, said: Worded) -> sp.csr_matrix:
        """A row a text, a column a known n-gram, each kind of length 1."""
        return sp.hstack([kind.matrix() for kind in self._weighed(said)], format="csr")


_KINDS: tuple[tuple[Count, int], ...] = ((count_words, 15_000), (count_letters, 25_000))  # and how many are learnt
SAMPLE = 20_000  # distinct texts learnt from: more did not raise agreement with the labels of the public sets
_FEW = 100  # below this many distinct texts even n-grams of one text are kept
_BATCH = 8192
_SPARE, _ITERATIONS = 10, 3
_NOTHING = 1e-9


def _components(matrix: sp.csr_matrix, most: int) -> npt.NDArray[np.float16]:
    """The right singular vectors as columns, `most` of them at most, signs fixed, in half precision.

    Method: subspace iteration from random directions (Halko, Martinsson and Tropp 2011). On one thread: a few tall
    products gain nothing from more, and lose much where others want the processors too.
    """
    from threadpoolctl import threadpool_limits

    # with fewer texts fewer directions are more than noise: of 300 texts 100 are best, of 1,000 at least 400
    dimensions = int(min(most, max(20, matrix.shape[0] // 3), matrix.shape[0], matrix.shape[1]))
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


def _in_texts(texts: Sequence[str], count: Count) -> tuple[Numbers, Labels]:
    """The n-grams of one kind, ascending, and how many of the texts hold each."""
    batches = [count(said) for said in _batches(texts)]
    known, number = np.unique(np.concatenate([one.ids for one in batches]), return_inverse=True)
    held = np.concatenate([np.bincount(one.said.indices, minlength=len(one.ids)) for one in batches])
    return known, np.bincount(number, held, len(known)).astype(np.int64)


def _batches(texts: Sequence[str]) -> Iterator[Worded]:
    for start in range(0, len(texts), _BATCH):
        yield Worded.of([normal(text) for text in texts[start : start + _BATCH]])
