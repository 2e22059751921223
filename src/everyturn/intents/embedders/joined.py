"""Two embedders side by side: meaning from one, the very words from the other."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import cast

import numpy as np

from everyturn.errors import InputError
from everyturn.intents.embedders import Embedder, VectorStore, stored
from everyturn.intents.embedders.lexical import Lexical
from everyturn.intents.embedders.token_table import TokenTable
from everyturn.intents.grid import Floats
from everyturn.intents.words import normal

# Length of the first row where the second's is 1, of the table and of any sentence model. Of the table, nearest neighbours agree
# best with the labels of hwu64 at 1.5; a model knows more of a sentence: its groups agree best at 3.
TABLE_MEANING, MODEL_MEANING = 1.5, 3.0
_WORDS = 400  # numbers for the words: beside meaning more of them bring nothing
_BATCH = 16_384


class Joined:
    """The rows of two embedders one beside the other: its cosine is the mean of theirs, meaning counting for more.

    Where one sees nothing in a text, the other's row is all there is.

    >>> joined = Joined(TokenTable())
    >>> joined.fit(["cancel my order", "reset my password"])
    >>> joined.name, joined.encode(["cancel it"]).shape[0]
    ('table/1+lexical/1', 1)
    """

    def __init__(self, meaning: Embedder, words: Lexical | None = None) -> None:
        self._parts: tuple[Embedder, Embedder] = (meaning, words or Lexical(dimensions=_WORDS))
        self._meaning = TABLE_MEANING if isinstance(meaning, TokenTable) else MODEL_MEANING
        self.name = f"{meaning.name}+{Lexical.name}"

    def fit(self, texts: Sequence[str]) -> None:
        """Both learn what they can."""
        for part in self._parts:
            part.fit(texts)

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 a text; zeros where neither sees anything."""
        rows = np.empty((len(texts), 0), np.float32)
        for start in range(0, max(len(texts), 1), _BATCH):
            some = texts[start : start + _BATCH]
            first, second = (part.encode(given) for part, given in self._given(some))
            if not start:
                rows = np.empty((len(texts), first.shape[1] + second.shape[1]), np.float32)
            batch = rows[start : start + _BATCH]
            np.multiply(first, np.float32(self._meaning), out=batch[:, : first.shape[1]])
            batch[:, first.shape[1] :] = second
            batch /= np.maximum(np.sqrt(self._meaning**2 * _is_seen(first) + _is_seen(second)), 1)[:, None]
        return rows

    def familiar(self, texts: Sequence[str]) -> Floats:
        """The mean of both, weighed as their rows are."""
        first, second = (part.familiar(given) for part, given in self._given(texts))
        return cast("Floats", ((self._meaning**2 * first + second) / (self._meaning**2 + 1)).astype(np.float32))

    def to_bytes(self) -> bytes:
        """Both states."""
        states = [part.to_bytes() for part in self._parts]
        return struct.pack("<q", len(states[0])) + b"".join(states)

    @classmethod
    def from_bytes(cls, name: str, state: bytes, store: VectorStore | None = None) -> Joined:
        """The embedder that `to_bytes` stored under that name."""
        meaning, _, words = name.partition("+")
        if words != Lexical.name or len(state) < 8:
            raise InputError(
                f'this version has no embedder named "{name}"',
                where="the discovery this workspace holds",
                expected=f"…+{Lexical.name}",
                try_="everyturn discover --embedder default",
            )
        (length,) = struct.unpack_from("<q", state)
        return cls(
            stored(meaning, state[8 : 8 + length], store), Lexical.from_bytes(state[8 + length :], dimensions=_WORDS)
        )

    def _given(self, texts: Sequence[str]) -> list[tuple[Embedder, Sequence[str]]]:
        """Each part with the texts as it reads them: words are found once for both."""
        words = [normal(text) for text in texts]
        meaning, lexical = self._parts
        return [(meaning, words if isinstance(meaning, TokenTable) else texts), (lexical, words)]


def _is_seen(rows: Floats) -> Floats:
    """1 for each row that is not all zeros."""
    return cast("Floats", (np.einsum("ij,ij->i", rows, rows) > 0).astype(np.float32))
