"""Simulated products for the monitor: users who differ, repeat and come unevenly, 5 cohorts, 40 intents, a week with a shape.

About 250 nodes and 990 streams. Every user has rates of their own around those of their cohort and intents (beta-distributed; two
answers of one user correlate by `likeness`), a heavy-tailed weekly use, a taste for some intents, sessions of several
conversations, and stays for 26 weeks on average. Planted changes begin at `onset` (after 8 weeks). `WORLDS` names products that
live otherwise: none of their peculiarities is a change of quality.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from scipy.special import betaincinv
from truth import FIRST, SIGNALS

COHORTS = ("Writers", "Researchers", "Analysts", "Support", "Admins")
SHARES = np.array([0.70, 0.15, 0.08, 0.05, 0.02])
SCENARIOS = (
    *("null", "ramp", "masked", "mix", "new_intent", "release", "divergence", "erosion"),
    *("mix_slow", "mix_people", "mix_far", "mix_cohort", "mix_intents"),
)
MIXES = {
    "mix": "the people of a cohort whose rates are 18 points lower come more, from one day on: 15 % -> 40 % of the traffic",
    "mix_slow": "the same over four weeks",
    "mix_people": "the same, but as many more people of that cohort come within a week",
    "mix_far": "its rates are 30 points lower",
    "mix_cohort": "that cohort is new, and has 25 % of the traffic from one day on",
    "mix_intents": "the ten intents whose rates are 15 points lower are asked three times as often, from one day on",
}
"""Shifts of mix: no rate changes, and the total falls by 4 to 8 points."""
WEEKDAY = np.array([1.15, 1.2, 1.2, 1.15, 1.05, 0.65, 0.6])
DIP = np.array([0, 0, 0, 0, -0.01, -0.02, -0.02])
MEAN_SHARE = 0.4  # of an edited output's text, that is edited
WORLDS: dict[str, dict] = {
    "plain": {},
    "alike": {"likeness": 0.30},
    "heavy": {"use": 12.0},
    "season": {"season": 2.0},
    "churn": {"stay": 6.0},
    "busiest": {"busiest": 0.5},
    "wide": {"cohorts": 12, "intents": 80},
    "late": {"late": 21},
    "refusals": {"late": 21, "late_kind": 0.0},
    "refusals_1": {"late": 1, "late_kind": 0.0},
    "refusals_3": {"late": 3, "late_kind": 0.0},
    "refusals_7": {"late": 7, "late_kind": 0.0},
    "refusals_42": {"late": 42, "late_kind": 0.0},
    "thanks": {"late": 21, "late_kind": 1.0},
    "slower": {"late": 21, "late_kind": 0.0, "late_from": 182},
    "quicker": {"late": 21, "late_kind": 0.0, "late_until": 182},
    "outage": {"outage": True},
    "bursts": {"bursts": True},
    "growth": {"growth": 3.0},
    "holidays": {"holidays": True},
}
_SCRIPTS = 5
_USERS, _COHORTS, _INTENTS, _LAGS = 1 << 18, 16, 128, 1 << 10  # room in a key


@dataclass
class World:
    per_week: int = 2_000
    weeks: int = 16
    seed: int = 0
    scenario: str = "null"
    likeness: float = 0.10
    use: float = 2.0  # conversations a user and week, mean
    onset: int = 56  # days
    season: float = 1.0  # how deep the week's shape is, in traffic and in acceptance
    stay: float = 26.0  # weeks a user stays, mean
    busiest: float = 0.0  # share of all conversations that one user has
    cohorts: int = 5
    intents: int = 40
    late: int = 0  # days an answer's outcome takes at most, beside the seven of rework
    late_kind: float | None = None  # 0: what is accepted is known at once, only the rest comes late; 1: the reverse
    late_from: int = 0  # the day from which on answers come late
    late_until: int = 1_000  # and the first on which they do not
    outage: bool = False  # days 140 to 146 are missing
    bursts: bool = False  # every ten days or so a script sends a tenth of a week's conversations within two hours
    growth: float = 1.0  # how many times the users of day 0 are there after 26 weeks
    holidays: bool = False  # one day in 37 and nine days in a row: a quarter of the traffic, 3 points less accepted
    truth: dict = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the cohorts."""
        return COHORTS if self.cohorts == len(COHORTS) else tuple(f"cohort {k:02d}" for k in range(self.cohorts))

    @property
    def shares(self) -> np.ndarray:
        """The cohorts' shares of all users."""
        if self.cohorts == len(COHORTS):
            return SHARES
        falling = 1 / np.arange(1, self.cohorts + 1) ** 1.2
        return falling / falling.sum()

    def free_days(self) -> np.ndarray:
        """Days that are holidays."""
        days = self.weeks * 7
        found = np.r_[np.arange(30, days, 37), np.arange(200, min(209, days))] if self.holidays else np.zeros(0, int)
        return np.unique(found)

    def play(self) -> dict[str, np.ndarray]:
        """The product's conversations in the order of time; `truth` says what was planted."""
        key = [self.seed, SCENARIOS.index(self.scenario), self.per_week]
        rng, more = np.random.default_rng(key), np.random.default_rng([*key, 1])
        self.onset = 35 if self.scenario == "new_intent" else self.onset
        cohort, level = self._people(rng, more)
        self._levels(rng)
        made = self._visits(rng, cohort, level)
        if self.bursts:
            made = self._with_bursts(more, made)
        self._answer(rng, made)
        if self.bursts:
            self._answer_bursts(more, made)
        if self.outage:
            there = (made["time"] < 140) | (made["time"] >= 147)
            made = {name: values[there] for name, values in made.items()}
        order = np.lexsort((np.arange(len(made["time"])), made["time"]))
        made = {name: values[order] for name, values in made.items()}
        later = more.uniform(0, self.late, len(order)) if self.late else 0.0
        if self.late_kind is not None:
            later = later * (made["acceptance"] == self.late_kind)
        slow = (made["time"] >= self.late_from) & (made["time"] < self.late_until)
        made["final"] = made["time"] + later * slow
        return made

    def _people(self, rng: np.random.Generator, more: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Each user's cohort, and how many conversations to expect of them on each day."""
        days, stay = self.weeks * 7, self.stay * 7
        here = max(round(self.per_week / self.use), 20)
        users = here + round(here * days / stay)
        born = np.r_[np.full(here, -1.0), rng.uniform(0, days, users - here)]
        gone = born + rng.exponential(stay, users)
        gone[:here] = rng.exponential(stay, here)
        size = 1 + (self.growth - 1) * np.minimum(np.arange(days) / 182, 1.0)  # how large the product is by now
        if self.growth != 1:
            rate = here * (np.gradient(size).clip(0) + (size - 1) / stay)
            born = np.r_[born, np.repeat(np.arange(days), more.poisson(rate)) + 0.0]
            gone = np.r_[gone, born[users:] + more.exponential(stay, len(born) - users)]
            users = len(born)
        self.users = users
        cohort = rng.choice(self.cohorts, users, p=self.shares)
        use = rng.lognormal(-0.5, 1.0, users)
        if self.scenario == "mix_people":
            extra = (0.40 / 0.60 * 0.85 - 0.15) * here
            come = more.uniform(0, 7, round(extra)), more.uniform(0, days, more.poisson(extra * days / stay))
            born = np.r_[born, self.onset + np.concatenate(come)]
            gone = np.r_[gone, born[users:] + more.exponential(stay, len(born) - users)]
            cohort = np.r_[cohort, np.full(len(born) - users, 1)]
            use = np.r_[use, more.lognormal(-0.5, 1.0, len(born) - users)]
            self.users = len(born)
        level = use[:, None] * ((born[:, None] <= np.arange(days)) & (np.arange(days) < gone[:, None]))
        if self.scenario in {"mix", "mix_slow", "mix_far", "mix_cohort"}:  # Researchers come more
            old, new = (0.0, 0.25) if self.scenario == "mix_cohort" else (0.15, 0.40)
            course = (
                (np.arange(days) - self.onset) / 28 if self.scenario == "mix_slow" else np.arange(days) >= self.onset
            )
            share = old + (new - old) * np.clip(course, 0.0, 1.0)
            level = level * np.where((cohort == 1)[:, None], share / (1 - share) / (0.15 / 0.85), 1.0)
        level = level / level.sum(0, keepdims=True)
        if self.busiest:
            level[1:] *= (1 - self.busiest) / level[1:].sum(0, keepdims=True)
            level[0], cohort[0] = self.busiest, 0
        weekday = 1 + self.season * (WEEKDAY - 1)
        level = level * self.per_week / 7 * weekday[np.arange(days) % 7] * size
        level[:, self.free_days()] *= 0.25
        return cohort, level

    def _levels(self, rng: np.random.Generator) -> None:
        """The product's own rates and what its cohorts want."""
        c, k = self.cohorts, self.intents
        base = 0.72 + rng.normal(0, 0.03, c)[:, None] + rng.normal(0, 0.07, k)[None] + rng.normal(0, 0.03, (c, k))
        self.base = np.clip(base, 0.4, 0.93)
        self.edit = np.clip(0.22 + rng.normal(0, 0.04, (c, k)), 0.08, 0.5)
        self.redo = np.clip(0.12 + rng.normal(0, 0.02, (c, k)), 0.04, 0.3)
        popular = 1 / np.arange(1, k + 1) ** 0.6
        self.popular = rng.permutation(popular / popular.sum())
        self.wants = np.stack([rng.dirichlet(1.5 * k * self.popular) for _ in range(c)])
        if self.scenario in MIXES:
            at = np.s_[:, :10] if self.scenario == "mix_intents" else 1
            less = {"mix_far": 0.30, "mix_intents": 0.15}.get(self.scenario, 0.18)
            self.base[at] = np.clip(self.base[at] - less, 0.3, 0.9)

    def _visits(self, rng: np.random.Generator, cohort: np.ndarray, level: np.ndarray) -> dict[str, np.ndarray]:
        """Who comes when, and wants what."""
        users, days = level.shape
        tastes = rng.gamma(np.maximum(8 * self.wants[cohort], 1e-3))
        later = tastes * np.where(np.arange(self.intents) < 10, 3.0, 1.0) if self.scenario == "mix_intents" else tastes
        tastes, later = (np.cumsum(t / t.sum(1, keepdims=True), axis=1) for t in (tastes, later))
        sessions = rng.poisson(level / 1.4)
        u, d = np.divmod(np.repeat(np.arange(users * days), sessions.ravel()), days)
        length = rng.geometric(1 / 1.4, len(u))
        hour = np.clip(rng.normal(13.5, 4, len(u)), 0, 23.4) / 24
        user, day = np.repeat(u, length), np.repeat(d, length)
        step = np.concatenate([np.arange(n) for n in length]) if len(length) else np.zeros(0)
        time = day + np.minimum(np.repeat(hour, length) + step * 0.008, 0.999)

        def asked(who: np.ndarray, when: np.ndarray) -> np.ndarray:
            taste = np.where((when < self.onset)[:, None], tastes[who], later[who])
            return (rng.random(len(who))[:, None] > taste).sum(1).clip(0, self.intents - 1)

        first, again = asked(u, d), asked(user, day)
        intent = np.where(rng.random(len(user)) < 0.6, np.repeat(first, length), again)
        return {"time": time, "user": user, "cohort": cohort[user], "intent": intent}

    def _with_bursts(self, more: np.random.Generator, made: dict) -> dict[str, np.ndarray]:
        """Five scripts that ask one thing each, with users and cohorts of their own."""
        starts = np.sort(more.uniform(28, self.weeks * 7, more.poisson((self.weeks * 7 - 28) / 10)))
        script, size = more.integers(0, _SCRIPTS, len(starts)), self.per_week // 10
        cohort, intent = more.choice(self.cohorts, _SCRIPTS, p=self.shares), more.integers(0, self.intents, _SCRIPTS)
        each = np.repeat(script, size)
        added = {
            "time": np.minimum(np.repeat(starts, size) + more.uniform(0, 1 / 12, len(each)), self.weeks * 7 - 1e-3),
            "user": self.users + each,
            "cohort": cohort[each],
            "intent": intent[each],
        }
        self.users += _SCRIPTS
        return {name: np.r_[values, added[name]] for name, values in made.items()}

    def _answer(self, rng: np.random.Generator, made: dict) -> None:
        """What the users did with what they got; `rate` is what was to be expected of users like them."""
        time, user, c, intent = made["time"], made["user"], made["cohort"], made["intent"]
        day, onset, users = time.astype(int), self.onset, self.users
        new = np.zeros(len(user), bool)
        if self.scenario == "new_intent":
            new = rng.random(len(user)) < 0.06 * np.clip((time - onset) / 56, 0, 1)
        p = self.base[c, intent] + self.season * DIP[day % 7] - 0.03 * np.isin(day, self.free_days())
        e, r = self.edit[c, intent], self.redo[c, intent]
        late = time >= onset
        erode = np.zeros(users, bool)
        if self.scenario == "ramp":
            p = p - 0.14 * np.clip((time - onset) / 28, 0, 1)
        elif self.scenario == "masked":
            p = p + late * np.where(c == 1, -0.06, np.where(c == 0, 0.013, 0.0))
        elif self.scenario == "release":
            p = p - 0.05 * late
        elif self.scenario == "divergence":
            target = int(np.argmin(abs(self.popular - 0.043)))
            p = p - 0.12 * late * (intent == target)
            self.truth["intent"] = f"i{target:02d}"
        elif self.scenario == "erosion":
            erode = rng.random(users) < 0.04
            e = np.where(erode[user] & late, 0.95, e)
        p = np.where(new, 0.05, p)
        self.truth["onset"] = onset
        made["intent"] = np.where(new, self.intents, intent)
        s = 1 / self.likeness - 1
        own = rng.random((3, users))

        def draw(kind: int, mean: np.ndarray) -> np.ndarray:
            mean = np.clip(mean, 0.02, 0.98)
            grid = np.round(mean, 3)
            rate = betaincinv(grid * s, (1 - grid) * s, own[kind][user])
            return rng.random(len(user)) < rate

        accepted, edited = draw(0, p), draw(1, e)
        made["acceptance"] = accepted.astype(float)
        made["edit_share"] = np.where(edited, rng.beta(2, 3, len(user)), 0.0)
        made["rework"] = np.where(accepted, draw(2, r), np.nan)
        made["rate"], made["edit_rate"], made["rework_rate"] = p, MEAN_SHARE * e, r

    def _answer_bursts(self, more: np.random.Generator, made: dict) -> None:
        """Each script takes nearly all it gets, or nearly nothing, and never edits."""
        at = np.flatnonzero(made["user"] >= self.users - _SCRIPTS)
        takes = more.choice([0.02, 0.98], _SCRIPTS)[made["user"][at] - self.users + _SCRIPTS]
        accepted = more.random(len(at)) < takes
        made["acceptance"][at], made["edit_share"][at] = accepted, 0.0
        made["rework"][at] = np.where(accepted, 0.0, np.nan)


def totals(made: dict[str, np.ndarray], names: tuple[str, ...] = COHORTS) -> pa.Table:
    """The totals per person, block of six hours of the output and of its answer, as the workspace's query gives them."""
    given, final = (np.floor(made[name] * 4).astype(np.int64) + FIRST * 4 for name in ("time", "final"))
    tables = []
    for signal in SIGNALS:
        value, block = made[signal], final + 28 * (signal == "rework")
        known = ~np.isnan(value)
        keys, place = np.unique((_keys(block, made) * _LAGS + block - given)[known], return_inverse=True)
        b, columns = _of_keys(keys // _LAGS, names)
        n, y = np.bincount(place).astype(float), np.round(np.bincount(place, weights=value[known]), 6)
        columns = {"given": b - keys % _LAGS, "block": b, "signal": pa.array([signal] * len(keys)), **columns}
        tables.append(pa.table({**columns, "n": n, "y": y}))
    return pa.concat_tables(tables)


def asked(made: dict[str, np.ndarray], names: tuple[str, ...] = COHORTS) -> pa.Table:
    """Who asked for what on which day."""
    day, columns = _of_keys(np.unique(_keys(np.floor(made["time"]).astype(np.int64) + FIRST, made)), names)
    return pa.table({"day": day, **columns})


def _keys(when: np.ndarray, made: dict[str, np.ndarray]) -> np.ndarray:
    return ((when * _USERS + made["user"]) * _COHORTS + made["cohort"]) * _INTENTS + made["intent"]


def _of_keys(keys: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, dict[str, pa.Array]]:
    rest, intent = np.divmod(keys, _INTENTS)
    rest, cohort = np.divmod(rest, _COHORTS)
    when, user = np.divmod(rest, _USERS)
    return when, {
        "user_id": pa.array(np.char.add("u", user.astype(str))),
        "cohort": pa.array(np.array(names)[cohort]),
        "intent_id": pa.array(np.char.add("i", np.char.zfill(intent.astype(str), 2))),
    }
