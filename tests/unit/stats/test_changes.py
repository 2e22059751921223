import numpy as np
import pytest

from everyturn.stats.changes import Shapes, scan, scan_counts, shapes, weekly_residuals, z_values


def world(seed, users=120, weeks=10, drop=0.0, start=6):
    """Rows (stratum, user, week, n, y) of users with their own rate in two strata."""
    rng = np.random.default_rng(seed)
    user, week = np.divmod(np.arange(users * weeks), weeks)
    stratum = rng.integers(0, 2, users * weeks)
    n = rng.poisson(1.5, users * weeks).astype(float)
    p = np.clip(rng.beta(6, 3, users)[user] - 0.2 * stratum - drop * (week >= start), 0.02, 0.98)
    return stratum, user, week, n, rng.binomial(n.astype(int), p).astype(float)


def run(rows, weeks=10, worse=-1, needed=10):
    return scan(weekly_residuals(*rows, weeks=weeks), shapes(weeks), worse=worse, needed=needed)


def test_residuals_are_those_by_hand():
    stratum, user, week, n, y = world(0, users=15)
    made = weekly_residuals(stratum, user, week, n, y, weeks=10)
    rates = {s: y[stratum == s].sum() / n[stratum == s].sum() for s in (0, 1)}
    shares = {(s, t): n[(stratum == s) & (week == t)].sum() / n[stratum == s].sum() for s in (0, 1) for t in range(10)}
    by_hand = np.zeros((15, 10))
    for s, u, w, n_i, y_i in zip(stratum, user, week, n, y, strict=True):
        excess = y_i - rates[s] * n_i
        by_hand[u, w] += excess
        for t in range(10):
            by_hand[u, t] -= shares[s, t] * excess
    inflate = np.sqrt(n.sum() / (n.sum() - 2))
    assert made.values == pytest.approx(by_hand * inflate)
    assert made.values.sum(1) == pytest.approx(np.zeros(15), abs=1e-9)
    assert made.seen.sum() == len({(u, w) for u, w, k in zip(user, week, n, strict=True) if k > 0})


def test_a_change_of_mix_leaves_no_trace():
    users, weeks = 200, 10
    user, week = np.divmod(np.arange(users * weeks), weeks)
    stratum = ((user + 37 * week) % 10 < np.where(week < 5, 2, 8)).astype(np.int64)
    rng = np.random.default_rng(1)
    y = (rng.random(len(user)) < np.where(stratum == 1, 0.3, 0.8)).astype(float)
    assert run((stratum, user, week, np.ones(len(user)), y)).p > 0.01
    blind = run((np.zeros_like(stratum), user, week, np.ones(len(user)), y))
    assert blind.p < 1e-6


def test_a_drop_is_found_at_its_week_and_in_its_direction():
    rows = world(2, users=400, drop=0.25)
    found = run(rows)
    assert found.p < 1e-4
    assert found.z < 0
    assert shapes(10).since[found.shape] == 6
    assert found.first <= 6 <= found.last
    assert run(rows, worse=1).p > 0.2


def test_too_few_users_give_no_verdict():
    found = run(world(3, users=8, drop=0.5))
    assert (found.shape, found.p) == (-1, 1.0)
    assert scan(weekly_residuals(*world(4), weeks=10), shapes(3), worse=-1, needed=10).p == 1.0


def test_a_quiet_rate_is_rarely_called():
    p = np.array([run(world(seed, users=80)).p for seed in range(300)])
    assert (p <= 0.1).mean() < 0.1 + 3 * np.sqrt(0.09 / 300)
    assert (p <= 0.02).mean() < 0.02 + 3 * np.sqrt(0.0196 / 300)


def test_rare_answers_before_a_change_do_not_make_one():
    # Nothing happened to fall into the first weeks; their influences then show no variance where chance has much.
    users, weeks = 60, 12
    user, week = np.divmod(np.arange(users * weeks), weeks)
    y = ((user * 7 + week * 3) % 60 == 0) & (week >= 3)
    residuals = weekly_residuals(np.zeros_like(user), user, week, np.ones(len(user)), y.astype(float), weeks=12)
    found = scan(residuals, shapes(12), worse=1, needed=10)
    by_users_alone = z_values(residuals.values @ shapes(12).weights.T).max()
    assert found.z < 0.8 * by_users_alone
    assert found.p > 0.1


def test_shapes_run_from_nothing_to_all():
    made = shapes(12)
    assert isinstance(made, Shapes)
    for row, since, settled in zip(made.weights, made.since, made.settled, strict=True):
        assert (row[:since] == 0).all()
        assert row[since] > 0
        assert (np.diff(row) >= 0).all()
        assert row[settled] > 0.5 or settled == 10
    assert shapes(0).weights.shape == (0, 0)


def test_z_values_hold_for_few_unequal_users():
    rng = np.random.default_rng(5)
    weight = np.r_[np.full(4, 6.0), np.ones(40)]
    z = z_values(rng.standard_normal((44, 4000)) * weight[:, None])
    assert (z > 1.645).mean() == pytest.approx(0.05, abs=0.012)
    assert (z > 2.6).mean() < 0.01


def test_one_heavy_user_is_no_evidence():
    influence = np.r_[50.0, np.ones(20)][:, None]
    assert z_values(influence)[0] < 2


def test_counts_that_rise_are_found_and_quiet_ones_are_not():
    rng = np.random.default_rng(6)
    exposure = np.full(14, 500.0)
    calm = [scan_counts(rng.poisson(20, 14) * 1.0, exposure, shapes(14)).p for _ in range(300)]
    assert (np.array(calm) <= 0.05).mean() < 0.05 + 3 * np.sqrt(0.0475 / 300)
    risen = np.where(np.arange(14) >= 9, 40, 20)
    found = scan_counts(rng.poisson(risen) * 1.0, exposure, shapes(14))
    assert found.p < 0.01
    assert abs(int(shapes(14).since[found.shape]) - 9) <= 1


def test_counts_that_follow_traffic_have_not_risen():
    exposure = np.r_[np.full(7, 300.0), np.full(7, 900.0)]
    assert scan_counts(exposure * 0.05, exposure, shapes(14)).p > 0.5
    assert scan_counts(np.zeros(14), exposure, shapes(14)).p == 1.0
