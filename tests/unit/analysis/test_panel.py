from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.panel import Panel, read_panel
from everyturn.errors import InputError, NoUserIds
from everyturn.stats import NotEnough

MONDAY = date(2026, 3, 2)


def cells(*rows):
    """Rows (user, cohort, intent, week number, signal, n, y, unknown)."""
    names = ("user_id", "cohort", "intent_id", "week", "signal", "n", "y", "unknown")
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in names]
    columns[3] = [MONDAY + timedelta(weeks=w) for w in columns[3]]
    types = (pa.string(), pa.string(), pa.string(), pa.date32(), pa.string(), pa.float64(), pa.float64(), pa.int64())
    return pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})


def weekly(signal, weeks, *, users=12, unknown=0):
    return [(f"u{u}", "A", "i0", w, signal, 2.0, 1.0, unknown) for u in range(users) for w in weeks]


def test_codes_are_alphabetical_and_nulls_have_a_place():
    panel = read_panel(
        cells(("u2", None, None, 1, "acceptance", 1.0, 1.0, 0), ("u1", "B", "i9", 0, "acceptance", 3.0, 2.0, 1)),
        MONDAY + timedelta(weeks=1),
    )
    assert panel.users == ["u1", "u2"]
    assert panel.cohorts == ["B", "unknown"]
    assert panel.intents == ["i9", None]
    assert panel.weeks == [MONDAY, MONDAY + timedelta(weeks=1)]
    assert panel.rows("acceptance").y.tolist() == [2.0, 1.0]
    assert len(panel.rows("rework")) == 0


def test_row_order_changes_nothing():
    rows = weekly("acceptance", range(3)) + weekly("rework", range(2))
    one, other = (read_panel(cells(*r), MONDAY) for r in (rows, rows[::-1]))
    for signal in ("acceptance", "rework"):
        for name in ("user", "week", "n", "y"):
            assert getattr(one.rows(signal), name).tolist() == getattr(other.rows(signal), name).tolist()


def test_an_unfinished_week_is_never_in_a_trend():
    panel = read_panel(cells(*weekly("acceptance", range(4))), MONDAY + timedelta(weeks=2))
    rows, weeks = panel.trend("acceptance")
    assert (weeks, rows.week.max()) == (3, 2)
    assert len(panel.weekly("acceptance")) == 3
    assert read_panel(cells(*weekly("acceptance", range(4))), None).trend("acceptance")[1] == 0


def test_weeks_whose_answers_still_come_in_are_left_out():
    rows = weekly("rework", range(5)) + weekly("rework", [5], unknown=9)
    panel = read_panel(cells(*rows), MONDAY + timedelta(weeks=5))
    assert panel.trend("rework")[1] == 5
    assert panel.trend("rework", weeks=4)[1] == 3  # as it would have been then: the last week was open that day, too
    steady = [(*r[:7], 1) for r in weekly("rework", range(6))]
    assert read_panel(cells(*steady), MONDAY + timedelta(weeks=5)).trend("rework")[1] == 6


def test_traffic_is_the_most_any_signal_was_asked():
    panel = read_panel(
        cells(
            ("u1", "A", "i0", 0, "acceptance", 3.0, 2.0, 2),
            ("u1", "A", "i0", 0, "rework", 2.0, 0.0, 0),
            ("u1", "A", "i1", 0, "complaint", 4.0, 0.0, 0),
        ),
        MONDAY,
    )
    assert dict(zip(panel.traffic.intent.tolist(), panel.traffic.n.tolist(), strict=True)) == {0: 5.0, 1: 4.0}


def test_recent_keeps_the_last_weeks_and_renumbers_them():
    panel = read_panel(cells(*weekly("acceptance", range(8))), MONDAY + timedelta(weeks=6)).recent(3)
    assert panel.weeks[0] == MONDAY + timedelta(weeks=4)
    assert panel.complete == 3
    assert sorted(set(panel.rows("acceptance").week.tolist())) == [0, 1, 2, 3]
    assert panel.recent(10) is panel


def test_without_takes_intents_and_users_out_of_every_signal():
    panel = read_panel(cells(*weekly("acceptance", range(2)), *weekly("rework", range(2))), MONDAY)
    assert len(panel.without(intents=[0]).rows("rework")) == 0
    assert 3 not in panel.without(users=[3]).rows("acceptance").user


def test_a_weekly_rate_needs_its_users():
    panel = read_panel(
        cells(*weekly("acceptance", [0], users=12), *weekly("acceptance", [1], users=4)), MONDAY + timedelta(weeks=1)
    )
    (_, first), (_, second) = panel.weekly("acceptance")
    assert first.value == pytest.approx(0.5)
    assert second == NotEnough(4, 10)


def test_missing_columns_and_missing_people_are_errors():
    with pytest.raises(InputError, match="unknown"):
        read_panel(cells().drop_columns(["unknown"]), MONDAY)
    with pytest.raises(NoUserIds):
        read_panel(cells((None, "A", "i0", 0, "acceptance", 1.0, 1.0, 0)), MONDAY)
    assert read_panel(cells(), MONDAY).complete == 0
    some = read_panel(
        cells((None, "A", "i0", 0, "acceptance", 1.0, 1.0, 0), ("u1", "A", "i0", 0, "acceptance", 1.0, 1.0, 0)), MONDAY
    )
    assert np.sum(some.rows("acceptance").n) == 1


def test_the_order_of_the_rows_does_not_matter_and_bytes_give_the_panel_back():
    rows = [
        ("u2", None, None, 3, "acceptance", 1.0, 0.25, 0),
        ("u1", "B", "i9", 0, "acceptance", 3.0, 2.0, 1),
        ("u1", "B", "i9", 0, "rework", 3.0, 0.0, 7),
        ("ü3", "A", "i1", 1, "rework", 2.0, 1.0, 0),
    ]
    made = read_panel(cells(*rows), MONDAY + timedelta(weeks=1))
    for other in (read_panel(cells(*rows[::-1]), MONDAY + timedelta(weeks=1)), Panel.from_bytes(made.to_bytes())):
        assert (other.users, other.cohorts, other.intents) == (made.users, made.cohorts, made.intents)
        assert (list(other.weeks), other.complete, list(other.signals)) == (
            list(made.weeks),
            made.complete,
            list(made.signals),
        )
        for name, wanted in made.signals.items():
            for column in ("user", "cohort", "intent", "week", "n", "y", "unknown"):
                found = getattr(other.rows(name), column)
                assert found.tolist() == getattr(wanted, column).tolist()
                assert found.dtype == getattr(wanted, column).dtype


def test_bytes_of_nothing_give_nothing_back():
    empty = Panel.from_bytes(read_panel(cells(), None).to_bytes())
    assert (list(empty.users), list(empty.weeks), dict(empty.signals)) == ([], [], {})
