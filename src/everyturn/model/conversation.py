"""What a conversation is made of, and what a signal says of it."""

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
    """One call the agent made. `arguments` is a decoded object, or the raw string where the model's JSON was malformed."""

    id: str | None
    name: str
    arguments: Json


@frozen
class Message:
    """One message. `content` None means there was none (a pure tool call); "" means an empty reply was given."""

    role: Role
    content: str | None
    at: datetime | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


COMMENT = "comment"  # the name of what a user wrote apart from any rating


@dataclass(frozen=True, slots=True)
class Feedback:
    """A rating. `source` is "user" for a person's, "judge" for a machine's score; `turn` None means the whole conversation."""

    name: str
    value: float | None = None
    label: str | None = None
    comment: str | None = None
    turn: int | None = None
    source: Literal["user", "judge"] = "user"
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One user message and all the agent did until the user spoke again.

    `output` is what the agent finally gave: its last message that calls no tool. None where it gave nothing.
    """

    index: int
    user: Message
    agent: tuple[Message, ...]

    @property
    def output(self) -> Message | None:
        """The agent's final message of the turn, or None."""
        for message in reversed(self.agent):
            if message.role == "assistant" and not message.tool_calls:
                return message
        return None


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user did outside the conversation's words: accepted, copied, edited, sent, opened a ticket, reverted.

    `artefact` is the text as it stood after the action; `before` as it stood before. `conversation_id` and `turn`
    are None where the tool that recorded the action does not know them.
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
    """How much of an output the text of a stranger seems to hold in this workspace, as a share of 0 to 1, by what it is."""

    prose: float = 0.0
    code: float = 0.0


NO_NOISE = NoiseFloor()


@dataclass(frozen=True)
class Conversation:
    """Everything under one conversation id, in order, with the actions that followed it.

    `actions` are those that name this conversation, and those of the same user whose tool named none and of which
    their text came from one of its outputs, or which were about what the user had asked in it (each action belongs to one
    conversation at most). `noise_floor` is the workspace's.
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
        """The turns, numbered from 0. What the agent said before the user first spoke belongs to none."""
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
    """One signal's answer at one place, with the evidence.

    `value` is 0 to 1, or None where the question applies but cannot be answered (unknown). `turn` None means the whole
    conversation. `label` is the class behind the value ("rejected", "light"); `detail` says what was seen: cue names,
    action kinds, shares. It never quotes a message.
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
