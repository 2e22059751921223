import json
import re
from datetime import timedelta

import numpy as np
import pyarrow.compute as pc
import pytest

from everyturn.stats import Estimate, NotEnough
from simulated import MONDAY, World, listen, watched

FIELDS = {
    "id", "kind", "signal", "cohort", "intent", "since", "found_at", "size", "low", "high", "sentence", "conversations",
}  # fmt: skip


@pytest.fixture(scope="module")
def broken():
    """A product in which all five failures happen at once."""
    return World(
        seed=1, weeks=14, new_intent=0.08, slide=(2, 0.25), distrust=(2, 0.07), eroding=(15, 4.0), rework=(5, 0.35)
    ).tables()


@pytest.fixture(scope="module")
def seen(broken):
    return watched(broken)


def test_the_first_five_tell_the_five_stories(seen):
    assert {f.story for f in seen.findings[:5]} == {"new intent", "slide", "cohort", "rework", "erosion"}


def test_each_incident_is_told_once(seen):
    changed = [f for f in seen.findings if f.kind != "gap"]
    assert len(changed) == 5
    assert len({f.intent_id for f in seen.findings if f.intent_id}) == sum(
        f.intent_id is not None for f in seen.findings
    )
    assert {f.story: (f.cohort, f.intent_id) for f in changed} == {
        "new intent": (None, "i10"),
        "slide": (None, "i2"),
        "cohort": ("Managers", None),
        "rework": (None, "i5"),
        "erosion": (None, None),
    }


def test_each_says_since_when_how_large_and_what_evals_said(seen):
    for finding in seen.findings:
        text = finding.sentence
        assert re.search(r"\d+ (January|February|March)|in all 14 weeks", text), text
        assert re.search(r"between .+ and |\(\d.*–\d", text), text
        assert re.search("eval", text), text
        assert not re.search(r"p-value|p =|p <|sigma|z-score|NaN|None|nan\b", text), text
        assert len(finding.title.split()) <= 9
        assert finding.size.low <= finding.size.value <= finding.size.high
        assert finding.severity > 0
    hidden = next(f for f in seen.findings if f.story == "cohort")
    assert re.search("The overall figure hides it|The other cohorts, taken together, did not move", hidden.sentence)


def test_the_series_stop_at_the_last_finished_week(seen):
    for finding in seen.findings:
        assert finding.series
        assert max(week for week, _ in finding.series) <= MONDAY + timedelta(weeks=13)
        assert all(isinstance(e, Estimate | NotEnough) for _, e in finding.series)


def test_found_lies_between_the_start_and_the_end(seen):
    for finding in seen.findings:
        if finding.since and finding.found_at:
            assert finding.since <= finding.found_at <= MONDAY + timedelta(weeks=14)


def test_json_is_the_agreed_form(seen):
    made = json.loads(json.dumps(seen.to_json(), allow_nan=False))
    assert made["sentence"].startswith("5 things")
    for finding in made["findings"]:
        assert set(finding) >= FIELDS
        assert finding["kind"] in {"level", "share", "new_intent", "mix", "user", "gap"}
        assert finding["series"][0]["week"] == "2026-01-05"
        assert finding["where"]
    users = next(f for f in made["findings"] if f["kind"] == "user")
    assert len(users["where"]["user_ids"]) == users["size"]
    assert users["unit"] == "count"


def test_rows_in_any_order_give_the_same_bytes(broken, seen):
    order = np.random.default_rng(0).permutation(broken["cells"].num_rows)
    shuffled = broken | {"cells": broken["cells"].take(order)}
    assert json.dumps(watched(shuffled).to_json()) == json.dumps(seen.to_json())


def test_ids_are_stable_and_name_the_place_not_the_label(broken, seen):
    renamed = broken | {"intents": broken["intents"].set_column(1, "intent", [["other"] * broken["intents"].num_rows])}
    again = watched(renamed)
    assert {f.id for f in again.findings} == {f.id for f in seen.findings}
    assert len({f.id for f in again.findings}) == len(again.findings)


def test_nothing_wrong_is_an_empty_list_and_an_honest_sentence():
    quiet = watched(World(seed=3).tables())
    assert quiet.findings == ()
    assert quiet.sentence.startswith("Nothing changed beyond chance in 12 weeks")
    assert re.search(r"a change of \d+ points in total acceptance", quiet.sentence)


def test_too_few_weeks_say_so():
    tables = World(seed=3, weeks=4, users=100, per_week=100).tables()
    made = watched(tables)
    assert not [f for f in made.findings if f.kind != "gap"]
    assert made.sentence == "It takes 5 finished weeks to see a change; there are 4 so far."


def test_evals_tickets_and_intents_are_optional(broken):
    made = watched(broken | {name: broken[name].slice(0, 0) for name in ("intents", "evals", "tickets")}).findings
    assert {f.story for f in made} >= {"new intent", "slide", "rework", "erosion", "cohort"}
    assert next(f for f in made if f.story == "slide").intent == "i2"
    assert all("No evals are loaded." in f.sentence for f in made if f.kind != "gap")


def test_a_larger_budget_rings_no_less(broken):
    few, many = (listen(broken, budget=b).alarms for b in (1.0, 60.0))
    first = {(a.signal, a.cohort, a.intent) for a in few if a.tier == "page"}
    assert first <= {(a.signal, a.cohort, a.intent) for a in many if a.tier == "page"}
    assert len(few) < len(many)


def test_a_new_intent_tells_the_queue_it_fills():
    told = watched(World(seed=4, new_intent=0.15).tables()).findings
    (found,) = (f for f in told if f.kind != "gap" and f.tier == "page")
    assert found.kind == "new_intent"
    assert re.search(r"It adds about \d+ tickets a week to the queue of the human team", found.sentence)


def test_rework_in_many_places_is_one_finding_and_everywhere_is_the_product():
    tables = World(seed=5, rework=(1, 0.4)).tables()
    cells = tables["cells"].to_pydict()
    # this is about standing rework: what the monitor hears of its changes is another table, and is left quiet
    tables["totals"] = tables["totals"].filter(pc.invert(pc.starts_with(tables["totals"]["signal"], "rework")))

    def reworked(*intents):
        y = [
            n * 0.4 if s == "rework" and i in intents else 0.02 * n if s == "rework" else y
            for s, i, n, y in zip(cells["signal"], cells["intent_id"], cells["n"], cells["y"], strict=True)
        ]
        made = tables["cells"].set_column(tables["cells"].column_names.index("y"), "y", [y])
        return [f for f in watched(tables | {"cells": made}).findings if f.story == "rework"]

    (one,) = reworked("i1")
    assert (one.intent_id, one.since, one.unit) == ("i1", None, "share")
    assert "its eval score is" in one.sentence.lower()
    (many,) = reworked("i1", "i4")
    assert many.intent_id is None
    assert '"intent 1" and "intent 4"' in many.sentence
    assert many.size.low < 0.4 < many.size.high + 0.01
    (everywhere,) = reworked(*(f"i{k}" for k in range(10)))
    assert everywhere.sentence.startswith("40% of the accepted answers are redone elsewhere within 7 days")
    assert reworked() == []
