"""Cells drawn to row plus column, against the same model written out as one large normal distribution."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats import cells as under_test
from everyturn.stats.cells import Grid, draw_cells
from everyturn.stats.summaries import summarise


def grid_of(user, row, column, y, *, rows, columns):
    """The grid of single answers; cells nobody asked in are left out."""
    one = np.ones(len(user))
    made = summarise(row * columns + column, user, one, y, groups=rows * columns)
    there = [i for i, cell in enumerate(made) if cell.n > 0]
    return Grid(
        [made[i] for i in there],
        [i // columns for i in there],
        [i % columns for i in there],
        summarise(row, user, one, y, groups=rows),
        summarise(column, user, one, y, groups=columns),
    )


def draw(seed, *, rows=3, columns=5, users=60, answers=400):
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, answers)
    row, column = user % rows, (rng.random(answers) ** 2 * columns).astype(int)
    rate = 0.5 + 0.1 * row - 0.05 * column
    return grid_of(user, row, column, (rng.random(answers) < rate).astype(float), rows=rows, columns=columns)


def reference(data, spreads):
    """Log likelihood, means and variances by dense matrices: every cell's rate, its error and the mean in one normal distribution."""
    rows, columns = data.rate.shape
    places = list(product(range(rows), range(columns)))
    known = [i for i, at in enumerate(places) if data.known[at]]
    same_row = np.array([[a[0] == b[0] for b in places] for a in places], float)
    same_column = np.array([[a[1] == b[1] for b in places] for a in places], float)
    vague = 1e4  # the mean may be anything
    truth = vague + spreads[0] * same_row + spreads[1] * same_column + spreads[2] * np.eye(len(places))
    error = (
        same_row * np.array([data.with_row[a[0]] for a in places])
        + same_column * np.array([data.with_column[a[1]] for a in places])
        + np.diag([data.own[a] for a in places])
    )
    seen = (truth + error)[np.ix_(known, known)]
    rate = np.array([data.rate[places[i]] for i in known])
    gain = np.linalg.solve(seen, truth[known]).T
    variance = np.diag(truth - gain @ truth[known])
    log = -0.5 * (np.linalg.slogdet(seen)[1] + rate @ np.linalg.solve(seen, rate))
    return log, (gain @ rate).reshape(rows, columns), variance.reshape(rows, columns)


@pytest.mark.parametrize("seed", range(4))
def test_each_model_gives_what_dense_matrices_give(seed):
    grid = draw(seed, rows=3 + seed, answers=60)  # few answers: some cells are empty
    data = under_test._data(grid, under_test._first_idea(grid))
    logs = []
    for spreads in ((0.0004, 0.0001, 0.0016), (0.01, 0.02, 0.0001), (0.1, 0.000025, 0.1)):
        log, mean, variance = under_test._given(data, *spreads)
        slow, slow_mean, slow_variance = reference(data, spreads)
        logs.append(log - slow)
        assert mean == pytest.approx(slow_mean, abs=1e-4)
        assert variance == pytest.approx(slow_variance, rel=1e-3, abs=1e-6)
    assert logs == pytest.approx([logs[0]] * 3, abs=1e-2)  # the same but for a constant


def test_turned_on_its_side_it_is_the_same_table():
    grid = draw(3, rows=6, columns=3)
    turned = Grid(grid.cells, grid.column, grid.row, grid.columns, grid.rows)
    for one, other in zip(draw_cells(grid), draw_cells(turned), strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-9)


def test_few_answers_are_drawn_far_and_many_hardly():
    rng = np.random.default_rng(4)
    row, column = (
        np.repeat([0, 0, 0, 1, 1, 1], [300, 300, 300, 300, 300, 4]),
        np.repeat([0, 1, 2, 0, 1, 2], [300, 300, 300, 300, 300, 4]),
    )
    y = (rng.random(len(row)) < np.array([0.9, 0.7, 0.5])[column]).astype(float)
    y[-4:] = [0, 0, 0, 0]
    grid = grid_of(np.arange(len(row)), row, column, y, rows=2, columns=3)
    drawn = draw_cells(grid)
    assert drawn[-1].value == pytest.approx(0.5, abs=0.15)  # none of four, where five in ten do so elsewhere
    assert (drawn[-1].n, drawn[-1].users) == (4, 4)
    for cell, found in zip(grid.cells[:-1], drawn[:-1], strict=True):
        assert found.value == pytest.approx(cell.y / cell.n, abs=0.02)
        assert found.high - found.low < 0.15 < drawn[-1].high - drawn[-1].low


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 6), st.integers(10, 40), st.integers(1, 200))
def test_every_table_gives_numbers_between_0_and_1(seed, rows, columns, users, answers):
    grid = draw(seed, rows=rows, columns=columns, users=users, answers=answers)
    for cell, found in zip(grid.cells, draw_cells(grid, needed=1), strict=True):
        assert isinstance(found, Estimate)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high
        assert found.n == cell.n


def test_a_table_whose_answers_are_all_yes_still_has_ranges():
    one = np.ones(40)
    grid = grid_of(np.arange(40), np.arange(40) % 2, np.arange(40) % 4 // 2, one, rows=2, columns=2)
    for found in draw_cells(grid):
        assert 0.85 < found.value < 1
        assert found.low > 0.7


def test_too_few_people_are_no_table():
    none = draw_cells(draw(1, users=4))
    assert none
    assert all(isinstance(cell, NotEnough) for cell in none)
    assert draw_cells(Grid([], [], [], [], [])) == []


def test_a_cell_without_a_known_answer_says_so():
    grid = draw(2)
    empty = Summary(0, 0, 0, 0, 0, 0, unknown=3)
    drawn = draw_cells(
        Grid([*grid.cells[1:], empty], [*grid.row[1:], 0], [*grid.column[1:], 0], grid.rows, grid.columns)
    )
    assert drawn[-1] == NotEnough(0, 1)
    assert all(isinstance(cell, Estimate) for cell in drawn[:-1])
