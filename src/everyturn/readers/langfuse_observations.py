"""Langfuse's observations -> spans, whichever way they come: OTLP attributes, ingestion events or exports.

A generation is a model call, an agent a whole turn, a tool a tool's step; spans, chains and events are the application's. Evaluators,
guardrails, retrievers and embeddings count as tool steps without a call, so that model calls made inside them are not taken for words to
the user. A trace stands as a span with the trace's own id, the parent of all observations that name none.

What an observation of the application or an agent was given and gave is any value: a text, an object with a text under a usual name, the
arguments of a decorated function. Where it is none of these, it says nothing about the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from everyturn.model import Json, Message, Span, ToolCall
from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.genai import Operation, conversation_id, error_of, is_plain, joined, openai_messages, user_id
from everyturn.readers.otlp_wire import OtlpSpan

_OPERATIONS: Mapping[str, Operation] = {
    "GENERATION": "chat",
    "AGENT": "invoke_agent",
    "TOOL": "execute_tool",
    "EVALUATOR": "execute_tool",
    "GUARDRAIL": "execute_tool",
    "RETRIEVER": "execute_tool",
    "EMBEDDING": "execute_tool",
}
_QUESTIONS = (
    "message",
    "messages",
    "input",
    "question",
    "query",
    "prompt",
    "user_input",
    "user_message",
    "text",
    "content",
)
_ANSWERS = ("output", "answer", "response", "reply", "message", "messages", "text", "content", "result")
_CALL_ID_BEGINNINGS = ("call_", "toolu_", "tool_", "fc_", "chatcmpl-tool")
_EVALUATION_ENVIRONMENTS = (
    "sdk-experiment",
    "langfuse-",
)  # the second begins those Langfuse reserves for its own judges
_TRACE = "langfuse.trace."
_METADATA = "langfuse.trace.metadata."
_DEPTH = 3


@dataclass(slots=True)
class Observation:
    """One observation, or what one event says of it; None where it does not say."""

    trace_id: str
    id: str
    parent_id: str | None = None
    type: str = "SPAN"
    name: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    input: Json = None
    output: Json = None
    error: str | None = None
    model: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    tags: Json = None
    version: str | None = None
    environment: str | None = None
    is_evaluation: bool = False

    def span(self) -> Span:
        """The observation as a span."""
        operation = _OPERATIONS.get(self.type.upper(), "other")
        is_tool = self.type.upper() == "TOOL"
        is_call = operation == "chat"
        given = made = None
        if operation != "execute_tool":
            given = _given(self.input) if is_call else _said(self.input, "user", _QUESTIONS)
            made = _made(self.output) if is_call else _said(self.output, "assistant", _ANSWERS)
        return Span(
            trace_id=self.trace_id,
            span_id=self.id,
            parent_id=self.parent_id,
            conversation_id=self.conversation_id,
            user_id=self.user_id,
            operation=operation,
            name=self.name,
            started_at=self.started_at,
            ended_at=self.ended_at,
            input=given,
            output=made,
            tool_call=_tool_call(self.name, self.input) if is_tool and self.name else None,
            tool_result=_text_of(self.output) if is_tool else None,
            error=self.error,
            attributes=self._attributes(),
            is_evaluation=self.is_evaluation
            or (self.environment or "").startswith(_EVALUATION_ENVIRONMENTS)
            or {"dataset_item_id", "dataset_id"} <= self.metadata.keys(),
        )

    def _attributes(self) -> dict[str, str]:
        found = {name: joined(value) for name, value in self.metadata.items() if is_plain(value)}
        if isinstance(self.tags, list) and self.tags and is_plain(self.tags):
            found["tags"] = joined(self.tags)
        for name, value in (("agent_version", self.version), ("environment", self.environment), ("model", self.model)):
            if value:
                found.setdefault(name, value)
        return found


# --- what they hold ----------------------------------------------------------------------------------------------


def _decoded(value: Json) -> Json:
    """The object or list in a text that holds one; a text that is anything else stays a text."""
    return fields.json_value(value)


def _is_messages(value: Json) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in value)
    )


def _messages(items: list[Json]) -> tuple[Message, ...]:
    return tuple(message for item in items for message in openai_messages(item))


def _given(value: Json) -> tuple[Message, ...] | None:
    """What a model call was given: a list of messages, alone or beside its tools, or one text."""
    found = _decoded(value)
    if isinstance(found, dict):
        inner = found.get("messages", found.get("prompt"))
        found = inner if inner is not None else [found] if "role" in found else None
    if _is_messages(found):
        return _messages(found)
    text = found if isinstance(found, str) else value if isinstance(value, str) else None
    return (Message("user", text),) if text else None


def _made(value: Json) -> tuple[Message, ...] | None:
    """What a model call gave: a message, choices of such, or one text."""
    if value is None:
        return None
    found = _decoded(value)
    if isinstance(found, dict) and isinstance(found.get("choices"), list) and found["choices"]:
        first = found["choices"][0]
        found = first.get("message") if isinstance(first, dict) else None
    if isinstance(found, dict) and ("role" in found or "tool_calls" in found or "content" in found):
        return _messages([{**found, "role": found.get("role") or "assistant"}])
    if _is_messages(found):
        return _messages(found[-1:])
    text = value if isinstance(value, str) else _text_of(value)
    return (Message("assistant", text),) if text is not None else None


def _said(value: Json, role: str, names: tuple[str, ...], depth: int = 0) -> tuple[Message, ...] | None:
    """What a user asked or an agent answered, if the value holds it as a text."""
    found = _decoded(value)
    if isinstance(found, str):
        return (Message("user" if role == "user" else "assistant", found),)
    if isinstance(found, dict) and isinstance(found.get("role"), str):
        found = [found]
    if _is_messages(found):
        messages = _messages(found)
        return messages if any(m.role == role for m in messages) else None
    if not isinstance(found, dict) or depth == _DEPTH:
        return None
    if found.keys() == {"args", "kwargs"}:
        return _argument(found["args"], found["kwargs"], role, names, depth)
    said = (_said(found[name], role, names, depth + 1) for name in names if name in found)
    return next(filter(None, said), None)


def _argument(args: Json, kwargs: Json, role: str, names: tuple[str, ...], depth: int) -> tuple[Message, ...] | None:
    """What a decorated function was given: the argument with a usual name, or its only one."""
    if isinstance(kwargs, dict) and kwargs and (said := _said(kwargs, role, names, depth + 1)):
        return said
    values = [*(args if isinstance(args, list) else []), *(kwargs.values() if isinstance(kwargs, dict) else [])]
    return _said(values[0], role, names, depth + 1) if len(values) == 1 else None


def _tool_call(name: str, value: Json) -> ToolCall | None:
    """The call of a tool's step, from what it was given.

    That is an object, or the arguments of a decorated function, among which the call's id may be.
    """
    found = _decoded(value)
    call_id = None
    if isinstance(found, dict) and found.keys() == {"args", "kwargs"}:
        args = list(found["args"]) if isinstance(found["args"], list) else []
        kwargs = dict(found["kwargs"]) if isinstance(found["kwargs"], dict) else {}
        for arg in (*args, *kwargs.values()):
            if isinstance(arg, str) and arg.startswith(_CALL_ID_BEGINNINGS):
                call_id = arg
        args = [a for a in args if a != call_id]
        kwargs = {k: v for k, v in kwargs.items() if v != call_id}
        found = kwargs if kwargs and not args else args[0] if len(args) == 1 and isinstance(args[0], dict) else args
    return ToolCall(call_id, name, found)


def _text_of(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


# --- as OTLP attributes -------------------------------------------------------------------------------------------


def is_langfuse(span: OtlpSpan) -> bool:
    """Whether Langfuse's SDK made the span."""
    return "langfuse.observation.type" in span.attributes or span.scope == "langfuse-sdk"


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with Langfuse's attributes. Of a trace's own input and output, its root span has them."""
    found = span.attributes
    is_root = span.parent_id is None
    names = ("session.id", "langfuse.session.id", "gen_ai.conversation.id")
    metadata = {name[len(_METADATA) :]: _plain(value) for name, value in found.items() if name.startswith(_METADATA)}
    return Observation(
        trace_id=span.trace_id,
        id=span.span_id,
        parent_id=span.parent_id,
        type=_text(found, "langfuse.observation.type") or "SPAN",
        name=span.name or None,
        started_at=span.started_at,
        ended_at=span.ended_at,
        input=fields.first(found, ("langfuse.observation.input", *[f"{_TRACE}input"] * is_root)),
        output=_output(found, is_root=is_root),
        error=_text(found, "langfuse.observation.status_message") or error_of(span) if _has_failed(span) else None,
        model=_text(found, "langfuse.observation.model.name"),
        conversation_id=conversation_id(found, span.resource, options, names),
        user_id=user_id(found, span.resource, options, ("user.id", "langfuse.user.id")),
        metadata=metadata,
        tags=found.get(f"{_TRACE}tags"),
        version=_text(found, "langfuse.version"),
        environment=_text(found, "langfuse.environment"),
        is_evaluation=any(name.startswith("langfuse.experiment.") for name in found),
    ).span()


def _output(found: Mapping[str, Json], *, is_root: bool) -> Json:
    """What the observation gave; an empty text is something it gave."""
    value = found.get("langfuse.observation.output")
    return found.get(f"{_TRACE}output") if value is None and is_root else value


def _has_failed(span: OtlpSpan) -> bool:
    return span.error is not None or span.attributes.get("langfuse.observation.level") == "ERROR"


def _text(found: Mapping[str, Json], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and value else None


def _plain(value: Json) -> Json:
    """A metadata value, which newer releases encode as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def identified(value: Json, name: str) -> str:
    """An id that must be there."""
    found = fields.identifier(value, name)
    if found is None:
        raise BadRecord(expected=f"{name}: an id", found="nothing")
    return found
