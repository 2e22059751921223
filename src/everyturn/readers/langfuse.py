"""Langfuse's JSON: what its older SDKs send, the scores all of them send, and what its REST API and exports give.

    {"batch": [
      {"id": "e1", "type": "trace-create", "body": {"id": "t1", "timestamp": "2026-03-02T09:30:00Z", "sessionId": "c1", "userId": "u0412"}},
      {"id": "e2", "type": "generation-create", "body": {"id": "g1", "traceId": "t1", "startTime": "2026-03-02T09:30:00Z",
        "input": [{"role": "user", "content": "Where is my order?"}]}},
      {"id": "e3", "type": "generation-update", "body": {"id": "g1", "traceId": "t1", "endTime": "2026-03-02T09:30:02Z",
        "output": {"role": "assistant", "content": "It arrives today."}}},
      {"id": "e4", "type": "score-create", "body": {"id": "s1", "traceId": "t1", "name": "thumbs", "value": 1, "dataType": "BOOLEAN"}}]}

A record is one of:

- an ingestion batch (POST /api/public/ingestion)
- a score (an item of POST /api/public/scores, or of its export)
- a trace with its observations and scores; an observation; a session with its traces
- a dataset item; an item of a dataset run or an experiment

Exports to files, whose field names have underscores, are read too.

Events that create and update one observation are parts of it and merge. A trace that ran for a dataset item or an experiment is marked as an
evaluation and never becomes a conversation. Newer SDKs send OTLP, which the `otlp` format reads; their scores come here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, KeysView, Mapping

from everyturn.model import EvalCase, Feedback, FeedbackRecord, Json, Span
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Records, Sample, Skipped, SkipRecord, fields
from everyturn.readers.eval_questions import last_question
from everyturn.readers.feedback_names import source_of
from everyturn.readers.langfuse_observations import Observation

_SESSION_NAMES = ("sessionId", "session_id")
_USER_NAMES = ("userId", "user_id")
_EVENT_TYPES = {
    "generation": "GENERATION",
    "span": "SPAN",
    "event": "EVENT",
}
_TYPES = frozenset(
    {"AGENT", "CHAIN", "EMBEDDING", "EVALUATOR", "EVENT", "GENERATION", "GUARDRAIL", "RETRIEVER", "SPAN", "TOOL"}
)
_TRACE_FIELDS = frozenset(
    {"bookmarked", "htmlPath", "observations", "public", "release", "scores", "tags", "totalCost", "version"}
)

_SEPARATED = re.compile(r"(?<=[a-z])_([a-z])")


def _read(record: Json, context: Context) -> Records:
    record = _camel(record)
    kind = _kind(record)
    if kind is None:
        raise BadRecord(
            expected="a Langfuse batch, trace, observation, score or dataset item", found=fields.describe(record)
        )
    return _READERS[kind](record, context)


def _camel(record: Json) -> Json:
    """The record with the API's names of fields; file exports write them with underscores."""
    if not isinstance(record, dict) or record.keys().isdisjoint({"trace_id", "session_id"}):
        return record
    return {_SEPARATED.sub(lambda m: m[1].upper(), k) if isinstance(k, str) else k: v for k, v in record.items()}


def _kind(record: Json) -> str | None:
    """The kind of a record, recognised by fields that no other kind has."""
    if isinstance(record, dict):
        names = record.keys()
        for kind, is_kind in _KINDS:
            if is_kind(record, names):
                return kind
    return None


_TARGETS = frozenset({"traceId", "sessionId", "subject", "datasetRunId", "observationId"})
_KINDS: tuple[tuple[str, Callable[[Mapping[str, Json], KeysView[str]], bool]], ...] = (
    ("batch", lambda r, _: isinstance(r.get("batch"), list)),
    ("session", lambda r, has: isinstance(r.get("traces"), list) and "id" in has),
    ("run", lambda r, _: isinstance(r.get("datasetRunItems"), list)),
    ("run item", lambda _, has: "traceId" in has and not has.isdisjoint({"datasetItemId", "experimentId"})),
    ("dataset item", lambda _, has: has >= {"datasetName", "input"} or has >= {"datasetId", "expectedOutput"}),
    ("observation", lambda r, has: "traceId" in has and isinstance(r.get("type"), str) and r["type"] in _TYPES),
    ("score", lambda _, has: has >= {"name", "value"} and not has.isdisjoint(_TARGETS)),
    ("trace", lambda _, has: has >= {"id", "timestamp"} and len(has & _TRACE_FIELDS) > 1),
)


