from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date, timedelta

from everyturn.outputs import svg
from everyturn.outputs.figures import figure

START = date(2025, 3, 3)


def weekly(*values: float | None, unfinished: bool = False) -> list[svg.Point]:
    last = len(values) - 1
    return [
        svg.Point(
            START + timedelta(weeks=i),
            v,
            None if v is None else v - 0.1,
            None if v is None else v + 0.1,
            50,
            complete=not (unfinished and i == last),
        )
        for i, v in enumerate(values)
    ]


def named(drawing: str, name: str) -> list[ET.Element]:
    return [e for e in ET.fromstring(drawing).iter() if name in (e.get("class") or "").split()]


def drawn(points: list[svg.Point], **options: date) -> str:
    return str(svg.trend(points, svg.axis(points), label="acceptance", **options))


def test_a_trend_draws_the_range_of_every_week() -> None:
    (band,) = named(drawn(weekly(0.5, 0.6, 0.4)), "band")
    assert len((band.get("points") or "").split()) == 6


def test_a_higher_value_stands_higher() -> None:
    low, high = named(drawn(weekly(0.4, 0.6)), "dot")
    assert float(high.get("cy") or 0) < float(low.get("cy") or 0)


def test_weeks_without_a_value_break_the_line_and_are_no_zero() -> None:
    drawing = drawn(weekly(0.5, 0.6, None, 0.4, 0.5))
    assert len(named(drawing, "line")) == 2
    assert len(named(drawing, "dot")) == 4


def test_an_unfinished_week_is_hatched_and_outside_the_line() -> None:
    drawing = drawn(weekly(0.5, 0.6, 0.1, unfinished=True))
    assert len(named(drawing, "hatched")) == 1
    (line,) = named(drawing, "line")
    assert len((line.get("points") or "").split()) == 2
    assert len(named(drawing, "unfinished")) == 1
    assert "unfinished week" in (ET.fromstring(drawing).get("aria-label") or "")


def test_a_finished_last_week_is_not_hatched() -> None:
    assert not named(drawn(weekly(0.5, 0.6, 0.1)), "hatched")


def test_the_beginning_is_marked_only_inside_the_weeks_shown() -> None:
    assert len(named(drawn(weekly(0.5, 0.6, 0.4), since=START + timedelta(weeks=1)), "since")) == 1
    assert not named(drawn(weekly(0.5, 0.6, 0.4), since=date(2024, 1, 1)), "since")


def test_nothing_known_draws_nothing() -> None:
    assert drawn(weekly(None, None)) == ""
    assert svg.interval(figure(None), evals=None, label="x") == ""
    assert svg.bars([], label="x") == ""
    assert svg.bars([svg.Point(START, None, n=0)], label="x") == ""


def test_one_week_alone_is_drawn() -> None:
    assert len(named(drawn(weekly(0.5)), "dot")) == 1


def test_a_label_from_users_cannot_leave_its_attribute() -> None:
    hostile = '"><script>alert(1)</script>'
    points = weekly(0.5, 0.6)
    drawing = str(svg.trend(points, svg.axis(points), label=hostile))
    assert (ET.fromstring(drawing).get("aria-label") or "").startswith(hostile)
    assert not any(e.tag == "script" for e in ET.fromstring(drawing).iter())


def test_users_and_evals_stand_where_their_values_are() -> None:
    users = figure({"value": 0.25, "low": 0.2, "high": 0.3, "users": 30, "n": 90})
    drawing = str(svg.interval(users, evals=1.0, label="x"))
    (dot,), (span,) = named(drawing, "users"), named(drawing, "range")
    assert dot.get("cx") == "26.0%"
    assert (span.get("x"), span.get("width")) == ("21.2%", "9.6%")
    assert len(named(drawing, "evals")) == 1
    assert len(named(drawing, "gap")) == 1


def test_without_evals_there_is_no_mark_and_no_gap() -> None:
    drawing = str(svg.scale(figure({"value": 0.25, "low": 0.2, "high": 0.3}), evals=None, label="x"))
    assert not named(drawing, "evals")
    assert not named(drawing, "gap")


def test_an_axis_holds_its_values_in_few_round_steps() -> None:
    for low, high in ((0.0, 1.0), (0.61, 0.63), (0.02, 0.04), (0.3, 0.88), (0.97, 0.99), (0.5, 0.5)):
        axis = svg.axis([svg.Point(START, low), svg.Point(START, high)])
        assert axis.low <= low <= high <= axis.high
        assert 0 <= axis.low < axis.high <= 1
        assert 3 <= len(axis.ticks) <= 6
    assert svg.axis([svg.Point(START, 158.0)], unit="count").low == 0
