"""The user's next words -> what they say about the output before them: pushback, pleased, neither, or unreadable.

Firm cues push back by themselves; weak ones only together. The weights are the logarithms of how much more often a
turn with that cue was rated low than any turn (USS, 39,000 turns rated by 3 to 6 people: negation 4 times, praise a
quarter), and were not fitted to anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rapidfuzz import fuzz

from everyturn.model import Conversation, Turn
from everyturn.signals.cues import (
    LANGUAGES,
    OTHER,
    Asking,
    Cue,
    Kind,
    Reading,
    asking,
    count_words,
    lexicon,
    read,
)

Tone = Literal["pushback", "pleased", "neutral", "unreadable"]

WEIGHT: Mapping[Kind, float] = {
    "negation": 1.4,
    "failure": 1.5,
    "correction": 0.95,
    "escalation": 1.0,
    "giveup": 0.9,
    "frustration": 0.9,
    "rephrase": 0.9,
    "praise": -1.5,
    "thanks": -0.45,
}
PUSHBACK = 0.8  # what weak cues must add up to
_WEAK = 0.5  # a weak cue's part of the weight; punctuation alone stays far below the cut

_ANSWERS = frozenset(
    {"negation", "correction", "failure"}
)  # their weak cues ("instead", "still") are no more than answers

_LONGEST_REQUEST = 60  # words; longer ones hold pasted text, which repeats for other reasons


@dataclass(frozen=True, slots=True)
class Reply:
    """What the user said next, up to the agent's next words.

    `score` adds the cues' weights, higher for less content. `cues` are names for people to read. `why` says what stood
    in the way where the tone is "unreadable".
    """

    tone: Tone
    score: float
    cues: tuple[str, ...]
    at: datetime | None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """All that the words of one conversation say.

    `replies` holds one entry a turn, None where the turn has no output or the user said nothing after it; `asked` how each
    output ended; `readings` one a turn, of the user's message, None where it carries no text.
    """

    replies: tuple[Reply | None, ...]
    asked: tuple[Asking | None, ...]
    readings: tuple[Reading | None, ...]


def words_of(conversation: Conversation) -> Words:
    """What the words of the conversation say, worked out once and kept with it."""
    kept = vars(conversation).get("_words")
    if isinstance(kept, Words):
        return kept
    words = _words_of(conversation)
    vars(conversation)["_words"] = words  # as functools.cached_property does on a frozen dataclass
    return words


def _words_of(conversation: Conversation) -> Words:
    turns = conversation.turns
    tally = count_words(text for turn in turns for text in _texts(turn))
    readings = tuple([None if turn.user.content is None else read(turn.user.content, tally=tally) for turn in turns])
    until = [len(turns)] * len(turns)  # the first later turn in which the agent spoke again
    for index in range(len(turns) - 2, -1, -1):
        until[index] = index + 1 if turns[index + 1].agent else until[index + 1]
    asked: list[Asking | None] = []
    replies: list[Reply | None] = []
    for turn in turns:
        output = turn.output.content if turn.output else None
        asked.append(asking(output, tally=tally) if output else None)
        said = range(turn.index + 1, min(until[turn.index] + 1, len(turns))) if turn.agent else range(0)
        replies.append(
            _reply(
                readings[turn.index],
                [readings[i] for i in said],
                turns[said[0]].user.at,
                was_asked=asked[-1] is not None,
            )
            if said
            else None
        )
    return Words(tuple(replies), tuple(asked), readings)


def _texts(turn: Turn) -> Iterable[str]:
    if turn.user.content:
        yield turn.user.content
    if turn.output and turn.output.content:
        yield turn.output.content[:400]


def _reply(request: Reading | None, said: Iterable[Reading | None], at: datetime | None, *, was_asked: bool) -> Reply:
    """The reading of all the user said between an output and the agent's next words."""
    read_ = [reading for reading in said if reading is not None]
    if not read_:
        return Reply("unreadable", 0.0, (), at, "no text")
    cues = frozenset(cue for reading in read_ for cue in reading.cues)
    repeated = _rephrases(request, read_[-1], was_asked=was_asked) if request else None
    if repeated:
        cues |= {Cue("rephrase", repeated)}
    readable = any(reading.readable for reading in read_)
    tone, score = tone_of(cues, was_asked=was_asked)
    if not readable and not any(cue.strength == "firm" for cue in cues if cue.kind != "rephrase"):
        why = "no cues for this language" if any(r.language == OTHER for r in read_) else "language not recognised"
        return Reply("unreadable", 0.0, (), at, why)
    return Reply(tone, score, tuple(sorted({cue.kind for cue in cues})), at)


def tone_of(cues: Iterable[Cue], *, was_asked: bool = False) -> tuple[Tone, float]:
    """The tone of a reply with these cues, and its score. `was_asked`: the agent's output ended with a question.

    >>> tone_of([Cue("thanks", "firm")])
    ('pleased', -0.45)
    >>> tone_of([Cue("praise", "firm"), Cue("failure", "firm")])[0]
    'pushback'
    >>> tone_of([Cue("negation", "unless_asked")], was_asked=True)[0]
    'neutral'
    """
    weights: dict[Kind, float] = {}
    pushes = pleases = False
    for cue in cues:
        firm = cue.strength == "firm" or (cue.strength == "unless_asked" and not was_asked)
        if not firm and was_asked and cue.kind in _ANSWERS:
            continue
        weight = WEIGHT[cue.kind] * (1.0 if firm else _WEAK)
        weights[cue.kind] = max(weights.get(cue.kind, weight), weight, key=abs)
        pushes |= firm and weight > 0
        pleases |= firm and weight < 0
    score = round(sum(weights.values()), 4)
    if pushes or score >= PUSHBACK:
        return "pushback", score
    return ("pleased", score) if pleases and score < 0 else ("neutral", score)


def _rephrases(request: Reading, reply: Reading, *, was_asked: bool) -> Literal["firm", "weak"] | None:
    """Whether the reply asks the same again.

    A request that is merely alike ("and order 124?", "the capital of Spain?") brings something in: a new number, or a
    word in another's place. The same one again brings nothing.
    """
    fewest, longest = sorted((len(request.words), len(reply.words)))
    if fewest < 3 or longest > _LONGEST_REQUEST or longest > 2.5 * fewest:
        return None
    language = reply.language if reply.language in LANGUAGES else request.language
    if language not in LANGUAGES:
        return None
    lists = lexicon(language)
    asked = [word for word in dict.fromkeys(request.words) if word not in lists.function_words]
    again = [word for word in dict.fromkeys(reply.words) if word not in lists.function_words]
    if not lists.repeating.isdisjoint(reply.words) or not again:
        return None
    new = [word for word in again if not _is_among(word, asked)]
    gone = [word for word in asked if not _is_among(word, again)]
    if any(any(map(str.isdigit, word)) for word in new) or (new and gone) or len(new) > 1:
        return None
    alike = fuzz.token_set_ratio(" ".join(request.words), " ".join(reply.words))
    same = request.words == reply.words or (len(again) >= 2 and not new and len(gone) <= len(asked) // 3)
    if alike >= 70 and same and not was_asked:
        return "firm"
    return "weak" if alike >= 70 and len(again) - len(new) >= 2 and len(gone) <= len(asked) // 2 else None


def _is_among(word: str, others: Iterable[str]) -> bool:
    """Whether the word, or a slip or inflection of it, is among the others."""
    return any(word == other or (len(word) >= 4 and fuzz.ratio(word, other) >= 80) for other in others)
