"""Ragas loads the written files as samples of the kind they hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ragas import EvaluationDataset

for name in sys.argv[1:]:
    rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
    dataset = EvaluationDataset.from_jsonl(name)
    kind = "MultiTurnSample" if isinstance(rows[0]["user_input"], list) else "SingleTurnSample"
    assert {type(sample).__name__ for sample in dataset} == {kind}
    assert [sample.reference for sample in dataset] == [row.get("reference") for row in rows]
    assert [sample.rubrics for sample in dataset] == [row["rubrics"] for row in rows]
    print(f"ragas: {name}: {len(dataset)} of {kind}")
