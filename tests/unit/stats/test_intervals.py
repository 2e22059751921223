import math
from dataclasses import replace

import numpy as np
import pytest

from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.intervals import (
    NEEDED_USERS,
    always_valid,
    chained,
    difference,
    half_width,
    picked,
    rate,
    smallest_change,
    subtract,
    unknown_bounds,
    wilson,
)
from everyturn.stats.summaries import join, summarise_one


def users(seed, count, p=0.7, mean=4.0, spread=0.8):
    """(n, y) per user: users differ, heavy users among them."""
    rng = np.random.default_rng(seed)
    n = np.ceil(rng.lognormal(np.log(mean), spread, count))
    return n, rng.binomial(n.astype(int), rng.beta(6 * p, 6 * (1 - p), count)).astype(float)


def summary(n, y):
    return summarise_one(np.arange(len(n)), n, y)


def test_the_middle_is_the_ratio_and_the_width_the_linearised_one():
    n, y = users(0, 4000)
    estimate = rate(summary(n, y))
    r = y.sum() / n.sum()
    by_hand = math.sqrt(len(n) / (len(n) - 1) * ((y - r * n) ** 2).sum()) / n.sum()
    assert estimate.value == pytest.approx(r)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * by_hand, rel=0.01)
    assert estimate.users == 4000
    assert estimate.n == n.sum()


def test_counting_answers_as_independent_would_be_narrower():
    n, y = users(1, 300, mean=20)
    clustered, naive = rate(summary(n, y)), wilson(y.sum(), int(n.sum()))
    assert clustered.high - clustered.low > 1.5 * (naive.high - naive.low)


@pytest.mark.parametrize("y", [0.0, 1.0])
@pytest.mark.parametrize("answers", [1.0, 25.0])
def test_full_agreement_is_not_certainty(y, answers):
    n = np.full(30, answers)
    estimate = rate(summary(n, n * y))
    assert estimate.value == y
    assert 0 <= estimate.low <= y <= estimate.high <= 1
    assert estimate.high - estimate.low > 0.005
    lone = rate(summary(np.ones(30), np.full(30, y)))
    assert estimate.high - estimate.low <= lone.high - lone.low


def test_too_few_users_give_no_number():
    n, y = users(2, NEEDED_USERS - 1)
    assert rate(summary(n, y)) == NotEnough(NEEDED_USERS - 1, NEEDED_USERS)
    assert isinstance(rate(summary(n, y), needed=3), Estimate)
    assert rate(Summary(0, 0, 0, 0, 0, 0), needed=0) == NotEnough(0, 1)
    assert isinstance(always_valid(rate(summary(n, y))), NotEnough)
    assert isinstance(smallest_change(summary(n, y), weeks=4), NotEnough)


def test_one_user_still_has_a_range():
    estimate = rate(summary(np.array([40.0]), np.array([20.0])), needed=1)
    assert estimate.low < 0.2
    assert estimate.high > 0.8


def test_a_graded_rate_is_as_sharp_as_its_spread():
    rng = np.random.default_rng(3)
    graded = rate(summary(np.ones(500), 0.4 + 0.02 * rng.standard_normal(500)))
    assert graded.high - graded.low < 0.02
    assert graded.low < 0.4 < graded.high


def test_unknowns_are_carried_and_bound_the_rate():
    made = summarise_one([0, 1, 2], [2, 2, 2], [2, 1, 0], [1, 0, 1])
    assert rate(made, needed=2).unknown == 2
    assert unknown_bounds(made) == (3 / 8, 5 / 8)
    assert unknown_bounds(Summary(0, 0, 0, 0, 0, 0)) == (0.0, 1.0)


def test_always_valid_is_wider_by_the_stated_factor():
    n, y = users(4, 2000)
    fixed = rate(summary(n, y))
    anytime = always_valid(fixed)
    watched = fixed.users / 20
    factor = math.sqrt((1 + 1 / watched) * math.log((1 + watched) / 0.05**2)) / 1.96
    assert (anytime.high - anytime.low) / (fixed.high - fixed.low) == pytest.approx(factor, rel=0.001)
    assert 1.5 < factor < 1.8
    assert anytime.value == fixed.value


def test_always_valid_stays_where_the_number_can_be():
    few, gain = rate(summary(np.ones(12), np.ones(12))), Estimate(0.01, 0.002, 0.018, users=40, n=90)
    assert always_valid(few).high == 1.0
    assert always_valid(gain).low == 0.0
    assert always_valid(gain, least=-1.0).low == pytest.approx(-0.0037, abs=0.001)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_was_picked_reaches_further_towards_nothing_alone(sign):
    value = Estimate(sign * 0.2, sign * 0.2 - 0.06, sign * 0.2 + 0.06, users=160, n=900)
    plain, alone, one_of_many = always_valid(value, least=-1.0), picked(value, share=1.0), picked(value, share=0.01)
    assert (alone.low, alone.high) == pytest.approx((plain.low, plain.high))
    near, far = ("low", "high") if sign > 0 else ("high", "low")
    assert abs(getattr(one_of_many, near)) < abs(getattr(plain, near))
    assert getattr(one_of_many, far) == getattr(plain, far)
    assert picked(Estimate(0.9, 0.1, 1.0, users=12, n=12), share=1e-9).low == -1.0


