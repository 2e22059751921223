"""Braintrust: the rows its SDK sends to POST /logs3, and those its API and exports give.

    {"id": "r1", "span_id": "s1", "root_span_id": "s1", "project_id": "p1", "log_id": "g", "created": "2026-03-02T09:30:00Z",
     "span_attributes": {"type": "task", "name": "turn"}, "metadata": {"session_id": "c1", "user_id": "u0412", "plan": "pro"},
     "input": "Where is my order?", "output": "It arrives today.", "metrics": {"start": 1772443800.0, "end": 1772443802.0}}

    {"rows": [{"id": "r1", "_is_merge": true, "project_id": "p1", "log_id": "g", "scores": {"user_feedback": 1}, "_audit_source": "app"}],
     "api_version": 2}

A record is a request with its rows, a row of a project's logs, of an experiment or of a dataset, or a comment. A row comes in parts which merge
by their ids, in any order; feedback is a part that names the row alone. In tables each cell is a JSON text.

Of the API are read as they come: POST /btql (`data`) and /v1/project_logs, /v1/experiment and /v1/dataset with /{id}/fetch (`events`). Older
versions of a row that later pages repeat change nothing but its scores, of which the last read stands: read pages in the order of `_xact_id`.

The conversation is `session_id`, `conversation_id` or `thread_id` in a row's metadata, mostly on the trace's root alone; the user is `user_id`
there. A comment is joined to the user's rating of the same row.

Scores are from 0 to 1, whatever scale the user saw. A category can only be given as a tag: a tag such as "resolution:escalated", whose name
speaks of a user's opinion, is a rating.

Rows of experiments never become conversations: their root rows are eval cases, their scores results.
"""

from __future__ import annotations

from everyturn.model import Json
from everyturn.readers import BadRecord, Context, Reader, Records, Sample, Skipped, SkipRecord, fields
from everyturn.readers.braintrust_rows import (
    decoded,
    read_case,
    read_comment,
    read_experiment,
    read_ratings,
    read_span,
)

_RATINGS = frozenset({"_audit_source", "expected", "scores", "tags"})
_CONTENT = frozenset({"error", "input", "metadata", "metrics", "output"})


def _read(record: Json, context: Context) -> Records:
    if not isinstance(record, dict) or not isinstance(record.get("rows"), list):
        yield from _read_row(record, context)
        return
    if not record["rows"]:
        raise SkipRecord("a request without rows")
    yield from context.parts(record["rows"], lambda row: list(_read_row(row, context)))  # all of a row or nothing


def _read_row(row: Json, context: Context) -> Records:
    kind = row_kind(row)
    if kind is None:
        raise BadRecord(expected="a Braintrust row", found=fields.describe(row))
    if row.get("_object_delete"):
        raise SkipRecord("deleted rows")
    row = decoded(row)
    if kind == "comment":
        yield from read_comment(row)
    elif kind == "dataset":
        if row.get("input") is None:
            raise SkipRecord("parts of dataset rows without an input")
        yield from read_case(row)
    elif kind == "feedback":
        if not _RATINGS.isdisjoint(row):
            yield from read_ratings(row)
        if not _CONTENT.isdisjoint(row):
            yield Skipped("content of rows that name no span")
    else:
        yield read_span(row, context.options)
        yield from read_experiment(row) if kind == "experiment" else read_ratings(row)


def row_kind(row: Json) -> str | None:
    """The kind of a row, by fields no other kind has: comment, dataset, experiment, span or feedback; None if it is not a row."""
    if not isinstance(row, dict) or "id" not in row:
        return None
    if "comment" in row and isinstance(row.get("origin"), dict):
        return "comment"
    has_span = row.keys() >= {"span_id", "root_span_id"}
    if "dataset_id" in row and not row.keys().isdisjoint({"expected", "input", "_is_merge", "_object_delete"}):
        return None if "inputs" in row or "expectedOutput" in row else "dataset"
    if has_span:
        return "experiment" if row.get("experiment_id") is not None else "span"
    is_part = "_audit_source" in row or ("_is_merge" in row and not row.keys().isdisjoint({"log_id", "project_id"}))
    return "feedback" if is_part else None


def _likeness(record: Json) -> float:
    if isinstance(record, dict) and isinstance(record.get("rows"), list):
        rows = record["rows"][:8]
        return sum(row_kind(row) is not None for row in rows) / len(rows) if rows else float("api_version" in record)
    return float(row_kind(record) is not None)


def _looks_like(sample: Sample) -> float:
    """How many of the records are rows, or requests with rows, as Braintrust gives them."""
    return 0.95 * sample.share(_likeness)


READER = Reader(
    name="braintrust",
    kind="conversations",
    description="Braintrust rows of logs, experiments, datasets and feedback: SDK requests, API pages, exports",
    looks_like=_looks_like,
    read=_read,
)
