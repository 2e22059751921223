"""Was the output taken as it was given?"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.outcome import outcomes


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per output: 1 accepted, 0 edited, rejected or abandoned, None unknown."""
    for each in outcomes(conversation):
        final = each.final
        yield Observation(
            conversation.conversation_id,
            SIGNAL.name,
            SIGNAL.version,
            None if final.outcome == "unknown" else float(final.outcome == "accepted"),
            turn=each.turn,
            label=final.outcome,
            evidence=final.evidence,
            final_at=final.at,
            detail=final.detail,
        )


SIGNAL = Signal(
    name="acceptance",
    question="Was the output taken as it was given?",
    unit="output",
    better="higher",
    needs=frozenset({"messages"}),
    version=3,
    observe=_observe,
)
