"""Opik's traces, spans and scores: what the recorded client did not do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everyturn.assemble import assemble
from everyturn.model import Feedback, Message, Rejected, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions
from everyturn.readers.opik import READER

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = "2026-03-02T09:30:00Z"


def read(record, **options):
    return list(READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def trace(**values):
    return {"id": "t", "start_time": AT, "project_name": "p", "source": "sdk", **values}


def span(**values):
    return {"id": "s", "trace_id": "t", "start_time": AT, "type": "general", "project_name": "p", **values}


def score(**values):
    return {"id": "t", "name": "thumbs", "value": 1, "source": "sdk", **values}


def test_user_and_attributes_stand_in_the_metadata():
    (found,) = read(
        trace(thread_id="c", tags=["a", "b"], metadata={"user_id": 7, "plan": "pro", "deep": {}, "created_from": "x"})
    )
    assert (found.conversation_id, found.user_id) == ("c", "7")
    assert found.attributes == {"plan": "pro", "tags": "a, b"}
    (found,) = read(trace(metadata={"who": "u9", "plan": "pro"}), user_id="who")
    assert (found.user_id, found.attributes) == ("u9", {"plan": "pro"})


def test_a_tool_step():
    (found,) = read(
        span(
            type="tool",
            name="find",
            input={"kwargs": {"id": 7}},
            output={"output": [1]},
            metadata={"tool_call_id": "c1"},
        )
    )
    assert (found.tool_call, found.tool_result) == (ToolCall("c1", "find", {"id": 7}), "[1]")
    (failed,) = read(
        span(type="tool", name="find", input={"id": 7}, error_info={"exception_type": "a.B", "message": "no"})
    )
    assert (failed.tool_call, failed.tool_result, failed.error) == (ToolCall(None, "find", {"id": 7}), None, "B: no")


@pytest.mark.parametrize("test", [trace(source="experiment"), trace(experiment={"id": "e"}), span(source="playground")])
def test_tests_are_no_conversations(test):
    assert read(test)[0].is_evaluation


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"value": 0}, Feedback("thumbs", 0.0)),
        ({"value": 1, "category_name": "late"}, Feedback("thumbs", None, "late")),
        ({"name": "goal", "reason": "why"}, Feedback("goal", 1.0, comment="why", source="judge")),
        ({"name": "goal", "source": "ui"}, Feedback("goal", 1.0)),
        ({"source": "online_scoring"}, Feedback("thumbs", 1.0, source="judge")),
    ],
)
def test_scores(values, expected):
    (found,) = read(score(**values))
    assert found.feedback == expected


def test_scores_find_spans_traces_and_threads_and_the_latest_counts():
    spans = [
        *read(trace(thread_id="c", input="hi", output="hello")),
        *read(span(type="llm", input={"messages": [{"role": "user", "content": "hi"}]}, output={"choices": [{"message": {"role": "assistant", "content": "hello"}}]})),
    ]  # fmt: skip
    sent = {"scores": [score(name="a"), score(name="b", id="s"), score(name="c", id=None, thread_id="c")]}
    later = read(trace(feedback_scores=[{"name": "a", "value": 0, "source": "ui", "last_updated_at": AT}]))[1]
    (conversation,) = assemble(spans, [*read(sent), later])
    assert [(f.name, f.value, f.turn) for f in conversation.feedback] == [("a", 0.0, 0), ("b", 1.0, 0), ("c", 1.0, 0)]
    assert conversation.messages == (
        Message("user", "hi", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        Message("assistant", "hello", None),
    )


def test_one_bad_item_is_rejected_alone():
    found = read({"content": [trace(), {"id": 7}, span(trace_id=None)]})
    assert [type(r) is Rejected for r in found] == [False, True, True]
    with pytest.raises(BadRecord):
        read({"id": 7})
