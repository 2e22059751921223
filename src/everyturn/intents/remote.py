"""Calls to OpenAI-compatible endpoints that somebody named: embeddings and names, never unasked."""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import orjson

from everyturn.errors import InputError
from everyturn.model import Json

KEY = "EVERYTURN_LLM_KEY"
_TRIES, _WAIT = 4, 0.5
_SECONDS = 60
_LONGEST_WAIT = 60.0  # seconds, whatever the endpoint asks for


class Remote:
    """One model at one address, `https://HOST/v1#MODEL`; the key, if any, in EVERYTURN_LLM_KEY, read when it is needed.

    Busy, failing and broken-off answers are asked for again three times, after the seconds the endpoint names (`Retry-After`).

    >>> Remote("https://llm.example/v1#small").model
    'small'
    """

    def __init__(self, address: str) -> None:
        base, _, model = address.partition("#")
        if not base.startswith(("http://", "https://")) or not model:
            raise InputError("this is no address of a model", expected="https://HOST/v1#MODEL")
        self.address, self.model, self._base = address, model, base.rstrip("/")

    def post(self, path: str, body: Json) -> Json:
        """What the endpoint answers to the body with the model's name in it; an error where it does not answer in JSON."""
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self._base}/{path}"
        data = orjson.dumps({"model": self.model, **body})
        request = Request(url, data, headers)  # noqa: S310 (the scheme was checked)
        for attempt in range(1, _TRIES + 1):
            wait = _WAIT * 2 ** (attempt - 1)
            try:
                with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                    return orjson.loads(answer.read())
            except HTTPError as error:
                error.close()
                busy = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not busy or attempt == _TRIES:
                    raise self.refused(path, f"it answered {error.code}") from None
                told = str(error.headers.get("Retry-After") or "")
                wait = max(wait, min(float(told), _LONGEST_WAIT)) if told.isascii() and told.isdigit() else wait
            except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
                if attempt == _TRIES:
                    why = "its answer broke off" if isinstance(error, HTTPException) else "it cannot be reached"
                    raise self.refused(path, why) from error
            except orjson.JSONDecodeError:
                raise self.refused(path, "it did not answer in JSON") from None
            time.sleep(wait)
        raise AssertionError  # the last try returns or raises

    def refused(self, path: str, why: str) -> InputError:
        """The error that says what went wrong, without a word of what was sent."""
        return InputError(
            f"the endpoint is of no use: {why}",
            where=f"{self._base}/{path}",
            expected=f"an OpenAI-compatible POST /{path}",
            try_=f"check the address, the model and {KEY}",
        )
