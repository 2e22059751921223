"""What `show intent` says of where an intent stands and what happened to it, from conversations as they are loaded."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from everyturn import Workspace
from everyturn.errors import UnknownName
from everyturn.outputs.text import render

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
TOPICS = (
    ("where is my parcel", "the courier says nothing", "please track the late parcel", "my parcel is late again"),
    ("i forgot my password", "reset the password for my login", "the login rejects my password", "a new password please"),
    ("send the invoice with vat", "the invoice lacks our vat number", "invoice for the tax office", "correct my invoice"),
)  # fmt: skip


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def rows():
    rng = random.Random(3)
    for i in range(120):
        said = rng.choice(TOPICS[i % 3])
        if i % 3 == 2 and i < 60:  # nobody asks for invoices in the first half
            said = rng.choice(TOPICS[0])
        yield {
            "conversation_id": f"c{i}",
            "user_id": f"u{i % 40}",
            "messages": [
                {"role": "user", "content": f"{said}, number {i}", "at": (START + timedelta(hours=12 * i)).isoformat()},
                {"role": "assistant", "content": "Here is what to do.", "at": (START + timedelta(hours=12 * i, seconds=5)).isoformat()},
            ],
        }  # fmt: skip


def outcomes():
    """Ready outcomes of one intent; every second one accepted."""
    for i in range(60):
        yield {
            "conversation_id": f"c{i}",
            "user_id": f"u{i % 20}",
            "started_at": START.isoformat(),
            "intent": "refund",
            "accepted": i % 2,
        }


def test_an_intent_says_since_when_it_is_asked_and_what_is_most_like_it(tmp_path) -> None:
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", rows()))
        found = {row["intent_id"]: row for row in ws.discover()["intents"]}
        late = next(row for row in found.values() if "invoice" in row["intent"])
        shown = ws.show("intent", late["intent_id"])
    assert shown["intent"]["x"] == late["x"]
    assert shown["intent"]["y"] == late["y"]
    (born,) = shown["events"]
    assert (born["kind"], born["intent"]) == ("born", late["intent"])
    assert born["at"] > "2026-03-29"
    assert born["chance"] < 0.01
    near = [other["intent_id"] for other in shown["nearest"]]
    assert set(near) == set(found) - {late["intent_id"]}
    likeness = [other["likeness"] for other in shown["nearest"]]
    assert likeness == sorted(likeness, reverse=True)


def test_intents_that_came_with_ready_outcomes_have_no_place_and_no_life(tmp_path) -> None:
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "o.jsonl", outcomes()), as_="outcomes")
        shown = ws.show("intent", "refund")
        with pytest.raises(UnknownName):
            ws.show("intent", "refunds of another kind")
    assert shown["events"] == shown["nearest"] == []
    assert shown["intent"]["theme"] is shown["intent"]["x"] is None


def test_a_user_is_shown_with_trust_weeks_and_the_latest_conversations(tmp_path) -> None:
    """Of forty users one rejects every answer: their trust is below the cohort's, and their range holds it."""

    def said():
        for i, row in enumerate(rows()):
            at = START + timedelta(hours=12 * i, seconds=40)
            word = "No, that is wrong." if row["user_id"] == "u7" else "Perfect, that works, thank you."
            yield row | {"messages": [*row["messages"], {"role": "user", "content": word, "at": at.isoformat()}]}

    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", said()))
        shown = ws.show("user", "u7", limit=2)
        trusting = ws.show("user", "u8", limit=0)
        text = render(shown)
        with pytest.raises(UnknownName, match="no user of that id") as error:
            ws.show("user", "u7x")
    user = shown["user"]
    assert [c["conversation_id"] for c in shown["conversations"]] == ["c87", "c47"]
    assert user["low"] < user["trust"] < trusting["user"]["trust"] < user["cohort_trust"]["value"] + 0.2
    assert trusting["conversations"] == []
    known = [week for week in user["weeks"] if week["known"]]
    assert [week["accepted"] for week in known] == [0.0] * len(known) != []
    assert sum(week["known"] for week in trusting["user"]["weeks"]) == sum(
        w["accepted"] for w in trusting["user"]["weeks"]
    )
    assert "u7" in text
    assert f"Trust {100 * user['trust']:.0f}%" in text
    assert "u7x" not in str(error.value)


def test_a_user_without_a_finished_week_has_no_trust_yet(tmp_path) -> None:
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", list(rows())[:3]))
        shown = ws.show("user", "u1")
    assert "trust" not in shown["user"]
    assert "no finished week" in " ".join(render(shown).split())


