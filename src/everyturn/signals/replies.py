"""What the user's next words say about the output before them: pushback, pleased, neither, or unreadable.

A firm cue is enough for pushback; weak ones only count together. A cue's weight is the logarithm of how much more often turns with it were
rated low than turns in general (USS, 39,000 turns rated by 3 to 6 people: negation 4 times as often, praise a quarter, an apology by the
agent 2.1 times); the weights were not fitted to any of our data. A single cue says little about a single turn: it counts in rates, and a
verdict takes two independent ones (`Reply.is_certain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rapidfuzz import fuzz

from everyturn.model import Conversation
from everyturn.signals.cues import (
    NOTHING_SPOKEN,
    Cue,
    Kind,
    Reading,
    Spoken,
    Text,
    count_words,
    lexicon,
    listen,
    read_text,
    take_apart,
)
from everyturn.signals.languages import LANGUAGES, OTHER, Tally, clear

Tone = Literal["pushback", "pleased", "neutral", "unreadable"]

WEIGHT: Mapping[Kind, float] = {
    "negation": 1.4,
    "failure": 1.5,
    "correction": 0.95,
    "confusion": 0.7,
    "escalation": 1.0,
    "giveup": 0.9,
    "frustration": 0.9,
    "rephrase": 0.9,
    "repeat": 0.9,
    "praise": -1.5,
    "thanks": -0.45,
}
AGENT_WEIGHT: Mapping[str, float] = {"apology": 0.74, "inability": 0.74, "repetition": 0.74}
PUSHBACK = 0.8  # what weak cues must add up to
_WEAK = 0.5  # a weak cue's part of the weight; punctuation alone stays far below the cut
_ALIKE = 0.9  # what a reply that is wholly like the request weighs

# Their weak cues ("instead", "still") are no more than answers.
_ANSWERS = frozenset({"negation", "correction", "failure"})

_LONGEST_REQUEST = 60  # words; longer ones hold pasted text, which repeats for other reasons
_WHOLE = 5  # words from which a question of function words alone says what it is about
_PLAIN = 5  # function words of the user's that tell the language without the agent's
_HEAD = 400  # characters of an output that are compared, and read for its language
_EARLIER = 10  # outputs an output is compared with
_SAME = 90  # likeness in percent from which an output repeats an earlier one


@dataclass(frozen=True, slots=True)
class Reply:
    """What the user said next, up to the agent's next words.

    `score` is the sum of the cues' weights; the higher, the less content the user. `cues` are the names of the user's cues, `agent` those
    of what the agent admits (`apology`, `inability` or `repetition` in the output, `conceded` in the answer to this reply). `why` says why
    the tone is "unreadable". `is_certain` says that the tone rests on two independent cues: of different kinds, by different people, or one
    from words and one from behaviour.
    """

    tone: Tone
    score: float
    cues: tuple[str, ...]
    at: datetime | None
    why: str | None = None
    agent: tuple[str, ...] = ()
    is_certain: bool = False
    firm: frozenset[Kind] = frozenset()  # the kinds said in so many words: what rates count


@dataclass(frozen=True, slots=True)
class Words:
    """The readings of all messages of one conversation, an entry per turn.

    `replies` is None if the turn has no output or the user said nothing after it. `spoken` is what the output says about itself, None if
    there is none. `readings` is the reading of the user's message, None if it has no text. `repeated` says whether the output repeats an
    earlier one.
    """

    replies: tuple[Reply | None, ...]
    spoken: tuple[Spoken | None, ...]
    readings: tuple[Reading | None, ...]
    repeated: tuple[bool, ...]


def words_of(conversation: Conversation) -> Words:
    """The readings of a conversation, computed once and stored with it."""
    kept = vars(conversation).get("_words")
    if isinstance(kept, Words):
        return kept
    words = _words_of(conversation)
    vars(conversation)["_words"] = words  # as functools.cached_property does on a frozen dataclass
    return words


def _words_of(conversation: Conversation) -> Words:
    turns = conversation.turns
    outputs = [turn.output.content if turn.output else None for turn in turns]
    texts = [None if turn.user.content is None else take_apart(turn.user.content) for turn in turns]
    tally = _tally(texts, outputs)
    readings = [None if text is None else read_text(text, tally) for text in texts]
    spoken = [listen(text, tally=tally) if text else None for text in outputs]
    repeated = _repeated(outputs)
    until = [len(turns)] * len(turns)  # the first later turn in which the agent spoke again
    for index in range(len(turns) - 2, -1, -1):
        until[index] = index + 1 if turns[index + 1].agent else until[index + 1]
    asked_before: set[tuple[str, ...]] = set()
    replies: list[Reply | None] = []
    for turn in turns:
        index = turn.index
        first, last = index + 1, min(until[index] + 1, len(turns))
        reading = readings[index]
        if turn.agent and first < last:
            own = spoken[index] or NOTHING_SPOKEN
            after = spoken[last - 1] if last - 1 < len(turns) else None
            replies.append(
                _reply(
                    _Before(reading, frozenset(asked_before), own, is_repeat=repeated[index]),
                    [readings[i] for i in range(first, last)],
                    turns[first].user.at,
                    conceded=after is not None and "apology" in after.cues,
                    is_last=last == len(turns),
                    is_end=last == len(turns) and not turns[last - 1].agent,
                )
            )
        else:
            replies.append(None)
        if reading is not None and 3 <= len(reading.words) <= _LONGEST_REQUEST:
            asked_before.add(reading.words)
    return Words(tuple(replies), tuple(spoken), tuple(readings), repeated)


def _tally(texts: Sequence[Text | None], outputs: Sequence[str | None]) -> Tally:
    """The function words of what the user said, and of what the agent said where the user's do not tell."""
    tally = count_words(text for text in texts if text is not None)
    name, most = clear(tally)
    if name is None or most < _PLAIN:
        tally += count_words(output[:_HEAD] for output in outputs if output)
    return tally


