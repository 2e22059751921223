"""Groups of users by behaviour through the workspace: named, kept, measured, watched and forgotten."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from everyturn.workspace import Workspace

START = datetime(2026, 1, 5, tzinfo=UTC)


def outcomes(seed=0, late=None):
    """Writers and coders; from day `late` on the coders accept 30 points less."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(70):
        for k in range(60):
            user = int(rng.integers(80))
            coder = user < 40
            intents = ("write code", "fix a bug") if coder else ("draft a text", "rewrite a text")
            intent = intents[rng.integers(2)] if rng.random() < 0.9 else "small talk"
            p = 0.75 - (0.3 if coder and late is not None and day >= late else 0)
            at = START + timedelta(days=day, hours=int(rng.integers(18, 24) if coder else rng.integers(8, 16)))
            rows.append((f"c{day}-{k}", f"u{user}", at.isoformat(), "everyone", intent, int(rng.random() < p)))
    return rows


def load(ws, path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("conversation_id", "user_id", "started_at", "cohort", "intent", "accepted"), *rows]
        )
    ws.load(path, as_="outcomes")


@pytest.fixture
def ws(tmp_path):
    with Workspace(":memory:") as made:
        load(made, tmp_path / "a.csv", outcomes(late=42))
        yield made


def test_groups_are_found_named_and_measured(ws):
    found = ws.cohorts()
    assert {g["name"] for g in found["groups"]} == {
        "mostly fix a bug and write code",
        "mostly draft a text and rewrite a text",
    }
    for group in found["groups"]:
        assert group["users"] == 40
        assert group["acceptance"]["low"] < group["acceptance"]["value"] < group["acceptance"]["high"]
        assert 0 < group["smallest_change"] < 0.5
        assert group["firmness"] > 0.3
    assert found["new"] == 0
    again = ws.cohorts()
    assert [g["group_id"] for g in again["groups"]] == [g["group_id"] for g in found["groups"]]
    rows = ws.measure("acceptance", by="behaviour")["rows"]
    assert {r["group"]["behaviour"] for r in rows} == {g["name"] for g in found["groups"]}
    assert "Groups by how people use the product" in str(found)


def test_a_fall_in_an_undeclared_group_is_reported_for_that_group(ws):
    ws.cohorts()
    ws.divide_by("behaviour")
    told = [f for f in ws.watch()["findings"] if f["kind"] == "level"]
    assert {f["cohort"] for f in told} == {"mostly fix a bug and write code"}


def test_a_forgotten_user_is_in_no_group(ws):
    ws.cohorts()
    ws.forget("u1")
    assert ws.database.scalar("SELECT count(*) FROM behaviours WHERE member = 'u1'") == 0


def test_nothing_loaded_has_no_groups():
    with Workspace(":memory:") as ws:
        assert ws.cohorts()["groups"] == []
