"""Conversation -> Observation: one file per signal, each ending in `SIGNAL = Signal(…)`.

A signal is a question asked of each conversation. It is pure and deterministic, never raises on odd text, and gives at
most one observation per place. No observation means the question did not apply there; value None means it applied and
cannot be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from everyturn.model import Conversation, Observation

Need = Literal["messages", "user_ids", "feedback", "actions", "artefacts", "judge_scores", "success_checks", "labels"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A question asked of each conversation.

    `unit` is where it is asked; `better` which direction is good; `needs` the data without which it is silent (`load`
    says so); `version` rises whenever the meaning changes, and trends never join two versions.
    """

    name: str
    question: str
    unit: Literal["output", "conversation"]
    better: Literal["higher", "lower"]
    needs: frozenset[Need]
    version: int
    observe: Callable[[Conversation], Iterator[Observation]]
