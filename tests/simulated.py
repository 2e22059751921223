"""A simulated product whose truth is known: users differ, repeat themselves and come unevenly; changes are planted.

Users have a heavy-tailed weekly use, a taste for some intents, their own level (two answers of one user correlate by
about 0.1), and come and go. `World.tables` gives what the analyses read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from everyturn.analysis.alarms import BLOCKS_A_DAY, BUDGET
from everyturn.analysis.evals import read_evals
from everyturn.analysis.findings import Heard, Watch, watch
from everyturn.analysis.gap import intent_names
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.panel import WORSE, Panel, read_panel
from everyturn.analysis.settling import settle
from everyturn.analysis.shares import Demand

MONDAY = date(2026, 1, 5)
COHORTS = ("Agents", "Analysts", "Managers", "Partners")
COHORT_SHARES = np.array([0.50, 0.20, 0.16, 0.14])


def panel_of(tables: dict) -> Panel:
    """The panel of a world's tables."""
    return read_panel(tables["cells"], tables["weeks_complete"])


def listen(tables: dict, *, budget: float = BUDGET) -> Heard:
    """A world's history folded in one go."""
    totals, asked = tables["totals"], tables["asked"]
    end = 1 + max(totals["block"].to_pylist(), default=0)
    monitor, demand = Monitor(WORSE, budget), Demand(budget)
    settled = settle(totals, until=end)
    monitor.fold(settled.totals, until=settled.until)
    demand.fold(asked, until=-(-end // BLOCKS_A_DAY))
    return Heard(settled.answers, asked, [*map(settled.dated, monitor.alarms), *demand.alarms], budget)


def watched(tables: dict) -> Watch:
    """What is found in a world."""
    names = intent_names(tables["intents"])
    return watch(panel_of(tables), read_evals(tables["evals"]), names, listen(tables), tickets=tables["tickets"])


@dataclass(frozen=True)
class World:
    """One seeded product; every planted change is off unset."""

    seed: int = 0
    users: int = 900
    weeks: int = 12
    per_week: float = 800.0
    intents: int = 10
    start: int = 6  # the week planted changes begin
    new_intent: float = 0.0  # share of traffic it ramps to over four weeks
    slide: tuple[int, float] | None = None  # (intent, points of acceptance lost over four weeks)
    distrust: tuple[int, float] | None = None  # (cohort, points every part of trust loses at once)
    eroding: tuple[int, float] | None = None  # (users, their outputs a week): from `start` they change what they get
    rework: tuple[int, float] | None = None  # (intent, its rate of rework in every week)
    rework_rise: tuple[int, float] | None = None  # (intent, its rate of rework from `start`)
    mix: float = 0.0  # share of the users of cohort 0 that stop coming from `start`
    user_spread: float = 0.8
    truth: dict = field(default_factory=dict)

    def but(self, **changes) -> World:
        return replace(self, truth={}, **changes)

    def tables(self) -> dict:  # noqa: PLR0915  # one product, drawn in one order
        rng = np.random.default_rng(self.seed)
        k, weeks, users = self.intents, self.weeks, self.users
        cohort_of = rng.choice(len(COHORTS), users, p=COHORT_SHARES)
        use = rng.lognormal(0.0, 1.0, users)
        erode = np.zeros(users, dtype=bool)
        if self.eroding:
            erode[rng.choice(users, self.eroding[0], replace=False)] = True
        use *= self.per_week / use.sum()
        stays = rng.random((users, 1)) < 0.8
        first = rng.integers(0, weeks, (users, 1)) * ~stays
        here = np.arange(weeks) >= np.where(rng.random((users, 1)) < 0.5, first, 0)
        here &= np.arange(weeks) <= np.where(stays, weeks, np.maximum(first, weeks // 2))
        if self.eroding:
            use[erode] = self.eroding[1]
            here[erode] = True
        leaves = (cohort_of == 0) & (rng.random(users) < self.mix)
        here &= ~(leaves[:, None] & (np.arange(weeks) >= self.start))
        season = 1 + 0.08 * np.sin(np.arange(weeks))
        count = rng.poisson(use[:, None] * here * season * rng.gamma(3.0, 1 / 3, (users, weeks)))
        user, week = np.divmod(np.repeat(np.arange(users * weeks), count.ravel()), weeks)

        shares = 1 / np.arange(1, k + 1) ** 0.7
        tastes = rng.dirichlet(4 * shares / shares.sum(), users).cumsum(1)
        intent = (rng.random(len(user))[:, None] > tastes[user]).sum(1).clip(0, k - 1)
        ramp = np.clip((np.arange(weeks) - self.start + 1) / 4, 0, 1)
        intent[rng.random(len(user)) < (self.new_intent * ramp)[week]] = k

        base = rng.uniform(0.6, 0.85, k + 1)
        if self.slide:
            base[self.slide[0]] = 0.72
        base[k] = 0.06 if self.new_intent else base[k]
        level = np.log(base / (1 - base))[intent] + rng.normal(0, 0.15, len(COHORTS))[cohort_of[user]]
        p = 1 / (1 + np.exp(-level - rng.normal(0, self.user_spread, users)[user]))
        worse = np.zeros(len(user))
        if self.slide:
            p -= (intent == self.slide[0]) * self.slide[1] * ramp[week]
        if self.distrust:
            worse = (cohort_of[user] == self.distrust[0]) * (week >= self.start) * self.distrust[1]
        p = np.where(erode[user] & (week >= self.start), 0.25 * p, p - worse).clip(0.01, 0.99)

        draw = rng.random((6, len(user)))
        accepted = draw[0] < p
        edited = ~accepted & (draw[1] < np.where(erode[user] & (week >= self.start), 0.9, 0.5))
        known = draw[2] < 0.85
        share = np.where(edited, rng.beta(2, 3, len(user)), 0.0)
        share = np.where(accepted | edited, np.minimum(share + worse, 1.0), 0.0)
        rework_rate = np.full(len(user), 0.06) + worse
        if self.rework:
            rework_rate[intent == self.rework[0]] = self.rework[1]
        if self.rework_rise:
            rework_rate[(intent == self.rework_rise[0]) & (week >= self.start)] = self.rework_rise[1]
        signals = {
            "acceptance": (known, accepted.astype(float), ~known),
            "edits": (known & (accepted | edited), edited.astype(float), np.zeros(len(user), bool)),
            "edit_share": (known & (accepted | edited), share, np.zeros(len(user), bool)),
            "rework": (
                known & accepted & (week < weeks - 1),
                (draw[3] < rework_rate).astype(float),
                known & accepted & (week == weeks - 1),
            ),
            "complaint": (
                np.ones(len(user), bool),
                (draw[4] < np.where(accepted, 0.02, 0.12) + worse).astype(float),
                None,
            ),
            "escalation": (np.ones(len(user), bool), (draw[5] < np.where(accepted, 0.01, 0.08)).astype(float), None),
        }
        rows = [self._cells(name, user, cohort_of, intent, week, *columns) for name, columns in signals.items()]
        cells = pa.concat_tables(rows)
        day = (MONDAY - date(1970, 1, 1)).days + week * 7 + rng.integers(0, 7, len(user))
        totals = pa.concat_tables(
            self._totals(name, day, user, cohort_of, intent, *columns[:2])
            for name, columns in signals.items()
            if name != "edits"
        )
        self.truth.update(
            eroding=[f"u{u:04d}" for u in np.flatnonzero(erode)],
            outputs=np.bincount(week, minlength=weeks).tolist(),
            intent_week=np.bincount(intent, minlength=k + 1) / weeks,
            cohort_week=np.bincount(cohort_of[user], minlength=len(COHORTS)) / weeks,
        )
        return {
            "cells": cells,
            "intents": self._intents(intent, user, week),
            "evals": self._evals(rng),
            "tickets": self._tickets(rng, week, signals["escalation"][1]),
            "weeks_complete": MONDAY + timedelta(weeks=weeks - 1),
            "totals": totals,
            "asked": self._asked(day, user, cohort_of, intent),
        }

    @staticmethod
    def _totals(name, day, user, cohort_of, intent, known, value) -> pa.Table:
        lag = 7 if name == "rework" else 0  # final when its window is over
        key, place = np.unique(((day[known] + lag) * 10_000 + user[known]) * 64 + intent[known], return_inverse=True)
        rest, intent = np.divmod(key, 64)
        day, user = np.divmod(rest, 10_000)
        return pa.table(
            {
                "given": (day - lag) * 4 + 2,
                "block": day * 4 + 2,
                "signal": [f"{name}@1"] * len(key),
                "user_id": [f"u{u:04d}" for u in user],
                "cohort": [COHORTS[c] for c in cohort_of[user]],
                "intent_id": [f"i{i}" for i in intent],
                "n": np.bincount(place).astype(float),
                "y": np.bincount(place, weights=value[known].astype(float)),
            }
        )

    @staticmethod
    def _asked(day, user, cohort_of, intent) -> pa.Table:
        rest, intent = np.divmod(np.unique((day * 10_000 + user) * 64 + intent), 64)
        day, user = np.divmod(rest, 10_000)
        return pa.table(
            {
                "day": day,
                "user_id": [f"u{u:04d}" for u in user],
                "cohort": [COHORTS[c] for c in cohort_of[user]],
                "intent_id": [f"i{i}" for i in intent],
            }
        )

    def _cells(self, name, user, cohort_of, intent, week, asked, value, unknown) -> pa.Table:
        unknown = np.zeros(len(user), bool) if unknown is None else unknown
        keep = asked | unknown
        user, intent, week = user[keep], intent[keep], week[keep]
        asked, value, unknown = asked[keep], value[keep], unknown[keep]
        key, place = np.unique((user * 64 + intent) * 256 + week, return_inverse=True)
        rest, week = np.divmod(key, 256)
        user, intent = np.divmod(rest, 64)
        return pa.table(
            {
                "user_id": [f"u{u:04d}" for u in user],
                "cohort": [COHORTS[c] for c in cohort_of[user]],
                "intent_id": [f"i{i}" for i in intent],
                "week": pa.array([MONDAY + timedelta(weeks=int(w)) for w in week], pa.date32()),
                "signal": [name] * len(key),
                "n": np.bincount(place, weights=asked.astype(float)),
                "y": np.bincount(place, weights=np.where(asked, value, 0.0)),
                "unknown": np.bincount(place, weights=unknown.astype(float)).astype(np.int64),
            }
        )

    def _intents(self, intent, user, week) -> pa.Table:
        present = np.unique(intent)
        names = {i: f"intent {i}" for i in present} | {self.intents: "billing address"}
        return pa.table(
            {
                "intent_id": [f"i{i}" for i in present],
                "intent": [names[i] for i in present],
                "first_seen": pa.array(
                    [
                        datetime.combine(
                            MONDAY + timedelta(weeks=int(week[intent == i].min())), datetime.min.time(), UTC
                        )
                        for i in present
                    ],
                    pa.timestamp("us", tz="UTC"),
                ),
                "users": [len(np.unique(user[intent == i])) for i in present],
            }
        )

    def _evals(self, rng) -> pa.Table:
        runs = range(0, self.weeks, 2)
        cases = [(f"i{i}", f"case {i}-{j}") for i in range(self.intents) if i != 7 for j in range(20)]
        return pa.table(
            {
                "suite": ["main"] * (len(cases) * len(runs)),
                "case_id": [case for _ in runs for _, case in cases],
                "intent_id": [intent for _ in runs for intent, _ in cases],
                "run_id": [f"run {r:02d}" for r in runs for _ in cases],
                "at": pa.array(
                    [
                        datetime.combine(MONDAY + timedelta(weeks=r), datetime.min.time(), UTC)
                        for r in runs
                        for _ in cases
                    ],
                    pa.timestamp("us", tz="UTC"),
                ),
                "score": (rng.random(len(cases) * len(runs)) < 0.92).astype(float),
            }
        )

    def _tickets(self, rng, week, escalated) -> pa.Table:
        n = rng.poisson(10 + np.bincount(week, weights=escalated, minlength=self.weeks))
        return pa.table(
            {
                "week": pa.array([MONDAY + timedelta(weeks=w) for w in range(self.weeks)], pa.date32()),
                "intent_id": pa.array([None] * self.weeks, pa.string()),
                "n": n,
            }
        )
