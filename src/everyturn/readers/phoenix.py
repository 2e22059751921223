"""Phoenix's spans, as its API gives them (GET /v1/projects/…/spans) and as its client's data frames hold them.

    {"data": [{"name": "turn", "span_kind": "AGENT", "context": {"trace_id": "5b8efff798038103d269b633813fc60c", "span_id": "eee19b7ec3c1b174"},
               "parent_id": null, "start_time": "2026-03-02T09:30:00Z", "end_time": "2026-03-02T09:30:02Z", "status_code": "OK",
               "attributes": {"session.id": "c1", "user.id": "u0412", "input.value": "Where is my order?", "output.value": "It arrives today."}}],
     "next_cursor": null}

A record is a span, or a row of a data frame (Parquet, JSON Lines or CSV) with columns such as `context.trace_id` and
`attributes.llm.input_messages`. Attributes may be flat or nested. They are OpenInference's (or another client's that sends to Phoenix) and mean
what they mean in OTLP. Annotations are a format of their own, phoenix-annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from everyturn.model import FeedbackRecord, Json, Rejected, Span
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.namespaces import Names
from everyturn.readers.otlp import read_spans
from everyturn.readers.otlp_wire import OtlpSpan, exception_of

_ROW = ("context.trace_id", "context.span_id")
_WHOLE = frozenset({"metadata"})  # the application's own object, kept as one
_KIND = "openinference.span.kind"


def _read(record: Json, context: Context) -> Iterator[Span | FeedbackRecord | Rejected]:
    span = record if not _is_row(record) else _nested(record)
    if not _is_span(span):
        raise BadRecord(expected="a span with a context and a start_time", found=fields.describe(record))
    for part in read_spans([_otlp(span)], context.options):
        if isinstance(part, BadRecord):
            raise part
        yield part


def _is_span(value: Json) -> bool:
    inner = value.get("context") if isinstance(value, dict) else None
    return isinstance(inner, dict) and {"trace_id", "span_id"} <= inner.keys() and "start_time" in value


def _is_row(value: Json) -> bool:
    return isinstance(value, dict) and {*_ROW, "start_time"} <= value.keys()


def _nested(row: Mapping[str, Json]) -> dict[str, Json]:
    """The span of which a data frame's row was made."""
    span: dict[str, Json] = {"context": {name.partition(".")[2]: row[name] for name in _ROW}, "attributes": {}}
    for name, value in row.items():
        head, dot, rest = name.partition(".")
        if head == "attributes" and dot:
            span["attributes"][rest] = value
        elif name not in _ROW:
            span[name] = fields.json_value(value) if name in {"events", "attributes"} else value
    return span


def _otlp(span: Mapping[str, Json]) -> OtlpSpan:
    attributes = _flat(span.get("attributes"))
    kind = span.get("span_kind")
    if isinstance(kind, str) and kind.upper() != "UNKNOWN":
        attributes.setdefault(_KIND, kind)
    elif str(attributes.get(_KIND, "")).upper() == "UNKNOWN":
        del attributes[_KIND]
    message = fields.text(span.get("status_message"), "status_message") or ""
    return OtlpSpan(
        trace_id=fields.required_id(span["context"].get("trace_id"), "context.trace_id"),
        span_id=fields.required_id(span["context"].get("span_id"), "context.span_id"),
        parent_id=fields.identifier(span.get("parent_id"), "parent_id"),
        name=fields.text(span.get("name"), "name") or "",
        started_at=_time(span, "start_time"),
        ended_at=_time(span, "end_time"),
        error=message if str(span.get("status_code", "")).upper() == "ERROR" else None,
        exception=_exception(span.get("events")),
        scope="",
        attributes=attributes,
        resource={},
        names=Names.of(attributes),
    )


def _time(span: Mapping[str, Json], name: str) -> datetime | None:
    return fields.time(span.get(name), name)


def _exception(events: Json) -> tuple[str, str] | None:
    """The last exception among the events."""
    for event in reversed(events) if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("name") == "exception":
            return exception_of(_flat(event.get("attributes")))
    return None


def _flat(value: Json) -> dict[str, Json]:
    """The attributes under dotted names, with numbers for the items of lists of objects; missing ones are left out."""
    flat: dict[str, Json] = {}
    value = fields.json_value(value)
    if isinstance(value, dict):
        _flatten(value, "", flat)
    for name in Names.of(flat).derive(_grouped):
        head, rest = ("metadata", name[9:]) if name.startswith("metadata.") else ("tag.tags", "")
        group = flat.setdefault(head, {} if rest else [])
        if isinstance(group, dict) and rest:
            group[rest] = flat.pop(name)
        elif isinstance(group, list):
            group.append(flat.pop(name))
    return flat


def _grouped(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.startswith(("metadata.", "tag.tags.")))


def _flatten(value: Mapping[str, Json], prefix: str, flat: dict[str, Json]) -> None:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if type(item) is str:  # nearly all
            flat[name] = item
            continue
        if isinstance(item, dict) and name not in _WHOLE:
            _flatten(item, f"{name}.", flat)
        elif isinstance(item, list | tuple) and item and all(isinstance(i, dict) for i in item):
            for number, inner in enumerate(item):
                _flatten(inner, f"{name}.{number}.", flat)
        elif item is not None:
            flat[name] = item


def _looks_like(sample: Sample) -> float:
    """How many of the records are Phoenix's spans."""
    return 0.95 * sample.share(lambda record: _is_row(record) or (_is_span(record) and "span_kind" in record))


READER = Reader(
    name="phoenix",
    kind="conversations",
    description="Phoenix spans, from its API or its client's data frames",
    looks_like=_looks_like,
    read=_read,
)
