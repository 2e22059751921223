from __future__ import annotations

import pytest

from everyturn.analysis.words import percent, points, span
from everyturn.outputs.figures import fields, figure, items


def test_an_estimate_keeps_its_range_and_what_it_rests_on() -> None:
    shown = figure({"value": 0.624, "low": 0.597, "high": 0.651, "users": 2118, "n": 14120, "unknown": 5084})
    assert (shown.text, shown.span) == ("62%", "60–65")
    assert shown.basis == "14,120 known outputs, 5,084 unknown, 2,118 users"
    assert shown.brief == "14,120 known, 5,084 unknown"


def test_unknowns_give_the_bounds_of_all_going_one_way() -> None:
    shown = figure({"value": 0.5, "low": 0.4, "high": 0.6, "users": 9, "n": 60, "unknown": 40})
    assert shown.bounds == pytest.approx((0.3, 0.7))
    assert figure({"value": 0.5, "low": 0.4, "high": 0.6, "users": 9, "n": 60, "unknown": 0}).bounds is None


@pytest.mark.parametrize("absent", [None, {}, {"value": None}, {"value": float("nan")}, {"value": float("inf")}])
def test_what_is_not_known_is_a_word_and_never_a_number(absent: object) -> None:
    shown = figure(absent)
    assert not shown.known
    assert str(shown) == "unknown"


def test_too_little_data_names_the_users_there_are_and_the_users_needed() -> None:
    assert str(figure({"not_enough": {"users": 4, "needed": 10}})) == "not enough data: 4 users, 10 needed"
    assert str(figure({"not_enough": {"users": 0, "needed": 10}})) == "not enough data: 0 users, 10 needed"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.0004, "<0.1%"),
        (0.99996, ">99.9%"),
        (0.094, "9.4%"),
        (0.0999, "10%"),
        (0.504, "50%"),
    ],
)
def test_a_share_is_rounded_without_claiming_all_or_nothing(value: float, shown: str) -> None:
    assert percent(value) == shown


def test_a_range_has_the_decimals_of_its_number() -> None:
    assert span(0.081, 0.113, beside=0.094) == "8.1–11.3"
    assert span(0.43, None, beside=0.43) == ""


def test_a_difference_that_rounds_to_nothing_has_no_sign() -> None:
    assert points(-0.0001) == "0 points"
    assert points(-0.27) == "−27 points"


def test_fields_and_lists_of_the_wrong_type_are_absent() -> None:
    assert fields({"a": [1]}, "a") == {}
    assert items({"a": "text"}, "a") == ()
    assert fields(None, "a") == {}
