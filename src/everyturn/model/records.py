"""The records that readers return, one type per kind of data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from everyturn.model.conversation import Action, Feedback, Message, Role, ToolCall
from everyturn.model.exchange import call_json, encode_calls
from everyturn.model.values import Attributes, frozen

Operation: TypeAlias = Literal["chat", "invoke_agent", "execute_tool", "other"]


@frozen
class Span:
    """One recorded step of an agent. Several records of the same step, late or partial ones, are merged into one.

    `operation` is its name in OpenTelemetry's GenAI conventions: "chat" for a model call, "invoke_agent" for a whole turn,
    "execute_tool" for a tool call; "other" is an application's own span, kept because ids often stand on these alone. `input` and
    `output` are its messages, None if it has none. `is_evaluation` marks a step that ran for a test and not for a user.
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    operation: Operation = "other"
    name: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    input: tuple[Message, ...] | None = None
    output: tuple[Message, ...] | None = None
    tool_call: ToolCall | None = None
    tool_result: str | None = None
    error: str | None = None
    response_id: str | None = None
    attributes: Attributes = field(default_factory=dict)
    is_evaluation: bool = False


class TraceEnds(NamedTuple):
    """What links a trace to others: a digest of the history it was given (`begins`) and one of all its messages (`ends`).

    A trace continues the one whose `ends` equals its `begins`. `begins` is None if it was given no history: it starts a conversation.
    """

    trace_id: str
    user_id: str | None
    started_at: datetime
    ended_at: datetime
    begins: str | None
    ends: str


@dataclass(slots=True)
class MessageRecords:
    """Messages of one conversation, in order, and the ids of that conversation.

    Stored by column, because nine messages in ten consist of a role and a text. `few` holds the rarer fields by column and by place in
    the list: `message_id`, `at`, `tool_calls` (as `encode_calls` writes them), `tool_call_id` and `name`. `position` is the place of the
    first message in the conversation if the source lists the conversation whole; otherwise messages are ordered by time, then by the
    order of reading. `record` is the number of the input record they came from.
    """

    conversation_id: str
    user_id: str | None = None
    position: int | None = None
    attributes: Attributes = field(default_factory=dict)
    record: int = 0
    roles: list[Role] = field(default_factory=list)
    contents: list[str | None] = field(default_factory=list)
    few: dict[str, dict[int, Any]] = field(default_factory=dict)

    def add(self, message: Message, message_id: str | None = None) -> None:
        """Appends a message and its id."""
        calls = encode_calls([call_json(c) for c in message.tool_calls]) if message.tool_calls else None
        own = {
            "message_id": message_id,
            "at": message.at,
            "tool_calls": calls,
            "tool_call_id": message.tool_call_id,
            "name": message.name,
        }
        for column, value in own.items():
            if value is not None:
                self.put(column, value)
        self.roles.append(message.role)
        self.contents.append(message.content)

    def put(self, column: str, value: str | datetime) -> None:
        """Sets one of the rarer fields of the message that is appended next."""
        self.few.setdefault(column, {})[len(self.roles)] = value


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """A rating and what it rates: a span, a trace, a conversation or a model response, which may be read later than the rating.

    A `span_id` without a `trace_id` comes from clients whose span ids are unique by themselves.
    """

    feedback_id: str
    feedback: Feedback
    conversation_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None


DEFAULT_SUITE = "default"  # the suite of cases and results that do not name one


@dataclass(frozen=True, slots=True)
class EvalCase:
    """One test of the agent. `input` is the question it asks: the last user message if the case is a conversation."""

    suite: str
    case_id: str
    input: str
    expected: str | None = None
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One score of one case in one run, between 0 and 1."""

    suite: str
    case_id: str
    run_id: str
    metric: str
    score: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """A conversation's outcome from a team's own table. None means unknown; shares are between 0 and 1."""

    conversation_id: str
    user_id: str | None
    started_at: datetime | None
    cohort: str | None = None
    intent: str | None = None
    accepted: float | None = None
    edit_share: float | None = None
    reworked: float | None = None
    known_at: datetime | None = None
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input record that could not be read: its place, what was expected there and what was found, never a message's text."""

    where: str
    expected: str
    found: str = ""


Record: TypeAlias = Span | MessageRecords | FeedbackRecord | Action | EvalCase | EvalResult | OutcomeRecord | Rejected
