"""Datadog's spans, evaluations and feedback: what the recorded clients did not do."""

from __future__ import annotations

from datetime import UTC, datetime

import ormsgpack
import pytest

from everyturn.assemble import assemble
from everyturn.model import EvalCase, Feedback, FeedbackRecord, Message, Rejected, Span, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample, Skipped, SkipRecord
from everyturn.readers.datadog import READER

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
AT_NS = int(AT.timestamp()) * 10**9
BIG = "17864327328695713267"  # beyond 2^63


def read(record, **options):
    return list(READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def event(kind="llm", meta=None, tags=(), **values):
    span = {
        "trace_id": "t",
        "span_id": BIG,
        "parent_id": "undefined",
        "name": "step",
        "start_ns": AT_NS,
        "duration": 2 * 10**9,
        "status": "ok",
        "tags": list(tags),
        "meta": {"span": {"kind": kind}, **(meta or {})},
        **values,
    }
    return {"event_type": "span", "_dd.stage": "raw", "spans": [span]}


def span_of(*args, **values) -> Span:
    (found,) = read(event(*args, **values))
    return found


def metrics(*items, **attributes):
    return {"data": {"type": "evaluation_metric", "attributes": {"metrics": list(items), **attributes}}}


def metric(**values):
    return {"label": "good", "metric_type": "score", "score_value": 1, "span_id": BIG, **values}


# --- spans -----------------------------------------------------------------------------------------------------------


def test_ids_stay_whole_and_the_tags_are_split_at_the_first_colon():
    found = span_of(
        "agent", tags=["user_id:a:b", "plan:pro", "env:production", "ddtrace.version:4.16.0"], session_id="c"
    )
    assert (found.span_id, found.parent_id) == (BIG, None)
    assert (found.conversation_id, found.user_id) == ("c", "a:b")
    assert found.attributes == {"plan": "pro", "environment": "production"}
    assert (found.ended_at - found.started_at).total_seconds() == 2


def test_a_session_stands_in_a_tag_alone_in_exports():
    item = {
        "type": "span",
        "id": "i",
        "attributes": {
            "trace_id": "t",
            "span_id": int(BIG),
            "span_kind": "llm",
            "start_ns": AT_NS // 10**6,  # the documentation's own example has milliseconds
            "tags": ["session_id:c"],
            "input": {"messages": [{"role": "user", "content": "hi"}]},
            "output": {"messages": [{"role": "assistant", "content": ""}]},
        },
    }
    (found,) = read(item)
    assert (found.conversation_id, found.span_id, found.started_at) == ("c", BIG, AT)
    assert found.output == (Message("assistant", ""),)
    assert read(item["attributes"]) == [found]


def test_ids_can_be_declared():
    meta = {"metadata": {"account": "u7"}}
    (found,) = read(
        event("agent", meta, ["chat:c9"], session_id="c"), user_id="metadata.account", conversation_id="chat"
    )
    assert (found.conversation_id, found.user_id) == ("c9", "u7")


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"query": {}}}, "{broken"),
        ({"properties": {"value": {}}}, {"value": "{broken"}),
        (None, {"value": "{broken"}),
    ],
)
def test_arguments_that_were_no_json_are_the_text_they_are(schema, arguments):
    call = {"name": "find", "arguments": {"value": "{broken"}, "tool_id": "c1", "type": "function"}
    meta = {
        "output": {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]},
        "tool_definitions": [{"name": "find", "schema": schema}] if schema else [],
    }
    assert span_of("llm", meta).output == (Message("assistant", None, None, (ToolCall("c1", "find", arguments),)),)


def test_results_of_several_tools_in_one_message_are_one_each():
    results = [{"tool_id": "a", "result": "1", "name": ""}, {"tool_id": "b", "result": {"ok": True}, "name": ""}]
    meta = {"input": {"messages": [{"role": "tool", "content": "", "tool_results": results}]}}
    assert span_of("llm", meta).input == (
        Message("tool", "1", None, (), "a"),
        Message("tool", '{"ok":true}', None, (), "b"),
    )


def test_a_tool_step_and_what_went_wrong_in_it():
    meta = {
        "input": {"value": '{"id": 7}'},
        "metadata": {"tool_call_id": "c1"},
        "error": {"type": "builtins.TimeoutError", "message": "no answer", "stack": "…"},
    }
    found = span_of("tool", meta, status="error")
    assert found.tool_call == ToolCall("c1", "step", {"id": 7})
    assert (found.tool_result, found.error, found.input) == (None, "TimeoutError: no answer", None)


def test_retrievals_and_embeddings_say_nothing_to_the_user():
    found = span_of("retrieval", {"input": {"value": "boots"}, "output": {"documents": [{"text": "a"}]}})
    assert (found.operation, found.input, found.output, found.tool_call) == ("execute_tool", None, None, None)


def test_experiments_are_no_conversations_and_their_records_are_cases():
    record = event(
        "experiment",
        {"input": {"question": "Where is it?"}, "expected_output": "On its way.", "metadata": {"plan": "pro"}},
        ["dataset_name:golden", "dataset_record_id:r1", "experiment_id:e"],
    )
    span, case = read(record)
    assert span.is_evaluation
    assert case == EvalCase("golden", "r1", "Where is it?", "On its way.", {"plan": "pro"})


