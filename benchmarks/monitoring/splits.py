"""How often the ranges of a split difference hold the truth: at a fixed day, and at the moment an alarm pages.

    python benchmarks/monitoring/splits.py ramp --per-week 2000 --runs 20

At a day fixed beforehand (four weeks after the onset) the last four weeks of every signal are compared with all before, in the
whole product, each cohort and the five most asked intents. At an alarm the split is the one `watch` would tell had it been asked in
that block of six hours, and two weeks later again (alarms that lead to one place count once); `as told` is the range it shows, which is to hold however often one looks. What
is true is known of the world: the rates that were to be expected of the people and days compared, and the weights of the places in
the population its users are drawn from. Prints how many of how many ranges held, per kind of part.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow.compute as pc
from measure import place_of
from truth import FIRST, SIGNALS, WORSE, is_true
from world import MIXES, SCENARIOS, WORLDS, World, totals

from everyturn.analysis import drift
from everyturn.analysis.alarms import PAGE, TRUST, date_of, day_of
from everyturn.analysis.drift import Answers, Node, RateChange, describe, read_answers
from everyturn.analysis.incidents import Incident, group_alarms
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.panel import Panel
from everyturn.analysis.settling import settle
from everyturn.stats import Estimate
from everyturn.stats.compare import Split, split_difference
from everyturn.stats.intervals import NEEDED_USERS

KNOWN = [name for name in SCENARIOS if name not in {*MIXES} - {"mix", "mix_far", "mix_people"}]
RATES = dict(zip(SIGNALS, ("rate", "edit_rate", "rework_rate"), strict=True))


class Truth:
    """What is true of one world's places and periods."""

    def __init__(self, world: World, made: dict[str, np.ndarray]) -> None:
        self.world, self.made = world, made
        shares = world.shares[:, None] * world.wants
        self.phases = [shares, shares]
        if world.scenario in {"mix", "mix_far", "mix_people"}:
            more = np.where(np.arange(world.cohorts) == 1, 0.40 / 0.15, 0.60 / 0.85)
            self.phases = [shares, shares * more[:, None]]

    def parts(self, signal: str, place: tuple[int | None, int | None], periods: tuple) -> tuple[float, float]:
        """The true mix and within part of a change at a place (codes of the world) between two periods (masks of days)."""
        made, size = self.made, (self.world.cohorts, self.world.intents + 1)
        day = np.floor(made["final"]).astype(int) + 7 * (signal == "rework")
        known = ~np.isnan(made[signal])
        cell = np.zeros(size, bool)
        cell[(slice(None) if place[0] is None else place[0]), (slice(None) if place[1] is None else place[1])] = True
        rates, weights = [], []
        for low, high in periods:
            at = known & (day >= low) & (day < high)
            code = made["cohort"][at] * size[1] + made["intent"][at]
            n = np.bincount(code, minlength=cell.size).reshape(size)
            rate = np.bincount(code, weights=made[RATES[signal]][at], minlength=cell.size).reshape(size)
            rates.append(np.divide(rate, n, out=np.full(size, np.nan), where=n > 0))
            late = np.mean(made["time"][at] >= self.world.onset) if at.any() else 0.0
            weight = np.zeros(size)
            weight[:, :-1] = (1 - late) * self.phases[0] + late * self.phases[1]
            if signal == "rework":  # asked of what was accepted
                weight *= np.pad(self.world.base, ((0, 0), (0, 1)))
            weight = np.where(cell, weight, 0.0)
            weights.append(weight / weight.sum())
        before, now = (np.where(np.isnan(a), b, a) for a, b in (rates, rates[::-1]))
        within = (weights[0] + weights[1]) / 2 * (now - before)
        mix = (weights[1] - weights[0]) * (now + before) / 2
        return float(np.nansum(mix)), float(np.nansum(within))


@dataclass
class Case:
    """One world, what the monitor rang in it, and its answers in the codes of `describe`."""

    world: World
    truth: Truth
    panel: Panel
    answers: Answers
    monitor: Monitor

    @classmethod
    def of(cls, world: World) -> Case:
        """The case of a world, played and heard."""
        made = world.play()
        table = totals(made, world.names)
        monitor = Monitor(WORSE)
        settled = settle(table, until=(FIRST + world.weeks * 7) * 4)
        monitor.fold(settled.totals, until=settled.until)
        names = [sorted(pc.unique(table[c]).to_pylist()) for c in ("user_id", "cohort", "intent_id")]
        weeks = [date_of(FIRST + 7 * k) for k in range(world.weeks)]
        panel = Panel(*names, weeks, world.weeks, {})
        return cls(world, Truth(world, made), panel, read_answers(panel, settled.answers), monitor)

    def place(self, node: Node) -> tuple[int | None, int | None]:
        """A node in the codes of the world."""
        return (
            None if node.cohort is None else self.world.names.index(self.panel.cohorts[node.cohort]),
            None if node.intent is None else int(str(self.panel.intents[node.intent])[1:]),
        )


