"""Embedders whose vectors cost enough to be kept: each text is embedded once, ever."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from everyturn.errors import InputError
from everyturn.intents.embedders import VectorStore
from everyturn.intents.grid import Floats
from everyturn.intents.words import normal
from everyturn.model import digest

_KEPT_AT_ONCE = 1024  # an interrupted run goes on after the last so many


class Kept(ABC):
    """A pre-trained embedder; a `store`, where there is one, keeps its vectors by the digest of the text.

    Vectors are rounded to half precision on their way, so that a kept one and a new one are the same.
    """

    name: str

    def __init__(self, store: VectorStore | None) -> None:
        self._store = store
        self._width: int | None = None

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Floats:
        """One row a text; of any length."""

    def fit(self, texts: Sequence[str]) -> None:
        """Nothing: the model was trained elsewhere."""
        del texts

    def familiar(self, texts: Sequence[str]) -> Floats:
        """1 for each text: such a model sees all of it."""
        return np.ones(len(texts), np.float32)

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 a text; zeros for a text without a word."""
        digests = [digest(text) if normal(text) else "" for text in texts]
        wanted = {key: text for key, text in zip(digests, texts, strict=True) if key}
        found = dict(self._store.load(self.name, list(wanted))) if self._store else {}
        self._hold(found.values())
        missing = [key for key in wanted if key not in found]
        for start in range(0, len(missing), _KEPT_AT_ONCE):
            keys = missing[start : start + _KEPT_AT_ONCE]
            new = dict(zip(keys, self._halves([wanted[key] for key in keys]), strict=True))
            found |= new
            if self._store:
                self._store.keep(self.name, new.items())
        rows = np.zeros((len(texts), self._width_of_rows()), np.float32)
        seen = [place for place, key in enumerate(digests) if key]
        kept = np.frombuffer(b"".join(found[digests[place]] for place in seen), "<f2").astype(np.float32)
        rows[seen] = kept.reshape(len(seen), rows.shape[1])
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(length > 0, length, 1), np.float32)

    def _halves(self, texts: list[str]) -> list[bytes]:
        """The texts' own vectors at length 1, in half precision."""
        # half a character, which some logs hold, no model reads
        rows = np.asarray(self.embed([text.encode(errors="replace").decode() for text in texts]), np.float32)
        if not np.isfinite(rows).all():
            raise InputError(
                f"{self.name} gave vectors that are no numbers",
                where=f"a batch of {len(texts)} texts",
                expected="finite numbers",
                try_="everyturn discover --embedder default",
            )
        length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        halves = [row.tobytes() for row in (rows / np.where(length > 0, length, 1)).astype("<f2")]
        self._hold(halves)
        return halves

    def _hold(self, vectors: Iterable[bytes]) -> None:
        """Refuses vectors of another length than those before."""
        widths = {len(vector) // 2 for vector in vectors} | ({self._width} if self._width else set())
        if len(widths) > 1:
            raise InputError(
                f"{self.name} gave vectors of several lengths",
                where=", ".join(map(str, sorted(widths))),
                expected="one model behind one name",
                try_="everyturn discover --embedder NAME, with a name of its own for each model",
            )
        self._width = widths.pop() if widths else None

    def _width_of_rows(self) -> int:
        if self._width is None:
            self._halves(["a"])
        assert self._width is not None
        return self._width
