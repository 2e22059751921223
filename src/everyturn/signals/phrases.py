"""Phrases -> matches: a small language for lists of words to look for, compiled to one pattern a phrase.

A phrase is words with single spaces between them, matched without regard to case, accents or commas:

    wrong|incorrect     either word; `_` stands for a space inside one
    the?                may be missing, also as `a|the?`
    ..                  up to three words of the same sentence
    frustrat*           any ending (not in the first word)
    ^ …  … $            at the beginning, at the end of a clause; `^^` at the beginning of the message

An apostrophe may be missing or curly in the text. Of two matches that overlap, the longer one wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

M = TypeVar("M")

STOPS = frozenset({".", ",", "?"})  # tokens that are no words

_TOKEN = re.compile(r"[^\W_]+|[.!?;:\n]+|[,()\u2013\u2014¿¡\u3002\uff01\uff1f\uff0c]| - ")
_MARKS = re.compile("[\u0300-\u036f]")
_ANCHORS = {"^": r"(?<=[.,?] )", "^^": r"(?<=\A \. )"}
_CLAUSE_AFTER = r"(?= [.,?])"
_GAP, _BETWEEN = r"(?:(?: ,)? [^\s.,?]+){0,3}?", r"(?: ,)? "


@dataclass(frozen=True, slots=True)
class Phrase(Generic[M]):
    """One phrase and what it stands for."""

    pattern: re.Pattern[str]
    meaning: M


@dataclass(frozen=True, slots=True)
class Group(Generic[M]):
    """The phrases that begin with one word; `either` matches where any of them does (one call instead of dozens)."""

    either: re.Pattern[str]
    phrases: tuple[Phrase[M], ...]


Phrases: TypeAlias = Mapping[str, Group[M]]  # by the word they begin with


@dataclass(frozen=True, slots=True)
class Match(Generic[M]):
    """Where a phrase stands: `index` is that of its first token, `start` and `end` are characters of the joined tokens."""

    start: int
    end: int
    index: int
    meaning: M


def fold(text: str) -> str:
    """The text without case and accents.

    >>> fold("Ça ne MARCHE pas")
    'ca ne marche pas'
    """
    folded = text.casefold()
    return folded if folded.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", folded))


def tokens_of(folded: str) -> list[str]:
    """Words, with "." for the end of a sentence, "?" for that of a question, "," for a lesser break.

    >>> tokens_of("no, that isn't it. really?")
    ['no', ',', 'that', 'isn', 't', 'it', '.', 'really', '?']
    """
    tokens = []
    for token in _TOKEN.findall(folded):
        if token[0].isalnum():
            tokens.append(token)
        elif "?" in token or "\uff1f" in token:
            tokens.append("?")
        else:
            tokens.append("." if token[0] in ".!;:\n\u3002\uff01" else ",")
    return tokens


def compile_phrases(phrases: Iterable[tuple[str, M]]) -> Phrases[M]:
    """The phrases with their meanings, ready to be looked for. Raises ValueError where one is malformed."""
    by_first: dict[str, list[Phrase[M]]] = {}
    for phrase, meaning in phrases:
        firsts, pattern = _compile(phrase)
        for first in firsts:
            by_first.setdefault(first, []).append(Phrase(pattern, meaning))
    return {
        first: Group(re.compile("|".join(phrase.pattern.pattern for phrase in group)), tuple(group))
        for first, group in by_first.items()
    }


def matches(tokens: Sequence[str], phrases: Phrases[M]) -> list[Match[M]]:
    """What of `phrases` stands in these tokens, overlaps settled in favour of the longest."""
    joined = f" . {' '.join(tokens)} . "
    position = 3
    found: list[Match[M]] = []
    for index, token in enumerate(tokens):
        group = phrases.get(token)
        if group and group.either.match(joined, position):
            for phrase in group.phrases:
                match = phrase.pattern.match(joined, position)
                if match:
                    found.append(Match(position, match.end(), index, phrase.meaning))
        position += len(token) + 1
    if len(found) < 2:
        return found
    found.sort(key=lambda match: (match.start - match.end, match.start))
    kept: list[Match[M]] = []
    for candidate in found:
        if all(candidate.end <= other.start or other.end <= candidate.start for other in kept):
            kept.append(candidate)
    return kept


def _compile(phrase: str) -> tuple[set[str], re.Pattern[str]]:
    """A phrase as a pattern over folded tokens, and the words it can begin with."""
    words = fold(phrase).replace("'", "_'").split()  # "doesn't" is two tokens, and often typed as one
    regex = _ANCHORS.get(words[0], "")
    ends = words[-1] == "$"
    words = words[words[0] in _ANCHORS : len(words) - ends]
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
    """The word "that_'s" begins with: "that", or with "thats" where the apostrophe was left out."""
    head, apostrophe, tail = choice.partition("_'")
    first = head.split("_")[0]
    if apostrophe and "_" not in head:
        return {first, first + tail.split("_")[0]} - {""}
    return {first}


def _choice(choice: str) -> str:
    spaced = re.escape(choice.replace("_'", "\0").replace("_", " "))
    return spaced.replace(re.escape("\0"), " ?").replace(r"\*", "[^ ]*").replace(r"\ ", _BETWEEN)
