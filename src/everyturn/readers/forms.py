"""Converts the forms in which libraries write messages (LangChain's objects, the Responses API's items) to OpenAI's form.

LangChain writes a message as a constructor with its arguments ({"lc": 1, "kwargs": {…}}), as its type and data ({"type": "human",
"data": {…}}), flat ({"type": "human", "content": …}) or as a pair (["human", "…"]), a reply as generations, a batch as a list of lists. The
Responses API writes calls and their results as items beside messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from everyturn.model import Json

_Object: TypeAlias = Mapping[str, Json]

_ROLES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_DEPTH = 8  # where messages stand; what is deeper is content


def as_openai(value: Json, depth: int = _DEPTH) -> Json:
    """The value with every message in it in OpenAI's form; what is no message stays as it is.

    >>> as_openai({"messages": [[{"lc": 1, "type": "constructor", "id": ["HumanMessage"], "kwargs": {"content": "Hi"}}]]})
    {'messages': [[{'role': 'user', 'content': 'Hi'}]]}
    >>> as_openai([{"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"}])
    [{'role': 'assistant', 'content': None, 'tool_calls': [{'id': 'c1', 'name': 'find', 'arguments': '{}'}]}]
    """
    if depth == 0 or not isinstance(value, list | dict):
        return value
    if isinstance(value, dict) and "role" in value and "content" in value and "messages" not in value:
        return value  # OpenAI's own
    message = _message(value) if isinstance(value, dict) else _pair(value)
    if message is not None:
        return message
    if isinstance(value, list):
        return [as_openai(v, depth - 1) for v in value]
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), dict):
        return as_openai(value["kwargs"], depth - 1)  # a prompt, a document, an agent's step
    return {name: as_openai(v, depth - 1) for name, v in value.items()}


def reply(value: Json) -> Json:
    """A model's reply as one message, where the value is LangChain's generations or the Responses API's items; else the value.

    >>> reply({"generations": [[{"text": "Hello"}]]})
    {'role': 'assistant', 'content': 'Hello'}
    """
    if not isinstance(value, dict):
        return value
    generations = value.get("generations")
    while isinstance(generations, list) and generations:
        generations = generations[0]
    if isinstance(generations, dict):
        message = as_openai(generations.get("message"))
        return message if isinstance(message, dict) else {"role": "assistant", "content": generations.get("text")}
    items = value.get("output")
    if isinstance(items, list) and any(isinstance(i, dict) and _is_item(i) for i in items):
        return _one_message([as_openai(i) for i in items])
    return value


def _one_message(messages: list[Json]) -> Json:
    """The assistant's messages of one reply as one, with all their texts and tool calls."""
    said = [m for m in messages if isinstance(m, dict) and m.get("role") == "assistant"]
    calls = [call for m in said for call in m.get("tool_calls") or ()]
    parts: list[Json] = []
    for message in said:
        content = message.get("content")
        parts += content if isinstance(content, list) else [content] if isinstance(content, str) else []
    return {"role": "assistant", "content": parts or None, "tool_calls": calls}


def _is_item(value: _Object) -> bool:
    return value.get("type") in {"message", "function_call", "reasoning"} and (
        "role" in value or "call_id" in value or "summary" in value
    )


def _message(value: _Object) -> Json:
    """The message a value is, or None."""
    if value.get("type") == "function_call" and "call_id" in value:
        call = {"id": value["call_id"], "name": value.get("name"), "arguments": value.get("arguments")}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if value.get("type") == "function_call_output":
        return {"role": "tool", "tool_call_id": value.get("call_id"), "content": value.get("output")}
    if value.get("lc") == 1:
        names, arguments = value.get("id"), value.get("kwargs")
        name = names[-1] if isinstance(names, list) and names else None
        if isinstance(name, str) and isinstance(arguments, dict):
            return _langchain(name, arguments)
        return None
    kind, data = value.get("type"), value.get("data")
    own = data if isinstance(data, dict) else value
    if isinstance(kind, str) and "content" in own and "role" not in value:
        return _langchain(kind, own)
    return None


def _pair(value: list[Json]) -> Json:
    is_pair = len(value) == 2 and all(isinstance(v, str) for v in value) and value[0] in _ROLES
    return {"role": _ROLES[value[0]], "content": value[1]} if is_pair else None


def _langchain(kind: str, value: _Object) -> Json:
    """LangChain's message of that type or class ("ai", "AIMessage", "AIMessageChunk"); None where it is none."""
    role = _ROLES.get(kind.removesuffix("Chunk").removesuffix("Message").lower())
    if role is None and kind.startswith("Chat"):
        role = _ROLES.get(str(value.get("role")))
    if role is None:
        return None
    more = value.get("additional_kwargs")
    extra: _Object = more if isinstance(more, dict) else {}
    found: dict[str, Json] = {"role": role, "content": value.get("content")}
    if not found["content"] and isinstance(extra.get("refusal"), str):
        found["content"] = extra["refusal"]
    calls = [*_calls(value.get("tool_calls")), *_calls(value.get("invalid_tool_calls"))]
    if calls or extra.get("tool_calls"):
        found["tool_calls"] = calls or extra["tool_calls"]
        found["content"] = _without_calls(found["content"])
    for name in ("tool_call_id", "name"):
        if value.get(name) is not None:
            found[name] = value[name]
    return found


def _calls(value: Json) -> list[Json]:
    return [
        {"id": c.get("id"), "name": c.get("name") or "", "arguments": c.get("args")}
        for c in (value if isinstance(value, list) else ())
        if isinstance(c, dict)
    ]


def _without_calls(content: Json) -> Json:
    """Content without the parts that are the message's own tool calls, which stand beside it too."""
    if not isinstance(content, list):
        return content
    return [p for p in content if not (isinstance(p, dict) and p.get("type") in {"tool_use", "function_call"})] or None
