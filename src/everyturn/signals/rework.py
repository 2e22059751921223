"""Was an accepted output redone elsewhere? Reported beside acceptance, never subtracted from it."""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.outcome import outcomes


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per output accepted in the conversation: 1 if an action within 7 days shows that it was redone, else 0.

    Both are only final when the 7 days are over (`final_at`); until then the answer counts as unknown.
    """
    for each in outcomes(conversation):
        rework = each.rework
        if rework is None:
            continue
        yield Observation(
            conversation.conversation_id,
            SIGNAL.name,
            SIGNAL.version,
            rework.value,
            turn=each.turn,
            label=None if rework.value is None else "redone" if rework.value else "kept",
            evidence=rework.evidence,
            final_at=rework.at,
            detail=rework.detail,
        )


SIGNAL = Signal(
    name="rework",
    question="Was the accepted output redone elsewhere within 7 days?",
    unit="output",
    better="lower",
    needs=frozenset({"actions"}),
    version=4,
    observe=_observe,
)
