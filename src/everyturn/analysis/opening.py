"""Since when evals and users disagree about an intent, and whether more or fewer users ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from everyturn.analysis.evals import Evals
from everyturn.analysis.panel import Panel, Rows
from everyturn.stats import Estimate
from everyturn.stats.changes import shapes, z_values
from everyturn.stats.intervals import NEEDED_USERS, difference, rate
from everyturn.stats.summaries import distinct, joint_of_users, sum_by, summary_of_users

TREND_WEEKS = 4
_NEAR = 5.99  # chi-squared, 95%, for two unknowns: the start and the course
_CHANCE = 0.05  # probability, over all intents together, of naming a start although acceptance never changed


@dataclass(frozen=True, slots=True)
class Opened:
    """The week in which a gap opened, and what opened it.

    - "users": acceptance fell in that week; any start from `first` to `last` fits about as well
    - "evals": the first run that promised more was in that week, and acceptance had been as low before
    - "all along": both have been as they are since the first week of the data
    """

    week: date
    by: Literal["users", "evals", "all along"]
    first: date
    last: date

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "week": self.week.isoformat(),
            "by": self.by,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }


def when_opened(panel: Panel, evals: Evals, code: int, distance: Estimate | None) -> Opened | None:
    """Since when the evals of an intent promise more than its users get; None unless they certainly do.

    Method: a scan over the start weeks of a fall in acceptance, at 5% for all intents and weeks together.
    """
    if distance is None or distance.low <= 0 or not panel.weeks:
        return None
    rows, weeks = panel.trend("acceptance")
    own = rows.take(rows.intent == code)
    fall = _fall(own, weeks, chance=_CHANCE / max(len(panel.intents), 1))
    if fall is not None:
        since, earliest, latest = fall
        return Opened(panel.weeks[since], "users", panel.weeks[earliest], panel.weeks[latest])
    traffic = panel.traffic
    first = panel.weeks[int(traffic.week[traffic.intent == code].min())]
    users = rate(own.summary)
    promised = _first_promise(evals, panel.intents[code], users.high if isinstance(users, Estimate) else 0.0)
    if promised is not None and promised > first:
        return Opened(promised, "evals", promised, promised)
    return Opened(first, "all along", first, first)


def _fall(own: Rows, weeks: int, *, chance: float) -> tuple[int, int, int] | None:
    """The week acceptance began to fall, with the first and last that fit about as well; None where it did not, for certain.

    Assumes: users independent. Method: for each start, in one step or over four weeks, the contrast of the weeks after with
    those before, with user-clustered variance; the chance of the best is that of one times how many were looked at
    (Bonferroni). Starts within the 95% likelihood distance of the best fit about as well; they held the true start of
    87% of simulated four-week falls (80 worlds of 400 users).
    """
    from scipy.special import ndtr

    courses = shapes(weeks)
    if not len(own) or not len(courses.weights):
        return None
    users, who = distinct(own.user)
    cell = who * weeks + own.week
    n = sum_by(cell, own.n, len(users) * weeks).reshape(len(users), weeks)
    y = sum_by(cell, own.y, len(users) * weeks).reshape(len(users), weeks)
    seen = n > 0
    before = np.maximum.accumulate(seen, axis=1).sum(0)
    after = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1].sum(0)
    enough = np.flatnonzero(np.minimum(before[courses.since - 1], after[courses.since]) >= NEEDED_USERS)
    if not len(enough):
        return None
    weights, since = courses.weights[enough], courses.since[enough]
    excess = y - y.sum() / n.sum() * n
    centred = weights - (weights @ n.sum(0) / n.sum())[:, None]
    z = -z_values(excess @ centred.T)
    best = int(np.argmax(np.round(z, 9)))
    if z[best] <= 0 or float(ndtr(-z[best])) * len(z) > chance:
        return None
    near = since[np.maximum(z, 0.0) ** 2 >= z[best] ** 2 - _NEAR]
    return int(since[best]), int(near.min()), int(near.max())


def _first_promise(evals: Evals, intent_id: str | None, above: float) -> date | None:
    """The Monday of the week of the first run with a score above `above`; None if no such run has a time."""
    times = [run.at for run in evals.runs(intent_id) if run.at is not None and run.score.value > above]
    if not times:
        return None
    day = min(times).date()
    return day - timedelta(days=day.weekday())


def share_trends(panel: Panel) -> dict[int, Estimate]:
    """How each intent's share of all outputs changed from four finished weeks to the next four, paired by user; by intent."""
    if panel.complete < 2 * TREND_WEEKS:
        return {}
    traffic, users = panel.traffic, len(panel.users)
    rows = traffic.take((traffic.week < panel.complete) & (traffic.week >= panel.complete - 2 * TREND_WEEKS))
    late = (rows.week >= panel.complete - TREND_WEEKS).astype(np.int64)
    n = sum_by(late * users + rows.user, rows.n, 2 * users).reshape(2, users)
    order = np.argsort(rows.intent, kind="stable")
    ends = np.searchsorted(rows.intent[order], np.arange(len(panel.intents) + 1))
    found = {}
    for code, (start, end) in enumerate(pairwise(ends.tolist())):
        own = order[start:end]
        y = sum_by(late[own] * users + rows.user[own], rows.n[own], 2 * users).reshape(2, users)
        before, since = (summary_of_users(*half) for half in zip(n, y, strict=True))
        change = difference(since, before, joint_of_users((n[1], y[1]), (n[0], y[0])))
        if isinstance(change, Estimate):
            found[code] = change
    return found
