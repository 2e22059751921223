"""Finds the question of an eval case in the forms its input may have."""

from __future__ import annotations

from itertools import chain

from everyturn.model import Json, Message
from everyturn.readers import BadRecord, fields
from everyturn.readers.openai_messages import read_message

INPUT_NAMES = ("input", "inputs", "question", "prompt", "user_input", "query")


def question(value: Json) -> str | None:
    """The question of a case: the text itself, one of a list of messages, or the question in an object; None if there is none.

    In a prompt that ends with the user, it is the last user message. In a whole conversation with answers it is the first, because the last
    is often only thanks. If the author put the question into a system message, it is that.

    >>> question([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my parcel?"}])
    'Where is my parcel?'
    """
    value = fields.json_value(value)
    if isinstance(value, dict):
        inner = fields.first(value, ("messages", *INPUT_NAMES))
        return fields.plain_text(value) if inner is None else question(inner)
    if is_messages(value):
        return question_of(messages_of(value))
    return None if value is None else fields.plain_text(value)


def last_question(value: Json) -> str:
    """What an item of a dataset asks, whose input is a prompt: the last user message where it holds messages, else its text."""
    found = fields.json_value(value)
    if isinstance(found, dict):
        found = found.get("messages", found)
    if isinstance(found, list) and all(isinstance(m, dict) and "role" in m for m in found):
        asked = [m.content for item in found for m, _ in read_message(item) if m.role == "user" and m.content]
        if asked:
            return asked[-1]
    if isinstance(found, dict):
        single = fields.first(found, ("input", "question", "query", "message", "prompt", "text"))
        found = single if isinstance(single, str) else found
    if found is None:
        raise BadRecord(expected="input: what the case asks", found="nothing")
    return fields.plain_text(found)


def is_messages(value: Json) -> bool:
    """Whether a value is a list of messages: objects with a role, or with a type as Ragas has it."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and (m.get("role") or m.get("type")) for m in value)
    )


def messages_of(value: list[Json]) -> list[Message]:
    """The messages of such a list."""
    return [m for m, _ in chain.from_iterable(read_message({"role": m.get("type"), **m}) for m in value)]


def question_of(messages: list[Message]) -> str:
    """What the messages ask; `BadRecord` where none of them says anything."""
    said = [m.content for m in messages if m.role == "user" and m.content]
    if said:
        return said[0] if messages[-1].role == "assistant" else said[-1]
    told = [m.content for m in messages if m.content]
    if not told:
        raise BadRecord(expected="input: at least one message with a text", found=f"{len(messages):,} without")
    return told[-1]
