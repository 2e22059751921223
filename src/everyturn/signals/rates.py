"""What the signals that count one kind of cue have in common.

A single turn is weak evidence: of the turns the word rule marks, a quarter were rated low. Rates over many users do rank intents and
releases well. These signals therefore give a share per conversation, never a verdict on a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from everyturn.model import Conversation, Observation
from everyturn.signals import Signal
from everyturn.signals.cues import Kind
from everyturn.signals.languages import LANGUAGES
from everyturn.signals.replies import words_of

VERSION = 1  # of all of them, because they use the same lists and the same rule


def reply_signal(name: str, question: str, kinds: Sequence[Kind], *, is_good: bool = False) -> Signal:
    """A signal: the share of the user's readable replies to an output that contain a firm cue of one of `kinds`.

    Its value is None if no reply can be read; there is no observation if the user never replied to an output.
    """
    wanted = frozenset(kinds)

    def observe(conversation: Conversation) -> Iterator[Observation]:
        replies = [reply for reply in words_of(conversation).replies if reply is not None]
        if not replies:
            return
        readable = [reply for reply in replies if reply.tone != "unreadable"]
        hits = sum(not wanted.isdisjoint(reply.firm) for reply in readable)
        times = [reply.at for reply in replies if reply.at is not None]
        yield Observation(
            conversation.conversation_id,
            name,
            VERSION,
            round(hits / len(readable), 6) if readable else None,
            label=("said" if hits else "none") if readable else None,
            evidence="words" if readable else None,
            final_at=max(times, default=None),
            detail=f"{hits} of {len(readable)} replies" if readable else replies[0].why or "unreadable",
        )

    return Signal(
        name, question, "conversation", "higher" if is_good else "lower", frozenset({"messages"}), VERSION, observe
    )


def output_signal(name: str, question: str, holds: Callable[[Conversation, int], bool]) -> Signal:
    """A signal: the share of the outputs with a text for which `holds(conversation, turn)` is true.

    Its value is None if the conversation is in a language without cues.
    """

    def observe(conversation: Conversation) -> Iterator[Observation]:
        words = words_of(conversation)
        outputs = [turn.index for turn in conversation.turns if turn.output and turn.output.content]
        if not outputs:
            return
        is_readable = any(reading is None or reading.language in (None, *LANGUAGES) for reading in words.readings)
        hits = sum(holds(conversation, index) for index in outputs)
        times = [message.at for message in conversation.messages if message.at is not None]
        yield Observation(
            conversation.conversation_id,
            name,
            VERSION,
            round(hits / len(outputs), 6) if is_readable else None,
            label=("said" if hits else "none") if is_readable else None,
            evidence="words" if is_readable else None,
            final_at=max(times, default=None),
            detail=f"{hits} of {len(outputs)} outputs" if is_readable else "no cues for this language",
        )

    return Signal(name, question, "conversation", "lower", frozenset({"messages"}), VERSION, observe)
