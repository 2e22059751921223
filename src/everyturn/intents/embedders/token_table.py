"""Texts -> vectors by a table with a vector for each piece of a word: meaning without a model to run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from everyturn.intents.embedders.worded import Worded
from everyturn.intents.embedders.wordpiece import cut
from everyturn.intents.grid import Floats
from everyturn.intents.words import normal

_BATCH = 16_384


class TokenTable:
    """The weighted sum of its tokens' vectors, at length 1. Learns nothing; reads English, and other Latin script a little.

    The table was distilled from all-MiniLM-L6-v2 (see `TABLE.md` beside it). A word that stands for something masked ("0")
    counts for nothing. Vectors and weights are whole numbers, so their sums are the same on every machine.

    >>> rows = TokenTable().encode(["I want my money back", "please refund me", "reset my password"])
    >>> bool(rows[0] @ rows[1] > rows[0] @ rows[2])
    True
    """

    name = "table/1"

    def fit(self, texts: Sequence[str]) -> None:
        """Nothing: the table is as it was made."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 a text; zeros where it holds no word."""
        rows = np.zeros((len(texts), _table()[0].shape[1]), np.float32)
        for start in range(0, len(texts), _BATCH):
            rows[start : start + _BATCH] = _encode(texts[start : start + _BATCH])
        return rows

    def familiar(self, texts: Sequence[str]) -> Floats:
        """1 for each text: every word has pieces in the table."""
        return np.ones(len(texts), np.float32)

    def to_bytes(self) -> bytes:
        """Nothing but the name: the table comes with the package."""
        return self.name.encode()

    @classmethod
    def from_bytes(cls, state: bytes) -> TokenTable:
        """The same table."""
        del state
        return cls()


def _encode(texts: Sequence[str]) -> Floats:
    said = Worded.of([normal(text) for text in texts])
    sums = said.matrix() @ _of_words(said.words)
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return cast("Floats", (sums / np.where(length > 0, length, 1)[:, None]).astype(np.float32))


def _of_words(words: list[str]) -> npt.NDArray[np.float64]:
    """The sum of each word's pieces, in whole numbers."""
    vectors, scales, vocabulary = _table()
    pieces = [[] if word == "0" else cut(word, vocabulary) for word in words]
    flat = np.array([piece for word in pieces for piece in word], np.int64)
    ends = np.concatenate([[0], np.cumsum([len(word) for word in pieces])])
    of_word = sp.csr_matrix((scales[flat].astype(np.float64), flat, ends), shape=(len(words), len(vectors)))
    used, place = np.unique(flat, return_inverse=True)
    of_word = sp.csr_matrix((of_word.data, place, ends), shape=(len(words), len(used)))
    return cast("npt.NDArray[np.float64]", of_word @ vectors[used].astype(np.float64))


@cache
def _table() -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint16], dict[str, int]]:
    """The vectors, the whole number each is to be multiplied by, and the row of each token."""
    folder = files(__package__)
    with folder.joinpath("token_table.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        vectors, scales = arrays["vectors"], arrays["scales"]
    listed = folder.joinpath("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return vectors, scales, {token: row for row, token in enumerate(listed)}
