"""Braintrust's rows: parts that merge, feedback, comments, datasets and experiments."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import orjson
import pytest

from everyturn.assemble import assemble, merge_spans
from everyturn.model import EvalCase, EvalResult, Feedback, Message, Rejected
from everyturn.readers import BadRecord, Context, ReadOptions, Sample, Skipped, SkipRecord
from everyturn.readers.braintrust import READER, row_kind
from everyturn.readers.braintrust_datasets import READER as EVALS
from everyturn.readers.driver import read_paths

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
START = AT.timestamp()
ASK = [{"role": "user", "content": "Where is it?"}]


def read(record, reader=READER, **options):
    return list(reader.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def one(record, **options):
    (found,) = read(record, **options)
    return found


def row(kind="task", **values):
    return {
        "id": "r1",
        "span_id": "s1",
        "root_span_id": "t1",
        "span_parents": None,
        "project_id": "p",
        "log_id": "g",
        "span_attributes": {"type": kind, "name": "turn"},
        "metrics": {"start": START, "end": START + 2},
    } | values


def part(**values):
    return {
        "id": "r1",
        "span_id": "s1",
        "root_span_id": "t1",
        "span_parents": None,
        "_is_merge": True,
        "log_id": "g",
    } | values


# --- spans -------------------------------------------------------------------------------------------------------


def test_a_row_in_parts_is_one_span_in_any_order():
    parts = [
        row("llm", input=ASK, metadata={"model": "m", "temperature": 0.2}, metrics={"start": START}),
        part(output=[{"index": 0, "message": {"role": "assistant", "content": "Here."}}], metadata={}),
        part(metrics={"end": START + 2}),
    ]
    found = set()
    for order in permutations(one(p) for p in parts):
        first, second, third = order
        found.add(merge_spans(merge_spans(first, second), third).__repr__())
    assert len(found) == 1
    span = merge_spans(merge_spans(*(one(p) for p in parts[:2])), one(parts[2]))
    assert (span.operation, span.input, span.output) == (
        "chat",
        (Message("user", "Where is it?"),),
        (Message("assistant", "Here."),),
    )
    assert (span.started_at, span.ended_at, span.attributes) == (
        AT,
        datetime.fromtimestamp(START + 2, UTC),
        {"model": "m"},
    )


def test_a_tools_result_may_come_in_a_part_that_does_not_say_it_is_a_tools():
    start = one(
        row(
            "tool",
            span_attributes={"type": "tool", "name": "find"},
            input={"arguments": {"id": 7}, "tool_call_id": "c1"},
        )
    )
    merged = merge_spans(one(part(output={"ok": True})), start)
    assert (merged.operation, merged.tool_call.arguments, merged.tool_call.id) == ("execute_tool", {"id": 7}, "c1")
    assert merged.tool_result == '{"ok":true}'


@pytest.mark.parametrize(
    "output",
    [
        [{"message": {"role": "assistant", "content": "Here."}}],
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Here."}]}],
        {"role": "assistant", "content": [{"type": "text", "text": "Here."}]},
        "Here.",
    ],
)
def test_every_form_of_a_reply(output):
    assert one(row("llm", input=ASK, output=output)).output == (Message("assistant", "Here."),)


def test_a_refusal_and_an_empty_reply_are_replies():
    refused = [{"message": {"role": "assistant", "content": None, "refusal": "No."}}]
    assert one(row("llm", output=refused)).output == (Message("assistant", "No."),)
    assert one(row("llm", output=[{"message": {"role": "assistant", "content": ""}}])).output == (
        Message("assistant", ""),
    )


def test_ids_stand_in_the_metadata_or_where_it_is_declared():
    span = one(row(metadata={"session_id": "c1", "user_id": 7, "plan": "pro", "none": None}, tags=["vip"]))
    assert (span.conversation_id, span.user_id, span.attributes) == ("c1", "7", {"plan": "pro", "tags": "vip"})
    declared = one(row(metadata={"chat": "c2", "session_id": "c1"}), conversation_id="metadata.chat")
    assert declared.conversation_id == "c2"


def test_an_errors_traceback_is_left_out():
    span = one(row("tool", error="Traceback (most recent call last):\n  File x, line 1\nTimeoutError: no answer\n"))
    assert span.error == "TimeoutError: no answer"


def test_rows_of_experiments_and_playgrounds_are_evaluations():
    assert read(row(experiment_id="e1"))[0].is_evaluation
    assert one(row(prompt_session_id="x")).is_evaluation
    assert not one(row()).is_evaluation


def test_the_cells_of_a_table_are_json_texts():
    plain = row(
        "llm", input=ASK, output=[{"message": {"role": "assistant", "content": "Here."}}], metadata={"model": "m"}
    )
    cells = {
        k: orjson.dumps(v).decode() if isinstance(v, dict | list) else v for k, v in plain.items() if v is not None
    }
    assert one(cells) == one(plain)
    assert one({**cells, "span_attributes": '{"type":"task"}', "input": '"Where?"'}).input == (
        Message("user", "Where?"),
    )


# --- ratings -----------------------------------------------------------------------------------------------------


def feedback(**values):
    return {"id": "r1", "_is_merge": True, "project_id": "p", "log_id": "g", "_audit_source": "app"} | values


TURN = row(input="Where is it?", output="Here.", scores={"goal": 0.5, "skipped": None})


def test_scores_and_feedback_hang_on_the_row_whichever_comes_first():
    thumb = feedback(scores={"user_feedback": 0}, _audit_metadata={"user_id": "u1"})
    said = {
        "id": "x",
        "comment": {"text": "late"},
        "origin": {"id": "r1"},
        "created": "2026-03-02T09:31:00Z",
        "log_id": "g",
    }
    span, score = read(TURN)
    records = [score, one(thumb), one(said)]
    for order in permutations(records):
        (conversation,) = assemble([span], list(order))
        assert [(f.name, f.value, f.comment, f.turn, f.source) for f in conversation.feedback] == [
            ("goal", 0.5, None, 0, "judge"),
            ("user_feedback", 0.0, "late", 0, "user"),
        ]


def test_the_merged_row_gives_the_same_ratings_as_its_parts():
    merged = {**TURN, "scores": {"goal": 0.5, "user_feedback": 0}, "_audit_source": "app"}
    in_parts = {r.feedback_id for r in [*read(TURN)[1:], *read(feedback(scores={"user_feedback": 0}))]}
    assert {r.feedback_id for r in read(merged)[1:]} == in_parts


def test_a_users_score_is_recognised_by_the_user_on_it():
    assert one(feedback(scores={"tone": 1}, _audit_metadata={"user_id": "u"})).feedback.source == "user"
    assert one(feedback(scores={"tone": 1})).feedback.source == "judge"


def test_a_category_is_a_tag_with_a_name():
    assert one(feedback(tags=["resolution:escalated"])).feedback == Feedback("resolution", label="escalated")
    assert one(feedback(tags=["interesting"])).feedback == Feedback("tag", label="interesting")
    span, rating = read(row(tags=["vip", "region:eu", "resolution:escalated"]))
    assert span.attributes == {"tags": "vip, region:eu"}
    assert rating.feedback.label == "escalated"


def test_comments_may_stand_on_the_row_itself():
    listed = [{"id": "x", "comment": {"text": "late"}, "created": "2026-03-02T09:31:00Z"}, {"comment": "by the way"}]
    _, thumb, first, second = read(row(scores={"thumb": 0}, comments=listed))
    assert (first.feedback_id, first.feedback.comment, first.response_id) == ("x", "late", thumb.response_id)
    assert second.feedback.comment == "by the way"


def test_what_braintrust_ran_on_logs_is_no_word_to_the_user():
    kinds = [
        one(row(kind, input="Where?", output="x")).operation for kind in ("classifier", "facet", "score", "function")
    ]
    assert kinds == ["execute_tool"] * 3 + ["other"]


def test_content_of_a_row_that_names_no_span_is_said_to_be_left():
    rating, skipped = read(feedback(scores={"thumb": 1}, output="x"))
    assert (rating.feedback.value, skipped) == (1.0, Skipped("content of rows that name no span"))


def test_a_correction_is_kept():
    assert one(feedback(expected={"answer": "There."})).feedback == Feedback(
        "correction", comment='{"answer":"There."}'
    )


# --- evals -------------------------------------------------------------------------------------------------------


def test_a_datasets_row_is_a_case():
    item = {
        "id": "row-0",
        "dataset_id": "d1",
        "input": {"messages": ASK},
        "expected": {"intent": "x"},
        "tags": ["a", "b"],
    }
    case = EvalCase("d1", "row-0", "Where is it?", '{"intent":"x"}', {"tags": "a, b"})
    assert one(item) == case
    assert read(item, EVALS) == [case]
    with pytest.raises(SkipRecord):
        read({"id": "row-0", "dataset_id": "d1", "_object_delete": True})


def test_an_experiments_root_is_the_case_and_its_scorers_the_scores():
    origin = {"object_type": "dataset", "object_id": "d1", "id": "row-0"}
    root = row("eval", experiment_id="e1", input={"messages": ASK}, expected="x", origin=origin, scores={"exact": 1})
    end = datetime.fromtimestamp(START + 2, UTC)
    assert read(root)[1:] == [
        EvalCase("d1", "row-0", "Where is it?", "x"),
        EvalResult("d1", "row-0", "e1", "exact", 1.0, end),
    ]
    judged = row(
        "score",
        experiment_id="e1",
        span_parents=["s0"],
        input={"input": {"messages": ASK}, "id": "row-0"},
        scores={"ok": 0},
    )
    assert read(judged)[1:] == [EvalResult("default", "row-0", "e1", "ok", 0.0, end)]
    with pytest.raises(SkipRecord):
        read(row("task", experiment_id="e1", span_parents=["s0"]), EVALS)


def test_without_a_dataset_the_case_is_named_by_its_text():
    root = row("eval", experiment_id="e1", input="Where is it?")
    judged = row(
        "score", experiment_id="e1", span_parents=["s0"], input={"input": "Where is it?", "id": None}, scores={"ok": 1}
    )
    (case,), (result,) = read(root, EVALS), read(judged, EVALS)
    assert (case.suite, case.case_id) == (result.suite, result.case_id)


# --- requests and files ------------------------------------------------------------------------------------------


def test_bad_rows_of_a_request_are_rejected_alone():
    spans = read({"rows": [row(), 7, row(id=None), feedback(), row(_object_delete=True)], "api_version": 2})
    assert [type(s) for s in spans].count(Rejected) == 2
    assert [s.reason for s in spans if isinstance(s, Skipped)] == ["deleted rows"]


@pytest.mark.parametrize("envelope", ["data", "events"])
def test_pages_of_the_api_are_taken_apart(tmp_path, envelope):
    path = tmp_path / "page.json"
    path.write_bytes(orjson.dumps({envelope: [row(), row(id="r2", span_id="s2")], "cursor": "x"}))
    (batch,) = read_paths([path], now=NOW)
    assert [(f.format, f.records, f.data) for f in batch.files] == [("braintrust", 2, 2)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"id": None}, "id"),
        ({"metrics": {"start": "soon"}}, "metrics.start"),
        ({"metadata": 7}, "metadata"),
        ({"span_parents": "s0"}, "span_parents"),
        ({"scores": {"a": "high"}}, "scores"),
        ({"tags": "vip"}, "tags"),
    ],
)
def test_a_bad_field_is_named(values, field):
    with pytest.raises(BadRecord) as bad:
        read(row(**values))
    assert bad.value.expected.startswith(f"{field}:")


def test_other_clients_records_are_not_taken():
    others = [
        {"span_id": "s", "trace_id": "t", "meta": {}},
        {"id": "e", "dataset_id": "d", "inputs": {}},
        {"id": "i", "datasetId": "d", "expectedOutput": 1, "input": 1},
        {"rows": [{"a": 1}]},
        {"id": "c", "messages": []},
    ]
    assert [row_kind(r) for r in others] == [None] * 5
    assert READER.looks_like(Sample(tuple(others))) == 0.0


@pytest.mark.parametrize("kind", ["llm", "task"])
@pytest.mark.parametrize("text", ['{"text": "hi"}', '["a"]', '{"role": "user", "content": "x"}', "12", "null", ""])
def test_a_text_that_looks_like_json_stays_a_text(kind, text):
    span = one(row(kind, input=text, output=text))
    assert (span.input, span.output) == ((Message("user", text),), (Message("assistant", text),))
