"""Ragas: single- and multi-turn datasets, local-backend datasets and experiments, and result tables, for `--as evals`.

    {"user_input": "Can I return a worn shoe?", "retrieved_contexts": ["Worn goods stay with the buyer."], "response": "No.",
     "reference": "No, only unworn ones.", "rubrics": {"score1_description": "wrong", "score5_description": "right"},
     "exact_match": 0.0, "domain_specific_rubrics": 4}

    {"user_input": [{"content": "Where is my parcel?", "type": "human"},
                    {"content": "", "type": "ai", "tool_calls": [{"name": "find_parcel", "args": {"id": 7}}]},
                    {"content": "late", "type": "tool"}, {"content": "It is late.", "type": "ai"}],
     "reference": "says that it is late", "reference_tool_calls": [{"name": "find_parcel", "args": {"id": 7}}]}

JSON Lines, a JSON list or CSV, in which Ragas writes lists as Python prints them.

- The files name neither dataset nor case. All are one suite, "ragas", and a case is told by what it asks, so that the scores of a result table
  meet the cases of the dataset it was made from. A run is named by its file.
- What a multi-turn sample asks is its first user message.
- Every column that is no field of a Ragas sample and holds numbers from 0 to 1 is a metric. A rubric's scores, from 1 to 5, are brought to 0
  to 1. Another number is rejected with its column, unless the column is an id, a count or a time.
- The rest of a sample becomes attributes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

import orjson

from everyturn.model import EvalCase, EvalResult, Json, Rejected, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.eval_questions import is_messages, messages_of, question_of

SUITE = "ragas"
_CASE_FIELDS = frozenset(
    {
        "user_input",
        "retrieved_contexts",
        "reference_contexts",
        "retrieved_context_ids",
        "reference_context_ids",
        "response",
        "multi_responses",
        "reference",
        "expected",
        "rubrics",
        "persona_name",
        "query_style",
        "query_length",
        "reference_tool_calls",
        "reference_topics",
        "synthesizer_name",
    }
)
_LISTED = _CASE_FIELDS - {"user_input", "response", "reference", "expected"}  # never a text of their own
_NO_METRIC = re.compile(
    r"(?:^|_)(?:id|ids|index|row|n|count|tokens|cost|time|latency|seconds|ms|created_at)$", re.IGNORECASE
)
_LONGEST = 2**20  # characters of a list as Python prints it; reading one costs many times its size


def _read(record: Json, context: Context) -> Iterator[EvalCase | EvalResult | Rejected]:
    if not isinstance(record, dict):
        raise BadRecord(expected="an object with a user_input", found=fields.describe(record))
    values = {name: _listed(value) if name in _LISTED else value for name, value in record.items()}
    text, content, attributes = _input(values.get("user_input"))
    case_id = digest(content)[:16]
    if again := context.occurrence(digest(content)):
        case_id = f"{case_id}-{again}"
    expected = fields.first(values, ("reference", "expected"))
    scores, refused = _scores(values)
    attributes |= {
        str(name): fields.plain_text(value)
        for name, value in values.items()
        if value is not None and name not in scores and name not in {"user_input", "reference", "expected"}
    }
    yield EvalCase(SUITE, case_id, text, None if expected is None else fields.plain_text(expected), attributes)
    for metric, score in scores.items():
        yield EvalResult(SUITE, case_id, _run(context.path), metric, score)
    for name, found in refused.items():
        named = f"{name}: " if name.isidentifier() and len(name) < 40 else ""
        yield Rejected(context.where, f"{named}a score from 0 to 1", found)


def _input(value: Json) -> tuple[str, str, dict[str, str]]:
    """What a sample asks, the content that tells it from others, and the whole conversation where it is one."""
    listed = _listed(value)
    if isinstance(value, str) and value.strip() and not is_messages(listed):
        return value, value, {}  # also where it happens to be JSON
    value = listed
    if not is_messages(value):
        raise BadRecord(expected="user_input: a text or a list of messages", found=fields.describe(value))
    plain = [{**m, "tool_calls": _calls(m.get("tool_calls"))} for m in value]
    messages = messages_of(plain)
    spoken = [[m.role, m.content, [[c.name, c.arguments] for c in m.tool_calls]] for m in messages]
    content = orjson.dumps(spoken, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
    return question_of(messages), content, {"messages": fields.plain_text(value)}


def _calls(value: Json) -> Json:
    if not isinstance(value, list):
        return value
    return [{**c, "arguments": c.get("args", c.get("arguments"))} if isinstance(c, dict) else c for c in value]


def _listed(value: Json) -> Json:
    """A field's value, from JSON text or from what Python prints of a list or object; a text stays one."""
    decoded = fields.json_value(value)
    if (
        not isinstance(decoded, str)
        or decoded.lstrip()[:1] not in {"[", "{"}
        or decoded.rstrip()[-1:] not in {"]", "}"}
    ):
        return decoded
    if len(decoded) > _LONGEST:
        raise BadRecord(expected=f"a printed list of up to {_LONGEST:,} characters", found=fields.describe(decoded))
    try:
        printed = ast.literal_eval(decoded.strip())
        return orjson.loads(orjson.dumps(printed, option=orjson.OPT_NON_STR_KEYS))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return decoded


def _scores(values: Mapping[str, Json]) -> tuple[dict[str, float], dict[str, str]]:
    """The scores by metric, and the numbers that are none of a known scale, as they would be told."""
    scores: dict[str, float] = {}
    refused: dict[str, str] = {}
    for name, value in values.items():
        if name in _CASE_FIELDS or _NO_METRIC.search(name) or not isinstance(value, bool | int | float | str):
            continue
        try:
            number = (
                fields.boolean(value, name) if str(value).lower() in {"true", "false"} else fields.number(value, name)
            )
        except BadRecord:
            continue  # a text: an attribute
        if number is None:
            continue
        if "rubric" in name.lower() and 1 <= number <= 5:
            scores[name] = (number - 1) / 4
        elif 0 <= number <= 1:
            scores[name] = float(number)
        else:
            refused[name] = f"{number:g}"
    return scores, refused


def _run(path: str) -> str:
    """A run's name: that of its file.

    >>> _run("experiments/2026-03-01-rerank.csv.gz")
    '2026-03-01-rerank'
    """
    return re.split(r"[/\\]", path)[-1].split(".")[0] or "default"


def _looks_like(sample: Sample) -> float:
    """How many of the records are Ragas samples."""
    return 0.9 * sample.share(_is_ours)


def _is_ours(record: Json) -> bool:
    if not isinstance(record, dict) or not record.get("user_input") or "suite" in record or "case_id" in record:
        return False
    return len(_CASE_FIELDS & record.keys()) > 1 or isinstance(_first_message(record["user_input"]), dict)


def _first_message(value: Json) -> Json:
    return value[0] if isinstance(value, list) and value else None


READER = Reader(
    name="ragas",
    kind="evals",
    description="Ragas datasets, experiments and result tables",
    looks_like=_looks_like,
    read=_read,
)
