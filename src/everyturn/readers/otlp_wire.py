"""OTLP's spans and log records with plain Python values, and what their two forms on the wire share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from everyturn.model import Json, Message, Operation, Span, ToolCall
from everyturn.readers import BadRecord
from everyturn.readers.namespaces import Names

Attributes: TypeAlias = dict[str, Json]
Signal: TypeAlias = Literal["traces", "logs", "metrics"]
T = TypeVar("T")
R = TypeVar("R")

TRACE_ID, SPAN_ID = 16, 8  # bytes, by the W3C trace context
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = 4_000_000_000 * 10**9  # nanoseconds, in 2096: up to then a float of seconds tells each microsecond
_from_seconds = datetime.fromtimestamp
# On most model calls, and nothing for us: not even decoded.
UNREAD = frozenset(
    {
        "gen_ai.output.type",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.max_tokens",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.temperature",
        "gen_ai.request.top_p",
        "gen_ai.response.finish_reasons",
        "gen_ai.tool.definitions",
        "gen_ai.tool.type",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "langfuse.observation.cost_details",
        "langfuse.observation.model.parameters",
        "langfuse.observation.usage_details",
        "openai.response.service_tier",
        "openai.response.system_fingerprint",
        "server.address",
        "server.port",
    }
)


@dataclass(slots=True)
class OtlpSpan:
    """One span. `error` is None unless its status is an error. `exception` is the (type, message) of its last exception event."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None
    exception: tuple[str, str] | None
    scope: str
    attributes: Attributes
    resource: Attributes
    names: Names

    def as_span(
        self,
        operation: Operation,
        conversation_id: str | None,
        user_id: str | None,
        *,
        input: tuple[Message, ...] | None,  # noqa: A002 - the field's name
        output: tuple[Message, ...] | None,
        error: str | None,
        attributes: Mapping[str, str],
        tool_call: ToolCall | None = None,
        tool_result: str | None = None,
        response_id: str | None = None,
    ) -> Span:
        """The span with what a dialect says of it; ids, name and times are OTLP's own."""
        return Span(
            self.trace_id,
            self.span_id,
            self.parent_id,
            conversation_id,
            user_id,
            operation,
            self.name or None,
            self.started_at,
            self.ended_at,
            input,
            output,
            tool_call,
            tool_result,
            error,
            response_id,
            attributes,
        )


@dataclass(slots=True)
class OtlpLog:
    """One log record. `event` is its event name, wherever the client put it; ids are None where there are none."""

    trace_id: str | None
    span_id: str | None
    event: str
    at: datetime | None
    body: Json
    attributes: Attributes
    resource: Attributes


def read_each(
    read: Callable[[T, str, Attributes], R], items: Iterator[tuple[T, str, Attributes]]
) -> Iterator[R | BadRecord]:
    """What `read` makes of each item with its scope and resource; in the place of one it refuses, why."""
    for item, scope, resource in items:
        try:
            yield read(item, scope, resource)
        except BadRecord as bad:
            yield bad


def event_name(attributes: Attributes) -> str:
    """The event's name where an older SDK put it, among the attributes."""
    name = attributes.get("event.name")
    return name if isinstance(name, str) else ""


def exception_of(attributes: Attributes) -> tuple[str, str]:
    """The type and message of an exception event."""
    return str(attributes.get("exception.type") or ""), str(attributes.get("exception.message") or "")


def instant(nanoseconds: int) -> datetime | None:
    """The instant of nanoseconds since 1970; 0 is none."""
    if 0 < nanoseconds < _EXACT:
        return _from_seconds(nanoseconds // 1000 / 1_000_000, UTC)
    if not nanoseconds:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise BadRecord(expected="time: nanoseconds since 1970", found="a number too large") from None


# --- telling protobuf bodies apart ------------------------------------------------------------------------------


def binary_signal(head: bytes) -> Signal | None:
    """What a protobuf body carries, from its first bytes alone; None where they are no OTLP.

    All three signals nest alike: resource, scope, record. The first records tell: a span begins with ids of 16 and 8 bytes,
    a log record has fixed 64-bit times, a metric has a name.
    """
    for resource in _nested(head, 1):
        for scope in _nested(resource, 2):
            for record in _nested(scope, 2):
                return _record_signal(record)
    return None


def _record_signal(record: bytes) -> Signal | None:
    kinds: dict[int, tuple[int, int]] = {}
    for number, wire, value in _fields(record):
        kinds[number] = wire, len(value)
        if kinds.get(1) == (2, TRACE_ID) and kinds.get(2) == (2, SPAN_ID):
            return "traces"
        if wire == 1 and number in {1, 11}:
            return "logs"
    is_named = kinds.get(1, (0, 0))[0] == 2
    return "metrics" if is_named and not kinds.keys().isdisjoint({5, 7, 9, 10, 11}) else None


def _nested(data: bytes, number: int) -> Iterator[bytes]:
    return (value for found, wire, value in _fields(data) if found == number and wire == 2)


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(number, wire type, content) of each field; the last may be cut short. Ends at the first byte that is no protobuf."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0 or number > 64 or wire not in {0, 1, 2, 5}:  # OTLP's field numbers are small
            return
        if wire == 0:
            _, at = _varint(data, at)
            yield number, wire, b""
            continue
        length, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        yield number, wire, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            break
    return value, at
