"""Nearest neighbours: the exact ones against the plain definition, those by cells against the exact ones."""

from __future__ import annotations

import numpy as np

from everyturn.intents import neighbours
from everyturn.intents.grid import GRID, middles, on_grid


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


def test_of_some_rows_the_neighbours_are_those_among_them(monkeypatch):
    vectors = rows(3000)
    among = np.random.default_rng(3).permutation(3000)[:1500]
    expected = neighbours.nearest(vectors[among], 5)
    assert np.array_equal(neighbours.nearest(vectors, 5, among), expected)
    monkeypatch.setattr(neighbours, "EXACT", 100)
    monkeypatch.setattr(neighbours, "_CELL", 64)
    monkeypatch.setattr(neighbours, "_AT_ONCE", 400)
    by_cells = neighbours.nearest(vectors, 5, among)
    assert np.array_equal(by_cells, neighbours.nearest(vectors[among], 5))
    assert (by_cells[0] == expected[0]).mean() > 0.9


def test_where_cells_are_too_small_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT", 10)
    monkeypatch.setattr(neighbours, "_CELL", 4)
    monkeypatch.setattr(neighbours, "_LOOKED_AT", 2)
    column, weight = neighbours.nearest(rows(60), 20)
    assert ((column == -1) == (weight == 0)).all()
    assert (column == -1).any()
    for row, found in enumerate(column.tolist()):
        there = [other for other in found if other >= 0]
        assert there == sorted(set(there) - {row})
    assert (column >= 0).any(axis=1).mean() > 0.9


def test_where_all_rows_are_alike_each_is_compared_with_few(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT", 100)
    monkeypatch.setattr(neighbours, "_CELL", 16)
    compared = []
    greatest = neighbours._greatest
    monkeypatch.setattr(neighbours, "_greatest", lambda found, k: compared.append(found.size) or greatest(found, k))
    n = 4000
    alike = np.repeat(rows(1), n, axis=0)
    column, weight = neighbours.nearest(alike, 5)
    assert (column >= 0).all()
    assert not (column == np.arange(n)[:, None]).any()
    assert np.allclose(weight, 1, atol=1e-3)
    assert sum(compared) < n * (16 * 8 * 8 + 4 * n // 16 + 100)  # in 8 cells of 8 times 16, and the centres four times


def test_the_middles_are_the_directions_of_the_means(monkeypatch):
    monkeypatch.setattr("everyturn.intents.grid._GROUPS", 3)
    monkeypatch.setattr("everyturn.intents.grid._BATCH", 7)
    vectors, random = rows(80), np.random.default_rng(4)
    among = random.permutation(80)[:50]
    labels = random.integers(0, 8, 50)
    labels[labels == 4] = 5
    found = middles(vectors, labels, among, groups=8)
    for group in range(8):
        mean = vectors[among[labels == group]].sum(axis=0)
        assert np.allclose(found[group] / GRID, mean / np.linalg.norm(mean) if group != 4 else 0, atol=1e-3)


def test_the_order_by_content_does_not_depend_on_where_rows_stand():
    vectors = rows(500)
    order = neighbours.content_order(vectors)
    moved = np.random.default_rng(2).permutation(500)
    assert np.allclose(vectors[order], vectors[moved][neighbours.content_order(vectors[moved])])
