"""Ratings on many scales, brought to 0 to 1; machine scores kept apart."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from everyturn.model import Conversation, Feedback
from everyturn.signals.feedback import SIGNAL, scaled
from everyturn.signals.judge import SIGNAL as JUDGE


def observe(*feedback, signal=SIGNAL):
    return list(signal.observe(Conversation("c", "u", None, (), feedback=feedback)))


@pytest.mark.parametrize(
    ("name", "value", "share"),
    [
        ("thumb", 1, 1),
        ("thumb", 0, 0),
        ("thumb", -1, 0),
        ("user_feedback", 1, 1),
        ("user_feedback", 0, 0),
        ("helpful", 1.0, 1),
        ("csat", 1, 0),
        ("csat", 2, 0.25),
        ("csat", 5, 1),
        ("CSAT score", 3, 0.5),
        ("stars", 4, 0.75),
        ("nps", 10, 1),
        ("nps", 1, 0.1),
        ("nps", 0, 0),
        ("ces", 1, 0),
        ("ces", 7, 1),
        ("effort score", 4, 0.5),
        ("sentiment", -0.5, 0.25),
        ("sentiment", 1, 1),
        ("likert 1-5", 1, 0),
        ("consistency", 4, 0.75),
        ("quality", 0.6, 0.6),
        ("quality", 4, 0.75),
        ("quality", 7, 0.7),
        ("quality", 80, 0.8),
        ("quality", 1000, None),
        ("nps", 11, None),
        ("quality", -7, None),
        ("quality", math.nan, None),
        ("quality", math.inf, None),
    ],
)
def test_numbers(name, value, share):
    assert scaled(Feedback(name, float(value))) == share


@pytest.mark.parametrize(
    ("label", "share"),
    [
        ("positive", 1),
        ("Thumbs-Up", 1),
        ("thumbs down", 0),
        ("👍", 1),
        ("👎", 0),
        ("-1", 0),
        ("+1", 1),
        ("True", 1),
        ("no", 0),
        ("neutral", 0.5),
        ("4/5", 0.75),
        ("1/5", 0),
        ("8 out of 10", 0.8),
        ("3 stars", 0.5),
        ("★★★★☆", 0.75),
        ("12/10", None),
        ("3/0", None),
        ("escalated", None),
        ("", None),
    ],
)
def test_labels(label, share):
    assert scaled(Feedback("reply", label=label)) == share


def test_the_number_counts_where_there_is_a_label_too():
    assert scaled(Feedback("csat", 2.0, "excellent")) == 0.25


def test_one_observation_a_conversation_the_mean_of_its_ratings():
    (said,) = observe(Feedback("csat", 2.0, turn=2), Feedback("thumb", 1.0, turn=0), Feedback("topic", label="billing"))
    assert (said.value, said.turn, said.label, said.evidence) == (0.625, None, "positive", "action")
    assert said.detail == "2 of 3 ratings have a scale"


def test_a_changed_rating_counts_once():
    early, late = (datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3))
    (said,) = observe(Feedback("thumb", 0.0, turn=1, at=late), Feedback("thumb", 1.0, turn=1, at=early))
    assert (said.value, said.final_at) == (0.0, late)


def test_categories_alone_are_unknown_and_no_rating_is_no_observation():
    (said,) = observe(Feedback("topic", label="billing"))
    assert (said.value, said.label) == (None, None)
    assert observe() == []


def test_machine_scores_and_user_ratings_never_mix():
    score, thumb = Feedback("goal", 0.2, source="judge"), Feedback("thumb", 1.0)
    assert [o.value for o in observe(score, thumb)] == [1.0]
    (said,) = observe(score, thumb, signal=JUDGE)
    assert (said.value, said.evidence) == (0.2, "judge")
    assert observe(thumb, signal=JUDGE) == []


def test_scores_where_low_is_good_are_left_out():
    (said,) = observe(Feedback("goal", 0.8, source="judge"), Feedback("toxicity", 0.01, source="judge"), signal=JUDGE)
    assert (said.value, said.detail) == (0.8, "1 score, 1 left out (low is good, or no scale)")
