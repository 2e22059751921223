"""How sure an assignment is: what halves that share no text say of the groups."""

from collections import Counter

import numpy as np
import pytest

from everyturn.intents import certainty
from everyturn.intents.certainty import odds
from everyturn.intents.membership import learn


def clouds(groups, *, size=60, spread=0.5, seed=1):
    """Rows of length 1 about that many directions, and whose each is."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups), size)
    rows = random.normal(size=(groups, 24))[labels] + random.normal(size=(groups * size, 24)) * spread
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def chances(vectors, labels):
    """Each member's chance in its own group, without itself."""
    familiar = np.ones(len(labels))
    learnt = learn(vectors, labels, familiar, seed=7).sure(odds(vectors, labels, familiar, seed=7))
    return learnt.membership.confidence(vectors, labels, familiar, itself=learnt.itself)[0]


def test_groups_that_halves_find_again_are_surer_than_groups_they_do_not():
    clear, blurred = (chances(*clouds(8, spread=spread)).mean() for spread in (0.4, 2.0))
    assert clear > 0.75
    assert blurred < clear - 0.15


def test_groups_that_nothing_supports_are_hardly_believed():
    vectors, labels = clouds(8)
    assert chances(vectors, np.random.default_rng(3).permutation(labels)).mean() < 0.5


def test_a_group_that_holds_two_things_is_the_loosest():
    vectors, labels = clouds(9)
    held = np.where(labels == 8, 0, labels)
    firmness = odds(vectors, held, np.ones(len(held)), seed=7).firmness
    assert len(firmness) == 8
    assert firmness.argmin() == 0


def test_the_chance_grows_with_the_margin_even_where_halves_see_no_use_in_it():
    vectors, labels = clouds(6, spread=3.0)
    told = odds(vectors, labels, np.ones(len(labels)), seed=7)
    margins = np.linspace(0, 1, 21)
    for group in range(6):
        assert (np.diff(told.chance(margins, np.full(21, group))) > 0).all()


def test_of_few_texts_nothing_is_known():
    vectors, labels = clouds(3, size=5)
    told = odds(vectors, labels, np.ones(len(labels)), seed=7)
    assert 0.3 < told.chance(np.array([0.5]), np.array([0]))[0] < 0.7
    assert told.firmness.tolist() == [0, 0, 0]


def test_no_groups_have_odds_too():
    assert odds(np.zeros((3, 4), np.float32), np.full(3, -1), np.ones(3), seed=7).firmness.tolist() == []


def test_the_same_texts_have_the_same_odds():
    vectors, labels = clouds(5)
    one, other = (odds(vectors, labels, np.ones(len(labels)), seed=7) for _ in range(2))
    assert (one.middle, one.slope, one.firmness.tolist()) == (other.middle, other.slope, other.firmness.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_a_text_lies_with_most_of_the_others_of_its_group_as_counted_one_by_one(seed):
    random = np.random.default_rng(seed)
    group, cut = random.integers(0, 4, 60), random.integers(0, 1 + seed, 60)
    slow = []
    for row in range(60):
        others = Counter(cut[i] for i in range(60) if i != row and group[i] == group[row])
        slow.append(others[cut[row]] > 0 and others[cut[row]] == max(others.values()))
    assert certainty._with_most(group, cut).tolist() == slow


def test_a_cut_counts_by_how_far_it_is_found_again_and_coarser_and_finer_count_alike():
    stability = np.array([0.8, 0.9, 1.0, 0.85, 0.6])
    weights = certainty._weights(stability, 3)
    assert weights.sum() == pytest.approx(1)
    assert weights[4] == 0  # four tenths are lost
    assert weights[0] < weights[1] < weights[2]
    assert weights[3] > 0.5  # nothing finer is found again: its half is the discovery's own
