"""Langfuse's events, exports and scores, and what its observations hold."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from everyturn.assemble import assemble, merge_spans
from everyturn.model import EvalCase, FeedbackRecord, Message, Rejected, Span, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample, Skipped
from everyturn.readers.langfuse import READER
from everyturn.readers.langfuse_observations import Observation
from everyturn.readers.otlp import READER as OTLP

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ASK = [{"role": "user", "content": "Where is my order?"}]


def read(record, **options):
    return list(READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def one(record, **options):
    (found,) = read(record, **options)
    return found


def event(kind, **body):
    return {"id": "e", "type": kind, "timestamp": "2026-03-02T09:30:00Z", "body": body}


def batch(*events):
    return {"batch": list(events)}


def observed(kind="SPAN", **values) -> Span:
    return Observation("t", "o", type=kind, name="find", **values).span()


# --- events ----------------------------------------------------------------------------------------------------------


def test_creating_and_updating_events_are_parts_of_one_observation():
    created, updated = read(
        batch(
            event("generation-create", id="g", traceId="t", startTime="2026-03-02T09:30:00Z", input=ASK, model="m"),
            event(
                "generation-update",
                id="g",
                traceId="t",
                endTime="2026-03-02T09:30:02Z",
                output="Today.",
                model="m-2026",
            ),
        )
    )
    merged = merge_spans(updated, created)
    assert (merged.operation, merged.parent_id, merged.started_at) == ("chat", "t", AT)
    assert (merged.input, merged.output) == (
        (Message("user", "Where is my order?"),),
        (Message("assistant", "Today."),),
    )
    assert merged.attributes == {"model": "m-2026"}


def test_a_trace_is_the_parent_and_carries_the_ids():
    trace = event(
        "trace-create",
        id="t",
        timestamp="2026-03-02T09:30:00Z",
        sessionId="c",
        userId="u",
        input={"message": "Where is my order?"},
        output="Today.",
        metadata={"plan": "pro", "deep": {"a": 1}},
        tags=["a", "b"],
        version="2",
    )
    found = one(batch(trace))
    assert (found.trace_id, found.span_id, found.operation) == ("t", "t", "other")
    assert (found.conversation_id, found.user_id) == ("c", "u")
    assert found.attributes == {"plan": "pro", "tags": "a, b", "agent_version": "2"}
    (conversation,) = assemble([found], [])
    assert [m.content for m in conversation.messages] == ["Where is my order?", "Today."]
    assert one(batch(trace), conversation_id="metadata.plan").conversation_id == "pro"


def test_a_bad_event_leaves_the_others_and_logs_are_skipped():
    found = read(batch(event("span-create", id="s"), event("span-create", id="s", traceId="t"), event("sdk-log"), "x"))
    assert [type(f) for f in found] == [Rejected, Span, Skipped, Rejected]
    assert found[0].expected == "traceId: an id"


# --- what observations hold ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "Hello?",
        {"message": "Hello?"},
        {"question": "Hello?", "user_id": "u"},
        {"args": ["Hello?"], "kwargs": {}},
        {"args": [], "kwargs": {"query": "Hello?", "top": 3}},
        {"input": {"text": "Hello?"}},
        {"role": "user", "content": "Hello?"},
        {"messages": [{"role": "user", "content": "Hello?"}]},
    ],
)
def test_what_the_user_asked_is_found(value):
    for form in (value, value if isinstance(value, str) else orjson.dumps(value).decode()):
        assert observed("AGENT", input=form).input == (Message("user", "Hello?"),)


@pytest.mark.parametrize(
    "value", [None, {}, [], {"args": [], "kwargs": {}}, {"args": ["a", "b"], "kwargs": {}}, {"status": 200}, 7, [1, 2]]
)
def test_what_is_no_text_says_nothing(value):
    found = observed("SPAN", input=value, output=value)
    assert (found.input, found.output) == (None, None)


def test_a_text_that_looks_like_json_stays_a_text():
    found = observed("GENERATION", input=[{"role": "user", "content": '{"a": 1}'}], output='{"intent": "refund"}')
    assert (found.input[0].content, found.output[0].content) == ('{"a": 1}', '{"intent": "refund"}')
    assert observed("AGENT", output="42").output == (Message("assistant", "42"),)


@pytest.mark.parametrize(
    ("output", "reply"),
    [
        ({"role": "assistant", "content": "Hi."}, Message("assistant", "Hi.")),
        ({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}, Message("assistant", "Hi.")),
        ({"role": "assistant", "content": None}, Message("assistant", "")),
        ("", Message("assistant", "")),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": "{"}}]},
            Message("assistant", None, None, (ToolCall(None, "find", "{"),)),
        ),
    ],
)
def test_replies_of_generations(output, reply):
    assert observed("GENERATION", output=output).output == (reply,)


@pytest.mark.parametrize(
    ("value", "call"),
    [
        ({"args": [{"id": 7}, "call_1"], "kwargs": {}}, ToolCall("call_1", "find", {"id": 7})),
        ({"args": [], "kwargs": {"id": 7, "tool_call_id": "toolu_1"}}, ToolCall("toolu_1", "find", {"id": 7})),
        ({"id": 7}, ToolCall(None, "find", {"id": 7})),
        ({"args": ["a", 2], "kwargs": {}}, ToolCall(None, "find", ["a", 2])),
    ],
)
def test_calls_of_tools(value, call):
    found = observed("TOOL", input=value, output=[])
    assert (found.operation, found.tool_call, found.tool_result) == ("execute_tool", call, "[]")


def test_judges_and_experiments():
    assert observed("EVALUATOR").operation == "execute_tool"
    assert observed("EVALUATOR").tool_call is None
    assert observed("GENERATION", environment="langfuse-llm-as-a-judge").is_evaluation
    assert observed(metadata={"dataset_item_id": "i", "dataset_id": "d", "run_name": "r"}).is_evaluation
    assert one({"runName": "r", "datasetItemId": "i", "traceId": "t"}) == Span("t", "t", is_evaluation=True)
    run = {"id": "r", "datasetRunItems": [{"datasetItemId": "i", "traceId": "t"}]}
    assert one(run).is_evaluation


# --- scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "value", "label", "comment"),
    [
        ({"value": 1, "dataType": "BOOLEAN"}, 1.0, None, None),
        ({"value": False, "dataType": "BOOLEAN"}, 0.0, None, None),
        ({"value": 0.0, "stringValue": "False", "dataType": "BOOLEAN"}, 0.0, None, None),
        ({"value": 2.0}, 2.0, None, None),
        ({"value": "escalated", "comment": "why"}, None, "escalated", "why"),
        ({"value": 0.0, "stringValue": "escalated", "dataType": "CATEGORICAL"}, None, "escalated", None),
        ({"value": 0, "stringValue": "too slow", "dataType": "TEXT"}, None, None, "too slow"),
    ],
)
def test_values_of_scores(score, value, label, comment):
    found = one({"id": "s", "traceId": "t", "name": "csat", **score})
    assert isinstance(found, FeedbackRecord)
    assert (found.feedback.value, found.feedback.label, found.feedback.comment) == (value, label, comment)


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ({"sessionId": "c"}, ("c", None, None)),
        ({"traceId": "t", "observationId": "o"}, (None, "t", "o")),
        ({"subject": {"kind": "session", "id": "c"}}, ("c", None, None)),
        ({"subject": {"kind": "trace", "id": "t"}}, (None, "t", None)),
        ({"subject": {"kind": "observation", "id": "o", "traceId": "t"}}, (None, "t", "o")),
    ],
)
def test_targets_of_scores(target, ids):
    found = one({"id": "s", "name": "csat", "value": 1, **target})
    assert (found.conversation_id, found.trace_id, found.span_id) == ids


def test_who_scored():
    score = {"id": "s", "traceId": "t", "name": "tone", "value": 1}
    assert one(score).feedback.source == "judge"
    assert one(score | {"source": "ANNOTATION"}).feedback.source == "user"
    assert one(score | {"name": "csat", "source": "EVAL"}).feedback.source == "judge"
    assert one(score | {"name": "csat", "source": "API"}).feedback.source == "user"


def test_scores_of_dataset_runs_are_skipped():
    assert one({"id": "s", "datasetRunId": "r", "name": "mean", "value": 0.3}) == Skipped("scores of dataset runs")


# --- exports ---------------------------------------------------------------------------------------------------------


def test_exports_to_files_have_other_field_names():
    row = {
        "id": "o",
        "trace_id": "t",
        "type": "GENERATION",
        "start_time": "2026-03-02 09:30:00.000000",
        "input": orjson.dumps(ASK).decode(),
    }
    row |= {
        "session_id": "c",
        "user_id": "u",
        "parent_observation_id": "",
        "provided_model_name": "m",
        "environment": "default",
    }
    found = one(row)
    assert (found.started_at, found.conversation_id, found.user_id, found.parent_id) == (AT, "c", "u", None)
    assert found.input == (Message("user", "Where is my order?"),)
    assert found.attributes == {"model": "m"}


def test_dataset_items_are_eval_cases():
    item = {
        "datasetName": "d",
        "id": "i",
        "input": {"messages": ASK},
        "expectedOutput": {"a": 1},
        "metadata": {"plan": "pro"},
    }
    assert one(item) == EvalCase("d", "i", "Where is my order?", '{"a":1}', {"plan": "pro"})
    assert one(item | {"input": {"question": "Why?"}}).input == "Why?"
    assert one(item | {"input": {"a": 1}}).input == '{"a":1}'


def test_other_records_are_not_langfuses():
    for record in (
        {"id": "x", "timestamp": "2026-03-02T09:30:00Z", "user_id": "u", "messages": ASK},
        {"batch": 1},
        [],
        None,
    ):
        assert READER.looks_like(Sample((record,))) == 0
        with pytest.raises(BadRecord):
            read(record)


# --- over OTLP -------------------------------------------------------------------------------------------------------


def otlp(**found):
    pairs = [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in found.items()]
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x", "attributes": pairs}
    record = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": [span]}]}]}
    (found,) = OTLP.read(record, Context(0, "f:1", NOW))
    return found


def test_metadata_is_plain_or_encoded_and_the_root_has_the_traces_texts():
    found = otlp(
        langfuse__trace__metadata__plan='"pro"',
        langfuse__trace__metadata__seat="7",
        langfuse__trace__input="Hello?",
        session__id="c",
    )
    assert found.attributes == {"plan": "pro", "seat": "7"}
    assert (found.input, found.conversation_id) == ((Message("user", "Hello?"),), "c")


def test_an_experiments_span_is_an_evaluation():
    assert otlp(langfuse__experiment__id="e").is_evaluation
    assert otlp(langfuse__environment="sdk-experiment").is_evaluation
    assert not otlp(langfuse__environment="production").is_evaluation
