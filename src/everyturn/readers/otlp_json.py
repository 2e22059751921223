"""OTLP's JSON form: ids in hex, 64-bit integers as text, enums as numbers or names, field names in either spelling."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from everyturn.model import Json
from everyturn.readers import BadRecord, fields
from everyturn.readers.namespaces import Names
from everyturn.readers.otlp_wire import (
    SPAN_ID,
    TRACE_ID,
    UNREAD,
    Attributes,
    OtlpLog,
    OtlpSpan,
    Signal,
    event_name,
    exception_of,
    instant,
    read_each,
)

_NAMES: Mapping[Signal, tuple[str, ...]] = {
    "traces": ("resourceSpans", "resource_spans"),
    "logs": ("resourceLogs", "resource_logs"),
    "metrics": ("resourceMetrics", "resource_metrics"),
}
_is_hex = re.compile("[0-9a-f]+").fullmatch
_DIGITS = 19  # of nanoseconds since 1970, from 2001 to 2286
_ERROR = frozenset({2, "2", "STATUS_CODE_ERROR"})


def signal_of(record: Mapping[str, Json]) -> Signal | None:
    """What a request carries, or None where it is no OTLP."""
    for signal, names in _NAMES.items():
        if any(isinstance(record.get(name), list) for name in names):
            return signal
    return None


def spans(record: Mapping[str, Json]) -> Iterator[OtlpSpan | BadRecord]:
    """The spans of a request; in the place of one that cannot be read, what is wrong with it."""
    return read_each(_span, _items(record, "traces", "Spans", ("spans",)))


def logs(record: Mapping[str, Json]) -> Iterator[OtlpLog | BadRecord]:
    """The log records of a request; in the place of one that cannot be read, what is wrong with it."""
    return read_each(_log, _items(record, "logs", "Logs", ("logRecords", "log_records", "logs")))


def _items(
    record: Mapping[str, Json], signal: Signal, kind: str, names: Sequence[str]
) -> Iterator[tuple[Json, str, Attributes]]:
    """The records, each with its scope's name and its resource."""
    for resource_record in _list(record, _NAMES[signal]):
        inner = resource_record if isinstance(resource_record, dict) else {}
        resource = inner.get("resource")
        attributes = _attributes(resource.get("attributes")) if isinstance(resource, dict) else {}
        for scope_record in _list(inner, (f"scope{kind}", f"scope_{kind.lower()}", f"instrumentationLibrary{kind}")):
            group = scope_record if isinstance(scope_record, dict) else {}
            scope = group.get("scope", group.get("instrumentationLibrary"))
            name = scope.get("name") if isinstance(scope, dict) else None
            for item in _list(group, names):
                yield item, name if isinstance(name, str) else "", attributes


def _list(record: Mapping[str, Json], names: Sequence[str]) -> list[Json]:
    return fields.listed(fields.first(record, names), names[0])


def _get(record: Mapping[str, Json], name: str, in_protobuf: str) -> Json:
    """A field by its JSON name, or by its name in the protobuf file, which some writers use."""
    value = record.get(name)
    return record.get(in_protobuf) if value is None else value


def _span(item: Json, scope: str, resource: Attributes) -> OtlpSpan:
    if not isinstance(item, dict):
        raise BadRecord(expected="spans: a list of spans", found=fields.describe(item))
    status = item["status"] if isinstance(item.get("status"), dict) else {}
    exception = None
    for event in _list(item, ("events",)) if "events" in item else ():
        if isinstance(event, dict) and event.get("name") == "exception":
            exception = exception_of(_attributes(event.get("attributes")))
    trace_id = _id(_get(item, "traceId", "trace_id"), "trace_id", TRACE_ID)
    span_id = _id(_get(item, "spanId", "span_id"), "span_id", SPAN_ID)
    if trace_id is None or span_id is None:
        name = "trace_id: 32 hex digits" if trace_id is None else "span_id: 16 hex digits"
        raise BadRecord(expected=name, found="nothing")
    parent_id = _id(_get(item, "parentSpanId", "parent_span_id"), "parent_span_id", SPAN_ID)
    attributes = _attributes(item.get("attributes"))
    return OtlpSpan(
        trace_id,
        span_id,
        parent_id,
        fields.text(item.get("name"), "name") or "",
        _moment(item, "startTimeUnixNano", "start_time_unix_nano"),
        _moment(item, "endTimeUnixNano", "end_time_unix_nano"),
        fields.text(status.get("message"), "status.message") or "" if status.get("code") in _ERROR else None,
        exception,
        scope,
        attributes,
        resource,
        Names.of(attributes),
    )


