"""What a step of an application was given and gave -> messages, whichever client recorded it.

A model call was given messages, alone or beside its tools, or a text, and gave a message, choices of such, or a text. What a step of the
application or an agent was given and gave is any value: a text, an object with a text under a usual name, the arguments of a
decorated function, each maybe as JSON text. Where it is none of these, it says nothing about the conversation: None.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Json, Message, Role, ToolCall
from everyturn.readers import BadRecord, fields
from everyturn.readers.openai_messages import openai_messages, tool_calls

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
_CALL_ID_NAMES = ("tool_call_id", "toolCallId", "call_id")
_USUAL = frozenset({"role", "content", "tool_calls", "tool_call_id"})  # of a message
_DEPTH = 3  # levels of a step's input or output in which its text is looked for


def history(value: Json) -> tuple[Message, ...] | None:
    """The messages of a list of OpenAI's messages; None for any other value, which is read or refused item by item.

    >>> history([{"role": "user", "content": "Hi"}])
    (Message(role='user', content='Hi', at=None, tool_calls=(), tool_call_id=None, name=None),)
    """
    if not isinstance(value, list) or not value:
        return None
    found: list[Message] = []
    for item in value:
        try:
            name, content = item["role"], item["content"]
            role = fields.ROLE_NAMES.get(name) if type(name) is str else None
            if role is not None and type(content) is str and len(item) == 2:
                found.append(Message(role, content))  # nearly all messages
            elif role is not None and (content is None or type(content) is str) and item.keys() <= _USUAL:
                found.append(_usual(role, content, item))
            elif isinstance(name, str) and "messages" not in item:
                found += openai_messages(item)
            else:
                return None
        except (KeyError, TypeError, BadRecord):
            return None
    return tuple(found)


def _usual(role: Role, content: str | None, item: Mapping[str, Json]) -> Message:
    """A message with the usual fields alone, as `openai_messages` reads it, in less than half the time."""
    calls = tool_calls(item["tool_calls"]) if item.get("tool_calls") else ()
    if role == "assistant":
        content = content or (None if calls else "")
    return Message(role, content, None, calls, fields.identifier(item.get("tool_call_id"), "tool_call_id"))


def _is_messages(value: Json) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in value)
    )


def _messages(items: list[Json]) -> tuple[Message, ...]:
    return tuple(message for item in items for message in openai_messages(item))


def given(value: Json) -> tuple[Message, ...] | None:
    """What a model call was given: a list of messages, alone or beside its tools, or one text."""
    found = fields.json_value(value)
    if isinstance(found, dict):
        inner = found.get("messages", found.get("prompt"))
        found = inner if inner is not None else [found] if "role" in found else None
    if (messages := history(found)) is not None:
        return messages
    if _is_messages(found):
        return _messages(found)
    text = found if isinstance(found, str) else value if isinstance(value, str) else None
    return (Message("user", text),) if text else None


def made(value: Json) -> tuple[Message, ...] | None:
    """What a model call gave: a message, choices of such, or one text."""
    if value is None:
        return None
    found = fields.json_value(value)
    if isinstance(found, dict) and isinstance(found.get("choices"), list) and found["choices"]:
        first = found["choices"][0]
        found = first.get("message") if isinstance(first, dict) else None
        if not isinstance(found, dict):
            return None
    if isinstance(found, dict) and ("role" in found or "tool_calls" in found or "content" in found):
        said = history([found]) if found.get("role") else None
        return said or _messages([{**found, "role": found.get("role") or "assistant"}])
    if _is_messages(found):
        return _messages(found[-1:])
    text = value if isinstance(value, str) else fields.text_of(value)
    return (Message("assistant", text),) if text is not None else None


def asked(value: Json) -> tuple[Message, ...] | None:
    """What a user asked, if what a step was given holds it as a text.

    >>> asked('{"question": "Where is it?"}') == asked({"args": ["Where is it?"], "kwargs": {}}) == asked("Where is it?")
    True
    """
    return _said(value, "user", _QUESTIONS)


def answered(value: Json) -> tuple[Message, ...] | None:
    """What an agent answered, if what a step gave holds it as a text."""
    return _said(value, "assistant", _ANSWERS)


def _said(value: Json, role: str, names: tuple[str, ...], depth: int = 0) -> tuple[Message, ...] | None:
    """What a user asked or an agent answered, if the value holds it as a text.

    The value may be JSON text; a text within it is one itself, though it may look like JSON.
    """
    found = value if depth else fields.json_value(value)
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


def tool_call(name: str, value: Json) -> ToolCall | None:
    """The call of a tool's step, from what it was given.

    That is an object, or the arguments of a decorated function, among which the call's id may be.
    """
    found = fields.json_value(value)
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


def step_call(name: str, inputs: Json) -> ToolCall:
    """The call of a tool's step that was recorded with its function's arguments by name, the call's id maybe among them.

    >>> step_call("find", {"arguments": {"id": 7}, "tool_call_id": "call_1"})
    ToolCall(id='call_1', name='find', arguments={'id': 7})
    """
    found = fields.json_value(inputs)
    if not isinstance(found, dict):
        return ToolCall(None, name, found)
    call_id = fields.first(found, _CALL_ID_NAMES)
    arguments: Json = {k: v for k, v in found.items() if k not in _CALL_ID_NAMES}
    if arguments.keys() == {"arguments"} and isinstance(arguments["arguments"], dict):
        arguments = arguments["arguments"]
    return ToolCall(fields.identifier(call_id, "tool_call_id"), name, arguments)