# --- events ------------------------------------------------------------------------------------------------------


def _read_batch(record: Mapping[str, Json], context: Context) -> Records:
    return context.parts(record["batch"], lambda event: _read_event(event, context))


def _read_event(event: Json, context: Context) -> Records:
    kind = event.get("type") if isinstance(event, dict) else None
    body = event.get("body") if isinstance(event, dict) else None
    if not isinstance(kind, str) or not isinstance(body, dict):
        raise BadRecord(expected="batch: events with a type and a body", found=fields.describe(event))
    subject, _, verb = kind.partition("-")
    if subject == "score":
        yield from _read_score(body, context)
    elif subject == "trace":
        yield _trace(body, context.options).span()
    elif verb in {"create", "update"} and (
        subject in _EVENT_TYPES or subject == "observation" or subject.upper() in _TYPES
    ):
        observation = _observation(body, context.options, _EVENT_TYPES.get(subject, subject.upper()))
        if verb == "create" and observation.parent_id is None:
            observation.parent_id = observation.trace_id
        yield observation.span()
    else:
        yield Skipped("events that carry no conversation")  # sdk-log


def _trace(body: Mapping[str, Json], options: ReadOptions) -> Observation:
    """The trace as a span, the parent of its observations."""
    trace_id = fields.required_id(body.get("id"), "id")
    return Observation(
        trace_id=trace_id,
        id=trace_id,
        name=fields.text(body.get("name"), "name"),
        started_at=fields.time(fields.first(body, ("timestamp", "startTime", "start_time")), "timestamp"),
        ended_at=fields.time(fields.first(body, ("endTime", "end_time")), "endTime"),
        input=body.get("input"),
        output=body.get("output"),
        conversation_id=fields.conversation_id(body, options, _SESSION_NAMES),
        user_id=fields.user_id(body, options, _USER_NAMES),
        metadata=fields.object_of(body.get("metadata")),
        tags=body.get("tags"),
        version=fields.text(body.get("version"), "version"),
        environment=_environment(body),
    )


def _observation(body: Mapping[str, Json], options: ReadOptions, kind: str) -> Observation:
    has_failed = body.get("level") == "ERROR"
    return Observation(
        trace_id=fields.required_id(body.get("traceId"), "traceId"),
        id=fields.required_id(body.get("id"), "id"),
        parent_id=fields.identifier(body.get("parentObservationId"), "parentObservationId"),
        type=fields.text(body.get("type"), "type") or kind,
        name=fields.text(body.get("name"), "name"),
        started_at=fields.time(body.get("startTime"), "startTime"),
        ended_at=fields.time(body.get("endTime"), "endTime"),
        input=body.get("input"),
        output=body.get("output"),
        error=fields.text(body.get("statusMessage"), "statusMessage") or "error" if has_failed else None,
        model=fields.text(fields.first(body, ("model", "providedModelName")), "model"),
        conversation_id=fields.conversation_id(body, options, _SESSION_NAMES),
        user_id=fields.user_id(body, options, _USER_NAMES),
        tags=body.get("tags"),
        version=fields.text(body.get("version"), "version"),
        environment=_environment(body),
    )


def _environment(body: Mapping[str, Json]) -> str | None:
    """The environment, or None: Langfuse writes "default" where none was set."""
    found = fields.text(body.get("environment"), "environment")
    return None if found == "default" else found


# --- what the API gives --------------------------------------------------------------------------------------------


def _read_observation(record: Mapping[str, Json], context: Context) -> Records:
    observation = _observation(record, context.options, "SPAN")
    if observation.parent_id is None:
        observation.metadata = fields.object_of(record.get("metadata"))  # the trace's, to which others add their own
    yield observation.span()


def _read_trace(record: Mapping[str, Json], context: Context) -> Records:
    trace = _trace(record, context.options)
    yield trace.span()
    for item in _listed(record, "observations"):
        if not isinstance(item, dict):
            continue  # only ids: the observations come as records of their own
        observation = _observation({"traceId": trace.id, **item}, context.options, "SPAN")
        observation.parent_id = observation.parent_id or trace.id
        yield observation.span()
    for item in _listed(record, "scores"):
        if isinstance(item, dict):
            yield from _read_score({"traceId": trace.id, **item}, context)


