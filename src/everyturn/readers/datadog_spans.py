"""Datadog's LLM spans -> spans, whichever way they come: events, an agent's traces, exports.

The kind llm is a model call, agent a whole turn, tool a tool's step; workflows and tasks are the application's. Embeddings and retrievals
count as tool steps without a call. Ids are decimal numbers beyond 2^53, read as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from everyturn.model import EvalCase, Json, Message, Operation, Span, ToolCall
from everyturn.readers import BadRecord, ReadOptions, fields, steps
from everyturn.readers.attributes import attribute_text, is_plain, object_attributes, with_common
from everyturn.readers.failures import typed_failure

_OPERATIONS: Mapping[str, Operation] = {
    "llm": "chat",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "embedding": "execute_tool",
    "retrieval": "execute_tool",
}
# What Datadog adds by itself, and the ids, which have fields of their own.
_OWN_TAGS = frozenset(
    {
        "agent_service",
        "dataset_id",
        "dataset_name",
        "dataset_record_id",
        "ddtrace.version",
        "env",
        "error",
        "error_type",
        "experiment_id",
        "experiment_name",
        "host",
        "integration",
        "language",
        "ml_app",
        "project_id",
        "project_name",
        "run_id",
        "run_iteration",
        "service",
        "session_id",
        "source",
        "user_id",
        "version",
    }
)
_ROOT = ("undefined", "", "0", None, 0)


@dataclass(frozen=True, slots=True)
class DatadogSpan:
    """One LLM span; `meta` holds its kind's content: input, output, metadata, model_name, error, tool_definitions."""

    trace_id: Json
    span_id: Json
    parent_id: Json
    session_id: Json
    name: Json
    kind: Json
    start: Json
    duration: Json
    has_failed: bool
    meta: Mapping[str, Json]
    tags: Json
    is_experiment: bool


def read_span(span: DatadogSpan, options: ReadOptions) -> Span:
    """The span with its messages, ids and attributes."""
    meta, tags = span.meta, _tags(span.tags)
    operation = _OPERATIONS.get(span.kind, "other") if isinstance(span.kind, str) else "other"
    name = fields.text(span.name, "name")
    error = meta["error"] if isinstance(meta.get("error"), dict) else {}
    given = made = call = result = None
    if operation == "chat":
        parameters = _parameters(meta.get("tool_definitions"))
        given = _messages(meta.get("input"), parameters) or steps.given(_value(meta.get("input")))
        made = _messages(meta.get("output"), parameters) or steps.made(_value(meta.get("output")))
    elif span.kind == "tool":
        call, result = _tool_call(name or "", meta), fields.text_of(_value(meta.get("output")))
    elif operation != "execute_tool":
        given = _messages(meta.get("input"), {}) or steps.asked(_value(meta.get("input")))
        made = _messages(meta.get("output"), {}) or steps.answered(_value(meta.get("output")))
    started_at = fields.time(span.start, "start_ns")
    parent_id = None if span.parent_id in _ROOT else fields.identifier(span.parent_id, "parent_id")
    return Span(
        trace_id=fields.required_id(span.trace_id, "trace_id"),
        span_id=fields.required_id(span.span_id, "span_id"),
        parent_id=parent_id,
        conversation_id=_declared(options.conversation_id, span, tags, "session_id"),
        user_id=_declared(options.user_id, span, tags, "user_id"),
        operation=operation,
        name=name,
        started_at=started_at,
        ended_at=_ended_at(started_at, span.duration),
        input=given or None,
        output=made or None,
        tool_call=call,
        tool_result=result,
        error=typed_failure(error.get("type"), error.get("message")) if span.has_failed else None,
        attributes=_attributes(span, operation, tags),
        is_evaluation=span.is_experiment or "experiment_id" in tags,
    )


def _tool_call(name: str, meta: Mapping[str, Json]) -> ToolCall:
    found = steps.tool_call(name, _value(meta.get("input")))
    metadata = meta.get("metadata")
    own = metadata.get("tool_call_id") if isinstance(metadata, dict) else None
    call_id = fields.identifier(own, "tool_call_id") or (found.id if found else None)
    return ToolCall(call_id, name, found.arguments if found else None)


def eval_case(span: DatadogSpan) -> EvalCase | None:
    """The dataset record that an experiment's root span ran, None for every other span."""
    if span.kind != "experiment":
        return None
    tags = _tags(span.tags)
    suite, case_id = tags.get("dataset_name") or tags.get("dataset_id"), tags.get("dataset_record_id")
    asked = steps.asked(_value(span.meta.get("input")))
    text = next((m.content for m in reversed(asked or ()) if m.role == "user" and m.content), None)
    if not suite or not case_id or not text:
        return None
    expected = span.meta.get("expected_output")
    metadata = span.meta.get("metadata")
    attributes = object_attributes(metadata, "metadata") if isinstance(metadata, dict) else {}
    return EvalCase(suite, case_id, text, None if expected is None else fields.plain_text(expected), attributes)


