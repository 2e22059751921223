"""The totals with and without a context, against the plain query for one pair; and what counts as a context."""

import json

import pytest

from everyturn.analysis.comparison import compare_sides
from everyturn.engines.contexts import read_contexts
from everyturn.engines.metrics import sides
from everyturn.workspace import Workspace
from plain_totals import plain_totals


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contexts")
    with (folder / "chat.jsonl").open("w") as f:
        for i in range(240):
            call = {
                "id": f"k{i}",
                "function": {"name": ["lookup", "search"][i % 2], "arguments": "{}"},
                "type": "function",
            }
            asked = "why is orders.daily_total wrong" if i % 3 else "why is the total wrong"
            messages = [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": '{"error": "no"}' if i % 6 == 0 else '{"ok": 1}', "tool_call_id": f"k{i}"},
                {"role": "assistant", "content": "because of the join"},
                {"role": "user", "content": "thanks, that is perfect" if i % 5 else "no, that is wrong"},
            ]  # fmt: skip
            if i % 7 == 0:
                messages.append({"role": "assistant", "content": "Noted."})  # nobody answered it: unknown
            record = {
                "conversation_id": f"c{i}",
                "user_id": f"u{i % 37}",
                "metadata": {"plan": ["free", "pro"][i % 2], "order": f"o{i}"},
                "messages": messages,
            }
            f.write(json.dumps(record) + "\n")
    with Workspace(folder / "w.db") as workspace:
        workspace.load(folder / "chat.jsonl")
        workspace.measure("acceptance")
        yield workspace


@pytest.fixture(scope="module")
def read(ws):
    return read_contexts(ws.database, "acceptance", people=5)


def test_totals_are_those_of_the_plain_query_for_each_pair(ws, read):
    rows = {(r["kind"], r["name"]): r for r in read.totals().to_pylist()}
    row = rows["attribute", "plan = pro"]
    plain = plain_totals(ws.database, "acceptance", current="plan = 'pro'", baseline="plan = 'free'")
    for name in ("users1", "n1", "y1", "nn1", "ny1", "yy1", "users2", "n2", "y2", "nn2", "ny2", "yy2", "shared", "nn", "ny", "yn", "yy"):  # fmt: skip
        assert row[name] == plain[name], name


def test_what_counts_as_a_context(read):
    found = {(r["kind"], r["name"]) for r in read.totals().to_pylist()}
    assert {("tool", "lookup"), ("tool", "search"), ("tool error", "lookup"), ("message", "identifier")} <= found
    assert not any("order = " in name for _, name in found)  # an id is none


def test_within_another_context_the_two_parts_add_up(read):
    whole = {(r["kind"], r["name"]): r["n1"] for r in read.totals().to_pylist()}
    parts = read.within(None, ("attribute", "plan = pro")).to_pylist()
    assert {r["held"] for r in parts} == {True, False}
    for key, n in whole.items():
        assert sum(r["n1"] for r in parts if (r["kind"], r["name"]) == key) == n


def test_unclear_requests_are_looked_at_by_themselves(ws):
    ws.database.run(
        "INSERT INTO turn_intents SELECT conversation_id, 0, 'i1' FROM conversations WHERE conversation_id < 'c2'"
    )
    read = read_contexts(ws.database, "acceptance", people=5)
    ws.database.run("DELETE FROM turn_intents")
    beside = ("attribute", "plan = pro")
    for intent_id in ("i1", None):
        (whole,) = (r for r in read.totals().to_pylist() if r["intent_id"] == intent_id and r["name"] == "identifier")  # fmt: skip
        parts = [r for r in read.within(intent_id, beside).to_pylist() if r["name"] == "identifier"]
        assert {r["intent_id"] for r in parts} == {intent_id}
        assert sum(r["n1"] for r in parts) == whole["n1"] > 0


def test_examples_have_the_context_and_answer_badly(read):
    ids = read.examples(None, ("tool", "lookup"), has=True, worst="low")
    assert len(ids) == 5
    assert all(int(i[1:]) % 2 == 0 and int(i[1:]) % 5 == 0 for i in ids)


def test_a_comparison_has_the_totals_of_the_plain_query_the_unknown_ones_too(ws):
    asked = {"current": "plan = 'pro'", "baseline": "plan = 'free'"}
    plain = plain_totals(ws.database, "acceptance", **asked)
    made = compare_sides(sides(ws.database, "acceptance", **asked), signal="acceptance", better="higher")
    assert plain["unknown1"] + plain["unknown2"] > 0
    for side, summary in (("1", made.current), ("2", made.baseline)):
        for name in ("users", "n", "y", "nn", "ny", "yy", "unknown"):
            assert getattr(summary, name) == plain[f"{name}{side}"], name