def _listed(record: Mapping[str, Json], name: str) -> list[Json]:
    return fields.listed(fields.json_value(record.get(name)), name)


def _read_session(record: Mapping[str, Json], context: Context) -> Records:
    for trace in record["traces"]:
        if not isinstance(trace, dict):
            raise BadRecord(expected="traces: a list of traces", found=fields.describe(trace))
        yield from _read_trace({"sessionId": record["id"], **trace}, context)


# --- scores --------------------------------------------------------------------------------------------------------


def _read_score(body: Mapping[str, Json], _context: Context) -> Records:
    found = body.get("subject")
    subject: Mapping[str, Json] = found if isinstance(found, dict) else {}
    kind, subject_id = subject.get("kind"), subject.get("id")
    trace_id = subject_id if kind == "trace" else fields.first(body, ("traceId",)) or subject.get("traceId")
    session_id = subject_id if kind == "session" else body.get("sessionId")
    span_id = subject_id if kind == "observation" else body.get("observationId")
    if not trace_id and not session_id:
        yield Skipped("scores of dataset runs")
        return
    name = fields.text(body.get("name"), "name")
    if not name:
        raise BadRecord(expected="name: the score's name", found=fields.describe(body.get("name")))
    value, label, comment = _score_value(body)
    mark = fields.text(body.get("source"), "source")
    yield FeedbackRecord(
        fields.required_id(body.get("id"), "id"),
        Feedback(
            name,
            value,
            label,
            comment,
            source=source_of(name, mark=mark),
            at=fields.time(fields.first(body, ("timestamp", "createdAt")), "timestamp"),
        ),
        conversation_id=fields.identifier(session_id, "sessionId"),
        trace_id=fields.identifier(trace_id, "traceId"),
        span_id=fields.identifier(span_id, "observationId"),
    )


def _score_value(body: Mapping[str, Json]) -> tuple[float | None, str | None, str | None]:
    """Value, label and comment. Of a category only the label counts, whatever number comes with it; a text is a comment."""
    value, kind = body.get("value"), body.get("dataType")
    words = fields.text(body.get("stringValue"), "stringValue")
    comment = fields.text(body.get("comment"), "comment")
    if kind == "TEXT":
        text = words or (value if isinstance(value, str) else None)
        return None, None, text if comment is None else comment if text is None else f"{text}\n{comment}"
    if kind == "CATEGORICAL" or isinstance(value, str):
        return None, words or fields.text(value, "value"), comment
    return fields.number(value, "value"), None, comment


# --- datasets ------------------------------------------------------------------------------------------------------


def read_dataset_item(record: Mapping[str, Json], _context: Context) -> Iterator[EvalCase]:
    """The eval case of a dataset item."""
    suite = fields.identifier(fields.first(record, ("datasetName", "datasetId")), "datasetName") or "default"
    expected = record.get("expectedOutput")
    yield EvalCase(
        suite,
        fields.required_id(record.get("id"), "id"),
        last_question(record.get("input")),
        None if expected is None else fields.plain_text(expected),
        {k: fields.plain_text(v) for k, v in fields.object_of(record.get("metadata")).items() if v is not None},
    )


def _read_run_item(record: Mapping[str, Json], _context: Context) -> Records:
    trace_id = fields.required_id(record.get("traceId"), "traceId")
    yield Span(trace_id, trace_id, is_evaluation=True)


def _read_run(record: Mapping[str, Json], context: Context) -> Records:
    for item in record["datasetRunItems"]:
        if not isinstance(item, dict):
            raise BadRecord(expected="datasetRunItems: a list of items", found=fields.describe(item))
        yield from _read_run_item(item, context)
    if not record["datasetRunItems"]:
        raise SkipRecord("dataset runs without items")


_READERS: Mapping[str, Callable[[Mapping[str, Json], Context], Records]] = {
    "batch": _read_batch,
    "session": _read_session,
    "trace": _read_trace,
    "observation": _read_observation,
    "score": _read_score,
    "dataset item": read_dataset_item,
    "run item": _read_run_item,
    "run": _read_run,
}


def _looks_like(sample: Sample) -> float:
    """How many of the records are of a kind that Langfuse gives."""
    return 0.95 * sample.share(lambda record: _kind(_camel(record)) is not None)


READER = Reader(
    name="langfuse",
    kind="conversations",
    description="Langfuse ingestion batches, scores, and traces, observations and sessions from its API",
    looks_like=_looks_like,
    read=_read,
)
