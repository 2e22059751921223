"""Words -> cues: what a user's message says about the reply before it, read from phrase lists, one file a language.

The lists are data (`cues/<language>.toml`); `cues/other.toml` only lists languages we recognise and have no cues for. A
phrase is words with single spaces between them, matched without regard to case, accents or commas:

    wrong|incorrect     either word; `_` stands for a space inside one
    the?                may be missing, also as `a|the?`
    ..                  up to three words of the same sentence
    frustrat*           any ending (not in the first word)
    ^ …  … $            at the beginning, at the end of a clause

Of two matches that overlap, the longer one wins, so "no, thanks" is not a "no". A match under `ignore` means nothing. A
complaint that is denied ("not useless") or supposed ("what if it doesn't work?") is none.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

Kind = Literal["negation", "correction", "failure", "rephrase", "frustration", "giveup", "escalation", "praise", "thanks"]
Strength = Literal["firm", "unless_asked", "weak"]

LANGUAGES = ("en", "de", "es", "fr", "pt")
OTHER = "other"  # a language, and none of ours

_KINDS: tuple[Kind, ...] = ("negation", "correction", "failure", "frustration", "giveup", "escalation", "praise", "thanks")
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

_TOKEN = re.compile(r"[^\W_]+|[.!?;:\n]+|[,()\u2013\u2014¿¡\u3002\uff01\uff1f\uff0c]| - ")
_NOT_OWN = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>[^\n]*|\"[^\"\n]{12,}\"|\u201c[^\u201d\n]{12,}\u201d|«[^»\n]{12,}»|„[^“\n]{12,}“",
    re.DOTALL | re.MULTILINE,
)
_SHOUTS = re.compile(r"!!|\?\?|!\?|\?!")
_FAR = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")  # letters of no Latin alphabet
_MARKS = re.compile("[\u0300-\u036f]")
_EMOJIS = re.compile("|".join(_EMOJI))
_CLAUSE_BEFORE, _CLAUSE_AFTER = r"(?<=[.,?] )", r"(?= [.,?])"
_GAP, _BETWEEN = r"(?:(?: ,)? [^\s.,?]+){0,3}?", r"(?: ,)? "


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
class _Phrase:
    pattern: re.Pattern[str]
    meaning: Cue | Literal["ignore", "courtesy", "request"]


@dataclass(frozen=True, slots=True)
class _Group:
    """The phrases that begin with one word; `either` matches where any of them does (one call instead of dozens)."""

    either: re.Pattern[str]
    phrases: tuple[_Phrase, ...]


_Phrases: TypeAlias = Mapping[str, _Group]  # by the word they begin with


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's lists, compiled. `repeating` marks requests that are meant to be made again ("another one")."""

    user: _Phrases
    agent: _Phrases
    function_words: frozenset[str]
    negators: frozenset[str]
    hypothetical: frozenset[str]
    repeating: frozenset[str]


def read(text: str, *, tally: Tally | None = None) -> Reading:
    """The cues of one message, in the language it is written in.

    `tally` counts the function words of the whole conversation (see `count_words`) and settles the language of a message
    too short to tell. Code, quoted lines and quoted phrases are not the writer's own words and are left out.

    >>> sorted(cue.kind for cue in read("No, that's not what I asked. Can I talk to a human?").cues)
    ['escalation', 'negation']
    >>> read("Not bad at all, thanks!").cues == {Cue("praise", "firm"), Cue("thanks", "firm")}
    True
    """
    own = _own_words(text)
    tokens = _tokens(_fold(own))
    words = tuple([token for token in tokens if token not in _STOPS])
    language = _language(own, words, tally)
    found: set[Cue] = set()
    if language in LANGUAGES:
        found = _match(tokens, lexicon(language))
    elif language is None and 0 < len(words) <= _FEW:  # "merci": no function word, but a phrase of one language
        known = {each: sum(match.end - match.start for match in _matches(tokens, lexicon(each).user)) for each in LANGUAGES}
        best = max(known, key=lambda each: known[each])
        if known[best]:
            language, found = best, _match(tokens, lexicon(best))
    if not own.isascii():
        found.update(Cue(*_EMOJI[sign]) for sign in _EMOJIS.findall(own))
    if _SHOUTS.search(own) or (len(words) >= 4 and own.isupper()):
        found.add(Cue("frustration", "weak"))
    return Reading(language, frozenset(found), words)


