r"""MLflow's traces as JSON, one a record: what `Trace.to_json()`, `search_traces` and the tracking server give.

    {"info": {"trace_id": "tr-5b8efff798038103d269b633813fc60c", "request_time": "2026-03-02T09:30:00Z", "state": "OK",
              "trace_metadata": {"mlflow.trace.session": "c1", "mlflow.trace.user": "u0412"}, "tags": {"plan": "pro"},
              "assessments": [{"assessment_id": "a1", "assessment_name": "thumbs", "feedback": {"value": true},
                               "source": {"source_type": "HUMAN", "source_id": "u0412"}, "create_time": "2026-03-02T09:31:00Z"}]},
     "data": {"spans": [
       {"trace_id": "W47/95gDgQPSabYzgT/GDA==", "span_id": "7uGbfsPBsXQ=", "parent_span_id": null, "name": "turn",
        "start_time_unix_nano": 1772443800000000000, "end_time_unix_nano": 1772443802000000000, "status": {"code": "STATUS_CODE_OK"},
        "attributes": {"mlflow.spanType": "\"AGENT\"", "mlflow.spanInputs": "{\"message\": \"Where is my order?\"}",
                       "mlflow.spanOutputs": "\"It arrives today.\""}}]}}

Session and user stand in the trace's metadata, everything else that tells conversations apart in its tags and its other metadata. Ratings
are its assessments; expectations, which say what would have been right, are no ratings and are skipped. A trace without its spans gives
what was asked and answered, as far as its metadata has it. MLflow's exporter to OTLP sends the spans alone, which the `otlp` format reads.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from everyturn.model import Feedback, FeedbackRecord, Json, Span
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Records, Sample, Skipped, fields, steps
from everyturn.readers.attributes import own_attributes
from everyturn.readers.feedback_names import source_of
from everyturn.readers.mlflow_spans import read_span
from everyturn.readers.namespaces import Names
from everyturn.readers.otlp_wire import OtlpSpan, exception_of, instant

_OWN = "mlflow."  # begins the metadata and tags that MLflow itself sets: places, versions, the machine's user
_SESSION, _USER = "mlflow.trace.session", "mlflow.trace.user"
_Object = Mapping[str, Json]


def _read(record: Json, context: Context) -> Records:
    found = _unwrapped(record)
    if found is None:
        raise BadRecord(expected="a trace with info and data", found=fields.describe(record))
    info = found["info"]
    trace_id = _hex(fields.first(info, ("trace_id", "request_id")), "info.trace_id")
    if trace_id is None:
        raise BadRecord(expected="info.trace_id: the trace's id", found="nothing")
    trace = _trace(info, trace_id, context.options)
    data = found.get("data")
    spans = fields.listed(data.get("spans"), "data.spans") if isinstance(data, dict) else []
    yield trace if spans else _without_spans(trace, info)
    yield from context.parts(spans, lambda item: _span(item, trace_id, context.options))
    ratings = fields.listed(info.get("assessments"), "info.assessments")
    yield from context.parts(ratings, lambda item: _rating(item, trace_id))


def _unwrapped(record: Json) -> _Object | None:
    """The trace of a record; a row of a table of traces holds it whole, as JSON text."""
    if isinstance(record, dict) and "info" not in record and isinstance(record.get("trace"), str | dict):
        record = fields.json_value(record["trace"])
    return record if isinstance(record, dict) and isinstance(record.get("info"), dict) else None


# --- the trace ----------------------------------------------------------------------------------------------------


def _trace(info: _Object, trace_id: str, options: ReadOptions) -> Span:
    """The trace as the span above its spans."""
    metadata = fields.object_of(fields.first(info, ("trace_metadata", "request_metadata")))
    tags = fields.object_of(info.get("tags"))
    own = {k: v for k, v in {**metadata, **tags}.items() if not k.startswith(_OWN)}
    session, user = metadata.get(_SESSION), metadata.get(_USER)
    if options.conversation_id is not None:
        session = fields.at_path({**own, **metadata, **tags}, options.conversation_id)
    if options.user_id is not None:
        user = fields.at_path({**own, **metadata, **tags}, options.user_id)
    return Span(
        trace_id=trace_id,
        span_id=trace_id,
        conversation_id=fields.identifier(session, _SESSION),
        user_id=fields.identifier(user, _USER),
        name=fields.text(tags.get("mlflow.traceName"), "mlflow.traceName"),
        started_at=fields.time(fields.first(info, ("request_time", "timestamp_ms")), "info.request_time"),
        attributes=own_attributes(own, options),
    )


def _without_spans(trace: Span, info: _Object) -> Span:
    """A trace that was fetched without its spans: what its metadata tells of them."""
    metadata = fields.object_of(fields.first(info, ("trace_metadata", "request_metadata")))
    asked = steps.asked(fields.decoded(fields.first(metadata, ("mlflow.traceInputs",)) or info.get("request_preview")))
    answered = steps.answered(
        fields.decoded(fields.first(metadata, ("mlflow.traceOutputs",)) or info.get("response_preview"))
    )
    return replace(trace, operation="invoke_agent" if asked or answered else "other", input=asked, output=answered)


# --- its spans ----------------------------------------------------------------------------------------------------


def _span(item: Json, trace_id: str, options: ReadOptions) -> Iterator[Span]:
    span = read_span(_otlp_span(item, trace_id), options)
    yield replace(span, parent_id=span.parent_id or trace_id)


def _otlp_span(item: Json, trace_id: str) -> OtlpSpan:
    if not isinstance(item, dict):
        raise BadRecord(expected="data.spans: spans", found=fields.describe(item))
    span_id = _hex(fields.first(item, ("span_id",)), "span_id")
    if span_id is None:
        raise BadRecord(expected="span_id: the span's id", found="nothing")
    status = fields.object_of(item.get("status"))
    exception = None
    for event in fields.listed(item.get("events"), "events"):
        if isinstance(event, dict) and event.get("name") == "exception":
            exception = exception_of(fields.object_of(event.get("attributes")))
    has_failed = str(status.get("code")).removeprefix("STATUS_CODE_") in {"ERROR", "2"}
    attributes = {"mlflow.spanType": "UNKNOWN", **fields.object_of(item.get("attributes"))}
    return OtlpSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_hex(fields.first(item, ("parent_span_id", "parent_id")), "parent_span_id"),
        name=fields.text(item.get("name"), "name") or "",
        started_at=_moment(fields.first(item, ("start_time_unix_nano", "start_time_ns", "start_time"))),
        ended_at=_moment(fields.first(item, ("end_time_unix_nano", "end_time_ns", "end_time"))),
        error=(fields.text(status.get("message"), "status.message") or "") if has_failed else None,
        exception=exception,
        scope="mlflow",
        attributes=attributes,
        resource={},
        names=Names.of(attributes),
    )


def _moment(value: Json) -> datetime | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return instant(value)
    return fields.time(value, "start_time_unix_nano")


def _hex(value: Json, name: str) -> str | None:
    """An id in hex, as OTLP has it; MLflow writes a trace's as "tr-…" and a span's in base64, older releases in hex."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRecord(expected=f"{name}: an id", found=fields.describe(value))
    value = value.removeprefix("tr-").removeprefix("0x")
    if value.endswith("="):
        try:
            return base64.b64decode(value, validate=True).hex()
        except (binascii.Error, ValueError):
            raise BadRecord(expected=f"{name}: an id in base64", found=fields.describe(value)) from None
    return fields.identifier(value, name)


