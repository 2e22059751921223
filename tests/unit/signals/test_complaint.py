"""The share of replies that push back."""

from __future__ import annotations

from everyturn.signals.complaint import SIGNAL


def test_the_share_of_replies_that_push_back(talk):
    (said,) = SIGNAL.observe(
        talk(
            "Where is it?",
            "At home.",
            "that's wrong",
            "In Lyon.",
            "great, thanks",
            "Welcome.",
            "what is the fee",
            "Five.",
        )
    )
    assert (said.value, said.label, said.evidence, said.turn) == (0.333333, "complained", "words", None)
    assert said.detail == "1 of 3 replies: negation"


def test_calm_is_zero_and_no_reply_is_no_observation(talk):
    (said,) = SIGNAL.observe(talk("Where is it?", "At home.", "and what is the fee for it?", "Five."))
    assert (said.value, said.label) == (0.0, "none")
    assert list(SIGNAL.observe(talk("Where is it?", "At home."))) == []


def test_the_first_message_answers_nothing(talk):
    assert list(SIGNAL.observe(talk("This is useless, that's wrong", "Sorry."))) == []


def test_what_cannot_be_read_is_not_calm(talk):
    (foreign,) = SIGNAL.observe(talk("где мой заказ", "в пути", "это неправда", "да"))
    assert (foreign.value, foreign.label, foreign.detail) == (None, None, "no cues for this language")
    (bare,) = SIGNAL.observe(talk(None, None, None, None))
    assert (bare.value, bare.detail) == (None, "no text")
