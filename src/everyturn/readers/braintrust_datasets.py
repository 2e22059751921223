"""Braintrust's dataset and experiment rows as eval cases and results, for `--as evals`.

    {"id": "row-0", "dataset_id": "b8729afe-e078-549f-9246-b0dce518cc58", "input": {"messages": [{"role": "user", "content": "Can I return it?"}]},
     "expected": "Yes, within 30 days.", "metadata": {"plan": "pro"}, "tags": ["returns"]}

The suite is the dataset's id, the run the experiment's. The text a case asks is the last user message where its input holds messages. A case of
an experiment that ran without a dataset is named by its text, in the suite "default". Rows of an experiment that are no case and have no score are
skipped and counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import EvalCase, EvalResult, Json
from everyturn.readers import BadRecord, Context, Reader, Sample, SkipRecord, fields
from everyturn.readers.braintrust import row_kind
from everyturn.readers.braintrust_rows import decoded, read_case, read_experiment

_KINDS = frozenset({"dataset", "experiment"})


def _read(record: Json, _context: Context) -> Iterator[EvalCase | EvalResult]:
    kind = row_kind(record)
    if kind not in _KINDS:
        raise BadRecord(expected="a row of a dataset or an experiment", found=fields.describe(record))
    row = decoded(record)
    found = list(read_case(row) if kind == "dataset" else read_experiment(row))
    if not found:
        raise SkipRecord("rows of an experiment that are no case and have no score")
    yield from found


def _looks_like(sample: Sample) -> float:
    """How many of the records are rows of datasets or experiments."""
    return 0.95 * sample.share(lambda record: row_kind(record) in _KINDS)


READER = Reader(
    name="braintrust-datasets",
    kind="evals",
    description="Braintrust rows of datasets and of experiments with their scores",
    looks_like=_looks_like,
    read=_read,
)
