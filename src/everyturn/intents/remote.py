"""Calls to OpenAI-compatible endpoints that somebody named: embeddings and names, never unasked."""

from __future__ import annotations

import os

import orjson

from everyturn.errors import InputError
from everyturn.model import Json

KEY = "EVERYTURN_LLM_KEY"
_ATTEMPTS = 4


class Remote:
    """A model at an address `https://HOST/v1#MODEL`. Its key, if it needs one, is read from EVERYTURN_LLM_KEY for each request.

    >>> Remote("https://llm.example/v1#small").model
    'small'
    """

    def __init__(self, address: str) -> None:
        base, _, model = address.partition("#")
        if not base.startswith(("http://", "https://")) or not model:
            raise InputError(
                "this is not the address of a model",
                where=f"an address of {len(address)} characters",
                expected="https://HOST/v1#MODEL",
                try_="everyturn discover --names https://HOST/v1#MODEL",
            )
        self.address, self.model, self._base = address, model, base.rstrip("/")

    def post(self, path: str, body: Json) -> Json:
        """The decoded JSON reply to a POST of `body` with the model's name added; raises InputError if there is none."""
        from everyturn import http  # httpx takes a while to load, and most discoveries ask nobody

        headers = {"content-type": "application/json"}
        if key := os.environ.get(KEY):
            headers["authorization"] = f"Bearer {key}"
        question = orjson.dumps({"model": self.model, **body})
        try:
            with http.client(headers) as client:
                return http.ask(client, "POST", f"{self._base}/{path}", attempts=_ATTEMPTS, content=question).value
        except http.NoReply as none:
            raise self.refused(path, none.problem) from none

    def refused(self, path: str, why: str) -> InputError:
        """The error for a failed request; it repeats nothing of what was sent."""
        return InputError(
            f"the endpoint cannot be used: {why}",
            where=f"{self._base}/{path}",
            expected=f"an OpenAI-compatible POST /{path}",
            try_=f"check the address, the model and {KEY}",
        )
