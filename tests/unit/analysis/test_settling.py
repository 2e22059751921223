from math import sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from everyturn.analysis.alarms import Alarm
from everyturn.analysis.settling import LONGEST, days_open, horizons_of, settle

DAY = 20_458
KEYS = ["block", "signal", "user_id", "cohort", "intent_id", "n", "y"]


def product(seed=0, days=120, per_day=60, bad=0.0, good=0.0, p=0.7, signals=("acceptance",)):
    """Answers of a product whose bad ones are known up to `bad` days late, its good ones up to `good`."""
    rng = np.random.default_rng(seed)
    count = days * per_day
    given = np.sort(rng.uniform(0, days, count))
    tables = []
    for signal in signals:
        value = (rng.random(count) < p).astype(float)
        known = given + rng.random(count) * np.where(value == 1, good, bad)
        tables.append(
            pa.table(
                {
                    "given": np.floor((given + DAY) * 4).astype(int),
                    "block": np.floor((known + DAY) * 4).astype(int),
                    "signal": [f"{signal}@1"] * count,
                    "user_id": [f"u{u:03d}" for u in rng.integers(0, 300, count)],
                    "cohort": ["all"] * count,
                    "intent_id": pa.array(rng.choice(["a", "b"], count)),
                    "n": np.ones(count),
                    "y": value,
                }
            )
        )
    return pa.concat_tables(tables)


def until(days):
    return (DAY + days) * 4


def by_keys(table):
    grouped = table.group_by(KEYS[:5]).aggregate([("n", "sum"), ("y", "sum")]).rename_columns(KEYS)
    return grouped.sort_by([(name, "ascending") for name in KEYS[:5]])


@pytest.mark.parametrize(("bad", "good"), [(0, 0), (21, 21)])
def test_no_wait_where_good_and_bad_outcomes_become_known_equally_fast(bad, good):
    totals = product(1, bad=bad, good=good)
    found = settle(totals, until=until(120))
    assert found.horizons == {"acceptance@1": 0}
    known = totals.filter(pc.less(totals["block"], until(120)))
    assert found.answers.num_rows == known.num_rows
    assert found.totals["n"].to_numpy().sum() >= 0.99 * known.num_rows
    assert bad or by_keys(found.totals) == by_keys(known)


@pytest.mark.parametrize(("bad", "good", "horizon"), [(7, 0, 7), (21, 0, 20), (0, 21, 20), (42, 0, 40), (21, 7, 20)])
def test_what_comes_late_on_one_side_is_waited_for(bad, good, horizon):
    found = settle(product(2, days=150, bad=bad, good=good), until=until(150))
    assert found.horizons["acceptance@1"] == pytest.approx(horizon, abs=1.5)
    week = (found.totals["block"].to_numpy() - DAY * 4) // 28
    n, y = (np.bincount(week, weights=found.totals[name].to_numpy()) for name in ("n", "y"))
    whole = n > 250
    assert whole.sum() >= (150 - horizon) // 7 - 3
    assert (abs(y / np.maximum(n, 1) - 0.7)[whole][1:] < 4.5 * sqrt(0.21 / 420)).all()
    assert found.totals["n"].to_numpy().sum() <= 150 * 60


def test_an_answer_counts_once_and_never_before_it_is_known():
    totals = product(3, bad=21)
    found = settle(totals, until=until(120))
    horizon = found.horizons["acceptance@1"]
    assert found.answers["given"].to_numpy().max() < until(120 - horizon)
    known = totals.filter(pc.less(totals["block"], until(120)))
    assert found.answers.num_rows == pc.sum(pc.less(known["given"], until(120 - horizon))).as_py()
    assert (
        0.97 < found.totals["n"].to_numpy().sum() / found.answers.num_rows < 1.01
    )  # few come after their output's turn
    first = np.sort(found.totals["block"].to_numpy())[0]
    assert first >= until(horizon - 1)


def test_what_counted_by_a_day_does_not_depend_on_what_came_later():
    totals = product(4, days=100, bad=14, signals=("acceptance", "rework"))
    whole = settle(totals, until=until(100)).totals
    for day in (28, 29, 40.25, 63.5, 99):
        end = int(until(day))
        sooner = settle(totals, until=end)
        assert by_keys(sooner.totals) == by_keys(whole.filter(pc.less(whole["block"], end)))
        assert sooner.until == end


def test_lags_are_not_known_before_four_weeks():
    found = settle(product(5, days=27), until=until(27))
    assert (found.until, found.totals.num_rows, found.answers.num_rows) == (0, 0, 0)
    assert found.totals.column_names == KEYS
    empty = settle(product(5).slice(0, 0), until=until(60))
    assert (empty.until, empty.totals.num_rows) == (0, 0)


