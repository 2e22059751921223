"""Edits: what the user had given themselves, what strangers would hold, edits in a row, and texts that tell nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from everyturn.model import NoiseFloor
from everyturn.registry import find
from everyturn.signals.outcome import outcomes

DRAFT = (
    "Thank you for writing to us about the tent. We are sorry that a pole broke on the first night. "
    "A new pole leaves our warehouse tomorrow and should reach you by Friday."
)
ADDED = "You need not send the old one back, and the next order you place with us is free of postage."
HALF = DRAFT[: len(DRAFT) // 2] + " That is all we can say for now, and we hope it helps a little."


def one(conversation):
    (outcome,) = outcomes(conversation)
    return outcome


def test_only_the_text_new_to_the_user_counts(talk, act):
    asks = f"Say that the old one may be kept:\n\n{DRAFT}"
    kept = one(talk(asks, f"{DRAFT} {ADDED}", actions=(act("sent", artefact=f"{DRAFT} {ADDED}"),)))
    assert (kept.final.outcome, kept.kept) == ("accepted", 1.0)
    dropped = one(talk(asks, f"{DRAFT} {ADDED}", actions=(act("sent", artefact=DRAFT),)))
    assert dropped.kept == 0.0  # what still stands there was the user's own
    assert one(talk("Write it", f"{DRAFT} {ADDED}", actions=(act("sent", artefact=DRAFT),))).kept > 0.6


def test_what_the_user_pasted_in_an_earlier_turn_is_theirs_too(talk, act):
    sent = act("sent", artefact=DRAFT)
    first, second = outcomes(
        talk(
            f"Here is what I have:\n{DRAFT}",
            "What should I change?",
            "Add the postage",
            f"{DRAFT} {ADDED}",
            actions=(sent,),
        )
    )
    assert (first.kept, second.kept) == (None, 0.0)


def test_an_output_with_nothing_new_tells_nothing_of_what_was_kept(talk, act):
    found = one(talk(f"Repeat after me: {DRAFT}", DRAFT, actions=(act("sent", artefact=HALF),)))
    assert found.kept is None
    assert (found.final.outcome, found.final.evidence) == ("accepted", "action")


def test_shares_are_counted_above_the_noise_floor(talk, act):
    conversation = talk("Write it", DRAFT, actions=(act("saved", artefact=HALF),))
    plain = one(conversation)
    raised = one(replace(conversation, noise_floor=NoiseFloor(prose=0.2, code=0.9)))
    assert raised.kept == pytest.approx((plain.kept - 0.2) / 0.8)
    as_is = one(
        replace(talk("Write it", DRAFT, actions=(act("saved", artefact=DRAFT),)), noise_floor=NoiseFloor(prose=0.5))
    )
    assert (as_is.kept, as_is.final.outcome) == (1.0, "accepted")


def test_code_has_a_floor_of_its_own(talk, act):
    code = "def total(items, tax):\n    amount = sum(item.price for item in items)\n    return round(amount * (1 + tax), 2)\n"
    more = "def rest(items):\n    return [item for item in items if not item.sold]\n"
    saved = act("saved", artefact=code)
    conversation = talk("Write it", code + more, actions=(saved,))
    plain = one(conversation).kept
    assert one(replace(conversation, noise_floor=NoiseFloor(prose=0.5))).kept == plain
    assert one(replace(conversation, noise_floor=NoiseFloor(code=0.1))).kept == pytest.approx((plain - 0.1) / 0.9)


def test_edits_in_a_row_are_measured_from_where_the_first_began(talk, act):
    step = DRAFT.replace("tomorrow and should reach you by Friday", "on Monday")
    edits = [act("edited", before=DRAFT, artefact=step)]
    edits.append(act("edited", action_id="second", at=edits[0].at + timedelta(minutes=1), before=step, artefact=HALF))
    both = one(talk("Write it", DRAFT, actions=tuple(edits)))
    assert both.kept == one(talk("Write it", DRAFT, actions=(act("edited", before=DRAFT, artefact=HALF),))).kept
    assert both.grade == "heavy"


def test_an_edit_that_empties_the_text_rewrote_it(talk, act):
    assert one(talk("Write it", DRAFT, actions=(act("edited", before=DRAFT, artefact=""),))).grade == "rewritten"


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f3d5\ufe0f" * 50,
        "\u202eאבג" * 40,
        "\x00\x01" * 100,
        "\u200b\u200d" * 500,
        "QUJD" * 2000,
        "a" * 1_000_000,
        "x y " * 250_000,
    ],
)
def test_odd_texts_are_kept_whole_by_themselves_and_never_raise(talk, act, text):
    conversation = talk("Write it", text, "ok", "fine", actions=(act("saved", artefact=text, turn=0),))
    assert outcomes(conversation)[0].kept == 1.0
    for signal in find("signals", "SIGNAL").values():
        list(signal.observe(conversation))


@pytest.mark.parametrize("text", ["a" * 1_000_000, "QUJD" * 250_000])
def test_a_megabyte_holds_nothing_of_a_strangers_text(talk, act, text):
    assert one(talk("Write it", DRAFT, actions=(act("saved", artefact=text, turn=0),))).kept == 0.0
