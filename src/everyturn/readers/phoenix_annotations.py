"""Phoenix's annotations: ratings of a span, a trace or a session, as its clients post them and its API gives them back.

    {"data": [{"name": "user_feedback", "annotator_kind": "HUMAN", "span_id": "67f6740bbe1ddc3f",
               "result": {"label": "thumbs-up", "score": 1, "explanation": "quick"}, "identifier": "u0412"}]}

A record is a request or a page with annotations under `data`, one of them, or a row of the client's data frame of them. One annotator (`identifier`) has one annotation of a name
on a target, so that the same one read again, or corrected, is not counted twice. The spans come as OTLP.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Feedback, FeedbackRecord, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Records, Sample, fields
from everyturn.readers.feedback_names import source_of

_TARGETS = ("span_id", "trace_id", "session_id")


def _read(record: Json, context: Context) -> Records:
    items = _items(record)
    if items is None:
        raise BadRecord(expected="an annotation, or a list of such under data", found=fields.describe(record))
    if items and items[0] is record:
        yield _rating(_nested(record))
    else:
        yield from context.parts(items, lambda item: [_rating(_nested(item))])


def _nested(item: Json) -> Json:
    """An annotation, of a data frame's row too, which has its parts as columns: annotation_name, result.score."""
    if not isinstance(item, dict) or "annotation_name" not in item:
        return item
    return {"result": fields.prefixed(item, "result."), **item, "name": item["annotation_name"]}


def _items(record: Json) -> list[Json] | None:
    if not isinstance(record, dict):
        return None
    return record["data"] if isinstance(record.get("data"), list) else [record] if _has_result(record) else None


def _has_result(record: Json) -> bool:
    return "result" in record or "annotation_name" in record


def _rating(item: Json) -> FeedbackRecord:
    result = item.get("result") if isinstance(item, dict) else None
    if not isinstance(result, dict):
        raise BadRecord(
            expected="result: an object with a score, a label or an explanation", found=fields.describe(item)
        )
    name = fields.text(item.get("name"), "name")
    targets = {target: fields.identifier(item.get(target), target) for target in _TARGETS}
    if not name or not any(targets.values()):
        raise BadRecord(expected="a name and a span_id, trace_id or session_id", found=fields.describe(item))
    mark = fields.text(item.get("annotator_kind"), "annotator_kind")
    annotator = fields.text(item.get("identifier"), "identifier")
    return FeedbackRecord(
        digest("phoenix", *targets.values(), name, annotator or ""),
        Feedback(
            name,
            fields.number(result.get("score"), "result.score"),
            fields.text(result.get("label"), "result.label"),
            fields.text(result.get("explanation"), "result.explanation"),
            source=source_of(name, mark=mark),
            at=fields.time(fields.first(item, ("updated_at", "created_at")), "created_at"),
        ),
        conversation_id=targets["session_id"],
        trace_id=targets["trace_id"],
        span_id=targets["span_id"],
    )


def _looks_like(sample: Sample) -> float:
    """How many of the records are annotations, or hold nothing but such."""
    return 0.95 * sample.share(_has_annotations)


def _has_annotations(record: Json) -> bool:
    items = _items(record)
    return bool(items) and all(map(_is_annotation, items or ()))


def _is_annotation(item: Json) -> bool:
    item = _nested(item)
    if not isinstance(item, Mapping) or not isinstance(item.get("result"), dict):
        return False
    return {"name", "annotator_kind"} <= item.keys() and not item.keys().isdisjoint(_TARGETS)


READER = Reader(
    name="phoenix-annotations",
    kind="conversations",
    description="Phoenix annotations of spans, traces and sessions",
    looks_like=_looks_like,
    read=_read,
)
