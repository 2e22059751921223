"""LangSmith: examples of id, inputs, outputs and metadata, as its import and `Client.create_examples` take them."""

from __future__ import annotations

import uuid
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

_NAMESPACE = uuid.UUID("6f0c1d52-3b1e-5d0a-9c55-0d2f8a4b7e11")  # ours, so that a case has one id in every upload


def _example(case: NewCase, dataset: str) -> dict[str, Any]:
    return without_missing(
        {
            "id": str(uuid.uuid5(_NAMESPACE, f"{dataset}/{case.case_id}")),
            "inputs": {"messages": chat_messages(case.messages)},
            "outputs": None if case.expected is None else {"answer": case.expected},
            "metadata": {**case.metadata, "rubric": case.rubric, "case_id": case.case_id},
        }
    )


def _files(cases: Sequence[NewCase], suite: str, target: Path) -> Mapping[Path, bytes]:
    return {target: json_lines(_example(case, suite) for case in cases)}


def _upload(cases: Sequence[NewCase], dataset: str) -> int:
    credentials("LangSmith", "LANGSMITH_API_KEY")
    try:
        from langsmith import Client
    except ImportError:
        raise missing_client("langsmith") from None
    client = Client()
    if client.has_dataset(dataset_name=dataset):
        stored = client.read_dataset(dataset_name=dataset)
    else:
        stored = client.create_dataset(dataset_name=dataset)
    there = {str(example.id) for example in client.list_examples(dataset_id=stored.id)}
    new = [example for example in (_example(case, dataset) for case in cases) if example["id"] not in there]
    if new:
        client.create_examples(dataset_id=stored.id, examples=new)
    return len(new)


CASES = CaseFormat("langsmith", "LangSmith examples", _files, _upload)
