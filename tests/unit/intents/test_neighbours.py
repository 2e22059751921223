"""Nearest neighbours: the exact ones against the plain definition, those by cells against the exact ones."""

from __future__ import annotations

import numpy as np

from everyturn.intents import neighbours
from everyturn.intents.grid import GRID, on_grid


def rows(n, width=24, seed=1, subjects=40):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((subjects, width))[random.integers(0, subjects, n)] + 0.4 * random.standard_normal(
        (n, width)
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def slow(vectors, k):
    similarity = on_grid(vectors).astype(np.int64) @ on_grid(vectors).astype(np.int64).T
    np.fill_diagonal(similarity, -(10**12))
    # of equals the first
    order = np.lexsort((np.broadcast_to(np.arange(len(vectors)), similarity.shape), -similarity), axis=1)[:, :k]
    return np.sort(order, axis=1), similarity


def test_the_nearest_are_those_of_the_definition_ties_included():
    vectors = np.repeat(rows(60), 3, axis=0)  # every row three times: ties everywhere
    column, weight = neighbours.nearest(vectors, 7)
    expected, similarity = slow(vectors, 7)
    assert np.array_equal(column, expected)
    assert np.allclose(weight, np.take_along_axis(similarity, expected, axis=1) / GRID**2)


def test_cells_find_nearly_all_and_the_same_in_any_number_of_threads(monkeypatch):
    vectors = rows(6000)
    exact, _ = neighbours.nearest(vectors, 10)
    monkeypatch.setattr(neighbours, "EXACT", 100)
    monkeypatch.setattr(neighbours, "_CELL", 64)
    column, weight = neighbours.nearest(vectors, 10)
    found = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), column.tolist(), strict=True)])
    assert found > 0.95
    monkeypatch.setattr(neighbours.os, "sched_getaffinity", lambda _: {0}, raising=False)
    again, same = neighbours.nearest(vectors, 10)
    assert np.array_equal(column, again)
    assert np.array_equal(weight, same)
    assert not (column == np.arange(6000)[:, None]).any()


def test_the_order_by_content_does_not_depend_on_where_rows_stand():
    vectors = rows(500)
    order = neighbours.content_order(vectors)
    moved = np.random.default_rng(2).permutation(500)
    assert np.allclose(vectors[order], vectors[moved][neighbours.content_order(vectors[moved])])
