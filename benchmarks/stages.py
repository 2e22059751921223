"""Conversations per second, peak memory and bytes on disk of every stage, at the sizes named.

    python benchmarks/stages.py 10000 100000 [1000000]

Each stage runs in a process of its own, so that its peak memory is its own. "growth" is the stage's time per conversation
against the size before: 1.0 is linear. Only discovery may exceed it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("write", "load", "load again", "observe", "discover", "measure", "gap", "report")


def run_stage(stage: str, folder: Path, conversations: int) -> None:
    """Runs one stage and prints its seconds as JSON; imports count as no part of it."""
    from everyturn.demo import write_chat
    from everyturn.workspace import Workspace

    if stage == "write":
        start = time.perf_counter()
        write_chat(folder / "chat.jsonl", conversations=conversations, seed=7)
    else:
        with Workspace(folder / "bench.db") as ws:
            start = time.perf_counter()
            if stage in {"load", "load again"}:
                ws.load(folder / "chat.jsonl")
                ws.load(folder / "chat.actions.jsonl", as_="actions")
            elif stage == "observe":
                ws.measure("acceptance")
            elif stage == "discover":
                ws.discover()
            elif stage == "measure":
                ws.measure("acceptance", by=["intent", "week", "cohort"])
            elif stage == "gap":
                ws.gap()
            else:
                ws.report(folder / "page.html")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak}))


def main(sizes: list[int]) -> None:
    """Prints one table a size."""
    before: dict[str, float] = {}
    for size in sizes:
        print(f"\n{size:,} conversations")
        print(f"{'stage':<12}{'seconds':>9}{'a second':>12}{'peak MB':>10}{'disk MB':>10}{'growth':>8}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for stage in STAGES:
                command = [sys.executable, __file__, "--stage", stage, name, str(size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(done.stdout.splitlines()[-1])
                per_conversation = result["seconds"] / size
                growth = f"{per_conversation / before[stage]:.2f}" if stage in before else ""
                before[stage] = per_conversation
                disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20
                print(
                    f"{stage:<12}{result['seconds']:>9.1f}{size / result['seconds']:>12,.0f}{result['peak_mb']:>10,.0f}"
                    f"{disk:>10,.0f}{growth:>8}",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1] == "--stage":
        run_stage(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main([int(size) for size in sys.argv[1:]])
