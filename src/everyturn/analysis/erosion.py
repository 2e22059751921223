"""Users who keep coming and no longer take what they get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everyturn.analysis.panel import Panel, Rows
from everyturn.analysis.trust import trust_parts
from everyturn.stats.changes import Shapes, shapes
from everyturn.stats.compare import benjamini_hochberg
from everyturn.stats.summaries import Codes, Floats, sum_by

_READ = ("unmodified acceptance", "depth of edits")
_OUTPUTS_EACH_SIDE = 8.0  # needed before and after; with fewer, a person's change cannot be told from chance
_STEADY = 0.7  # of their earlier weekly use must remain, unless the decrease may be chance
_DRAWS = 50_000  # null statistics pooled over users, for p-values down to 1/50,000
_SEED = 20_260_105


@dataclass(frozen=True, slots=True)
class ErodingUser:
    """A user whose acceptance fell while their use stayed.

    `since` is the week it began. `weekly_…` are answers a week, `accepted_…` shares of answers accepted, before and since then;
    `answers_since` is the number of answers since then.
    """

    user: int
    since: int
    weekly_before: float
    weekly_since: float
    accepted_before: float
    accepted_since: float
    answers_since: float


def eroding_users(panel: Panel, *, share: float, today: int | None = None) -> list[ErodingUser]:
    """Users who use the product as before but accept less or edit more than in their own past, in the order of their codes.

    The changes of their cohort and of their intents in the same weeks are subtracted first, so that a change that affects everyone names
    nobody. At most `share` of the users named are expected to be named by chance. `today` looks at the panel as if only that many weeks
    had passed.

    Assumes: a user's active weeks are exchangeable while nothing changes.
    Method: for each user the largest step or ramp over their active weeks. Its p-value comes from the same statistic on shuffled weeks,
    pooled over users (as in Tusher, Tibshirani & Chu 2001), with Benjamini-Hochberg over users. Only acceptance and edits are used;
    complaints and rework of a single person are too rare to add more than noise.
    """
    parts, weeks = trust_parts(panel, weeks=today, only=_READ)
    if not len(parts.get(_READ[0], ())):
        return []
    users = len(panel.users)
    n, excess = np.zeros((users, weeks)), np.zeros((users, weeks))
    for rows in filter(len, parts.values()):
        excess -= sum_by(rows.user * weeks + rows.week, _own_excess(panel, rows, weeks), users * weeks).reshape(
            users, weeks
        )
        n = np.maximum(n, sum_by(rows.user * weeks + rows.week, rows.n, users * weeks).reshape(users, weeks))
    eligible = np.flatnonzero((n.sum(1) >= 2 * _OUTPUTS_EACH_SIDE) & ((n > 0).sum(1) >= 4))
    courses = shapes(weeks, before=1)
    if not len(eligible) or not len(courses.since):
        return []
    # Each user's active weeks, moved to the left.
    active = np.argsort(n[eligible] <= 0, axis=1, kind="stable")
    n_own, e_own = np.take_along_axis(n[eligible], active, 1), np.take_along_axis(excess[eligible], active, 1)
    statistic, shape = _largest(n_own, e_own, courses)
    chance = _chances(statistic, n_own, _without_change(n_own, e_own, courses.weights[shape]), courses)
    named = benjamini_hochberg(chance, share=share)
    found = (
        _describe(panel, int(eligible[k]), int(active[k, courses.since[shape[k]]]))
        for k in np.flatnonzero(named & np.isfinite(statistic))
    )
    return [user for user in found if user is not None]


def _own_excess(panel: Panel, rows: Rows, weeks: int) -> Floats:
    """Each row's good answers beyond what its cohort, its intent and the week in these lead one to expect."""
    left = rows.y.copy()
    cell = rows.cohort * len(panel.intents) + rows.intent
    for code in (cell, rows.cohort * weeks + rows.week, rows.intent * weeks + rows.week):
        size = int(code.max()) + 1
        level = sum_by(code, left, size) / np.maximum(sum_by(code, rows.n, size), 1e-300)
        left = left - level[code] * rows.n
    return left


