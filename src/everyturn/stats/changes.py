"""Courses a weekly series may take, and whether counts without a person behind them rose by one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from everyturn.stats.summaries import Codes, Floats

RAMP_WEEKS = 4  # the slow change looked for beside the sudden one
WEEKS_BEFORE = 3  # the least history a change is held against
_NEAR = 3.84  # chi-squared, 95%, one unknown: starts within it of the best fit about as well


@dataclass(frozen=True, slots=True)
class Shapes:
    """The courses a change may take: one row of weekly weights each, 0 before it begins and 1 when it is complete."""

    weights: Floats
    since: Codes
    settled: Codes  # the first week at full size


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found: the row of the best shape in `Shapes`, and `p`, one-sided (more than before), for all shapes together.

    A start anywhere from week `first` to week `last` fits about as well as the best one's (95%, by the likelihood of the shapes).
    """

    shape: int
    p: float
    first: int = -1
    last: int = -1


@cache
def shapes(weeks: int, *, before: int = WEEKS_BEFORE) -> Shapes:
    """Every step and every four-week ramp that leaves `before` weeks of history, in order of their middles.

    None in too short a series. Neighbours are alike, which keeps the price of looking at all of them low.

    >>> shapes(5).weights.tolist()
    [[0.0, 0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.25, 0.5]]
    """
    week = np.arange(weeks)
    steps = np.arange(before, weeks)
    ramps = np.arange(before, weeks - 1)  # a ramp seen for one week is a step
    weights = [(week >= s).astype(float) for s in steps]
    weights += [np.clip((week - s + 1) / RAMP_WEEKS, 0.0, 1.0) for s in ramps]
    since = np.concatenate([steps, ramps]).astype(np.int64)
    settled = np.concatenate([steps, np.minimum(ramps + RAMP_WEEKS - 1, weeks - 2)]).astype(np.int64)
    order = np.argsort(np.concatenate([steps, ramps + (RAMP_WEEKS - 1) / 2]), kind="stable")
    return Shapes(np.array(weights).reshape(len(order), weeks)[order], since[order], settled[order])


def z_values(influence: Floats) -> Floats:
    """One standard normal score per column of users' influences: their sum over its user-clustered error.

    With S = Σψ/sqrt(Σψ²) and g effective users, S sqrt((g-1)/(g-S²)) is Student's t with g-1 degrees. g is three times
    (Σψ²)²/Σψ⁴, which is the number of users where influences are normal and alike (Satterthwaite); without the three the
    error would be half of what is stated (measured).
    """
    from scipy.special import ndtri, stdtr

    squared = influence * influence
    squares, fourth = squared.sum(0), (squared * squared).sum(0)
    live = squares > 1e-18  # a column of rounding errors is no evidence
    score = np.divide(influence.sum(0), np.sqrt(squares), out=np.zeros_like(squares), where=live)
    users = np.divide(3 * squares**2, fourth, out=np.full_like(squares, 2.0), where=live)
    # Few effective users cannot make a large score certain, however many small ones agree: hence the half.
    t = score * np.sqrt((users - 1) / np.maximum(users - score**2, users / 2))
    z: Floats = -np.sign(score) * ndtri(np.maximum(stdtr(users - 1, -np.abs(t)), 1e-300))
    return z


def _any_as_large(z: float, influence: Floats) -> float:
    """An upper bound on the chance that any of the correlated columns reaches z when nothing changed."""
    from scipy.special import ndtr, owens_t

    norms = np.sqrt((influence**2).sum(0))
    live = influence[:, norms > 1e-9] / norms[norms > 1e-9]
    alike = np.clip((live[:, 1:] * live[:, :-1]).sum(0), -1.0, 1.0)
    # With r the correlation to the column before, P(this one over z, that one not) = 2 T(z, sqrt((1-r)/(1+r))).
    slope = np.sqrt((1 - alike) / np.maximum(1 + alike, 1e-12))
    return float(min(ndtr(-z) + 2 * owens_t(z, slope).sum(), 1.0))


def scan_counts(counts: Floats, exposure: Floats, courses: Shapes) -> Scan:
    """Whether weekly counts per exposure rose by one of the courses; weeks are the unit, so it takes a clear rise.

    Assumes: weeks independent, counts Poisson or more spread out; no person behind a count is known.
    Method: score contrasts of the counts with their expected share of exposure; the variance is the weeks' own around the
    contrast's two levels, a Poisson's at least; t with two degrees fewer than weeks; all courses together by an upper bound on the chance that any of them reaches so far.
    """
    from scipy.special import ndtri, stdtr

    weeks = len(counts)
    level = counts.sum() / max(exposure.sum(), 1e-300)
    if level <= 0 or not len(courses.weights):
        return Scan(-1, 1.0)
    centre = courses.weights @ exposure / exposure.sum()
    centred = courses.weights - centre[:, None]
    contrast = centred @ counts
    weight = centred**2 @ exposure
    fitted = exposure * (level + centred * (contrast / weight)[:, None])
    pearson = ((counts - fitted) ** 2 / np.maximum(fitted, level * exposure / 4)).sum(1) / max(weeks - 2, 1)
    t = contrast / np.sqrt(level * weight * np.maximum(pearson, 1.0))
    z = -ndtri(np.maximum(stdtr(weeks - 2, -t), 1e-300))
    best = int(np.argmax(np.round(z, 9)))
    near = courses.since[np.maximum(z, 0.0) ** 2 >= max(float(z.max()), 0.0) ** 2 - _NEAR]
    # The contrasts' correlation under no change: weeks independent, variances in proportion to exposure.
    p = _any_as_large(float(z[best]), (centred * np.sqrt(exposure)).T) if z[best] > 0 else 1.0
    return Scan(best, p, int(near.min()), int(near.max()))
