"""`measure` over two slices: small cells drawn to both, beside what was counted; and what each slice could show."""

import json

import numpy as np
import pytest

from everyturn.workspace import Workspace


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """Outcomes of 120 users on three plans, who ask for four things; "teams" is small, and nobody there asks to export."""
    folder = tmp_path_factory.mktemp("measuring")
    rng = np.random.default_rng(3)
    rates = {"refund": 0.9, "order": 0.8, "login": 0.6, "export": 0.3}
    with (folder / "outcomes.jsonl").open("w") as f:
        for i in range(1_500):
            user = int(rng.integers(0, 120))
            plan = "teams" if user < 6 else ["free", "pro"][user % 2]
            intent = str(rng.choice(list(rates)))
            if plan == "teams" and intent == "export":
                continue
            row = {
                "conversation_id": f"c{i}",
                "user_id": f"u{user}",
                "started_at": f"2026-{3 + i // 500:02d}-{1 + i % 28:02d}T10:00:00Z",
                "cohort": plan,
                "intent": intent,
                "accepted": int(rng.random() < rates[intent]),
            }
            f.write(json.dumps(row) + "\n")
    with Workspace(folder / "w.db") as workspace:
        workspace.load(folder / "outcomes.jsonl", as_="outcomes")
        yield workspace


def test_the_smallest_visible_change_of_a_slice_is_the_same_wherever_it_is_shown(ws):
    """By cohort and by intent: `measure`, `cohorts`, `gap`, the page's tables and its blind spots."""
    plans = {name: row["smallest_change"] for (name,), row in by_group(ws.measure("acceptance", by="cohort")).items()}
    intents = {name: row["smallest_change"] for (name,), row in by_group(ws.measure("acceptance", by="intent")).items()}
    page, told = ws.report(), ws.cohorts()["declared"]
    assert {row["cohort"]: row["smallest_change"] for row in told} == {
        n: least for n, least in plans.items() if n != "teams"
    }
    assert {row["cohort"]: row["smallest_change"] for row in page["cohorts"]} == plans
    assert {row["intent"]: row["smallest_change"] for row in page["intents"]} == intents
    assert {row["intent"]: row["smallest_change"] for row in ws.gap()["rows"]} == intents
    of_cohorts, of_intents = page["blind_spots"]
    assert {s["cohort"]: s["smallest_change"] for s in of_cohorts["slices"]}.items() <= plans.items()
    assert {s["intent"]: s["smallest_change"] for s in of_intents["slices"]}.items() <= intents.items()
    assert of_intents["slices"]


def by_group(result):
    return {tuple(row["group"].values()): row for row in result["rows"]}


def test_small_cells_are_drawn_and_what_was_counted_stays(ws):
    rows = by_group(ws.measure("acceptance", by="cohort,intent"))
    assert len(rows) == 11
    small, large = rows["teams", "login"], rows["free", "login"]
    assert small["not_enough"] == {"users": 6, "needed": 10}
    own = by_group(ws.measure("acceptance", by="intent", where="cohort = 'teams'"))["login",]
    assert own["not_enough"] == small["not_enough"]
    assert small["raw"]["n"] == small["drawn"]["n"] > 0
    assert 0 <= small["raw"]["value"] <= 1
    assert small["drawn"]["value"] == pytest.approx(0.6, abs=0.12)
    assert small["drawn"]["low"] < small["drawn"]["value"] < small["drawn"]["high"]
    assert large["raw"]["value"] == large["value"]
    assert large["drawn"]["value"] == pytest.approx(large["value"], abs=0.05)
    assert large["drawn"]["high"] - large["drawn"]["low"] < small["drawn"]["high"] - small["drawn"]["low"]


def test_the_order_of_the_slices_changes_nothing(ws):
    one = by_group(ws.measure("acceptance", by="cohort,intent"))
    other = by_group(ws.measure("acceptance", by="intent,cohort"))
    assert {(b, a): row["drawn"]["value"] for (a, b), row in other.items()} == pytest.approx(
        {key: row["drawn"]["value"] for key, row in one.items()}
    )


@pytest.mark.parametrize("by", ["cohort", "cohort,week", "intent,user", "cohort,intent,week", "intent,outcome"])
def test_other_tables_are_left_as_counted(ws, by):
    rows = ws.measure("acceptance", by=by)["rows"]
    assert not any("drawn" in row for row in rows)
    assert all("smallest_change" in row for row in rows) == (by == "cohort")


def test_each_slice_says_what_it_could_show(ws):
    plans = by_group(ws.measure("acceptance", by="cohort"))
    assert plans["teams",]["smallest_change"] is None
    assert 0.02 < plans["free",]["smallest_change"] < 0.2
    shorter = by_group(ws.measure("acceptance", by="cohort", where="week >= '2026-05-01'"))
    assert shorter["free",]["smallest_change"] == pytest.approx(plans["free",]["smallest_change"], rel=0.3)
    assert ws.cohorts()["declared"][0]["smallest_change"] == plans["free",]["smallest_change"]


def test_the_text_shows_both(ws):
    text = str(ws.measure("acceptance", by="cohort,intent"))
    assert "Estimate: pulled towards what the rest of the table leads one to expect" in text
    assert "detectable" in text
    line = next(line for line in text.splitlines() if "teams" in line and "login" in line)
    assert "6 of 10" in line
    assert line.count("%") == 2  # raw share and drawn rate
    assert line.endswith("none")


def test_an_intent_is_shown_by_cohort_as_it_is_measured(ws):
    measured = by_group(ws.measure("acceptance", by="cohort,intent"))
    shown = ws.show("intent", "login", limit=1)
    assert [row["group"]["cohort"] for row in shown["by_cohort"]] == ["free", "pro", "teams"]
    for row in shown["by_cohort"]:
        assert row["drawn"] == measured[row["group"]["cohort"], "login"]["drawn"]
    assert "teams" in str(shown)


def test_trust_is_shown_by_cohort_with_its_parts_and_order(ws):
    shown = ws.show("trust")
    cohorts = {c["cohort"]: c for c in shown["trust"]["cohorts"]}
    assert list(cohorts["free"]["parts"]) == ["unmodified acceptance"]  # of edits and rework nothing is known
    assert cohorts["free"]["trust"]["users"] == 57
    assert cohorts["teams"]["trust"] == {"not_enough": {"users": 6, "needed": 10}}
    (order,) = shown["trust"]["order"]
    assert order["first"] in {"too few", "too short"}
    text = str(shown)
    assert "free" in text
    assert order["sentence"][:40] in " ".join(text.split())
