"""The log of `oaieval` over the written registry: every sample was run and graded, and the run came to its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

log, samples = ([json.loads(line) for line in Path(name).read_text().splitlines()] for name in sys.argv[1:3])
graded = {line["sample_id"].rpartition(".")[2] for line in log if line.get("type") == "metrics"}
assert graded == {str(i) for i in range(len(samples))}, graded
assert any("final_report" in line for line in log)
print(f"openai-evals: {len(graded)} samples run and graded")
