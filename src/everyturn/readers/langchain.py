"""LangChain's messages as its tracers write them -> the same in OpenAI's form.

Three spellings of one message: `{"type": "ai", "data": {…}}`, `{"lc": 1, "id": [… "AIMessage"], "kwargs": {…}}`, and the fields of `data` by
themselves. Tool calls stand in `tool_calls` with `args`; those whose arguments were no JSON in `invalid_tool_calls`, as text.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Json
from everyturn.readers import fields

_ROLES: Mapping[str, str] = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
    "chat": "assistant",
}


def openai_forms(value: Json) -> Json:
    """A state (`{"messages": [...]}`), a list of messages or one, maybe as JSON text, with its messages in OpenAI's form."""
    found = fields.json_value(value)
    if isinstance(found, list):
        return [openai_form(item) for item in found]
    if isinstance(found, dict) and isinstance(found.get("messages"), list):
        return {**found, "messages": [openai_form(item) for item in found["messages"]]}
    return openai_form(found)


def openai_form(item: Json) -> Json:
    """The message in OpenAI's form, or the value as it is where it is no message of LangChain's.

    >>> openai_form({"type": "human", "data": {"content": "Hi", "type": "human"}})
    {'role': 'user', 'content': 'Hi'}
    >>> openai_form({"lc": 1, "id": ["langchain", "schema", "messages", "AIMessageChunk"], "kwargs": {"content": "Hello"}})
    {'role': 'assistant', 'content': 'Hello'}
    """
    if not isinstance(item, dict) or isinstance(item.get("role"), str):
        return item
    own, kind = item, item.get("type")
    if isinstance(item.get("data"), dict):
        own = item["data"]
    elif isinstance(item.get("kwargs"), dict) and isinstance(item.get("id"), list):
        own = item["kwargs"]
        name = item["id"][-1] if item["id"] else None
        kind = name.removesuffix("Chunk").removesuffix("Message").lower() if isinstance(name, str) else None
    role = _ROLES.get(kind.removesuffix("MessageChunk").lower()) if isinstance(kind, str) else None
    if role is None or "content" not in own:
        return item
    message: dict[str, Json] = {"role": role, "content": own["content"]}
    listed = [own.get(name) for name in ("tool_calls", "invalid_tool_calls")]
    calls = [
        {"id": call.get("id"), "name": call["name"], "arguments": call.get("args")}
        for several in listed
        if isinstance(several, list)
        for call in several
        if isinstance(call, dict) and isinstance(call.get("name"), str)
    ]
    if calls:
        message["tool_calls"] = calls
        message["content"] = own["content"] or None
    more = own.get("additional_kwargs")
    if not message["content"] and isinstance(more, dict) and isinstance(more.get("refusal"), str):
        message["content"] = more["refusal"]
    for name in ("tool_call_id", "name"):
        if isinstance(own.get(name), str) and role in {"tool", "user"}:
            message[name] = own[name]
    return message
