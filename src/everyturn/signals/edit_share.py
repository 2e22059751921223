"""How much of the output was changed?"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.outcome import outcomes


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per output whose later text is known: the share that did not survive, labelled with its grade.

    None for an output that was edited in an unknown way. The size of an edit measures effort, not quality.
    """
    for each in outcomes(conversation):
        if each.kept is None and each.final.outcome != "edited":
            continue
        final = each.final
        yield Observation(
            conversation.conversation_id,
            SIGNAL.name,
            SIGNAL.version,
            None if each.kept is None else round(1.0 - each.kept, 6),
            turn=each.turn,
            label=each.grade,
            evidence="action" if each.kept is None else "artefact",
            final_at=each.kept_at or final.at,
            detail=None if each.kept is None else f"kept {each.kept:.2f}",
        )


SIGNAL = Signal(
    name="edit_share",
    question="How much of the output was changed?",
    unit="output",
    better="lower",
    needs=frozenset({"artefacts"}),
    version=3,
    observe=_observe,
)
