"""OpenInference's attributes (Arize's instrumentations, Phoenix): `openinference.span.kind` tells what a span is.

A model call's messages stand in numbered attributes (`llm.input_messages.0.message.role`), the whole request and response also in `input.value`
and `output.value`; where the numbered ones lack a reply's text (a refusal), the response has it. The `input.value` and
`output.value` of agents and chains are what the application was asked and gave.

Ratings stand on spans (`annotations.0.annotation.score`), of the span, its trace or its session, as `annotations` or `evaluations`.
A span may carry `gen_ai.*` beside its own attributes; these are then not read again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

from everyturn.model import Feedback, FeedbackRecord, Json, Message, Operation, Span, ToolCall, digest
from everyturn.readers import ReadOptions, fields, steps
from everyturn.readers.attributes import own_attributes, with_common
from everyturn.readers.failures import failure
from everyturn.readers.feedback_names import source_of
from everyturn.readers.forms import as_openai, reply
from everyturn.readers.genai import environment, error_of, ids_of
from everyturn.readers.genai_messages import one_reply, with_calls_joined
from everyturn.readers.openai_messages import openai_messages
from everyturn.readers.otlp_wire import Attributes, OtlpSpan
from everyturn.readers.repeats import Item, RepeatedItems

_KIND = "openinference.span.kind"
_OPERATIONS: Mapping[str, Operation] = {
    "LLM": "chat",
    "AGENT": "invoke_agent",
    "TOOL": "execute_tool",
    "EMBEDDING": "execute_tool",
    "EVALUATOR": "execute_tool",
    "GUARDRAIL": "execute_tool",
    "RERANKER": "execute_tool",
    "RETRIEVER": "execute_tool",
}
_PLAIN_ROLES = frozenset({"user", "assistant", "system"})
_NOISE = ("ls_", "langgraph_", "checkpoint_", "lc_", "__pregel")  # what LangChain itself puts into the metadata
_RATING = re.compile(r"(?:(trace|session)\.)?(annotations|evaluations)\.(\d+)\.(?:annotation|evaluation)\.(\w+)")


def is_openinference(names: Collection[str]) -> bool:
    """Whether attributes are those of an OpenInference instrumentation, or of an application with its names."""
    return _KIND in names


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with OpenInference's attributes."""
    found = span.attributes
    kind = str(found[_KIND]).upper()
    operation = _OPERATIONS.get(kind, "other")
    metadata = _metadata(found)
    given, made = found.get("input.value"), found.get("output.value")
    name = found.get("tool.name") or span.name
    result = as_openai(fields.json_value(made)) if kind == "TOOL" else None
    conversation_id, user_id = ids_of(span, options, metadata)
    return span.as_span(
        operation,
        conversation_id,
        user_id,
        input=_given(span, operation, conversation_id or span.trace_id),
        output=_made(span, operation),
        tool_call=_tool_call(str(name), given, result) if kind == "TOOL" and name else None,
        tool_result=_tool_result(made, result) if kind == "TOOL" else None,
        error=failure(error_of(span)),
        response_id=fields.identifier(found.get("gen_ai.response.id"), "gen_ai.response.id"),
        attributes=_conversation_attributes(span, metadata, options),
    )


def _metadata(found: Attributes) -> Mapping[str, Json]:
    metadata = fields.json_value(found.get("metadata"))
    if not isinstance(metadata, dict):
        return {}
    return {k: v for k, v in metadata.items() if not k.startswith(_NOISE)}


def _conversation_attributes(span: OtlpSpan, metadata: Mapping[str, Json], options: ReadOptions) -> dict[str, str]:
    found = span.attributes
    attributes = own_attributes(found, options, span.names)
    if metadata:
        attributes |= own_attributes(metadata, options)
    tags, model = fields.json_value(found.get("tag.tags")), found.get("llm.model_name")
    return with_common(attributes, tags=tags, model=model, environment=environment(span.resource))


# --- model calls --------------------------------------------------------------------------------------------------


def _given(span: OtlpSpan, operation: Operation, key: str) -> tuple[Message, ...] | None:
    """The messages given to a model call, an agent or a chain; a tool's input is not a message."""
    if operation == "execute_tool":
        return None
    found = span.attributes
    if operation == "chat" and (numbered := span.names.derive(_GIVEN)):
        messages = _REPEATS.messages(key, _items(found, numbered))
        if messages:
            return messages
    value = as_openai(fields.json_value(found.get("input.value")))
    return steps.given(value) if operation == "chat" else steps.asked(value)


def _made(span: OtlpSpan, operation: Operation) -> tuple[Message, ...] | None:
    """The replies of a span. A model call that failed has none, although some clients write an empty one."""
    if operation == "execute_tool":
        return None
    found = span.attributes
    value = found.get("output.value")
    if operation != "chat":
        return steps.answered(as_openai(fields.json_value(value)))
    messages = one_reply(tuple(_messages(_items(found, span.names.derive(_MADE)))) or None)
    if messages and (messages[0].content or messages[0].tool_calls):
        return messages
    if span.error is not None:
        return None
    whole = (
        steps.made(reply(fields.json_value(value)))
        if found.get("output.mime_type") == "application/json" or not messages
        else None
    )
    return whole if whole and (whole[0].content or whole[0].tool_calls or not messages) else messages


_Field: TypeAlias = tuple[str | None, int, str]  # of a message: in which group, the number there, and what it is called
_ROLE_AND_CONTENT: tuple[_Field, ...] = ((None, 0, "role"), (None, 0, "content"))