def _largest(n: Floats, excess: Floats, courses: Shapes) -> tuple[Floats, Codes]:
    """Each row's largest standardised contrast of `excess` and the shape it belongs to; -inf if no shape has enough outputs on both sides."""
    weights = courses.weights.T
    total = n.sum(1, keepdims=True)
    centre = n @ weights / total
    contrast = excess @ weights - centre * excess.sum(1, keepdims=True)
    size = n @ weights**2 - centre**2 * total
    before = np.pad(n.cumsum(1), ((0, 0), (1, 0)))[:, courses.since]
    enough = (before >= _OUTPUTS_EACH_SIDE) & (total - before >= _OUTPUTS_EACH_SIDE)
    score = np.where(enough, contrast / np.sqrt(np.maximum(size, 1e-9)), -np.inf)
    best = score.argmax(1)
    return score[np.arange(len(score)), best], best


def _without_change(n: Floats, excess: Floats, weights: Floats) -> Floats:
    """`excess` without each row's own level and best-fitting shape, for shuffling.

    The weeks of a user who changed would otherwise vary more than those of one who did not, and would hide other users' changes.
    """
    total = n.sum(1, keepdims=True)
    centred = weights - (n * weights).sum(1, keepdims=True) / total
    slope = (excess * centred).sum(1, keepdims=True) / np.maximum((n * centred**2).sum(1, keepdims=True), 1e-9)
    left = excess - n * (excess.sum(1, keepdims=True) / total + slope * centred)
    weeks = (n > 0).sum(1, keepdims=True)
    widened: Floats = left * np.sqrt(
        weeks / (weeks - 2)
    )  # two numbers were fitted; with this factor simulated p-values are correct
    return widened


def _chances(statistic: Floats, n: Floats, excess: Floats, courses: Shapes) -> Floats:
    """The p-value of each statistic, from the given rows with their active weeks shuffled."""
    generator = np.random.default_rng(_SEED)
    rounds = max(_DRAWS // len(n), 2)
    inactive = n <= 0
    pool: list[Floats] = []
    for _ in range(rounds):
        keys = np.where(inactive, 2.0, generator.random(n.shape))
        order = np.argsort(keys, axis=1)
        drawn, _ = _largest(np.take_along_axis(n, order, 1), np.take_along_axis(excess, order, 1), courses)
        pool.append(drawn)
    null = np.sort(np.concatenate(pool))
    above = len(null) - np.searchsorted(null, statistic, side="left")
    chance: Floats = np.where(np.isfinite(statistic), (1.0 + above) / (1.0 + len(null)), 1.0)
    return chance


def _describe(panel: Panel, user: int, since: int) -> ErodingUser | None:
    """The user's use and acceptance before and since; None if they clearly use it less now or do not accept less."""
    traffic = panel.traffic
    used = sum_by(traffic.week[traffic.user == user], traffic.n[traffic.user == user], len(panel.weeks))[
        : panel.complete
    ]
    first = int(np.flatnonzero(used)[0])
    before, after = float(used[first:since].mean()), float(used[since:].mean())
    error = np.sqrt(before / (since - first) + after / len(used[since:]))
    if after < _STEADY * before and before - after > 2 * error:
        return None
    own = panel.trend("acceptance")[0]
    own = own.take(own.user == user)
    late = own.week >= since
    taken = [float(own.y[side].sum() / own.n[side].sum()) if own.n[side].sum() > 0 else None for side in (~late, late)]
    if taken[0] is None or taken[1] is None or taken[1] >= taken[0]:
        return None
    return ErodingUser(
        user=user,
        since=since,
        weekly_before=before,
        weekly_since=after,
        accepted_before=taken[0],
        accepted_since=taken[1],
        answers_since=float(used[since:].sum()),
    )