def test_pairing_the_same_users_narrows_a_difference():
    n, y = users(5, 400, spread=0.3, mean=15)
    n2, y2 = n, np.minimum(y + 1, n)
    user = np.r_[np.arange(400), np.arange(400)]
    zero = np.zeros(400)
    joint = join(user, (np.r_[n2, zero], np.r_[y2, zero]), (np.r_[zero, n], np.r_[zero, y]))
    paired, independent = difference(summary(n2, y2), summary(n, y), joint), difference(summary(n2, y2), summary(n, y))
    assert paired.value == pytest.approx(independent.value)
    assert paired.high - paired.low < 0.5 * (independent.high - independent.low)
    assert (paired.users, independent.users) == (400, 800)


def test_a_difference_with_itself_is_nothing_and_not_certain():
    n, y = users(6, 50)
    zero, user = np.zeros(50), np.r_[np.arange(50), np.arange(50)]
    joint = join(user, (np.r_[n, zero], np.r_[y, zero]), (np.r_[zero, n], np.r_[zero, y]))
    same = difference(summary(n, y), summary(n, y), joint)
    assert same.value == 0
    assert same.low < 0 < same.high


def test_a_difference_needs_users_on_both_sides():
    few, many = summary(*users(7, 4)), summary(*users(8, 40))
    assert difference(few, many) == NotEnough(4, NEEDED_USERS)
    assert difference(many, few) == NotEnough(4, NEEDED_USERS)


def test_differences_stay_within_one():
    certain = Estimate(1.0, 0.9, 1.0, users=20, n=20)
    none = Estimate(0.0, 0.0, 0.1, users=20, n=20)
    assert subtract(certain, none).high == 1.0
    assert subtract(none, certain).low == -1.0


def test_wilson_is_the_textbook_range():
    made = wilson(8, 10)
    assert (made.low, made.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == NotEnough(0, 1)


def test_a_chain_is_the_product_with_the_range_of_simulation():
    rng = np.random.default_rng(9)
    n1 = np.ceil(rng.lognormal(1, 0.5, 300))
    p1, p2 = rng.beta(6, 3, 300), rng.beta(9, 1, 300)
    made = []
    for _ in range(300):
        y1 = rng.binomial(n1.astype(int), p1).astype(float)
        y2 = rng.binomial(y1.astype(int), p2).astype(float)
        zero, user = np.zeros(300), np.r_[np.arange(300), np.arange(300)]
        joint = join(user, (np.r_[n1, zero], np.r_[y1, zero]), (np.r_[zero, y1], np.r_[zero, y2]))
        both = chained(summary(n1, y1), summary(y1, y2), joint)
        assert both.value == pytest.approx(y2.sum() / n1.sum())
        made.append(both)
    direct = rate(summary(n1, y2))
    assert (made[-1].low, made[-1].high) == pytest.approx((direct.low, direct.high), abs=0.004)


def test_a_chain_counts_what_is_open_in_its_second_step_once():
    first = replace(summary(np.ones(50), np.r_[np.ones(40), np.zeros(10)]), unknown=30)
    second = replace(summary(np.ones(25), np.r_[np.ones(20), np.zeros(5)]), unknown=15)
    both = chained(first, second, None)
    assert (both.n, both.unknown) == (35, 45)  # 80 in all, as many as the first step has
    assert both.value == pytest.approx(0.8 * 0.8)


def test_more_data_show_smaller_changes():
    little, much = (smallest_change(summary(*users(10, count)), weeks=4) for count in (50, 5000))
    assert little > 5 * much
    n = np.ones(20)
    assert 0.1 < smallest_change(summary(n, n), weeks=4) <= 1


def test_half_width_is_student_for_equal_normal_influences():
    from scipy.stats import t

    rng = np.random.default_rng(11)
    psi = rng.standard_normal(4000) / 4000
    by_hand = t.ppf(0.975, 3999) * math.sqrt((psi**2).sum())
    assert half_width(psi) == pytest.approx(by_hand, rel=0.01)
    assert half_width(np.zeros(5)) == half_width(np.array([1.0])) == 0


def test_json_shapes():
    made = rate(summary(*users(12, 40)))
    assert set(made.to_json()) == {"value", "low", "high", "level", "users", "n", "unknown", "method"}
    assert NotEnough(4, 10).to_json() == {"not_enough": {"users": 4, "needed": 10}}
    assert str(made).endswith("95% · 40 users")
