"""What became of an output: the rank of the evidence, shadow rework, and everything that stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from everyturn.model import Conversation, Feedback, Message, ToolCall
from everyturn.model.schemas import OBSERVATION_SCHEMA
from everyturn.registry import find
from everyturn.signals.outcome import observe_all, outcomes

DRAFT = (
    "Thank you for writing to us about the tent. We are sorry that a pole broke on the first night. "
    "A new pole leaves our warehouse tomorrow and should reach you by Friday. You need not send the old one back."
)
LIGHT = DRAFT.replace("by Friday", "on Friday evening")
REWRITTEN = "Hello, a new pole is on its way to you. Please keep the broken one, and tell us if anything else is amiss."


def at(*, minutes: float = 0, days: float = 0) -> datetime:
    """A time after the start of every conversation; messages come one a minute."""
    return datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=minutes, days=days)


def heavy() -> str:
    return DRAFT[: len(DRAFT) * 6 // 10] + " That is all we can say for now, and we hope it helps."


def one(conversation):
    (outcome,) = outcomes(conversation)
    return outcome


# --- in the conversation -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["accepted", "copied", "inserted", "applied", "sent", "resolved", "Saved", "published"]
)
def test_taking_an_output_accepts_it(talk, act, kind):
    outcome = one(talk("write it", DRAFT, actions=(act(kind),)))
    assert (outcome.final.outcome, outcome.final.evidence, outcome.final.at) == ("accepted", "action", at(minutes=60))


@pytest.mark.parametrize("kind", ["rejected", "dismissed", "regenerated", "undone", "reverted"])
def test_turning_an_output_down_rejects_it(talk, act, kind):
    outcome = one(talk("write it", DRAFT, actions=(act(kind),)))
    assert (outcome.final.outcome, outcome.final.evidence) == ("rejected", "action")


def test_an_unknown_kind_of_action_says_nothing(talk, act):
    assert one(talk("write it", DRAFT, actions=(act("hovered"),))).final.outcome == "unknown"


def test_an_edit_without_texts_is_an_edit_of_unknown_size(talk, act):
    outcome = one(talk("write it", DRAFT, actions=(act("edited"),)))
    assert (outcome.final.outcome, outcome.kept) == ("edited", None)


def test_the_later_of_two_actions_counts(talk, act):
    took, dropped = act("copied", at=at(minutes=5)), act("regenerated", at=at(minutes=6))
    assert one(talk("write it", DRAFT, actions=(dropped, took))).final.outcome == "rejected"
    again = act("copied", at=at(minutes=7))
    assert one(talk("write it", DRAFT, actions=(dropped, again))).final.outcome == "accepted"


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [("thumb", 1.0, "accepted"), ("thumb", 0.0, "rejected"), ("stars", 4.0, "accepted"), ("stars", 2.0, "rejected")],
)
def test_a_rating_on_the_turn_decides_by_the_half_of_its_scale(talk, name, value, outcome):
    conversation = talk("write it", DRAFT, "thanks", feedback=(Feedback(name, value, turn=0),))
    assert (one(conversation).final.outcome, one(conversation).final.evidence) == (outcome, "action")


@pytest.mark.parametrize(
    "rating",
    [
        Feedback("stars", 3.0, turn=0),  # the middle
        Feedback("thumb", 0.0, turn=None),  # on the whole conversation
        Feedback("thumb", 0.0, turn=0, source="judge"),
        Feedback("topic", label="billing", turn=0),
    ],
)
def test_a_rating_that_says_nothing_of_the_turn_leaves_it_to_the_words(talk, rating):
    outcome = one(talk("write it", DRAFT, "thanks", feedback=(rating,)))
    assert (outcome.final.outcome, outcome.final.evidence) == ("accepted", "words")


def test_an_action_outranks_the_words(talk, act):
    outcome = one(talk("write it", DRAFT, "that's wrong", actions=(act("copied"),)))
    assert (outcome.final.outcome, outcome.final.evidence) == ("accepted", "action")


def test_words_decide_and_are_dated_by_the_reply(talk):
    rejected = outcomes(talk("write it", DRAFT, "that's not what I asked", "Sorry."))[0].final
    assert (rejected.outcome, rejected.evidence, rejected.at) == ("rejected", "words", at(minutes=2))
    moved_on = outcomes(talk("write it", DRAFT, "now one about the stove", "…"))[0].final
    assert (moved_on.outcome, moved_on.evidence) == ("unknown", "words")


def test_silence_is_unknown_and_settled_after_a_week(talk):
    final = one(talk("write it", DRAFT)).final
    assert (final.outcome, final.evidence, final.at) == ("unknown", "silence", at(minutes=1, days=7))


def test_a_question_never_answered_is_abandoned(talk):
    final = one(talk("send it back", "Gladly. Which of the two orders do you mean?")).final
    assert (final.outcome, final.evidence, final.at) == ("abandoned", "silence", at(minutes=1, days=7))
    courtesy = one(talk("send it back", "Done. Is there anything else I can help you with?")).final
    assert courtesy.outcome == "unknown"


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_reply_is_rejected(talk, text):
    final = one(talk("write it", text)).final
    assert (final.outcome, final.detail) == ("rejected", "empty reply")


def test_structure_without_texts_is_unknown_unless_something_was_done(talk, act):
    assert [each.final.outcome for each in outcomes(talk(None, None, None, None))] == ["unknown", "unknown"]
    assert one(talk(None, None, actions=(act("copied"),))).final.outcome == "accepted"
    assert one(talk(None, None, feedback=(Feedback("thumb", 0.0, turn=0),))).final.outcome == "rejected"


def test_a_turn_ending_in_a_tool_call_is_no_output_once_the_user_is_back(talk):
    call = Message("assistant", None, at(minutes=1), tool_calls=(ToolCall("t", "find", {}),))
    going_on = Conversation("c", "u", at(), (Message("user", "find it", at()), call))
    assert one(going_on).final.outcome == "unknown"
    back = replace(going_on, messages=(*going_on.messages, Message("user", "hello?", at(minutes=3))))
    assert one(back).final.outcome == "rejected"


def test_a_turn_without_any_answer_has_no_output(talk):
    assert outcomes(talk("write it")) == ()


def test_without_times_everything_still_works(talk, act):
    outcome = outcomes(talk("write it", DRAFT, "thanks!", "You're welcome.", timed=False))
    assert [(each.final.outcome, each.final.at) for each in outcome] == [("accepted", None), ("unknown", None)]


# --- the artefact --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["saved", "sent", "published", "committed", "edited"])
@pytest.mark.parametrize(
    ("artefact", "outcome", "graded"),
    [
        (f"Dear customer,\n{DRAFT}\nYours", "accepted", "as-is"),
        (LIGHT, "edited", "light"),
        (heavy(), "edited", "heavy"),
        (REWRITTEN, "edited", "rewritten"),
    ],
)
def test_the_artefact_decides_by_how_much_is_kept(talk, act, kind, artefact, outcome, graded):
    found = one(talk("write it", DRAFT, actions=(act(kind, artefact=artefact),)))
    assert (found.final.outcome, found.grade) == (outcome, graded)
    assert found.final.evidence == "artefact"


def test_the_artefact_outranks_click_and_words(talk, act):
    actions = (act("saved", artefact=DRAFT, at=at(minutes=5)), act("dismissed", at=at(minutes=9)))
    found = one(talk("write it", DRAFT, "that's wrong", actions=actions))
    assert (found.final.outcome, found.final.evidence, found.verdict.outcome) == ("accepted", "artefact", "rejected")


def test_an_edit_is_measured_from_the_text_before_it(talk, act):
    before = "Notes of Monday. " * 8
    edit = act("edited", before=f"{before}{DRAFT}", artefact=f"{before}{DRAFT}".replace("tomorrow", "today"))
    assert one(talk("write it", DRAFT, actions=(edit,))).grade == "light"


def test_edits_in_a_row_are_measured_from_the_first(talk, act):
    words = DRAFT.split()
    steps = [" ".join(words[: len(words) - 5 * step]) for step in range(4)]
    edits = tuple(
        act("edited", action_id=f"e{n}", at=at(minutes=10 + n), before=a, artefact=b)
        for n, (a, b) in enumerate(pairwise(steps))
    )
    found = one(talk("write it", DRAFT, actions=edits))
    assert found.grade == "heavy"


@pytest.mark.parametrize("kind", ["copied", "ticket_opened", "emailed", "dismissed", "reverted"])
def test_text_that_is_not_the_outputs_fate_is_not_measured(talk, act, kind):
    assert one(talk("write it", DRAFT, actions=(act(kind, artefact="A new pole leaves"),))).kept is None


def test_accepted_then_rewritten_stays_accepted_and_is_rework(talk, act):
    actions = (act("accepted", at=at(minutes=5)), act("saved", artefact=REWRITTEN, at=at(days=2)))
    found = one(talk("write it", DRAFT, actions=actions))
    assert (found.final.outcome, found.final.evidence) == ("accepted", "action")
    assert found.rework is not None
    assert (found.rework.value, found.rework.evidence, found.rework.at) == (1.0, "artefact", at(minutes=1, days=7))
    assert found.grade == "rewritten"


def test_sending_ones_own_text_accepts_nothing(talk, act):
    found = one(talk("write it", DRAFT, actions=(act("sent", artefact=REWRITTEN),)))
    assert (found.verdict.outcome, found.final.outcome, found.rework) == ("unknown", "edited", None)


# --- which output an action is about -------------------------------------------------------------------------


def test_actions_go_to_the_turn_they_name_else_to_the_latest_output_by_then(talk, act):
    texts = ("one", DRAFT, "two", "Second answer, long enough to be measured by its words.", "three", "Third.")
    named = outcomes(talk(*texts, actions=(act("copied", turn=0),)))
    assert [each.final.evidence == "action" for each in named] == [True, False, False]
    timed = outcomes(talk(*texts, actions=(act("copied", at=at(minutes=3.5)),)))
    assert [each.final.evidence == "action" for each in timed] == [False, True, False]
    untimed = outcomes(talk(*texts, actions=(act("copied"),), timed=False))
    assert [each.final.evidence == "action" for each in untimed] == [False, False, True]
    no_such = outcomes(talk(*texts, actions=(act("copied", turn=9),)))
    assert [each.final.evidence == "action" for each in no_such] == [False, False, True]


def test_an_artefact_goes_to_the_output_it_holds(talk, act):
    texts = (
        "write it",
        DRAFT,
        "and what is the weather in Lyon",
        "Sunny with some wind all week long.",
        "thanks",
        "Welcome!",
    )
    found = outcomes(talk(*texts, actions=(act("saved", artefact=LIGHT),)))
    assert [each.final.outcome for each in found] == ["edited", "accepted", "unknown"]
    assert [each.kept is None for each in found] == [False, True, True]


# --- shadow rework -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ticket_opened", "human_requested", "called", "emailed", "reverted", "Ticket-Opened"])
def test_asking_a_human_or_reverting_within_a_week_is_rework(talk, act, kind):
    found = outcomes(talk("help", DRAFT, "great, thanks!", "You're welcome.", actions=(act(kind, at=at(days=3)),)))
    assert found[0].final.outcome == "accepted"
    assert found[0].rework is not None
    # known only when the week is over, like a 0
    assert (found[0].rework.value, found[0].rework.at) == (1.0, at(minutes=1, days=7))
    assert found[1].rework is None  # never accepted, so never redone


@pytest.mark.parametrize(
    "late_or_foreign",
    [{"at": at(minutes=1, days=7.01)}, {"at": at(minutes=0)}, {"user_id": "u2"}, {"kind": "copied"}],
)
def test_nothing_within_the_week_by_the_user_is_no_rework(talk, act, late_or_foreign):
    action = act(**({"kind": "ticket_opened", "at": at(days=1)} | late_or_foreign))
    rework = outcomes(talk("help", DRAFT, "great, thanks!", actions=(action,)))[0].rework
    assert rework is not None
    assert (rework.value, rework.at) == (0.0, at(minutes=1, days=7))


def test_only_what_the_conversation_accepted_can_be_redone(talk, act):
    assert one(talk("help", DRAFT, "that's wrong", actions=(act("ticket_opened"),))).rework is None


def test_without_any_time_rework_is_unknown(talk, act):
    rework = outcomes(talk("help", DRAFT, "great, thanks!", actions=(act("ticket_opened"),), timed=False))[0].rework
    assert rework is not None
    assert rework.value is None


def test_the_last_day_of_the_window_counts(talk, act):
    rework = outcomes(talk("help", DRAFT, "thanks!", actions=(act("called", at=at(minutes=1, days=7)),)))[0].rework
    assert rework is not None
    assert rework.value == 1.0


# --- all signals at once -------------------------------------------------------------------------------------


def test_observe_all_gives_one_table_with_what_each_signal_says(talk, act):
    signals = list(find("signals", "SIGNAL").values())
    conversations = [
        talk("help", DRAFT, "great, thanks!", actions=(act("sent", artefact=LIGHT),)),
        talk("hi", "Hello!"),
    ]
    table = observe_all(conversations, signals)
    assert table.schema == OBSERVATION_SCHEMA
    apart = [each for c in conversations for s in signals for each in s.observe(replace(c))]
    assert table.num_rows == len(apart)
    assert table.column("value").to_pylist() == [each.value for each in apart]
    assert observe_all([], signals).num_rows == 0


def test_the_four_output_signals_agree(talk, act):
    signals = find("signals", "SIGNAL")
    conversation = talk("help", DRAFT, "great, thanks!", actions=(act("sent", artefact=LIGHT, at=at(days=1)),))
    said = {name: list(signals[name].observe(conversation)) for name in ("acceptance", "edits", "edit_share", "rework")}
    assert [(o.value, o.label) for o in said["acceptance"]] == [(0.0, "edited")]
    assert [(o.value, o.label) for o in said["edits"]] == [(1.0, "light")]
    assert [(o.label, o.evidence) for o in said["edit_share"]] == [("light", "artefact")]
    assert 0.0 < said["edit_share"][0].value < 0.2
    assert [(o.value, o.label) for o in said["rework"]] == [(0.0, "kept")]


def test_outputs_that_were_not_used_have_no_edits(talk):
    signals = find("signals", "SIGNAL")
    conversation = talk("help", DRAFT, "that's wrong", "Sorry, here it is.", "now the next one", "Which one?")
    assert [o.turn for o in signals["edits"].observe(conversation)] == [1]
    assert [o.label for o in signals["acceptance"].observe(conversation)] == ["rejected", "unknown", "abandoned"]
