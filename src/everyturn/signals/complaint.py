"""How often does the user push back on what they were given?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.replies import words_of


def _observe(conversation: Conversation) -> Iterator[Observation]:
    """One observation per conversation in which the user answered an output: the share of those replies that push back.

    None where no reply can be read: a language without cues, or no text at all, is not calm. One turn is weak evidence;
    rates over many users are what this is for.
    """
    replies = [reply for reply in words_of(conversation).replies if reply is not None]
    if not replies:
        return
    readable = [reply for reply in replies if reply.tone != "unreadable"]
    pushing = [reply for reply in readable if reply.tone == "pushback"]
    times = [reply.at for reply in replies if reply.at is not None]
    cues = Counter(cue for reply in pushing for cue in reply.cues if cue not in ("praise", "thanks"))
    if readable:
        detail = f"{len(pushing)} of {len(readable)} replies" + (f": {', '.join(sorted(cues))}" if cues else "")
    else:
        detail = replies[0].why or "unreadable"
    yield Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        round(len(pushing) / len(readable), 6) if readable else None,
        label=("complained" if pushing else "none") if readable else None,
        evidence="words" if readable else None,
        final_at=max(times, default=None),
        detail=detail,
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
