"""A weekly z-test at p < .05 on the streams of `measure.py`: this week against all before; repeats of a stream count once.

python benchmarks/monitoring/peers.py 2000 2
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from world import World

WEEKS = 30


def false_alarms(per_week: int, seed: int) -> int:
    made = World(per_week=per_week, weeks=WEEKS, seed=seed).play()
    week, cohort, intent = (made["time"] // 7).astype(int), made["cohort"], made["intent"]
    found = 0
    for signal in ("acceptance", "edit_share", "rework"):
        known = ~np.isnan(made[signal])
        value, cell = made[signal][known], (cohort * 40 + intent)[known]
        for node, size in ((cell * 0, 1), (cohort[known], 5), (intent[known], 40), (cell, 200)):
            key = node * WEEKS + week[known]
            n, y, yy = (
                np.bincount(key, weights=v, minlength=size * WEEKS).reshape(size, WEEKS)
                for v in (np.ones(len(value)), value, value**2)
            )
            before, sums, squares = n.cumsum(1), y.cumsum(1), yy.cumsum(1)
            rang = np.full(size, -9)
            for t in range(4, WEEKS):
                n0, n1 = np.maximum(before[:, t - 1], 1), np.maximum(n[:, t], 1)
                level = sums[:, t - 1] / n0
                spread = squares[:, t - 1] / n0 - level**2
                z = (y[:, t] / n1 - level) / np.sqrt(np.maximum(spread * (1 / n0 + 1 / n1), 1e-9))
                hit = (n0 >= 20) & (n1 >= 5) & (abs(z) > 1.96)
                found += int(np.count_nonzero(hit & (rang < t - 1)))
                rang[hit] = t
    return found


if __name__ == "__main__":
    volume, runs = int(sys.argv[1]), int(sys.argv[2])
    years = runs * (WEEKS - 4) * 7 / 365
    print(f"{sum(false_alarms(volume, seed) for seed in range(runs)) / years:.0f} false alarms a year")
