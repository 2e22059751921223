"""The next eval cases against cases taken at random: what n cases stand for, and what they cover, of a workspace's traffic.

    python benchmarks/cover.py [WORKSPACE]

Without a workspace the sample world is played first. Both draw from the same requests. The value of n cases is the share of
traffic plus the share of failures they stand for (at most 2), as `everyturn cover` maximises it; covered is the share of
requests, and of those that failed, whose intent has a case. Random is the mean of 50 draws with its 5th and 95th percentile.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from everyturn import Workspace
from everyturn.analysis.choosing import choose, value
from everyturn.engines import inputs
from everyturn.workspace.covering import demands_of

DRAWS = 50


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else sample(Path(folder))
        with Workspace(path) as ws:
            ws.cover()
            requests = inputs.requests(ws.database)
            demands, rows, _ = demands_of(ws.database, requests)
    tested = {i for i, demand in enumerate(demands) if demand.tested is not None}
    failed = np.array([turn is not None for turn in requests["failed_turn"].to_pylist()])
    every = [(i, int(row)) for i, demand in enumerate(demands) for row in demand.candidates]
    rng = np.random.default_rng(0)
    print(f"{len(requests):,} requests, {failed.sum():,} failed, {len(demands)} intents, {len(every):,} candidates")
    print(
        f"{'cases':>6}  {'value':>6} {'random':>22}  {'traffic':>8} {'random':>22}  {'failures':>8} {'random':>22}  seconds"
    )
    for count in (5, 10, 20, 50, 100):
        start = time.perf_counter()
        best = [(c.intent, c.row) for c in choose(demands, count)]
        took = time.perf_counter() - start
        drawn = [
            [every[i] for i in rng.choice(len(every), min(count, len(every)), replace=False)] for _ in range(DRAWS)
        ]
        columns = []
        for measure in (
            lambda chosen: value(demands, chosen),
            lambda chosen: covered(rows, tested, chosen, np.ones(len(requests))),
            lambda chosen: covered(rows, tested, chosen, failed.astype(float)),
        ):
            low, mean, high = spread([measure(chosen) for chosen in drawn])
            columns.append(f"{measure(best):>6.3f} {mean:>8.3f} ({low:.3f}-{high:.3f})")
        print(f"{count:>6}  " + "  ".join(columns) + f"  {took:>6.2f}")


def covered(rows, tested, chosen, weight) -> float:
    intents = tested | {intent for intent, _ in chosen}
    return sum(weight[own].sum() for i, own in enumerate(rows) if i in intents) / weight.sum()


def spread(values: list[float]) -> tuple[float, float, float]:
    return float(np.quantile(values, 0.05)), float(np.mean(values)), float(np.quantile(values, 0.95))


def sample(folder: Path) -> Path:
    from everyturn.demo.play import play

    play(folder / "page.html", db=folder / "world.db", seed=7, folder=folder / "world", progress=lambda *_: None)
    return folder / "world.db"


if __name__ == "__main__":
    main()
