"""Rates in the small cells of a two-way table, each pulled towards what its row and its column lead one to expect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.intervals import NEEDED_USERS
from everyturn.stats.summaries import Floats

METHOD = "drawn to row + column"

# Candidate standard deviations of the rates of rows, columns and cells. Which of them are likely is learnt from the table; the grid only
# has to be fine enough, and its upper end is wider than the rates of any one product are spread.
_SPREADS = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32])
_USUAL_SPREAD = 0.1  # scale of the half-Cauchy prior, which is weak and matters only with few rows or columns
_USUAL_LIKENESS = 0.1  # prior correlation of two answers of one user
_FEWEST = 3.0  # effective users a cell needs before it is used to estimate that correlation
_NEAREST = 0.7  # standard errors by which a rate keeps away from 0 and 1; nearer, its range would lie all on one side
_IMAGINED = 5.0  # answers at the table's overall rate added to every margin for the first estimate of each cell


@dataclass(frozen=True, slots=True)
class Grid:
    """The summaries of a two-way table: of each cell (`cells`, at `row` and `column`), of each whole row and of each whole column.

    A user who is in several cells of a row counts in each of them, but only once in the row. The difference between the two shows how
    correlated the errors of the cells are.
    """

    cells: Sequence[Summary]
    row: Sequence[int]
    column: Sequence[int]
    rows: Sequence[Summary]
    columns: Sequence[Summary]


@dataclass(frozen=True, slots=True)
class _Data:
    """A grid as matrices, rows x columns: each cell's rate, whether it is `known`, and the variance of its error in three parts.

    `own` is the cell's own part; `with_row` and `with_column` are what its error shares with the other cells of its row and column.
    """

    rate: Floats
    known: Floats
    own: Floats
    with_row: Floats
    with_column: Floats


def draw_cells(grid: Grid, *, needed: int = NEEDED_USERS) -> list[Estimate | NotEnough]:
    """The estimated rate of each cell, in the order of `grid.cells`: the fewer answers a cell has, the closer to row plus column.

    Assumes: the effects of rows, of columns and of single cells each scatter around a mean; two answers of one user are as alike in two
    cells as they are in one.
    Method: normally distributed effects of rows, columns and cells. Their three standard deviations and the correlation of a user's
    answers are estimated from all cells (empirical Bayes). The standard deviations are averaged over their likely values rather than
    fixed, so the range also covers how uncertain they are. The range's ends are quantiles of the beta distribution with the resulting
    mean and variance.
    """
    if not grid.cells:
        return []
    people = max(s.users for s in (*grid.rows, *grid.columns))
    if people < needed:
        return [NotEnough(cell.users, needed) for cell in grid.cells]
    mean = _first_idea(grid)
    for _ in range(2):  # the error of a cell depends on its rate, which is what is being estimated
        mean, variance = _posterior(_data(grid, mean))
        mean = np.clip(mean, 0.005, 0.995)
    return [
        _estimate(cell, float(mean[at]), float(variance[at]))
        for cell, at in zip(grid.cells, zip(grid.row, grid.column, strict=True), strict=True)
    ]


def _estimate(cell: Summary, mean: float, variance: float) -> Estimate | NotEnough:
    from scipy.special import betaincinv

    if cell.n <= 0:
        return NotEnough(0, 1)
    room = _NEAREST * min(math.sqrt(variance), 0.5)
    mean = min(max(mean, room), 1 - room)
    weight = max(mean * (1 - mean) / variance - 1, 1.0)
    low, high = (float(betaincinv(mean * weight, (1 - mean) * weight, q)) for q in (0.025, 0.975))
    return Estimate(mean, min(low, mean), max(high, mean), cell.users, round(cell.n), cell.unknown, method=METHOD)


def _first_idea(grid: Grid) -> Floats:
    """A first estimate of each cell: its row's rate plus its column's rate minus the overall rate."""
    overall = sum(c.y for c in grid.cells) / max(sum(c.n for c in grid.cells), 1e-300)
    rows, columns = (
        np.array([(s.y + _IMAGINED * overall) / (s.n + _IMAGINED) for s in margin])
        for margin in (grid.rows, grid.columns)
    )
    idea: Floats = np.clip(rows[:, None] + columns[None, :] - overall, 0.02, 0.98)
    return idea


def _data(grid: Grid, mean: Floats) -> _Data:
    """The grid's rates and their errors, the latter computed at the rates in `mean`."""
    at = (np.array(grid.row), np.array(grid.column))
    totals = np.array([[getattr(cell, name) for cell in grid.cells] for name in ("n", "y", "nn", "ny", "yy")], float)
    n, y, nn, _, _ = totals
    one, alike = _likeness(totals, mean[at] * (1 - mean[at]))
    known, rate, own, squares, size = (np.zeros(mean.shape) for _ in range(5))
    answered = np.maximum(n, 1.0)
    known[at], rate[at], squares[at], size[at] = n > 0, y / answered, nn, n
    own[at] = mean[at] * (1 - mean[at]) * (one * n + alike * np.maximum(nn - n, 0.0)) / answered**2

    def shared(axis: int, margin: Sequence[Summary]) -> Floats:
        # The errors of two cells of a row correlate because users answer in both: their sum over all pairs of cells, as a mean.
        pairs = np.array([s.nn for s in margin]) - squares.sum(axis)
        places = size.sum(axis) ** 2 - (size**2).sum(axis)
        level = (mean * size).sum(axis) / np.maximum(size.sum(axis), 1e-300)
        covariance: Floats = alike * level * (1 - level) * np.maximum(pairs, 0.0) / np.maximum(places, 1.0)
        return covariance

    return _Data(rate, known, own, shared(1, grid.rows), shared(0, grid.columns))


