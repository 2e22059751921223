import numpy as np
import pytest

from everyturn.stats.sequential import (
    COUNT_SIZES,
    HARMFUL,
    RATE_SIZES,
    accumulate,
    bar,
    count_bets,
    direction_weights,
    factors,
    rate_bets,
)


def play(x, e, days=None, *, worse=-1):
    """The mixed evidence after each of a row of answers, one a day, by the functions of the module."""
    product, evidence = np.zeros((1, 6)), []
    for value, expected in zip(x, e, strict=True):
        one = np.array([expected])
        paid = rate_bets(one, np.array([value - expected]), one * (1 - one))
        product = accumulate(product, np.ones(1), factors(paid))
        evidence.append(float((product * direction_weights(worse)).sum()))
    return np.array(evidence)


def test_a_bet_is_fair_where_nothing_changed():
    for e in (0.02, 0.3, 0.72, 0.97):
        expected, variance = np.array([e]), np.array([e * (1 - e)])
        yes = np.exp(rate_bets(expected, 1 - expected, variance))
        no = np.exp(rate_bets(expected, -expected, variance))
        mean = e * yes + (1 - e) * no
        assert (mean <= 1 + 1e-12).all()  # a little below: the band of indifference
        assert (mean > 0.95).all()


def test_no_unit_pays_more_than_three_for_one():
    e = np.array([0.99, 0.01, 0.5])
    for mean in (-e, 1 - e):
        paid = rate_bets(e, mean, e * (1 - e) / 50)
        assert paid.max() <= np.log(3) + 0.02
        assert paid.min() >= np.log(0.05)


def test_count_bets_are_fair_for_poisson_counts():
    from scipy.stats import poisson

    counts = np.arange(200.0)
    for mean in (0.05, 1.0, 12.0):
        paid = np.exp(np.minimum(count_bets(counts, np.full(200, mean)), 500.0))
        assert (poisson.pmf(counts, mean) @ paid <= 1 + 1e-9).all()


def test_alarms_come_at_most_as_often_as_the_bar_says():
    rng = np.random.default_rng(1)
    gamma, horizon, streams = 300.0, 120, 150
    rang = 0
    for _ in range(streams):
        e = np.full(horizon, 0.7)
        rang += (play(rng.random(horizon) < 0.7, e) >= gamma).any()
    assert rang <= streams * horizon / gamma
    assert rang > 0  # the bar is near what it says, not far above


def test_a_drop_is_seen_and_a_rise_weighs_less():
    rng = np.random.default_rng(2)
    e = np.full(300, 0.7)
    down = play(np.r_[rng.random(150) < 0.7, rng.random(150) < 0.4], e)
    assert down[:150].max() < 2000 < down[-1]
    x = np.r_[rng.random(150) < 0.7, rng.random(150) < 0.95]
    assert play(x, e, worse=1)[-1] > play(x, e, worse=-1)[-1]


def test_weights_sum_to_one_and_the_sizes_are_both_ways():
    for worse in (-1, 1):
        weights = direction_weights(worse)
        assert weights.sum() == pytest.approx(1)
        assert weights[np.sign(RATE_SIZES) == worse].sum() == pytest.approx(HARMFUL)
    assert sorted(RATE_SIZES) == sorted(-RATE_SIZES)
    assert sorted(COUNT_SIZES) == sorted(-COUNT_SIZES)


def test_the_budget_is_divided_by_streams():
    assert bar(12, 1) * 12 == 365
    assert sum(1 / bar(12 / 4, n) * n for n in (3, 15, 164, 820)) == pytest.approx(12 / 365)


def test_a_flood_does_not_overflow():
    product = np.zeros((1, 6))
    for _ in range(50):
        product = accumulate(product, np.ones(1), factors(count_bets(np.array([1e4]), np.array([1.0]))))
    assert np.isfinite(product).all()
