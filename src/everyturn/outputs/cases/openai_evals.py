"""OpenAI Evals: samples, and for a folder a registry around them that `oaieval` runs.

A sample's `criteria` is its rubric, which a model grades by (`closedqa`): a case needs no expected answer to be run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everyturn.outputs.cases import CaseFormat, NewCase, chat_messages, json_lines, without_missing

_REGISTRY = """\
{suite}:
  id: {suite}.dev.v0
  description: What users asked and no eval tested
  metrics: [accuracy]
{suite}.dev.v0:
  class: evals.elsuite.modelgraded.classify:ModelBasedClassify
  args:
    samples_jsonl: {suite}/samples.jsonl
    eval_type: cot_classify
    modelgraded_spec: closedqa
"""


def _sample(case: NewCase) -> dict[str, Any]:
    expected = "" if case.expected is None else f"\nThe user made this of the answer:\n{case.expected}"
    return without_missing(
        {
            "input": [
                {**m, "content": m["content"] or ""} for m in chat_messages(case.messages)
            ],  # graders take no null
            "ideal": case.expected,
            "criteria": case.rubric + expected,
            "metadata": {**case.metadata, "case_id": case.case_id},
        }
    )


def _files(cases: Sequence[NewCase], suite: str, target: Path) -> Mapping[Path, bytes]:
    samples = json_lines(map(_sample, cases))
    if target.suffix == ".jsonl":
        return {target: samples}
    return {
        target / "data" / suite / "samples.jsonl": samples,
        target / "evals" / f"{suite}.yaml": _REGISTRY.format(suite=suite).encode(),
    }


CASES = CaseFormat(
    "openai-evals", "OpenAI Evals samples (FILE.jsonl), or a registry that oaieval runs (a folder)", _files
)
