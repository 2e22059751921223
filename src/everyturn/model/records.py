"""What readers give."""

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
    """One recorded step of an agent, whatever the client called it; a late or partial record of the same step merges.

    `operation` is the GenAI name: "chat" for one model call, "invoke_agent" for a whole turn, "execute_tool" for one
    tool; "other" for an application span, kept because ids often sit only there. `input` and `output` are the messages
    it carries, None where it carries none. `is_evaluation` marks a step that ran for a test, not for a user.
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
    """How a trace begins and ends: digests of the messages it was given before its first question, and of all it tells.

    `begins` is None where it was given none: it starts a conversation.
    """

    trace_id: str
    user_id: str | None
    started_at: datetime
    ended_at: datetime
    begins: str | None
    ends: str


@dataclass(slots=True)
class MessageRecords:
    """Messages of one conversation in order, and where they belong: column by column, since of ten nine are a role and a text.

    `few` holds what a message may have besides, by column and place in the list: `message_id`, `at`, `tool_calls` (`encode_calls`),
    `tool_call_id` and `name`. `position` is the first one's in the conversation where the source lists it whole; else order
    is time, then the order of reading. `record` numbers the input record they came from.
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
        """Takes one more message, with its own id."""
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
        """Notes what the message added next has in a column."""
        self.few.setdefault(column, {})[len(self.roles)] = value


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """A rating and what it hangs on: a span, a trace, a conversation or a model response, any of which may come later.

    A `span_id` without a `trace_id` names the span alone, as clients do whose span ids are unique.
    """

    feedback_id: str
    feedback: Feedback
    conversation_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None


DEFAULT_SUITE = "default"  # of cases and results that do not name theirs


@dataclass(frozen=True, slots=True)
class EvalCase:
    """One test of the agent. `input` is the text the case asks (the last user message where it is a conversation)."""

    suite: str
    case_id: str
    input: str
    expected: str | None = None
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One score of one case in one run; `score` 0 to 1."""

    suite: str
    case_id: str
    run_id: str
    metric: str
    score: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """One conversation's outcome from a team that already has them in a warehouse; None is unknown, shares 0 to 1."""

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
    """An input record that was not read: where it stood, what was expected there, what was found. Never message text."""

    where: str
    expected: str
    found: str = ""


Record: TypeAlias = Span | MessageRecords | FeedbackRecord | Action | EvalCase | EvalResult | OutcomeRecord | Rejected