def _repeated(outputs: Sequence[str | None]) -> tuple[bool, ...]:
    """For each output, whether it is nearly the same as an earlier one; outputs as short as greetings never are."""
    heads: list[str] = []
    found: list[bool] = []
    for output in outputs:
        head = (output or "")[:_HEAD].strip()
        is_long = head.count(" ") >= 2 or (not head.isascii() and len(head) >= 6)
        found.append(is_long and any(fuzz.ratio(head, each, score_cutoff=_SAME) for each in heads[-_EARLIER:]))
        if is_long:
            heads.append(head)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Before:
    """What a reply answers: the request, all requests before it, and the output."""

    request: Reading | None
    earlier: frozenset[tuple[str, ...]]
    output: Spoken
    is_repeat: bool


def _reply(
    before: _Before, said: Iterable[Reading | None], at: datetime | None, *, conceded: bool, is_last: bool, is_end: bool
) -> Reply:
    """The reading of everything the user said between an output and the agent's next words."""
    read_ = [reading for reading in said if reading is not None]
    if not read_:
        return Reply("unreadable", 0.0, (), at, "no text")
    was_asked = before.output.asked is not None
    cues = frozenset(cue for reading in read_ for cue in reading.cues)
    again, likeness = _asks_again(before, read_[-1], was_asked=was_asked)
    if again:
        cues |= {again}
    if not any(reading.readable for reading in read_) and not any(
        cue.strength == "firm" for cue in cues if cue.kind not in ("rephrase", "repeat")
    ):
        why = "no cues for this language" if any(r.language == OTHER for r in read_) else "language not recognised"
        return Reply("unreadable", 0.0, (), at, why)
    tone, score, weights = _weigh(cues, was_asked=was_asked)
    firm = frozenset(cue.kind for cue in cues if _is_firm(cue, was_asked=was_asked))
    agent = sorted({*before.output.cues} & AGENT_WEIGHT.keys() | ({"repetition"} if before.is_repeat else set()))
    if not {"rephrase", "repeat"} & weights.keys():
        score += _ALIKE * likeness
    score = round(score + max((AGENT_WEIGHT[each] for each in agent), default=0.0), 4)
    if conceded:
        agent.append("conceded")
    # Leaving agrees with what was said: content with thanks, or in the middle of a complaint that nobody answered.
    pushing = sum(weight > 0 for weight in weights.values()) + bool(agent) + is_end
    pleasing = sum(weight < 0 for weight in weights.values()) + is_last
    is_certain = (tone == "pushback" and pushing >= 2) or (tone == "pleased" and pleasing >= 2)
    names = tuple(sorted({cue.kind for cue in cues}))
    return Reply(tone, score, names, at, agent=tuple(agent), is_certain=is_certain, firm=firm)


