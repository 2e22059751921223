"""Ranges for one number and for the difference of two, with the user as the unit of independence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import overload

import numpy as np

from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.summaries import Floats, Joint

NEEDED_USERS = 10  # fewer distinct people give no number; the same minimum keeps small groups unnamed

# A design effect measured on few yes (or few no) answers is unreliable. It is pulled, with the weight of three answers, towards the one
# that a plausible correlation of two answers of one person implies. Both numbers were chosen on simulated users (rates .05 to .95,
# 20 to 500 users) so that ranges cover the truth in 95% of cases wherever that is possible.
_PRIOR_CORRELATION = 0.2
_PRIOR_ANSWERS = 3.0

_WATCHED_USERS = 20  # an eighth of the number of users at which `always_valid` widens a range least

_SHRUNK_CORRELATION = 0.99  # at most, of two estimates: a difference of two numbers is never known without error


def _t(degrees: float, level: float) -> float:
    """The two-sided t quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(max(degrees, 1.0), 0.5 + level / 2))


def _z(probability: float) -> float:
    """The standard normal quantile."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _variance(summary: Summary) -> float:
    """The linearised variance of y/n with users as clusters; 0 if there is one user or users do not differ."""
    if summary.users < 2:
        return 0.0
    r = summary.y / summary.n
    spread = summary.yy - 2 * r * summary.ny + r * r * summary.nn
    return max(spread, 0.0) * summary.users / (summary.users - 1) / summary.n**2


def _effective_answers(r: float, variance: float, summary: Summary) -> float:
    """The number of independent answers that would give the rate r the precision it has."""
    binomial = r * (1 - r)
    evidence = min(summary.y, summary.n - summary.y) if summary.users > 1 else 0.0
    measured = variance / binomial if binomial > 0 else 0.0
    repeats = max(summary.nn - summary.n, 0.0) / summary.n**2
    prior = 1 / summary.n + _PRIOR_CORRELATION * repeats
    return (evidence + _PRIOR_ANSWERS) / (evidence * measured + _PRIOR_ANSWERS * prior)


def _score_range(r: float, answers: float, quantile: float) -> tuple[float, float]:
    """The Wilson range of a rate r from `answers` independent answers: inside 0 to 1, never of zero width."""
    t2 = quantile * quantile / answers
    middle = (r + t2 / 2) / (1 + t2)
    half = quantile / (1 + t2) * math.sqrt((r * (1 - r) + t2 / 4) / answers)
    # Without this, rounding could put a bound on the wrong side of r or outside 0 to 1.
    return max(min(middle - half, r), 0.0), min(max(middle + half, r), 1.0)


def _known(summary: Summary, needed: int) -> NotEnough | None:
    """The reason why no number can be given, None if one can."""
    if summary.users < max(needed, 1) or summary.n <= 0:
        return NotEnough(summary.users, max(needed, 1))
    return None


def rate(summary: Summary, *, level: float = 0.95, needed: int = NEEDED_USERS) -> Estimate | NotEnough:
    """The rate Σy/Σn with a range that counts users, not answers; `NotEnough` for fewer than `needed` users.

    Assumes: answers between 0 and 1 (yes-or-no or graded); users independent of each other, answers of one user not.
    Method: linearised variance with users as clusters and t with n²/Σn_u² - 1 degrees, set into Wilson's score range by
    way of the effective number of answers (as Korn & Graubard 1998 do for surveys): it stays inside 0 to 1 and never
    has zero width, also where every answer agrees.

    >>> print(rate(Summary(users=40, n=80, y=56, nn=176, ny=122, yy=102)))
    0.70 [0.58, 0.80] 95% · 40 users
    >>> print(rate(Summary(users=12, n=12, y=12, nn=12, ny=12, yy=12)))
    1.00 [0.71, 1.00] 95% · 12 users
    >>> print(rate(Summary(users=4, n=9, y=9, nn=25, ny=25, yy=25)))
    not enough data: 4 users, 10 needed
    """
    if short := _known(summary, needed):
        return short
    r = min(max(summary.y / summary.n, 0.0), 1.0)
    answers = _effective_answers(r, _variance(summary), summary)
    low, high = _score_range(r, answers, _t(summary.effective_users - 1, level))
    return Estimate(r, low, high, summary.users, round(summary.n), summary.unknown, level, "user-clustered t")


@overload
def always_valid(estimate: Estimate, *, least: float = 0.0) -> Estimate: ...
@overload
def always_valid(estimate: Estimate | NotEnough, *, least: float = 0.0) -> Estimate | NotEnough: ...
def always_valid(estimate: Estimate | NotEnough, *, least: float = 0.0) -> Estimate | NotEnough:
    """The same number with a range that stays valid however often someone looks at it and whenever they stop.

    `least` is the lowest possible value: 0 for a rate, -1 for a difference of rates.

    Assumes: the range counts users and is about a mean (a rate, a difference of rates, a mean over users); the quantity does not change
    while it is watched, or its mean over time is what is estimated.
    Method: asymptotic confidence sequence (Waudby-Smith et al. 2024): the error's multiple becomes
    sqrt((1 + 1/(gη)) log((1 + gη)/α²)) for g users, η = 1/20: 1.55 to 1.9 times as wide from 15 users on, narrowest at 160.

    >>> print(always_valid(rate(Summary(users=40, n=80, y=56, nn=176, ny=122, yy=102))))
    0.70 [0.51, 0.86] 95% · 40 users
    """
    if isinstance(estimate, NotEnough):
        return estimate
    widening, value = _watched(estimate, 1 - estimate.level), estimate.value
    low = max(value - widening * (value - estimate.low), min(least, value))
    high = min(value + widening * (estimate.high - value), max(1.0, value))
    return replace(estimate, low=low, high=high, method=f"{estimate.method}, always valid")


def picked(estimate: Estimate, *, share: float) -> Estimate:
    """A difference that was selected out of many because it is far from 0, with a range that allows for the selection.

    Like `always_valid`, except that the end towards 0 is widened to the level that remains if this place is granted `share` of all
    errors. Something selected for being extreme is hardly ever larger than it looks, so the other end stays as it is.

    Assumes: as `always_valid`; the shares of all places that could have been selected add up to no more than the number selected.
    Method: the level of Benjamini & Yekutieli (2005) for intervals after selection, weighted by the place's share.

    >>> fell = Estimate(-0.20, -0.28, -0.12, users=160, n=900)
    >>> print(always_valid(fell, least=-1.0), "|", picked(fell, share=0.1))
    -0.20 [-0.32, -0.08] 95% · 160 users | -0.20 [-0.32, -0.05] 95% · 160 users
    """
    wide, value = always_valid(estimate, least=-1.0), estimate.value
    widening = _watched(estimate, (1 - estimate.level) * min(share, 1.0))
    low = max(value - widening * (value - estimate.low), -1.0) if value > 0 else wide.low
    high = min(value + widening * (estimate.high - value), 1.0) if value < 0 else wide.high
    return replace(wide, low=low, high=high, method=f"{wide.method}, picked")


def _watched(estimate: Estimate, error: float) -> float:
    """The factor by which one side must widen to fail in at most `error` of cases however often it is looked at."""
    watched = max(estimate.users, 1) / _WATCHED_USERS
    return math.sqrt((1 + 1 / watched) * math.log((1 + watched) / error**2)) / _z(0.5 + estimate.level / 2)


def wilson(y: float, n: int) -> Estimate | NotEnough:
    """The share y/n of n independent answers (eval cases, say) with Wilson's score range (1927).

    >>> print(wilson(19, 20))
    0.95 [0.76, 0.99] 95% · 20 users
    """
    if n < 1:
        return NotEnough(0, 1)
    r = min(max(y / n, 0.0), 1.0)
    low, high = _score_range(r, float(n), _z(0.975))
    return Estimate(r, low, high, users=n, n=n, method="Wilson")


def unknown_bounds(summary: Summary) -> tuple[float, float]:
    """The rate if every unknown answer were a no, and the rate if every one were a yes; (0, 1) without data.

    >>> unknown_bounds(Summary(users=2, n=8, y=4, nn=40, ny=20, yy=10, unknown=2))
    (0.4, 0.6)
    """
    places = summary.n + summary.unknown
    return (summary.y / places, (summary.y + summary.unknown) / places) if places > 0 else (0.0, 1.0)


def _combine(current: Estimate, baseline: Estimate, correlation: float) -> tuple[float, float]:
    """The range of current - baseline from the two ranges and the correlation of their errors (Zou & Donner 2008)."""
    gap = current.value - baseline.value

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * correlation * a * b + b * b, 0.0))

    down = reach(current.value - current.low, baseline.high - baseline.value)
    up = reach(current.high - current.value, baseline.value - baseline.low)
    return max(gap - down, -1.0), min(gap + up, 1.0)


def subtract(current: Estimate, baseline: Estimate) -> Estimate:
    """Current minus baseline, with its range, of two rates measured on different people (or on cases and people).

    Assumes: the two are independent, and their ranges are at one level.
    Method: recovers each side's variance from its own range (Zou & Donner 2008), so skew near 0 and 1 is kept.

    >>> print(subtract(Estimate(0.9, 0.85, 0.94, users=90, n=90), Estimate(0.6, 0.55, 0.65, users=200, n=700)))
    0.30 [0.23, 0.36] 95% · 290 users
    """
    low, high = _combine(current, baseline, 0.0)
    return Estimate(
        current.value - baseline.value,
        low,
        high,
        current.users + baseline.users,
        current.n + baseline.n,
        current.unknown + baseline.unknown,
        current.level,
        "difference, independent",
    )


def difference(
    current: Summary, baseline: Summary, joint: Joint | None = None, *, needed: int = NEEDED_USERS
) -> Estimate | NotEnough:
    """The current rate minus the baseline rate (-1 to 1), with its range; `NotEnough` if either side has too few users.

    With `joint` (the cross totals of the users on both sides) the comparison is paired by user, so that differences between people
    cancel. Without it the two sides are taken to be different people; if they are not, the range is wrong.

    Assumes: as `rate`, on each side.
    Method: each side's own range, joined as Zou & Donner (2008) do, with the user-level covariance of the two rates.

    >>> before = Summary(users=40, n=80, y=56, nn=176, ny=122, yy=102)
    >>> after = Summary(users=40, n=80, y=40, nn=176, ny=88, yy=58)
    >>> print(difference(after, before))
    -0.20 [-0.34, -0.05] 95% · 80 users
    """
    now, then = rate(current, needed=needed), rate(baseline, needed=needed)
    if isinstance(now, NotEnough):
        return now
    if isinstance(then, NotEnough):
        return then
    if joint is None:
        return subtract(now, then)
    r1, r2 = now.value, then.value
    shared = joint.yy - r1 * joint.ny - r2 * joint.yn + r1 * r2 * joint.nn
    spread = math.sqrt(_variance(current) * _variance(baseline)) * current.n * baseline.n
    bound = _SHRUNK_CORRELATION
    low, high = _combine(now, then, min(max(shared / spread, -bound), bound) if spread > 0 else 0.0)
    return Estimate(
        r1 - r2,
        low,
        high,
        now.users + then.users - joint.users,
        now.n + then.n,
        now.unknown + then.unknown,
        method="difference, paired by user",
    )


def chained(first: Summary, second: Summary, joint: Joint | None) -> Estimate | NotEnough:
    """The share that passes two steps, where only what passed the first reaches the second: rate(first) x rate(second).

    Assumes: the known answers of the second step are representative of everything that passed the first (some may still be open).
    Method: linearised variance of the product, users as clusters; `joint` carries the users seen in both steps.

    >>> step = Summary(users=40, n=80, y=56, nn=176, ny=122, yy=102)
    >>> print(chained(step, step, None))
    0.49 [0.39, 0.60] 95% · 40 users
    """
    if short := _known(first, NEEDED_USERS) or _known(second, NEEDED_USERS):
        return short
    r1, r2 = first.y / first.n, second.y / second.n
    variance = r2 * r2 * _variance(first) + r1 * r1 * _variance(second)
    if joint is not None:
        shared = joint.yy - r1 * joint.ny - r2 * joint.yn + r1 * r2 * joint.nn
        variance += 2 * r1 * r2 * shared / (first.n * second.n)
    r = min(max(r1 * r2, 0.0), 1.0)
    degrees = min(first.effective_users, second.effective_users) - 1
    passed = Summary(first.users, first.n, r * first.n, first.nn, r * first.ny, r * r * first.nn)
    low, high = _score_range(r, _effective_answers(r, max(variance, 0.0), passed), _t(degrees, 0.95))
    # What passed the first step and is open in the second is known in one of them only: it counts as unknown, and once.
    known = max(first.n - second.unknown, 0.0)
    return Estimate(r, low, high, first.users, round(known), first.unknown + second.unknown)


def smallest_change(
    summary: Summary, *, weeks: float, ahead: float = 4.0, needed: int = NEEDED_USERS
) -> float | NotEnough:
    """The smallest change of the rate that `ahead` further weeks would show with a probability of 80%, in the rate's own unit.

    `summary` covers `weeks` weeks, and the coming ones are assumed to bring as many answers per week. It is worth stating where nothing
    was found: "this much data could show a change of 9 points or more".

    Assumes: a step change, one look with a two-sided 95% range, other people in the coming weeks (the same people
    would show a little less).
    Method: (t + z_power) times the standard error of the difference.

    >>> round(smallest_change(Summary(users=40, n=80, y=56, nn=176, ny=122, yy=102), weeks=4), 2)
    0.22
    """
    if short := _known(summary, needed):
        return short
    r = min(max(summary.y / summary.n, 0.0), 1.0)
    answers = _effective_answers(r, _variance(summary), summary)
    # At 0 or 1 the binomial variance would be 0; one imagined answer of each kind avoids that.
    near = (r * answers + 1) / (answers + 2)
    error = math.sqrt(near * (1 - near) / answers * (1 + weeks / ahead))
    return min((_t(summary.effective_users - 1, 0.95) + _z(0.8)) * error, 1.0)


def half_width(influence: Floats, *, level: float = 0.95) -> float:
    """Half the width of the range of a sum of users' influences: t times its user-clustered error; 0 for fewer than two users.

    Assumes: one entry per user, which are centred or add up to the number itself; users are independent.
    Method: t with 3 (Σψ²)²/Σψ⁴ - 1 degrees, Satterthwaite's where influences are normal.

    >>> round(half_width(np.array([0.1, -0.1, 0.05, -0.05])), 2)
    0.42
    """
    squared = influence**2
    squares = float(squared.sum())
    users = int(np.count_nonzero(influence))
    if squares <= 0 or users < 2:
        return 0.0
    degrees = 3 * squares**2 / float((squared**2).sum()) - 1
    return _t(degrees, level) * math.sqrt(squares * users / (users - 1))