def _log(item: Json, _scope: str, resource: Attributes) -> OtlpLog:
    if not isinstance(item, dict):
        raise BadRecord(expected="logRecords: a list of log records", found=fields.describe(item))
    attributes = _attributes(item.get("attributes"))
    at = _moment(item, "timeUnixNano", "time_unix_nano")
    at = at or _moment(item, "observedTimeUnixNano", "observed_time_unix_nano")
    return OtlpLog(
        trace_id=_id(_get(item, "traceId", "trace_id"), "trace_id", TRACE_ID),
        span_id=_id(_get(item, "spanId", "span_id"), "span_id", SPAN_ID),
        event=fields.text(_get(item, "eventName", "event_name"), "event_name") or event_name(attributes),
        at=at,
        body=_value(item.get("body")),
        attributes=attributes,
        resource=resource,
    )


def _id(value: Json, name: str, length: int) -> str | None:
    """An id in hex, as OTLP/JSON has it, or in base64, as generic protobuf writers have it. All zeros is no id."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if len(value) == 2 * length:
            if value[0] != "0" and _is_hex(value):
                return value
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


def _moment(item: Mapping[str, Json], name: str, in_protobuf: str) -> datetime | None:
    value = item.get(name)
    if type(value) is str and len(value) == _DIGITS and value.isascii() and value.isdigit():
        return instant(int(value))  # nearly all
    if value is None:
        value = item.get(in_protobuf)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord(expected=f"{name}: a time in nanoseconds since 1970", found=fields.describe(value))
    return instant(int(value))


def _attributes(pairs: Json) -> Attributes:
    if pairs is None:
        return {}
    if not isinstance(pairs, list):
        raise BadRecord(expected="attributes: a list of keys and values", found=fields.describe(pairs))
    try:
        return {
            key: value["stringValue"] if "stringValue" in (value := pair["value"]) else _value(value)
            for pair in pairs
            if type(key := pair["key"]) is str and key not in UNREAD
        }
    except (KeyError, TypeError):  # a pair that is none, or lacks its key or its value
        return _attributes_of_any(pairs)


def _attributes_of_any(pairs: list[Json]) -> Attributes:
    """The attributes of pairs that may be anything; those without a key are left out."""
    found: Attributes = {}
    for pair in pairs:
        key = pair.get("key") if isinstance(pair, dict) else None
        if isinstance(key, str) and key not in UNREAD:
            found[key] = _value(pair.get("value"))
    return found


def _value(value: Json) -> Json:
    """The Python value of an AnyValue; a value of no known kind is none."""
    if not isinstance(value, dict) or not value:
        return None
    if "stringValue" in value:
        return value["stringValue"]
    name, content = next(iter(value.items()))
    kind = name.partition("Value")[0].partition("_value")[0]
    if kind == "array" and isinstance(content, dict):
        return [_value(v) for v in _list(content, ("values",))]
    if kind == "kvlist" and isinstance(content, dict):
        return _attributes(content.get("values"))
    if kind in {"int", "double"}:
        try:
            return int(content) if kind == "int" else float(content)
        except (TypeError, ValueError, OverflowError):
            raise BadRecord(expected=f"{kind}Value: a number", found=fields.describe(content)) from None
    return content if kind in {"string", "bool", "bytes"} else None
