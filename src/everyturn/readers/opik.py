"""Opik's traces, spans and feedback scores: what its SDK sends, what its API gives and what `opik export` writes.

    {"trace": {"id": "t1", "project_name": "support", "name": "turn", "thread_id": "c1", "start_time": "2026-03-02T09:30:00Z",
               "input": {"message": "Where is my order?"}, "output": {"output": "It arrives today."}, "tags": ["orders"],
               "metadata": {"user_id": "u0412", "plan": "pro"},
               "feedback_scores": [{"name": "thumbs", "value": 1, "source": "ui", "reason": "quick"}]},
     "spans": []}

A record is one of: a batch of traces, spans or scores (POST and PUT /v1/private/…); a page of the API (its rows under `content`); a trace
or a span; an exported trace with its spans.

The conversation is the trace's `thread_id`, else the trace itself. The user stands in its metadata (`user_id`, `user`, `customer_id`); other
metadata and the tags become attributes. A trace stands as the span above its spans.

A score with a category has the category as its label, whatever number stands beside it. One author has one score of a name on a target, the
latest counts.

Traces of experiments, of the playground and of optimisations are marked as an evaluation and never become conversations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from everyturn.model import Feedback, FeedbackRecord, Json, Operation, Span, ToolCall, digest
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Records, Sample, fields, steps
from everyturn.readers.attributes import attribute_text, is_plain, with_common
from everyturn.readers.failures import typed_failure
from everyturn.readers.feedback_names import Source, source_of

_OPERATIONS: Mapping[str, Operation] = {"llm": "chat", "tool": "execute_tool", "guardrail": "execute_tool"}
_TYPES = frozenset({"general", "guardrail", "llm", "tool"})
_TESTS = frozenset({"experiment", "playground", "optimization", "evaluator"})
_SOURCES: Mapping[str, Source] = {"ui": "user", "online_scoring": "judge"}
_NOT_METADATA = frozenset({"created_from", "usage"})  # Opik's own
_SENT = frozenset({"project_name", "project_id", "source", "last_updated_at"})


def _read(record: Json, context: Context) -> Records:
    kind = _kind(record)
    if kind is None:
        raise BadRecord(expected="an Opik trace, span, score or page of them", found=fields.describe(record))
    yield from _READERS[kind](record, context)


def _is_trace(record: Json) -> bool:
    if not isinstance(record, dict) or not {"id", "start_time"} <= record.keys() or "trace_id" in record:
        return False
    return "context" not in record and len(record.keys() & _SENT) > 1


def _is_timed(record: Json) -> bool:
    return isinstance(record, dict) and {"id", "start_time"} <= record.keys()


def _is_span(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and {"id", "trace_id", "start_time"} <= record.keys()
        and (str(record.get("type")) in _TYPES or "parent_span_id" in record or len(record.keys() & _SENT) > 1)
    )


def _is_score(record: Json) -> bool:
    return isinstance(record, dict) and {"name", "value", "source"} <= record.keys() and _target(record) is not None


def _is_list_of(record: Json, name: str, is_item: Callable[[Json], bool]) -> bool:
    items = record.get(name) if isinstance(record, dict) else None
    return isinstance(items, list) and bool(items) and is_item(items[0])


_KINDS: tuple[tuple[str, Callable[[Json], bool]], ...] = (
    ("exported", lambda r: isinstance(r, dict) and isinstance(r.get("spans"), list) and _is_timed(r.get("trace"))),
    ("traces", lambda r: _is_list_of(r, "traces", _is_trace)),
    ("spans", lambda r: _is_list_of(r, "spans", _is_span)),
    ("scores", lambda r: _is_list_of(r, "scores", _is_score)),
    ("content", lambda r: _is_list_of(r, "content", lambda i: _is_trace(i) or _is_span(i))),
    ("span", _is_span),
    ("trace", _is_trace),
    ("score", _is_score),
)


def _kind(record: Json) -> str | None:
    """The kind of a record, recognised by fields that no other kind has."""
    return next((kind for kind, is_kind in _KINDS if is_kind(record)), None)


def _each(name: str) -> Callable[[Mapping[str, Json], Context], Records]:
    """Reads the items under a field; a bad one is rejected without the others."""

    def read(record: Mapping[str, Json], context: Context) -> Records:
        return context.parts(record[name], lambda item: _read(item, context))

    return read


def _read_exported(record: Mapping[str, Json], context: Context) -> Records:
    yield from _read_trace(record["trace"], context)
    yield from _each("spans")(record, context)


# --- traces and spans ----------------------------------------------------------------------------------------------


def _read_trace(record: Mapping[str, Json], context: Context) -> Records:
    trace_id = fields.required_id(record.get("id"), "id")
    metadata = fields.object_of(record.get("metadata"))
    yield Span(
        trace_id=trace_id,
        span_id=trace_id,
        conversation_id=fields.conversation_id(record, context.options, ("thread_id",)),
        user_id=_user_id(record, metadata, context.options),
        name=fields.text(record.get("name"), "name"),
        started_at=fields.time(record.get("start_time"), "start_time"),
        ended_at=fields.time(record.get("end_time"), "end_time"),
        input=steps.asked(record.get("input")),
        output=steps.answered(record.get("output")),
        error=_error(record.get("error_info")),
        attributes=_attributes(record, metadata, context.options),
        is_evaluation=_is_test(record) or record.get("experiment") is not None,
    )
    yield from _scores(record, trace_id, context)


def _read_span(record: Mapping[str, Json], context: Context) -> Records:
    span_id = fields.required_id(record.get("id"), "id")
    trace_id = fields.required_id(record.get("trace_id"), "trace_id")
    kind = record.get("type")
    operation = _OPERATIONS.get(kind, "other") if isinstance(kind, str) else "other"
    given, made = record.get("input"), record.get("output")
    is_tool, name = kind == "tool", fields.text(record.get("name"), "name")
    model = fields.text(record.get("model"), "model")
    yield Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=fields.identifier(record.get("parent_span_id"), "parent_span_id") or trace_id,
        operation=operation,
        name=name,
        started_at=fields.time(record.get("start_time"), "start_time"),
        ended_at=fields.time(record.get("end_time"), "end_time"),
        input=steps.given(given) if operation == "chat" else steps.asked(given) if operation == "other" else None,
        output=steps.made(made) if operation == "chat" else steps.answered(made) if operation == "other" else None,
        tool_call=_tool_call(record, name or "") if is_tool else None,
        tool_result=fields.text_of(_returned(made)) if is_tool else None,
        error=_error(record.get("error_info")),
        attributes={"model": model} if model else {},
        is_evaluation=_is_test(record),
    )
    yield from _scores(record, span_id, context)


def _is_test(record: Mapping[str, Json]) -> bool:
    source = record.get("source")
    return isinstance(source, str) and source in _TESTS


def _user_id(record: Mapping[str, Json], metadata: Mapping[str, Json], options: ReadOptions) -> str | None:
    if options.user_id is not None and (found := fields.user_id(record, options)) is not None:
        return found
    return fields.user_id(metadata, options)


def _attributes(record: Mapping[str, Json], metadata: Mapping[str, Json], options: ReadOptions) -> dict[str, str]:
    ids = {*fields.USER_ID_NAMES, *fields.CONVERSATION_ID_NAMES, options.user_id, *_NOT_METADATA}
    if options.user_id is not None:
        ids.add(options.user_id.rpartition(".")[2])
    found = {
        name: attribute_text(value)
        for name, value in metadata.items()
        if is_plain(value) and name not in ids and not name.startswith("_opik")
    }
    environment = fields.text(record.get("environment"), "environment")
    return with_common(found, tags=record.get("tags"), environment=environment)


def _tool_call(record: Mapping[str, Json], name: str) -> ToolCall | None:
    """The call of a tool's step; its id is in the metadata if the application put it there."""
    given = record.get("input")
    if isinstance(given, dict) and given.keys() == {"kwargs"}:  # a function that takes any keywords
        given = given["kwargs"]
    found = steps.tool_call(name, given)
    call_id = fields.identifier(fields.object_of(record.get("metadata")).get("tool_call_id"), "tool_call_id")
    return ToolCall(call_id, name, found.arguments if found else None) if call_id else found


