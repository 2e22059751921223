"""Eval cases and their scores, one a record: CSV, TSV, Parquet, JSON Lines or a JSON list.

    {"suite": "refunds", "case_id": "r1", "input": "Can I return a worn shoe?", "expected": "Yes, within 30 days."}
    {"suite": "refunds", "case_id": "r1", "run_id": "2026-03-01", "metric": "correct", "score": 0.9}

A record is a case, a result, or both.

| of a case | or under the name | |
|---|---|---|
| `input` | inputs, question, prompt, user_input, query | must be there: a text, a list of messages, or an object with one of these |
| `expected` | ideal, reference, expected_output, output, outputs | |
| `suite` | dataset, eval | "default" without |
| `case_id` | id, sample_id | made from the input without |
| `metadata` | | becomes attributes, as every other field does |

| of a result | or under the name | |
|---|---|---|
| `score` | | a number from 0 to 1; or `passed`; or `scores`, an object of several |
| `run_id` | run, deploy, version, experiment | |
| `metric` | name, scorer | |
| `at` | | |

Of a list of messages the last user message counts, or the first one where the agent's answers to all of them are listed too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from everyturn.model import EvalCase, EvalResult, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import object_attributes, other_fields
from everyturn.readers.eval_questions import INPUT_NAMES, question

_EXPECTED_NAMES = ("expected", "ideal", "reference", "expected_output", "expectedOutput", "output", "outputs")
_SUITE_NAMES = ("suite", "dataset", "eval", "dataset_name", "datasetName")
_CASE_NAMES = ("case_id", "caseId", "case", "id", "sample_id")
_RUN_NAMES = ("run_id", "runId", "run", "deploy", "version", "experiment")
_METRIC_NAMES = ("metric", "name", "scorer")
_SCORE_NAMES = ("score", "passed", "pass", "success")
_NOT_ATTRIBUTES = frozenset(
    {
        *INPUT_NAMES,
        *_EXPECTED_NAMES,
        *_SUITE_NAMES,
        *_CASE_NAMES,
        *_RUN_NAMES,
        *_METRIC_NAMES,
        *_SCORE_NAMES,
        *fields.TIME_NAMES,
        "scores",
        "metadata",
        "attributes",
    }
)


def _read(record: Json, context: Context) -> Iterator[EvalCase | EvalResult]:
    if not isinstance(record, dict):
        raise BadRecord(expected="an object with an input or a score", found=fields.describe(record))
    suite = fields.text(fields.first(record, _SUITE_NAMES), "suite") or "default"
    text = question(fields.first(record, INPUT_NAMES))
    case_id = fields.identifier(fields.first(record, _CASE_NAMES), "case_id")
    if case_id is None:
        if text is None:
            raise BadRecord(expected="input or case_id: one of the two", found="neither")
        case_id = digest(text)[:16]
    scores = _scores(record)
    if text is None and not scores:
        raise BadRecord(expected="input or score: one of the two", found="neither")
    at = fields.time(fields.first(record, fields.TIME_NAMES), "at")
    if text is not None:
        expected = _expected(fields.first(record, _EXPECTED_NAMES))
        attributes = {
            **other_fields(record, _NOT_ATTRIBUTES, context.options),
            **object_attributes(record.get("metadata"), "metadata"),
            **object_attributes(record.get("attributes"), "attributes"),
        }
        yield EvalCase(suite, case_id, text, expected, attributes)
    yield from _results(record, suite, case_id, scores, at)


def _results(
    record: Mapping[str, Json], suite: str, case_id: str, scores: Mapping[str, float], at: datetime | None
) -> Iterator[EvalResult]:
    run_id = fields.identifier(fields.first(record, _RUN_NAMES), "run_id") or "default"
    for metric, score in scores.items():
        yield EvalResult(suite, case_id, run_id, metric, score, at)


def _expected(value: Json) -> str | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return None if value is None else fields.plain_text(value)


def _scores(record: Mapping[str, Json]) -> dict[str, float]:
    metric = fields.text(fields.first(record, _METRIC_NAMES), "metric") or "score"
    several = fields.json_value(record.get("scores"))
    scores: dict[str, float] = {}
    if isinstance(several, dict):
        for name, value in several.items():
            found = _score(value, f"scores.{name}" if name.isidentifier() and len(name) < 40 else "scores")
            if found is not None:
                scores[name] = found
    elif several:
        raise BadRecord(expected="scores: an object of scores by metric", found=fields.describe(several))
    single = _score(fields.first(record, _SCORE_NAMES), "score")
    return scores if single is None else {**scores, metric: single}


def _score(value: Json, name: str) -> float | None:
    try:
        return fields.share(value, name)
    except BadRecord as bad:
        raise BadRecord(expected=f"{name}: a score from 0 to 1", found=bad.found) from None


def _looks_like(sample: Sample) -> float:
    """How many of the records hold a case or a score."""
    return sample.share(_likeness)


def _likeness(record: Json) -> float:
    if not isinstance(record, dict) or "role" in record:
        return 0.0
    has_input = fields.first(record, INPUT_NAMES) is not None
    has_case = fields.first(record, _CASE_NAMES) is not None
    has_score = fields.first(record, ("scores", *_SCORE_NAMES)) is not None
    has_expected = fields.first(record, (*_EXPECTED_NAMES, *_SUITE_NAMES)) is not None
    if (has_case and has_score) or (has_input and (has_score or has_expected)):
        return 0.8
    return 0.6 if has_input else 0.0


READER = Reader(
    name="evals",
    kind="evals",
    description="eval cases (input, expected) and their scores (case_id, run_id, score)",
    looks_like=_looks_like,
    read=_read,
)
