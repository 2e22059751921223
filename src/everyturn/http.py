"""JSON over HTTP, with retries.

Retried are connections that fail or break off, replies that are cut short, and the statuses 408, 429 and 5xx; `Retry-After` is obeyed.
Every other error (a wrong key, a wrong address, a request the server does not accept) ends at once. Redirects are not followed, because
they would carry keys to another server.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
import orjson

from everyturn.model import Json

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds between attempts; doubled each time
_LONGEST_ASKED = 300.0  # seconds; a server that asks for a longer pause is reported, not waited for
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class Reply(NamedTuple):
    """A reply: its JSON, decoded; its length in bytes; its headers."""

    value: Json
    size: int
    headers: Mapping[str, str]


class NoReply(Exception):
    """No complete reply came, for the reason in `problem`, after `attempts` attempts.

    `refusal` is the status with which the server refused, None if the error was one that may pass.
    """

    def __init__(self, problem: str, attempts: int, refusal: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.attempts = attempts
        self.refusal = refusal


def client(headers: Mapping[str, str], *, hooks: Mapping[str, list[Callable[..., None]]] | None = None) -> httpx.Client:
    """A client that sends these headers with every request; `hooks` are called with each "request" and "response"."""
    return httpx.Client(headers=dict(headers), timeout=_TIMEOUT, event_hooks=hooks)


def ask(asking: httpx.Client, method: str, url: str, *, attempts: int, **request: Any) -> Reply:
    """The reply to a request, made up to `attempts` times; raises `NoReply` if none came. `request` goes to httpx."""
    for attempt in range(1, attempts + 1):
        asked_to_wait = 0.0
        try:
            response = asking.request(method, url, **request)
            if response.is_success:
                return Reply(orjson.loads(response.content), len(response.content), response.headers)
            status = response.status_code
            problem = f"status {status}"
            if status not in {408, 429} and status < 500:
                raise NoReply(problem, attempt, status)
            asked_to_wait = _retry_after(response)
        except httpx.TransportError as error:
            problem = f"the connection failed ({type(error).__name__})"
        except orjson.JSONDecodeError:
            problem = "a reply that is no whole JSON"
        if asked_to_wait > _LONGEST_ASKED:
            raise NoReply(f"{problem}, and to wait {asked_to_wait:,.0f} seconds", attempt)
        if attempt < attempts:
            # Randomised, so that many clients do not all come back at the same moment.
            wait = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            time.sleep(max(wait, asked_to_wait))
    raise NoReply(problem, attempts)


def _retry_after(response: httpx.Response) -> float:
    """How many seconds a reply asks to wait, given as a number or as a date on the server's clock; 0 if it does not ask."""
    told = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - (server_time(response) or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def server_time(response: httpx.Response) -> datetime | None:
    """The time on the server's clock, to the second; None if the reply does not state it."""
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None
