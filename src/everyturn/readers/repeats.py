"""Reads a history that begins with an earlier one only from where it continues.

Every model call repeats the conversation so far: its list of messages begins with that of the previous call. The part that was read before
is not read again. This saves time and does not affect the result, because the lists are compared as they were written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import local
from typing import Generic, TypeAlias, TypeVar

import orjson

from everyturn.model import Json, Message
from everyturn.model.exchange import encode_messages_utf8
from everyturn.readers import BadRecord

_CHARACTERS = 4_000_000  # of text remembered at once; the oldest goes first

Written = TypeVar("Written")
Item: TypeAlias = tuple[Json, ...]


class Encoded(tuple[Message, ...]):  # noqa: SLOT001 - a tuple with a text of its own cannot have slots
    """Messages together with their encoded form, so that they need not be encoded again."""

    text: bytes

    @classmethod
    def of(cls, messages: list[Message], before: Encoded | None = None) -> Encoded:
        """The messages with their encoded form; `before` are messages that come first and need not be encoded again."""
        try:
            text = encode_messages_utf8(messages)
        except orjson.JSONEncodeError:  # it decodes up to 1024 levels and encodes 254
            raise BadRecord(expected="values nested up to 250 levels deep", found="deeper nesting") from None
        if before:
            text = b"%b,%b" % (before.text[:-1], text[1:]) if messages else before.text
            messages = [*before, *messages]
        made = cls(messages)
        made.text = text
        return made


class _Latest(local, Generic[Written]):
    """The latest list of each conversation, by a key that identifies the conversation; separate for each thread."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, tuple[Written, Encoded, int]] = OrderedDict()
        self._characters = 0

    def remember(self, key: str, written: Written, listed: Encoded, characters: int) -> None:
        """Remembers a list as it was written, and forgets the oldest ones if they take too much memory."""
        before = self._latest.pop(key, None)
        self._characters += characters - (before[2] if before is not None else 0)
        self._latest[key] = written, listed, characters
        while self._characters > _CHARACTERS and len(self._latest) > 1:
            _, (_, _, old) = self._latest.popitem(last=False)
            self._characters -= old


class Repeats(_Latest[str]):
    """Histories that are JSON lists.

    >>> repeats = Repeats(lambda item: [Message("user", item)])
    >>> [m.content for text in ('["a"]', '["a", "b"]') for m in repeats.messages("c1", text)]
    ['a', 'a', 'b']
    """

    def __init__(self, read: Callable[[Json], list[Message]]) -> None:
        super().__init__()
        self._read = read

    def messages(self, key: str, text: str) -> Encoded | None:
        """The messages of a JSON list, or None where the text is no such list."""
        before = self._latest.get(key)
        known, rest = None, text
        if before is not None and text.startswith(before[0]):
            more = text[len(before[0]) :]
            if more == "]":
                return before[1]
            if more[:1] == ",":
                known, rest = before[1], "[" + more[1:]
        try:
            items = orjson.loads(rest)
        except orjson.JSONDecodeError:
            return None
        if type(items) is not list:
            return None
        found: list[Message] = []
        for item in items:
            found += self._read(item)
        listed = Encoded.of(found, known)
        if text[:1] == "[" and text[-1:] == "]" and listed:
            self.remember(key, text[:-1], listed, len(text))  # without the bracket that closes it
        return listed


class RepeatedItems(_Latest[list[Item]]):
    """Histories that are lists of tuples, each of which has everything a message is read from.

    >>> repeats = RepeatedItems(lambda items: [Message(role, text) for role, text in items])
    >>> [m.content for items in ([("user", "a")], [("user", "a"), ("user", "b")]) for m in repeats.messages("c1", items)]
    ['a', 'a', 'b']
    """

    def __init__(self, read: Callable[[list[Item]], list[Message]]) -> None:
        super().__init__()
        self._read = read

    def messages(self, key: str, items: list[Item]) -> Encoded:
        """The messages of the items. After a reply they are read from the beginning: what follows may be the rest of it."""
        before = self._latest.get(key)
        known, characters = None, 0
        if before is not None:
            written, listed, characters = before
            length = len(written)
            if length <= len(items) and items[:length] == written:
                if length == len(items):
                    return listed
                known = listed if listed[-1].role != "assistant" else None
        fresh = items[length:] if known is not None else items
        listed = Encoded.of(self._read(fresh), known)
        values = [value for item in fresh for value in item[1:]]
        if listed and set(map(type, values)) == {str}:  # true and 1 are equal, and read differently
            more = sum(map(len, values))
            self.remember(key, items, listed, more if known is None else characters + more)
        return listed
