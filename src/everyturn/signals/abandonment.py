"""Did the user leave while the agent was waiting for an answer?

Silence is not a verdict on what was said before it. How long a silence must last to count is learnt for each intent from the gaps after
which users came back (`engines/timeouts.py`); until there are enough of them, it is seven days.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.actions import output_at
from everyturn.signals.outcome import WINDOW
from everyturn.signals.replies import words_of


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per conversation with an output: 1 if the user left the agent's question unanswered, else 0.

    None if no message has a text.
    """
    answered = [turn for turn in conversation.turns if turn.agent]
    if not answered:
        return
    last = answered[-1]
    has_text = any(message.content for message in conversation.messages)
    is_open = last.index == len(conversation.turns) - 1
    spoken = words_of(conversation).spoken[last.index]
    is_left = is_open and spoken is not None and spoken.asked == "asks" and not conversation.actions
    at = output_at(conversation, last)
    yield Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        float(is_left) if has_text else None,
        label=("abandoned" if is_left else "ended") if has_text else None,
        evidence="silence" if has_text else None,
        final_at=at + WINDOW if at else None,
        detail="asked the user, who never came back" if is_left else None,
    )


SIGNAL = Signal(
    name="abandonment",
    question="Did the user leave while the agent was waiting for an answer?",
    unit="conversation",
    better="lower",
    needs=frozenset({"messages"}),
    version=1,
    observe=_observe,
)
