"""Field values: every usual form gives the same value, and what is none says what it is without repeating it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.attributes import object_attributes, other_fields

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01T09:30:00Z",
        "2026-03-01T09:30:00.000000000Z",
        "2026-03-01T10:30:00+01:00",
        "2026-03-01 09:30",
        "2026-03-01 09:30:00 UTC",
        "2026-03-01 09:30:00.0 +0000 UTC",
        "20260301T093000Z",
        "Sun, 01 Mar 2026 09:30:00 GMT",
        1772357400,
        1772357400.0,
        "1772357400",
        "1772357400.000",
        1772357400_000,
        1772357400_000_000,
        1772357400_000_000_000,
        "1772357400000000000",
        AT.replace(tzinfo=None),
        datetime(2026, 3, 1, 11, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_in_every_usual_form(written):
    assert fields.time(written, "at") == AT
    assert fields.time(written, "at").tzinfo is UTC


@pytest.mark.parametrize("written", ["2026-03-01", "20260301", date(2026, 3, 1)])
def test_a_date_is_its_midnight(written):
    assert fields.time(written, "at") == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "01/03/2026",
        "-",
        "1e400",
        "nan",
        float("inf"),
        10**30,
        True,
        [1],
        {},
        "x" * 100,
        "9" * 60,
        "Sun, 99 Mar 2026",
        "2026-13-01",
    ],
)
def test_what_is_no_time_is_described_and_not_repeated(written):
    with pytest.raises(BadRecord) as error:
        fields.time(written, "at")
    assert error.value.expected.startswith("at: a time such as 2026-")
    assert str(written) not in error.value.found or isinstance(written, list | dict)


def test_missing_values_are_none():
    for function in (fields.time, fields.number, fields.share, fields.count, fields.boolean, fields.identifier):
        assert function(None, "f") is None
        assert function("", "f") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0.0), ("100%", None), (-0.1, None), (1.01, None), ("no", 0.0), (True, 1.0), ({"a": "words"}, None)],
)
def test_shares(value, expected):
    if expected is None:
        with pytest.raises(BadRecord) as error:
            fields.share(value, "accepted")
        assert error.value.expected == "accepted: a number from 0 to 1"
        assert "words" not in error.value.found
    else:
        assert fields.share(value, "accepted") == expected


def test_counts_are_whole_numbers_that_fit():
    assert fields.count("3", "turn") == fields.count(3.0, "turn") == 3
    for value in (-1, 1.5, 2**31, True, "x"):
        with pytest.raises(BadRecord):
            fields.count(value, "turn")


def test_ids_are_short_texts_or_whole_numbers():
    assert fields.identifier(12.0, "id") == fields.identifier(12, "id") == "12"
    for value in ("x" * 513, 1.5, True, ["a"], {}):
        with pytest.raises(BadRecord):
            fields.identifier(value, "id")


def test_declared_paths_are_the_only_ones_tried():
    record = {"user_id": "usual", "metadata": {"user": "declared"}, "app.user": "dotted"}
    assert fields.user_id(record, ReadOptions()) == "usual"
    assert fields.user_id(record, ReadOptions(user_id="metadata.user")) == "declared"
    assert fields.user_id(record, ReadOptions(user_id="app.user")) == "dotted"
    assert fields.user_id(record, ReadOptions(user_id="metadata.nobody")) is None
    assert fields.conversation_id({"session_id": 5}, ReadOptions()) == "5"


def test_paths_find_names_with_dots_at_any_depth():
    assert fields.at_path({"a": {"b.c": {"d": 1}}}, "a.b.c.d") == 1
    assert fields.at_path({"a.b": {"c": 2}}, "a.b.c") == 2
    assert fields.at_path({"a": 1}, "a.b") is None
    assert fields.at_path([1], "a") is None


def test_a_declared_id_leaves_no_copy_among_the_attributes():
    options = ReadOptions(user_id="metadata.account")
    assert object_attributes({"account": "u1", "user": "u1", "plan": "pro"}, "metadata", options=options) == {
        "plan": "pro"
    }
    assert other_fields({"account": "u1", "plan": "pro"}, frozenset(), options) == {"plan": "pro"}


def test_descriptions_name_only_what_looks_like_a_field():
    assert fields.describe({"Dear reader, ": 1, "plan": 2}) == "an object with the keys plan"
    assert fields.describe({"Dear reader, ": 1}) == "an object with 1 keys"
    assert fields.describe({f"k{i}": 1 for i in range(20)}).endswith("k7 and 12 more")
