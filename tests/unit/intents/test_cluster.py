"""Groups of vectors, and when a vector is inside one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from everyturn.intents import cluster as clustering
from everyturn.intents.cluster import cluster, extend, settle
from everyturn.intents.grid import GRID, directions, group_sums, members, on_grid
from everyturn.intents.membership import learn


def blobs(groups=6, each=60, *, noise=0.6, dimensions=40, seed=0):
    """Unit vectors around `groups` random directions, and the group of each."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((groups, dimensions))
    truth = np.repeat(np.arange(groups), each)
    points = centres[truth] + noise * random.standard_normal((groups * each, dimensions))
    return (points / np.linalg.norm(points, axis=1)[:, None]).astype(np.float32), truth


def test_groups_come_apart_without_being_told_how_many():
    vectors, truth = blobs()
    labels = cluster(vectors, seed=7)
    assert adjusted_rand_score(truth, labels) > 0.98
    assert labels.max() == 5
    sizes = np.bincount(labels)
    assert (np.diff(sizes) <= 0).all()  # the largest first


def test_one_wording_sent_often_is_no_group_of_its_own():
    vectors, truth = blobs(groups=4, each=60, noise=0.7)
    random = np.random.default_rng(1)
    copies = np.repeat(vectors[:1], 200, axis=0) + 0.01 * random.standard_normal((200, vectors.shape[1]))
    copies = (copies / np.linalg.norm(copies, axis=1)[:, None]).astype(np.float32)
    labels = cluster(np.vstack([vectors, copies]), seed=7)
    assert adjusted_rand_score(np.append(truth, np.zeros(200)), labels) > 0.95


def test_rows_that_say_nothing_are_in_no_group():
    vectors, _ = blobs(groups=2, each=20)
    vectors[5] = 0
    assert cluster(vectors, seed=7)[5] == -1
    assert cluster(np.zeros((4, 3), np.float32), seed=7).tolist() == [-1] * 4
    assert cluster(np.zeros((0, 3), np.float32), seed=7).tolist() == []


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_rows_is_enough(n):
    vectors, _ = blobs(groups=1, each=n)
    assert cluster(vectors, seed=7).min() >= 0


def test_beyond_the_core_every_row_is_placed(monkeypatch):
    vectors, truth = blobs(groups=5, each=100)
    monkeypatch.setattr(clustering, "CORE", 150)
    labels = cluster(vectors, seed=7)
    assert adjusted_rand_score(truth, labels) > 0.95
    assert (labels >= 0).all()


def test_what_the_core_missed_becomes_a_group(monkeypatch):
    vectors, truth = blobs(groups=4, each=100, noise=0.3)
    rare, _ = blobs(groups=1, each=40, noise=0.3, seed=9)
    core = np.append(np.zeros(400, np.int64), np.ones(40, np.int64))  # the rare group last in the order of content
    monkeypatch.setattr(clustering, "CORE", 300)
    monkeypatch.setattr(clustering, "_content", lambda rows: core[: len(rows)])
    labels = cluster(np.vstack([vectors, rare]), seed=7)
    assert adjusted_rand_score(np.append(truth, np.full(40, 4)), labels) > 0.95


def test_known_rows_stay_and_new_ones_join_or_form_a_group():
    vectors, truth = blobs(groups=5, each=40, noise=0.3)
    known = np.where(truth < 4, truth, -1)
    known[::3] = -1
    labels = extend(vectors, known, seed=7)
    assert (labels[known >= 0] == known[known >= 0]).all()
    assert (labels[truth < 4] == truth[truth < 4]).mean() > 0.97
    assert set(labels[truth == 4]) == {4}


def test_known_groups_are_kept_apart_and_together():
    vectors, truth = blobs(groups=3, each=40, noise=0.3)
    known = np.where(truth == 2, 1, truth)  # two subjects were one intent
    known[np.arange(len(known)) % 4 == 0] = -1
    assert set(extend(vectors, known, seed=7)) == {0, 1}


def test_a_row_moves_only_to_a_group_that_fits_clearly_better():
    vectors, truth = blobs(groups=3, each=30, noise=0.3)
    wrong = truth.copy()
    wrong[0] = 2
    assert (settle(vectors, wrong, seed=7) == truth).all()


def test_products_on_the_grid_are_exact_in_any_order():
    vectors, _ = blobs(groups=3, each=50, dimensions=200)
    grid = on_grid(vectors)
    exact = grid.astype(np.int64) @ grid.T.astype(np.int64)
    shuffled = np.random.default_rng(0).permutation(200)
    assert (grid @ grid.T == exact).all()
    assert (grid[:, shuffled] @ grid[:, shuffled].T == exact).all()
    assert np.abs(grid @ grid.T / GRID**2 - vectors @ vectors.T).max() < 1e-3


def test_sums_and_members_of_groups():
    grid = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    labels = np.array([1, -1, 1])
    assert group_sums(grid, labels).tolist() == [[0, 0], [6, 8]]
    assert [rows.tolist() for rows in members(labels)] == [[], [0, 2]]
    assert directions(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 0], [pytest.approx(0.6), pytest.approx(0.8)]]


# --- inside ----------------------------------------------------------------------------------------------------


def test_members_are_inside_and_others_are_not():
    vectors, truth = blobs(groups=4, each=150)
    others, _ = blobs(groups=3, each=50, seed=5)
    half = np.arange(len(truth)) % 2 == 0
    membership = learn(vectors[half], truth[half], seed=7).membership
    inside, sure = membership.place(vectors[~half])
    assert (inside == truth[~half]).mean() > 0.93
    outside, unsure = membership.place(others)
    assert (outside >= 0).mean() < 0.1
    assert ((sure >= 0) & (sure <= 1)).all()
    assert np.median(sure) > np.median(unsure)


def test_the_cut_lets_in_all_but_three_per_cent_of_the_members():
    vectors, truth = blobs(groups=2, each=1000, seed=3)
    learnt = learn(vectors, truth, seed=7)
    out = learnt.own < learnt.membership.cut[truth]
    assert out.mean() == pytest.approx(0.03, abs=0.005)


def test_a_member_is_not_compared_with_itself():
    vectors = np.eye(4, dtype=np.float32)
    learnt = learn(vectors, np.array([0, 0, 1, 1]), seed=7)
    assert learnt.own.tolist() == [0, 0, 0, 0]
    alone = learn(vectors, np.array([0, 0, 0, 1]), seed=7)
    assert alone.own[3] == -1


def test_a_text_of_unknown_words_is_outside_whatever_it_shares():
    vectors, truth = blobs(groups=3, each=60)
    membership = learn(vectors, truth, np.ones(len(truth), np.float32), seed=7).membership
    assert membership.place(vectors[:1], np.array([0.2], np.float32))[0].tolist() == [-1]


def test_a_second_group_as_near_lowers_the_confidence():
    vectors, truth = blobs(groups=2, each=60, noise=0.2)
    membership = learn(vectors, truth, seed=7).membership
    between = directions((vectors[truth == 0].mean(axis=0) + vectors[truth == 1].mean(axis=0))[None].astype(np.float64))
    clear = vectors[:1]
    assert membership.place(between)[1][0] < membership.place(clear)[1][0]
