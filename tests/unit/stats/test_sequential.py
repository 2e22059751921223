import numpy as np

from everyturn.stats.sequential import rise_evidence


def reference(counts, expected, days):
    """The same, one bet at a time."""
    total = np.zeros(len(counts))
    for size in (0.4, 1.0, 2.0):
        running = 0.0
        for t, (count, mean, length) in enumerate(zip(counts, expected, days, strict=True)):
            running = (running + length) * np.exp(size * count - (np.exp(size) - 1) * 1.15 * mean)
            total[t] += running / 3
    return total


def test_the_evidence_is_the_one_by_hand():
    rng = np.random.default_rng(0)
    expected = rng.random(20) + 0.2
    counts = rng.poisson(expected).astype(float)
    days = np.ones(20)
    assert np.allclose(rise_evidence(counts, expected, days=days), reference(counts, expected, days))


def test_false_alarms_come_at_most_as_often_as_stated():
    rng = np.random.default_rng(1)
    bar, horizon, streams = 200.0, 100, 400
    crossed = 0
    for _ in range(streams):
        counts = rng.poisson(0.6, horizon).astype(float)
        crossed += (rise_evidence(counts, np.full(horizon, 0.6), days=np.ones(horizon)) >= bar).any()
    assert crossed <= streams * horizon / bar


def test_a_rise_is_seen_within_days():
    counts = np.r_[np.zeros(30), np.full(10, 3.0)]
    evidence = rise_evidence(counts, np.full(40, 0.5), days=np.ones(40))
    assert (evidence[:30] < 100).all()
    assert evidence[33] > 3000


def test_a_flood_does_not_overflow():
    evidence = rise_evidence(np.full(50, 1e4), np.full(50, 1.0), days=np.ones(50))
    assert np.isfinite(evidence).all()