def _returned(value: Json) -> Json:
    """What a function returned; the SDK puts anything but an object under `output`."""
    return value["output"] if isinstance(value, dict) and value.keys() == {"output"} else value


def _error(value: Json) -> str | None:
    return typed_failure(value.get("exception_type"), value.get("message")) if isinstance(value, dict) else None


# --- scores --------------------------------------------------------------------------------------------------------


def _scores(record: Mapping[str, Json], target: str, context: Context) -> Records:
    scores = fields.listed(record.get("feedback_scores"), "feedback_scores")
    return context.parts(scores, lambda item: _rating(item, target))


def _target(record: Mapping[str, Json]) -> Json:
    return fields.first(record, ("id", "thread_id"))


def _read_score(record: Mapping[str, Json], _context: Context) -> Records:
    """One score sent by itself. Its `id` is that of the span or trace it is about."""
    thread_id = fields.identifier(record.get("thread_id"), "thread_id")
    if thread_id is not None:
        yield from _rating(record, None, thread_id)
    else:
        yield from _rating(record, fields.required_id(record.get("id"), "id"))


def _rating(item: Json, target: str | None, thread_id: str | None = None) -> Iterator[FeedbackRecord]:
    if not isinstance(item, dict):
        raise BadRecord(expected="feedback_scores: a list of scores", found=fields.describe(item))
    name = fields.text(item.get("name"), "name")
    if not name:
        raise BadRecord(expected="name: the score's name", found=fields.describe(item.get("name")))
    category = fields.text(item.get("category_name"), "category_name")
    value = fields.number(item.get("value"), "value")
    source = item.get("source")
    yield FeedbackRecord(
        digest("opik", target, thread_id, name),
        Feedback(
            name,
            None if category else value,
            category or None,
            fields.text(item.get("reason"), "reason"),
            source=(_SOURCES.get(source) if isinstance(source, str) else None) or source_of(name),
            at=fields.time(fields.first(item, ("last_updated_at", "created_at")), "last_updated_at"),
        ),
        conversation_id=thread_id,
        span_id=target,  # a trace is a span of its own id, so that one field finds both
    )


_READERS: Mapping[str, Callable[[Mapping[str, Json], Context], Records]] = {
    "exported": _read_exported,
    "traces": _each("traces"),
    "spans": _each("spans"),
    "scores": _each("scores"),
    "content": _each("content"),
    "span": _read_span,
    "trace": _read_trace,
    "score": _read_score,
}


def _looks_like(sample: Sample) -> float:
    """How many of the records are of a kind that Opik gives."""
    return 0.9 * sample.share(lambda record: _kind(record) is not None)


READER = Reader(
    name="opik",
    kind="conversations",
    description="Opik traces, spans and feedback scores, as its SDK sends them, its API gives them or its export writes them",
    looks_like=_looks_like,
    read=_read,
)
