"""The nouns: what readers give, what signals see, what analyses find, and the Arrow schemas between stages.

Records are plain frozen values. Times are aware datetimes in UTC; shares are 0 to 1; text is never cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, dataclass_transform

import orjson
import pyarrow as pa

Json: TypeAlias = Any  # a decoded JSON value: str, int, float, bool, None, list or dict of the same
Attributes: TypeAlias = Mapping[str, str]

Role = Literal["system", "user", "assistant", "tool"]

Outcome = Literal["accepted", "edited", "rejected", "abandoned", "unknown"]

Evidence = Literal["artefact", "action", "words", "silence", "judge"]


def digest(*parts: str | None) -> str:
    """A 32-digit content hash of the parts, the same on every machine; None and "" differ.

    >>> digest("a", None) == digest("a", None), digest("a", None) == digest("a", "")
    (True, False)
    """
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = b"" if part is None else part.encode("utf-8", "surrogatepass")
        h.update(b"\x00" if part is None else b"\x01%d:" % len(data))
        h.update(data)
    return h.hexdigest()


T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """A frozen dataclass of which millions are made: frozen for the type checker alone.

    One that also refuses at run time takes four times as long to make.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


# --- what a conversation is made of -------------------------------------------------------------------------


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


def call_json(call: ToolCall) -> dict[str, Json]:
    """The exchange form of a tool call."""
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def message_json(message: Message) -> dict[str, Json]:
    """The exchange form of a message: role, content, at, and tool fields only where there are any."""
    out: dict[str, Json] = {"role": message.role, "content": message.content}
    if message.at is not None:
        out["at"] = message.at
    if message.tool_calls:
        out["tool_calls"] = [call_json(c) for c in message.tool_calls]
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        out["name"] = message.name
    return out


def encoded_messages(messages: Iterable[Message]) -> bytes:
    """The messages as one JSON text in UTF-8."""
    return orjson.dumps([message_json(m) for m in messages], option=orjson.OPT_UTC_Z)


def encode_messages(messages: Iterable[Message]) -> str:
    """The messages as one JSON text; `decode_messages` gives back equal values.

    >>> decode_messages(encode_messages([Message("user", "hi")]))
    (Message(role='user', content='hi', at=None, tool_calls=(), tool_call_id=None, name=None),)
    """
    return encoded_messages(messages).decode()


def decode_messages(text: str) -> tuple[Message, ...]:
    """The messages of a text that `encode_messages` wrote."""
    return tuple(
        Message(
            role=m["role"],
            content=m["content"],
            at=datetime.fromisoformat(m["at"]) if "at" in m else None,
            tool_calls=decode_tool_calls(m.get("tool_calls")),
            tool_call_id=m.get("tool_call_id"),
            name=m.get("name"),
        )
        for m in orjson.loads(text)
    )


def encode_calls(calls: Sequence[Mapping[str, Json]]) -> str:
    """Tool calls in their exchange form as one JSON text."""
    return orjson.dumps(calls, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def decode_tool_calls(calls: Sequence[Mapping[str, Json]] | None) -> tuple[ToolCall, ...]:
    """Tool calls from their exchange form, `{"id", "name", "arguments"}` each."""
    return tuple(ToolCall(c.get("id"), c["name"], c.get("arguments")) for c in calls or ())


# --- what readers give ---------------------------------------------------------------------------------------


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
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input record that was not read: where it stood, what was expected there, what was found. Never message text."""

    where: str
    expected: str
    found: str = ""


Record: TypeAlias = Span | MessageRecords | FeedbackRecord | Action | EvalCase | EvalResult | OutcomeRecord | Rejected


# --- what signals give ---------------------------------------------------------------------------------------


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


# --- Arrow schemas between stages ----------------------------------------------------------------------------

TIME = pa.timestamp("us", tz="UTC")
_ATTRIBUTES = ("attributes", pa.string())  # a JSON object of strings

SPAN_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("operation", pa.string()),
        ("name", pa.string()),
        ("started_at", TIME),
        ("ended_at", TIME),
        ("input", pa.string()),  # JSON list of messages
        ("output", pa.string()),
        ("tool_call", pa.string()),  # JSON object
        ("tool_result", pa.string()),
        ("error", pa.string()),
        ("response_id", pa.string()),
        _ATTRIBUTES,
        ("is_evaluation", pa.bool_()),
    ]
)
MESSAGE_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("position", pa.int32()),
        ("message_id", pa.string()),
        ("role", pa.string()),
        ("content", pa.string()),
        ("at", TIME),
        ("tool_calls", pa.string()),  # JSON list
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
        _ATTRIBUTES,
        ("record", pa.int64()),
        ("where", pa.string()),
    ]
)
FEEDBACK_SCHEMA = pa.schema(
    [
        ("feedback_id", pa.string()),
        ("conversation_id", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("response_id", pa.string()),
        ("turn", pa.int32()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("label", pa.string()),
        ("comment", pa.string()),
        ("source", pa.string()),
        ("at", TIME),
    ]
)
ACTION_SCHEMA = pa.schema(
    [
        ("action_id", pa.string()),
        ("at", TIME),
        ("user_id", pa.string()),
        ("kind", pa.string()),
        ("conversation_id", pa.string()),
        ("turn", pa.int32()),
        ("artefact", pa.string()),
        ("before", pa.string()),
        _ATTRIBUTES,
    ]
)
EVAL_CASE_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("case_id", pa.string()),
        ("input", pa.string()),
        ("expected", pa.string()),
        _ATTRIBUTES,
    ]
)
EVAL_RESULT_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("case_id", pa.string()),
        ("run_id", pa.string()),
        ("metric", pa.string()),
        ("score", pa.float64()),
        ("at", TIME),
    ]
)
OUTCOME_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("started_at", TIME),
        ("cohort", pa.string()),
        ("intent", pa.string()),
        ("accepted", pa.float64()),
        ("edit_share", pa.float64()),
        ("reworked", pa.float64()),
        _ATTRIBUTES,
    ]
)
OBSERVATION_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("turn", pa.int32()),
        ("signal", pa.string()),
        ("version", pa.int32()),
        ("value", pa.float64()),
        ("label", pa.string()),
        ("evidence", pa.string()),
        ("final_at", TIME),
        ("detail", pa.string()),
    ]
)
REQUEST_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("request", pa.int32()),  # 0, 1, … within the conversation
        ("turn", pa.int32()),  # the turn the request begins at
        ("user_id", pa.string()),
        ("at", TIME),
        ("text", pa.string()),
    ]
)
ASSIGNMENT_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("request", pa.int32()),
        ("turn", pa.int32()),
        ("intent_id", pa.string()),  # null = unclear
        ("confidence", pa.float64()),
    ]
)
