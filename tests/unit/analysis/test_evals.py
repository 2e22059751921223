from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from everyturn.analysis.evals import read_evals
from everyturn.stats import NotEnough


def table(*rows):
    """Rows (suite, case, intent, run, day of March or None, score or None)."""
    names = ("suite", "case_id", "intent_id", "run_id", "at", "score")
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in names]
    columns[4] = [None if d is None else datetime(2026, 3, d, 9, tzinfo=UTC) for d in columns[4]]
    types = (pa.string(), pa.string(), pa.string(), pa.string(), pa.timestamp("us", tz="UTC"), pa.float64())
    return pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})


MADE = read_evals(
    table(
        ("s", "1", "i1", "r2", 9, 0.0),
        ("s", "2", "i1", "r2", 9, 1.0),
        ("s", "1", "i1", "r1", 2, 1.0),
        ("s", "2", "i1", "r1", 2, 1.0),
        ("s", "3", "i2", "r1", 2, 0.5),
        ("t", "1", None, "x", None, 1.0),
        ("t", "4", "i3", None, None, None),
    )
)


def test_cases_are_counted_once_over_runs():
    assert (MADE.count(), MADE.count("i1"), MADE.count("i3"), MADE.count("nowhere")) == (5, 2, 1, 0)


def test_the_last_score_of_each_case_counts():
    assert MADE.latest("i1").value == 0.5
    assert MADE.latest("i2").value == 0.5
    assert MADE.latest().value == pytest.approx((0.0 + 1.0 + 0.5 + 1.0) / 4)  # case 3 was not in the last run
    assert MADE.latest("i1").n == 2
    assert MADE.latest("i3") == NotEnough(0, 1)


def test_runs_come_oldest_first_with_their_range():
    runs = MADE.runs("i1")
    assert [r.run_id for r in runs] == ["r1", "r2"]
    assert runs[0].at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert runs[1].score.low < 0.5 < runs[1].score.high
    assert MADE.runs()[0].at is None
    assert MADE.runs()[-1].to_json()["score"] == 0.5


def test_a_case_scored_twice_in_a_run_counts_once():
    made = read_evals(table(("s", "1", "i", "r", 2, 1.0), ("s", "1", "i", "r", 2, 0.0), ("s", "2", "i", "r", 2, 1.0)))
    assert made.latest("i").value == pytest.approx(0.75)
    assert made.latest("i").n == 2


def test_before_and_after_a_day():
    before, after = MADE.around("i1", date(2026, 3, 5))
    assert (before.value, after.value) == (1.0, 0.5)
    assert isinstance(MADE.around("i2", date(2026, 3, 5))[1], NotEnough)


def test_no_evals_at_all():
    none = read_evals(table())
    assert none.count() == 0
    assert none.runs() == []
    assert isinstance(none.latest(), NotEnough)