# --- assessments --------------------------------------------------------------------------------------------------


def _rating(item: Json, trace_id: str) -> Iterator[FeedbackRecord | Skipped]:
    if not isinstance(item, dict):
        raise BadRecord(expected="info.assessments: assessments", found=fields.describe(item))
    given = item.get("feedback")
    if item.get("valid") is False or not isinstance(given, dict):
        yield Skipped("assessments that are expectations, or were taken back")
        return
    name = fields.text(fields.first(item, ("assessment_name", "name")), "assessment_name")
    assessment_id = fields.identifier(item.get("assessment_id"), "assessment_id")
    if not name or not assessment_id:
        raise BadRecord(expected="assessment_id and assessment_name", found=fields.describe(item))
    value = given.get("value")
    source = fields.object_of(item.get("source"))
    is_number = isinstance(value, bool | int | float)
    yield FeedbackRecord(
        assessment_id,
        Feedback(
            name,
            fields.number(value, "feedback.value") if is_number else None,
            None if is_number or value is None else fields.plain_text(value),
            fields.text(item.get("rationale"), "rationale"),
            source=source_of(name, mark=fields.text(source.get("source_type"), "source.source_type")),
            at=fields.time(fields.first(item, ("create_time", "create_time_ms")), "create_time"),
        ),
        trace_id=trace_id,
        span_id=_hex(item.get("span_id"), "span_id"),
    )


def _looks_like(sample: Sample) -> float:
    """How many of the records are traces of MLflow's."""
    return 0.95 * sample.share(_is_trace)


def _is_trace(record: Json) -> bool:
    trace = _unwrapped(record)
    return trace is not None and not trace["info"].keys().isdisjoint({"trace_metadata", "request_metadata"})


READER = Reader(
    name="mlflow",
    kind="conversations",
    description="MLflow traces with their spans and assessments, from its tracking store",
    looks_like=_looks_like,
    read=_read,
)
