"""The Vercel AI SDK's telemetry attributes: `ai.operationId` tells what a span is.

`ai.generateText` and its like are the whole turn, `….doGenerate` and `….doStream` the model calls in it, `ai.toolCall` a tool. The model
call's messages stand as JSON in `ai.prompt.messages`, its reply in `ai.response.text` and `.toolCalls`. Ids and everything else that tells
conversations apart are `ai.telemetry.metadata`, under names that the application chose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everyturn.model import Json, Message, Operation, Span, ToolCall
from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.attributes import own_attributes, with_common
from everyturn.readers.genai import environment, error_of, ids_of
from everyturn.readers.openai_messages import openai_messages
from everyturn.readers.otlp_wire import Attributes, OtlpSpan

_OPERATION = "ai.operationId"
_METADATA = "ai.telemetry.metadata."
_CALLS = (".doGenerate", ".doStream")
_TURNS = frozenset({"ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"})
_MODELS = ("ai.response.model", "gen_ai.response.model", "ai.model.id", "gen_ai.request.model")


def is_vercel(names: Collection[str]) -> bool:
    """Whether attributes are the Vercel AI SDK's."""
    return _OPERATION in names


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with the AI SDK's attributes."""
    found = span.attributes
    operation = _operation(str(found[_OPERATION]))
    metadata = fields.prefixed(found, _METADATA)
    name = found.get("ai.toolCall.name")
    return span.as_span(
        operation,
        *ids_of(span, options, metadata),
        input=_given(found) if operation in {"chat", "invoke_agent"} else None,
        output=_made(found, span) if operation in {"chat", "invoke_agent"} else None,
        tool_call=_call(found.get("ai.toolCall.id"), name, found.get("ai.toolCall.args")) if name else None,
        tool_result=fields.text_of(found.get("ai.toolCall.result")),
        error=error_of(span),
        response_id=fields.identifier(fields.first(found, ("ai.response.id", "gen_ai.response.id")), "ai.response.id"),
        attributes=_conversation_attributes(span, metadata, options),
    )


def _operation(name: str) -> Operation:
    if name in _TURNS:
        return "invoke_agent"
    if name.startswith(("ai.embed", "ai.rerank")) or name == "ai.toolCall":
        return "execute_tool"
    return "chat" if name.endswith(_CALLS) else "other"


def _conversation_attributes(span: OtlpSpan, metadata: Mapping[str, Json], options: ReadOptions) -> dict[str, str]:
    attributes = own_attributes(span.attributes, options, span.names) | own_attributes(metadata, options)
    model = fields.first(span.attributes, _MODELS)
    return with_common(attributes, tags=metadata.get("tags"), model=model, environment=environment(span.resource))


def _given(found: Attributes) -> tuple[Message, ...] | None:
    listed = fields.json_value(found.get("ai.prompt.messages"))
    if not isinstance(listed, list):
        prompt = fields.json_value(found.get("ai.prompt"))
        if isinstance(prompt, str):
            return (Message("user", prompt),)
        listed = fields.first(prompt, ("messages", "prompt")) if isinstance(prompt, dict) else None
        if isinstance(listed, str):
            return (Message("user", listed),)
    if not isinstance(listed, list):
        return None
    return tuple(message for item in listed for message in _messages(item))


def _made(found: Attributes, span: OtlpSpan) -> tuple[Message, ...] | None:
    """The reply; an empty one if the call succeeded with neither a text nor a tool call."""
    text = fields.text_of(fields.first(found, ("ai.response.text", "ai.response.object")))
    listed = fields.json_value(found.get("ai.response.toolCalls"))
    calls = [
        _call(c.get("toolCallId"), c.get("toolName"), c.get("input", c.get("args")))
        for c in (listed if isinstance(listed, list) else [])
        if isinstance(c, dict)
    ]
    if calls and str(found[_OPERATION]) not in _TURNS:
        return (Message("assistant", text or None, None, tuple(calls)),)
    if text is None and (
        span.error is not None or not ({"ai.response.finishReason", "ai.response.text"} & found.keys())
    ):
        return None
    return (Message("assistant", text or ""),)


def _call(call_id: Json, name: Json, arguments: Json) -> ToolCall:
    decoded = fields.json_value(arguments)
    return ToolCall(
        fields.identifier(call_id, "toolCallId"), str(name or ""), decoded if isinstance(decoded, dict) else arguments
    )


def _messages(item: Json) -> list[Message]:
    """The messages of one of the SDK's, whose content is a text or parts; each tool result becomes a message."""
    if not isinstance(item, dict):
        raise BadRecord(expected="ai.prompt.messages: objects with a role and content", found=fields.describe(item))
    content = item.get("content")
    if not isinstance(content, list):
        return openai_messages(item)
    parts, calls, results = [], [], []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool-call":
            calls.append(_call(part.get("toolCallId"), part.get("toolName"), part.get("input", part.get("args"))))
        elif kind == "tool-result":
            call_id = fields.identifier(part.get("toolCallId"), "toolCallId")
            results.append(Message("tool", _result(part), None, (), call_id))
        else:
            parts.append(part)
    if results and not parts and not calls:
        return results
    (message, *_) = openai_messages({**item, "content": parts}) or [Message("assistant", None)]
    content_text = message.content or (None if calls else "")
    return [*results, Message(message.role, content_text, None, tuple(calls), None, message.name)]


def _result(part: Mapping[str, Json]) -> str | None:
    """A tool's result: the value itself, or (since version 5) an object that says its type and value."""
    output = part.get("output", part.get("result"))
    if isinstance(output, dict) and isinstance(output.get("type"), str) and "value" in output:
        output = output["value"]
    return fields.text_of(output)