def count_words(texts: Iterable[str]) -> Tally:
    """The function words of these texts by language: what tells the language of a conversation."""
    tally: Tally = Counter()
    for text in texts:
        own = _own_words(text)
        if _is_far(own):
            tally[OTHER] += 5
            continue
        words = [token for token in _tokens(_fold(own)) if token not in _STOPS]
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
    tail = _fold(output[-_TAIL:].rstrip())
    tokens = _tokens(tail)
    words = [token for token in tokens if token not in _STOPS]
    language = _language(tail, words, tally)
    sentences: list[list[str]] = [[]]
    for token in tokens:
        if token in (".", "?"):
            sentences[-1].append(token)
            sentences.append([])
        else:
            sentences[-1].append(token)
    last = [sentence for sentence in sentences if any(token not in _STOPS for token in sentence)][-2:]
    verdict: Asking | None = None
    for sentence in last:
        found = _matches(sentence, lexicon(language).agent) if language in LANGUAGES else []
        meanings = {match.phrase.meaning for match in found}
        if "courtesy" in meanings:
            verdict = verdict or "courtesy"
        elif sentence[-1] == "?" or "request" in meanings:
            verdict = "asks"
    return verdict


@cache
def lexicon(language: str) -> Lexicon:
    """The compiled lists of one of `LANGUAGES`. Read from the package's own data once."""
    data = _load(language)
    user = [
        (phrase, Cue(kind, strength))
        for kind in _KINDS
        for strength in _STRENGTHS
        for phrase in data.get(kind, {}).get(strength, [])
    ]
    return Lexicon(
        _index([*user, *((phrase, "ignore") for phrase in data["ignore"])]),
        _index(
            [
                *((phrase, "courtesy") for phrase in data["agent"]["courtesy"]),
                *((phrase, "request") for phrase in data["agent"]["request"]),
            ]
        ),
        *(frozenset(_fold(data[key]).split()) for key in ("function_words", "negators", "hypothetical", "repeating")),
    )


_STOPS = frozenset({".", ",", "?"})


def _own_words(text: str) -> str:
    if "`" in text or ">" in text or '"' in text or not text.isascii():
        text = _NOT_OWN.sub(" ", text)
    if len(text) > _HEAD + _TAIL:
        return f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    return text


def _fold(text: str) -> str:
    folded = text.casefold()
    if folded.isascii():
        return folded
    return _MARKS.sub("", unicodedata.normalize("NFKD", folded))


def _tokens(folded: str) -> list[str]:
    """Words, with "." for the end of a sentence, "?" for that of a question, "," for a lesser break."""
    tokens = []
    for token in _TOKEN.findall(folded):
        if token[0].isalnum():
            tokens.append(token)
        elif "?" in token or "\uff1f" in token:
            tokens.append("?")
        else:
            tokens.append("." if token[0] in ".!;:\n\u3002\uff01" else ",")
    return tokens


def _is_far(own: str) -> bool:
    """Whether most letters belong to no Latin alphabet."""
    return not own.isascii() and 2 * len(_FAR.findall(own)) > sum(map(str.isalpha, own))


@cache
def _speakers() -> Mapping[str, tuple[str, ...]]:
    """Each function word with the languages that use it."""
    speakers: dict[str, tuple[str, ...]] = {}
    known = {language: _load(language)["function_words"] for language in LANGUAGES}
    for language, words in (known | _load(OTHER)).items():
        for word in dict.fromkeys(_fold(words).split()):
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
    if clear is None and tally is not None:
        hits.update(tally)
        clear = _clear(hits)
    if clear is None:
        return None
    return clear if clear in LANGUAGES else OTHER


def _clear(hits: Tally) -> str | None:
    """The language ahead of all others by two words, or twice as frequent."""
    if not hits:
        return None
    (first, most), *rest = hits.most_common(2)
    second = rest[0][1] if rest else 0
    return first if most >= min(second + 2, 2 * second) else None


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("everyturn.signals") / "cues" / f"{name}.toml").read_text(encoding="utf-8"))


