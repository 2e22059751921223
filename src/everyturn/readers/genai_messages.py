"""Reads the messages of OpenTelemetry's GenAI conventions, which consist of a role and parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from everyturn.model import Json, Message, Role, ToolCall
from everyturn.readers import BadRecord, fields
from everyturn.readers.openai_messages import openai_messages
from everyturn.readers.repeats import Repeats

_UNSEEN = frozenset({"reasoning", "thinking"})
_RESULTS = frozenset({"tool_call_response", "tool_result"})


def read_messages(value: Json, *, key: str | None = None) -> tuple[tuple[Message, ...] | None, bool]:
    """The messages of an attribute, JSON text or structured, and whether they were cut.

    Attribute length limits cut JSON text in the middle: then the messages are those before the cut, the last of them cut too. With the
    `key` of its conversation, what a text repeats of the one before is not decoded again.
    """
    is_cut = False
    if key is not None and type(value) is str and (repeated := _REPEATS.messages(key, value)) is not None:
        return repeated, False
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value, is_cut = _closed(value), True
    if is_cut and isinstance(value, list):
        value = [m for m in value if isinstance(m, dict) and (m.get("parts") or m.get("content"))] or None
    if not isinstance(value, list):
        return None, is_cut
    found: list[Message] = []
    for item in value:
        found += _message(item)
    return tuple(found), is_cut


def _closed(text: str) -> Json:
    """The value of a JSON text that was cut, with what is open at its end closed; None where that makes no JSON."""
    closers: list[str] = []
    is_string = is_escaped = False
    for character in text:
        if is_string:
            if is_escaped:
                is_escaped = False
            elif character == "\\":
                is_escaped = True
            elif character == '"':
                is_string = False
        elif character == '"':
            is_string = True
        elif character in "[{":
            closers.append("]" if character == "[" else "}")
        elif character in "]}" and closers:
            closers.pop()
    end = text[:-1] if is_escaped else text
    try:
        return orjson.loads(end + '"' * is_string + "".join(reversed(closers)))
    except orjson.JSONDecodeError:
        return None


def _message(item: Json) -> list[Message]:
    if not isinstance(item, dict):
        raise BadRecord(expected="messages: objects with a role and parts", found=fields.describe(item))
    parts = item.get("parts")
    if not isinstance(parts, list):
        return openai_messages(item)
    role = fields.role(item.get("role"))
    if len(parts) == 1 and type(part := parts[0]) is dict and item.get("name") is None:  # nearly all messages
        kind = part.get("type")
        if kind == "text" and type(text := part.get("content")) is str:
            return [Message(role, text)]
        if kind == "tool_call":
            return [Message(role, None, None, (_part_call(part),))]
        if kind == "tool_call_response":
            return [_part_result(part)]
    return _of_parts(parts, role, _name_of(item, role))


def _of_parts(parts: list[Json], role: Role, name: str | None) -> list[Message]:
    """The message of several parts; tool results among them become messages of their own before it."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call":
            calls.append(_part_call(part))
        elif isinstance(kind, str) and kind in _RESULTS:
            results.append(_part_result(part))
        elif (text := _part_text(part)) is not None:
            texts.append(text)
    content = "\n".join(texts)
    if results and not content and not calls:
        return results
    return [*results, Message(role, content or (None if calls else ""), None, tuple(calls), None, name)]


_REPEATS = Repeats(_message)


def _part_text(part: Json) -> str | None:
    """The text of a part; its type in brackets where it is something else to see; None where it is nothing to see."""
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or (isinstance(kind, str) and kind in _UNSEEN):
        return None
    text = fields.first(part, ("content", "text", "refusal"))
    return (
        text if isinstance(text, str) else "" if kind == "text" else f"[{kind}]" if isinstance(kind, str) else "[part]"
    )


def _part_result(part: Mapping[str, Json]) -> Message:
    call_id = fields.identifier(part.get("id"), "tool call id")
    return Message("tool", fields.text_of(fields.first(part, ("response", "result"))), None, (), call_id)


def _name_of(item: Mapping[str, Json], role: str) -> str | None:
    name = item.get("name")
    return name if isinstance(name, str) and name and role != "assistant" else None


def _part_call(part: Mapping[str, Json]) -> ToolCall:
    arguments = part.get("arguments")
    if isinstance(arguments, str):
        decoded = fields.json_value(arguments)
        arguments = decoded if isinstance(decoded, dict) else arguments
    return ToolCall(fields.identifier(part.get("id"), "tool call id"), str(part.get("name") or ""), arguments)


def one_reply(messages: tuple[Message, ...] | None) -> tuple[Message, ...] | None:
    """What one model call gave: of several choices the first, of a reply in several messages all in one."""
    if messages is None or len(messages) < 2:
        return messages
    calls = tuple(call for m in messages for call in m.tool_calls)
    if not calls:
        return messages[:1]
    content = "\n".join(m.content for m in messages if m.content) or None
    return (replace(messages[0], content=content, tool_calls=calls),)


def with_calls_joined(messages: Iterable[Message]) -> list[Message]:
    """A history in which each reply is one message: the Responses API lists a reply's text and each of its calls by themselves."""
    found: list[Message] = []
    for message in messages:
        is_more = message.role == "assistant" and message.tool_calls and not message.content
        if is_more and found and found[-1].role == "assistant":
            found[-1] = replace(found[-1], tool_calls=found[-1].tool_calls + message.tool_calls)
        else:
            found.append(message)
    return found