def test_the_day_a_change_began_is_that_of_the_outputs():
    totals = product(6, bad=0, good=0, signals=("acceptance", "rework"))
    late = pc.if_else(pc.equal(totals["signal"], "rework@1"), pc.add(totals["block"], 28), totals["block"])
    totals = totals.set_column(1, "block", late)
    found = settle(totals, until=until(120))
    assert found.horizons == {"acceptance@1": 0, "rework@1": 0}  # seven days for good and bad
    for signal, days in (("acceptance", 0), ("rework", 7), ("trust", 0)):
        alarm = Alarm(
            "level", until(90), DAY + 80, 0, signal, None, None, -1, "page", 100.0, "" if signal == "trust" else "1"
        )
        assert found.dated(alarm).since == DAY + 80 - days


def slow(lags, day):
    """The horizon on a day, one answer at a time."""
    return max(slow_of_window(lags, day, window) for window in (84, 28, 14, 7))


def slow_of_window(lags, day, window):
    cells = [
        (given, lag, kind, lags[given, lag, kind])
        for given in range(max(day - window, 0), day)
        for lag in range(min(day - given, LONGEST))
        for kind in (0, 1)
        if lags[given, lag, kind]
    ]
    shares, noises = [[1.0] * LONGEST, [1.0] * LONGEST], [[0.0] * LONGEST, [0.0] * LONGEST]
    for age in range(LONGEST - 2, -1, -1):
        later = age + 1
        reached = min(day - later, day) - max(day - window, 0) >= 3
        seen, came = (
            [
                sum(n for given, lag, k, n in cells if k == kind and there(lag) and given + later < day)
                for kind in (0, 1)
            ]
            if reached
            else [0.0, 0.0]
            for there in (later.__ge__, later.__eq__)
        )
        risk = sum(came) / sum(seen) if sum(seen) else 0.0
        for kind in (0, 1):
            shares[kind][age] = shares[kind][later] * (1 - came[kind] / seen[kind] if seen[kind] else 1.0)
            noises[kind][age] = noises[kind][later] + risk / max(1 - risk, 1e-9) / max(seen[kind], 0.5)
    total = [0.0, 0.0]
    for given, lag, kind, n in cells:
        age = day - 1 - given
        if lag <= age < LONGEST and min(shares[0][age], shares[1][age]) >= 0.25:
            total[kind] += n / shares[kind][age]
    scale = total[0] * total[1] / max(sum(total), 1e-9) ** 2
    horizon = 0
    for age in range(LONGEST):
        bad, good = shares[0][age], shares[1][age]
        error = scale * sqrt(bad**2 * noises[0][age] + good**2 * noises[1][age])
        if scale * abs(good - bad) > max(0.01, 5 * error):
            horizon = age + 1
    return horizon


@pytest.mark.parametrize(("seed", "bad", "good"), [(7, 14, 0), (8, 3, 10), (9, 30, 30)])
def test_the_slow_reference_gives_the_same_horizons(seed, bad, good):
    rng = np.random.default_rng(seed)
    lags = np.zeros((100, LONGEST, 2))
    for given in range(100):
        for kind, most, mean in ((0, bad, 15), (1, good, 30)):
            np.add.at(lags, (given, rng.integers(0, most + 1, rng.poisson(mean)), kind), 1.0)
    days = np.array([0, 1, 9, 28, 60, 99])
    found = horizons_of(lags, days)
    assert found.tolist() == [slow(lags, day) for day in days.tolist()]
    assert (found[-1] > 5) == (bad != good)


@pytest.mark.parametrize(
    ("late", "never", "low", "high"), [(0, 0.0, 0, 0), (0, 0.3, 0, 0), (7, 0.1, 5, 8), (21, 0.2, 15, 32)]
)
def test_answers_without_times_wait_while_young_outputs_lack_them(late, never, low, high):
    rng = np.random.default_rng(10)
    asked = rng.poisson(200, 140)
    bad = rng.binomial(asked, 0.3)
    come = np.minimum((np.arange(140) + 0.5) / late, 1.0) if late else np.ones(140)
    known = rng.binomial(asked - bad, 1 - never) + rng.binomial(rng.binomial(bad, 1 - never), come)
    assert low <= days_open(asked.astype(float), known.astype(float)) <= high
    assert days_open(asked[:10].astype(float), known[:10].astype(float)) == 0  # too young to tell


@pytest.mark.parametrize(("since", "waits"), [(10, True), (40, False)])
def test_fewer_answers_than_before_are_not_waited_for_for_ever(since, waits):
    rng = np.random.default_rng(11)
    asked = rng.poisson(200, 140)
    known = rng.binomial(asked, np.where(np.arange(140) < since, 0.6, 0.8))
    found = days_open(asked.astype(float), known.astype(float))
    assert (found == pytest.approx(since, abs=2)) if waits else (found == 0)
