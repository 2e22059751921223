"""What the monitor finds in simulated products, and how often it finds what is not there.

    python benchmarks/monitoring/measure.py null --per-week 2000 --runs 10
    python benchmarks/monitoring/measure.py ramp --per-week 2000 --runs 20

Prints one JSON object a run (what rang, and when), then a summary. `--likeness 0.3`, `--use 12` make the other worlds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from world import FIRST, SCENARIOS, World, asked, totals

from everyturn.analysis.incidents import group_alarms
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.shares import Demand

WORSE = {"acceptance": -1, "edit_share": 1, "rework": 1}
CHANGES = {  # what counts as having found it: signal, cohort, intent (None: any)
    "ramp": lambda a, _: a.signal == "acceptance" and a.direction < 0,
    "release": lambda a, _: a.signal == "acceptance" and a.direction < 0,
    "masked": lambda a, _: a.signal in {"acceptance", "trust"} and a.direction < 0 and a.cohort == "Researchers",
    "divergence": lambda a, w: a.signal == "acceptance" and a.direction < 0 and a.intent == w.truth["intent"],
    "new_intent": lambda a, _: a.signal == "share" and a.intent == "i40" and a.direction > 0,
}


def is_true(alarm, world) -> bool:  # noqa: PLR0911 - one answer a scenario
    """Whether the alarm's own node really changed that way at that time."""
    if alarm.day < FIRST + world.truth["onset"]:
        return False
    s = world.scenario
    if s == "masked":
        return alarm.signal in {"acceptance", "trust"} and (
            (alarm.cohort == "Researchers" and alarm.direction < 0)
            or (alarm.cohort == "Writers" and alarm.direction > 0)
        )
    if s == "divergence":
        return alarm.signal == "acceptance" and alarm.direction < 0 and alarm.intent in {None, world.truth["intent"]}
    if s == "mix":
        return alarm.signal == "share"
    if s == "erosion":
        return (alarm.signal, alarm.direction) in {("edit_share", 1), ("trust", -1)}
    if s == "new_intent":
        return alarm.signal == "share"
    return s in {"ramp", "release"} and alarm.signal in {"acceptance", "trust"} and alarm.direction < 0


def run(scenario: str, per_week: int, seed: int, *, weeks: int, budget: float, **options) -> dict:
    world = World(per_week=per_week, weeks=weeks, seed=seed, scenario=scenario, **options)
    made = world.play()
    rates, days = totals(made), asked(made)
    start = time.process_time()
    monitor, demand = Monitor(WORSE, budget), Demand(budget)
    monitor.fold(rates, until=(FIRST + weeks * 7) * 4)
    demand.fold(days, until=FIRST + weeks * 7)
    cost = time.process_time() - start
    alarms = [*monitor.alarms, *demand.alarms]
    onset = FIRST + world.truth["onset"]
    incidents = group_alarms(alarms)
    paged = [i for i in incidents if i.tier == "page"]
    false = [i for i in paged if not is_true(i.first, world)]
    listed = [i for i in incidents if not is_true(i.first, world)]
    hits = [a for a in alarms if scenario in CHANGES and a.day >= onset and CHANGES[scenario](a, world)]
    first = {t: min((a.block / 4 - onset for a in hits if a.tier == t), default=None) for t in ("page", "list")}
    answers = rates.num_rows
    return {
        "scenario": scenario,
        "per_week": per_week,
        "seed": seed,
        "false": len(false),
        "false_list": len(listed),
        "false_kinds": [
            f"{i.first.kind} {i.first.level} {i.first.signal} {i.first.direction:+d} {(i.first.block / 4 - onset):.1f}"
            for i in false
        ],
        "delay": first["page"],
        "delay_list": first["list"],
        "streams": len(monitor.streams.keys()) + demand.product.shape[0] * demand.product.shape[1],
        "bytes": len(monitor.to_bytes()),
        "microseconds": round(cost / answers * 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--per-week", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--weeks", type=int)
    parser.add_argument("--budget", type=float, default=12.0)
    parser.add_argument("--likeness", type=float, default=0.10)
    parser.add_argument("--use", type=float, default=2.0)
    given = parser.parse_args()
    weeks = given.weeks or (56 if given.scenario == "null" else 16)
    rows = []
    for seed in range(given.first, given.first + given.runs):
        row = run(
            given.scenario,
            given.per_week,
            seed,
            weeks=weeks,
            budget=given.budget,
            likeness=given.likeness,
            use=given.use,
        )
        rows.append(row)
        print(json.dumps(row), flush=True)
    years = len(rows) * (weeks * 7 - 28) / 365
    delays = [r["delay"] if r["delay"] is not None else float("inf") for r in rows]
    print(
        json.dumps(
            {
                "summary": f"{given.scenario} {given.per_week} likeness {given.likeness} use {given.use} budget {given.budget}",
                "runs": len(rows),
                "false_a_year": round(sum(r["false"] for r in rows) / years, 2),
                "false_list_a_year": round(sum(r["false_list"] for r in rows) / years, 2),
                "found": sum(d < float("inf") for d in delays) / len(delays),
                "median_days": statistics.median(delays),
                "microseconds": statistics.median(r["microseconds"] for r in rows),
            }
        )
    )


if __name__ == "__main__":
    main()
