"""OTLP's protobuf form. Messages are walked as they are: turning them into JSON first costs more than reading them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from everyturn.model import Json
from everyturn.readers import BadRecord
from everyturn.readers.namespaces import Names
from everyturn.readers.otlp_wire import (
    SPAN_ID,
    TRACE_ID,
    UNREAD,
    Attributes,
    OtlpLog,
    OtlpSpan,
    Signal,
    binary_signal,
    event_name,
    exception_of,
    instant,
    read_each,
)

_MESSAGES: Mapping[Signal, Any] = {"traces": TracesData, "logs": LogsData, "metrics": MetricsData}


def decode(data: bytes) -> Any:
    """The protobuf message of a request's body; what it carries is told by its content."""
    signal = binary_signal(data)
    if signal is None:
        raise BadRecord(expected="an OTLP protobuf message", found=f"{len(data):,} other bytes")
    try:
        return _MESSAGES[signal].FromString(data)
    except Exception as error:  # DecodeError; its class differs between protobuf's implementations
        raise BadRecord(expected="a whole OTLP protobuf message", found=f"broken bytes among {len(data):,}") from error


def signal_of(message: Any) -> Signal | None:
    """What a decoded message carries."""
    return next((signal for signal, kind in _MESSAGES.items() if isinstance(message, kind)), None)


def spans(message: Any) -> Iterator[OtlpSpan | BadRecord]:
    """The spans of traces; in the place of one that cannot be read, what is wrong with it."""
    return read_each(_span, _items(message.resource_spans, "scope_spans", "spans"))


def logs(message: Any) -> Iterator[OtlpLog | BadRecord]:
    """The log records of logs; in the place of one that cannot be read, what is wrong with it."""
    return read_each(_log, _items(message.resource_logs, "scope_logs", "log_records"))


def _items(resources: Any, scopes: str, records: str) -> Iterator[tuple[Any, str, Attributes]]:
    for resource in resources:
        attributes = _attributes(resource.resource.attributes)
        for scope in getattr(resource, scopes):
            name = scope.scope.name
            for record in getattr(scope, records):
                yield record, name, attributes


def _span(span: Any, scope: str, resource: Attributes) -> OtlpSpan:
    status = span.status
    exception = None
    for event in span.events:
        if event.name == "exception":
            exception = exception_of(_attributes(event.attributes))
    attributes = _attributes(span.attributes)
    return OtlpSpan(
        _binary_id(span.trace_id, "trace_id", TRACE_ID),
        _binary_id(span.span_id, "span_id", SPAN_ID),
        span.parent_span_id.hex() or None,
        span.name,
        instant(span.start_time_unix_nano),
        instant(span.end_time_unix_nano),
        status.message if status.code == 2 else None,
        exception,
        scope,
        attributes,
        resource,
        Names.of(attributes),
    )


def _log(log: Any, _scope: str, resource: Attributes) -> OtlpLog:
    attributes = _attributes(log.attributes)
    return OtlpLog(
        trace_id=log.trace_id.hex() or None,
        span_id=log.span_id.hex() or None,
        event=log.event_name or event_name(attributes),
        at=instant(log.time_unix_nano or log.observed_time_unix_nano),
        body=_value(log.body),
        attributes=attributes,
        resource=resource,
    )


def _binary_id(value: bytes, name: str, length: int) -> str:
    if len(value) != length:
        raise BadRecord(expected=f"{name}: {length} bytes", found=f"{len(value)} bytes")
    return value.hex()


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    # Nearly all values are texts, and asking for one is the quickest question.
    return {
        key: (value := pair.value).string_value or _value(value) for pair in pairs if (key := pair.key) not in UNREAD
    }


def _value(value: AnyValue) -> Json:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind is not None else None