def _tags(value: Json) -> dict[str, str]:
    """The tags by name; the first colon parts name from value."""
    tags: dict[str, str] = {}
    for tag in value if isinstance(value, list) else ():
        name, colon, text = tag.partition(":") if isinstance(tag, str) else ("", "", "")
        if colon:
            tags.setdefault(name, text)
    return tags


def _declared(declared: str | None, span: DatadogSpan, tags: Mapping[str, str], usual: str) -> str | None:
    """An id: the declared tag or metadata field if one was declared, else the usual tag, or the session's own field."""
    if declared is not None:
        found = tags.get(declared)
        return fields.identifier(fields.at_path(span.meta, declared) if found is None else found, declared)
    own = span.session_id if usual == "session_id" else None
    return fields.identifier(own or tags.get(usual), usual)


def _attributes(span: DatadogSpan, operation: Operation, tags: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for name, value in tags.items() if name not in _OWN_TAGS and not name.startswith("_dd.")}
    metadata = span.meta.get("metadata")
    if operation in {"invoke_agent", "other"} and isinstance(metadata, dict):  # a model call's are its parameters
        found |= {name: attribute_text(value) for name, value in metadata.items() if is_plain(value)}
    return with_common(found, model=span.meta.get("model_name"), environment=tags.get("env"))


def _ended_at(started_at: datetime | None, duration: Json) -> datetime | None:
    length = fields.number(duration, "duration")
    if started_at is None or length is None:
        return None
    try:
        return started_at + timedelta(microseconds=length / 1000)
    except OverflowError:
        raise BadRecord(expected="duration: nanoseconds", found=fields.describe(duration)) from None


# --- content -------------------------------------------------------------------------------------------------------


def _value(content: Json) -> Json:
    """What is no list of messages: the value, or the documents that a retrieval gave; older SDKs give the text itself."""
    if not isinstance(content, dict):
        return content
    return next((content[name] for name in ("value", "documents", "parameters") if name in content), content or None)


def _messages(content: Json, parameters: Mapping[str, frozenset[str]]) -> tuple[Message, ...] | None:
    listed = content.get("messages") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        return None
    found: list[Message] = []
    for item in listed:
        if type(item) is dict and len(item) == 2 and type(content := item.get("content")) is str:
            name = item.get("role")
            role = fields.ROLE_NAMES.get(name) if type(name) is str else None
            if role is not None:  # nearly all messages
                found.append(Message(role, content))
                continue
        found += _message(item, parameters)
    return tuple(found)


def _message(item: Json, parameters: Mapping[str, frozenset[str]]) -> Iterator[Message]:
    """One message; the results of several tools come in one and become one each."""
    if not isinstance(item, dict):
        raise BadRecord(expected="messages: objects with a role and content", found=fields.describe(item))
    results = item.get("tool_results") or []
    if isinstance(results, list):
        for result in results:
            if not isinstance(result, dict):
                raise BadRecord(expected="tool_results: a list of objects", found=fields.describe(result))
            text = fields.text_of(result.get("result"))
            yield Message("tool", text, None, (), fields.identifier(result.get("tool_id"), "tool_id"))
    calls = item.get("tool_calls") or []
    if not isinstance(calls, list):
        raise BadRecord(expected="tool_calls: a list", found=fields.describe(calls))
    content = item.get("content")
    text = None if content is None else fields.text_of(content)
    if results and not text and not calls:
        return
    role = fields.role(item.get("role") or "user")
    called = tuple(_call(call, parameters) for call in calls)
    yield Message(role, (text or None) if called else text, None, called)


def _call(call: Json, parameters: Mapping[str, frozenset[str]]) -> ToolCall:
    """A tool call. Arguments that were no JSON come as {"value": text}: the text, unless the tool has such a parameter."""
    name = call.get("name") if isinstance(call, dict) else None
    if not isinstance(name, str):
        raise BadRecord(expected="tool_calls: objects with a name each", found=fields.describe(call))
    arguments = call.get("arguments")
    if isinstance(arguments, dict) and arguments.keys() == {"value"} and "value" not in parameters.get(name, {"value"}):
        arguments = arguments["value"]
    return ToolCall(fields.identifier(call.get("tool_id"), "tool_id"), name, arguments)


def _parameters(definitions: Json) -> dict[str, frozenset[str]]:
    """The names of each tool's parameters, as far as the span tells them."""
    found = {}
    for tool in definitions if isinstance(definitions, list) else ():
        schema = tool.get("schema") if isinstance(tool, dict) else None
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if isinstance(properties, dict) and isinstance(tool.get("name"), str):
            found[tool["name"]] = frozenset(map(str, properties))
    return found