class _Numbered(NamedTuple):
    """The attributes that make up one message, each with the field it fills."""

    fields: tuple[_Field, ...]
    names: tuple[str, ...]


def _numbered(prefix: str, names: tuple[str, ...]) -> tuple[_Numbered, ...]:
    """The messages in the names of numbered attributes, in the order of their numbers."""
    found: dict[int, list[tuple[_Field, str]]] = {}
    for name in names:
        if name.startswith(prefix) and (place := _place(name[len(prefix) :])) is not None:
            number, field = place
            found.setdefault(number, []).append((field, name))
    return tuple(_Numbered(*zip(*places, strict=True)) for _, places in sorted(found.items()))


_GIVEN = partial(_numbered, "llm.input_messages.")
_MADE = partial(_numbered, "llm.output_messages.")


def _items(found: Attributes, messages: Iterable[_Numbered]) -> list[Item]:
    """What each message is read from: its fields and their values."""
    return [(m.fields, *[found[name] for name in m.names]) for m in messages]


def _messages(items: Iterable[Item]) -> list[Message]:
    messages: list[Message] = []
    for item in items:
        places, role, *more = item
        if places == _ROLE_AND_CONTENT and type(role) is str and role in _PLAIN_ROLES and type(more[0]) is str:
            messages.append(Message(role, more[0]))  # type: ignore[arg-type]  # it is one of the plain roles
            continue
        message: dict[str, Json] = {}
        for (group, index, field), value in zip(places, item[1:], strict=True):
            if group is None:
                message[field] = value
            else:
                message.setdefault(group, {}).setdefault(index, {})[field] = value
        if "role" in message:
            messages += openai_messages(_openai(message))
    return messages


_REPEATS = RepeatedItems(lambda items: with_calls_joined(_messages(items)))


def _place(path: str) -> tuple[int, _Field] | None:
    """Where an attribute belongs: the message's number, and the field: its tool calls or parts, the number there, its name.

    >>> _place("0.message.role"), _place("2.message.tool_calls.1.tool_call.function.name")
    ((0, (None, 0, 'role')), (2, ('tool_calls', 1, 'function.name')))
    """
    number, _, rest = path.partition(".message.")
    if not number.isdecimal():
        return None
    group, _, inner = rest.partition(".")
    if group not in {"tool_calls", "contents"}:
        return int(number), (None, 0, rest)
    index, _, field = inner.partition(".")
    return (int(number), (group, int(index), field.partition(".")[2])) if index.isdecimal() else None


def _openai(item: Mapping[str, Json]) -> dict[str, Json]:
    calls = [
        {
            "id": call.get("id"),
            "name": str(call.get("function.name") or ""),
            "arguments": call.get("function.arguments"),
        }
        for _, call in sorted(item.get("tool_calls", {}).items())
    ]
    if "function_call_name" in item:
        calls.append({"name": str(item["function_call_name"]), "arguments": item.get("function_call_arguments_json")})
    content = item.get("content")
    parts = item.get("contents")
    if content is None and parts:
        content = [{**part, "type": str(part.get("type") or "part")} for _, part in sorted(parts.items())]
    message: dict[str, Json] = {"role": item["role"], "content": content}
    if calls:
        message["tool_calls"] = calls
    for name in ("tool_call_id", "name"):
        if name in item:
            message[name] = item[name]
    return message


# --- tools --------------------------------------------------------------------------------------------------------


def _tool_call(name: str, given: Json, result: Json) -> ToolCall | None:
    call = steps.tool_call(name, given)
    call_id = result.get("tool_call_id") if isinstance(result, dict) else None
    return call if call is None or not isinstance(call_id, str) else replace(call, id=call_id)


def _tool_result(made: Json, result: Json) -> str | None:
    """A tool's result; LangChain writes it as a message."""
    if isinstance(result, dict) and result.get("role") == "tool":
        return fields.text_of(result.get("content"))
    return fields.text_of(made)


# --- ratings ------------------------------------------------------------------------------------------------------


def _ratings(names: tuple[str, ...]) -> tuple[tuple[str, tuple[str, str, int, str]], ...]:
    """The names that belong to ratings, with the rating of each (of what, in which list, its number) and its field there."""
    matches = ((name, _RATING.fullmatch(name)) for name in names if "annotations." in name or "evaluations." in name)
    return tuple((name, (m[1] or "span", m[2], int(m[3]), m[4])) for name, m in matches if m)


def ratings(span: OtlpSpan, read: Span) -> Iterator[FeedbackRecord]:
    """The ratings on a span, which were given before it ended."""
    found: dict[tuple[str, str, int], dict[str, Json]] = {}
    for name, (scope, group, number, field) in span.names.derive(_ratings):
        found.setdefault((scope, group, number), {})[field] = span.attributes[name]
    for (scope, group, number), rating in found.items():
        called = fields.text(rating.get("name"), "name")
        value = fields.number(rating.get("score"), "score")
        label = fields.text(rating.get("label"), "label")
        comment = fields.text(rating.get("explanation"), "explanation")
        if not called or (value is None and label is None and comment is None):
            continue
        mark = fields.text(rating.get("annotator_kind"), "annotator_kind")
        yield FeedbackRecord(
            digest(span.trace_id, span.span_id, scope, group, str(number)),
            Feedback(called, value, label, comment, source=source_of(called, mark=mark), at=span.ended_at),
            conversation_id=read.conversation_id if scope == "session" else None,
            trace_id=span.trace_id if scope != "session" or read.conversation_id is None else None,
            span_id=span.span_id if scope == "span" else None,
        )
