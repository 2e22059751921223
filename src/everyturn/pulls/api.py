"""Asking a vendor's API: again after a passing error, slower when told so, and in four plain parts when it is no use.

Tried again are connections that fail or break off, replies that are cut, 429 and 5xx; a `Retry-After` is kept to. All else (a wrong key, an
address that is none, a question the API does not take) ends at once. Redirects are not followed: they would carry the keys elsewhere.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import orjson

from everyturn.errors import InputError
from everyturn.model import Json

ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds between attempts; doubled each time
_LONGEST_ASKED = 300.0  # a vendor that asks for a longer pause is told about, not waited for
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class Reply(NamedTuple):
    """A reply's decoded JSON, its length in bytes, and its headers."""

    value: Json
    size: int
    headers: Mapping[str, str]


class Api:
    """One vendor's API. `requests` counts what was sent, `waited` the seconds spent between attempts."""

    def __init__(
        self,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        variables: Sequence[str] = (),
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise InputError(f"the address of {name} is none", where=base_url, expected="an address with https://")
        self.name = name
        self.requests = 0
        self._base_url = base_url.rstrip("/")
        self._variables = variables
        self._sleep = sleep or time.sleep
        self._ahead = timedelta(0)  # how far the server's clock is ahead of ours
        self._client = httpx.Client(headers=dict(headers), timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def __repr__(self) -> str:
        """The vendor and its address; never the headers, which hold the keys."""
        return f"Api({self.name!r}, {self._base_url!r})"

    def now(self) -> datetime:
        """The time by the server's clock, as far as its replies have told it."""
        return datetime.now(UTC) + self._ahead

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Reply:
        """The reply to a GET; parameters that are None are left out, lists are repeated."""
        return self._ask("GET", path, params={k: v for k, v in (params or {}).items() if v is not None})

    def post(self, path: str, body: Json) -> Reply:
        """The reply to a POST of a JSON body, which must be a question: it may be sent more than once."""
        return self._ask("POST", path, content=orjson.dumps(body), headers={"content-type": "application/json"})

    def has(self, path: str, params: Mapping[str, Any] | None = None) -> bool:
        """Whether the server knows this address."""
        try:
            self.get(path, params)
        except NotThere:
            return False
        return True

    def _ask(self, method: str, path: str, **request: Any) -> Reply:
        problem = "nothing"
        for attempt in range(ATTEMPTS):
            asked_to_wait: float | None = None
            try:
                self.requests += 1
                response = self._client.request(method, self._base_url + path, **request)
                self._note_clock(response)
                if response.is_success:
                    return Reply(orjson.loads(response.content), len(response.content), response.headers)
                self._refuse(response, method, path)
                problem = f"status {response.status_code}"
                asked_to_wait = _retry_after(response, self.now())
            except httpx.TransportError as error:
                problem = f"the connection failed ({type(error).__name__})"
            except orjson.JSONDecodeError:
                problem = "a reply that is no whole JSON"
            if asked_to_wait is not None and asked_to_wait > _LONGEST_ASKED:
                problem = f"{problem}, and to wait {asked_to_wait:,.0f} seconds"
                break
            if attempt < ATTEMPTS - 1:
                self._wait(attempt, asked_to_wait)
        raise InputError(
            f"{self.name} does not give what was asked for",
            where=f"{method} {path} at {self._base_url}, after {attempt + 1} attempts: {problem}",
            expected="a whole reply",
            try_="the same command later: what is already stored is not asked for again",
        )

    def _wait(self, attempt: int, asked: float | None) -> None:
        """Waits as long as was asked for, else twice as long each time, spread so that clients do not come back together."""
        seconds = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        seconds = max(seconds, asked or 0.0)
        self._sleep(seconds)

    def _refuse(self, response: httpx.Response, method: str, path: str) -> None:
        """Ends with an error where asking again is no use."""
        status = response.status_code
        where = f"{method} {path} at {self._base_url}: status {status}"
        if status in {401, 403}:
            raise InputError(
                f"{self.name} does not let us in",
                where=where,
                expected=f"keys that may read, in {', '.join(self._variables)}",
                try_=f"export {self._variables[0]}=…" if self._variables else None,
            )
        if status in {404, 405}:
            raise NotThere(
                f"{self.name} has nothing at this address",
                where=where,
                expected="the address of the API, and a project that exists",
                try_="check the address in the environment",
            )
        if status not in {408, 429} and status < 500:
            raise InputError(
                f"{self.name} does not take this question",
                where=where,
                expected="a server of a release that knows it",
                try_="a newer release of the server, or its export files with everyturn load",
            )

    def _note_clock(self, response: httpx.Response) -> None:
        try:
            told = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return
        ahead = told - datetime.now(UTC)
        self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta(0)  # the header has whole seconds


class NotThere(InputError):
    """The server does not know the address: another release, or a project that is gone."""


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """The seconds a reply asks to wait, from a number or a date."""
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
