"""Groups: as fine as is found again, the same each time, and each row where it is nearest."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from everyturn.intents.cluster import _settled, cluster, neighbour_graph
from everyturn.intents.grid import directions, group_sums, on_grid


def rows(counts, *, spread=0.9, seed=2, length=48):
    """Rows of length 1 about as many middles as there are counts, and the number of each row's middle."""
    random = np.random.default_rng(seed)
    subject = np.repeat(np.arange(len(counts)), counts)
    middles = random.standard_normal((len(counts), length))
    given = middles[subject] + spread * random.standard_normal((len(subject), length))
    return (given / np.linalg.norm(given, axis=1, keepdims=True)).astype(np.float32), subject


def test_subjects_few_or_many_small_or_large_come_apart_untold():
    for counts in ([60] * 12, [25] * 20, [200, 60, 40, 30]):
        vectors, subject = rows(counts)
        found = cluster(vectors, seed=7)
        assert found.max() + 1 == len(counts)
        assert adjusted_rand_score(subject, found) > 0.98


def test_each_row_is_in_the_group_whose_middle_is_nearest():
    vectors, _ = rows([80] * 6, spread=1.6)
    found = cluster(vectors, seed=7)
    middles = on_grid(directions(group_sums(vectors, found)))
    assert (found == (on_grid(vectors) @ middles.T).argmax(axis=1)).mean() > 0.95


def test_a_row_joins_the_group_of_its_middle_and_of_its_neighbours():
    """Row by row, as `cluster` describes it: the cosine with the middle and a fifth of the share of neighbours."""
    vectors, subject = rows([40] * 5, spread=2.0)
    random = np.random.default_rng(3)
    expected = np.where(random.random(len(subject)) < 0.3, random.integers(0, 5, len(subject)), subject)
    graph = neighbour_graph(vectors, None)
    found = _settled(vectors, graph, expected)
    for _ in range(3):
        middles = directions(group_sums(vectors, expected)).astype(np.float64)
        joined = []
        for i, row in enumerate(vectors.astype(np.float64)):
            weight = graph[i].toarray().ravel()
            shares = [weight[expected == group].sum() / weight.sum() for group in range(5)]
            joined.append(int(np.argmax(middles @ row + 0.2 * np.array(shares))))
        expected = np.array(joined)
    assert (found == expected).mean() > 0.99  # the rest are ties within the grid
    by_middle = (vectors @ directions(group_sums(vectors, found)).T).argmax(axis=1)
    assert (found != by_middle).any()  # neighbours decide some


def test_found_twice_the_groups_are_the_same():
    vectors, _ = rows([50] * 8, spread=1.8)
    first = cluster(vectors, seed=7)
    assert np.array_equal(first, cluster(vectors, seed=7))
    assert len(set(first.tolist())) > 1
