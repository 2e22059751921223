"""Phoenix's spans in the forms the recorded client did not give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everyturn.model import Message
from everyturn.readers import BadRecord, Context, ReadOptions, Sample
from everyturn.readers.phoenix import READER
from everyturn.readers.phoenix_annotations import READER as ANNOTATIONS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IDS = {"trace_id": "t", "span_id": "s"}


def read(record, reader=READER, **options):
    return list(reader.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def span(attributes=None, **values):
    return {"name": "n", "context": IDS, "span_kind": "LLM", "start_time": "2026-03-02T09:30:00Z", "status_code": "OK",
            "attributes": attributes or {}, **values}  # fmt: skip


NESTED = {
    "llm": {"input_messages": [{"message": {"role": "user", "content": "hi"}}]},
    "metadata": {"plan": "pro"},
    "tag": {"tags": ["a", "b"]},
}
FLAT = {
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "hi",
    "metadata.plan": "pro",
    "tag.tags.0": "a",
    "tag.tags.1": "b",
}
MIXED = {"llm.input_messages": [{"message.role": "user", "message.content": "hi", "message.tool_calls": None}], "metadata": '{"plan":"pro"}', "tag.tags": ["a", "b"]}  # fmt: skip


@pytest.mark.parametrize("attributes", [NESTED, FLAT, MIXED], ids=["nested", "flat", "mixed"])
def test_attributes_say_the_same_in_any_form(attributes):
    (found,) = read(span(attributes))
    assert (found.operation, found.input) == ("chat", (Message("user", "hi"),))
    assert found.attributes == {"plan": "pro", "tags": "a, b"}


def test_a_data_frames_row_is_a_span():
    row = {"name": "n", "context.trace_id": "t", "context.span_id": "s", "span_kind": "AGENT", "start_time": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
           "status_code": "ERROR", "status_message": "", "events": '[{"name": "exception", "attributes": {"exception": {"type": "a.B", "message": "no"}}}]',
           "attributes.session.id": "c", "attributes.user": {"id": "u"}, "attributes.input.value": "hi"}  # fmt: skip
    assert READER.looks_like(Sample((row,))) > 0.5
    (found,) = read(row)
    assert (found.trace_id, found.span_id, found.conversation_id, found.user_id) == ("t", "s", "c", "u")
    assert (found.operation, found.error, found.input) == ("invoke_agent", "B: no", (Message("user", "hi"),))


def test_spans_of_other_clients_keep_their_meaning():
    genai = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
    }
    (found,) = read(span(genai, span_kind="UNKNOWN"))
    assert (found.operation, found.input) == ("chat", (Message("user", "hi"),))


@pytest.mark.parametrize("context", [{}, {"trace_id": "t", "span_id": None}, "x"])
def test_a_span_without_its_ids_is_refused(context):
    with pytest.raises(BadRecord):
        read(span(context=context))


def test_an_annotation_of_a_data_frame():
    row = {
        "annotation_name": "good",
        "annotator_kind": "HUMAN",
        "span_id": "s",
        "result.score": 0.0,
        "result.label": "no",
    }
    assert ANNOTATIONS.looks_like(Sample((row,))) > 0.5
    (found,) = read(row, ANNOTATIONS)
    assert (found.span_id, found.feedback.value, found.feedback.label, found.feedback.source) == (
        "s",
        0.0,
        "no",
        "user",
    )
