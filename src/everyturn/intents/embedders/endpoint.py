"""Texts -> vectors by any OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everyturn.intents.embedders import VectorStore
from everyturn.intents.embedders.kept import Kept
from everyturn.intents.grid import Floats
from everyturn.intents.remote import Remote

_AT_ONCE = 128  # texts a call
_LONGEST = 8_000  # characters sent of a text


class Endpoint(Kept):
    """What POST {base}/embeddings answers at `https://HOST/v1#MODEL`.

    Texts leave the machine: the requests' own words, masked as they are stored.
    """

    def __init__(self, address: str, *, store: VectorStore | None = None) -> None:
        super().__init__(store)
        self._remote = Remote(address)
        self.name = f"endpoint:{self._remote.model.replace('+', '-')}"

    def embed(self, texts: Sequence[str]) -> Floats:
        """The endpoint's vectors, in the order of the texts."""
        rows: list[list[float]] = []
        for start in range(0, len(texts), _AT_ONCE):
            given = [text[:_LONGEST] for text in texts[start : start + _AT_ONCE]]
            answer = self._remote.post("embeddings", {"input": given, "encoding_format": "float"})
            try:
                told = {int(one["index"]): [float(value) for value in one["embedding"]] for one in answer["data"]}
            except (ValueError, KeyError, TypeError) as error:
                raise self._remote.refused("embeddings", "the answer holds no vectors") from error
            if sorted(told) != list(range(len(given))):
                raise self._remote.refused("embeddings", f"{len(told)} vectors came back for {len(given)} texts")
            rows += [told[i] for i in range(len(given))]
            lengths = {len(row) for row in rows}
            if len(lengths) != 1 or not min(lengths):
                raise self._remote.refused(
                    "embeddings", f"vectors of {', '.join(map(str, sorted(lengths)))} numbers came"
                )
        with np.errstate(over="ignore"):  # what is too large is no number any more, and refused as such
            return np.array(rows, np.float32)

    def to_bytes(self) -> bytes:
        """The address."""
        return self._remote.address.encode()

    @classmethod
    def from_bytes(cls, state: bytes, store: VectorStore | None = None) -> Endpoint:
        """The endpoint at the stored address."""
        return cls(state.decode(), store=store)
