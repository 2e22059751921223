import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.alarms import Marks
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.shares import Demand
from everyturn.analysis.streams import node_of
from reference_monitor import Reference

WORSE = {"acceptance": -1, "edit_share": 1, "rework": 1}
START = 20_458 * 4


def product(seed=0, days=70, users=60, per_day=40, drop=None, late=None):
    """Totals of a small product: two cohorts, three intents and unclear requests; `drop` (day, points) lowers acceptance."""
    rng = np.random.default_rng(seed)
    rows = {}
    taste = rng.random(users)
    for day in range(days):
        for _ in range(rng.poisson(per_day)):
            user = int(rng.integers(users) * rng.random() ** 0.5)
            cohort = ("free", "pro")[user % 3 == 0]
            if late and user % 5 == 4:
                if day < late:
                    continue
                cohort = "team"
            intent = (None, "a", "b", "c")[int(rng.integers(4))]
            block = START + day * 4 + int(rng.integers(4))
            p = 0.55 + 0.3 * taste[user] - (drop[1] if drop and day >= drop[0] and cohort == "pro" else 0)
            for signal, value in (
                ("acceptance", float(rng.random() < p)),
                ("edit_share", round(float(rng.random() * (1 - p)), 3)),
                ("rework", float(rng.random() < 0.1)),
            ):
                key = (block, signal, f"u{user:02d}", cohort, intent)
                n, y = rows.get(key, (0.0, 0.0))
                rows[key] = (n + 1, round(y + value, 6))
    return [(*key, *value) for key, value in rows.items()]


def table(rows):
    names = ("block", "signal", "user_id", "cohort", "intent_id", "n", "y")
    kinds = (pa.int64(), *[pa.string()] * 4, pa.float64(), pa.float64())
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
    return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


