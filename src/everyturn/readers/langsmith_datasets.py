"""LangSmith's examples and the rows of evaluate() as eval cases and results, for `--as evals`.

    {"id": "9f6f3c8e-1b1d-4c55-9d6b-7b8f5f1c2a10", "dataset_id": "5b7d2f0e-6a51-4c39-8d1c-0f4c6b9e3a77",
     "inputs": {"question": "Can I return it?"}, "outputs": {"answer": "Yes, within 30 days."}, "metadata": {"plan": "pro"}}

The suite is the dataset's id. The text a case asks is the last user message where its inputs hold messages.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import EvalCase, EvalResult, Json
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.langsmith import read_evaluated, read_example


def _read(record: Json, context: Context) -> Iterator[EvalCase | EvalResult]:
    if _is_evaluated(record):
        yield from read_evaluated(record, context)
    elif _is_example(record):
        yield from read_example(record, context)
    else:
        raise BadRecord(expected="an example, or a row of evaluate()", found=fields.describe(record))


def _is_example(record: Json) -> bool:
    return isinstance(record, dict) and record.keys() >= {"id", "dataset_id", "inputs"} and "run_type" not in record


def _is_evaluated(record: Json) -> bool:
    return isinstance(record, dict) and isinstance(record.get("run"), dict) and isinstance(record.get("example"), dict)


def _looks_like(sample: Sample) -> float:
    """How many of the records are examples or evaluated rows."""
    return 0.95 * sample.share(lambda record: _is_example(record) or _is_evaluated(record))


READER = Reader(
    name="langsmith-datasets",
    kind="evals",
    description="LangSmith examples, and rows of evaluate() with their scores",
    looks_like=_looks_like,
    read=_read,
)
