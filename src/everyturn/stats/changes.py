"""The shapes a change in a weekly series may have, and a test for whether weekly counts rose by one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from everyturn.stats.summaries import Codes, Floats

RAMP_WEEKS = 4  # length of the gradual change that is looked for beside the sudden one
WEEKS_BEFORE = 3  # the shortest history a change is compared with
_NEAR = 3.84  # 95% quantile of chi-squared with one degree: starts whose fit is within it of the best are as plausible


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes a change may have, a row each: weekly `weights` from 0 before it begins to 1 when it is complete.

    `since` is the week each begins in, `settled` the first week in which it is complete.
    """

    weights: Floats
    since: Codes
    settled: Codes


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of a scan: the row of the best-fitting shape (-1 for none), and the one-sided p-value of a rise over all shapes.

    The change may have begun in any week from `first` to `last`: these starts fit about as well as the best (95%, by likelihood).
    """

    shape: int
    p: float
    first: int = -1
    last: int = -1


@cache
def shapes(weeks: int, *, before: int = WEEKS_BEFORE) -> Shapes:
    """Every step and every four-week ramp that leaves `before` weeks of history, ordered by their midpoints.

    There are none in a series that is too short. Neighbouring rows are similar, which keeps the correction for testing all of them small.

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
    """One standard normal score for each column of `influence` (a row per user): the column's sum over its user-clustered error.

    With S = Σψ/sqrt(Σψ²) and g effective users, S sqrt((g-1)/(g-S²)) is Student's t with g-1 degrees. g is three times
    (Σψ²)²/Σψ⁴, which is the number of users where influences are normal and alike (Satterthwaite); without the three the
    error would be half of what is stated (measured).
    """
    from scipy.special import ndtri, stdtr

    squared = influence * influence
    squares, fourth = squared.sum(0), (squared * squared).sum(0)
    live = squares > 1e-18  # anything smaller is rounding error
    score = np.divide(influence.sum(0), np.sqrt(squares), out=np.zeros_like(squares), where=live)
    users = np.divide(3 * squares**2, fourth, out=np.full_like(squares, 2.0), where=live)
    # The half keeps a few effective users from making a large score certain.
    t = score * np.sqrt((users - 1) / np.maximum(users - score**2, users / 2))
    z: Floats = -np.sign(score) * ndtri(np.maximum(stdtr(users - 1, -np.abs(t)), 1e-300))
    return z


def _any_as_large(z: float, influence: Floats) -> float:
    """An upper bound on the probability that any of the correlated columns reaches z if nothing changed."""
    from scipy.special import ndtr, owens_t

    norms = np.sqrt((influence**2).sum(0))
    live = influence[:, norms > 1e-9] / norms[norms > 1e-9]
    alike = np.clip((live[:, 1:] * live[:, :-1]).sum(0), -1.0, 1.0)
    # With r the correlation to the column before, P(this one over z, that one not) = 2 T(z, sqrt((1-r)/(1+r))).
    slope = np.sqrt((1 - alike) / np.maximum(1 + alike, 1e-12))
    return float(min(ndtr(-z) + 2 * owens_t(z, slope).sum(), 1.0))


def scan_counts(counts: Floats, exposure: Floats, courses: Shapes) -> Scan:
    """Whether weekly counts per unit of exposure rose by one of the shapes in `courses`.

    Assumes: weeks are independent; counts vary as much as Poisson counts or more. Nothing is known of the people behind a count, so the
    week is the unit and only a clear rise is found.
    Method: score contrasts of the counts with their expected share of the exposure. The variance is that of the weeks around the
    contrast's two levels, at least a Poisson's; the reference is t with two degrees fewer than weeks. The p-value for all shapes
    together is an upper bound on the probability that any of them reaches the largest score.
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