def _index(phrases: Iterable[tuple[str, Cue | Literal["ignore", "courtesy", "request"]]]) -> _Phrases:
    by_first: dict[str, list[_Phrase]] = {}
    for phrase, meaning in phrases:
        firsts, pattern = _compile(phrase)
        for first in firsts:
            by_first.setdefault(first, []).append(_Phrase(pattern, meaning))
    return {
        first: _Group(re.compile("|".join(phrase.pattern.pattern for phrase in group)), tuple(group))
        for first, group in by_first.items()
    }


def _compile(phrase: str) -> tuple[set[str], re.Pattern[str]]:
    """A phrase as a pattern over folded tokens, and the words it can begin with."""
    words = _fold(phrase).replace("'", "_'").split()  # "doesn't" is two tokens, and often typed as one
    begins = words[0] == "^"
    ends = words[-1] == "$"
    words = words[begins : len(words) - ends]
    regex = _CLAUSE_BEFORE if begins else ""
    firsts: set[str] = set()
    begun = False  # a word that must be there has been read
    for word in words:
        if word == "..":
            regex += _GAP
            continue
        optional = word.endswith("?")
        choices = word.rstrip("?").split("|")
        either = f"(?:{'|'.join(map(_choice, choices))})(?= )"
        if begun:
            regex += f"(?:{_BETWEEN}{either})?" if optional else _BETWEEN + either
            continue
        if any("*" in choice for choice in choices):
            raise ValueError(f"a cue phrase must begin with a whole word: {phrase!r}")
        regex += f"(?:{either}{_BETWEEN})?" if optional else either
        firsts.update(first for choice in choices for first in _first_tokens(choice))
        begun = not optional
    return firsts, re.compile(regex + (_CLAUSE_AFTER if ends else ""))


def _first_tokens(choice: str) -> set[str]:
    """ "that_'s" begins with "that", or with "thats" where the apostrophe was left out."""
    head, apostrophe, tail = choice.partition("_'")
    first = head.split("_")[0]
    if apostrophe and "_" not in head:
        return {first, first + tail.split("_")[0]} - {""}
    return {first}


def _choice(choice: str) -> str:
    spaced = re.escape(choice.replace("_'", "\0").replace("_", " "))
    return spaced.replace(re.escape("\0"), " ?").replace(r"\*", "[^ ]*").replace(r"\ ", _BETWEEN)


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    end: int
    index: int  # of its first token
    phrase: _Phrase


def _matches(tokens: list[str], phrases: _Phrases) -> list[_Match]:
    """What of `phrases` stands in these tokens, overlaps settled in favour of the longest."""
    joined = f" . {' '.join(tokens)} . "
    position = 3
    matches = []
    for index, token in enumerate(tokens):
        group = phrases.get(token)
        if group and group.either.match(joined, position):
            for phrase in group.phrases:
                match = phrase.pattern.match(joined, position)
                if match:
                    matches.append(_Match(position, match.end(), index, phrase))
        position += len(token) + 1
    if len(matches) < 2:
        return matches
    matches.sort(key=lambda match: (match.start - match.end, match.start))
    kept: list[_Match] = []
    for candidate in matches:
        if all(candidate.end <= other.start or other.end <= candidate.start for other in kept):
            kept.append(candidate)
    return kept


def _match(tokens: list[str], lexicon_: Lexicon) -> set[Cue]:
    found: set[Cue] = set()
    for match in _matches(tokens, lexicon_.user):
        cue = match.phrase.meaning
        if not isinstance(cue, Cue):
            continue
        before = _before(tokens, match.index)
        if cue.kind == "thanks":
            if "?" not in tokens[: match.index]:  # "Where is it? Thanks": asks for more, thanks beforehand
                found.add(cue)
        elif not lexicon_.negators.isdisjoint(before):
            if cue.kind == "praise":  # "not helpful"
                found.add(Cue("negation", "weak"))
        elif cue.kind == "praise" or lexicon_.hypothetical.isdisjoint(before):
            found.add(cue)
    return found


def _before(tokens: list[str], index: int) -> list[str]:
    """Up to three words before, of the same clause."""
    before: list[str] = []
    for token in reversed(tokens[max(0, index - _LOOK_BACK) : index]):
        if token in _STOPS:
            break
        before.append(token)
    return before
