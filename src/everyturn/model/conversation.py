"""A conversation and its parts, and the observation that a signal makes about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from everyturn.model.values import Attributes, Json, frozen

Role = Literal["system", "user", "assistant", "tool"]

Outcome = Literal["accepted", "edited", "rejected", "abandoned", "unknown"]

Evidence = Literal["artefact", "action", "words", "silence", "judge"]


@frozen
class ToolCall:
    """One tool call by the agent. `arguments` is the decoded object, or the raw string if the model's JSON was malformed."""

    id: str | None
    name: str
    arguments: Json


@frozen
class Message:
    """One message. `content` is None if there was none (a message that only calls tools), "" if the reply was empty."""

    role: Role
    content: str | None
    at: datetime | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


COMMENT = "comment"  # the name of feedback that is a remark without a rating


@dataclass(frozen=True, slots=True)
class Feedback:
    """A rating, by a person (`source` "user") or by a machine ("judge"). `turn` None means that it is about the whole conversation."""

    name: str
    value: float | None = None
    label: str | None = None
    comment: str | None = None
    turn: int | None = None
    source: Literal["user", "judge"] = "user"
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One user message and everything the agent did until the user spoke again."""

    index: int
    user: Message
    agent: tuple[Message, ...]

    @property
    def output(self) -> Message | None:
        """What the agent finally answered: its last message that calls no tool, None if there is no such message."""
        for message in reversed(self.agent):
            if message.role == "assistant" and not message.tool_calls:
                return message
        return None


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user did besides talking to the agent: accepted, copied, edited or sent a text, opened a ticket, reverted a change.

    `artefact` is the text after the action, `before` the text before it. `conversation_id` and `turn` are None if the tool that
    recorded the action does not know them.
    """

    action_id: str
    at: datetime
    user_id: str | None
    kind: str
    conversation_id: str | None = None
    turn: int | None = None
    artefact: str | None = None
    before: str | None = None
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The share of an output (0 to 1) that appears to be contained even in an unrelated person's text, for prose and for code."""

    prose: float = 0.0
    code: float = 0.0


NO_NOISE = NoiseFloor()


@dataclass(frozen=True)
class Conversation:
    """Everything under one conversation id, in order, with the actions that followed it.

    `actions` are those that name this conversation, and those of the same user that name none but whose text came from one of its
    outputs or whose subject is what the user asked here. An action belongs to one conversation at most. `noise_floor` is that of the
    whole workspace.
    """

    conversation_id: str
    user_id: str | None
    started_at: datetime | None
    messages: tuple[Message, ...]
    attributes: Attributes = field(default_factory=dict)
    feedback: tuple[Feedback, ...] = ()
    actions: tuple[Action, ...] = ()
    noise_floor: NoiseFloor = NO_NOISE

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, numbered from 0. What the agent said before the user's first message belongs to no turn."""
        turns: list[Turn] = []
        user: Message | None = None
        agent: list[Message] = []
        for message in self.messages:
            if message.role == "user":
                if user is not None:
                    turns.append(Turn(len(turns), user, tuple(agent)))
                user, agent = message, []
            elif user is not None and message.role != "system":
                agent.append(message)
        if user is not None:
            turns.append(Turn(len(turns), user, tuple(agent)))
        return tuple(turns)


@dataclass(frozen=True, slots=True)
class Observation:
    """One signal's answer for one turn or one conversation, with its evidence.

    `value` is between 0 and 1, or None if the question applies but cannot be answered (unknown). `turn` None means the whole
    conversation. `label` is the class behind the value ("rejected", "light"). `final_at` is the time from which the answer can no
    longer change. `detail` says what was seen (cue names, action kinds, shares) and never quotes a message.
    """

    conversation_id: str
    signal: str
    version: int
    value: float | None
    turn: int | None = None
    label: str | None = None
    evidence: Evidence | None = None
    final_at: datetime | None = None
    detail: str | None = None
