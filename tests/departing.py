"""A product some users leave, with the week they do and the week their trust falls planted apart or together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from everyturn.analysis.panel import Panel, read_panel

MONDAY = date(2026, 1, 5)
PARTS = ("acceptance", "complaint", "edit_share")


@dataclass(frozen=True)
class Departing:
    """`trust_after` is how many weeks after use trust falls (negative: before), None never; `ramp` in how many weeks both do so."""

    seed: int = 0
    users: int = 600
    weeks: int = 26
    per_week: float = 3.0
    going: float = 0.12  # share of the users who come less from some week on,
    left: float = 0.2  # so much of what they did
    trust_after: int | None = -6
    drop: float = 0.2  # of every part of trust
    ramp: int = 1
    others: float = 0.0  # share of those who stay whose trust falls all the same

    def panel(self) -> Panel:
        rng = np.random.default_rng(self.seed)
        cohort = rng.choice(3, self.users, p=[0.6, 0.3, 0.1])
        use = rng.lognormal(-0.5, 1.0, self.users) * self.per_week
        goes = rng.random(self.users) < self.going
        since = rng.integers(10, self.weeks - 6, self.users)[:, None]
        week = np.arange(self.weeks)

        def course(first):
            return np.clip((week - first + 1) / self.ramp, 0, 1)

        level = 1 - (1 - self.left) * goes[:, None] * course(since)
        distrusts = goes if self.trust_after is not None else np.zeros(self.users, dtype=bool)
        distrusts = distrusts | (~goes & (rng.random(self.users) < self.others))
        loss = self.drop * distrusts[:, None] * course(since + (self.trust_after or 0))
        busy = rng.gamma(3.0, 1 / 3, (self.users, self.weeks)) * (1 - 0.1 * np.sin(week / 4))
        user, at = np.divmod(
            np.repeat(np.arange(level.size), rng.poisson(use[:, None] * level * busy).ravel()), self.weeks
        )
        worse = loss[user, at] + 0.03 * at / self.weeks  # everyone trusts a little less with time
        own = rng.beta(0.7 * 9, 0.3 * 9, self.users)[user]
        draw = rng.random((3, len(user)))
        values = {
            "acceptance": draw[0] < np.clip(own - worse, 0.02, 0.98),
            "complaint": draw[1] < 0.08 + worse,
            "edit_share": np.where(draw[2] < 0.2 + worse, rng.beta(2, 3, len(user)), 0.0),
        }
        key, place = np.unique(user * self.weeks + at, return_inverse=True)
        who, when = np.divmod(key, self.weeks)
        tables = [
            pa.table(
                {
                    "user_id": [f"u{u:05d}" for u in who],
                    "cohort": [f"c{c}" for c in cohort[who]],
                    "intent_id": ["i"] * len(who),
                    "week": pa.array([MONDAY + timedelta(weeks=int(w)) for w in when], pa.date32()),
                    "signal": [name] * len(who),
                    "n": np.bincount(place).astype(float),
                    "y": np.bincount(place, weights=value.astype(float)),
                    "unknown": np.zeros(len(who), dtype=np.int64),
                }
            )
            for name, value in values.items()
        ]
        return read_panel(pa.concat_tables(tables), MONDAY + timedelta(weeks=self.weeks - 1))
