"""Reads messages in the form of OpenAI's API, which occurs in the data of every client; Anthropic's parts are read too."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeAlias, TypeGuard

from everyturn.model import Json, Message, Role, ToolCall
from everyturn.model.exchange import decode_tool_calls
from everyturn.readers import BadRecord, fields

USUAL = frozenset({"role", "content", "at", "tool_calls", "tool_call_id"})  # fields of a message
_TIMES = frozenset(fields.TIME_NAMES)
_UNSEEN = frozenset({"thinking", "redacted_thinking", "reasoning"})
_PART_TYPE = re.compile(r"[a-z][a-z_.-]{0,31}")

# A message's text, its tool calls, and the tool results that stood in it, as messages of their own.
_Content: TypeAlias = tuple[str | None, tuple[ToolCall, ...], list[tuple[Message, str | None]]]


def openai_messages(item: Json) -> list[Message]:
    """The messages of one in OpenAI's form, without times of their own; a reply without a text is an empty one."""
    found = []
    for message, _ in read_message(item):
        content = message.content
        if message.role == "assistant" and not content:
            content = None if message.tool_calls else ""
        if message.at is not None or content != message.content:
            found.append(Message(message.role, content, None, message.tool_calls, message.tool_call_id, message.name))
        else:
            found.append(message)
    return found


def read_message(item: Json) -> list[tuple[Message, str | None]]:
    """The message of one item, with its own id; tool results among its parts become messages of their own before it."""
    try:
        role, content = fields.ROLE_NAMES[item["role"]], item["content"]
    except (KeyError, TypeError):
        return read_any_message(item)
    if (content is None or type(content) is str) and item.keys() <= USUAL:
        if len(item) == 2:
            return [(Message(role, content), None)]
        calls = tool_calls(item["tool_calls"]) if item.get("tool_calls") else ()
        at = fields.time(item.get("at"), "at")
        return [(Message(role, content, at, calls, fields.identifier(item.get("tool_call_id"), "tool_call_id")), None)]
    return read_any_message(item)


def read_any_message(item: Json) -> list[tuple[Message, str | None]]:
    """The same without a short way for the usual fields."""
    if not isinstance(item, dict):
        raise BadRecord(expected="role: an object with a role and content", found=fields.describe(item))
    role = fields.role(item.get("role"))
    calls = tool_calls(item["tool_calls"]) if item.get("tool_calls") else ()
    at = None if _TIMES.isdisjoint(item) else fields.time(fields.first(item, fields.TIME_NAMES), "at")
    content, calls, results = _content(item.get("content"), role, calls, at)
    if content is None and isinstance(item.get("refusal"), str):
        content = item["refusal"]
    if not calls and isinstance(item.get("function_call"), dict):
        calls = tool_calls([item["function_call"]])
    message = Message(
        role,
        content,
        at,
        calls,
        fields.identifier(item.get("tool_call_id"), "tool_call_id"),
        fields.text(item.get("name"), "name"),
    )
    if results and content is None and not calls:
        return results
    return [*results, (message, fields.identifier(item.get("id") or item.get("message_id"), "id"))]


def _content(content: Json, role: Role, calls: tuple[ToolCall, ...], at: datetime | None) -> _Content:
    """The text of a message's content, its tool calls with those among its parts, and the tool results among them as messages."""
    if content is None or type(content) is str:
        return content, calls, []
    if role == "tool" and not _is_parts(content):
        return fields.plain_text(content), calls, []
    if isinstance(content, list):
        return _parts(content, calls, at)
    raise BadRecord(expected="content: a text, a list of parts or null", found=fields.describe(content))


def _is_parts(content: Json) -> TypeGuard[list[Json]]:
    return isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("type"), str) for p in content)


def _parts(parts: list[Json], calls: tuple[ToolCall, ...], at: datetime | None) -> _Content:
    texts: list[str] = []
    results: list[tuple[Message, str | None]] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict) or not isinstance(kind, str):
            raise BadRecord(expected="content: parts with a type each", found=fields.describe(part))
        elif kind == "tool_use":
            calls = (*calls, *tool_calls([{**part, "arguments": part.get("input")}]))
        elif kind == "tool_result":
            found = part.get("content")
            text = _parts(found, (), at)[0] if _is_parts(found) else None if found is None else fields.plain_text(found)
            call_id = fields.identifier(part.get("tool_use_id"), "content: tool_use_id")
            results.append((Message("tool", text, at, (), call_id), None))
        elif kind not in _UNSEEN:
            text = part.get("text", part.get("refusal"))
            texts.append(text if isinstance(text, str) else f"[{kind}]" if _PART_TYPE.fullmatch(kind) else "[part]")
    return "\n".join(texts) if texts or not (calls or results) else None, calls, results


def tool_calls(value: Json) -> tuple[ToolCall, ...]:
    """The tool calls of a list in OpenAI's form, its older and custom ones, or the export's."""
    return decode_tool_calls(exchange_calls(value))


def exchange_calls(value: Json) -> list[dict[str, Json]]:
    """The same calls in the exchange form."""
    value = fields.json_value(value)
    if not value:
        return []
    if not isinstance(value, list):
        raise BadRecord(expected="tool_calls: a list", found=fields.describe(value))
    calls = []
    for call in value:
        inner = (call.get("function") or call.get("custom") or call) if isinstance(call, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or not isinstance(name, str):
            raise BadRecord(expected="tool_calls: objects with a name each", found=fields.describe(call))
        arguments = inner.get("arguments", inner.get("args", inner.get("input")))
        if type(arguments) is str:
            decoded = fields.decoded(arguments)
            arguments = decoded if type(decoded) is dict else arguments
        calls.append({"id": fields.identifier(call.get("id"), "tool_calls: id"), "name": name, "arguments": arguments})
    return calls
