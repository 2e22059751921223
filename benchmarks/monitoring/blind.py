"""Whether a cohort that falls by as much as its answers "could show" is found within four weeks, and one that falls by half of it.

    python benchmarks/monitoring/blind.py 2000 10

For each of the four larger cohorts and each seed: the smallest change its first eight weeks say four more could show, then a fall
of that size (or of half) from the ninth week on, and whether the page or the watch list named the cohort within 28 days.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from world import COHORTS, FIRST, World, totals

from everyturn.analysis.monitor import Monitor
from everyturn.analysis.settling import settle
from everyturn.stats import NotEnough
from everyturn.stats.intervals import smallest_change
from everyturn.stats.summaries import summarise_one

WORSE = {"acceptance": -1, "edit_share": 1, "rework": 1}
WEEKS, ONSET = 12, 56


def run(per_week: int, seed: int, cohort: int, part: float) -> tuple[float, bool, bool] | None:
    """The size of the fall, and whether it was paged and at least listed; None where the cohort could show none."""
    made = World(per_week=per_week, weeks=WEEKS, seed=seed).play()
    own = made["cohort"] == cohort
    before, after = own & (made["time"] < ONSET), own & (made["time"] >= ONSET)
    summary = summarise_one(made["user"][before], np.ones(before.sum()), made["acceptance"][before])
    least = smallest_change(summary, weeks=ONSET / 7)
    level = summary.y / summary.n
    if isinstance(least, NotEnough) or least * part > level:
        return None
    lost = after & (np.random.default_rng(seed).random(len(own)) < least * part / level)
    made["acceptance"] = np.where(lost, 0.0, made["acceptance"])
    monitor = Monitor(WORSE, 12.0)
    settled = settle(totals(made), until=(FIRST + WEEKS * 7) * 4)
    monitor.fold(settled.totals, until=settled.until)
    tiers = {
        a.tier
        for a in monitor.alarms
        if a.cohort == COHORTS[cohort]
        and a.signal in {"acceptance", "trust"}
        and a.direction < 0
        and 0 <= a.block / 4 - FIRST - ONSET <= 28
    }
    return least * part, "page" in tiers, bool(tiers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("per_week", type=int)
    parser.add_argument("runs", type=int)
    asked = parser.parse_args()
    for part in (1.0, 0.5):
        everything = []
        for cohort in range(4):
            found = [r for seed in range(asked.runs) if (r := run(asked.per_week, seed, cohort, part)) is not None]
            everything += found
            size, paged, listed = np.mean(found, axis=0) if found else (np.nan,) * 3
            print(
                f"{COHORTS[cohort]:12} {part:.1f} x: {len(found)} runs, fall {size:.3f}, paged {paged:.2f}, listed {listed:.2f}"
            )
        print(
            f"all          {part:.1f} x: {len(everything)} runs, paged and listed {np.mean(everything, axis=0)[1:].round(3)}"
        )


if __name__ == "__main__":
    main()
