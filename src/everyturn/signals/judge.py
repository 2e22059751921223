"""Scores given by machines, on a scale of 0 to 1. They are kept separate and are never evidence of what a user did or thought."""

from __future__ import annotations

import re
from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.feedback import latest, mean_of

# Scores whose high end is bad are left out, because reversing them would mean guessing their scale.
_LOW_IS_GOOD = re.compile(r"toxic|hallucinat|bias|harm|error|latency|cost|pii|risk|refus|violat|distance")


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation for a conversation with scores by machines: the mean of those whose high end is good."""
    given = latest(feedback for feedback in conversation.feedback if feedback.source == "judge")
    if not given:
        return
    used = [feedback for feedback in given if not _LOW_IS_GOOD.search(feedback.name.casefold())]
    value, n, at = mean_of(used)
    left_out = len(given) - n
    yield Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        value,
        evidence="judge",
        final_at=at,
        detail=f"{n} score{'' if n == 1 else 's'}"
        + (f", {left_out} left out (low is good, or no scale)" if left_out else ""),
    )


SIGNAL = Signal(
    name="judge",
    question="How did a machine score the conversation?",
    unit="conversation",
    better="higher",
    needs=frozenset({"judge_scores"}),
    version=2,
    observe=_observe,
)
