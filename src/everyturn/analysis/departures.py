"""Users who left or came half as often, and how their behaviour had changed before, compared with similar users who stayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everyturn.analysis.panel import Panel, Rows
from everyturn.analysis.trust import home_cohorts
from everyturn.stats.summaries import Codes, Floats, sum_by

WEEKS = 4  # length of each window in which behaviour is measured, before and after use fell
LEFT_OUT = 2  # weeks between the earlier window and the week use fell: a fall that takes weeks has begun by then
BEFORE = 8  # weeks that later use, and the trust in a window, are compared with, at most
_AFTER = 8  # weeks for which use must stay down, or as many as there are, at least four
_REGULAR = 8  # answers needed in the eight weeks before, half of them in each four; fewer are no habit
_CLEAR = 4.0  # log likelihood ratio; of users who continue as before, about one in a hundred exceeds it
_DATED = 1.92  # starts whose log likelihood is within this of the best are as good; the earliest of them is taken
_USER_NOISE = 0.1  # variance of a user's own change, besides that of few answers; keeps heavy users from deciding alone

Window = tuple[int, int]  # first week and the one after the last, counted from the week the use fell
EARLIER: Window = (-WEEKS - LEFT_OUT, -LEFT_OUT)
JUST_BEFORE: Window = (-WEEKS, 0)
LATER: Window = (0, WEEKS)


@dataclass(frozen=True, slots=True)
class Departures:
    """The regular users, a row each. `users` and `home` are their codes and those of the cohorts they use most."""

    users: Codes
    home: Codes
    counts: Floats  # answers, by week
    before: Floats  # answers in the eight weeks before, by week
    fell_at: Codes  # the week their use fell, -1 if it did not
    stays: NDArray[np.bool_]  # by week: whether they came as regularly as before


def find_departures(panel: Panel, weeks: int) -> Departures:
    """Which regular users' use fell, and when, in the first `weeks` weeks.

    Use fell in a week if the four to eight weeks from then on have at most half of the answers that the eight weeks before lead one to
    expect, and by clearly more than users' weeks usually vary. If several weeks are possible, the earliest is taken.
    """
    traffic = panel.traffic
    _, home = home_cohorts(panel)
    inside = traffic.week < weeks
    total = sum_by(traffic.user[inside], traffic.n[inside], len(panel.users))
    users = np.flatnonzero(total >= _REGULAR)
    (counts,) = _by_week(traffic.take(inside), users, (len(panel.users), weeks), "n")
    summed = _running(counts)
    at = np.arange(weeks)

    def between(first: Codes, last: Codes) -> Floats:
        held: Floats = summed[:, np.clip(last, 0, weeks)] - summed[:, np.clip(first, 0, weeks)]
        return held

    late, early = between(at - WEEKS, at), between(at - 2 * WEEKS, at - WEEKS)
    after, before = between(at, at + _AFTER), between(at - BEFORE, at)
    span = np.minimum(_AFTER, weeks - at)
    can = (at >= BEFORE) & (at <= weeks - WEEKS)
    regular = can & (before >= _REGULAR) & (late >= _REGULAR / 2) & (early >= _REGULAR / 2)
    halved = after / span <= before / BEFORE / 2
    evidence = _evidence(before, after, span) / (1 + _burstiness(counts) * before / BEFORE)
    evidence = np.where(regular & halved & (evidence >= _CLEAR), evidence, -np.inf)
    best = evidence.max(1, initial=-np.inf)
    has = np.isfinite(best)
    near = (evidence >= best[:, None] - _DATED) & np.isfinite(evidence)
    fell_at = np.where(has, near.argmax(1), -1)
    return Departures(users, home[users], counts, before, fell_at, regular & ~halved & ~has[:, None])


def _by_week(rows: Rows, users: Codes, size: tuple[int, int], *names: str) -> list[Floats]:
    """The named columns summed by user (of `users`, a row each) and week; `size` is the number of all users and of weeks."""
    everyone, weeks = size
    row = np.full(everyone, -1, dtype=np.int64)
    row[users] = np.arange(len(users))
    own = rows.take(row[rows.user] >= 0)
    key = row[own.user] * weeks + own.week
    return [sum_by(key, getattr(own, name), len(users) * weeks).reshape(-1, weeks) for name in names]


def _evidence(before: Floats, after: Floats, span: Codes) -> Floats:
    """The log likelihood ratio of two rates of Poisson counts, before and after, against one."""
    from scipy.special import xlogy

    level = (before + after) / (BEFORE + span)
    apart = xlogy(before, before / BEFORE) + xlogy(after, after / span)
    found: Floats = apart - xlogy(before + after, np.maximum(level, 1e-300))
    return found


def _burstiness(counts: Floats) -> float:
    """The variance of a user's weekly count beyond a Poisson's, in units of its squared mean; estimated from adjacent weeks."""
    one, next_ = counts[:, :-1], counts[:, 1:]
    extra = ((one - next_) ** 2 - (one + next_)).sum() / 2
    return float(max(extra, 0.0) / max((one * next_).sum(), 1.0))


def _running(by_week: Floats) -> Floats:
    """Running sums: of all columns before each one, and finally of all."""
    sums: Floats = np.c_[np.zeros(len(by_week)), by_week.cumsum(1)]
    return sums


@dataclass(frozen=True, slots=True)
class History:
    """Running sums by week for each regular user: `n` of answers and `y` of good ones.

    If `is_relative`, changes are measured in units of the user's own level, because use has no common scale.
    """

    n: Floats
    y: Floats
    is_relative: bool = False

    @classmethod
    def of_answers(cls, rows: Rows, use: Departures, everyone: int) -> History:
        """The history of one part of trust."""
        n, y = _by_week(rows, use.users, (everyone, use.counts.shape[1]), "n", "y")
        return cls(_running(n), _running(y))

    @classmethod
    def of_use(cls, use: Departures) -> History:
        """The history of how much they used the product."""
        return cls(_running(np.ones_like(use.counts)), _running(use.counts), is_relative=True)

    def change(self, who: Codes, week: int, window: Window) -> tuple[Floats, Floats]:
        """Each user's rate in the window around `week` minus that in the eight weeks before the earlier window, and its weight."""
        first, last = week + window[0], week + window[1]
        end = week + EARLIER[0]
        start = max(end - BEFORE, 0)
        n1, n2 = self.n[who, end] - self.n[who, start], self.n[who, last] - self.n[who, first]
        y1, y2 = self.y[who, end] - self.y[who, start], self.y[who, last] - self.y[who, first]
        known = (n1 > 0) & (n2 > 0) & ((y1 + y2 > 0) | (not self.is_relative))
        one, two = np.maximum(n1, 1), np.maximum(n2, 1)
        level = (y1 + y2) / (one + two) if self.is_relative else 1.0
        change = np.divide(y2 / two - y1 / one, level, out=np.zeros(len(who)), where=known)
        return change, known / (1 / one + 1 / two + _USER_NOISE)


