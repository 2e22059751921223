"""How often did the agent apologise, or say that it could not help?

It indicates risk before the user has said anything; it is not a complaint by the user.
"""

from __future__ import annotations

from everyturn.model import Conversation
from everyturn.signals.rates import output_signal
from everyturn.signals.replies import words_of


def _holds(conversation: Conversation, turn: int) -> bool:
    spoken = words_of(conversation).spoken[turn]
    return spoken is not None and not spoken.cues.isdisjoint(("apology", "inability"))


SIGNAL = output_signal("agent_apology", "How often did the agent apologise, or say that it could not help?", _holds)