def asked(rows):
    keys = sorted({(b // 4, u, c, i) for b, _, u, c, i, *_ in rows}, key=str)
    return pa.table(
        {
            "day": pa.array([k[0] for k in keys], pa.int64()),
            **{
                n: pa.array([k[j] for k in keys], pa.string())
                for j, n in enumerate(("user_id", "cohort", "intent_id"), 1)
            },
        }
    )


def whole(rows, budget=12.0, marks=None):
    made = Monitor(WORSE, budget, marks or Marks())
    made.fold(table(rows), until=START + 1000)
    return made


@pytest.mark.parametrize(("seed", "budget", "drop"), [(1, 12.0, (45, 0.3)), (2, 400.0, None), (3, 100.0, (50, 0.2))])
def test_the_slow_reference_gives_the_same_numbers(seed, budget, drop):
    rows = product(seed, drop=drop)
    fast, slow = whole(rows, budget), Reference(WORSE, budget)
    slow.fold(rows)
    assert [(a.block, a.level, a.signal, a.cohort, a.intent, a.tier) for a in fast.alarms] == sorted(
        slow.alarms, key=lambda a: (a[0], a[1], a[2], a[3] or "", a[4] or "")
    )
    assert len(slow.alarms) >= 2
    for place, key in enumerate(fast.streams.keys().tolist()):
        node = node_of(fast.ears, key)
        assert fast.streams.product[place] == pytest.approx(slow.product[node], rel=1e-7), node


def test_any_sequence_of_increments_gives_the_same_bits():
    rows = product(4, drop=(50, 0.3), late=40)
    batch, until = whole(rows, 50.0), START + 70 * 4
    days = Demand(50.0)
    days.fold(asked(rows), until=until // 4)
    rng = np.random.default_rng(0)
    for cuts in (range(START, until, 4), sorted(rng.integers(START, until, 41).tolist()), [START + 150]):
        monitor, demand = Monitor(WORSE, 50.0), Demand(50.0)
        for cut in [*cuts, until]:
            monitor.fold(table([r for r in rows if r[0] < cut]), until=int(cut))
            demand.fold(asked([r for r in rows if r[0] // 4 < cut // 4]), until=int(cut) // 4)
            monitor = Monitor.from_bytes(monitor.to_bytes(), worse=WORSE)
            demand = Demand.from_bytes(demand.to_bytes())
        assert monitor.alarms == batch.alarms
        assert demand.alarms == days.alarms
        mine, theirs = (
            {node_of(m.ears, k): m.streams.product[i].tolist() for i, k in enumerate(m.streams.keys().tolist())}
            for m in (monitor, batch)
        )
        assert mine == theirs
        assert np.array_equal(demand.product, days.product)
    assert batch.alarms


def test_marks_and_how_many_rows_are_taken_together_change_no_bit(monkeypatch):
    rows, until = product(13, drop=(50, 0.3), late=40), START + 70 * 4
    first = START // 4
    told = Marks(
        releases=frozenset({first + 50}),
        holidays=frozenset({first + 44}),
        normals={
            first + 45: (("acceptance", "team", None), ("acceptance", "nobody yet", None)),
            first + 58: (("acceptance", "pro", None), ("edit_share", None, "a")),
        },
    )
    batch = whole(rows, 50.0, told)
    monkeypatch.setattr("everyturn.analysis.monitor._AT_ONCE", 100)
    small = whole(rows, 50.0, told)
    daily = Monitor(WORSE, 50.0, told)
    for cut in range(START, until + 1, 6):
        daily.fold(table([r for r in rows if r[0] < cut]), until=cut)
        daily = Monitor.from_bytes(daily.to_bytes(), worse=WORSE, marks=told)
    daily.fold(table(rows), until=START + 1000)
    for made in (small, daily):
        assert made.alarms == batch.alarms
        for name in ("product", "score", "begun"):
            mine, theirs = (
                {
                    node_of(m.ears, k): getattr(m.streams, name)[i].tolist()
                    for i, k in enumerate(m.streams.keys().tolist())
                }
                for m in (made, batch)
            )
            assert mine == theirs
    assert batch.alarms
    assert batch.alarms != whole(rows, 50.0).alarms


def test_the_order_of_rows_and_a_second_reading_change_nothing():
    rows = product(5)
    batch = whole(rows, 100.0)
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    again = whole(shuffled, 100.0)
    again.fold(table(rows), until=START + 1000)
    assert again.alarms == batch.alarms
    assert np.array_equal(again.streams.product, batch.streams.product)


def test_a_drop_in_one_cohort_rings_there_and_says_since_when():
    made = whole(product(6, days=90, per_day=60, drop=(60, 0.25)))
    page = [a for a in made.alarms if a.tier == "page"]
    first = page[0]
    assert (first.cohort, first.direction) == ("pro", 1 if first.signal == "edit_share" else -1)
    assert 60 <= first.day - START // 4 <= 75
    assert abs(first.since - START // 4 - 60) <= 4
    assert not [a for a in page if a.cohort == "free"]


def test_a_machine_that_turns_is_one_person_however_much_it_sends():
    """Half of all traffic, all accepted until day 75 and nothing after: three for one at most, once a block."""
    rows = product(7, days=80)
    quiet = whole(rows)
    extra = [
        (START + d * 4 + k, "acceptance", "bot", "free", "a", 12.0, 12.0 if d < 75 else 0.0)
        for d in range(80)
        for k in range(4)
    ]
    made = whole(rows + extra)
    before, after = ([a for a in m.alarms if a.tier == "page" and a.level == 0] for m in (quiet, made))
    assert before == []
    assert all(a.day >= START // 4 + 76 for a in after)  # the placing then asks how many people it was


def test_a_new_version_of_a_signal_starts_anew_and_is_never_joined():
    rows = product(8, days=100)
    split = []
    for block, signal, user, cohort, intent, n, y in rows:
        is_new = block >= START + 50 * 4 and signal == "acceptance"
        y_new = round(n * 0.2, 6) if is_new else y  # the new version counts other things
        split.append((block, f"{signal}@{2 if is_new else 1}", user, cohort, intent, n, y_new))
    made = whole(split)
    assert [a for a in made.alarms if a.signal == "acceptance"] == []
    streams = {node_of(made.ears, k)[1].partition("@")[0] for k in made.streams.keys().tolist()}
    assert streams == {"acceptance", "edit_share", "rework", "trust"}
    assert {"acceptance@1", "acceptance@2"} <= set(made.signals.texts)


def test_a_week_without_data_rings_nothing():
    """Nor is what was heard before it forgotten: a stream that pauses keeps its evidence, and days begin bets as ever."""
    rows = product(9, days=70)
    there = [r for r in rows if not 40 <= (r[0] - START) // 4 < 47]
    before, after = (Monitor(WORSE) for _ in range(2))
    before.fold(table(there), until=START + 40 * 4)
    after.fold(table(there), until=START + 47 * 4)
    assert np.array_equal(before.streams.product, after.streams.product)
    late = [a for a in whole(there).alarms if a.tier == "page" and a.day - START // 4 in range(40, 61)]
    assert late == [a for a in whole(rows).alarms if a.tier == "page" and a.day - START // 4 in range(40, 61)] == []


def test_a_new_normal_is_learnt_within_days():
    rows = product(10, days=110, per_day=60, drop=(60, 0.25))
    day = START // 4 + 75
    told = Marks(normals={day: (("acceptance", "pro", None), ("edit_share", "pro", None), ("trust", "pro", None))})
    before, after = whole(rows), whole(rows, marks=told)
    late = lambda made: [a for a in made.alarms if a.cohort == "pro" and a.day >= day + 3 and a.tier == "page"]  # noqa: E731
    assert len(late(before)) >= 10
    assert len(late(after)) <= 2
    early = [a for a in before.alarms if a.day < day]
    assert [a for a in after.alarms if a.day < day] == early


def test_a_holiday_is_left_out_and_a_release_bets_a_week():
    rows = product(11, days=60)
    quiet = whole(rows, marks=Marks(holidays=frozenset({START // 4 + 50})))
    without = whole([r for r in rows if r[0] // 4 != START // 4 + 50])
    assert np.array_equal(quiet.streams.product, without.streams.product)
    plain, marked = whole(rows), whole(rows, marks=Marks(releases=frozenset({START // 4 + 55})))
    assert (marked.streams.product >= plain.streams.product).all()
    assert (marked.streams.product > plain.streams.product).any()


def test_the_state_is_small():
    made = whole(product(12))
    assert len(made.to_bytes()) < 1_000_000 * max(len(made.streams.keys()), 100) / 1000


def test_a_part_that_is_seen_only_after_a_yes_does_not_feign_a_fall_of_trust():
    rng = np.random.default_rng(3)
    rows = {}
    for day in range(200):
        for _ in range(40):
            user, block = int(rng.integers(80)), START + day * 4 + int(rng.integers(4))
            cohort, accepted = ("free", "pro")[user % 2], rng.random() < 0.7
            seen = [("acceptance", float(accepted))] + [("rework", float(rng.random() < 0.12))] * accepted
            for signal, value in seen:
                n, y = rows.get((block, signal, f"u{user}", cohort, "a"), (0.0, 0.0))
                rows[block, signal, f"u{user}", cohort, "a"] = (n + 1, y + value)
    made = whole([(*key, *value) for key, value in rows.items()], 0.5)
    assert [a for a in made.alarms if a.signal == "trust" and a.tier == "page"] == []


def test_demand_a_week_without_data_and_one_person_who_sends_half_of_it_ring_nothing():
    rows = product(15, days=90)
    made = Demand()
    made.fold(asked([r for r in rows if not 50 <= (r[0] - START) // 4 < 57]), until=START // 4 + 90)
    assert [a for a in made.alarms if a.tier == "page"] == []
    bot = [
        (START + d * 4 + k, "acceptance", "bot", "free", "a" if d < 60 else "b", 10.0, 5.0)
        for d in range(90)
        for k in range(4)
    ]
    busy = Demand()
    busy.fold(asked(rows + bot), until=START // 4 + 90)
    assert [a for a in busy.alarms if a.tier == "page"] == []


def test_people_who_move_to_another_cohort_keep_what_sets_them_apart():
    """A quarter of the users, whose own levels differ, change their plan on one day: no level moved, and nothing rings."""
    rng = np.random.default_rng(16)
    taste, rows = rng.beta(7, 3, 60), {}
    for day in range(100):
        for _ in range(rng.poisson(60)):
            user = int(rng.integers(60))
            cohort = "pro" if user % 4 == 0 or (user % 2 == 0 and day >= 70) else "free"
            key = (START + day * 4 + int(rng.integers(4)), "acceptance", f"u{user:02d}", cohort, "a")
            n, y = rows.get(key, (0.0, 0.0))
            rows[key] = (n + 1, y + float(rng.random() < taste[user]))
    made = whole([(*key, *value) for key, value in rows.items()])
    assert [a for a in made.alarms if a.tier == "page"] == []
    at = made.expectation.parts[-1].slots.places
    home = {
        made.users.texts[key >> 8]: made.cohorts.texts[made.expectation.home[place] % 2] for key, place in at.items()
    }
    assert home["u02"] == "pro"
    assert home["u01"] == "free"


def test_a_fall_that_a_whole_cohort_shares_is_learnt_once():
    """Four weeks after it, little more than what four weeks weigh beside the ten before has been learnt of it."""
    rows = product(17, users=120, days=98, per_day=150, drop=(70, 0.3))
    seen = []
    made = Monitor(WORSE)
    follow = made.expectation.follow
    made.expectation.follow = lambda increment: seen.append((increment, follow(increment))) or seen[-1][1]
    made.fold(table(rows), until=START + 98 * 4)
    pro, acceptance = made.cohorts.codes["pro"], made.signals.codes["acceptance"]
    level = {}
    for late in (False, True):
        n = e = 0.0
        for increment, foreseen in seen:
            day = (increment.block - START) // 4
            own = (increment.cohort == pro) & (increment.signal == acceptance) & (day // 7 == (13 if late else 9))
            n, e = n + increment.n[own].sum(), e + (increment.n * foreseen.expected)[own].sum()
        level[late] = e / n
    assert 0.04 <= level[False] - level[True] <= 0.3 * 0.45


def test_what_is_expected_of_a_newcomer_is_what_people_did_and_not_what_most_answers_say():
    """One of forty sent most of the answers and took all; the others, and then those who come, take every other one."""
    rows = [(START + 4 * day, "acceptance", "much", "team", "a", 10.0, 10.0) for day in range(40)]
    for person in range(39):
        rows += [
            (
                START + 4 * (person % 30 + step) + 1,
                "acceptance",
                f"u{person}",
                "team",
                "a",
                1.0,
                float((step + person) % 2),
            )
            for step in range(6)
        ]
    rows += [(START + 4 * 41, "acceptance", f"new{person}", "team", "a", 1.0, 1.0) for person in range(3)]
    made, seen = Monitor(WORSE), []
    follow = made.expectation.follow
    made.expectation.follow = lambda increment: seen.append(follow(increment)) or seen[-1]
    made.fold(table(rows), until=START + 42 * 4)
    assert seen[-1].expected[-3:] == pytest.approx(0.53, abs=0.04)
