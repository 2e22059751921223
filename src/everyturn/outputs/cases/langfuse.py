"""Langfuse: dataset items, as POST /api/public/dataset-items takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everyturn.outputs.cases import (
    CaseFormat,
    NewCase,
    chat_messages,
    credentials,
    json_lines,
    missing_client,
    without_missing,
)


def _item(case: NewCase, dataset: str) -> dict[str, Any]:
    return without_missing(
        {
            "datasetName": dataset,
            "id": case.case_id,
            "input": {"messages": chat_messages(case.messages)},
            "expectedOutput": case.expected,
            "metadata": {**case.metadata, "rubric": case.rubric},
        }
    )


def _files(cases: Sequence[NewCase], suite: str, target: Path) -> Mapping[Path, bytes]:
    return {target: json_lines(_item(case, suite) for case in cases)}


def _upload(cases: Sequence[NewCase], dataset: str) -> int:
    credentials("Langfuse", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
    try:
        from langfuse import Langfuse
    except ImportError:
        raise missing_client("langfuse") from None
    client = Langfuse(tracing_enabled=False)
    client.create_dataset(name=dataset)  # one that is there stays as it is
    for case in cases:
        item = _item(case, dataset)
        client.create_dataset_item(
            dataset_name=dataset,
            id=item["id"],  # an item of one id is replaced
            input=item["input"],
            expected_output=item.get("expectedOutput"),
            metadata=item["metadata"],
        )
    return len(cases)


CASES = CaseFormat("langfuse", "Langfuse dataset items", _files, _upload)
