"""OTLP as it travels, protobuf or JSON -> spans and log records with plain Python values.

Method: protobuf messages are walked as they are; turning them into JSON first costs more than reading them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from everyturn.model import Json
from everyturn.readers import BadRecord, fields

Attributes: TypeAlias = dict[str, Json]
Signal: TypeAlias = Literal["traces", "logs", "metrics"]

_MESSAGES: Mapping[Signal, Any] = {"traces": TracesData, "logs": LogsData, "metrics": MetricsData}
_NAMES: Mapping[Signal, tuple[str, ...]] = {
    "traces": ("resourceSpans", "resource_spans"),
    "logs": ("resourceLogs", "resource_logs"),
    "metrics": ("resourceMetrics", "resource_metrics"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRACE_ID, _SPAN_ID = 16, 8  # bytes, by the W3C trace context
_ERROR = frozenset({2, "2", "STATUS_CODE_ERROR"})
# On most model calls, and nothing for us: not even decoded.
_UNREAD = frozenset(
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


def signal_of(record: Json) -> Signal | None:
    """What a decoded record carries: traces, logs, metrics, or None where it is no OTLP."""
    for signal, message in _MESSAGES.items():
        if isinstance(record, message):
            return signal
    if isinstance(record, dict):
        for signal, names in _NAMES.items():
            if any(isinstance(record.get(name), list) for name in names):
                return signal
    return None


def decode(data: bytes) -> Any:
    """The protobuf message of a request's body; what it carries is told by its content."""
    signal = binary_signal(data)
    if signal is None:
        raise BadRecord(expected="an OTLP protobuf message", found=f"{len(data):,} other bytes")
    try:
        return _MESSAGES[signal].FromString(data)
    except Exception as error:  # DecodeError; its class differs between protobuf's implementations
        raise BadRecord(expected="a whole OTLP protobuf message", found=f"broken bytes among {len(data):,}") from error


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
        if kinds.get(1) == (2, _TRACE_ID) and kinds.get(2) == (2, _SPAN_ID):
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


# --- spans and logs --------------------------------------------------------------------------------------------


def spans(record: Json) -> Iterator[OtlpSpan | BadRecord]:
    """The spans of a record; in the place of one that cannot be read, what is wrong with it."""
    if isinstance(record, TracesData):
        for resource_spans in record.resource_spans:
            resource = _attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield _guarded(_span, span, scope_spans.scope.name, resource)
    else:
        for items, scope, resource in _json_records(record, "traces", ("spans",)):
            for item in items:
                yield _guarded(_json_span, item, scope, resource)


def logs(record: Json) -> Iterator[OtlpLog | BadRecord]:
    """The log records of a record; in the place of one that cannot be read, what is wrong with it."""
    if isinstance(record, LogsData):
        for resource_logs in record.resource_logs:
            resource = _attributes(resource_logs.resource.attributes)
            for scope_logs in resource_logs.scope_logs:
                for log in scope_logs.log_records:
                    yield _guarded(_log, log, "", resource)
    else:
        for items, _, resource in _json_records(record, "logs", ("logRecords", "log_records", "logs")):
            for item in items:
                yield _guarded(_json_log, item, "", resource)


def _guarded(read: Any, item: Any, scope: str, resource: Attributes) -> Any:
    try:
        return read(item, scope, resource)
    except BadRecord as bad:
        return bad


def _span(span: Any, scope: str, resource: Attributes) -> OtlpSpan:
    status = span.status
    exception = None
    for event in span.events:
        if event.name == "exception":
            exception = _exception(_attributes(event.attributes))
    return OtlpSpan(
        trace_id=_binary_id(span.trace_id, "trace_id", _TRACE_ID),
        span_id=_binary_id(span.span_id, "span_id", _SPAN_ID),
        parent_id=span.parent_span_id.hex() or None,
        name=span.name,
        started_at=_instant(span.start_time_unix_nano),
        ended_at=_instant(span.end_time_unix_nano),
        error=status.message if status.code == 2 else None,
        exception=exception,
        scope=scope,
        attributes=_attributes(span.attributes),
        resource=resource,
    )


def _log(log: Any, _scope: str, resource: Attributes) -> OtlpLog:
    attributes = _attributes(log.attributes)
    return OtlpLog(
        trace_id=log.trace_id.hex() or None,
        span_id=log.span_id.hex() or None,
        event=log.event_name or _event_name(attributes),
        at=_instant(log.time_unix_nano or log.observed_time_unix_nano),
        body=_value(log.body),
        attributes=attributes,
        resource=resource,
    )


def _event_name(attributes: Attributes) -> str:
    name = attributes.get("event.name")
    return name if isinstance(name, str) else ""


def _exception(attributes: Attributes) -> tuple[str, str]:
    return str(attributes.get("exception.type") or ""), str(attributes.get("exception.message") or "")


def _binary_id(value: bytes, name: str, length: int) -> str:
    if len(value) != length:
        raise BadRecord(expected=f"{name}: {length} bytes", found=f"{len(value)} bytes")
    return value.hex()


def _instant(nanoseconds: int) -> datetime | None:
    if not nanoseconds:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise BadRecord(expected="a time in nanoseconds since 1970", found="a number too large") from None


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    found: Attributes = {}
    for pair in pairs:
        key = pair.key
        if key in _UNREAD:
            continue
        value = pair.value
        text = value.string_value  # nearly all values are texts, and asking for one is the quickest question
        found[key] = text if text else _value(value)
    return found


