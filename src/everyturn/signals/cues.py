"""Words -> cues: what a user's message says about the reply before it, read from phrase lists, one file a language.

The lists are data (`cues/<language>.toml`, phrases as in `phrases.py`); `cues/other.toml` only lists the function words
of languages we recognise and have no cues for. A match under `ignore` means nothing, so "no, thanks" is not a "no": the
longer of two overlapping matches wins. A complaint that is denied ("not useless") or supposed ("what if it doesn't work?")
is none.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from everyturn.signals.phrases import STOPS, Phrases, compile_phrases, fold, matches, tokens_of

Kind = Literal[
    "negation", "correction", "failure", "rephrase", "frustration", "giveup", "escalation", "praise", "thanks"
]
Strength = Literal["firm", "unless_asked", "weak"]

LANGUAGES = ("en", "de", "es", "fr", "pt")
OTHER = "other"  # a language, and none of ours

_KINDS: tuple[Kind, ...] = (
    "negation",
    "correction",
    "failure",
    "frustration",
    "giveup",
    "escalation",
    "praise",
    "thanks",
)
_STRENGTHS: tuple[Strength, ...] = ("firm", "unless_asked", "weak")

_EMOJI: Mapping[str, tuple[Kind, Strength]] = {
    **dict.fromkeys("👍👌💯🎉🥳😍❤", ("praise", "firm")),
    "🙏": ("thanks", "firm"),
    "👎": ("negation", "firm"),
    **dict.fromkeys("😡🤬😠", ("frustration", "firm")),
    **dict.fromkeys("😤🙄😒🤦", ("frustration", "weak")),
}

_HEAD, _TAIL = 1200, 400  # characters of a long message its writer speaks in; what lies between is mostly pasted
_LANGUAGE_WORDS = 60
_LOOK_BACK = 3
_FEW = 5
_PLENTY = 40
_SURE = 3  # function words; fewer are weighed with those of the whole conversation

_NOT_OWN = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>[^\n]*|\"[^\"\n]{12,1000}\"|\u201c[^\u201d\n]{12,1000}\u201d|«[^»\n]{12,1000}»|„[^“\n]{12,1000}“",
    re.DOTALL | re.MULTILINE,
)
_SHOUTS = re.compile(r"!!|\?\?|!\?|\?!")
_FAR = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")  # letters of no Latin alphabet
_EMOJIS = re.compile("|".join(_EMOJI))


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing a message says. `unless_asked`: firm, except as the answer to a question of the agent's."""

    kind: Kind
    strength: Strength


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one message.

    `language` is one of `LANGUAGES`, "other" for a language without cues, None where the words do not tell. `words` are
    folded (no case, no accents, no punctuation).
    """

    language: str | None
    cues: frozenset[Cue]
    words: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether silence about a cue means that it was not there."""
        return self.language in LANGUAGES or not self.words


Tally = Counter[str]  # function words seen, by language


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's lists, compiled. `repeating` marks requests that are meant to be made again ("another one")."""

    user: Phrases[Cue | None]  # None: ignore
    agent: Phrases[str]  # "courtesy" or "request"
    function_words: frozenset[str]
    negators: frozenset[str]
    requesting: frozenset[str]
    hypothetical: frozenset[str]
    repeating: frozenset[str]


def read(text: str, *, tally: Tally | None = None) -> Reading:
    """The cues of one message, in the language it is written in.

    `tally` counts the function words of the whole conversation (see `count_words`) and settles the language of a message
    too short to tell. Code, quoted lines and quoted phrases are not the writer's own words and are left out.

    >>> sorted({cue.kind for cue in read("No, that's not what I asked. Can I talk to a human?").cues})
    ['escalation', 'negation']
    >>> read("Not bad at all, thanks!").cues == {Cue("praise", "firm"), Cue("thanks", "firm")}
    True
    """
    own = _own_words(text)
    tokens = tokens_of(fold(own))
    words = tuple([token for token in tokens if token not in STOPS])
    language = _language(own, words, tally)
    found: set[Cue] = set()
    if language in LANGUAGES:
        found = _match(tokens, lexicon(language))
    elif language is None and 0 < len(words) <= _FEW:  # "merci": no function word, but a phrase of one language
        known = {
            each: sum(match.end - match.start for match in matches(tokens, lexicon(each).user)) for each in LANGUAGES
        }
        best = max(known, key=lambda each: known[each])
        if known[best]:
            language, found = best, _match(tokens, lexicon(best))
    if not own.isascii():
        found.update(Cue(*_EMOJI[sign]) for sign in _EMOJIS.findall(own))
    is_glad = any(cue.kind in ("praise", "thanks") for cue in found)  # "Thank you!!"
    if not is_glad and (_SHOUTS.search(own) or (len(words) >= 4 and own.isupper())):
        found.add(Cue("frustration", "weak"))
    return Reading(language, frozenset(found), words)


def count_words(texts: Iterable[str]) -> Tally:
    """The function words of these texts by language: what tells the language of a conversation.

    Reads on only until one language has 40; that is more than any doubt needs.
    """
    tally: Tally = Counter()
    for text in texts:
        if max(tally.values(), default=0) >= _PLENTY:
            break
        own = _own_words(text)
        if _is_far(own):
            tally[OTHER] += 5
            continue
        words = [token for token in tokens_of(fold(own)) if token not in STOPS]
        tally.update(_hits(words[:_LANGUAGE_WORDS]))
    return tally


