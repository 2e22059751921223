"""Corrections for many comparisons, and the split of one difference of rates into mix shift and rate change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everyturn.stats import Estimate
from everyturn.stats.intervals import half_width
from everyturn.stats.summaries import Codes, Floats, distinct, sum_by

_OTHERS = 5.0  # imagined answers that pull a small group's rate towards its period's; with 2 the results are the same


def benjamini_hochberg(p: Sequence[float] | Floats, *, share: float) -> NDArray[np.bool_]:
    """Which p-values of a family to accept so that at most `share` of the accepted are expected to be false: True or False for each.

    Assumes: independent or positively dependent p-values.
    Method: Benjamini & Hochberg 1995.

    >>> benjamini_hochberg([0.001, 0.02, 0.04, 0.6], share=0.05).tolist()
    [True, True, False, False]
    """
    values = np.asarray(p, dtype=float)
    if not len(values):
        return np.zeros(0, dtype=bool)
    order = np.argsort(values, kind="stable")
    passing = np.flatnonzero(values[order] <= share * np.arange(1, len(values) + 1) / len(values))
    believed = np.zeros(len(values), dtype=bool)
    if len(passing):
        believed[order[: passing[-1] + 1]] = True
    return believed


@dataclass(frozen=True, slots=True)
class Part:
    """What one group contributes to the two parts of a split difference."""

    group: int
    mix: Estimate
    within: Estimate


@dataclass(frozen=True, slots=True)
class Split:
    """A difference of two rates, split into `mix` (the groups' weights changed) and `within` (the groups' own rates changed)."""

    total: Estimate
    mix: Estimate
    within: Estimate
    parts: tuple[Part, ...]


def split_difference(
    user: Codes, group: Codes, is_current: NDArray[np.bool_], n: Floats, y: Floats, *, level: float = 0.95
) -> Split:
    """Current rate minus baseline rate, split over groups; the range of each part counts users.

    Each row holds a user's totals (`n` answers with sum `y`) in one group and period; rows may repeat. A group that occurs in one period
    only contributes to the mix alone, at its rate there. The parts add up exactly to `mix` and `within`, and these to `total`.

    Assumes: users are independent; a user in both periods is paired with themselves.
    Method: symmetric Kitagawa (1955) split; the variance of a part is the sum of the users' squared influences on it. For the rate
    change a user is compared with the other users of their group, whose rate is pulled towards the period's by five imagined answers:
    compared with a rate that is partly their own, the few users of a small group would look more alike than they are.

    >>> one = np.ones(4, dtype=bool)
    >>> s = split_difference(np.arange(8), np.array([0, 0, 1, 1] * 2), np.r_[one, ~one], np.ones(8), np.array([1, 0, 0, 0, 1, 1, 0, 0.0]))
    >>> round(s.total.value, 3), round(s.mix.value, 3), round(s.within.value, 3)
    (-0.25, 0.0, -0.25)
    """
    _, who = distinct(user)
    users, groups = int(who.max()) + 1, int(group.max()) + 1
    period = is_current.astype(np.int64)
    n_user = _by_period(who, period, n, users)
    n_group, y_group = (_by_period(group, period, values, groups) for values in (n, y))
    all_n = np.maximum(n_user.sum(0), 1e-300)
    known = n_group > 0
    r = np.divide(y_group, n_group, out=np.zeros_like(y_group), where=known)
    r = np.where(known, r, r[:, ::-1])
    overall = y_group.sum(0) / all_n
    weight = n_group / all_n
    mix = (weight[:, 1] - weight[:, 0]) * r.mean(1)
    within = weight.mean(1) * (r[:, 1] - r[:, 0])

    d_mix, d_within = np.zeros(users), np.zeros(users)
    parts = []
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(groups + 1))
    for g in range(groups):  # one group at a time, so that memory does not grow with groups x users
        here = order[ends[g] : ends[g + 1]]
        n_u, y_u = (_by_period(who[here], period[here], values[here], users) for values in (n, y))
        # Each user's influence on this group's rate and weight, by period; a rate known in one period only is used for both.
        others = (y_group[g] - y_u + _OTHERS * overall) / (n_group[g] - n_u + _OTHERS)
        d_r, d_apart = (
            np.divide(y_u - rate * n_u, n_group[g], out=np.zeros_like(y_u), where=known[g]) for rate in (r[g], others)
        )
        d_r, d_apart = (np.where(known[g], d, d[:, ::-1]) for d in (d_r, d_apart))
        d_w = (n_u - weight[g] * n_user) / all_n
        to_mix = (d_w[:, 1] - d_w[:, 0]) * r[g].mean() + (weight[g, 1] - weight[g, 0]) * d_r.mean(1)
        to_within = d_w.mean(1) * (r[g, 1] - r[g, 0]) + weight[g].mean() * (d_apart[:, 1] - d_apart[:, 0])
        d_mix += to_mix
        d_within += to_within
        parts.append(Part(g, _estimate(mix[g], to_mix, n_u, level), _estimate(within[g], to_within, n_u, level)))
    mixed, moved = float(mix.sum()), float(within.sum())
    return Split(
        _estimate(mixed + moved, d_mix + d_within, n_user, level),
        _estimate(mixed, d_mix, n_user, level),
        _estimate(moved, d_within, n_user, level),
        tuple(parts),
    )


def _by_period(code: Codes, period: Codes, values: Floats, size: int) -> Floats:
    """The sums of `values` by code (rows) and period (columns: baseline, current)."""
    return sum_by(code * 2 + period, values, size * 2).reshape(size, 2)


def _estimate(value: float, influence: Floats, n_user: Floats, level: float) -> Estimate:
    """A number with the range that its users' influences give; `n_user` is each user's number of answers."""
    value, half = float(value), half_width(influence, level=level)
    people, answers = int(np.count_nonzero(n_user.sum(1))), round(float(n_user.sum()))
    return Estimate(value, value - half, value + half, people, answers, 0, level, "Kitagawa, user-clustered t")
