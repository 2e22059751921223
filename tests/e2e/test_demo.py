"""The sample world through the whole chain: the planted facts stand on the page, unprompted."""

import json
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The demo as a user runs it, its report, and what was planted (which the analysis never reads)."""
    folder = tmp_path_factory.mktemp("demo")
    command = [str(Path(sys.executable).parent / "everyturn"), "demo", "--no-open", "--json", "--folder", "world"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout), json.loads((folder / "world" / "truth.json").read_text())


def finding(report, kind, **fields):
    """The one finding on the page of this kind."""
    found = [f for f in report["findings"] if f["kind"] == kind and all(f[k] == v for k, v in fields.items())]
    assert len(found) == 1, [(f["kind"], f["signal"], f["sentence"]) for f in report["findings"]]
    return found[0]


def test_evals_say_94_percent_and_users_keep_far_less(played):
    _, report, _ = played
    head = report["headline"]
    assert head["eval_score"]["value"] == pytest.approx(0.94)
    assert {round(run["score"], 6) for run in head["eval_runs"]} == {0.94}
    assert len(head["eval_runs"]) == 10
    assert head["kept"]["high"] < head["eval_score"]["low"] - 0.2
    assert report["counts"]["eval_cases"] == 200


def test_dashboards_are_green(played):
    _, report, _ = played
    health = report["dashboard"]
    assert health["latency_seconds"] == pytest.approx(1.8, abs=0.1)
    assert health["error_rate"] == pytest.approx(0.003, abs=0.001)
    assert health["completion_rate"] == 1.0


def test_the_billing_intent_is_found_within_a_week_with_no_case_and_hardly_an_acceptance(played):
    _, report, truth = played
    found = finding(report, "new_intent")
    since = date.fromisoformat(truth["planted"]["billing_since"])
    assert found["since"] == since.isoformat()
    assert date.fromisoformat(found["found_at"]) <= since + timedelta(days=7)
    (intent,) = (i for i in report["intents"] if i["intent_id"] == found["intent_id"])
    assert intent["cases"] == 0
    assert "no eval cases" in intent["status"]
    assert "new" in intent["status"]
    assert intent["acceptance"]["high"] < 0.2
    assert any(word in intent["intent"] for word in ("charge", "bill", "invoice"))


def test_the_slide_is_found_where_it_is(played):
    _, report, truth = played
    found = finding(report, "level", signal="acceptance")
    assert -0.2 < found["low"] < found["high"] < 0
    first = date.fromisoformat(truth["planted"]["weeks"][5])
    assert date.fromisoformat(found["since"]) >= first


def test_the_cohort_hidden_by_the_others_is_named(played):
    _, report, truth = played
    found = finding(report, "level", signal="trust")
    assert found["cohort"] == truth["planted"]["dropping_cohort"]
    assert found["low"] <= -0.06 <= found["high"] < 0
    assert abs((date.fromisoformat(found["since"]) - date.fromisoformat(truth["planted"]["drop_since"])).days) <= 14


def test_about_31_percent_of_accepted_drafts_are_redone(played):
    _, report, _ = played
    found = finding(report, "level", signal="rework")
    assert found["size"] == pytest.approx(0.31, abs=0.04)
    assert found["low"] < found["size"] < found["high"]


def test_users_whose_trust_erodes_are_named_and_hardly_anyone_else(played):
    _, report, truth = played
    found = finding(report, "user")
    named = {detail.split(":")[0] for detail in found["details"]}
    planted = set(truth["realised"]["eroding_users"])
    assert len(named) == found["size"]
    assert len(named & planted) >= len(planted) / 2
    assert len(named - planted) <= max(2, 0.2 * len(named))
    numbers = re.search(r"(\d+)% before, (\d+)% since .* \(−(\d+) points", found["sentence"])
    before, since, moved = map(int, numbers.groups())
    assert abs(before - since - moved) <= 1, found["sentence"]


def test_every_finding_shows_conversations_to_read_and_the_page_holds_them(played):
    folder, report, _ = played
    page = (folder / "everyturn-demo.html").read_text()
    for found in report["findings"]:
        assert len(found["conversations"]) == 5
        for conversation_id in found["conversations"]:
            assert report["conversations"][conversation_id]["messages"]
    assert "https://" not in page.replace("https://www.w3.org", "")
    assert len(page) < 1_500_000


def test_intent_names_can_be_read_aloud(played):
    _, report, _ = played
    names = [i["intent"] for i in report["intents"]]
    assert len(set(names)) == len(names)
    assert all(3 <= len(name) <= 60 for name in names)
    assert 8 <= len(names) <= 40
