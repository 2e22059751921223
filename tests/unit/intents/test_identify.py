"""What keeps its id, and what happened in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from everyturn.intents.identify import Life, lived, match, new_ids, restructured

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_sum_of_overlaps_decides_not_the_first_come():
    # group 0 overlaps both intents, group 1 only the first: each gets the one that leaves the other its own
    overlap = np.array([[6, 5], [5, 0]])
    assert match(overlap, np.array([11, 5]), np.array([11, 5])).tolist() == [1, 0]


def test_a_few_shared_requests_are_no_identity():
    assert match(np.array([[2]]), np.array([100]), np.array([50])).tolist() == [-1]


def test_nothing_known_matches_nothing():
    assert match(np.zeros((2, 0), np.int64), np.zeros(0, np.int64), np.array([3, 4])).tolist() == [-1, -1]


def test_ids_come_from_the_content_and_are_never_used_twice():
    first, second = new_ids(["refund my order", "reset my password"], ())
    assert new_ids(["reset my password"], ()) == [second]
    assert new_ids(["refund my order"], (first,)) != [first]
    assert first.startswith("i-")
    assert len(first) == 8


def test_splits_and_mergers_name_both_sides():
    # intent 0 came apart into groups 0 and 1; intent 1 went up in group 2, which continues intent 2; intent 3 is gone
    overlap = np.array([[60, 0, 0, 0], [40, 0, 0, 0], [0, 30, 70, 0]])
    events = restructured(["a", "new", "c"], np.array([0, -1, 2]), overlap, ["a", "b", "c", "d"], NOW)
    assert {(e.kind, e.intent_id, e.other) for e in events} == {
        ("split", "new", "a"),
        ("merged", "b", "c"),
        ("faded", "d", None),
    }


STILL = Life(
    first_seen=NOW - timedelta(weeks=9),
    last_seen=NOW,
    is_new=False,
    share_before=0.0,
    people=40,
    people_before=0,
    known=20,
    everyone_known=200,
    new=20,
    everyone_new=200,
    days=70.0,
)


def told(**changes):
    return [(e.kind, e.at) for e in lived("i-1", replace(STILL, **changes), now=NOW)]


def test_an_intent_is_born_grows_and_fades():
    assert told() == []
    assert told(is_new=True) == [("born", STILL.first_seen)]
    assert told(new=50) == [("grown", NOW)]
    long_ago = NOW - timedelta(weeks=5)
    assert told(last_seen=long_ago) == [("faded", long_ago)]
    assert [e.kind for e in lived("i-1", replace(STILL, last_seen=None), now=None)] == []


def test_growth_within_chance_is_no_event():
    assert told(known=2, new=4) == []  # twice as many, of two


def test_events_say_how_likely_they_are_where_nothing_changed():
    (born,) = lived("i-1", replace(STILL, is_new=True, share_before=0.5), now=NOW)
    assert born.chance == pytest.approx(0.5**40, rel=0.1)
    (first,) = lived("i-1", replace(STILL, is_new=True), now=NOW)
    assert first.chance is None  # nothing came before it
    (faded,) = lived("i-1", replace(STILL, last_seen=NOW - timedelta(days=35)), now=NOW)
    assert faded.chance == pytest.approx(0.5**40, rel=0.1)
