"""How likely is an output rejected that nobody acted on, by what users of this deployment said where somebody did?

Answered by `everyturn fit` alone (`signals/fitted.py`), and only where the fit beats the word rule on a part held back. It is a
probability for counting, and never an outcome: it stands beside the unknown outputs and fills none of them in.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.fitted import Row


def observation_of(row: Row, chance: float, *, method: str) -> Observation:
    """The answer for one output the user replied to: the probability that it was rejected."""
    return Observation(
        row.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        round(float(chance), 6),
        turn=row.turn,
        evidence="words",
        detail=f"fitted: {method}",
    )


def _observe(_conversation: Conversation) -> Iterator[Observation]:
    """Nothing: one conversation alone is not what a fit is made from."""
    return iter(())


SIGNAL = Signal(
    name="rejection_risk",
    question="How likely was the output rejected, by what this deployment's users say?",
    unit="output",
    better="lower",
    needs=frozenset({"labels"}),
    version=1,
    observe=_observe,
)
