"""Braintrust: dataset rows of id, input, expected, tags and metadata, as its import and its API take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everyturn.errors import InputError
from everyturn.outputs.cases import (
    CaseFormat,
    NewCase,
    chat_messages,
    credentials,
    json_lines,
    missing_client,
    without_missing,
)


def _row(case: NewCase) -> dict[str, Any]:
    return without_missing(
        {
            "id": case.case_id,
            "input": {"messages": chat_messages(case.messages)},
            "expected": case.expected,
            "tags": ["everyturn"],
            "metadata": {**case.metadata, "rubric": case.rubric},
        }
    )


def _files(cases: Sequence[NewCase], _suite: str, target: Path) -> Mapping[Path, bytes]:
    return {target: json_lines(map(_row, cases))}


def _upload(cases: Sequence[NewCase], dataset: str) -> int:
    project, slash, name = dataset.partition("/")
    if not (project and slash and name):
        raise InputError(
            "a Braintrust dataset stands in a project",
            where="--upload",
            expected="PROJECT/DATASET",
            try_="--upload shop/gaps",
        )
    credentials("Braintrust", "BRAINTRUST_API_KEY")
    try:
        import braintrust
    except ImportError:
        raise missing_client("braintrust") from None
    target = braintrust.init_dataset(
        project=project, name=name
    ).id  # logs in, and makes the dataset where there is none
    # Not the dataset's own `insert`: it sends from the background and only prints what it could not send. A row of one id is replaced.
    answer = braintrust.api_conn().post_json(f"v1/dataset/{target}/insert", {"events": [_row(case) for case in cases]})
    return len(answer["row_ids"])


CASES = CaseFormat("braintrust", "Braintrust dataset rows", _files, _upload)
