"""Traceloop's user feedback: the bodies of POST /v2/annotation-tasks/{task}/annotations that its SDK sends.

    {"entity_instance_id": "c1", "tags": {"sentiment": "positive", "score": 0.9}, "source": "sdk", "flow": "user_feedback",
     "actor": {"type": "service", "id": "support"}}

`entity_instance_id` is the association id that the application chose, here taken for the conversation's. Each tag is a rating; tags called
`name`, `value` (or score, label) and `comment` are one rating together. The body has neither a time nor an id: the same rating of the same
conversation read again is the same. The spans come as OTLP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everyturn.model import Feedback, FeedbackRecord, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.chat import read_feedback


def _read(record: Json, context: Context) -> Iterator[FeedbackRecord]:
    if not _is_annotation(record):
        raise BadRecord(expected="an object with entity_instance_id and tags", found=fields.describe(record))
    conversation_id = fields.identifier(record["entity_instance_id"], "entity_instance_id")
    for feedback in _ratings(record["tags"]):
        value = None if feedback.value is None else repr(feedback.value)
        key = digest(context.endpoint, conversation_id, feedback.name, value, feedback.label, feedback.comment)
        yield FeedbackRecord(key, feedback, conversation_id)


def _ratings(tags: Mapping[str, Json]) -> Iterator[Feedback]:
    comment = fields.text(tags.get("comment"), "tags.comment")
    if isinstance(tags.get("name"), str) and not tags.keys().isdisjoint({"value", "score", "label"}):
        yield read_feedback(tags)
        return
    for name, value in tags.items():
        if name == "comment" or value is None:
            continue
        if isinstance(value, list):
            value = ", ".join(map(fields.plain_text, value))  # noqa: PLW2901 - several labels of one tag
        is_number = isinstance(value, bool | int | float)
        number = fields.number(value, f"tags.{name}") if is_number else None
        yield Feedback(str(name), number, None if is_number else fields.plain_text(value), comment)


def _is_annotation(record: Json) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("tags"), dict):
        return False
    return isinstance(record.get("entity_instance_id"), str) and bool(record["entity_instance_id"])


def _looks_like(sample: Sample) -> float:
    """How many of the records are annotations of Traceloop's."""
    return 0.95 * sample.share(_is_annotation)


READER = Reader(
    name="traceloop-annotations",
    kind="conversations",
    description="user feedback sent with Traceloop's SDK",
    looks_like=_looks_like,
    read=_read,
)
