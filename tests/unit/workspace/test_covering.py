"""From loaded conversations to cases that close the gap, and back: what was predicted is what is there when they are read."""

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from everyturn import Workspace
from everyturn.errors import InputError, UnknownName
from everyturn.outputs.cases import formats

START = datetime(2026, 8, 3, 9, tzinfo=UTC)
TOPICS = {
    "parcel": (
        ["where is", "any news of", "please track", "I am still waiting for", "when will I get"],
        ["my parcel", "the parcel I paid for", "my late parcel", "the shipped parcel"],
        ["the courier and the tracking say nothing", "tracking says nothing and the courier neither"],
    ),
    "password": (
        ["reset", "I forgot", "how do I change", "I cannot remember", "help me recover"],
        ["my password", "the login password", "my account password", "the password of my login"],
        ["the reset mail never comes", "login says wrong password", "I am locked out of the account", "the link expired"],
    ),
    "invoice": (
        ["send me", "I need", "please download", "where do I find", "can I get"],
        ["the vat invoice", "an invoice with vat", "my tax invoice", "the invoice as pdf"],
        ["accounting asks for the vat number", "it must name our company", "for the tax office", "with the billing address"],
    ),
}  # fmt: skip


def conversations(seed: int = 1):
    rng = random.Random(seed)
    rows, actions = [], []
    for i in range(240):
        topic = ("parcel", "password", "invoice")[i % 3]
        opening, thing, why = (rng.choice(part) for part in TOPICS[topic])
        at = START + timedelta(hours=5 * i)
        bad = rng.random() < {"parcel": 0.1, "password": 0.2, "invoice": 0.7}[topic]
        answer = (
            f"You will find what you need on the page about it, under the heading {topic}, number {i}, in full length."
        )
        messages = [
            {"role": "system", "content": "You are the help desk. Write to help@desk.example."},
            {
                "role": "user",
                "content": f"{opening} {thing}? {why}, mail me at jo{i}@shop.example",
                "at": at.isoformat(),
            },
            {"role": "assistant", "content": answer, "at": (at + timedelta(seconds=9)).isoformat()},
        ]
        if topic != "invoice" or not bad:
            said = "no, that is wrong, that is not what I asked" if bad else "great, thanks, that worked"
            messages.append({"role": "user", "content": said, "at": (at + timedelta(minutes=1)).isoformat()})
        else:
            actions.append(
                {"action_id": f"a{i}", "at": (at + timedelta(minutes=5)).isoformat(), "user_id": f"u{i % 60}", "kind": "edited",
                 "conversation_id": f"c{i}", "turn": 0, "before": answer,
                 "artefact": f"The invoice {i} stands in the account under Billing. Ask jo{i}@shop.example for older ones."}
            )  # fmt: skip
        rows.append({"conversation_id": f"c{i}", "user_id": f"u{i % 60}", "messages": messages})
    return rows, actions


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A workspace file with three intents, of which the suite tests one."""
    folder = tmp_path_factory.mktemp("cover")
    rows, actions = conversations()
    suite = [
        {
            "suite": "desk",
            "case_id": "1",
            "input": "where is my parcel? the courier and the tracking say nothing",
            "score": 1,
        },
        {
            "suite": "desk",
            "case_id": "2",
            "input": "please track my late parcel, tracking says nothing and the courier neither",
            "score": 0,
        },
        {"suite": "desk", "case_id": "3", "input": "Wie storniere ich ein Abonnement", "score": 1},
        {
            "suite": "desk",
            "case_id": "4",
            "input": "please track my late parcel - tracking says nothing and the courier neither!",
            "score": 1,
        },
    ]
    with Workspace(folder / "w.db") as ws:
        ws.load(write(folder / "c.jsonl", rows))
        ws.load(write(folder / "a.jsonl", actions), as_="actions")
        ws.load(write(folder / "s.jsonl", suite), as_="evals")
        ws.cover()
    return folder / "w.db"


@pytest.fixture
def desk(stored, tmp_path):
    copy = tmp_path / "w.db"
    copy.write_bytes(stored.read_bytes())
    with Workspace(copy) as ws:
        yield ws


def test_coverage_by_traffic_failures_and_intents(desk):
    found = desk.cover()
    assert found["low"] < found["coverage"] < found["high"]
    assert 0 < found["coverage"] < 0.5
    assert found["of_failures"]["value"] < found["coverage"]  # what is not tested is what fails
    assert found["of_intents"]["low"] < found["of_intents"]["value"] < 1
    assert found["steps"][-1]["cases"] == len(found["uncovered"])
    assert found["steps"][-1]["coverage"] == pytest.approx(1, abs=1e-3)
    assert {s["case_id"] for s in found["stale"]} >= {"3"}
    assert [[c["case_id"] for c in group] for group in found["duplicates"]] == [["2", "4"]]


@pytest.mark.parametrize("to", formats())
def test_the_written_cases_close_what_was_predicted(desk, to, tmp_path):
    target = tmp_path / ("registry" if to == "openai-evals" else "gaps.jsonl")
    first = desk.cover(write=target, to=to, count=4)
    assert first["written"]["cases"] == len(first["proposed"]) == 4
    assert first["predicted"]["coverage"] > first["coverage"] + 0.3
    again = desk.cover(target)
    for share in ("coverage", "of_failures", "of_intents", "uncovered"):
        assert again[share] == first["predicted"][share]
    assert again["cases"] == first["cases"] + 4


def test_the_cases_are_real_masked_and_corrected(desk, tmp_path):
    found = desk.cover(write=tmp_path / "gaps.jsonl", count=6)
    text = (tmp_path / "gaps.jsonl").read_text()
    assert "@" not in text
    rows = [orjson.loads(line) for line in text.splitlines()]
    asked = {r["conversation_id"]: r["messages"] for r in conversations()[0]}
    for row in rows:
        assert [m["role"] for m in row["input"]] == ["system", "user"]
        assert row["input"][1]["content"][:20] == asked[row["metadata"]["conversation_id"]][1]["content"][:20]
    corrected = [row for row in rows if "expected" in row]
    assert corrected
    assert all(row["expected"].startswith("The invoice") and "[email]" in row["expected"] for row in corrected)
    assert all("changed it before using it" in row["rubric"] for row in corrected)
    assert len({row["metadata"]["conversation_id"] for row in rows}) == 6
    assert [p["gain"] for p in found["proposed"]] == sorted((p["gain"] for p in found["proposed"]), reverse=True)


def test_the_failing_intent_comes_first(desk, tmp_path):
    found = desk.cover(write=tmp_path / "gaps.jsonl", count=2)
    kinds = ["invoice" in line for line in (tmp_path / "gaps.jsonl").read_text().splitlines()]
    assert kinds == [True, False]
    assert found["proposed"][0]["gain"] > found["proposed"][1]["gain"]


def test_proposing_twice_gives_the_same(desk, tmp_path):
    for name in ("a", "b"):
        desk.cover(write=tmp_path / name / "gaps.jsonl", count=5)
    assert (tmp_path / "a/gaps.jsonl").read_bytes() == (tmp_path / "b/gaps.jsonl").read_bytes()


def test_a_suite_without_inputs_is_an_error(tmp_path):
    with Workspace(":memory:") as ws, pytest.raises(InputError, match="no case has an input"):
        ws.cover(write(tmp_path / "s.jsonl", [{"case_id": "1", "score": 1, "suite": "x"}]))


def test_nothing_is_loaded_for_a_form_there_is_not(desk, tmp_path):
    with pytest.raises(UnknownName):
        desk.cover(write=tmp_path / "x.jsonl", to="braintrusty")
    with pytest.raises(InputError):
        desk.cover(write=tmp_path / "x.jsonl", count=0)
    assert not (tmp_path / "x.jsonl").exists()


def test_ready_outcomes_have_no_words_to_make_cases_of(tmp_path):
    rows = [
        {"conversation_id": f"c{i}", "user_id": f"u{i % 20}", "started_at": START.isoformat(), "intent": "refund", "accepted": i % 2}
        for i in range(60)
    ]  # fmt: skip
    suite = write(tmp_path / "s.jsonl", [{"suite": "s", "case_id": "1", "input": "refund my order"}])
    with Workspace(":memory:") as ws:
        ws.load(write(tmp_path / "o.jsonl", rows), as_="outcomes")
        found = ws.cover(suite, write=tmp_path / "x.jsonl")
    assert (found["coverage"], found["stale"], found["proposed"]) == (0, [], [])
    assert found["notes"][0].startswith("No case could be made, so none is written")
    assert "No case could be made, so none is written" in " ".join(str(found).split())
    assert "written" not in found
    assert not (tmp_path / "x.jsonl").exists()


def test_two_suites_of_one_name_stay_separate(tmp_path):
    first = write(tmp_path / "a.jsonl", [{"suite": "desk", "case_id": "1", "input": "where is it"}])
    second = write(tmp_path / "b.jsonl", [{"suite": "desk", "case_id": "1", "input": "cancel it", "expected": "ok"},
                                          {"suite": "desk", "case_id": "2", "input": "reset it"}])  # fmt: skip
    with Workspace(":memory:") as ws:
        (refused,) = ws.load(first, second, as_="evals")["rejected"]
        assert refused["where"] == "suite desk, case 1"
        assert ws.database.rows("SELECT case_id, input, expected FROM eval_cases ORDER BY ALL") == [
            ("1", "where is it", None),
            ("2", "reset it", None),
        ]
        assert ws.load(second, as_="evals")["rejected"] == []  # an edited suite replaces its cases
        assert ws.database.rows("SELECT input, expected FROM eval_cases WHERE case_id = '1'") == [("cancel it", "ok")]