@dataclass(frozen=True, slots=True)
class Shift:
    """A mean change compared with matched users, each user's influence on it, and which users count on either side."""

    value: float
    influence: Floats
    fell: NDArray[np.bool_]
    stayed: NDArray[np.bool_]


def mean_shift(use: Departures, parts: Sequence[History], cohort: int | None, window: Window) -> Shift | None:
    """How users whose use fell had changed in the window, compared with users of their cohort with similar use who stayed.

    The mean over the parts of trust; None if one of them is known of nobody whose use fell. `cohort` None means all users, each still
    compared with their own cohort.
    """
    size = len(use.users)
    found = [_one_shift(use, part, cohort, window) for part in parts]
    if any(shift is None for shift in found):
        return None
    shifts = [shift for shift in found if shift is not None]
    influence, fell, stayed = np.zeros(size), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    for shift in shifts:
        influence += shift.influence / len(shifts)
        fell |= shift.fell
        stayed |= shift.stayed
    return Shift(float(np.mean([shift.value for shift in shifts])), influence, fell, stayed)


def _one_shift(use: Departures, part: History, cohort: int | None, window: Window) -> Shift | None:
    size = len(use.users)
    fell, stayed = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    own, apart, weights, matches = [], [], [], []
    for home in np.unique(use.home) if cohort is None else [cohort]:
        here = use.home == home
        for week in np.unique(use.fell_at[here & (use.fell_at >= 0)]).tolist():
            went = np.flatnonzero(here & (use.fell_at == week))
            came = np.flatnonzero(here & use.stays[:, week])
            came = came[np.argsort(use.before[came, week], kind="stable")]
            matched = _match(use, part, (went, came), week, window)
            if matched is None:
                continue
            keep, change, weight, match = matched
            own.append(went[keep])
            apart.append(change)
            weights.append(weight)
            matches.append(match)
            fell[went[keep]] = True
            stayed[came[match.used]] = True
    if not own:
        return None
    weight, change = np.concatenate(weights), np.concatenate(apart)
    total = weight.sum()
    value = float(weight @ change / total)
    influence = np.zeros(size)
    np.add.at(influence, np.concatenate(own), weight * (change - value) / total)
    for match, weights_here in zip(matches, weights, strict=True):
        np.add.at(influence, match.who, match.influence(weights_here / total))
    return Shift(value, influence, fell, stayed)


@dataclass(frozen=True, slots=True)
class _Match:
    """For the users whose use fell in one week, the matched users who stayed: a stretch from `low` to `high` of them, sorted by use."""

    who: Codes
    change: Floats
    weight: Floats
    low: Codes
    high: Codes
    mean: Floats
    total: Floats
    used: NDArray[np.bool_]

    def influence(self, weights: Floats) -> Floats:
        """The influence of each user who stayed on the result; `weights` are those of the users whose use fell."""
        share = weights / self.total
        ends = len(self.who) + 1
        of, about = np.zeros(ends), np.zeros(ends)
        for sums, values in ((of, share), (about, share * self.mean)):
            np.add.at(sums, self.low, values)
            np.subtract.at(sums, self.high, values)
        influence: Floats = -self.weight * (self.change * of.cumsum()[:-1] - about.cumsum()[:-1])
        return influence


def _match(
    use: Departures, part: History, sides: tuple[Codes, Codes], week: int, window: Window
) -> tuple[NDArray[np.bool_], Floats, Floats, _Match] | None:
    """For the users whose use fell: who has a match, their change minus their matches' mean, its weight, and the match."""
    went, came = sides
    moved, sure = part.change(went, week, window)
    change, weight = part.change(came, week, window)
    size = use.before[came, week]
    low = np.searchsorted(size, use.before[went, week] / 2, side="left")
    high = np.searchsorted(size, use.before[went, week] * 2, side="right")
    sums, sums_moved = np.r_[0.0, weight.cumsum()], np.r_[0.0, (weight * change).cumsum()]
    total = sums[high] - sums[low]
    keep = (sure > 0) & (total > 1e-9)
    if not keep.any():
        return None
    low, high, total = low[keep], high[keep], total[keep]
    mean = (sums_moved[high] - sums_moved[low]) / total
    reached = np.zeros(len(came) + 1)
    np.add.at(reached, low, 1.0)
    np.subtract.at(reached, high, 1.0)
    used = (reached.cumsum()[:-1] > 0) & (weight > 0)
    return keep, moved[keep] - mean, sure[keep], _Match(came, change, weight, low, high, mean, total, used)
