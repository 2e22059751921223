"""Requests to a vendor's API, with retries (`everyturn.http`) and errors in four parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from everyturn import http
from everyturn.errors import InputError
from everyturn.model import Json

ATTEMPTS = 8


class Api:
    """A vendor's API. `requests` counts the requests sent."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str], *, variables: Sequence[str] = ()) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise InputError(
                f"the address of {name} cannot be used",
                where=base_url,
                expected="an address that begins with https:// or http://",
                try_="correct the address in the environment",
            )
        self.name = name
        self.requests = 0
        self._base_url = base_url.rstrip("/")
        self._variables = variables
        self._ahead = timedelta(0)  # how far the server's clock is ahead of ours
        self._client = http.client(headers, hooks={"request": [self._count], "response": [self._note_clock]})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def __repr__(self) -> str:
        """The vendor and its address; never the headers, which contain the keys."""
        return f"Api({self.name!r}, {self._base_url!r})"

    def now(self) -> datetime:
        """The current time on the server's clock, as far as it is known from its replies."""
        return datetime.now(UTC) + self._ahead

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> http.Reply:
        """The reply to a GET; parameters that are None are left out, those that are lists are repeated."""
        return self._ask("GET", path, params={k: v for k, v in (params or {}).items() if v is not None})

    def post(self, path: str, body: Json) -> http.Reply:
        """The reply to a POST of a JSON body, which must not change anything, because it may be sent more than once."""
        return self._ask("POST", path, content=orjson.dumps(body), headers={"content-type": "application/json"})

    def has(self, path: str, params: Mapping[str, Any] | None = None) -> bool:
        """Whether the server knows this address."""
        try:
            self.get(path, params)
        except NotThere:
            return False
        return True

    def _ask(self, method: str, path: str, **request: Any) -> http.Reply:
        try:
            return http.ask(self._client, method, self._base_url + path, attempts=ATTEMPTS, **request)
        except http.NoReply as none:
            raise self._error(none, f"{method} {path} at {self._base_url}") from none

    def _error(self, none: http.NoReply, asked: str) -> InputError:
        where = f"{asked}: {none.problem}"
        if none.refusal is None:
            return InputError(
                f"{self.name} does not answer",
                where=f"{asked}, after {none.attempts} attempts: {none.problem}",
                expected="a whole reply",
                try_="the same command later: what is already stored is not asked for again",
            )
        if none.refusal in {401, 403}:
            return InputError(
                f"{self.name} refuses access",
                where=where,
                expected=f"keys that may read, in {', '.join(self._variables)}",
                try_=f"export {self._variables[0]}=…" if self._variables else None,
            )
        if none.refusal in {404, 405}:
            return NotThere(
                f"{self.name} has nothing at this address",
                where=where,
                expected="the address of the API, and a project that exists",
                try_="check the address in the environment",
            )
        return InputError(
            f"{self.name} does not accept this request",
            where=where,
            expected="a server of a release that knows it",
            try_="a newer release of the server, or its export files with everyturn load",
        )

    def _count(self, _request: httpx.Request) -> None:
        self.requests += 1

    def _note_clock(self, response: httpx.Response) -> None:
        if (told := http.server_time(response)) is not None:
            ahead = told - datetime.now(UTC)
            self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta(0)  # the header has whole seconds


class NotThere(InputError):
    """The server does not know the address: another release, or a project that is gone."""
