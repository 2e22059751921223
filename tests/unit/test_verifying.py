"""What is only known with intents: success checks of the settings file, and how long a silence has to last."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.workspace import Workspace

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def write(path, *, users=30, mark=""):
    """Each user asks for a refund and for an address change; every third comes back after a minute, the last never."""
    rows = []
    for number in range(users):
        for kind, text in (("r", "I want a refund for my broken lamp"), ("a", "Please change the delivery address")):
            at = START + timedelta(hours=number)
            messages = [
                {"role": "user", "content": text, "at": at.isoformat()},
                {"role": "assistant", "content": "Which order is it?", "at": (at + timedelta(seconds=5)).isoformat()},
            ]
            for again in range(3 if number % 3 else 0):
                late = at + timedelta(seconds=65 + 60 * again)
                messages += [
                    {"role": "user", "content": f"Number {again}", "at": late.isoformat()},
                    {"role": "assistant", "content": "And which one?", "at": (late + timedelta(seconds=2)).isoformat()},
                ]
            rows.append(
                {"conversation_id": f"{kind}{mark}{number}", "user_id": f"u{mark}{number}", "messages": messages}
            )
    path.write_text("\n".join(map(json.dumps, rows)))


def divide(ws):
    """Two intents of our own making, one for each kind of conversation: what is tested here is not their discovery."""
    db = ws.database
    db.run("DELETE FROM intents")
    db.run("INSERT INTO intents (intent_id, label) VALUES ('i1', 'Refund'), ('i2', 'address')")
    db.run("UPDATE turn_intents SET intent_id = CASE WHEN conversation_id LIKE 'r%' THEN 'i1' ELSE 'i2' END")
    return "refund"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "chat.jsonl")
    refunds = [
        {"action_id": f"x{n}", "at": (START + timedelta(hours=n, minutes=30)).isoformat(), "user_id": f"u{n}",
         "kind": "refund_issued", "conversation_id": f"r{n}"}
        for n in range(0, 30, 2)
    ]  # fmt: skip
    (tmp_path / "actions.jsonl").write_text("\n".join(map(json.dumps, refunds)))
    return tmp_path


def test_success_by_intent_and_not_verifiable_elsewhere(folder):
    with Workspace(folder / "w.db") as ws:
        ws.load(folder / "chat.jsonl")
        ws.load(folder / "actions.jsonl", as_="actions")
        before = ws.measure("success")
        assert "not verifiable" in before["note"]
        assert "not verifiable" in str(before)
        ws.discover()
        refund = divide(ws)
        (folder / "everyturn.toml").write_text(
            f'[[success]]\nintent = "{refund}"\naction = "refund_issued"\nwithin = "1 hour"\n'
        )
        rows = {row["group"]["intent"]: row for row in ws.measure("success", by="intent")["rows"]}
        assert rows["Refund"]["value"] == pytest.approx(0.5, abs=0.03)
        others = [row for name, row in rows.items() if name != "Refund"]
        assert others
        assert all("not_enough" in row for row in others)
        assert "note" not in ws.measure("success")
        stored = ws.database.rows(
            "SELECT label, count(*) FROM observations WHERE signal = 'success' GROUP BY 1 ORDER BY 1"
        )
        assert stored == [("done", 15), ("not done", 15), ("not verifiable", 30)]
        (folder / "everyturn.toml").write_text("")  # withdrawn: unknown again
        assert "not verifiable" in ws.measure("success", by="intent")["note"]


def test_a_time_out_is_learnt_stays_and_says_when_silence_counts(folder):
    with Workspace(folder / "w.db") as ws:
        ws.load(folder / "chat.jsonl")
        ws.measure("abandonment")
        learnt = ws.database.rows("SELECT intent_id, seconds, gaps FROM timeouts ORDER BY intent_id")
        assert learnt
        assert learnt[0][0] == ""
        assert all(50 < seconds < 120 for _, seconds, _ in learnt)
        row = ws.measure("abandonment")["rows"][0]
        assert row["n"] == 60 - row["unknown"]
        assert row["unknown"] <= 4  # seven days would leave all of them open
        late = ws.database.rows(
            "SELECT count(*) FROM observations o JOIN conversations c USING (conversation_id) WHERE label = 'abandoned'"
            " AND epoch(o.final_at - c.ended_at) > 120"
        )
        assert late == [(0,)]
        more = folder / "more.jsonl"  # other gaps, later: what was learnt stays
        write(more, mark="x")
        ws.load(more)
        ws.measure("abandonment")
        assert ws.database.rows("SELECT intent_id, seconds, gaps FROM timeouts ORDER BY intent_id")[0] == learnt[0]
