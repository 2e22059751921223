"""When an intent began."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from everyturn.intents.novelty import WEEKLY_SCHEMA, began, first_weeks, weekly
from everyturn.model.schemas import ASSIGNMENT_SCHEMA, REQUEST_SCHEMA

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


def test_weekly_counts_requests_and_people():
    at = datetime(2026, 3, 4, tzinfo=UTC)
    rows = [
        ("a", "u1", at, "i-1"),
        ("b", "u1", at, "i-1"),
        ("c", "u2", at + timedelta(weeks=1), None),
        ("d", "u3", None, "i-1"),
    ]
    requests = [
        {"conversation_id": c, "request": 0, "turn": 0, "user_id": u, "at": t, "text": "x"} for c, u, t, _ in rows
    ]
    given = [{"conversation_id": c, "request": 0, "turn": 0, "intent_id": i, "confidence": 1.0} for c, _, _, i in rows]
    table = weekly(pa.Table.from_pylist(given, ASSIGNMENT_SCHEMA), pa.Table.from_pylist(requests, REQUEST_SCHEMA))
    assert table.schema == WEEKLY_SCHEMA
    assert table.to_pylist() == [
        {"intent_id": "i-1", "week": date(2026, 3, 2), "requests": 2, "users": 1},
        {"intent_id": None, "week": date(2026, 3, 9), "requests": 1, "users": 1},
    ]