def _value(value: AnyValue) -> Json:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind is not None else None


# --- the JSON form ----------------------------------------------------------------------------------------------


def _json_records(
    record: Mapping[str, Json], signal: Signal, names: Sequence[str]
) -> Iterator[tuple[list[Json], str, Attributes]]:
    """The lists of records, with their scope's name and their resource."""
    for resource_record in _list(record, _NAMES[signal]):
        inner = resource_record if isinstance(resource_record, dict) else {}
        resource = inner.get("resource")
        attributes = _json_attributes(resource.get("attributes")) if isinstance(resource, dict) else {}
        kind = "Spans" if signal == "traces" else "Logs"
        for scope_record in _list(inner, (f"scope{kind}", f"scope_{kind.lower()}", f"instrumentationLibrary{kind}")):
            group = scope_record if isinstance(scope_record, dict) else {}
            scope = group.get("scope", group.get("instrumentationLibrary"))
            name = scope.get("name") if isinstance(scope, dict) else None
            yield _list(group, names), name if isinstance(name, str) else "", attributes


def _list(record: Mapping[str, Json], names: Sequence[str]) -> list[Json]:
    value = fields.first(record, names)
    if value is not None and not isinstance(value, list):
        raise BadRecord(expected=f"{names[0]}: a list", found=fields.describe(value))
    return value or []


def _get(record: Mapping[str, Json], name: str) -> Json:
    """A field by its JSON name, or by its name in the protobuf file, which some writers use."""
    if name in record:
        return record[name]
    return record.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


def _json_span(item: Json, scope: str, resource: Attributes) -> OtlpSpan:
    if not isinstance(item, dict):
        raise BadRecord(expected="a span", found=fields.describe(item))
    status = item.get("status") if isinstance(item.get("status"), dict) else {}
    exception = None
    for event in _list(item, ("events",)):
        if isinstance(event, dict) and event.get("name") == "exception":
            exception = _exception(_json_attributes(event.get("attributes")))
    trace_id = _json_id(_get(item, "traceId"), "trace_id", _TRACE_ID)
    span_id = _json_id(_get(item, "spanId"), "span_id", _SPAN_ID)
    if trace_id is None or span_id is None:
        name = "trace_id: 32 hex digits" if trace_id is None else "span_id: 16 hex digits"
        raise BadRecord(expected=name, found="nothing")
    return OtlpSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_json_id(_get(item, "parentSpanId"), "parent_span_id", _SPAN_ID),
        name=fields.text(item.get("name"), "name") or "",
        started_at=_json_instant(_get(item, "startTimeUnixNano")),
        ended_at=_json_instant(_get(item, "endTimeUnixNano")),
        error=fields.text(status.get("message"), "status.message") or "" if status.get("code") in _ERROR else None,
        exception=exception,
        scope=scope,
        attributes=_json_attributes(item.get("attributes")),
        resource=resource,
    )


def _json_log(item: Json, _scope: str, resource: Attributes) -> OtlpLog:
    if not isinstance(item, dict):
        raise BadRecord(expected="a log record", found=fields.describe(item))
    attributes = _json_attributes(item.get("attributes"))
    at = _json_instant(_get(item, "timeUnixNano")) or _json_instant(_get(item, "observedTimeUnixNano"))
    return OtlpLog(
        trace_id=_json_id(_get(item, "traceId"), "trace_id", _TRACE_ID),
        span_id=_json_id(_get(item, "spanId"), "span_id", _SPAN_ID),
        event=fields.text(_get(item, "eventName"), "event_name") or _event_name(attributes),
        at=at,
        body=_json_value(item.get("body")),
        attributes=attributes,
        resource=resource,
    )


def _json_id(value: Json, name: str, length: int) -> str | None:
    """An id in hex, as OTLP/JSON has it, or in base64, as generic protobuf writers have it. All zeros is no id."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if len(value) == 2 * length:
            try:
                return bytes.fromhex(value).hex() if value.strip("0") else None
            except ValueError:
                pass
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if len(decoded) == length:
            return decoded.hex()
    raise BadRecord(expected=f"{name}: {2 * length} hex digits", found=fields.describe(value))


def _json_instant(value: Json) -> datetime | None:
    if value is None or value in {"", 0, "0"}:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord(expected="a time in nanoseconds since 1970", found=fields.describe(value))
    return _instant(int(value))


def _json_attributes(pairs: Json) -> Attributes:
    if pairs is None:
        return {}
    if not isinstance(pairs, list):
        raise BadRecord(expected="attributes: a list of keys and values", found=fields.describe(pairs))
    return {
        pair["key"]: _json_value(pair.get("value"))
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str) and pair["key"] not in _UNREAD
    }


def _json_value(value: Json) -> Json:
    """The Python value of an AnyValue. 64-bit integers come as text; a value of no known kind is none."""
    if not isinstance(value, dict):
        return None
    for key, content in value.items():
        kind = key.partition("Value")[0].partition("_value")[0]
        if kind == "string":
            return content
        if kind == "array" and isinstance(content, dict):
            return [_json_value(v) for v in content.get("values") or ()]
        if kind == "kvlist" and isinstance(content, dict):
            return _json_attributes(content.get("values"))
        if kind in {"bool", "bytes"}:
            return content
        try:
            if kind == "int":
                return int(content)
            if kind == "double":
                return float(content)
        except (TypeError, ValueError, OverflowError):
            raise BadRecord(expected=f"{key}: a number", found=fields.describe(content)) from None
    return None
