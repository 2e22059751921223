"""LangSmith's API: the runs of every project by the time they started, and the feedback on them.

Runs are asked for in the API's second version; LangSmith ends the first on 31 January 2027, but a server of one's own before release 0.16
knows no other. Runs can be filtered by their start alone and are read again for a day before their mark. Feedback comes later than its
run: the runs of the last thirty days are asked for their feedback counts again, and for the feedback itself where there is any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from everyturn.model import Json
from everyturn.pulls import Connection, Environment, Page, Pull, Stream, by_cursor, by_time, iso, rows_of, under
from everyturn.pulls.api import Api, NotThere

_OVERLAP, _FEEDBACK_OVERLAP = timedelta(days=1), timedelta(days=30)
_LIMIT = 100  # records a page
_RUNS_AT_ONCE = 50  # ids stand in the address, which servers cut at some 8 kB
_AHEAD = timedelta(days=1)  # how far a row's own clock may be ahead of the server's
_RUNS, _OLD_RUNS = "/api/v2/runs/query", "/api/v1/runs/query"
_FIELDS = (
    "dotted_order",
    "end_time",
    "error",
    "extra",
    "id",
    "inputs",
    "name",
    "outputs",
    "reference_example_id",
    "run_type",
    "start_time",
    "status",
    "tags",
    "trace_id",
)
_NEW_FIELDS = ("metadata", "parent_run_ids", "project_id")  # what the second version has in their stead
_OLD_FIELDS = ("parent_run_id", "session_id")

Runs: TypeAlias = Callable[[tuple[str, ...], Api, datetime, datetime | None], Iterator[Page]]


def _connect(environment: Environment) -> Connection:
    endpoint = (environment.get("LANGSMITH_ENDPOINT") or "https://api.smith.langchain.com").rstrip("/")
    endpoint = endpoint.removesuffix("/api/v1").removesuffix("/api")  # as their own client takes it
    headers = {"x-api-key": environment["LANGSMITH_API_KEY"]}
    if workspace := environment.get("LANGSMITH_WORKSPACE_ID"):
        headers["x-tenant-id"] = workspace
    return Connection(endpoint, headers, endpoint)


def _streams(api: Api, environment: Environment) -> list[Stream]:
    """Two lists for each project (the one that is named, if one is); projects of experiments hold no conversations."""
    asked = {"name": environment.get("LANGSMITH_PROJECT")}
    projects = [p for page in _offset(api, "/api/v1/sessions", asked) for p in page.rows if isinstance(p, dict)]
    names = [p["id"] for p in projects if isinstance(p.get("id"), str) and not p.get("reference_dataset_id")]
    is_new = bool(names) and _knows_the_second_version(api, names[0])
    own = _NEW_FIELDS if is_new else _OLD_FIELDS
    streams = []
    for name in names:
        runs = partial(_runs if is_new else _old_runs, name)
        streams += [
            Stream(f"runs of {name}", "langsmith", by_time(_OVERLAP, partial(runs, (*_FIELDS, *own)))),
            Stream(f"feedback of {name}", "langsmith", by_time(_FEEDBACK_OVERLAP, partial(_feedback, runs))),
        ]
    return streams


def _knows_the_second_version(api: Api, project: str) -> bool:
    try:
        api.post(_RUNS, {"project_ids": [project], "page_size": 1})
    except NotThere:
        return False
    return True


def _runs(project: str, select: tuple[str, ...], api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    question = {
        "project_ids": [project],
        "min_start_time": iso(low),
        "max_start_time": iso(high or api.now() + _AHEAD),  # without one it is now by their clock
        "selects": [name.upper() for name in select],
        "page_size": _LIMIT,
    }

    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.post(_RUNS, {**question, "cursor": cursor} if cursor else question)
        return rows_of(reply.value, "items"), reply.size, under(reply.value, "next_cursor")

    return by_cursor(ask)


def _old_runs(project: str, select: tuple[str, ...], api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    question: dict[str, Any] = {
        "session": [project],
        "start_time": iso(low),
        "select": select,
        "limit": _LIMIT,
    }
    if high is not None:
        question["filter"] = f'lt(start_time, "{iso(high)}")'

    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.post(_OLD_RUNS, {**question, "cursor": cursor} if cursor else question)
        return rows_of(reply.value, "runs"), reply.size, under(reply.value, "cursors", "next")

    return by_cursor(ask)


def _feedback(runs: Runs, api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    found: dict[str, None] = {}  # in order, each once
    for page in runs(("id", "feedback_stats"), api, low, high):
        rows = (row for row in page.rows if isinstance(row, dict) and row.get("feedback_stats"))
        found |= {row["id"]: None for row in rows if isinstance(row.get("id"), str)}
    rated = list(found)
    for start in range(0, len(rated), _RUNS_AT_ONCE):
        yield from _offset(api, "/api/v1/feedback", {"run": rated[start : start + _RUNS_AT_ONCE]})


def _offset(api: Api, path: str, params: dict[str, Any]) -> Iterator[Page]:
    """The pages of a list that is asked for from a position on; the reply is the list itself."""
    offset = 0
    while True:
        reply = api.get(path, {**params, "limit": _LIMIT, "offset": offset})
        found = reply.value if isinstance(reply.value, list) else []
        yield Page(found, reply.size)
        offset += len(found)
        if len(found) < _LIMIT:
            return


PULL = Pull(
    name="langsmith",
    description="LangSmith: runs and feedback of every project",
    needs=("LANGSMITH_API_KEY",),
    takes=("LANGSMITH_ENDPOINT", "LANGSMITH_WORKSPACE_ID", "LANGSMITH_PROJECT"),
    connect=_connect,
    streams=_streams,
)
