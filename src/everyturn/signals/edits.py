"""Was the output changed before it was used?"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.outcome import outcomes


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per output that was used: 1 if edited, 0 if accepted, None if the outcome is unknown.

    Rejected and abandoned outputs have none, because they were not used.
    """
    for each in outcomes(conversation):
        final = each.final
        if final.outcome in ("rejected", "abandoned"):
            continue
        yield Observation(
            conversation.conversation_id,
            SIGNAL.name,
            SIGNAL.version,
            None if final.outcome == "unknown" else float(final.outcome == "edited"),
            turn=each.turn,
            label=(each.grade or "edited") if final.outcome == "edited" else final.outcome,
            evidence=final.evidence,
            final_at=final.at,
            detail=final.detail,
        )


SIGNAL = Signal(
    name="edits",
    question="Was the output changed before it was used?",
    unit="output",
    better="lower",
    needs=frozenset({"actions"}),
    version=3,
    observe=_observe,
)
