"""JSON lists that begin with an earlier one, decoded from where they go on.

Every model call carries the conversation so far: the list of messages it was given begins with the list of the call before, byte for byte.
What was decoded once is not decoded again. This changes the time alone, never the result: each list is remembered as its text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import local

import orjson

from everyturn.model import Json, Message, encoded_messages

_CHARACTERS = 8_000_000  # of text remembered at once; the oldest goes first


class Encoded(tuple[Message, ...]):  # noqa: SLOT001 - a tuple with a text of its own cannot have slots
    """Messages that know their own exchange form, so that it need not be written again."""

    text: bytes

    @classmethod
    def of(cls, messages: list[Message], text: bytes) -> Encoded:
        """The messages with their exchange form, the text that `encoded_messages` would give."""
        made = cls(messages)
        made.text = text
        return made


class Repeats(local):
    """The latest list of each conversation, by any key that tells conversations apart; each thread has its own.

    >>> repeats = Repeats(lambda item: [Message("user", item)])
    >>> [m.content for text in ('["a"]', '["a", "b"]') for m in repeats.messages("c1", text)]
    ['a', 'a', 'b']
    """

    def __init__(self, read: Callable[[Json], list[Message]]) -> None:
        self._read = read
        self._latest: OrderedDict[str, tuple[str, Encoded]] = OrderedDict()
        self._characters = 0

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
        encoded = encoded_messages(found)
        if known is not None:
            encoded = b"%b,%b" % (known.text[:-1], encoded[1:]) if found else known.text
            found = [*known, *found]
        listed = Encoded.of(found, encoded)
        if text[:1] == "[" and text[-1:] == "]" and listed:
            self._remember(key, text, listed)
        return listed

    def _remember(self, key: str, text: str, listed: Encoded) -> None:
        before = self._latest.pop(key, None)
        open_text = text[:-1]  # without the bracket that closes it
        self._characters += len(open_text) - (len(before[0]) if before is not None else 0)
        self._latest[key] = open_text, listed
        while self._characters > _CHARACTERS and len(self._latest) > 1:
            _, (old, _) = self._latest.popitem(last=False)
            self._characters -= len(old)
