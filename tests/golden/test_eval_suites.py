"""Suites and runs as their own tools wrote them, from the conversations in expected.json: cases and scores come back, each once."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import orjson
import pytest

from everyturn import Workspace
from everyturn.readers.driver import read_paths

HERE = Path(__file__).parent
NOW = datetime(2027, 1, 1, tzinfo=UTC)
CONVERSATIONS = orjson.loads((HERE / "expected.json").read_bytes())["conversations"]
TURNS = [m["content"] for c in CONVERSATIONS for m in c["messages"] if m["role"] == "user"]
OPENINGS = [next(m["content"] for m in c["messages"] if m["role"] == "user") for c in CONVERSATIONS]


@cache
def load(*paths: str):
    cases, results, formats = [], [], []
    for batch in read_paths([HERE / p for p in paths], kind="evals", now=NOW):
        formats += [f.format for f in batch.files]
        assert all("SOURCE" in r.where for r in batch.rejected), batch.rejected
        cases += batch.tables["eval_cases"].to_pylist() if "eval_cases" in batch.tables else []
        results += batch.tables["eval_results"].to_pylist() if "eval_results" in batch.tables else []
    return cases, results, formats


def test_openai_samples_are_cases_named_by_their_place():
    cases, results, formats = load("openai-evals/registry/data/support/samples.jsonl")
    assert formats == ["openai-evals"]
    assert [(c["suite"], c["case_id"]) for c in cases] == [("support/samples", str(i)) for i in range(4)]
    assert {c["input"] for c in cases} <= set(TURNS)
    assert cases[0]["expected"] == '["You are welcome! Enj","never"]'
    assert cases[1]["expected"] == "Our boots follow EU sizing. Please see the size chart on the product page."
    assert results == []


@pytest.mark.parametrize(("log", "metric"), [("match", "support-match"), ("includes", "support-includes")])
def test_a_run_log_scores_the_cases_of_its_samples(log, metric):
    samples, _, _ = load("openai-evals/registry/data/support/samples.jsonl")
    cases, results, _ = load(f"openai-evals/log_{log}.jsonl")
    asked = {(c["suite"], c["case_id"]): c["input"] for c in samples}
    assert {(c["suite"], c["case_id"]): c["input"] for c in cases} == asked
    assert {(r["suite"], r["case_id"]) for r in results} == asked.keys()
    assert len(results) == 4
    assert {(r["metric"], r["score"]) for r in results} == {(metric, 1.0)}
    report = orjson.loads((HERE / f"openai-evals/log_{log}.jsonl").read_bytes().splitlines()[1])
    assert sum(r["score"] for r in results) / len(results) == report["final_report"]["accuracy"]
    assert {r["run_id"] for r in results} == {report["run_id"]}
    assert all(r["at"].date().isoformat() == "2026-11-23" for r in results)


def test_a_registry_is_known_and_holds_no_case(tmp_path):
    (batch,) = read_paths([HERE / "openai-evals/registry/evals"], kind="evals", now=NOW)
    (count,) = batch.files
    assert (count.format, count.records, sum(count.skipped.values())) == ("openai-evals", 1, 1)
    other = tmp_path / "values.yaml"
    other.write_text("image:\n  tag: 1.2\nreplicas: 3\n")
    (batch,) = read_paths([tmp_path], kind="evals", now=NOW)
    assert [r.found for r in batch.rejected] == ["text without records"]


@pytest.mark.parametrize("order", [("registry", "log_match.jsonl"), ("log_match.jsonl", "registry")])
def test_the_expected_answers_stay_whichever_comes_first(order):
    with Workspace(":memory:") as ws:
        for part in order:
            ws.load(HERE / "openai-evals" / part, as_="evals")
        rows = ws.database.rows("SELECT case_id, expected FROM eval_cases ORDER BY case_id")
    assert [case_id for case_id, _ in rows] == list("0123")
    assert all(expected for _, expected in rows)


def test_ragas_single_turns_are_the_turns_that_were_played():
    cases, _, formats = load("ragas/single_turn.jsonl")
    assert formats == ["ragas"]
    assert [c["input"] for c in cases] == TURNS
    assert [c["expected"] is None for c in cases].count(True) == 1  # the reply that never came
    attributes = orjson.loads(cases[0]["attributes"])
    assert attributes["response"].startswith("Your order NW-48213 is with DHL")
    assert orjson.loads(attributes["rubrics"]) == {"score1_description": "bad", "score5_description": "good"}


def test_ragas_conversations_ask_what_they_open_with():
    cases, _, _ = load("ragas/multi_turn.jsonl")
    assert [c["input"] for c in cases] == OPENINGS
    assert cases[0]["expected"] == "goal: orders"
    messages = orjson.loads(orjson.loads(cases[0]["attributes"])["messages"])
    assert len(messages) == len(CONVERSATIONS[0]["messages"]) - sum(
        m["role"] == "system" for m in CONVERSATIONS[0]["messages"]
    )


def keys(*paths: str):
    return [(c["suite"], c["case_id"], c["input"], c["expected"]) for c in load(*paths)[0]]


def test_ragas_says_the_same_in_every_file_it_writes():
    assert (
        keys("ragas/single_turn.csv") == keys("ragas/single_turn.jsonl") == keys("ragas/evaluation_result_single.csv")
    )
    assert keys("ragas/multi_turn.csv") == keys("ragas/multi_turn.jsonl") == keys("ragas/evaluation_result_multi.jsonl")
    assert keys("ragas/evaluation_dataset_multi.json") == keys("ragas/multi_turn.jsonl")[:1]
    assert keys("ragas/local_backend/datasets/support.jsonl") == keys("ragas/single_turn.jsonl")[:3]


def test_ragas_scores_stand_by_their_cases():
    _, results, _ = load("ragas/evaluation_result_single.jsonl")
    rows = [orjson.loads(line) for line in (HERE / "ragas/evaluation_result_single.jsonl").read_bytes().splitlines()]
    assert [r["score"] for r in results if r["metric"] == "exact_match"] == [r["exact_match"] for r in rows]
    assert [r["score"] for r in results if r["metric"] == "string_present"] == [r["string_present"] for r in rows]
    assert {r["run_id"] for r in results} == {"evaluation_result_single"}
    _, from_csv, _ = load("ragas/evaluation_result_single.csv")
    assert from_csv == results
    _, several, _ = load("ragas/evaluation_result_multi.jsonl")
    assert [(r["metric"], r["score"]) for r in several] == [("tool_call_accuracy", 1.0)] * 4
