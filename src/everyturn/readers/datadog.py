"""Datadog LLM Observability: what its SDK sends, with an agent or without one, and what its export API gives.

    [{"event_type": "span", "_dd.stage": "raw", "spans": [{
      "trace_id": "6b03efbe000000002c2a07646b38a98e", "span_id": "12612877770896058603", "parent_id": "undefined", "name": "turn",
      "session_id": "c1", "start_ns": 1772441400000000000, "duration": 2000000000, "status": "ok",
      "tags": ["user_id:u0412", "plan:pro", "env:production"],
      "meta": {"span": {"kind": "agent"}, "input": {"value": "Where is my order?"}, "output": {"value": "It arrives today."}}}]}]

A record is one of:

- an event with its spans (POST /api/v2/llmobs)
- a trace or span of the agent's (POST /v0.4/traces, msgpack or decoded), whose LLM data stands under `meta_struct._llmobs`
- a span of the export API (its `attributes`, or the item around them), with its evaluations by name under `evaluation`
- evaluations and feedback (POST /api/intake/llm-obs/v2/eval-metric)

The conversation is the `session_id`, as a field or a tag; the user is the tag `user_id`. Other tags become attributes, `env` as `environment`,
without those Datadog adds by itself. Lists have no place in its tags.

Spans of experiments are marked as an evaluation and never become conversations; the root span of each gives its dataset record as an eval
case. Spans of an agent's trace without LLM data are skipped and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import ormsgpack

from everyturn.model import Feedback, FeedbackRecord, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Records, Sample, Skipped, SkipRecord, fields
from everyturn.readers.datadog_spans import DatadogSpan, eval_case, read_span
from everyturn.readers.feedback_names import Source, source_of


def _read(record: Json, context: Context) -> Records:
    kind = _kind(record)
    if kind is None:
        raise BadRecord(expected="a Datadog LLM span, trace, export item or evaluation", found=fields.describe(record))
    return _READERS[kind](record, context)


def _is_apm_span(value: Json) -> bool:
    return isinstance(value, dict) and {"span_id", "trace_id", "start", "meta"} <= value.keys()


def _is_exported(value: Json) -> bool:
    return isinstance(value, dict) and {"span_id", "trace_id", "span_kind", "start_ns"} <= value.keys()


def _is_metrics(value: Json) -> bool:
    data = value.get("data") if isinstance(value, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return isinstance(attributes, dict) and isinstance(attributes.get("metrics"), list)


_KINDS: tuple[tuple[str, Callable[[Json], bool]], ...] = (
    ("event", lambda r: isinstance(r, dict) and isinstance(r.get("spans"), list) and "event_type" in r),
    ("trace", lambda r: isinstance(r, list) and bool(r) and all(map(_is_apm_span, r))),
    ("apm span", _is_apm_span),
    ("metrics", _is_metrics),
    ("item", lambda r: isinstance(r, dict) and r.get("type") == "span" and _is_exported(r.get("attributes"))),
    ("exported", _is_exported),
)


def _kind(record: Json) -> str | None:
    """The kind of a record, recognised by fields that no other kind has."""
    for kind, is_kind in _KINDS:
        if is_kind(record):
            return kind
    return None


# --- spans ---------------------------------------------------------------------------------------------------------


def _each(spans: Iterable[DatadogSpan | BadRecord], context: Context) -> Records:
    """The spans of one record; a bad one is rejected without the others."""

    def read(span: DatadogSpan | BadRecord) -> Records:
        if isinstance(span, BadRecord):
            raise span
        yield read_span(span, context.options)
        if (case := eval_case(span)) is not None:
            yield case

    return context.parts(spans, read)


def _read_event(record: Mapping[str, Json], context: Context) -> Records:
    if record.get("event_type") != "span":
        raise SkipRecord("events that are no spans")
    is_experiment = record.get("_dd.scope") == "experiments"
    yield from _each((_sent(span, is_experiment=is_experiment) for span in record["spans"]), context)


def _sent(span: Json, *, is_experiment: bool) -> DatadogSpan | BadRecord:
    """A span as the SDK sends it."""
    if not isinstance(span, dict):
        return BadRecord(expected="spans: a list of spans", found=fields.describe(span))
    meta = _object(span, "meta")
    return DatadogSpan(
        trace_id=span.get("trace_id"),
        span_id=span.get("span_id"),
        parent_id=span.get("parent_id"),
        session_id=span.get("session_id"),
        name=span.get("name"),
        kind=_object(meta, "span").get("kind", meta.get("span.kind")),
        start=span.get("start_ns"),
        duration=span.get("duration"),
        has_failed=span.get("status") == "error",
        meta=meta,
        tags=span.get("tags"),
        is_experiment=is_experiment or _object(span, "_dd").get("scope") == "experiments",
    )


def _read_trace(record: list[Json], context: Context) -> Records:
    for span in record:
        yield from _read_apm_span(span, context)


def _read_apm_span(record: Mapping[str, Json], context: Context) -> Records:
    found = _object(record, "meta_struct").get("_llmobs")
    if isinstance(found, bytes):
        found = _unpacked(found)
    if not isinstance(found, dict):
        yield Skipped("spans without LLM data")
        return
    meta = _object(found, "meta")
    tags = found.get("tags")
    span = DatadogSpan(
        trace_id=found.get("trace_id"),
        span_id=record["span_id"],
        parent_id=found.get("parent_id"),
        session_id=found.get("session_id"),
        name=found.get("name") or record.get("name"),
        kind=_object(meta, "span").get("kind"),
        start=record["start"],
        duration=record.get("duration"),
        has_failed=bool(record.get("error")),
        meta=meta,
        tags=[f"{k}:{v}" for k, v in tags.items()] if isinstance(tags, dict) else tags,
        is_experiment=_object(found, "_dd").get("scope") == "experiments",
    )
    yield from _each([span], context)


def _read_item(record: Mapping[str, Json], context: Context) -> Records:
    yield from _read_exported(record["attributes"], context)


def _read_exported(record: Mapping[str, Json], context: Context) -> Records:
    names = ("input", "output", "metadata", "model_name", "error", "tool_definitions", "expected_output")
    span = DatadogSpan(
        trace_id=record["trace_id"],
        span_id=record["span_id"],
        parent_id=record.get("parent_id"),
        session_id=record.get("session_id"),
        name=record.get("name"),
        kind=record["span_kind"],
        start=record["start_ns"],
        duration=record.get("duration"),
        has_failed=record.get("status") == "error",
        meta={name: record[name] for name in names if record.get(name) is not None},
        tags=record.get("tags"),
        is_experiment=record["span_kind"] == "experiment",
    )
    yield from _each([span], context)
    ratings = _object(record, "evaluation").items()
    yield from context.parts(ratings, lambda item: [_exported_rating(record, item)])


def _object(record: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


# --- evaluations and feedback ----------------------------------------------------------------------------------------


def _read_metrics(record: Mapping[str, Json], context: Context) -> Records:
    attributes = record["data"]["attributes"]
    if attributes.get("scope") == "experiments":
        raise SkipRecord("scores of experiments")
    yield from context.parts(attributes["metrics"], lambda item: [_rating(item)])


def _rating(item: Json) -> FeedbackRecord:
    """One evaluation or one piece of feedback, and the span, trace or session it names, itself or under `join_on`."""
    if not isinstance(item, dict):
        raise BadRecord(expected="metrics: objects with a label and a value", found=fields.describe(item))
    name = fields.text(item.get("label"), "label")
    if not name:
        raise BadRecord(expected="label: the evaluation's name", found=fields.describe(item.get("label")))
    join = _object(item, "join_on")
    target = {**item, **_object(join, "span")}
    tag = _object(join, "tag")
    session_id = tag.get("value") if tag.get("key") == "session_id" else item.get("session_id")
    named = {"session_id": session_id, "trace_id": target.get("trace_id"), "span_id": target.get("span_id")}
    ids = [fields.identifier(value, key) for key, value in named.items()]
    if tag and not any(ids):
        raise SkipRecord("evaluations joined on another tag than session_id")
    if not any(ids):
        raise BadRecord(
            expected="join_on: a span, a trace or the tag session_id", found=fields.describe(item.get("join_on"))
        )
    value, label, comment = _value(item)
    at = fields.time(fields.first(item, ("timestamp_ms", "timestamp")), "timestamp_ms")
    number = None if value is None else repr(value)
    return FeedbackRecord(
        digest("datadog", *ids, name, number, label, comment, at.isoformat() if at else None),
        Feedback(name, value, label, comment, source=_source(item), at=at),
        *ids,
    )


def _exported_rating(span: Mapping[str, Json], named: tuple[str, Json]) -> FeedbackRecord:
    """One evaluation of a span from the export API: the latest of its name, without who gave it or when."""
    name, metric = named
    if not isinstance(metric, dict):
        raise BadRecord(expected="evaluation: objects with a value each", found=fields.describe(metric))
    given, label = metric.get("value"), fields.text(metric.get("assessment"), "assessment")
    if given is None and label is None:
        raise SkipRecord("evaluations without a value")
    is_number = isinstance(given, int | float)
    trace_id, span_id = (fields.identifier(span.get(key), key) for key in ("trace_id", "span_id"))
    rating = Feedback(
        name,
        fields.number(given, "value") if is_number else None,
        given if isinstance(given, str) else label,
        fields.text(metric.get("reasoning"), "reasoning"),
        source=source_of(name),
    )
    return FeedbackRecord(digest("datadog", trace_id, span_id, name), rating, trace_id=trace_id, span_id=span_id)


def _source(item: Mapping[str, Json]) -> Source:
    return "user" if item.get("event_kind") == "feedback" else "judge"


def _value(item: Mapping[str, Json]) -> tuple[float | None, str | None, str | None]:
    """Value, label and comment, from the field that the metric's type names; without another label, the assessment is the label."""
    comment = fields.text(item.get("reasoning"), "reasoning")
    label = fields.text(item.get("assessment"), "assessment")
    kind = item.get("metric_type")
    if kind == "categorical" or "categorical_value" in item:
        return None, fields.text(item.get("categorical_value"), "categorical_value"), comment
    if kind == "text" or "text_value" in item:
        text = fields.text(item.get("text_value"), "text_value")
        return None, label, text if comment is None else comment if text is None else f"{text}\n{comment}"
    if kind == "json":
        return None, label, comment
    value = item.get("boolean_value") if kind == "boolean" else item.get("score_value")
    if value is None and label is None:
        raise BadRecord(expected="score_value or boolean_value: a value", found="nothing")
    return fields.number(value, "score_value"), label, comment