def _is_firm(cue: Cue, *, was_asked: bool) -> bool:
    return cue.strength == "firm" or (cue.strength == "unless_asked" and not was_asked)


def _weigh(cues: Iterable[Cue], *, was_asked: bool) -> tuple[Tone, float, dict[Kind, float]]:
    """The tone, the score, and what each kind of cue weighs in it. `was_asked`: the agent's output ended with a question.

    >>> _weigh([Cue("thanks", "firm")], was_asked=False)[:2]
    ('pleased', -0.45)
    >>> _weigh([Cue("praise", "firm"), Cue("failure", "firm")], was_asked=False)[0]
    'pushback'
    >>> _weigh([Cue("negation", "unless_asked")], was_asked=True)[0]
    'neutral'
    """
    weights: dict[Kind, float] = {}
    pushes = pleases = False
    for cue in cues:
        firm = _is_firm(cue, was_asked=was_asked)
        if not firm and was_asked and cue.kind in _ANSWERS:
            continue
        weight = WEIGHT[cue.kind] * (1.0 if firm else _WEAK)
        weights[cue.kind] = max(weights.get(cue.kind, weight), weight, key=abs)
        pushes |= firm and weight >= PUSHBACK
        pleases |= firm and weight < 0
    score = round(sum(weights[kind] for kind in sorted(weights)), 4)
    if pushes or score >= PUSHBACK:
        return "pushback", score, weights
    return ("pleased" if pleases and score < 0 else "neutral"), score, weights


def _asks_again(before: _Before, reply: Reading, *, was_asked: bool) -> tuple[Cue | None, float]:
    """Whether the reply asks the same again, and how alike the two are, 0 to 1."""
    request = before.request
    fewest, longest = sorted((len(request.words) if request else 0, len(reply.words)))
    if request is None or fewest < 3 or longest > _LONGEST_REQUEST:
        return None, 0.0
    likeness = fuzz.token_set_ratio(" ".join(request.words), " ".join(reply.words)) / 100
    language = reply.language if reply.language in LANGUAGES else request.language
    if language not in LANGUAGES or longest > 2.5 * fewest or not lexicon(language).repeating.isdisjoint(reply.words):
        return None, likeness
    function_words = lexicon(language).function_words
    again = [word for word in dict.fromkeys(reply.words) if word not in function_words]
    asked = [word for word in dict.fromkeys(request.words) if word not in function_words]
    is_same = reply.words == request.words or (len(reply.words) >= 4 and reply.words in before.earlier)
    if again and is_same and not was_asked:
        return Cue("repeat", "firm"), 1.0
    strength = _nearness(asked, again, reply) if again and likeness >= 0.7 else None
    if strength == "firm" and was_asked:
        strength = "weak" if len(again) >= 2 else None
    return (Cue("rephrase", strength) if strength else None), likeness


def _nearness(asked: Sequence[str], again: Sequence[str], reply: Reading) -> Literal["firm", "weak"] | None:
    """How far a request with these words that say something is the earlier one.

    A request that is merely alike ("and order 124?", "the capital of Spain?") brings something in: a new number, or a
    word in another's place. The same one again brings nothing.
    """
    new = [word for word in again if not _is_among(word, asked)]
    gone = [word for word in asked if not _is_among(word, again)]
    if any(any(map(str.isdigit, word)) for word in new) or (new and gone) or len(new) > 1:
        return None
    is_whole = len(again) >= 2 or (len(reply.words) >= _WHOLE and not gone)
    if is_whole and not new and len(gone) <= len(asked) // 3:
        return "firm"
    return "weak" if len(again) - len(new) >= 2 and len(gone) <= len(asked) // 2 else None


def _is_among(word: str, others: Iterable[str]) -> bool:
    """Whether the word, or a misspelling or inflection of it, is among the others."""
    return any(word == other or (len(word) >= 4 and fuzz.ratio(word, other) >= 80) for other in others)
