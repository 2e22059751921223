"""What the page and the terminal must both do with a report in any state."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from everyturn.outputs import SCHEMA, to_json
from everyturn.outputs.html import render_html
from everyturn.outputs.text import render
from sample_report import STATES, sample_report

each_output = pytest.mark.parametrize("shown_by", [render_html, render], ids=["page", "terminal"])
each_state = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)


@each_output
@each_state
def test_a_report_in_any_state_is_shown_without_a_number_that_is_none(shown_by, state) -> None:
    shown = shown_by(state())
    assert shown.strip()
    body = re.sub(r"<(script|style)>.*?</\1>|<script type.*?</script>", "", shown, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|Undefined|inf)\b", body.replace("'none'", ""))


@each_output
@each_state
def test_a_percent_sign_stands_at_its_number(shown_by, state) -> None:
    assert not re.search(r"\d[ \u00a0]%", shown_by(state()))


@each_output
def test_the_same_result_gives_the_same_text_and_is_left_alone(shown_by) -> None:
    report = sample_report()
    before = copy.deepcopy(report)
    assert shown_by(report) == shown_by(before)
    assert report == before


@each_output
def test_any_field_may_be_null_or_missing(shown_by) -> None:
    whole = _small()
    for path in list(_paths(whole)):
        for change in ("null", "missing"):
            report = copy.deepcopy(whole)
            owner = report
            for step in path[:-1]:
                owner = owner[step]
            if change == "null":
                owner[path[-1]] = None
            else:
                del owner[path[-1]]
            assert shown_by(report), f"{path} {change}"


@each_output
def test_no_field_says_zero_where_the_report_says_nothing(shown_by) -> None:
    report = sample_report()
    for intent in report["intents"]:
        intent.update(acceptance=None, rework=None, eval_score=None, distance=None, cases=None, acceptance_weekly=[])
    report["headline"] = {}
    report["dashboard"] = {}
    shown = shown_by(report)
    figures = re.sub(
        r"<svg.*?</svg>", "", shown.split("Cohorts and their trust")[0].split('id="cohorts"')[0], flags=re.DOTALL
    )
    assert not re.search(r"(?<![\d.,])0\s%", figures)
    assert "unknown" in shown


def test_the_json_form_keeps_every_field_and_writes_no_nan() -> None:
    report = sample_report()
    assert json.loads(to_json(report)) == report
    assert report["schema"] == SCHEMA
    assert json.loads(to_json({"value": float("nan"), "text": "\ud83d"})) == {"value": None, "text": "?"}


def _small() -> dict[str, Any]:
    """A report with one of everything, so that each field can be taken away in turn."""
    report = sample_report()
    for name in ("findings", "intents", "cohorts"):
        report[name] = report[name][1:2]
        for series in ("series", "weekly", "acceptance_weekly", "trust_weekly"):
            for item in report[name]:
                if series in item:
                    item[series] = item[series][:1]
    report["coverage"]["uncovered"] = report["coverage"]["uncovered"][:1]
    conversation = report["conversations"]["c-8"]
    conversation["messages"] = conversation["messages"][1:5]  # each role once
    report["conversations"] = {"c-8": conversation}
    report["headline"]["eval_runs"] = report["headline"]["eval_runs"][:1]
    report["definitions"] = report["definitions"][:1]
    report["findings"][0]["conversations"] = ["c-8"]
    return report


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field of every object; objects in lists themselves are never null."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(value, dict) and path != ("conversations",):
            yield (*path, key)
        yield from _paths(inner, (*path, key))
