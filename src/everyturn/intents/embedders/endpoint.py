"""Texts -> vectors by any OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
import orjson

from everyturn.errors import InputError
from everyturn.intents.embedders import VectorStore
from everyturn.intents.embedders.kept import Kept
from everyturn.intents.grid import Floats

KEY = "EVERYTURN_EMBEDDINGS_KEY"
_AT_ONCE = 128  # texts a call
_LONGEST = 8_000  # characters sent of a text
_TRIES, _WAIT = 4, 0.5
_SECONDS = 60


class Endpoint(Kept):
    """What POST {base}/embeddings answers: `https://HOST/v1#MODEL`; the key, if any, in EVERYTURN_EMBEDDINGS_KEY.

    Texts leave the machine: nothing but the requests' own words, masked as they are stored. Busy and failing answers are
    asked for again three times. The key is read when it is needed and never stored.
    """

    def __init__(self, address: str, *, store: VectorStore | None = None) -> None:
        super().__init__(store)
        base, _, model = address.partition("#")
        if not base.startswith(("http://", "https://")) or not model:
            raise InputError("this is no embeddings endpoint", expected="https://HOST/v1#MODEL")
        self._address, self._url, self._model = address, f"{base.rstrip('/')}/embeddings", model
        self.name = f"endpoint:{model.replace('+', '-')}"

    def embed(self, texts: Sequence[str]) -> Floats:
        """The endpoint's vectors, in the order of the texts."""
        rows: list[list[float]] = []
        for start in range(0, len(texts), _AT_ONCE):
            given = [text[:_LONGEST] for text in texts[start : start + _AT_ONCE]]
            body = self._post(orjson.dumps({"model": self._model, "input": given, "encoding_format": "float"}))
            try:
                data = sorted(orjson.loads(body)["data"], key=lambda one: one["index"])
                part = [[float(value) for value in one["embedding"]] for one in data]
            except (ValueError, KeyError, TypeError) as error:
                raise self._refused("the answer holds no vectors") from error
            if len(part) != len(given):
                raise self._refused(f"{len(part)} vectors came back for {len(given)} texts")
            rows += part
        return np.array(rows, np.float32)

    def to_bytes(self) -> bytes:
        """The address."""
        return self._address.encode()

    @classmethod
    def from_bytes(cls, state: bytes, store: VectorStore | None = None) -> Endpoint:
        """The endpoint at the stored address."""
        return cls(state.decode(), store=store)

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = Request(self._url, body, headers)  # noqa: S310 (the scheme was checked)
        for attempt in range(1, _TRIES + 1):
            try:
                with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                    return bytes(answer.read())
            except HTTPError as error:
                error.close()
                busy = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not busy or attempt == _TRIES:
                    raise self._refused(f"it answered {error.code}") from None
            except (URLError, TimeoutError, ConnectionError) as error:
                if attempt == _TRIES:
                    raise self._refused("it cannot be reached") from error
            time.sleep(_WAIT * 2 ** (attempt - 1))
        raise AssertionError  # the last try returns or raises

    def _refused(self, why: str) -> InputError:
        return InputError(f"the embeddings endpoint did not answer: {why}", where=self._url,
                          expected="an OpenAI-compatible POST /embeddings", try_=f"check the address, the model and {KEY}")  # fmt: skip
