"""Evidence for a change that may be looked at at any time: if nothing changes, it crosses a bar of γ days at most once in γ days.

Everything here is a mixture Shiryaev-Roberts e-detector (Shin, Ramdas & Rinaldo 2022; Ram & Ramdas 2026). A stream keeps one running
product for each size of change that is looked for. Each new day adds a fair bet that the change began that day, and every answer
multiplies all bets by what they pay. If nothing changes, a product minus the number of days begun is a supermartingale, so the bar is the
mean time between false alarms. There is nothing to calibrate, streams may depend on each other in any way, and the expected numbers of
false alarms of many streams add up.
"""

from __future__ import annotations

import numpy as np

from everyturn.stats.summaries import Floats

RATE_SIZES = np.array([-0.8, -0.35, -0.15, 0.15, 0.35, 0.8])
"""The changes of a rate that are bet on, in log odds: at 72% about -19, -8 and -3, +3, +7 and +13 points."""
COUNT_SIZES = np.array([-2.0, -1.0, -0.4, 0.4, 1.0, 2.0])
"""The changes of a count that are bet on, as logarithms of its ratio to what is expected."""

HARMFUL = 0.85  # share of the evidence given to the harmful direction: an improvement is news, but less urgent
# The share of e(1 - e) up to which a change is ignored (0.4 points at 72%), because products drift by as much.
INDIFFERENCE = 0.02
COUNT_SLACK = 0.15  # counts within 15% of what is expected are ignored
_LEAST = 0.05  # the least a bet can be multiplied by, so that one odd answer cannot silence a stream
_MOST_PAID = 3.0  # the most one person can multiply a bet by, even one who always did one thing and now does the other
_MOST = 1e30  # products stop growing here, far above any bar


def rate_bets(expected: Floats, mean: Floats, variance: Floats) -> Floats:
    """The logarithm of what each bet pays: one row per unit, one column for each of `RATE_SIZES`.

    `expected` is the mean of a unit's answers as predicted from the past alone (0 to 1), `mean` is the actual mean minus `expected`, and
    `variance` is the variance of that mean.

    Assumes: E[mean | past] = 0 if nothing changed; units (a person in one block) are independent given the past.

    >>> rate_bets(np.array([0.7]), np.array([-0.7]), np.array([0.21])).round(2).tolist()
    [[0.48, 0.23, 0.1, -0.11, -0.26, -0.62]]
    """
    e, less = expected[:, None], 1 - expected[:, None]
    stake = e / less * np.exp(RATE_SIZES)
    stake /= 1 + stake
    stake -= e
    stake /= variance[:, None]
    np.maximum(stake, np.maximum(-0.75 / less, (1 - _MOST_PAID) / e), out=stake)
    np.minimum(stake, np.minimum(0.75 / e, (_MOST_PAID - 1) / less), out=stake)
    stake *= mean[:, None] - np.sign(RATE_SIZES) * (INDIFFERENCE * e * less)
    stake += 1
    paid: Floats = np.log(np.maximum(stake, _LEAST, out=stake), out=stake)
    return paid


def count_bets(counts: Floats, expected: Floats) -> Floats:
    """The logarithm of what each bet on a count pays: one row per count, one column for each of `COUNT_SIZES`.

    Assumes: given the past, a count has a mean within 15% of `expected` and a Poisson tail or a lighter one.

    >>> count_bets(np.array([4.0]), np.array([1.0])).round(2).tolist()
    [[-7.27, -3.46, -1.32, 1.03, 2.02, 0.65]]
    """
    slack = 1 + np.sign(COUNT_SIZES) * COUNT_SLACK
    paid: Floats = counts[:, None] * COUNT_SIZES - expected[:, None] * (np.expm1(COUNT_SIZES) * slack)
    return paid


def direction_weights(worse: int) -> Floats:
    """The weights with which the evidence of the sizes is mixed; `worse` (+1 or -1) is the harmful direction.

    >>> direction_weights(-1).round(3).tolist()
    [0.283, 0.283, 0.283, 0.05, 0.05, 0.05]
    """
    harmful = np.sign(RATE_SIZES) == worse
    weights: Floats = np.where(harmful, HARMFUL / 3, (1 - HARMFUL) / 3)
    return weights


def factors(paid: Floats) -> Floats:
    """The factors that products are multiplied by, from the logarithms of what bets paid."""
    grown: Floats = np.exp(np.minimum(paid, 60.0))
    return grown


def accumulate(products: Floats, days: Floats, factor: Floats) -> Floats:
    """The running products after a block: `days` new bets are added, then all are multiplied by what the block paid.

    >>> accumulate(np.zeros((1, 2)), np.array([1.0]), np.array([[2.0, 0.5]])).tolist()
    [[2.0, 0.5]]
    """
    begun = products + days[:, None]
    begun *= factor
    grown: Floats = np.minimum(begun, _MOST, out=begun)
    return grown


def bar(budget: float, streams: float) -> float:
    """The bar in days for one of `streams` streams that share a budget of false alarms a year.

    >>> bar(12, 3)
    91.25
    """
    return 365.0 * streams / budget
