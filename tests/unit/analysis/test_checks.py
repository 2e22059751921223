"""Budgets fail only beyond doubt; comparisons are adjusted for what was asked; CI formats are well formed."""

import json
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.checks import check_budget, sum_up
from everyturn.analysis.comparison import compare_sides
from everyturn.outputs.checks import FORMS
from everyturn.stats import Estimate, NotEnough


def rate(value, low, high):
    return Estimate(value, low, high, users=90, n=300)


@pytest.mark.parametrize(
    ("estimate", "budget", "verdict"),
    [
        (rate(0.7, 0.65, 0.75), {"least": 0.6, "most": None}, "passed"),
        (rate(0.58, 0.53, 0.62), {"least": 0.6, "most": None}, "unclear"),
        (rate(0.5, 0.45, 0.55), {"least": 0.6, "most": None}, "failed"),
        (rate(0.1, 0.05, 0.15), {"least": None, "most": 0.2}, "passed"),
        (rate(0.22, 0.18, 0.26), {"least": None, "most": 0.2}, "unclear"),
        (rate(0.3, 0.25, 0.35), {"least": None, "most": 0.2}, "failed"),
        (NotEnough(3, 10), {"least": None, "most": 0.2}, "not enough data"),
    ],
)
def test_a_budget_fails_only_beyond_doubt(estimate, budget, verdict):
    check = check_budget("rework", {"intent": "refund"}, estimate, **budget)
    assert check.verdict == verdict
    assert check.to_json()["group"] == {"intent": "refund"}
    assert 'rework for intent "refund"' in check.sentence


def test_one_failure_fails_all_and_nothing_known_is_no_pass():
    passed, failed, unknown = (
        check_budget("a", {}, e, least=0.6, most=None)
        for e in (rate(0.7, 0.65, 0.75), rate(0.5, 0.45, 0.55), NotEnough(1, 10))
    )
    assert sum_up([passed, failed, unknown]) == ("failed", "1 failed, 1 passed, 1 without enough data.")
    assert sum_up([unknown])[0] == "not enough data"
    assert sum_up([passed, unknown])[0] == "passed"


def sides(p_then, p_now, *, share_then=0.5, share_now=0.5, users=150, each=8, seed=1):
    """Answers to two intents, whose rates are `p_then` and `p_now`, the first with `share` of the answers."""
    random = np.random.default_rng(seed)
    rows = []
    for is_current, p, share in ((False, p_then, share_then), (True, p_now, share_now)):
        for user in range(users):
            for intent in random.random(each) >= share:
                y = float(random.random() < p[int(intent)])
                rows.append(
                    {
                        "user_id": f"u{user}",
                        "intent_id": f"i{int(intent)}",
                        "is_current": is_current,
                        "n": 1.0,
                        "y": y,
                        "unknown": 0.0,
                    }
                )
    return pa.Table.from_pylist(rows)  # fmt: skip


def compare(table):
    return compare_sides(table, signal="acceptance", better="higher")


def test_another_mix_alone_is_neither_better_nor_worse():
    made = compare(sides((0.8, 0.4), (0.8, 0.4), share_then=0.7, share_now=0.3))
    assert made.effect.high < 0
    assert made.verdict == "no clear change"
    assert made.mix.value == pytest.approx(-0.16, abs=0.03)
    assert made.mix.value + made.within.value == pytest.approx(made.effect.value)
    assert made.sentence.startswith("No clear change of acceptance for the same requests")


def test_a_fall_at_the_same_requests_is_worse_and_comes_with_its_range():
    made = compare(sides((0.8, 0.6), (0.7, 0.5)))
    assert made.verdict == "worse"
    assert made.within.low < -0.1 < made.within.high
    assert made.sentence.startswith(
        "Acceptance is worse: 68% → 59%. For the same requests, −8 points, between −12 and −4"
    )
    assert compare_sides(sides((0.8, 0.6), (0.7, 0.5)), signal="rework", better="lower").verdict == "better"


@pytest.mark.statistics
def test_the_smallest_change_is_shown_four_times_in_five():
    least = compare(sides((0.6, 0.6), (0.6, 0.6))).smallest_change
    runs = [compare(sides((0.6, 0.6), (0.6 - least,) * 2, seed=10 + i)).verdict == "worse" for i in range(120)]
    assert 0.7 <= np.mean(runs) <= 0.92  # .8 is promised; 120 runs leave .036 of chance


def test_too_few_users_are_not_enough_data():
    made = compare(sides((0.8, 0.6), (0.7, 0.5), users=5))
    assert (made.verdict, made.within, made.smallest_change) == ("not enough data", None, None)
    assert made.sentence.startswith("Not enough data")
    empty = sides((0.8, 0.6), (0.7, 0.5)).slice(0, 0)
    assert compare(empty).verdict == "not enough data"


def test_every_form_is_well_formed_whatever_the_text():
    odd = check_budget("acceptance", {"intent": '<a href="x">|\n&'}, rate(0.5, 0.45, 0.55), least=0.6, most=None)
    unknown = check_budget("acceptance", {}, NotEnough(1, 10), least=0.6, most=None)
    result = {"sentence": "1 failed.", "config": "everyturn.toml", "checks": [odd.to_json(), unknown.to_json()]}
    suite = ET.fromstring(FORMS["junit"](result))[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
    (found,) = json.loads(FORMS["sarif"](result))["runs"][0]["results"]
    assert (found["level"], found["ruleId"]) == ("error", "acceptance")
    table = FORMS["markdown"](result).splitlines()[2:]
    assert len(table) == 4
    assert all(form({}) for form in FORMS.values())
