"""LangSmith's API: the runs of every project by the time they started, and the feedback on them.

Runs can be filtered by their start alone and are read again for a day before their mark. Feedback comes later than its run: the runs of the
last thirty days are asked for their feedback counts again, and for the feedback itself where there is any.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from everyturn.model import Json
from everyturn.pulls import Connection, Environment, Page, Pull, Stream, by_cursor, by_time, iso, rows_of, under
from everyturn.pulls.api import Api

_OVERLAP, _FEEDBACK_OVERLAP = timedelta(days=1), timedelta(days=30)
_LIMIT = 100
_RUNS_AT_ONCE = 50  # ids stand in the address, which servers cut at some 8 kB
_FIELDS = (
    "dotted_order",
    "end_time",
    "error",
    "extra",
    "id",
    "inputs",
    "name",
    "outputs",
    "parent_run_id",
    "reference_example_id",
    "run_type",
    "session_id",
    "start_time",
    "status",
    "tags",
    "trace_id",
)


def _connect(environment: Environment) -> Connection:
    endpoint = environment.get("LANGSMITH_ENDPOINT") or "https://api.smith.langchain.com"
    headers = {"x-api-key": environment["LANGSMITH_API_KEY"]}
    if workspace := environment.get("LANGSMITH_WORKSPACE_ID"):
        headers["x-tenant-id"] = workspace
    return Connection(endpoint, headers, endpoint)


def _streams(api: Api, environment: Environment) -> list[Stream]:
    """Two lists for each project (the one that is named, if one is); projects of experiments hold no conversations."""
    named = environment.get("LANGSMITH_PROJECT")
    projects = [p for page in _offset(api, "/sessions", {"name": named}) for p in page.rows if isinstance(p, dict)]
    streams = []
    for project in projects:
        name = project.get("id")
        if not isinstance(name, str) or project.get("reference_dataset_id"):
            continue
        streams += [
            Stream(f"runs of {name}", "langsmith", by_time(_OVERLAP, partial(_runs, name, _FIELDS))),
            Stream(f"feedback of {name}", "langsmith", by_time(_FEEDBACK_OVERLAP, partial(_feedback, name))),
        ]
    return streams


def _runs(project: str, select: tuple[str, ...], api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    question: dict[str, Any] = {
        "session": [project],
        "start_time": iso(low),
        "select": select,
        "limit": _LIMIT,
    }
    if high is not None:
        question["filter"] = f'lt(start_time, "{iso(high)}")'

    def ask(cursor: str | None) -> tuple[list[Json], int, str | None]:
        reply = api.post("/runs/query", {**question, "cursor": cursor} if cursor else question)
        return rows_of(reply.value, "runs"), reply.size, under(reply.value, "cursors", "next")

    return by_cursor(ask)


def _feedback(project: str, api: Api, low: datetime, high: datetime | None) -> Iterator[Page]:
    rated: list[str] = []
    for page in _runs(project, ("id", "feedback_stats"), api, low, high):
        rated += [row["id"] for row in page.rows if isinstance(row, dict) and row.get("feedback_stats") and "id" in row]
    for start in range(0, len(rated), _RUNS_AT_ONCE):
        yield from _offset(api, "/feedback", {"run": rated[start : start + _RUNS_AT_ONCE]})


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