def test_a_report_reads_the_evals_once_and_no_discovery_it_does_not_need(tmp_path, monkeypatch) -> None:
    from everyturn.engines import inputs
    from everyturn.intents import Discovery

    cases = [{"id": f"k{i}", "input": f"{TOPICS[i % 3][0]}, number {i}", "score": 1.0} for i in range(12)]
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", rows()))
        ws.load(write(tmp_path / "e.jsonl", cases), as_="evals")
        first = ws.report()
        reads: list[str] = []
        evals, whole = inputs.evals, Discovery.from_tables
        monkeypatch.setattr(inputs, "evals", lambda db: reads.append("evals") or evals(db))
        monkeypatch.setattr(Discovery, "from_tables", lambda tables: reads.append("discovery") or whole(tables))
        again = ws.report()
    assert reads == ["evals"]
    assert {**again, "generated_at": None} == {**first, "generated_at": None}
    assert again["provenance"]["embedder"]
    assert again["counts"]["eval_cases"] == 12


def test_the_first_line_says_what_is_missing_beside_what_users_keep(tmp_path) -> None:
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "o.jsonl", outcomes()), as_="outcomes")
        assert ws.report()["headline"]["sentence"].endswith("No evals are loaded to compare with.")
        loaded = ws.load(write(tmp_path / "e.jsonl", [{"id": "k1", "input": "where is my refund"}]), as_="evals")
        assert (loaded["eval_cases"], loaded["eval_scores"]) == (1, 0)
        assert ws.report()["headline"]["sentence"].endswith("No eval scores are loaded to compare with.")


def test_a_cohort_is_shown_with_its_last_week_its_intents_and_what_it_did_not_take(tmp_path) -> None:
    """Of two plans one turns against the invoices in the last week; the other plan's view says nothing of it."""

    def said():
        for i, row in enumerate(rows()):
            at = START + timedelta(hours=12 * i, seconds=40)
            is_bad = i % 2 == 0 and i > 100
            word = "No, that is wrong. It still does not work." if is_bad else "Perfect, that works, thank you."
            plan = ("pro", "free's")[i % 2]
            yield row | {
                "user_id": f"u{i % 40}",
                "attributes": {"plan": plan},
                "messages": [*row["messages"], {"role": "user", "content": word, "at": at.isoformat()}],
            }

    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", said()))
        shown, calm = ws.show("cohort", "pro", limit=2), ws.show("cohort", "free's", limit=2)
        text = render(shown)
        by_week = ws.measure("acceptance", by="week", where="plan = 'pro'")["rows"]
        with pytest.raises(UnknownName, match="no cohort named") as error:
            ws.show("cohort", "enterprise")
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "day.jsonl", list(rows())[:12]))
        assert ws.show("cohort", "everyone")["cohort"]["last_week"] is None  # six days: no week is over yet
    assert "free's, pro" in error.value.expected
    pro = shown["cohort"]
    assert (pro["users"], pro["conversations"]) == (20, 60)
    assert pro["weeks"] == by_week
    assert pro["last_week"]["verdict"] == "not enough data"  # fourteen answers a week, by fewer than ten people
    assert sum(row.get("n", 0) for row in pro["intents"]) <= 60
    assert len(shown["conversations"]) == 2
    assert all(any(o["outcome"] == "rejected" for o in c["outcomes"]) for c in shown["conversations"])
    assert calm["conversations"] == []
    for told in ("20 users, 60 conversations", "beside the four weeks before", "Accepted by week", "Not enough data"):
        assert told in text


def test_a_cohort_of_few_people_is_not_named(tmp_path) -> None:
    few = ({**row, "attributes": {"plan": "tiny" if row["user_id"] in {"u1", "u2"} else "large"}} for row in rows())
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", few))
        with pytest.raises(UnknownName, match="no cohort named") as error:
            ws.show("cohort", "tiny")
    assert error.value.expected == "large"


def test_with_too_few_users_the_report_says_how_many_are_needed_and_still_has_conversations_to_read(tmp_path) -> None:
    few = [row for row in rows() if row["user_id"] in {"u1", "u2"}]
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "c.jsonl", few))
        report = ws.report(tmp_path / "page.html")
    assert report["intents"] == report["findings"] == []
    assert report["headline"]["sentence"].startswith("Too few users to say what they keep: ")
    assert report["headline"]["sentence"].endswith("10 needed.")
    assert list(report["conversations"]) == [row["conversation_id"] for row in few][::-1]
    assert "Here are the latest" in (tmp_path / "page.html").read_text()
