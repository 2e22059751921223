"""What the monitor finds in simulated products, and how often it finds what is not there.

    python benchmarks/monitoring/measure.py null --per-week 2000 --runs 10
    python benchmarks/monitoring/measure.py ramp --per-week 2000 --runs 20
    python benchmarks/monitoring/measure.py null --per-week 2000 --runs 10 --world busiest

Prints one JSON object a run (what rang, and when), then a summary. `--world` names a product of `world.WORLDS` that lives otherwise;
`--marked` tells the monitor its holidays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow.compute as pc
from truth import FIRST, WORSE, Place, finds, is_true, planted
from world import SCENARIOS, WORLDS, World, asked, totals

from everyturn.analysis.alarms import Alarm, Marks
from everyturn.analysis.incidents import group_alarms
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.settling import settle
from everyturn.analysis.shares import Demand


def place_of(alarm: Alarm) -> Place:
    """Where it rang, and which way."""
    return Place(alarm.signal, alarm.cohort, alarm.intent, alarm.direction)


def run(world: World, *, budget: float, marked: bool) -> dict:
    """One product's life, and what the monitor told of it."""
    made = world.play()
    rates, days = totals(made, world.names), asked(made, world.names)
    marks = Marks(holidays=frozenset((FIRST + world.free_days()).tolist() if marked else ()))
    start = time.process_time()
    monitor, demand = Monitor(WORSE, budget, marks), Demand(budget, marks)
    heard = settle(rates, until=(FIRST + world.weeks * 7) * 4)
    monitor.fold(heard.totals, until=heard.until)
    demand.fold(days, until=FIRST + world.weeks * 7)
    cost, answers = time.process_time() - start, pc.sum(rates["n"]).as_py()
    alarms = [*monitor.alarms, *demand.alarms]
    onset, what = FIRST + world.onset, (world.scenario, world.truth)

    def right(alarm: Alarm) -> bool:
        return alarm.day >= onset and is_true(place_of(alarm), *what)

    def delay(found: list[Alarm]) -> float | None:
        return min((a.block / 4 - onset for a in found if a.day >= onset), default=None)

    wrong = [i for i in group_alarms(alarms) if not right(i.first)]
    false = [i.first for i in wrong if i.tier == "page"]
    hits = [a for a in alarms if finds(place_of(a), *what)]
    paged = [a for a in hits if a.tier == "page"]
    return {
        "scenario": world.scenario,
        "per_week": world.per_week,
        "seed": world.seed,
        "false": len(false),
        "false_after": sum(a.day >= onset for a in false),
        "false_list": len(wrong),
        "false_kinds": [
            f"{a.kind} {a.level} {a.signal} {a.direction:+d} {a.block / 4 - onset:.1f} {a.cohort} {a.intent}"
            for a in false
        ],
        "delay": delay(paged),
        "delay_there": delay([a for a in paged if place_of(a) == planted(*what)]),
        "delay_list": delay([a for a in hits if a.tier == "list"]),
        "streams": len(monitor.streams.keys()) + demand.product.shape[0] * demand.product.shape[1],
        "bytes": len(monitor.to_bytes()),
        "horizons": heard.horizons,
        "microseconds": round(cost / answers * 1e6, 2),
    }


def summary(rows: list[dict], weeks: int, onset: int) -> dict:
    """What all runs say together."""
    years, after = len(rows) * (weeks * 7 - 28) / 365, len(rows) * (weeks * 7 - onset) / 365
    kinds = Counter(" ".join(kind.split()[:4]) for r in rows for kind in r["false_kinds"])
    told = {}
    for name in ("delay", "delay_there"):
        delays = [float("inf") if r[name] is None else r[name] for r in rows]
        middle = statistics.median(delays)
        told |= {
            name: sum(d < float("inf") for d in delays),
            f"{name}_median": None if middle == float("inf") else middle,
        }
    return {
        "runs": len(rows),
        "years": round(years, 1),
        "false_a_year": round(sum(r["false"] for r in rows) / years, 2),
        "false_a_year_after_onset": round(sum(r["false_after"] for r in rows) / after, 2),
        "false_list_a_year": round(sum(r["false_list"] for r in rows) / years, 2),
        **told,
        "kinds": dict(kinds.most_common()),
        "microseconds": statistics.median(r["microseconds"] for r in rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--per-week", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--weeks", type=int)
    parser.add_argument("--budget", type=float, default=12.0)
    parser.add_argument("--world", choices=WORLDS, default="plain")
    parser.add_argument("--marked", action="store_true")
    given = parser.parse_args()
    weeks = given.weeks or (56 if given.scenario == "null" else 16)
    rows = []
    for seed in range(given.first, given.first + given.runs):
        world = World(given.per_week, weeks, seed, given.scenario, **WORLDS[given.world])
        rows.append(run(world, budget=given.budget, marked=given.marked))
        print(json.dumps(rows[-1]), flush=True)
    named = {"summary": f"{given.scenario} {given.per_week} world {given.world} budget {given.budget}"}
    print(json.dumps(named | summary(rows, weeks, world.onset)))


if __name__ == "__main__":
    main()
