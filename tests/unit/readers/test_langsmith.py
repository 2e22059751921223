"""LangSmith's runs, feedback, examples and request bodies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from everyturn.assemble import assemble
from everyturn.model import EvalCase, EvalResult, Feedback, FeedbackRecord, Message, Rejected, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample, Skipped, SkipRecord
from everyturn.readers.driver import read_paths
from everyturn.readers.langsmith import READER

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RUN = "3f2a9d3e-58a7-4a5b-b1a7-6d2f0c1e9b11"
ROOT = "11111111-58a7-4a5b-b1a7-6d2f0c1e9b11"
ASK = [{"role": "user", "content": "Where is it?"}]


def read(record, **options):
    return list(READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def one(record, **options):
    (found,) = read(record, **options)
    return found


def run(**values):
    return {
        "id": RUN,
        "trace_id": RUN,
        "run_type": "chain",
        "name": "turn",
        "start_time": "2026-03-02T09:30:00Z",
    } | values


def llm(inputs, outputs, **values):
    return one(run(run_type="llm", inputs=inputs, outputs=outputs, **values))


def of(metadata):
    return {"extra": {"metadata": metadata}}


# --- where a run belongs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["thread_id", "session_id", "conversation_id"])
def test_the_thread_is_the_conversation_and_the_project_is_not(name):
    assert one(run(session_id="project", session_name="support", **of({name: "c1"}))).conversation_id == "c1"
    assert one(run(session_id="project", session_name="support")).conversation_id is None


def test_the_second_version_of_the_api_has_its_metadata_at_the_top():
    span = one(run(project_id="p", status="SUCCESS", thread_id="c1", metadata={"user_id": "u1", "plan": "pro"}))
    assert (span.conversation_id, span.user_id, span.attributes) == ("c1", "u1", {"plan": "pro"})


def test_declared_fields_are_taken_from_the_metadata():
    span = one(run(**of({"chat": "c7", "who": "u7", "thread_id": "no"})), conversation_id="chat", user_id="who")
    assert (span.conversation_id, span.user_id) == ("c7", "u7")


def test_the_dotted_order_tells_trace_and_parent_where_nothing_else_does():
    record = run(dotted_order=f"20260302T093000000000Z{ROOT}.20260302T093001000000Z{RUN}")
    del record["trace_id"]
    span = one(record)
    assert (span.trace_id, span.parent_id, span.span_id) == (ROOT, ROOT, RUN)


def test_what_the_sdk_and_langgraph_add_is_no_attribute():
    noise = {
        "ls_provider": "openai",
        "langgraph_step": 1,
        "LANGSMITH_PROJECT": "p",
        "revision_id": "r",
        "__x": 1,
        "a": {},
    }
    span = one(run(tags=["vip", "graph:step:1", "seq:step:2"], **of({**noise, "plan": "pro"})))
    assert span.attributes == {"plan": "pro", "tags": "vip"}


def test_a_models_settings_are_no_attributes_and_the_reported_model_is_one():
    extra = {
        "metadata": {"ls_model_name": "m", "temperature": 0.2, "plan": "pro"},
        "invocation_params": {"temperature": 0.2},
    }
    assert llm({"messages": ASK}, None, extra=extra).attributes == {"plan": "pro", "model": "m"}
    assert llm({"messages": ASK}, {"model": "m-2026", "choices": []}, extra=extra).attributes["model"] == "m-2026"


@pytest.mark.parametrize(
    "values",
    [
        {"reference_example_id": "e"},
        {"session_name": "evaluators"},
        of({"reference_run_id": "r"}),
        of({"__ls_runner": "x"}),
    ],
)
def test_runs_of_experiments_and_evaluators_are_marked(values):
    assert read(run(**values))[0].is_evaluation
    assert not one(run()).is_evaluation


# --- what a run holds --------------------------------------------------------------------------------------------


def lc(name, **arguments):
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": arguments}


CALL = ToolCall("c1", "find", {"id": 7})
ASKED = (Message("user", "Where is it?"),)


@pytest.mark.parametrize(
    "inputs",
    [
        {"messages": ASK},
        {"messages": [ASK]},
        {"messages": [[lc("HumanMessage", content="Where is it?", type="human")]]},
        {"messages": [{"type": "human", "content": "Where is it?", "id": "x"}]},
        {"messages": [["human", "Where is it?"]]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where is it?"}]}]},
        {"prompts": ["Where is it?"]},
        {"prompt": "Where is it?"},
        {"input": "Where is it?", "instructions": "Be brief."},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]}]},
    ],
)
def test_every_form_of_what_a_model_was_given(inputs):
    assert llm(inputs, None).input == ASKED


@pytest.mark.parametrize(
    "outputs",
    [
        {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "function": {"name": "find", "arguments": '{"id": 7}'}}]}}]},
        {"generations": [[{"text": "", "message": lc("AIMessage", content="", tool_calls=[
            {"name": "find", "args": {"id": 7}, "id": "c1", "type": "tool_call"}])}]]},
        {"generations": [[{"text": "", "message": lc("AIMessageChunk", content=[{"type": "tool_use", "id": "c1"}], tool_calls=[
            {"name": "find", "args": {"id": 7}, "id": "c1"}])}]]},
        {"output": [{"type": "reasoning", "summary": []},
                    {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"id": 7}'}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "find", "input": {"id": 7}}]},
    ],
)  # fmt: skip
def test_every_form_of_a_call(outputs):
    assert llm({"messages": ASK}, outputs).output == (Message("assistant", None, tool_calls=(CALL,)),)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"generations": [[{"text": "Here."}]]}, "Here."),
        ({"output": "Here."}, "Here."),
        ({"answer": "Here."}, "Here."),
        ({"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Here."}]}]}, "Here."),
        ({"choices": [{"message": {"role": "assistant", "content": None, "refusal": "No."}}]}, "No."),
        ({"generations": [[{"message": lc("AIMessage", content="", additional_kwargs={"refusal": "No."})}]]}, "No."),
        ({"choices": [{"message": {"role": "assistant", "content": ""}}]}, ""),
        ({"choices": [{"message": {"role": "assistant"}}]}, ""),
    ],
)  # fmt: skip
def test_every_form_of_a_reply_empty_ones_too(outputs, text):
    assert llm({"messages": ASK}, outputs).output == (Message("assistant", text),)


def test_arguments_that_are_no_json_stay_text():
    broken = [{"name": "find", "args": '{"id": ', "id": "c1", "type": "invalid_tool_call"}]
    made = llm(
        {"messages": ASK}, {"generations": [[{"message": lc("AIMessage", content="", invalid_tool_calls=broken)}]]}
    )
    assert made.output[0].tool_calls == (ToolCall("c1", "find", '{"id": '),)


def test_what_a_failed_call_left_behind_was_never_given():
    empty = {"generations": [[{"text": "", "message": lc("AIMessage", content="")}]]}
    span = llm({"messages": ASK}, empty, error="APIError('500')Traceback (most recent call last):\n  File x")
    assert (span.output, span.error) == (None, "APIError: 500")
    assert llm({"messages": ASK}, empty).output == (Message("assistant", ""),)


def test_a_tools_step_has_its_call_and_its_result():
    span = one(
        run(run_type="tool", name="find", inputs={"arguments": {"id": 7}, "tool_call_id": "c1"}, outputs={"ok": True})
    )
    assert (span.tool_call, span.tool_result) == (CALL, '{"ok":true}')
    span = one(run(run_type="tool", name="find", inputs={"id": 7},
                   outputs={"output": {"type": "tool", "content": "late", "tool_call_id": "c1"}}))  # fmt: skip
    assert (span.tool_call, span.tool_result) == (replace(CALL, id=None), "late")


def test_steps_of_a_graph_say_nothing_and_the_graph_itself_does():
    state = {"messages": [lc("HumanMessage", content="Where is it?")]}
    answer = {"messages": [*state["messages"], lc("AIMessage", content="Here.")]}
    assert one(run(inputs=state, outputs=answer, **of({"langgraph_node": "model"}))).input is None
    (conversation,) = assemble([one(run(inputs=state, outputs=answer))], [])
    assert [m.content for m in conversation.messages] == ["Where is it?", "Here."]


def test_content_kept_elsewhere_is_said():
    assert one(run(inputs_preview="Where", inputs=None)).attributes == {"content": "cut"}


# --- feedback ----------------------------------------------------------------------------------------------------


def rating(**values):
    return one({"id": "f1", "run_id": RUN, "key": "user_feedback", "created_at": "2026-03-02T09:30:00Z"} | values)


def test_a_thumb_down_is_zero_not_missing():
    assert rating(score=0, value="thumbs_down").feedback == Feedback("user_feedback", 0.0, "thumbs_down", at=AT)


def test_the_number_the_user_gave_counts_over_the_score_made_of_it():
    assert rating(key="csat", score=0.4, value=2).feedback.value == 2.0
    assert rating(key="resolution", score=None, value="escalated").feedback.label == "escalated"


def test_a_machines_score_is_recognised_by_its_source():
    assert rating(score=1, feedback_source={"type": "model"}).feedback.source == "judge"
    assert rating(key="correct", score=1, feedback_source={"type": "api"}).feedback.source == "judge"
    assert (
        rating(key="correct", score=1, feedback_source={"type": "api", "metadata": {"user_id": "u"}}).feedback.source
        == "user"
    )


def test_feedback_that_names_the_run_alone_finds_it_before_or_after():
    turn = one(run(inputs={"message": "Where is it?"}, outputs={"answer": "Here."}))
    found = rating(score=1)
    assert isinstance(found, FeedbackRecord)
    assert found.trace_id is None
    (conversation,) = assemble([turn], [found])
    assert [f.turn for f in conversation.feedback] == [0]


def test_values_that_are_neither_number_nor_text():
    assert rating(score=None, value=True).feedback.value == 1.0
    assert rating(score=0.5, value=True).feedback.value == 0.5
    assert rating(score=None, value={"a": 1}).feedback.label == '{"a":1}'
    assert rating(score=None, error=True) == Skipped("feedback of evaluators that failed")


def test_feedback_on_a_whole_project_is_skipped():
    assert rating(run_id=None, session_id="p", score=1) == Skipped("feedback on a whole project")


# --- datasets ----------------------------------------------------------------------------------------------------


def test_an_example_is_a_case_and_what_evaluate_gives_a_result():
    example = {"id": "e1", "dataset_id": "d1", "inputs": {"question": "Where?"}, "outputs": {"answer": "Here."}}
    case = EvalCase("d1", "e1", "Where?", '{"answer":"Here."}')
    assert one(example) == case
    row = {
        "run": run(session_name="exp-1"),
        "example": example,
        "evaluation_results": {"results": [{"key": "ok", "score": True}]},
    }
    assert read(row)[:2] == [case, EvalResult("d1", "e1", "exp-1", "ok", 1.0, AT)]
    assert read(row)[2].is_evaluation


def test_scores_of_an_experiments_run_and_of_an_evaluators():
    scored = run(
        reference_example_id="e1", session_name="exp-1", feedback_stats={"ok": {"n": 1, "avg": 0.5}, "x": {"avg": None}}
    )
    assert read(scored)[1:] == [EvalResult("default", "e1", "exp-1", "ok", 0.5, AT)]
    judge = run(
        outputs={"key": "ok", "score": 1},
        **of({"reference_run_id": RUN, "reference_example_id": "e1", "experiment": "exp-1"}),
    )
    assert read(judge)[1:] == [EvalResult("default", "e1", "exp-1", "ok", 1.0, AT)]


# --- bodies and pages --------------------------------------------------------------------------------------------


def body(*parts, end=b"--b1--\r\n"):
    out = b""
    for name, value in parts:
        data = value if isinstance(value, bytes) else orjson.dumps(value)
        head = f'--b1\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Length: {len(data)}\r\n\r\n'
        out += head.encode() + data + b"\r\n"
    return out + end


def load(path, data, **options):
    path.write_bytes(data)
    batches = list(read_paths([path], now=NOW, **options))
    return batches[-1].files[-1], [r for b in batches for r in b.rejected], batches


def test_a_body_with_attachments_is_runs_and_feedback(tmp_path):
    record = run()
    del record["id"]
    data = body(
        (f"post.{RUN}", {**record, "id": RUN}),
        (f"post.{RUN}.inputs", {"message": "Where?"}),
        (f"attachment.{RUN}.photo", b"\x00\x01\xff--b\r\n"),
        (f"feedback.{ROOT}", {"id": ROOT, "run_id": RUN, "key": "thumb", "score": 0}),
    )
    count, rejected, _ = load(tmp_path / "body", data)
    assert (count.format, count.records, count.data, count.skipped, rejected) == (
        "langsmith",
        3,
        2,
        {"attachments": 1},
        [],
    )


def test_a_damaged_part_rejects_its_run_with_the_field_named(tmp_path):
    data = body((f"post.{RUN}", run()), (f"post.{RUN}.inputs", b'{"message": "secre'), (f"post.{ROOT}", run(id=ROOT)))
    count, (rejected,), _ = load(tmp_path / "body", data)
    assert (count.records, count.data, count.rejected) == (2, 1, 1)
    assert rejected.expected == "part inputs: JSON"
    assert "secre" not in rejected.found


def test_a_body_that_ends_early_loses_its_last_run_alone(tmp_path):
    data = body(
        (f"post.{ROOT}", run(id=ROOT)), (f"post.{RUN}", run()), (f"post.{RUN}.outputs", {"answer": "Here."}), end=b""
    )
    count, (rejected,), _ = load(tmp_path / "body", data[:-8])
    assert (count.data, count.rejected) == (1, 1)
    assert rejected.expected == "part outputs: all of its bytes"


def test_an_older_batch_and_a_page_of_runs(tmp_path):
    patch = {"id": RUN, "trace_id": RUN, "run_type": "chain", "dotted_order": "x", "outputs": {"answer": "Here."}}
    (posted, patched) = read({"post": [run(inputs={"message": "Where?"})], "patch": [patch]})
    assert (posted.input[0].content, patched.output[0].content) == ("Where?", "Here.")
    page = {"runs": [run(), run(id=ROOT, trace_id=ROOT)], "cursors": {"next": None}}
    count, rejected, _ = load(tmp_path / "page.json", orjson.dumps(page))
    assert (count.records, count.data, rejected) == (1, 1, [])
    assert len(read(page)) == 2
    assert isinstance(read({"post": [run()], "patch": [patch, patch | {"id": None}]})[-1], Rejected)


def test_children_within_a_run_are_runs():
    child = run(id=ROOT, run_type="llm", inputs={"messages": ASK}, parent_run_id=RUN)
    assert [s.span_id for s in read(run(child_runs=[child]))] == [RUN, ROOT]
    assert read(run(child_runs=[7]))[1] == Rejected("f:1", "runs: objects with an id", "a number")


def test_an_example_with_an_experiments_runs():
    scored = run(feedback_stats={"ok": {"avg": 1.0}}, session_id="exp-1")
    case, span, result = read({"id": "e1", "dataset_id": "d1", "inputs": {"question": "Where?"}, "runs": [scored]})
    assert (case.case_id, span.is_evaluation) == ("e1", True)
    assert result == EvalResult("d1", "e1", "exp-1", "ok", 1.0, AT)


def test_what_a_generator_gave_is_one_text():
    assert llm({"messages": ASK}, {"output": ["He", "re."]}).output == (Message("assistant", "Here."),)
    assert one(run(outputs={"output": ["He", "re."]})).output == (Message("assistant", "Here."),)


def test_a_run_whose_first_list_is_empty_is_no_empty_page(tmp_path):
    count, _, _ = load(tmp_path / "runs.jsonl", orjson.dumps(run(events=[])) + b"\n" + orjson.dumps(run(events=[])))
    assert (count.records, count.data, count.skipped) == (2, 2, {})


def test_a_part_by_itself_is_skipped_with_a_reason():
    with pytest.raises(SkipRecord, match="by itself"):
        read({"seq": 1, "name": f"post.{RUN}.inputs", "content_type": "application/json", "value": {}})


def test_rows_of_the_bulk_export_are_runs(tmp_path):
    rows = [
        {
            "id": RUN,
            "tenant_id": "t",
            "session_id": "project",
            "trace_id": ROOT,
            "parent_run_ids": [ROOT],
            "name": "ChatOpenAI",
            "run_type": "llm",
            "start_time": AT,
            "end_time": AT,
            "status": "success",
            "is_root": False,
            "inputs": '{"messages": [{"role": "user", "content": "Where is it?"}]}',
            "outputs": '{"choices": [{"message": {"role": "assistant", "content": "Here."}}]}',
            "extra": '{"metadata": {"thread_id": "c1", "user_id": "u1"}}',
            "events": "[]",
            "tags": ["vip"],
            "feedback_stats": "{}",
        }
    ]
    path = tmp_path / "part"
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")
    (batch,) = read_paths([path], now=NOW)
    assert [(f.format, f.records, f.data) for f in batch.files] == [("langsmith", 1, 1)]
    (row,) = batch.tables["spans"].to_pylist()
    assert (row["conversation_id"], row["user_id"], row["parent_id"], row["started_at"]) == ("c1", "u1", ROOT, AT)
    assert orjson.loads(row["attributes"]) == {"tags": "vip"}
    assert orjson.loads(row["output"])[0]["content"] == "Here."


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"id": None}, "id"),
        ({"start_time": "soon"}, "start_time"),
        ({"parent_run_id": {}}, "parent_run_id"),
        ({"name": []}, "name"),
    ],
)
def test_a_bad_field_is_named(values, field):
    with pytest.raises(BadRecord) as bad:
        read(run(**values))
    assert bad.value.expected.startswith(f"{field}:")


def test_other_clients_records_are_not_taken():
    for record in (
        {"id": "a", "traceId": "t", "type": "SPAN"},
        {"messages": []},
        {"key": "a", "value": 1},
        {"id": 1, "inputs": 2},
    ):
        assert READER.looks_like(Sample((record,))) == 0.0


@pytest.mark.parametrize("text", ['{"text": "hi"}', '["a"]', '{"role": "user", "content": "x"}', "12", "null"])
def test_a_text_that_looks_like_json_stays_a_text(text):
    asked, answered = (Message("user", text),), (Message("assistant", text),)
    assert one(run(inputs={"message": text}, outputs={"answer": text})).input == asked
    assert one(run(inputs={"message": text}, outputs={"answer": text})).output == answered
    for inputs in (
        {"messages": [{"role": "user", "content": text}]},
        {"prompts": [text]},
        {"prompt": text},
        {"input": text},
    ):
        assert llm(inputs, {"output": text}).input == asked
    for outputs in ({"output": text}, {"generations": [[{"text": text}]]}, {"answer": text}):
        assert llm({"prompt": "x"}, outputs).output == answered
