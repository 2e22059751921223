import numpy as np
import pytest

from everyturn.stats.compare import benjamini_hochberg, split_difference


def rows(seed, users=150, groups=3):
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, 900)
    group = rng.integers(0, groups, 900)
    is_current = rng.random(900) < 0.4
    n = rng.integers(1, 3, 900).astype(float)
    p = np.clip(0.7 - 0.1 * group - 0.1 * is_current + rng.normal(0, 0.1, users)[user], 0.02, 0.98)
    return user, group, is_current, n, rng.binomial(n.astype(int), p).astype(float)


def kitagawa(user, group, is_current, n, y):
    """Mix and within of every group by hand."""
    mix, within = [], []
    totals = [n[is_current == side].sum() for side in (False, True)]
    for g in range(group.max() + 1):
        at = [(group == g) & (is_current == side) for side in (False, True)]
        w = [n[a].sum() / total for a, total in zip(at, totals, strict=True)]
        r = [y[a].sum() / n[a].sum() if n[a].sum() else None for a in at]
        r = [v if v is not None else r[1 - k] for k, v in enumerate(r)]
        mix.append((w[1] - w[0]) * (r[0] + r[1]) / 2)
        within.append((w[0] + w[1]) / 2 * (r[1] - r[0]))
    return mix, within


def test_the_split_is_the_one_by_hand_and_adds_up():
    data = rows(0)
    made = split_difference(*data)
    mix, within = kitagawa(*data)
    assert [p.mix.value for p in made.parts] == pytest.approx(mix)
    assert [p.within.value for p in made.parts] == pytest.approx(within)
    _, _, current, n, y = data
    raw = y[current].sum() / n[current].sum() - y[~current].sum() / n[~current].sum()
    assert made.total.value == pytest.approx(raw)
    assert made.mix.value + made.within.value == pytest.approx(raw)


def test_ranges_are_those_of_leaving_users_out():
    user, group, current, n, y = rows(1, users=60)
    made = split_difference(user, group, current, n, y)
    left = []
    for u in range(60):
        keep = user != u
        part = split_difference(user[keep], group[keep], current[keep], n[keep], y[keep])
        left.append((part.mix.value, part.within.value, part.total.value, part.parts[1].within.value))
    jackknife = np.sqrt(59 / 60 * ((np.array(left) - np.mean(left, axis=0)) ** 2).sum(0))
    widths = [e.high - e.value for e in (made.mix, made.within, made.total, made.parts[1].within)]
    assert np.array(widths) / 2.0 == pytest.approx(jackknife, rel=0.08)


def test_a_group_seen_on_one_side_adds_to_the_mix_alone():
    user = np.arange(40)
    current = user >= 20
    group = np.where(user >= 30, 1, 0)
    y = np.where(group == 1, 0.0, 1.0)
    made = split_difference(user, group, current, np.ones(40), y)
    assert made.within.value == pytest.approx(0)
    assert made.mix.value == pytest.approx(-0.5)


def test_nothing_moves_where_nothing_differs():
    user = np.r_[np.arange(30), np.arange(30)]
    current = np.arange(60) >= 30
    y = np.tile(np.arange(30) % 2, 2).astype(float)
    made = split_difference(user, np.zeros(60, dtype=np.int64), current, np.ones(60), y)
    assert made.total.value == made.mix.value == made.within.value == 0


def by_hand(p, share):
    order = sorted(range(len(p)), key=lambda i: p[i])
    last = max((k for k, i in enumerate(order, 1) if p[i] <= share * k / len(p)), default=0)
    return [i in order[:last] for i in range(len(p))]


def test_benjamini_hochberg_is_the_one_by_hand():
    rng = np.random.default_rng(2)
    for _ in range(50):
        p = (rng.random(20) ** rng.integers(1, 4)).tolist()
        assert benjamini_hochberg(p, share=0.1).tolist() == by_hand(p, 0.1)
    assert benjamini_hochberg([], share=0.1).tolist() == []


def test_false_discoveries_stay_within_the_share():
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(400):
        p = rng.random(40)
        p[:8] = p[:8] ** 8
        believed = benjamini_hochberg(p, share=0.2)
        shares.append(believed[8:].sum() / max(believed.sum(), 1))
    assert np.mean(shares) < 0.2 + 3 * np.std(shares) / 20
