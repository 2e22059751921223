"""Merges lists of messages that repeat each other into one list in which each message occurs once.

Every model call repeats the conversation so far, as far as the application kept it: the application may have left out tool messages, cut or
summarised the beginning, replaced a failed reply with a text of its own, or (when streaming) recorded its reply without the tool calls that
the next call's history shows. `Transcript` takes these lists in order and keeps what is new in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from everyturn.model import Message

Key: TypeAlias = tuple[str, str, tuple[str, ...]]

_UNIQUE = 12  # characters of a tool call's id; some servers of models give short ones, which count within one reply


def key(message: Message) -> Key:
    """What identifies a message in several lists: its role and text, and for tool messages the call they answer.

    The text of a tool message is ignored if its call has an id, because applications shorten old results in the history.
    """
    if message.tool_call_id is not None:
        return message.role, "", (message.tool_call_id,)
    if message.tool_calls:
        return message.role, message.content or "", tuple(call.id or call.name for call in message.tool_calls)
    return message.role, message.content or "", ()


class Match(NamedTuple):
    """The first `given` messages of a list correspond to the first `known` messages of the transcript."""

    known: int
    given: int


class Transcript:
    """The messages so far. Messages are only added at the end, and none is removed."""

    def __init__(self, messages: Sequence[Message] = (), keys: Sequence[Key] = ()) -> None:
        self.messages: list[Message] = list(messages)
        self.keys: list[Key] = list(keys) or [key(m) for m in messages]
        self.users = sum(m.role == "user" for m in messages)
        self._turn_start = 0
        self._repeated = 0  # the first so many messages are known from some later list's history

    def append(self, message: Message) -> None:
        """Puts one message at the end."""
        if message.role == "user":
            self.users += 1
            self._turn_start = len(self.messages)
        self.messages.append(message)
        self.keys.append(key(message))

    def match(self, keys: Sequence[Key]) -> Match | None:
        """How far a list agrees with the transcript; None where it shares nothing with it.

        The longest common beginning where the list or the transcript ends with it. Otherwise the list was rewritten somewhere: the
        latest message of the transcript that the list repeats behind that beginning is where they meet again, at the
        place with most agreement before it.
        """
        same = 0
        for ours, theirs in zip(self.keys, keys, strict=False):
            if ours != theirs:
                break
            same += 1
        if same == len(self.keys) or same == len(keys):
            return Match(same, same) if same or not self.keys or not keys else None
        places: dict[Key, list[int]] = {}
        for given in range(same, len(keys)):
            places.setdefault(keys[given], []).append(given)
        for known in range(len(self.keys) - 1, same - 1, -1):
            if found := places.get(self.keys[known]):
                given = max(found, key=lambda at: (self._agreement(known, keys, at), at))
                return Match(known + 1, given + 1)
        return Match(same, same) if same else None

    def _agreement(self, known: int, keys: Sequence[Key], given: int) -> int:
        length = 0
        while length <= min(known, given) and self.keys[known - length] == keys[given - length]:
            length += 1
        return length

    def paired(self, match: Match, messages: Sequence[Message]) -> int:
        """How many messages behind a match are the same ones, differently recorded."""
        pairs = 0
        for ours, theirs in zip(self.messages[match.known :], messages[match.given :], strict=False):
            if not _is_same(ours, theirs):
                break
            pairs += 1
        return pairs

    def enrich(self, match: Match, messages: Sequence[Message], pairs: int) -> None:
        """Takes what the list knows better about messages the transcript already has."""
        for offset in range(pairs):
            self._set(
                match.known + offset, _merged(self.messages[match.known + offset], messages[match.given + offset])
            )
        ours, theirs = _last_user(self.messages, match.known), _last_user(messages, match.given)
        if ours is None or theirs is None or self.keys[ours] == key(messages[theirs]):
            return
        if _is_same(self.messages[ours], messages[theirs]):
            self._set(ours, _merged(self.messages[ours], messages[theirs]))

    def extend(
        self, messages: Sequence[Message], *, history: int, is_spoken: bool, unseen_at: datetime | None = None
    ) -> int:
        """Adds what is new in the messages of one step: the first `history` were given to its first model call, the rest was made in it.

        The transcript may lack messages that the history has (their step was not recorded): they are taken from it, with
        the time `unseen_at`. Where the history ends inside the transcript, the user asked the same again (or
        the application keeps no history) and this is a new turn, unless a later history has already shown these very messages, or
        a history with answers in it, which an application that keeps one would have added to, was answered the same.
        `is_spoken` says that the user surely saw what the step gave, even where its history ends with the agent's own words.
        Gives the turn (from 0) that the last of the messages is in; -1 before the first user message.
        """
        keys = [key(m) for m in messages]
        match = self.match(keys[:history])
        if match is None:
            fresh = _last_user(messages, history) or 0
        else:
            pairs = self.paired(match, messages[:history])
            self.enrich(match, messages, pairs)
            known, given = match.known + pairs, match.given + pairs
            self._repeated = max(self._repeated, known)
            if known == len(self.messages) or given < history:
                fresh = self._behind(messages, known, given, history)
            elif history and (self._has_shown(keys) or self._is_twice(keys, history)):
                self._take_times(messages)
                return sum(m.role == "user" for m in messages) - 1
            else:
                fresh = self._asked_again(messages, known, history, is_spoken=is_spoken)
        for position in range(fresh, len(messages)):
            message = messages[position]
            if position >= history:
                self.append(message)
            elif not self._has_in_turn(message):
                self.append(message if message.at is not None else replace(message, at=unseen_at))
                self._repeated = len(self.messages)
        return self.users - 1

    def _behind(self, messages: Sequence[Message], known: int, given: int, history: int) -> int:
        """Where the new messages begin when the list goes on behind what it shares with the transcript.

        Messages of the transcript that the list lacks were left out or reworded in it: as many of the list's turns as the
        transcript has there are those, and the last user message is new in any case.
        """
        missing = sum(m.role == "user" for m in self.messages[known:])
        last = _last_user(messages, history)
        if not missing or last is None or last < given:
            return given
        for position in range(given, last):
            if messages[position].role == "user":
                missing -= 1
                if missing < 0:
                    return position
        return last

    def _has_shown(self, keys: Sequence[Key]) -> bool:
        """Whether all these messages already stand at the beginning, known from a later list's history."""
        return len(keys) <= self._repeated and keys == self.keys[: len(keys)]

    def _is_twice(self, keys: Sequence[Key], history: int) -> bool:
        """Whether a step is one that the transcript has, recorded by two clients or sent again.

        It was given answers of earlier turns, or made a tool call with the very id that the transcript has: a user may ask the
        same and be told the same, but each call gets an id of its own.
        """
        if keys != self.keys[: len(keys)]:
            return False
        was_told = any(role == "assistant" for role, _, _ in keys[:history])
        return was_told or any(role == "tool" and len("".join(ids)) >= _UNIQUE for role, _, ids in keys[history:])

    def _take_times(self, messages: Sequence[Message]) -> None:
        for position, message in enumerate(messages):
            if self.messages[position].at is None or message.at is not None:
                self._set(position, replace(self.messages[position], at=message.at))

    def _asked_again(self, messages: Sequence[Message], known: int, history: int, *, is_spoken: bool) -> int:
        """Where the new messages begin when the whole history is known and the transcript goes on behind it."""
        was_answered = any(m.role == "assistant" for m in self.messages[known:])
        if not was_answered or not history:
            return history
        if messages[history - 1].role == "user":
            return history - 1
        return history if is_spoken else len(messages)  # a call about the conversation, not in it

    def _has_in_turn(self, message: Message) -> bool:
        """Whether the current turn has this tool message or this call already, in another order."""
        turn = self.messages[self._turn_start :]
        if message.tool_call_id is not None:
            return any(m.tool_call_id == message.tool_call_id for m in turn)
        ids = {call.id for call in message.tool_calls} - {None}
        return bool(ids) and any(ids <= {call.id for call in m.tool_calls} for m in turn)

    def _set(self, position: int, message: Message) -> None:
        self.messages[position] = message
        self.keys[position] = key(message)


