"""Messages and tool calls as JSON: the form in which they are stored, exported and loaded again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import orjson

from everyturn.model.conversation import Message, ToolCall
from everyturn.model.values import Json


def call_json(call: ToolCall) -> dict[str, Json]:
    """A tool call as a JSON object with `id`, `name` and `arguments`."""
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def message_json(message: Message) -> dict[str, Json]:
    """A message as a JSON object: `role`, `content`, and of the other fields those that are set."""
    out: dict[str, Json] = {"role": message.role, "content": message.content}
    if message.at is not None:
        out["at"] = message.at
    if message.tool_calls:
        out["tool_calls"] = [call_json(c) for c in message.tool_calls]
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        out["name"] = message.name
    return out


def encode_messages_utf8(messages: Iterable[Message]) -> bytes:
    """The messages as one JSON text in UTF-8."""
    return orjson.dumps([message_json(m) for m in messages], option=orjson.OPT_UTC_Z)


def encode_messages(messages: Iterable[Message]) -> str:
    """The messages as one JSON text; `decode_messages` gives back equal values.

    >>> decode_messages(encode_messages([Message("user", "hi")]))
    (Message(role='user', content='hi', at=None, tool_calls=(), tool_call_id=None, name=None),)
    """
    return encode_messages_utf8(messages).decode()


def decode_messages(text: str) -> tuple[Message, ...]:
    """The messages of a text that `encode_messages` wrote."""
    return tuple(
        Message(
            role=m["role"],
            content=m["content"],
            at=datetime.fromisoformat(m["at"]) if "at" in m else None,
            tool_calls=decode_tool_calls(m.get("tool_calls")),
            tool_call_id=m.get("tool_call_id"),
            name=m.get("name"),
        )
        for m in orjson.loads(text)
    )


def encode_calls(calls: Sequence[Mapping[str, Json]]) -> str:
    """Tool calls, as `call_json` gives them, as one JSON text."""
    return orjson.dumps(calls, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def decode_tool_calls(calls: Sequence[Mapping[str, Json]] | None) -> tuple[ToolCall, ...]:
    """Tool calls from the objects that `call_json` gives; none for None."""
    return tuple(ToolCall(c.get("id"), c["name"], c.get("arguments")) for c in calls or ())
