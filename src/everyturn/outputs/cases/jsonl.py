"""Plain JSON Lines: the form `load --as evals` reads and any script can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from everyturn.outputs.cases import CaseFormat, NewCase, chat_messages, json_lines, without_missing


def _files(cases: Sequence[NewCase], suite: str, target: Path) -> Mapping[Path, bytes]:
    rows = (
        without_missing(
            {
                "suite": suite,
                "case_id": case.case_id,
                "input": chat_messages(case.messages),
                "expected": case.expected,
                "rubric": case.rubric,
                "metadata": dict(case.metadata),
            }
        )
        for case in cases
    )
    return {target: json_lines(rows)}


CASES = CaseFormat("jsonl", "one case a line, with suite, case_id, input, expected, rubric and metadata", _files)
