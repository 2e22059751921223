"""Langfuse's dataset items as eval cases, for `--as evals`: the body of POST /api/public/dataset-items and its export.

    {"datasetName": "refunds", "id": "item-1", "input": {"messages": [{"role": "user", "content": "Can I return it?"}]},
     "expectedOutput": "Yes, within 30 days.", "metadata": {"plan": "pro"}}

The text a case asks is the last user message where its input holds messages.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import EvalCase, Json
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.langfuse import read_dataset_item


def _read(record: Json, context: Context) -> Iterator[EvalCase]:
    if not _is_item(record):
        raise BadRecord(expected="a dataset item", found=fields.describe(record))
    yield from read_dataset_item(record, context)


def _is_item(record: Json) -> bool:
    if not isinstance(record, dict) or "input" not in record or "id" not in record:
        return False
    return "datasetName" in record or ("datasetId" in record and "expectedOutput" in record)


def _looks_like(sample: Sample) -> float:
    """How many of the records are dataset items."""
    return 0.95 * sample.share(_is_item)


READER = Reader(
    name="langfuse-datasets",
    kind="evals",
    description="Langfuse dataset items",
    looks_like=_looks_like,
    read=_read,
)