def _likeness(totals: Floats, chance: Floats) -> tuple[float, float]:
    """The variance of one answer and the covariance of two answers of one user, as multiples of a yes-or-no answer's variance."""
    from scipy.optimize import lsq_linear

    telling = (totals[0] > 0) & (totals[0] ** 2 >= _FEWEST * totals[2])
    (n, y, nn, ny, yy), chance = totals[:, telling], chance[telling]
    r, users = y / n, n * n / nn
    spread = np.maximum(yy - 2 * r * ny + r * r * nn, 0.0)
    # Around a cell's own rate the spread is too small, by one user of its effective ones for answers and by two for persons.
    sides = np.stack([chance * n * (1 - 1 / users), chance * np.maximum(nn - n, 0.0) * (1 - 2 / users)], axis=1)
    weight = 1 / np.sqrt(chance * nn * n) if len(n) else n
    # The prior: two answers of a user a little alike, with the weight of a few cells; and of yes or no where nothing else tells.
    prior = np.array([[_USUAL_LIKENESS, -1.0], [0.03, 0.0]])
    found = lsq_linear(np.r_[sides * weight[:, None], prior], np.r_[spread * weight, 0.0, 0.03], bounds=(0.0, 1.0)).x
    return max(float(found[0]), 0.01), float(found[1])


def _posterior(data: _Data) -> tuple[Floats, Floats]:
    """Mean and variance of every cell's rate, averaged over all combinations of standard deviations by their likelihood."""
    flip = data.rate.shape[0] > data.rate.shape[1]
    if flip:  # the cost is cubic in rows and linear in columns
        data = _Data(data.rate.T, data.known.T, data.own.T, data.with_column, data.with_row)
    prior = np.log(_SPREADS / (1 + (_SPREADS / _USUAL_SPREAD) ** 2))
    top, total = -math.inf, 0.0
    means, squares = np.zeros(data.rate.shape), np.zeros(data.rate.shape)
    for a, b, d in product(range(len(_SPREADS)), repeat=3):
        log, mean, variance = _given(data, *(float(_SPREADS[i]) ** 2 for i in (a, b, d)))
        log += float(prior[a] + prior[b] + prior[d])
        past, weight = (math.exp(top - log), 1.0) if log > top else (1.0, math.exp(log - top))
        top, total = max(top, log), total * past + weight  # all in the scale of the likeliest so far
        means, squares = means * past + weight * mean, squares * past + weight * (variance + mean**2)
    mean = means / total
    variance = np.maximum(squares / total - mean**2, 1e-9)
    return (mean.T, variance.T) if flip else (mean, variance)


def _given(data: _Data, rows: float, columns: float, cells: float) -> tuple[float, Floats, Floats]:
    """For given variances of rows, columns and cells: their log likelihood, and mean and variance of every cell's rate."""
    p = data.known / (data.own + cells)
    row_spread, column_spread = rows + data.with_row, columns + data.with_column
    # The unknowns are the overall mean and each row's effect; the columns' effects are eliminated.
    across, down = p.sum(1), p.sum(0)
    d = down + 1 / column_spread
    w = np.vstack([down, p])
    n = np.zeros((len(across) + 1, len(across) + 1))
    n[0, 0], n[0, 1:], n[1:, 0] = across.sum(), across, across
    n[1:, 1:] = np.diag(across + 1 / row_spread)
    s = n - (w / d) @ w.T
    q = (p * data.rate).sum(0)
    right = np.r_[(p * data.rate).sum(), (p * data.rate).sum(1)] - (w / d) @ q
    inverse = np.linalg.inv(s)
    x = inverse @ right
    b = (q - w.T @ x) / d
    fit = (p * data.rate**2).sum() - (q * q / d).sum() - right @ x
    logs = np.log((data.own + cells)[data.known > 0]).sum() + np.log(row_spread).sum() + np.log(column_spread).sum()
    log = -0.5 * (logs + np.linalg.slogdet(s)[1] + np.log(d).sum() + fit)
    # A cell's estimate is its own rate with weight `own`, and mean + row + column for the rest; what rows and columns share because of
    # the same users' errors is no effect of theirs and is left out.
    own = cells / (data.own + cells) * data.known
    by_row, by_column = (rows / row_spread)[:, None] - own, (columns / column_spread)[None, :] - own
    mean = own * data.rate + (1 - own) * x[0] + by_row * x[1:, None] + by_column * b[None, :]
    to_x = -(inverse @ w) / d  # covariance of x with each column's effect
    column_variance = 1 / d - (to_x * w).sum(0) / d
    row_variance = np.diag(inverse)[1:, None]
    variance = (
        (1 - own) ** 2 * inverse[0, 0] + by_row**2 * row_variance + by_column**2 * column_variance
        + 2 * (1 - own) * (by_row * inverse[0, 1:, None] + by_column * to_x[0]) + 2 * by_row * by_column * to_x[1:]
    )  # fmt: skip
    variance += np.where(data.known > 0, own * data.own, cells)
    variance += (rows / row_spread * data.with_row)[:, None] + (columns / column_spread * data.with_column)[None, :]
    return float(log), mean, variance