Asking = Literal["asks", "courtesy"]


def asking(output: str, *, tally: Tally | None = None) -> Asking | None:
    """Whether an agent's output ends by asking the user something, and whether that is mere courtesy.

    >>> asking("I can do that. Which of the two orders do you mean?")
    'asks'
    >>> asking("It arrives on Friday. Is there anything else I can help you with?")
    'courtesy'
    >>> asking("Who pays? The seller does. It takes three days to arrive.") is None
    True
    """
    tail = fold(output[-_TAIL:].rstrip())
    tokens = tokens_of(tail)
    language = _known(_clear(tally)) if tally else None
    if language is None:
        language = _language(tail, [token for token in tokens if token not in STOPS], tally)
    sentences: list[list[str]] = [[]]
    for token in tokens:
        if token in (".", "?"):
            sentences[-1].append(token)
            sentences.append([])
        else:
            sentences[-1].append(token)
    last = [sentence for sentence in sentences if any(token not in STOPS for token in sentence)][-2:]
    spoken = LANGUAGES if language is None else (language,) if language in LANGUAGES else ()
    verdict: Asking | None = None
    for sentence in last:
        meanings = {match.meaning for each in spoken for match in matches(sentence, lexicon(each).agent)}
        if "courtesy" in meanings:
            verdict = verdict or "courtesy"
        elif sentence[-1] == "?" or "request" in meanings:
            verdict = "asks"
    return verdict


@cache
def lexicon(language: str) -> Lexicon:
    """The compiled lists of one of `LANGUAGES`. Read from the package's own data once."""
    data = _load(language)
    cues: list[tuple[str, Cue | None]] = [
        (phrase, Cue(kind, strength))
        for kind in _KINDS
        for strength in _STRENGTHS
        for phrase in data.get(kind, {}).get(strength, [])
    ]
    cues += [(phrase, None) for phrase in data["ignore"]]
    endings = [(phrase, kind) for kind in ("courtesy", "request") for phrase in data["agent"][kind]]
    return Lexicon(
        compile_phrases(cues),
        compile_phrases(endings),
        *(frozenset(fold(data[key]).split()) for key in _WORD_LISTS),
    )


_WORD_LISTS = ("function_words", "negators", "requesting", "hypothetical", "repeating")


def _own_words(text: str) -> str:
    if "`" in text or ">" in text or '"' in text or not text.isascii():
        text = _NOT_OWN.sub(" ", text)
    if len(text) > _HEAD + _TAIL:
        return f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    return text


def _is_far(own: str) -> bool:
    """Whether most letters belong to no Latin alphabet."""
    return not own.isascii() and 2 * len(_FAR.findall(own)) > sum(map(str.isalpha, own))


@cache
def _speakers() -> Mapping[str, tuple[str, ...]]:
    """Each function word with the languages that use it."""
    speakers: dict[str, tuple[str, ...]] = {}
    known = {language: _load(language)["function_words"] for language in LANGUAGES}
    for language, words in (known | _load(OTHER)).items():
        for word in dict.fromkeys(fold(words).split()):
            speakers[word] = (*speakers.get(word, ()), language)
    return speakers


def _hits(words: Iterable[str]) -> Tally:
    speakers = _speakers()
    hits: Tally = Counter()
    for word in words:
        for language in speakers.get(word, ()):
            hits[language] += 1
    return hits


def _language(own: str, words: tuple[str, ...] | list[str], tally: Tally | None) -> str | None:
    if _is_far(own):
        return OTHER
    hits = _hits(words[:_LANGUAGE_WORDS])
    clear = _clear(hits) if sum(hits.values()) * 8 >= len(words[:_LANGUAGE_WORDS]) else None
    if tally and (clear is None or hits[clear] < _SURE):
        clear = _clear(hits + tally)
    return _known(clear)


def _known(language: str | None) -> str | None:
    return language if language is None or language in LANGUAGES else OTHER


def _clear(hits: Tally) -> str | None:
    """The language ahead of all others by two words, or twice as frequent."""
    if not hits:
        return None
    (first, most), *rest = hits.most_common(2)
    second = rest[0][1] if rest else 0
    return first if most >= min(second + 2, 2 * second) else None


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("everyturn.signals") / "cues" / f"{name}.toml").read_text(encoding="utf-8"))


def _match(tokens: list[str], lexicon_: Lexicon) -> set[Cue]:
    found: set[Cue] = set()
    for match in matches(tokens, lexicon_.user):
        cue = match.meaning
        if cue is None:
            continue
        before = _before(tokens, match.index)
        if cue.kind == "thanks":
            earlier = tokens[: match.index]
            if "?" not in earlier and lexicon_.requesting.isdisjoint(earlier):  # "Where is it? Thanks": asks for more
                found.add(cue)
        elif not lexicon_.negators.isdisjoint(before):
            if cue.kind == "praise":  # "not helpful"
                found.add(Cue("negation", "weak"))
        elif lexicon_.hypothetical.isdisjoint(before):
            found.add(cue)
    return found


def _before(tokens: list[str], index: int) -> list[str]:
    """Up to three words before, of the same clause."""
    before: list[str] = []
    for token in reversed(tokens[max(0, index - _LOOK_BACK) : index]):
        if token in STOPS:
            break
        before.append(token)
    return before
