"""`fit` on a workspace: labels from what users did, probabilities for the outputs nobody acted on, and an honest no."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.workspace import Workspace, fitting

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WORDS = ("order", "invoice", "parcel", "number", "street", "colour", "delivery", "address", "account", "price")


def load(ws, folder, *, is_told):
    """400 conversations of 100 users; of three quarters it is known what became of the output, and a word of the reply may tell it."""
    draw = random.Random(5)
    talks, actions = [], []
    for number in range(400):
        is_bad = draw.random() < 0.45
        at = START + timedelta(hours=number)
        word = "warehouse" if is_bad and is_told else "garden"
        said = [
            f"where is my {draw.choice(WORDS)}",
            f"The {draw.choice(WORDS)} is on its way.",
            f"{' '.join(draw.choices(WORDS, k=5))} {word}",
        ]
        messages = [
            {"role": "assistant" if i % 2 else "user", "content": text, "at": (at + timedelta(minutes=i)).isoformat()}
            for i, text in enumerate(said)
        ]
        talks.append({"conversation_id": f"c{number}", "user_id": f"u{number % 100}", "messages": messages})
        if number % 4:
            actions.append(
                {"action_id": f"a{number}", "at": (at + timedelta(minutes=9)).isoformat(), "user_id": f"u{number % 100}",
                 "kind": "rejected" if is_bad else "accepted", "conversation_id": f"c{number}", "turn": 0}
            )  # fmt: skip
    for name, rows in (("chat", talks), ("actions", actions)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ws.load(folder / "chat.jsonl")
    ws.load(folder / "actions.jsonl", as_="actions")


@pytest.fixture
def ws(tmp_path):
    with Workspace(tmp_path / "w.db") as opened:
        yield opened


def test_outputs_nobody_acted_on_get_a_probability(ws, tmp_path):
    load(ws, tmp_path, is_told=True)
    found = ws.fit()
    assert found["method"] == "texts + cues"
    assert found["labelled"] == found["rows"] == 300
    assert found["predicted"] == 100
    assert found["fitted"] > 0.9 > found["rule"]
    assert "better than the rule" in str(found)
    assert ws.measure("rejection_risk")["rows"][0]["value"] == pytest.approx(0.45, abs=0.1)
    acceptance = ws.measure("acceptance")["rows"][0]
    assert acceptance["unknown"] == 100  # a probability fills nothing in
    assert ws.fit() == found


def test_a_teams_own_outcomes_label_the_conversations_they_are_of(ws, tmp_path):
    load(ws, tmp_path, is_told=True)
    bad = {row[0] for row in ws.database.rows("SELECT conversation_id FROM messages WHERE content LIKE '%warehouse%'")}
    ws.database.run(
        "DELETE FROM actions WHERE conversation_id >= 'c2'"
    )  # and of those nothing is known but the team's table
    ws.database.run("INSERT INTO pending SELECT conversation_id FROM conversations")
    ours = [f"c{number}" for number in range(400) if f"c{number}" >= "c2"]
    rows = [{"conversation_id": c, "user_id": f"u{int(c[1:]) % 100}", "accepted": float(c not in bad)} for c in ours]
    rows += [{"conversation_id": "c1", "accepted": 0.0}, {"conversation_id": "elsewhere", "accepted": 1.0}]
    before = ws.measure("acceptance")["rows"][0]
    seen = len(ws.database.rows(fitting._LABELS))
    (tmp_path / "outcomes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    told = ws.load(tmp_path / "outcomes.jsonl", as_="outcomes")
    assert told["labels"] == len(ours) + 1  # of "elsewhere" no message is here: it is a conversation by itself
    assert f"{len(ours) + 1:,} outcomes belong to conversations whose messages are loaded" in str(told)
    found = ws.fit()
    # What was done to an output goes before what is said of its conversation, so c1 counts once.
    assert found["labelled"] == found["rows"] == seen + len(ours)
    assert found["method"] == "texts + cues"
    assert found["fitted"] > 0.9 > found["rule"]
    after = ws.measure("acceptance")["rows"][0]
    assert (after["n"], after["unknown"]) == (
        before["n"],
        before["unknown"],
    )  # a label of a whole enters no output's rate
    empty = [row | {"accepted": None} for row in rows]
    (tmp_path / "outcomes.jsonl").write_text("\n".join(map(json.dumps, empty)))
    ws.load(tmp_path / "outcomes.jsonl", as_="outcomes")
    assert len(ws.database.rows(fitting._LABELS)) == seen  # the last word stands


def test_where_words_add_nothing_the_rule_stays_and_says_why(ws, tmp_path):
    load(ws, tmp_path, is_told=False)
    found = ws.fit()
    assert (found["method"], found["predicted"]) == ("rule", 0)
    assert "The word rule stays" in found["sentence"]
    assert ws.database.rows("SELECT count(*) FROM observations WHERE signal = 'rejection_risk'") == [(0,)]


def test_an_empty_workspace_is_told_what_is_missing(ws):
    assert "25 are needed" in ws.fit()["sentence"]
