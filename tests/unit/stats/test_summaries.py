import numpy as np
import pytest

from everyturn.stats import Summary
from everyturn.stats.summaries import Joint, join, per_user, sum_by, summarise, summarise_one


def reference(rows):
    """The six totals by hand: (user, n, y, unknown) rows of one group."""
    users = {}
    for user, n, y, unknown in rows:
        was = users.get(user, (0.0, 0.0, 0))
        users[user] = (was[0] + n, was[1] + y, was[2] + unknown)
    known = [u for u in users.values() if u[0] > 0]
    return Summary(
        len(known),
        sum(n for n, _, _ in users.values()),
        sum(y for _, y, _ in users.values()),
        sum(n * n for n, _, _ in users.values()),
        sum(n * y for n, y, _ in users.values()),
        sum(y * y for _, y, _ in users.values()),
        sum(u for _, _, u in users.values()),
    )


def random_rows(seed, size=400):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 4, size).astype(float)
    return (
        rng.integers(0, 5, size),
        rng.integers(0, 40, size),
        n,
        rng.binomial(n.astype(int), 0.6) * 1.0,
        rng.integers(0, 2, size),
    )


def test_vectorised_totals_are_those_by_hand():
    group, user, n, y, unknown = random_rows(0)
    rows = list(zip(user.tolist(), n.tolist(), y.tolist(), unknown.tolist(), strict=True))
    made = summarise(group, user, n, y, unknown, groups=6)
    assert len(made) == 6
    for g in range(6):
        assert made[g] == reference([row for row, of in zip(rows, group, strict=True) if of == g])
    assert made[5] == Summary(0, 0, 0, 0, 0, 0, 0)


def test_row_order_and_splitting_rows_change_nothing():
    group, user, n, y, unknown = random_rows(1)
    order = np.random.default_rng(2).permutation(len(n))
    whole = summarise(group, user, n, y, unknown, groups=5)
    assert summarise(group[order], user[order], n[order], y[order], unknown[order], groups=5) == whole
    twice = (np.r_[a, a] for a in (group, user, n / 2, y / 2, unknown / 2))
    assert summarise(*twice, groups=5) == whole


def test_summaries_of_disjoint_users_add_up():
    _, user, n, y, unknown = random_rows(3)
    parts = [user % 7 == k for k in range(7)]
    pieces = [summarise_one(user[p], n[p], y[p], unknown[p]) for p in parts]
    total = Summary(0, 0, 0, 0, 0, 0)
    for piece in reversed(pieces):
        total = piece + total
    assert total == summarise_one(user, n, y, unknown)


def test_a_user_with_only_unknown_outcomes_does_not_count():
    made = summarise_one([0, 1], [2, 0], [1, 0], [0, 3])
    assert (made.users, made.n, made.unknown) == (1, 2.0, 3)


def test_effective_users_is_the_number_of_users_when_all_weigh_the_same():
    assert summarise_one(np.arange(8), np.full(8, 3.0), np.ones(8)).effective_users == pytest.approx(8)
    assert Summary(0, 0, 0, 0, 0, 0).effective_users == 0


def test_joint_totals_are_those_by_hand():
    rng = np.random.default_rng(4)
    user = rng.integers(0, 6, 30)
    side = rng.random(30) < 0.5
    n, y = rng.integers(1, 4, 30).astype(float), rng.random(30)
    made = join(user, (n * side, y * side), (n * ~side, y * ~side))
    expected = Joint(0, 0, 0, 0, 0)
    for u in range(6):
        n1, y1 = n[(user == u) & side].sum(), y[(user == u) & side].sum()
        n2, y2 = n[(user == u) & ~side].sum(), y[(user == u) & ~side].sum()
        expected += Joint(int(n1 > 0 and n2 > 0), n1 * n2, n1 * y2, y1 * n2, y1 * y2)
    assert made.users == expected.users
    assert (made.nn, made.ny, made.yn, made.yy) == pytest.approx((expected.nn, expected.ny, expected.yn, expected.yy))


def test_empty_input_gives_empty_sums():
    keys, (n,) = per_user([], [])
    assert len(keys) == len(n) == 0
    assert sum_by(np.zeros(0, dtype=np.int64), np.zeros(0), 2).tolist() == [0.0, 0.0]
    assert summarise([], [], [], [], groups=1) == [Summary(0, 0, 0, 0, 0, 0, 0)]
