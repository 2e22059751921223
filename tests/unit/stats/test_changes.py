import numpy as np
import pytest

from everyturn.stats.changes import Shapes, scan_counts, shapes, z_values


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
