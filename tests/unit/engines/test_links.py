"""Which conversation and output each action belongs to, without a shared id."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.engines import links
from everyturn.engines.links import noise_floor
from everyturn.workspace import Workspace

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TENT = (
    "Thank you for writing to us about the tent. We are sorry that a pole broke on the first night. "
    "A new pole leaves our warehouse tomorrow and should reach you by Friday. You need not send the old one back."
)
STOVE = (
    "Your stove is covered by our guarantee for another eight months. Please send us a picture of the valve and "
    "the number on its bottom, and we will tell you within a day whether it can be repaired or is replaced."
)
OWN = "Hello, the part is in the post. Keep what is left of the old one, and write again if anything else is amiss."


def conversation(name, user, output, *, days=0.0, asks="write to the customer", reply="thanks, perfect!"):
    at = START + timedelta(days=days)
    said = (("user", asks), ("assistant", output), ("user", reply), ("assistant", "You're welcome."))
    messages = [
        {"role": role, "content": text, "at": (at + timedelta(minutes=minute)).isoformat()}
        for minute, (role, text) in enumerate(said)
    ]
    return {"conversation_id": name, "user_id": user, "messages": messages}


def action(kind, user, *, days, **fields):
    return {"at": (START + timedelta(days=days)).isoformat(), "user_id": user, "kind": kind, **fields}


@pytest.fixture
def world(tmp_path):
    """Loads conversations, then actions, into a workspace in memory; gives what stands in it."""
    opened = []

    def load(conversations, actions, *, actions_first=False):
        ws = Workspace(":memory:")
        opened.append(ws)
        steps = [("conversations", conversations), ("actions", actions)]
        for kind, rows in reversed(steps) if actions_first else steps:
            path = tmp_path / f"{kind}-{len(opened)}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            if rows:
                ws.load(path, as_=kind, now=NOW)
        return ws

    yield load
    for ws in opened:
        ws.close()


def linked(ws):
    return ws.database.rows(
        "SELECT kind, l.conversation_id, l.turn FROM action_links l JOIN actions USING (action_id) ORDER BY ALL"
    )


def said(ws, signal, conversation_id):
    ws.measure(signal)
    return ws.database.rows(
        "SELECT value, label, evidence FROM observations WHERE signal = ? AND conversation_id = ? AND turn = 0",
        [signal, conversation_id],
    )


@pytest.mark.parametrize("actions_first", [False, True])
def test_a_text_goes_to_the_output_it_came_from_not_to_the_latest(world, actions_first):
    conversations = [conversation("tent", "u1", TENT), conversation("stove", "u1", STOVE, days=1)]
    ws = world(
        conversations, [action("sent", "u1", days=2, artefact=f"Dear Ann,\n\n{TENT}")], actions_first=actions_first
    )
    assert linked(ws) == [("sent", "tent", 0)]
    assert said(ws, "acceptance", "tent") == [(1.0, "accepted", "artefact")]


def test_shadow_rework_is_seen_without_a_shared_id(world):
    kept_little = f"{TENT[:70]} {OWN}"
    ws = world([conversation("tent", "u1", TENT)], [action("saved", "u1", days=3, artefact=kept_little)])
    assert linked(ws) == [("saved", "tent", 0)]
    assert said(ws, "rework", "tent") == [(1.0, "redone", "artefact")]


def test_a_text_that_came_from_no_output_tells_nothing(world):
    ws = world([conversation("tent", "u1", TENT)], [action("saved", "u1", days=3, artefact=OWN)])
    assert linked(ws) == []
    assert said(ws, "rework", "tent") == [(0.0, "kept", "silence")]


def test_a_draft_rewritten_to_the_last_word_is_known_by_its_document(world):
    steps = [
        action("inserted", "u1", days=1, conversation_id="tent", document_id="mail-7"),
        action("sent", "u1", days=2, artefact=OWN, document_id="mail-7"),
        action("sent", "u1", days=2, artefact=OWN, document_id="mail-8"),
        action("sent", "u2", days=2, artefact=OWN, document_id="mail-7"),
    ]
    ws = world([conversation("tent", "u1", TENT), conversation("stove", "u1", STOVE)], steps)
    assert linked(ws) == [("inserted", "tent", None), ("sent", "tent", None)]
    assert said(ws, "rework", "tent") == [(1.0, "redone", "artefact")]


@pytest.mark.parametrize(("user", "days"), [("u2", 1), ("u1", 7.1), ("u1", -1)])
def test_other_users_and_other_weeks_are_no_origin(world, user, days):
    ws = world([conversation("tent", "u1", TENT)], [action("saved", user, days=days, artefact=TENT)])
    assert linked(ws) == []


def test_of_an_edit_the_text_before_it_says_where_it_came_from(world):
    edit = action("edited", "u1", days=1, before=TENT, artefact=OWN)
    assert linked(world([conversation("tent", "u1", TENT), conversation("stove", "u1", STOVE)], [edit])) == [
        ("edited", "tent", 0)
    ]


def test_a_ticket_goes_to_the_conversation_it_resembles(world):
    conversations = [
        conversation("tent", "u1", TENT, asks="the pole of my tent broke"),
        conversation("stove", "u1", STOVE, days=1, asks="is the valve of the stove under guarantee"),
    ]
    ticket = action("ticket_opened", "u1", days=2, artefact="Tent pole broke again, the new pole does not fit")
    ws = world(conversations, [ticket])
    assert linked(ws) == [("ticket_opened", "tent", None)]
    assert said(ws, "rework", "tent") == [(1.0, "redone", "action")]
    assert said(ws, "rework", "stove") == [(0.0, "kept", "silence")]


@pytest.mark.parametrize("text", [None, "", "Zażółć gęślą jaźń"])
def test_a_ticket_that_resembles_nothing_goes_to_the_latest_conversation(world, text):
    conversations = [conversation("tent", "u1", TENT), conversation("stove", "u1", STOVE, days=1)]
    assert linked(world(conversations, [action("called", "u1", days=2, artefact=text)])) == [("called", "stove", None)]


def test_the_conversation_an_action_names_outranks_its_text(world):
    named = action("sent", "u1", days=2, artefact=TENT, conversation_id="stove")
    assert linked(world([conversation("tent", "u1", TENT), conversation("stove", "u1", STOVE)], [named])) == [
        ("sent", "stove", None)
    ]


def test_the_same_matter_in_another_channel_is_rework(world):
    asks = "the second payment for my tent was never sent back to my card"
    first = {**conversation("chat", "u1", TENT, asks=asks), "attributes": {"channel": "chat"}}
    again = {
        **conversation("phone", "u1", STOVE, days=2, asks=f"I was told {asks}, please"),
        "attributes": {"channel": "phone"},
    }
    other = {
        **conversation("mail", "u1", STOVE, days=3, asks="does the lamp need a battery"),
        "attributes": {"channel": "mail"},
    }
    seen = action("copied", "u2", days=1)
    ws = world([first, again, other], [seen])
    assert ws.database.rows("SELECT conversation_id, by_conversation, channel FROM returns") == [
        ("chat", "phone", "phone")
    ]
    assert said(ws, "rework", "chat") == [(1.0, "redone", "action")]
    assert said(ws, "rework", "phone") == [(0.0, "kept", "silence")]
    same = world([first, {**again, "attributes": {"channel": "chat"}}, other], [seen])
    assert said(same, "rework", "chat") == [(0.0, "kept", "silence")]


def many(users=30, seed=7):
    """Users with conversations of their own, each text used a day later with the second half cut off."""
    draw = random.Random(seed)
    words = [
        f"{a}{b}" for a in ("tent", "pole", "stove", "order", "lamp") for b in ("", "s", "ing", "ed", "ful", "less")
    ]
    conversations, actions = [], []
    for user in range(users):
        for number in range(4):
            text = " ".join(draw.choices(words, k=40))
            conversations.append(conversation(f"c{user}-{number}", f"u{user}", text, days=number))
            actions.append(action("saved", f"u{user}", days=number + 1, artefact=" ".join(text.split()[: 20 + number])))
    return conversations, actions


def test_loading_in_parts_or_in_another_order_links_alike(world):
    conversations, actions = many()
    whole = linked(world(conversations, actions))
    assert len(whole) == len(actions)
    draw = random.Random(1)
    shuffled = world(
        draw.sample(conversations, len(conversations)), draw.sample(actions, len(actions)), actions_first=True
    )
    assert sorted(linked(shuffled)) == sorted(whole)


def test_small_packs_and_heavy_users_link_alike(world, monkeypatch):
    conversations, actions = many()
    whole = linked(world(conversations, actions))
    for size in (5_000, 300):  # users packed a few together; then each user over the limit, week by week
        monkeypatch.setattr(links, "_TOGETHER", size)
        assert linked(world(conversations, actions)) == whole


def test_the_noise_floor_is_what_strangers_share(world):
    greeting = (
        "Thank you for writing to us and for being our customer for so many years, it means a lot to all of us here. "
    )
    conversations, actions = many()
    for each in conversations:
        each["messages"][1]["content"] = greeting + each["messages"][1]["content"]
    for each in actions:
        each["artefact"] = greeting + each["artefact"]
    assert 0.2 < noise_floor(world(conversations, actions).database).prose < 0.7
    conversations, actions = many()
    assert noise_floor(world(conversations, actions).database).prose < 0.1
    assert noise_floor(world(conversations[:8], actions[:8]).database).prose == 0.0  # too few to say
