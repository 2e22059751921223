"""The odd forms of OpenAI Evals and Ragas that the captures do not hold."""

from datetime import UTC, datetime

import orjson
import pytest

from everyturn.model import EvalCase, EvalResult, Rejected
from everyturn.readers import BadRecord, Context, SkipRecord
from everyturn.readers.driver import read_paths
from everyturn.readers.eval_questions import question
from everyturn.readers.openai_evals import READER as OPENAI
from everyturn.readers.ragas import READER as RAGAS

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def read(reader, record, **context):
    return list(reader.read(record, Context(0, "f:1", NOW, **context)))


def event(kind, data, **other):
    return {"run_id": "r", "event_id": 1, "sample_id": "shop.dev.7", "type": kind, "data": data, **other}


def test_a_log_without_its_first_line_names_the_suite_by_its_samples():
    assert read(OPENAI, event("match", {"correct": False})) == [EvalResult("shop.dev", "7", "r", "shop", 0.0)]


def test_a_custom_eval_is_named_by_itself():
    header = {"spec": {"base_eval": "shop", "run_config": {"eval_spec": {"args": {"samples": 1}}}}}
    (result,) = read(OPENAI, event("match", {"correct": True}), header=header)
    assert result.suite == "shop"


def test_model_graded_scores_and_what_is_none():
    assert read(OPENAI, event("metrics", {"choice": "Y", "score": 1.0, "is_fair": False})) == [
        EvalResult("shop.dev", "7", "r", "shop", 1.0),
        EvalResult("shop.dev", "7", "r", "shop.is_fair", 0.0),
    ]
    (refused,) = read(OPENAI, event("metrics", {"bleu": 31.5}))
    assert refused == Rejected("f:1", "data.bleu: a score from 0 to 1", "31.5")


def test_the_graders_prompt_is_no_case():
    prompt = event("sampling", {"prompt": [{"role": "user", "content": "Is this right?"}]})
    assert isinstance(read(OPENAI, prompt)[0], EvalCase)
    with pytest.raises(SkipRecord):
        read(OPENAI, prompt, occurrence=lambda _: 1)


@pytest.mark.parametrize("data", [None, [], "x"])
def test_an_event_needs_its_data(data):
    with pytest.raises(BadRecord):
        read(OPENAI, event("match", data))


def test_a_graded_run_gives_one_case_and_one_score_a_sample(tmp_path):
    lines = [
        {"spec": {"eval_name": "shop.dev.v0", "base_eval": "shop", "run_id": "r"}},
        event("sampling", {"prompt": "Where is it?"}),
        event("sampling", {"prompt": "Grade this answer"}),
        event("metrics", {"choice": "Y", "score": 1.0}),
        {"final_report": {"counts/Y": 1, "score": 1.0}, "run_id": "r"},
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    (batch,) = read_paths([path], kind="evals", now=NOW)
    assert batch.tables["eval_cases"]["input"].to_pylist() == ["Where is it?"]
    assert batch.tables["eval_results"].num_rows == 1
    (count,) = batch.files
    assert (count.records, count.data, count.rejected, sum(count.skipped.values())) == (5, 2, 0, 3)


def test_a_rubric_is_scored_from_1_to_5_and_an_unknown_scale_is_refused():
    row = {"user_input": "Where?", "response": "There.", "domain_specific_rubrics": 1, "helpfulness": "7.5"}
    case, score, refused = read(RAGAS, row, path="runs/after.csv")
    assert (score.metric, score.score, score.run_id) == ("domain_specific_rubrics", 0.0, "after")
    assert refused == Rejected("f:1", "helpfulness: a score from 0 to 1", "7.5")
    assert case.attributes["helpfulness"] == "7.5"


def test_ids_counts_and_times_are_no_scores():
    row = {"user_input": "Where?", "response": "There.", "row_id": 17, "total_tokens": 90, "latency": 0.4}
    (case,) = read(RAGAS, row)
    assert case.attributes["row_id"] == "17"


def test_one_question_asked_twice_is_two_cases():
    row = {"user_input": "Where?", "reference": "There."}
    (first,), (second,) = read(RAGAS, row), read(RAGAS, row, occurrence=lambda _: 1)
    assert second.case_id == f"{first.case_id}-1"


@pytest.mark.parametrize("text", ['{"sku": 7}', '["a"]', "[draft] hello", "['a']"])
def test_a_question_that_looks_like_data_stays_a_question(text):
    (case,) = read(RAGAS, {"user_input": text, "reference": "x"})
    assert case.input == text


def test_a_printed_list_that_does_not_parse_stays_text():
    (case,) = read(RAGAS, {"user_input": "Where?", "retrieved_contexts": "['a', ...", "rubrics": "{1: [}"})
    assert case.attributes["rubrics"] == "{1: [}"


def test_what_a_list_of_messages_asks():
    user, agent = {"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}
    thanks = {"role": "user", "content": "thanks"}
    assert question([user, agent, thanks]) == "thanks"  # waits for an answer: this one is asked
    assert question([user, agent, thanks, agent]) == "Where is it?"
    assert question([{"role": "system", "content": "Name the capital of France."}]) == "Name the capital of France."