def _last_user(messages: Sequence[Message], end: int) -> int | None:
    return next((i for i in range(end - 1, -1, -1) if messages[i].role == "user"), None)


def _is_same(ours: Message, theirs: Message) -> bool:
    """Whether two different records at the same place may be of the same message.

    User messages: one is the other with further material around it (retrieved passages). Replies: the text is replaced or shortened, or tool
    calls are missing or without ids in one of them. Tool messages: they answer the same call.
    """
    if ours.role != theirs.role:
        return False
    if ours.role == "user":
        a, b = ours.content or "", theirs.content or ""
        return a == b or bool(a and b and (a in b or b in a))
    if ours.role == "tool":
        return ours.tool_call_id == theirs.tool_call_id or ours.tool_call_id is None or theirs.tool_call_id is None
    if ours.tool_calls and theirs.tool_calls:
        return [c.name for c in ours.tool_calls] == [c.name for c in theirs.tool_calls]
    if not ours.tool_calls and not theirs.tool_calls:
        return True
    return (ours.content or "") == (theirs.content or "")


def _merged(ours: Message, theirs: Message) -> Message:
    """Both records combined; where they differ, a reply as the model gave it and a question in the user's own words."""
    if ours.role == "user":
        shorter = theirs.content if theirs.content and ours.content and theirs.content in ours.content else ours.content
        return replace(ours, content=shorter or theirs.content)
    calls = ours.tool_calls
    if theirs.tool_calls and (not calls or any(c.id is None for c in calls)):
        calls = theirs.tool_calls
    return replace(
        ours,
        content=ours.content or theirs.content or (None if calls else ours.content),
        tool_calls=calls,
        tool_call_id=ours.tool_call_id or theirs.tool_call_id,
        name=ours.name or theirs.name,
    )
