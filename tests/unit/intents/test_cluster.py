"""Groups: as fine as is found again, the same each time, and each row where it is nearest."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from everyturn.intents.cluster import (
    _RESOLUTIONS,
    _consensus,
    _finest_within,
    _louvain,
    _settled,
    cluster,
    extend,
    neighbour_graph,
)
from everyturn.intents.grid import directions, group_sums, on_grid


def rows(counts, *, spread=0.9, seed=2, length=48):
    """Rows of length 1 about as many middles as there are counts, and the number of each row's middle."""
    random = np.random.default_rng(seed)
    subject = np.repeat(np.arange(len(counts)), counts)
    middles = random.standard_normal((len(counts), length))
    given = middles[subject] + spread * random.standard_normal((len(subject), length))
    return (given / np.linalg.norm(given, axis=1, keepdims=True)).astype(np.float32), subject


def test_subjects_of_any_number_and_size_are_separated():
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
    """Row by row, as `cluster` describes it: the cosine with the middle and .35 of the share of neighbours."""
    vectors, subject = rows([40] * 5, spread=2.8)
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
            joined.append(int(np.argmax(middles @ row + 0.35 * np.array(shares))))
        expected = np.array(joined)
    assert (found == expected).mean() > 0.99  # the rest are ties within the grid
    by_middle = (vectors @ directions(group_sums(vectors, found)).T).argmax(axis=1)
    assert (found != by_middle).any()  # neighbours decide some


def test_found_twice_the_groups_are_the_same():
    vectors, _ = rows([50] * 8, spread=1.8)
    first = cluster(vectors, seed=7)
    assert np.array_equal(first, cluster(vectors, seed=7))
    assert len(set(first.tolist())) > 1


def test_what_ten_runs_agree_on_depends_less_on_the_order():
    """Groups that overlap: two seeds agree more on the consensus than on single runs."""
    vectors, _ = rows([40] * 12, spread=2.2, length=24)
    graph = neighbour_graph(vectors, None)
    agreement = {
        find.__name__: np.mean(
            [adjusted_rand_score(find(graph, 4, seed), find(graph, 4, seed + 50)) for seed in range(0, 200, 100)]
        )
        for find in (_louvain, _consensus)
    }
    assert agreement["_consensus"] > agreement["_louvain"] + 0.03


def test_rows_in_a_telling_order_are_grouped_no_worse():
    vectors, subject = rows([40] * 12, spread=2.0, length=24)
    order = np.random.default_rng(5).permutation(len(vectors))
    sorted_, mixed = cluster(vectors, seed=7), cluster(vectors[order], seed=7)
    assert adjusted_rand_score(subject, sorted_) > adjusted_rand_score(subject[order], mixed) - 0.05


def test_the_finest_resolution_within_a_loss_lies_between_steps():
    """A curve that falls on a straight line after its best point, and what a thousandth changes."""
    curve = np.array([0.5, 0.7, 0.9, *np.linspace(0.9, 0.6, len(_RESOLUTIONS) - 3)])
    at = np.exp([_finest_within(curve, loss) for loss in (0.02, 0.05, 0.1)])
    assert (np.diff(at) > 0).all()
    assert not np.isin(at, _RESOLUTIONS).any()
    other = curve + np.where(np.arange(len(curve)) % 2, 0.001, -0.001)
    assert np.allclose(np.exp(_finest_within(other, 0.05)), at[1], rtol=0.05)
    assert np.isclose(np.exp(_finest_within(np.ones(len(_RESOLUTIONS)), 0.05)), _RESOLUTIONS[-1])


def test_rows_that_stand_for_many_count_as_many():
    """A known group of two subjects, the second of which few rows stand for: what comes there is new unless they mean many."""
    vectors, subject = rows([60, 70, 60])
    known = np.array([0, 0, 1])[subject]
    coming = np.flatnonzero(subject == 1)[10:]
    known[coming] = -1
    as_they_are = extend(vectors, known, sizes=np.array([70, 60]), seed=7)
    assert set(as_they_are[coming].tolist()) == {2}
    for_many = extend(vectors, known, sizes=np.array([7_000, 60]), seed=7)
    assert set(for_many[coming].tolist()) == {0}
    for found in (as_they_are, for_many):
        assert np.array_equal(found[known >= 0], known[known >= 0])
