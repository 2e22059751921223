"""How often did the agent say again what it had said before?"""

from __future__ import annotations

from everyturn.model import Conversation
from everyturn.signals.rates import output_signal
from everyturn.signals.replies import words_of


def _holds(conversation: Conversation, turn: int) -> bool:
    return words_of(conversation).repeated[turn]


SIGNAL = output_signal("agent_repetition", "How often did the agent say again what it had said before?", _holds)
