"""When an intent began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from everyturn.intents.novelty import began, first_weeks

EVEN = np.full(10, 200)


@pytest.mark.parametrize(
    ("counts", "week"),
    [
        ([20, 22, 19, 25, 21, 20, 18, 22, 21, 20], 0),
        ([0, 0, 0, 15, 20, 22, 19, 21, 20, 23], 3),
        ([1, 0, 1, 15, 20, 22, 19, 21, 20, 23], 3),  # strays before
        ([0, 0, 0, 5, 8, 15, 25, 40, 41, 40], 3),  # a ramp counts from its foot, above a tenth of the level
        ([2, 0, 1, 2, 0, 2, 1, 1, 2, 1], 0),  # small, but there from the first week
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 9], 9),  # new this week
        ([9, 11, 10, 8, 0, 0, 0, 0, 0, 0], 0),  # gone since
    ],
)
def test_the_week_from_which_it_holds(counts, week):
    assert began(np.array(counts), EVEN) == week


def test_growing_traffic_makes_nothing_new():
    everything = np.array([10, 20, 40, 80, 160, 320])
    assert began(everything // 10, everything) == 0


def test_no_request_no_beginning():
    assert began(np.zeros(5, np.int64), np.full(5, 10)) is None


def test_weeks_begin_on_monday_and_requests_without_a_time_do_not_count():
    sunday = datetime(2026, 3, 8, 23, 59, tzinfo=UTC)
    times = [sunday, sunday + timedelta(minutes=2), None]
    column = pa.chunked_array([pa.array(times, pa.timestamp("us", tz="UTC"))])
    assert first_weeks(np.array([0, 1, 1]), column) == [
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 9, tzinfo=UTC),
    ]
    nothing = pa.chunked_array([pa.array([None], pa.timestamp("us", tz="UTC"))])
    assert first_weeks(np.array([0]), nothing) == [None]
