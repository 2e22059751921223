"""Texts -> vectors: what an embedder must do, and the ones there are, by name.

default   the token table joined with words and letters: no download, no network
lexical   words and letters alone, learnt from the texts at hand
table     the token table alone
minilm    all-MiniLM-L6-v2 joined with words and letters, by the extra `minilm`
FOLDER    any sentence-transformers or ONNX model on disk, joined with words and letters
URL#MODEL an OpenAI-compatible embeddings endpoint, joined with words and letters
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from everyturn.errors import InputError, UnknownName
from everyturn.intents.grid import Floats, Steps, in_steps


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike the texts are.

    `name` carries a version and is stored with every result. Two texts with equal `words.tokens` may get equal rows.
    """

    name: str

    def fit(self, texts: Sequence[str]) -> None:
        """Learn from the texts what there is to learn; a pre-trained embedder learns nothing."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """One float32 row a text, of length 1, or of zeros where the embedder sees nothing in the text."""

    def familiar(self, texts: Sequence[str]) -> Floats:
        """How much of each text the embedder can see, 0 to 1; 1 for embedders that see everything."""

    def to_bytes(self) -> bytes:
        """The fitted state; `from_bytes` gives back an embedder that encodes identically."""


def encoded(embedder: Embedder, texts: Sequence[str]) -> Steps:
    """The embedder's rows for the texts in whole steps; at any time only some of them are held as floats."""
    rows = np.empty((0, 0), np.int16)
    for start in range(0, max(len(texts), 1), _BATCH):
        some = in_steps(embedder.encode(texts[start : start + _BATCH]))
        if not start:
            rows = np.empty((len(texts), some.shape[1]), np.int16)
        rows[start : start + _BATCH] = some
    return rows


_BATCH = 65_536


class VectorStore(Protocol):
    """Where vectors are kept by the embedder's name and the digest of the text, so that each text is embedded once, ever."""

    def load(self, embedder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        """The vectors kept, by digest; what is not kept is left out."""

    def keep(self, embedder: str, vectors: Iterable[tuple[str, bytes]]) -> None:
        """Keep these too."""


NAMES = ("default", "lexical", "table", "minilm", "a folder with a model", "https://HOST/v1#MODEL")


def named(name: str, store: VectorStore | None = None) -> Embedder:
    """A new embedder by the name a person gives; `store` keeps what a model or an endpoint has embedded.

    >>> named("lexical").name
    'lexical/1'
    >>> named("default").name
    'table/1+lexical/1'
    """
    from everyturn.intents.embedders.joined import Joined
    from everyturn.intents.embedders.lexical import Lexical
    from everyturn.intents.embedders.token_table import TokenTable

    if name == "default":
        return Joined(TokenTable())
    if name == "lexical":
        return Lexical()
    if name == "table":
        return TokenTable()
    return Joined(_model(name, store))


def stored(name: str, state: bytes, store: VectorStore | None = None) -> Embedder:
    """The embedder with that recorded name from its stored state.

    >>> from everyturn.intents.embedders.lexical import Lexical
    >>> lexical = Lexical(); lexical.fit(["cancel order", "reset password"])
    >>> stored("lexical/1", lexical.to_bytes()).name
    'lexical/1'
    """
    from everyturn.intents.embedders.endpoint import Endpoint
    from everyturn.intents.embedders.joined import Joined
    from everyturn.intents.embedders.lexical import Lexical
    from everyturn.intents.embedders.model import Model
    from everyturn.intents.embedders.token_table import TokenTable

    first, joined, _ = name.partition("+")
    if joined:
        return Joined.from_bytes(name, state, store)
    known: tuple[tuple[bool, Callable[[bytes], Embedder]], ...] = (
        (first == Lexical.name, Lexical.from_bytes),
        (first == TokenTable.name, TokenTable.from_bytes),
        (first.startswith("model:"), lambda given: Model.from_bytes(given, store)),
        (first.startswith("endpoint:"), lambda given: Endpoint.from_bytes(given, store)),
    )
    for is_it, make in known:
        if is_it:
            return make(state)
    raise InputError(
        f'this version has no embedder named "{name}"',
        where="the discovery this workspace holds",
        expected=f"{Lexical.name}, {TokenTable.name}, model:…, endpoint:…",
        try_="everyturn discover --embedder default",
    )


def _model(name: str, store: VectorStore | None) -> Embedder:
    from everyturn.intents.embedders.endpoint import Endpoint
    from everyturn.intents.embedders.model import Model, minilm_folder

    if name == "minilm":
        return Model(minilm_folder(), store=store)
    if name.startswith(("http://", "https://")):
        return Endpoint(name, store=store)
    if Path(name).is_dir():
        return Model(Path(name), store=store)
    raise UnknownName.among("embedder", name, NAMES, example="--embedder {}")
