"""Did the user ask for a human?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.model.kinds import HUMAN
from everyturn.signals import Signal
from everyturn.signals.actions import kind_of
from everyturn.signals.replies import words_of

_HANDS_OVER = re.compile(
    r"transfer_?to|hand_?(?:over|off)|escalat|human|(?:create|open|file|raise)_?(?:a_)?(?:support_)?ticket",
    re.IGNORECASE,
)


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per conversation with a user: 1 asked for a human, by an action or by words, else 0.

    A hand-over nobody asked for is 0 and says in its label what it was: "required" by a rule the agent named, "handed_over" by
    a tool, or only "offered" in words; by itself it is no failure. None where neither actions nor readable words tell.
    """
    if not conversation.turns:
        return
    asked = [action for action in conversation.actions if kind_of(action) in HUMAN]
    words = words_of(conversation)
    readings = words.readings
    wanting = [
        turn
        for turn, reading in zip(conversation.turns, readings, strict=True)
        if reading and any(cue.kind == "escalation" and cue.strength == "firm" for cue in reading.cues)
    ]
    handed_over = any(_HANDS_OVER.search(call.name) for message in conversation.messages for call in message.tool_calls)
    said = frozenset(cue for spoken in words.spoken if spoken is not None for cue in spoken.cues)
    value: float | None = 0.0
    label: str | None = (
        "required" if "policy" in said else "handed_over" if handed_over else "offered" if "offer" in said else "none"
    )
    at = max((message.at for message in conversation.messages if message.at), default=None)
    detail = "handed over by the agent" if handed_over else f"{label} by the agent's words" if label != "none" else None
    if asked:
        first = min(asked, key=lambda action: (action.at, action.action_id))
        value, label, at, detail = 1.0, "asked", first.at, kind_of(first)
    elif wanting:
        value, label, at, detail = 1.0, "asked", wanting[0].user.at, f"asked in turn {wanting[0].index}"
    elif not any(reading and reading.readable for reading in readings):
        value, label, detail = None, None, "no words that can be read"
    yield Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        value,
        label=label,
        evidence="action" if asked else "words" if value is not None else None,
        final_at=at,
        detail=detail,
    )


SIGNAL = Signal(
    name="escalation",
    question="Did the user ask for a human?",
    unit="conversation",
    better="lower",
    needs=frozenset({"messages"}),
    version=2,
    observe=_observe,
)