class Tally:
    """How many of how many ranges held."""

    def __init__(self) -> None:
        self.held: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.size: dict[str, list[float]] = defaultdict(list)
        self.half: dict[str, list[float]] = defaultdict(list)
        self.told: dict[str, list[bool]] = defaultdict(list)

    def add(self, name: str, split: Split, truth: tuple[float, float]) -> None:
        """Counts the ranges of one split; the mix of a single place is no range."""
        mix, within = truth
        several = [("mix", split.mix, mix), ("total", split.total, mix + within)] if len(split.parts) > 1 else []
        for part, estimate, true in [("within", split.within, within), *several]:
            self.count(f"{name} {part}", estimate, true)

    def count(self, name: str, estimate: Estimate, true: float) -> None:
        """Counts one range, and how much larger than true the number is."""
        self.held[name][0] += estimate.low <= true <= estimate.high
        self.held[name][1] += 1
        self.size[name].append(abs(estimate.value) - abs(true))
        self.half[name].append((estimate.high - estimate.low) / 2)

    def __str__(self) -> str:
        told = [f"{name}: {sum(told)} of {len(told)} told" for name, told in sorted(self.told.items())]
        held = [
            f"{name}: {held} of {of} held ({held / of:.3f}), shown larger than true by {100 * np.mean(self.size[name]):.2f} points, ±{100 * np.mean(self.half[name]):.1f}"
            for name, (held, of) in sorted(self.held.items())
        ]
        return "\n".join([*told, *held])


def at_a_day(case: Case, tally: Tally) -> None:
    """Splits of the last four weeks against all before, four weeks after the onset."""
    now = case.world.onset + 28
    popular = np.argsort(-case.world.popular)[:5].tolist()
    for signal, everything in case.answers.signals.items():
        rows = everything.take(everything.week < FIRST + now)
        nodes = [Node(), *(Node(c) for c in range(len(case.panel.cohorts)))]
        nodes += [Node(intent=case.panel.intents.index(f"i{k:02d}")) for k in popular]
        for node in nodes:
            here = rows.take(node.mask(rows))
            current = here.week >= FIRST + now - 28
            if min(len(np.unique(here.user[current])), len(np.unique(here.user[~current]))) < NEEDED_USERS:
                continue
            split = split_difference(here.user, drift.strata(case.panel, here), current, here.n, here.y)
            true = case.truth.parts(signal, case.place(node), ((0, now - 28), (now - 28, now)))
            tally.add(f"at a day, level {node.level}", split, true)


def at_alarms(case: Case, tally: Tally) -> None:
    """Splits as told in the block a page rang, and two weeks later; alarms that lead to the same place are told once."""
    seen: set[tuple[str, Node]] = set()
    for incident in group_alarms(a for a in case.monitor.alarms if a.signal != TRUST):
        alarm = incident.first
        if alarm.tier != PAGE:
            continue
        late = alarm.day >= FIRST + case.world.onset
        right = late and is_true(place_of(alarm), case.world.scenario, case.world.truth)
        for later in (0, 14):
            last = min(alarm.day + later, case.answers.last_day)
            heard = Incident(tuple(a for a in incident.alarms if a.block <= alarm.block or a.day < last))
            known = {name: rows.take(rows.week <= last) for name, rows in case.answers.signals.items()}
            change = describe(case.panel, Answers(known, last), heard)
            if not later and change is not None:
                if (change.signal, change.node) in seen:
                    break
                seen.add((change.signal, change.node))
            kind = f"{'right' if right else 'false'} alarm{', two weeks later' if later else ''}"
            tally.told[kind].append(change is not None)
            if change is not None:
                true = case.truth.parts(change.signal, case.place(change.node), windows(change))
                tally.add(kind, change.split, true)
                tally.count(f"{kind}, as told", change.size, true[1])


def windows(change: RateChange) -> tuple[tuple[int, int], tuple[int, int]]:
    """The days a told change compares, counted from the world's first."""
    since, until = (day_of(day) - FIRST for day in (change.since, change.until))
    return (max(since - drift._BEFORE_DAYS, 0), since), (max(since, until - drift._SIZE_DAYS + 1), until + 1)  # noqa: SLF001


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=KNOWN)
    parser.add_argument("--per-week", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--world", choices=WORLDS, default="plain")
    given = parser.parse_args()
    tally = Tally()
    for seed in range(given.first, given.first + given.runs):
        case = Case.of(World(given.per_week, 16, seed, given.scenario, **WORLDS[given.world]))
        at_a_day(case, tally)
        at_alarms(case, tally)
    print(f"{given.scenario} {given.per_week} a week, {given.runs} runs")
    print(tally)


if __name__ == "__main__":
    main()
