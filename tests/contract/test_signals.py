"""What every signal owes, found by folder: add a file, and it is held to this without an edit here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everyturn.model import Action, Conversation, Evidence, Feedback, Message, ToolCall
from everyturn.registry import find
from everyturn.signals import Need, Signal

SIGNALS = find("signals", "SIGNAL")
START = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "quzzle"  # stands in every message and in no word list

TEXTS = (
    st.none()
    | st.sampled_from(
        [
            "",
            f"{SECRET} no, that's not what I asked {SECRET}",
            f"Thanks, perfect {SECRET}!",
            f"Can I talk to a human {SECRET}?",
            f"Which {SECRET} do you mean?",
            f"The {SECRET} leaves our warehouse tomorrow and should reach you by Friday, we are sorry for the delay.",
            f"def {SECRET}(x):\n    return x + 1\n\nprint({SECRET}(2))",
            f"это не то {SECRET}",
            f"Ce n'est pas {SECRET} ce que je voulais, merci",
        ]
    )
    | st.text(max_size=60)
)
TIMES = st.none() | st.integers(0, 20 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
CALLS = st.sampled_from([(), (ToolCall("t1", "find_order", {"id": 1}),), (ToolCall(None, "transfer_to_human", "{"),)])
MESSAGES = st.builds(
    Message, st.sampled_from(["user", "assistant", "tool", "system"]), TEXTS, TIMES, CALLS, tool_call_id=st.none()
)
KINDS = st.sampled_from(
    [
        "accepted",
        "copied",
        "edited",
        "saved",
        "sent",
        "dismissed",
        "reverted",
        "ticket_opened",
        "called",
        "Regenerated",
        "odd",
    ]
)
ACTIONS = st.builds(
    Action,
    st.text("0123456789", min_size=1, max_size=3),
    st.integers(0, 20 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.sampled_from([None, "u1", "u2"]),
    KINDS | st.text(max_size=5),
    st.sampled_from([None, "c1"]),
    st.none() | st.integers(-1, 6),
    TEXTS,
    TEXTS,
)
FEEDBACK = st.builds(
    Feedback,
    st.sampled_from(["thumb", "csat", "goal", "toxicity", ""]),
    st.none() | st.floats(),
    st.none() | st.sampled_from(["positive", "3/5", "billing", "", "1e999/2"]),
    st.none() | st.just(f"comment {SECRET}"),
    st.none() | st.integers(-1, 6),
    st.sampled_from(["user", "judge"]),
    TIMES,
)
CONVERSATIONS = st.builds(
    Conversation,
    st.just("c1"),
    st.sampled_from([None, "u1"]),
    TIMES,
    st.lists(MESSAGES, max_size=9).map(tuple),
    feedback=st.lists(FEEDBACK, max_size=4).map(tuple),
    actions=st.lists(ACTIONS, max_size=4).map(tuple),
)

each_signal = pytest.mark.parametrize("signal", SIGNALS.values(), ids=str if not SIGNALS else list(SIGNALS))
drawn = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fresh(conversation: Conversation) -> Conversation:
    """The same conversation without anything worked out on it before."""
    return replace(conversation)


def test_the_signals_are_found():
    assert {
        "acceptance",
        "complaint",
        "edit_share",
        "edits",
        "escalation",
        "feedback",
        "judge",
        "rework",
    } <= SIGNALS.keys()


@each_signal
def test_a_signal_states_what_it_is(signal: Signal):
    assert SIGNALS[signal.name] is signal
    assert signal.question.endswith("?")
    assert signal.unit in ("output", "conversation")
    assert signal.better in ("higher", "lower")
    assert signal.needs <= set(get_args(Need))
    assert signal.version >= 1


@each_signal
def test_an_empty_conversation_says_nothing(signal: Signal):
    assert list(signal.observe(Conversation("c1", "u1", START, ()))) == []


@each_signal
@drawn
@given(conversation=CONVERSATIONS)
def test_answers_are_well_formed(signal: Signal, conversation: Conversation):
    said = list(signal.observe(fresh(conversation)))
    places = [each.turn for each in said]
    assert len(set(places)) == len(places), "at most one observation a place"
    eligible = {turn.index for turn in conversation.turns} if signal.unit == "output" else {None}
    assert set(places) <= eligible
    for each in said:
        assert (each.signal, each.version, each.conversation_id) == (signal.name, signal.version, "c1")
        assert each.value is None or 0.0 <= each.value <= 1.0
        assert each.evidence is None or each.evidence in get_args(Evidence)
        assert each.final_at is None or each.final_at.tzinfo is not None
        assert SECRET not in f"{each.detail} {each.label}".casefold(), "no message is ever quoted"


@each_signal
@drawn
@given(conversation=CONVERSATIONS)
def test_the_same_conversation_gets_the_same_answers(signal: Signal, conversation: Conversation):
    first = list(signal.observe(fresh(conversation)))
    assert list(signal.observe(conversation)) == first
    assert list(signal.observe(conversation)) == first  # and again, with what was worked out before


@each_signal
@drawn
@given(conversation=CONVERSATIONS)
def test_ids_do_not_matter(signal: Signal, conversation: Conversation):
    rename = {None: None, "u1": "9f", "u2": "7c"}
    renamed = replace(
        conversation,
        conversation_id="c2",
        user_id=rename[conversation.user_id],
        actions=tuple(
            replace(action, user_id=rename[action.user_id], conversation_id=action.conversation_id and "c2")
            for action in conversation.actions
        ),
    )
    said = [replace(each, conversation_id="c1") for each in signal.observe(renamed)]
    assert said == list(signal.observe(conversation))


@each_signal
def test_what_machines_scored_never_shows_in_what_users_did(signal: Signal):
    if signal.name == "judge":
        return
    spoken = (
        Message("user", "Where is it?", START),
        Message("assistant", "In Lyon.", START),
        Message("user", "ok", START),
    )
    plain = Conversation("c1", "u1", START, spoken)
    scores = (Feedback("goal", 0.0, turn=0, source="judge"), Feedback("goal", 1.0, source="judge"))
    assert list(signal.observe(replace(plain, feedback=scores))) == list(signal.observe(plain))