# --- recognising -----------------------------------------------------------------------------------------------------


_READERS: Mapping[str, Callable[[Json, Context], Records]] = {
    "event": _read_event,
    "trace": _read_trace,
    "apm span": _read_apm_span,
    "item": _read_item,
    "exported": _read_exported,
    "metrics": _read_metrics,
}


def _unpacked(data: bytes) -> Json:
    try:
        return ormsgpack.unpackb(data, option=ormsgpack.OPT_NON_STR_KEYS)
    except ValueError:
        raise BadRecord(expected="msgpack", found=f"{len(data):,} bytes that are none") from None


def _decode(data: bytes) -> Iterator[Json]:
    """The spans of the agent's msgpack traces, one by one."""
    value = _unpacked(data)
    if not isinstance(value, list) or not all(isinstance(trace, list) for trace in value):
        raise BadRecord(expected="a list of traces", found=fields.describe(value))
    return (span for trace in value for span in trace)


def _looks_like(sample: Sample) -> float:
    """How many of the records are of a kind that Datadog's SDK or API gives; of bytes, whether they are lists of spans."""
    if sample.records:
        return 0.95 * sample.share(lambda record: _kind(record) is not None)
    # msgpack: an array of traces, each an array of spans, each a map that names a span's fields
    head = sample.head[:4096]
    is_list = bool(head) and (0x90 <= head[0] <= 0x9F or head[0] in {0xDC, 0xDD})
    return 0.9 if is_list and b"span_id" in head and b"trace_id" in head else 0.0


READER = Reader(
    name="datadog",
    kind="conversations",
    description="Datadog LLM Observability: spans, evaluations and feedback as its SDK sends them or its API exports them",
    looks_like=_looks_like,
    read=_read,
    decode=_decode,
)
