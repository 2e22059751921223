"""Phoenix's API: the spans of every project by the time they started, and the annotations of their spans, traces and sessions.

Spans are read again for a day before their mark. Annotations can only be asked for by what they are on: they are asked for the spans,
traces and sessions of the last thirty days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from everyturn.model import Json
from everyturn.pulls import Connection, Environment, Page, Pull, Stream, by_cursor, by_time, iso, rows_of, under
from everyturn.pulls.api import Api, NotThere

_OVERLAP, _ANNOTATION_OVERLAP = timedelta(days=1), timedelta(days=30)
_LIMIT = 100  # records a page
_TARGETS_AT_ONCE = 100  # ids stand in the address
_TARGETS = ("span", "trace", "session")


def _connect(environment: Environment) -> Connection:
    names = ("PHOENIX_ENDPOINT", "PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_BASE_URL")
    base_url = next((environment[n] for n in names if environment.get(n)), "http://localhost:6006")
    base_url = base_url.rstrip("/").removesuffix("/v1/traces")
    headers = dict(_pairs(environment.get("PHOENIX_CLIENT_HEADERS") or ""))
    if key := environment.get("PHOENIX_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    return Connection(base_url, headers, base_url)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The headers of a text such as "a=1,b=2"."""
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip().lower(), value.strip()


def _streams(api: Api, environment: Environment) -> list[Stream]:
    named = environment.get("PHOENIX_PROJECT_NAME")
    streams = []
    for page in _pages(api, "/v1/projects", {"limit": _LIMIT, "include_experiment_projects": "false"}):
        for project in page.rows:
            name = under(project, "id")
            if isinstance(name, str) and named in {None, "", under(project, "name")}:
                path = f"/v1/projects/{quote(name, safe='')}"
                streams += [
                    Stream(f"spans of {name}", "phoenix", by_time(_OVERLAP, partial(_spans, path))),
                    Stream(
                        f"annotations of {name}",
                        "phoenix-annotations",
                        by_time(_ANNOTATION_OVERLAP, partial(_annotations, path)),
                    ),
                ]
    return streams


def _spans(path: str, api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    window = {"start_time": iso(low), "end_time": high and iso(high), "limit": _LIMIT}
    return _pages(api, f"{path}/spans", window)


def _annotations(path: str, api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    targets: dict[str, dict[str, None]] = {target: {} for target in _TARGETS}  # in order, each once
    for page in _spans(path, api, low, high):
        for span in page.rows:
            ids = {
                "span": under(span, "context", "span_id"),
                "trace": under(span, "context", "trace_id"),
                "session": _session(under(span, "attributes")),
            }
            for target, found in ids.items():
                if isinstance(found, str):
                    targets[target][found] = None
    for target, known in targets.items():
        ids_of = list(known)
        for start in range(0, len(ids_of), _TARGETS_AT_ONCE):
            params = {f"{target}_ids": ids_of[start : start + _TARGETS_AT_ONCE], "limit": _LIMIT}
            try:
                yield from _pages(api, f"{path}/{target}_annotations", params)
            except NotThere:
                break  # an older server knows annotations of spans alone


def _session(attributes: Json) -> Json:
    """The session a span names, its attributes flat or nested."""
    if not isinstance(attributes, Mapping):
        return None
    return attributes.get("session.id") or under(attributes, "session", "id")


def _pages(api: Api, path: str, params: dict[str, Any]) -> Iterator[Page]:
    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.get(path, {**params, "cursor": cursor})
        return rows_of(reply.value, "data"), reply.size, under(reply.value, "next_cursor")

    return by_cursor(ask)


PULL = Pull(
    name="phoenix",
    description="Phoenix: spans and annotations of every project",
    needs=(),
    takes=("PHOENIX_API_KEY", "PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_CLIENT_HEADERS", "PHOENIX_PROJECT_NAME"),
    connect=_connect,
    streams=_streams,
)
