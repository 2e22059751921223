"""What users rated, on a scale of 0 to 1. Ratings given by machines belong to `judge`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from everyturn.model import Conversation, Feedback, Observation
from everyturn.signals import Signal

# fmt: off
_POSITIVE = frozenset({
    "positive", "up", "thumbs_up", "thumbsup", "thumb_up", "good", "great", "excellent", "like", "liked", "upvote",
    "yes", "true", "helpful", "useful", "correct", "satisfied", "happy", "solved", "resolved", "pass", "passed",
    "accept", "accepted", "promoter", "+", "+1", "👍", "😀", "😃", "😄", "😊", "🙂", "😍", "❤", "❤\ufe0f", "💯", "🎉",
})
_NEGATIVE = frozenset({
    "negative", "down", "thumbs_down", "thumbsdown", "thumb_down", "bad", "poor", "terrible", "dislike", "disliked",
    "downvote", "no", "false", "unhelpful", "not_helpful", "useless", "incorrect", "wrong", "dissatisfied",
    "unsatisfied", "unhappy", "unsolved", "unresolved", "not_resolved", "fail", "failed", "reject", "rejected",
    "detractor", "-", "-1", "👎", "🙁", "☹", "☹\ufe0f", "😞", "😕", "😠", "😡", "😢", "🤬", "💩",
})
# fmt: on
_NEUTRAL = frozenset({"neutral", "ok", "okay", "mixed", "passive", "partial", "partially", "😐", "😑"})
_OUT_OF = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(?:/|of|out of)\s*(\d+(?:\.\d+)?)\s*(?:stars?)?\s*$", re.IGNORECASE)
_STARS = re.compile(r"^\s*(?:([1-5])\s*stars?|(\N{BLACK STAR}{1,5})\N{WHITE STAR}{0,4})\s*$", re.IGNORECASE)
_FIVE = re.compile(r"star(?!t)|csat|rating|satisfaction|likert|(?:^|_)1_5|five")
_TEN = re.compile(r"nps|recommend|(?:^|_)(?:0|1)_10|(?:^|_)ten(?:_|$)")
_SEVEN = re.compile(r"(?:^|_)ces(?:_|$)|effort|(?:^|_)1_7|seven")
_SIGNED = re.compile(r"sentiment|polarity")
_THUMB = re.compile(r"thumb|like(?!rt|lihood)|vote|helpful|useful|reaction")


def scaled(feedback: Feedback) -> float | None:
    """The rating on a scale from 0 to 1, None if its scale cannot be determined (a category, a number without bounds).

    The scale follows from the name (csat, stars: 1 to 5; effort, ces: 1 to 7; nps: 0 to 10; thumb: 0 or 1, or -1 and 1; sentiment: -1 to
    1), otherwise from the number: up to 1 it is taken as it is, up to 5 as 1 to 5, up to 10 as tenths, up to 100 as percent.

    >>> scaled(Feedback("csat", 2.0)), scaled(Feedback("thumb", 0.0)), scaled(Feedback("nps", 9.0))
    (0.25, 0.0, 0.9)
    >>> scaled(Feedback("reply", label="thumbs-down")), scaled(Feedback("resolution", label="escalated"))
    (0.0, None)
    """
    if feedback.value is not None and math.isfinite(feedback.value):
        return _scaled_number(feedback.value, _folded(feedback.name))
    return _scaled_label(feedback.label) if feedback.label else None


def _folded(name: str) -> str:
    return re.sub(r"(?<=\w)[\s-]+(?=\w)", "_", name.strip().casefold())


def _scaled_number(value: float, name: str) -> float | None:
    if _SIGNED.search(name) and -1 <= value <= 1:
        return (value + 1) / 2
    if value < 0:  # a thumb down, where up is 1
        return 0.0 if value >= -1 else None
    low, high = 0.0, 100.0
    if _THUMB.search(name) and value <= 1:
        high = 1.0
    elif _TEN.search(name):
        high = 10.0
    elif _SEVEN.search(name) and 1 <= value <= 7:
        low, high = 1.0, 7.0
    elif 1 < value <= 5 or (_FIVE.search(name) and value in (1, 2, 3, 4, 5)):
        low, high = 1.0, 5.0
    elif value <= 1:
        high = 1.0
    elif value <= 10:
        high = 10.0
    return (value - low) / (high - low) if value <= high else None


def _scaled_label(label: str) -> float | None:
    folded = _folded(label)
    for known, value in ((_POSITIVE, 1.0), (_NEGATIVE, 0.0), (_NEUTRAL, 0.5)):
        if folded in known:
            return value
    if stars := _STARS.match(label):
        return (int(stars.group(1) or len(stars.group(2))) - 1) / 4
    if not (out_of := _OUT_OF.match(label)):
        return None
    given, top = float(out_of.group(1)), float(out_of.group(2))
    low = 1.0 if top == 5 else 0.0
    return (given - low) / (top - low) if low <= given <= top and top > low else None


def latest(given: Iterable[Feedback]) -> list[Feedback]:
    """The last rating of each name on each turn: someone who changes a thumb has given one rating."""
    newest: dict[tuple[str, int | None], Feedback] = {}
    for feedback in given:
        key = (feedback.name, feedback.turn)
        known = newest.get(key)
        if known is None or known.at is None or feedback.at is None or feedback.at >= known.at:
            newest[key] = feedback
    return list(newest.values())


def mean_of(given: Iterable[Feedback]) -> tuple[float | None, int, datetime | None]:
    """The mean of the ratings that have a scale, how many there were, and when the last was given."""
    values: list[float] = []
    times: list[datetime] = []
    for feedback in given:
        value = scaled(feedback)
        if value is not None:
            values.append(value)
        if feedback.at is not None:
            times.append(feedback.at)
    return (round(sum(values) / len(values), 6) if values else None, len(values), max(times, default=None))


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation for a conversation with a rating by its user: the mean of its ratings."""
    given = latest(feedback for feedback in conversation.feedback if feedback.source == "user")
    if not given:
        return
    value, n, at = mean_of(given)
    label = None if value is None else "positive" if value > 0.5 else "negative" if value < 0.5 else "neutral"
    yield Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        value,
        label=label,
        evidence="action",
        final_at=at,
        detail=f"{n} of {len(given)} ratings have a scale" if n < len(given) else f"{n} rating{'s' if n > 1 else ''}",
    )


SIGNAL = Signal(
    name="feedback",
    question="How did users rate the conversation?",
    unit="conversation",
    better="higher",
    needs=frozenset({"feedback"}),
    version=2,
    observe=_observe,
)
