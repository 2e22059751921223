"""The map of intents: what it says, what it leaves out, and that names lie on nothing."""

from __future__ import annotations

import copy
import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np

from everyturn.outputs import svg_map
from everyturn.outputs.figures import figure
from everyturn.outputs.html import render_html
from everyturn.outputs.map import arrange_map
from everyturn.outputs.svg_map import Spot, draw
from sample_report import sample_report, without_evals

ACCEPTED = {"value": 0.75, "low": 0.7, "high": 0.8, "users": 30, "n": 90}


def spot(name: str, x: float, y: float, volume: float | None = 100, **fields) -> Spot:
    return Spot(name, x, y, volume, figure(fields.pop("acceptance", ACCEPTED)), **fields)


def many(n: int, seed: int = 1) -> list[Spot]:
    rng = np.random.default_rng(seed)
    return [
        spot(f"intent {i} of some length", *rng.normal(size=2), float(rng.pareto(1.2) * 100), theme=f"theme {i % 4}")
        for i in range(n)
    ]


def classed(drawing: str, name: str) -> list[ET.Element]:
    return [e for e in ET.fromstring(drawing).iter() if name in (e.get("class") or "").split()]


def circles(drawing: str) -> list[tuple[float, float, float]]:
    return [tuple(float(e.get(a) or 0) for a in ("cx", "cy", "r")) for e in classed(drawing, "ground")]


def test_the_area_is_the_volume() -> None:
    (_, _, large), (_, _, small) = circles(draw([spot("a", -1, 0, 400), spot("b", 1, 0, 100)], label="Map"))
    assert math.isclose(large / small, 2, rel_tol=1e-3)


def test_what_is_to_the_right_and_higher_is_drawn_so_and_distances_shrink_alike() -> None:
    drawing = draw([spot("a", 0, 0, 9), spot("b", 1, 0, 8), spot("c", 0, 1, 7)], label="Map")
    (ax, ay, _), (bx, by, _), (cx, cy, _) = circles(drawing)
    assert ay == by
    assert ax == cx
    assert math.isclose(bx - ax, ay - cy)
    assert bx > ax


def test_the_wedge_ends_where_acceptance_stands_on_a_clock_face() -> None:
    drawing = draw([spot("a", -1, 0), spot("b", 1, 0)], label="Map")
    (x, y, r), edge = circles(drawing)[0], classed(drawing, "edge")[0]
    assert math.isclose(float(edge.get("x2") or 0), x - r, abs_tol=0.02)  # three quarters: nine o'clock
    assert math.isclose(float(edge.get("y2") or 0), y, abs_tol=0.02)
    assert len(classed(drawing, "filled")) == len(classed(drawing, "unsure")) == 2


def test_all_and_none_accepted_are_whole_circles_and_no_wedge() -> None:
    whole, none = ({"value": v, "low": v, "high": v, "users": 30, "n": 90} for v in (1.0, 0.0))
    drawing = draw([spot("a", -1, 0, acceptance=whole), spot("b", 1, 0, acceptance=none)], label="Map")
    assert [e.tag.rpartition("}")[2] for e in classed(drawing, "filled")] == ["circle"]


def test_unknown_acceptance_is_a_question_mark_and_no_share() -> None:
    drawing = draw(
        [spot("a", -1, 0), spot("b", 1, 0, acceptance={"not_enough": {"users": 4, "needed": 10}})], label="Map"
    )
    assert len(classed(drawing, "edge")) == 1
    assert [e.text for e in classed(drawing, "unsaid")] == ["?"]


def test_only_an_intent_known_to_have_no_case_is_dashed() -> None:
    drawing = draw(
        [spot(n, i, 0, tested=t) for i, (n, t) in enumerate((("a", True), ("b", False), ("c", None)))], label="M"
    )
    assert len(classed(drawing, "untested")) == 1


