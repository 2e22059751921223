"""Datadog's LLM Observability export API: spans by the time they started, oldest first.

A span carries its evaluations. The list filters by start time alone: it is read again for a day before its mark, and an evaluation that
comes later is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from everyturn.model import Json
from everyturn.pulls import Connection, Environment, Page, Pull, Stream, by_cursor, by_time, iso, rows_of, under
from everyturn.pulls.api import Api

_OVERLAP = timedelta(days=1)
_PATH = "/api/v2/llm-obs/v1/spans/events"
_AHEAD = timedelta(days=1)  # how far a row's own clock may be ahead of the server's


def _connect(environment: Environment) -> Connection:
    site = environment.get("DD_SITE") or "datadoghq.com"
    base_url = environment.get("DD_LLMOBS_OVERRIDE_ORIGIN") or f"https://api.{site}"
    headers = {
        "dd-api-key": environment["DD_API_KEY"],
        "dd-application-key": environment["DD_APP_KEY"],
        "accept": "application/vnd.api+json",
    }
    return Connection(base_url, headers, base_url)


def _streams(_api: Api, _environment: Environment) -> list[Stream]:
    return [Stream("spans", "datadog", by_time(_OVERLAP, _spans))]


def _spans(api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.get(
            _PATH,
            {
                "filter[from]": iso(low),
                "filter[to]": iso(high or api.now() + _AHEAD),  # without one it is "now" by their clock
                "sort": "timestamp",
                "include_attachments": "true",  # else long texts come cut
                "page[limit]": 500,
                "page[cursor]": cursor,
            },
        )
        return rows_of(reply.value, "data"), reply.size, under(reply.value, "meta", "page", "after")

    return by_cursor(ask)


PULL = Pull(
    name="datadog",
    description="Datadog LLM Observability: spans",
    needs=("DD_API_KEY", "DD_APP_KEY"),
    takes=("DD_SITE", "DD_LLMOBS_OVERRIDE_ORIGIN"),
    connect=_connect,
    streams=_streams,
)