def test_of_an_agents_trace_only_llm_spans_are_read():
    web = {"trace_id": 1, "span_id": 2, "start": AT_NS, "meta": {}, "name": "web.request"}
    inner = {"trace_id": "t", "parent_id": "undefined", "meta": {"span": {"kind": "agent"}}, "tags": {"user_id": "u"}}
    packed = {**web, "span_id": int(BIG), "duration": 1, "meta_struct": {"_llmobs": ormsgpack.packb(inner)}}
    skipped, found = read([web, packed])
    assert skipped == Skipped("spans without LLM data")
    assert (found.trace_id, found.span_id, found.user_id) == ("t", BIG, "u")
    assert list(READER.decode(ormsgpack.packb([[web], [packed]]))) == [web, packed]


def test_a_bad_span_is_rejected_alone():
    record = event("agent")
    record["spans"] += [7, {**record["spans"][0], "span_id": None}, {**record["spans"][0], "start_ns": "soon"}]
    found = read(record)
    assert isinstance(found[0], Span)
    assert [r.expected.partition(":")[0] for r in found[1:]] == ["spans", "span_id", "start_ns"]
    assert all(isinstance(r, Rejected) for r in found[1:])


@pytest.mark.parametrize("data", [b"\xc1", b"\x80", ormsgpack.packb([1]), ormsgpack.packb({"a": 1})])
def test_other_msgpack_is_refused(data):
    with pytest.raises(BadRecord):
        list(READER.decode(data))


def test_msgpack_is_recognised_by_its_first_bytes():
    packed = ormsgpack.packb([[{"trace_id": 1, "span_id": 2}]])
    assert READER.looks_like(Sample((), packed)) > 0.5
    assert READER.looks_like(Sample((), ormsgpack.packb({"trace_id": 1, "span_id": 2}))) == 0


# --- evaluations and feedback ----------------------------------------------------------------------------------------


def rating_of(**values) -> Feedback:
    (found,) = read(metrics(metric(**values)))
    return found.feedback


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"score_value": 0}, Feedback("good", 0.0, source="judge")),
        ({"event_kind": "feedback", "score_value": 4.5}, Feedback("good", 4.5)),
        ({"metric_type": "boolean", "boolean_value": False, "assessment": "fail"}, Feedback("good", 0.0, "fail", source="judge")),
        ({"metric_type": "categorical", "categorical_value": "slow"}, Feedback("good", None, "slow", source="judge")),
        ({"metric_type": "text", "text_value": "so so", "reasoning": "why"}, Feedback("good", None, None, "so so\nwhy", source="judge")),
    ],
)  # fmt: skip
def test_values_by_their_type(values, expected):
    assert rating_of(**values) == expected


def test_a_rating_that_names_its_span_alone_finds_it():
    spans = [
        span_of("agent", {"input": {"value": "hi"}, "output": {"value": "hello"}}, session_id="c", trace_id=trace, span_id=i)
        for i, trace in ((1, "t1"), (2, "t2"))
    ]  # fmt: skip
    ratings = read(metrics(metric(span_id="2", event_kind="feedback")))
    (found,) = assemble(spans, ratings)
    assert [(f.name, f.turn) for f in found.feedback] == [("good", 1)]


def test_where_a_rating_hangs():
    joined = {"span_id": None, "join_on": {"span": {"span_id": "s", "trace_id": "t"}}}
    tagged = {"span_id": None, "join_on": {"tag": {"key": "session_id", "value": "c"}}}
    first, second = read(metrics(metric(**joined), metric(**tagged)))
    assert (first.trace_id, first.span_id, second.conversation_id) == ("t", "s", "c")


def test_ratings_that_cannot_be_placed_are_said():
    other = {"span_id": None, "join_on": {"tag": {"key": "message", "value": "m"}}}
    found = read(metrics(metric(**other), metric(span_id=None), metric(label=""), metric(score_value="high"), metric()))
    assert [type(r) for r in found] == [Skipped, Rejected, Rejected, Rejected, FeedbackRecord]
    with pytest.raises(SkipRecord, match="scores of experiments"):
        read(metrics(metric(), scope="experiments"))


def test_the_same_rating_has_the_same_id_and_another_time_another():
    ids = [
        read(metrics(metric(timestamp_ms=at)))[0].feedback_id for at in (1772441400000, 1772441400000, 1772441400001)
    ]
    assert ids[0] == ids[1] != ids[2]


def exported(evaluation):
    span = {"trace_id": "t", "span_id": BIG, "span_kind": "llm", "start_ns": AT_NS, "evaluation": evaluation}
    return read({"type": "span", "attributes": span})


def test_an_exported_span_brings_its_evaluations():
    """The API says neither who gave one nor when: the name decides whose it is, and a new value replaces the old."""
    _, thumbs, tone, topic, failed, bad = exported(
        {
            "user_feedback": {"eval_metric_type": "score", "value": 0, "reasoning": "too long"},
            "polite": {"eval_metric_type": "boolean", "value": True, "assessment": "pass"},
            "topic": {"eval_metric_type": "categorical", "value": "billing"},
            "toxic": {"status": "ERROR"},
            "odd": ["no object"],
        }
    )
    assert thumbs.feedback == Feedback("user_feedback", 0.0, comment="too long", source="user")
    assert (thumbs.trace_id, thumbs.span_id) == ("t", BIG)
    assert tone.feedback == Feedback("polite", 1.0, "pass", source="judge")
    assert topic.feedback == Feedback("topic", None, "billing", source="judge")
    assert failed == Skipped("evaluations without a value")
    assert bad == Rejected("f:1", "evaluation: objects with a value each", "a list of 1")
    assert exported({"polite": {"value": False}})[1].feedback_id == tone.feedback_id
