"""Did the user ask for a human?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from everyturn.model import Conversation, Observation
from everyturn.model.kinds import HUMAN
from everyturn.signals import Signal
from everyturn.signals.actions import kind_of
from everyturn.signals.replies import Words, words_of

_HANDS_OVER = re.compile(
    r"transfer_?to|hand_?(?:over|off)|escalat|human|(?:create|open|file|raise)_?(?:a_)?(?:support_)?ticket",
    re.IGNORECASE,
)


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per conversation with a user: 1 if the user asked for a human, by an action or in words, else 0.

    A hand-over that nobody asked for is 0 and is not a failure by itself; its label says whether it was "required" by a rule the agent
    named, "handed_over" by a tool, or only "offered" in words. None if there are neither actions nor readable words.
    """
    if not conversation.turns:
        return
    told = partial(Observation, conversation.conversation_id, SIGNAL.name, SIGNAL.version)
    words = words_of(conversation)
    asked = [action for action in conversation.actions if kind_of(action) in HUMAN]
    wanting = [
        turn
        for turn, reading in zip(conversation.turns, words.readings, strict=True)
        if reading and any(cue.kind == "escalation" and cue.strength == "firm" for cue in reading.cues)
    ]
    last = max((message.at for message in conversation.messages if message.at), default=None)
    if asked:
        first = min(asked, key=lambda action: (action.at, action.action_id))
        yield told(1.0, label="asked", evidence="action", final_at=first.at, detail=kind_of(first))
    elif wanting:
        turn = wanting[0]
        yield told(1.0, label="asked", evidence="words", final_at=turn.user.at, detail=f"asked in turn {turn.index}")
    elif any(reading and reading.readable for reading in words.readings):
        label, detail = _handed(conversation, words)
        yield told(0.0, label=label, evidence="words", final_at=last, detail=detail)
    else:
        yield told(None, final_at=last, detail="no words that can be read")


def _handed(conversation: Conversation, words: Words) -> tuple[str, str | None]:
    """The label of a hand-over that nobody asked for ("none" without one), and what shows it."""
    by_tool = any(_HANDS_OVER.search(call.name) for message in conversation.messages for call in message.tool_calls)
    said = frozenset(cue for spoken in words.spoken if spoken is not None for cue in spoken.cues)
    label = "required" if "policy" in said else "handed_over" if by_tool else "offered" if "offer" in said else "none"
    if by_tool:
        return label, "handed over by the agent"
    return label, None if label == "none" else f"{label} by the agent's words"


SIGNAL = Signal(
    name="escalation",
    question="Did the user ask for a human?",
    unit="conversation",
    better="lower",
    needs=frozenset({"messages"}),
    version=2,
    observe=_observe,
)
