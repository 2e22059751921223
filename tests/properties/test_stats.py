"""Laws every range keeps, whatever the data."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.stats import Estimate, Summary
from everyturn.stats.compare import benjamini_hochberg, split_difference
from everyturn.stats.intervals import always_valid, difference, rate, smallest_change, unknown_bounds
from everyturn.stats.summaries import join, summarise, summarise_one

law = settings(deadline=None, max_examples=60)  # the first call imports scipy

answers = st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(float(n)), st.integers(0, n).map(float)))
people = st.lists(answers, min_size=10, max_size=60)
tables = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 15), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2)),
    min_size=1,
    max_size=80,
)


def columns(pairs):
    n, y = np.array(pairs).T
    return n, y


def of(pairs):
    n, y = columns(pairs)
    return summarise_one(np.arange(len(n)), n, y)


@law
@given(people)
def test_a_range_holds_its_value_lies_within_bounds_and_has_width(pairs):
    made = of(pairs)
    for estimate in (rate(made), always_valid(rate(made))):
        assert isinstance(estimate, Estimate)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.low < estimate.high
    assert 0 < smallest_change(made, weeks=4) <= 1


@law
@given(people)
def test_a_higher_level_is_wider(pairs):
    made = of(pairs)
    narrow, wide = rate(made, level=0.8), rate(made, level=0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@law
@given(people)
def test_yes_and_no_are_mirror_images(pairs):
    yes, no = rate(of(pairs)), rate(of([(n, n - y) for n, y in pairs]))
    assert np.allclose([yes.low, yes.value, yes.high], [1 - no.high, 1 - no.value, 1 - no.low], atol=1e-9)


@law
@given(people, st.integers(2, 4))
def test_the_same_people_copied_are_more_people(pairs, times):
    once, often = rate(of(pairs)), rate(of(pairs * times))
    assert np.isclose(once.value, often.value)
    assert often.high - often.low <= once.high - once.low + 1e-9


@law
@given(people, st.randoms(use_true_random=False))
def test_the_order_of_users_changes_nothing(pairs, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    assert of(mixed) == of(pairs)


@law
@given(tables, st.randoms(use_true_random=False))
def test_partitions_by_user_merge_to_the_whole_in_any_order(rows, random):
    group, user, n, extra, unknown = np.array(rows).T
    y = np.minimum(n, extra)
    whole = summarise(group, user, n, y, unknown, groups=4)
    parts = [summarise(*(c[user % 3 == k] for c in (group, user, n, y, unknown)), groups=4) for k in range(3)]
    random.shuffle(parts)
    assert [a + b + c for a, b, c in zip(*parts, strict=True)] == whole


@law
@given(people, people)
def test_differences_are_antisymmetric_and_hold_their_value(first, second):
    forth, back = difference(of(first), of(second)), difference(of(second), of(first))
    assert np.isclose(forth.value, -back.value)
    assert np.allclose([forth.low, forth.high], [-back.high, -back.low])
    assert -1 <= forth.low <= forth.value <= forth.high <= 1


@law
@given(people, people)
def test_a_paired_difference_holds_its_value(first, second):
    size = min(len(first), len(second))
    (n1, y1), (n2, y2) = columns(first[:size]), columns(second[:size])
    zero, user = np.zeros(size), np.r_[np.arange(size), np.arange(size)]
    joint = join(user, (np.r_[n1, zero], np.r_[y1, zero]), (np.r_[zero, n2], np.r_[zero, y2]))
    made = difference(of(first[:size]), of(second[:size]), joint)
    assert made.low <= made.value <= made.high
    assert made.low < made.high


@law
@given(people, st.integers(0, 50))
def test_unknown_bounds_hold_the_rate(pairs, unknown):
    total = of(pairs)
    made = Summary(total.users, total.n, total.y, total.nn, total.ny, total.yy, unknown)
    low, high = unknown_bounds(made)
    assert low <= rate(made).value + 1e-12
    assert rate(made).value <= high + 1e-12


@law
@given(tables)
def test_a_split_adds_up(rows):
    group, user, n, extra, side = np.array(rows).T
    keep = n > 0
    group, user, n, y, current = (
        group[keep],
        user[keep],
        n[keep] * 1.0,
        np.minimum(n, extra)[keep] * 1.0,
        side[keep] > 0,
    )
    if not (current.any() and (~current).any()):
        return
    made = split_difference(user, group, current, n, y)
    raw = y[current].sum() / n[current].sum() - y[~current].sum() / n[~current].sum()
    assert np.isclose(made.total.value, raw)
    assert np.isclose(sum(p.mix.value for p in made.parts), made.mix.value)
    assert np.isclose(sum(p.within.value for p in made.parts), made.within.value)
    assert made.within.low <= made.within.value <= made.within.high


@law
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_believing_is_monotone(p, share):
    believed = benjamini_hochberg(p, share=share)
    if believed.any():
        worst = max(v for v, b in zip(p, believed, strict=True) if b)
        assert all(b for v, b in zip(p, believed, strict=True) if v < worst)
    assert not (believed & ~benjamini_hochberg(p, share=min(1.0, 2 * share))).any()