def test_circles_do_not_cover_each_other_and_names_lie_on_nothing() -> None:
    for seed in range(5):
        spots = [*many(30, seed), spot("on one place", 0.1, 0.1), spot("on one place too", 0.1, 0.1)]
        drawing = draw(spots, label="Map")
        found = circles(drawing)
        assert len(found) == 32
        for i, (x, y, r) in enumerate(found):
            assert all(math.hypot(x - a, y - b) > r + c for a, b, c in found[:i])
        boxes = []
        for name in classed(drawing, "name"):
            wide, x, y = svg_map._wide(name.text or ""), float(name.get("x") or 0), float(name.get("y") or 0)
            left = {"start": x, "end": x - wide, "middle": x - wide / 2}[name.get("text-anchor") or ""]
            boxes.append((left, y - 9, left + wide, y + 2))
        assert len(boxes) > 10
        for i, (left, top, right, bottom) in enumerate(boxes):
            assert not [b for b in boxes[:i] if left < b[2] and right > b[0] and top < b[3] and bottom > b[1]]
            assert left >= 0
            assert right <= 760
            for x, y, r in found:
                assert math.hypot(x - min(max(x, left), right), y - min(max(y, top), bottom)) >= r


def test_a_theme_is_one_tree_of_the_shortest_lines() -> None:
    spots = [spot(str(i), x, 0, 10 - i, theme="t") for i, x in enumerate((0.0, 3.0, 1.0, 2.0))]
    lines = classed(draw([*spots, spot("alone", 1, 1, theme="other")], label="Map"), "thread")
    ends = sorted(tuple(sorted((float(e.get("x1") or 0), float(e.get("x2") or 0)))) for e in lines)
    assert len(ends) == 3
    assert all(a[1] == b[0] for a, b in pairwise(ends))


def test_the_order_of_the_intents_changes_nothing() -> None:
    spots = many(40)
    assert draw(spots, label="Map") == draw(spots[::-1], label="Map")


def test_a_crowd_is_drawn_whole_without_names() -> None:
    drawing = draw(many(400), label="Map")
    assert len(circles(drawing)) == 400
    assert not classed(drawing, "name")


def test_one_intent_is_no_map() -> None:
    assert draw([spot("a", 0, 0)], label="Map") == ""
    assert draw([spot("a", 0, 0, None), spot("b", 0, 0, 0)], label="Map")


def test_every_circle_says_what_it_shows_and_leads_to_a_row_that_is_there() -> None:
    page = render_html(sample_report())
    drawing = re.search(r'<svg class="map wide".*?</svg>', page, re.DOTALL)
    assert drawing
    links = list(ET.fromstring(drawing[0]).iter("a"))
    assert len(links) == 12
    for link in links:
        assert page.count(f'id="{(link.get("href") or "")[1:]}"') == 1
        assert link.get("aria-label") == next(e.text for e in link.iter("title"))
    said = next(link.get("aria-label") or "" for link in links if "Dispute" in (link.get("aria-label") or ""))
    assert re.fullmatch(r"Dispute a charge: 1,260 outputs, \d+% \(\d+–\d+\) accepted, no eval case, theme Money", said)


def test_without_evals_nothing_is_said_of_tests() -> None:
    chart = arrange_map(without_evals())["charts"][0]
    assert not classed(chart, "untested")
    assert "eval case" not in chart
    assert "Dashed: no eval case" not in render_html(without_evals())
    assert "Dashed: no eval case" in render_html(sample_report())


def test_any_field_of_an_intent_may_be_null_or_missing() -> None:
    report = sample_report()
    report["conversations"] = {}
    for key in report["intents"][0]:
        for change in ("null", "missing"):
            changed = copy.deepcopy(report)
            for intent in changed["intents"][:3]:
                if change == "null":
                    intent[key] = None
                else:
                    del intent[key]
            shown = arrange_map(changed)
            assert len(circles(shown["charts"][0])) == (9 if key in {"x", "y"} else 12)
            assert shown["without_place"] == (3 if key in {"x", "y"} else 0)


def test_a_report_of_an_earlier_version_has_no_map() -> None:
    report = sample_report()
    for intent in report["intents"]:
        del intent["x"], intent["y"], intent["theme"]
    assert 'id="map"' not in render_html(report)
    assert 'href="#map"' not in render_html(report)


def test_names_from_users_stay_text() -> None:
    hostile = '"><script>alert(1)</script>'
    drawing = draw([spot(hostile, -1, 0, said=hostile, href='#"><b>'), spot("b", 1, 0)], label=hostile)
    assert not any(e.tag in {"script", "b"} for e in ET.fromstring(drawing).iter())
