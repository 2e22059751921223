"""Signals: from a conversation to observations. One file per signal, each ending in `SIGNAL = Signal(…)`.

A signal is a question that is asked of each conversation. It is deterministic, never raises an exception on unusual text, and gives at
most one observation for each turn or conversation. No observation means that the question does not apply; the value None means that it
applies but cannot be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from everyturn.model import Conversation, Observation

Need = Literal["messages", "user_ids", "feedback", "actions", "artefacts", "judge_scores", "success_checks", "labels"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A question that is asked of each conversation.

    `unit` says what it is asked about, `better` which direction is good, `needs` which data it requires (without them it gives no
    observations, and `load` says so). `version` is raised whenever the meaning changes; trends never compare two versions.
    """

    name: str
    question: str
    unit: Literal["output", "conversation"]
    better: Literal["higher", "lower"]
    needs: frozenset[Need]
    version: int
    observe: Callable[[Conversation], Iterator[Observation]]
