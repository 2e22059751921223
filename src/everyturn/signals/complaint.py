"""How often does the user push back on what they were given?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.replies import words_of


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per conversation in which the user answered an output: the share of those replies that push back.

    None if no reply can be read (a language without cues, or no text), because that does not mean the user was content. A single turn
    is weak evidence; the signal is meant for rates over many users.
    """
    replies = [reply for reply in words_of(conversation).replies if reply is not None]
    if not replies:
        return
    told = partial(Observation, conversation.conversation_id, SIGNAL.name, SIGNAL.version)
    last = max((reply.at for reply in replies if reply.at is not None), default=None)
    readable = [reply for reply in replies if reply.tone != "unreadable"]
    if not readable:
        yield told(None, final_at=last, detail=replies[0].why or "unreadable")
        return
    pushing = [reply for reply in readable if reply.tone == "pushback"]
    cues = {cue for reply in pushing for cue in reply.cues} - {"praise", "thanks"}
    yield told(
        round(len(pushing) / len(readable), 6),
        label="complained" if pushing else "none",
        evidence="words",
        final_at=last,
        detail=f"{len(pushing)} of {len(readable)} replies" + (f": {', '.join(sorted(cues))}" if cues else ""),
    )


SIGNAL = Signal(
    name="complaint",
    question="How often did the user push back on what they were given?",
    unit="conversation",
    better="lower",
    needs=frozenset({"messages"}),
    version=2,
    observe=_observe,
)
