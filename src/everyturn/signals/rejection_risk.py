"""How likely is an output rejected that nobody acted on, by what users of this deployment said where somebody did?

Only `everyturn fit` makes these observations (`signals/fitted.py`), and only if the fit beats the word rule on users held back. They are
probabilities to be averaged, never outcomes: unknown outputs stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.fitted import Row


def observation_of(row: Row, chance: float, *, method: str) -> Observation:
    """The observation for an output to which the user replied; `chance` is the probability that it was rejected."""
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
    """No observations, because a fit needs more than one conversation."""
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
