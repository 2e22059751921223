"""Simulated products for the monitor: users who differ, repeat and come unevenly, 5 cohorts, 40 intents, a week with a shape.

About 250 nodes and 990 streams. Every user has rates of their own around those of their cohort and intents (beta-distributed; two
answers of one user correlate by `likeness`), a heavy-tailed weekly use, a taste for some intents, sessions of several
conversations, and stays for 26 weeks on average. Planted changes begin at `onset` (after 8 weeks).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from scipy.special import betaincinv

COHORTS = ("Writers", "Researchers", "Analysts", "Support", "Admins")
SHARES = np.array([0.70, 0.15, 0.08, 0.05, 0.02])
INTENTS = 40
DAY0 = 20_454  # Thursday 1 January 2026 ... the first Monday after it is day 20,458
FIRST = 20_458
SCENARIOS = ("null", "ramp", "masked", "mix", "new_intent", "release", "divergence", "erosion")


@dataclass
class World:
    per_week: int = 2_000
    weeks: int = 16
    seed: int = 0
    scenario: str = "null"
    likeness: float = 0.10
    use: float = 2.0  # conversations a user and week, mean
    onset: int = 56  # days
    truth: dict = field(default_factory=dict)

    def play(self) -> dict[str, np.ndarray]:  # noqa: PLR0915 - one product, drawn in one order
        rng = np.random.default_rng([self.seed, SCENARIOS.index(self.scenario), self.per_week])
        days = self.weeks * 7
        here = max(round(self.per_week / self.use), 20)
        stay = 26 * 7
        users = here + round(here * days / stay)
        born = np.r_[np.full(here, -1.0), rng.uniform(0, days, users - here)]
        gone = born + rng.exponential(stay, users)
        gone[:here] = rng.exponential(stay, here)
        cohort = rng.choice(5, users, p=SHARES)
        weight = rng.lognormal(-0.5, 1.0, users)
        # the product's own levels
        base = (
            0.72
            + rng.normal(0, 0.03, 5)[:, None]
            + rng.normal(0, 0.07, INTENTS)[None]
            + rng.normal(0, 0.03, (5, INTENTS))
        )
        base = np.clip(base, 0.4, 0.93)
        edit = np.clip(0.22 + rng.normal(0, 0.04, (5, INTENTS)), 0.08, 0.5)
        redo = np.clip(0.12 + rng.normal(0, 0.02, (5, INTENTS)), 0.04, 0.3)
        popular = 1 / np.arange(1, INTENTS + 1) ** 0.6
        popular = rng.permutation(popular / popular.sum())
        wants = np.stack([rng.dirichlet(60 * popular) for _ in range(5)])
        tastes = rng.gamma(np.maximum(8 * wants[cohort], 1e-3))
        tastes = np.cumsum(tastes / tastes.sum(1, keepdims=True), axis=1)
        weekday = np.array([1.15, 1.2, 1.2, 1.15, 1.05, 0.65, 0.6])
        dip = np.array([0, 0, 0, 0, -0.01, -0.02, -0.02])
        active = (born[:, None] <= np.arange(days)) & (np.arange(days) < gone[:, None])
        level = weight[:, None] * active
        if self.scenario == "mix":  # Researchers come more: 15 % -> 40 %
            more = np.where(np.arange(days) >= self.onset, 0.40 / 0.60 / (0.15 / 0.85), 1.0)
            level = level * np.where((cohort == 1)[:, None], more[None], 1.0)
        level = level / level.sum(0, keepdims=True) * self.per_week / 7 * weekday[np.arange(days) % 7]
        sessions = rng.poisson(level / 1.4)
        u, d = np.divmod(np.repeat(np.arange(users * days), sessions.ravel()), days)
        length = rng.geometric(1 / 1.4, len(u))
        hour = np.clip(rng.normal(13.5, 4, len(u)), 0, 23.4) / 24
        user, day = np.repeat(u, length), np.repeat(d, length)
        step = np.concatenate([np.arange(n) for n in length]) if len(length) else np.zeros(0)
        time = day + np.minimum(np.repeat(hour, length) + step * 0.008, 0.999)
        first = (rng.random(len(u))[:, None] > tastes[u]).sum(1).clip(0, INTENTS - 1)
        again = (rng.random(len(user))[:, None] > tastes[user]).sum(1).clip(0, INTENTS - 1)
        intent = np.where(rng.random(len(user)) < 0.6, np.repeat(first, length), again)
        c = cohort[user]
        new = np.zeros(len(user), bool)
        onset = 35 if self.scenario == "new_intent" else self.onset
        if self.scenario == "new_intent":
            new = rng.random(len(user)) < 0.06 * np.clip((time - onset) / 56, 0, 1)
        if self.scenario == "mix":
            base[1] = np.clip(base[1] - 0.18, 0.3, 0.9)
        p = base[c, intent] + dip[day % 7]
        e, r = edit[c, intent], redo[c, intent]
        late = time >= onset
        erode = np.zeros(users, bool)
        if self.scenario == "ramp":
            p = p - 0.14 * np.clip((time - onset) / 28, 0, 1)
        elif self.scenario == "masked":
            p = p + late * np.where(c == 1, -0.06, np.where(c == 0, 0.013, 0.0))
        elif self.scenario == "release":
            p = p - 0.05 * late
        elif self.scenario == "divergence":
            target = int(np.argmin(abs(popular - 0.043)))
            p = p - 0.12 * late * (intent == target)
            self.truth["intent"] = f"i{target:02d}"
        elif self.scenario == "erosion":
            erode = rng.random(users) < 0.04
            e = np.where(erode[user] & late, 0.95, e)
        p = np.where(new, 0.05, p)
        self.truth |= {"onset": onset, "eroding": [f"u{i}" for i in np.flatnonzero(erode)], "rate": p, "new": new}
        intent = np.where(new, INTENTS, intent)
        s = 1 / self.likeness - 1
        own = rng.random((3, users))

        def draw(kind: int, mean: np.ndarray) -> np.ndarray:
            mean = np.clip(mean, 0.02, 0.98)
            grid = np.round(mean, 3)
            rate = betaincinv(grid * s, (1 - grid) * s, own[kind][user])
            return rng.random(len(user)) < rate

        accepted = draw(0, p)
        edited = draw(1, e)
        share = np.where(edited, rng.beta(2, 3, len(user)), 0.0)
        reworked = np.where(accepted, draw(2, r), np.nan)
        order = np.lexsort((np.arange(len(time)), time))
        return {
            "time": time[order],
            "user": user[order],
            "cohort": c[order],
            "intent": intent[order],
            "acceptance": accepted[order].astype(float),
            "edit_share": share[order],
            "rework": reworked[order],
        }


def totals(made: dict[str, np.ndarray], signals=("acceptance", "edit_share", "rework")) -> pa.Table:
    """The totals per person and block of six hours, as the workspace's query gives them."""
    block = np.floor(made["time"] * 4).astype(np.int64) + FIRST * 4
    tables = []
    for name in signals:
        value = made[name]
        known = ~np.isnan(value)
        key = (
            ((block + 28 * (name == "rework"))[known] * 200_000 + made["user"][known]) * 8 + made["cohort"][known]
        ) * 64 + made["intent"][known]
        keys, place = np.unique(key, return_inverse=True)
        rest, intent = np.divmod(keys, 64)
        rest, cohort = np.divmod(rest, 8)
        b, user = np.divmod(rest, 200_000)
        tables.append(
            pa.table(
                {
                    "block": b,
                    "signal": pa.array([name] * len(keys)),
                    "user_id": pa.array(np.char.add("u", user.astype(str))),
                    "cohort": pa.array(np.array(COHORTS)[cohort]),
                    "intent_id": pa.array(np.char.add("i", np.char.zfill(intent.astype(str), 2))),
                    "n": np.bincount(place).astype(float),
                    "y": np.round(np.bincount(place, weights=value[known]), 6),
                }
            )
        )
    return pa.concat_tables(tables)


def asked(made: dict[str, np.ndarray]) -> pa.Table:
    """Who asked for what on which day."""
    day = np.floor(made["time"]).astype(np.int64) + FIRST
    key = np.unique(((day * 200_000 + made["user"]) * 8 + made["cohort"]) * 64 + made["intent"])
    rest, intent = np.divmod(key, 64)
    rest, cohort = np.divmod(rest, 8)
    d, user = np.divmod(rest, 200_000)
    return pa.table(
        {
            "day": d,
            "user_id": pa.array(np.char.add("u", user.astype(str))),
            "cohort": pa.array(np.array(COHORTS)[cohort]),
            "intent_id": pa.array(np.char.add("i", np.char.zfill(intent.astype(str), 2))),
        }
    )
