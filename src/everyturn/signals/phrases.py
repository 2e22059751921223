"""Phrases -> matches: a small language for phrases to look for, each compiled when its words first turn up.

A phrase is words with single spaces between them, matched without regard to case, accents or commas:

    wrong|incorrect     either word; `_` stands for a space inside one
    the?                may be missing, also as `a|the?`
    ..                  up to three words of the same sentence
    frustrat*           any ending (not in the first word)
    ^ …  … $            at the beginning, at the end of a clause; `^^` at the beginning of the message; also `soon|now|$`

An apostrophe may be missing or curly in the text. Of two matches that overlap, the longer one wins; of two equally
long ones, that of the phrase that comes first in the list. Chinese and Japanese put no spaces between words: there every character
counts as a word, in the text and in the phrase alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M")

STOPS = frozenset({".", ",", "?"})  # tokens that are no words

UNSPACED = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han characters
_TOKEN = re.compile(rf"[^\W_{UNSPACED}]+|[{UNSPACED}]|[.!?;:\n]+|[,()\u2013\u2014¿¡\u3001\u3002\uff01\uff1f\uff0c]| - ")
_JOINTS = re.compile(rf"(?<=[^\s|_])(?=[{UNSPACED}])|(?<=[{UNSPACED}])(?=[^\s|?_])")
# Accents once taken apart, and characters nobody sees: soft hyphens, joiners, direction marks, NUL.
_UNSEEN = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\0]")
_ANCHORS = {"^": r"(?<=[.,?] )", "^^": r"(?<=\A \. )"}
_CLAUSE_AFTER = r"(?= [.,?])"
_GAP, _BETWEEN = r"(?:(?: ,)? [^\s.,?]+){0,3}?", r"(?: ,)? "
_COMMON = 40  # how much more often a function word turns up than any other, for choosing what to look up first


class Match(NamedTuple, Generic[M]):
    """Where a phrase stands: from token `first` up to, not including, `stop`; characters `start` to `end` of the joined tokens."""

    start: int
    end: int
    first: int
    stop: int
    meaning: M


class _Phrase(Generic[M]):
    """One phrase: the words it can begin with, the sets of words of which it needs one each, and its pattern, compiled on first use."""

    __slots__ = ("_pattern", "firsts", "meaning", "needs", "rank", "regex")

    def __init__(
        self, rank: int, regex: str, firsts: frozenset[str], needs: tuple[frozenset[str], ...], meaning: M
    ) -> None:
        self.rank = rank
        self.regex = regex
        self.firsts = firsts
        self.needs = needs
        self.meaning = meaning
        self._pattern: re.Pattern[str] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled phrase. A list has hundreds, a message's words call for a few."""
        if self._pattern is None:
            self._pattern = re.compile(self.regex)
        return self._pattern


class Phrases(Generic[M]):
    """A list of phrases, found by the rarest word that each cannot do without.

    `common` are the language's function words: a phrase that has any other word is looked up by that. Raises ValueError
    if a phrase is malformed.
    """

    def __init__(self, phrases: Iterable[tuple[str, M]], *, common: frozenset[str] = frozenset()) -> None:
        self._by_word: dict[str, list[_Phrase[M]]] = {}
        for rank, (text, meaning) in enumerate(phrases):
            regex, firsts, parts = _compile(text)
            needs = [frozenset().union(*(_needed(choice, common) for choice in part)) for part in parts]
            ranked = sorted(needs, key=lambda words: sum(_COMMON if word in common else 1 for word in words))
            phrase = _Phrase(rank, regex, firsts, tuple(ranked[1:]), meaning)
            for word in ranked[0]:
                self._by_word.setdefault(word, []).append(phrase)

    def __bool__(self) -> bool:
        return bool(self._by_word)

    def find(self, tokens: Sequence[str]) -> list[Match[M]]:
        """What of these phrases stands in the tokens, overlaps settled in favour of the longest."""
        present = set(tokens)
        by_word = self._by_word
        candidates = [
            phrase
            for word in present
            if word in by_word
            for phrase in by_word[word]
            if not any(map(present.isdisjoint, phrase.needs))
        ]
        if not candidates:
            return []
        candidates.sort(key=_rank)
        wanted: dict[str, list[_Phrase[M]]] = {}
        for phrase in candidates:
            for first in phrase.firsts & present:
                wanted.setdefault(first, []).append(phrase)
        joined = f" . {' '.join(tokens)} . "
        start = 3
        found: dict[tuple[int, int], Match[M]] = {}
        for index, token in enumerate(tokens):
            if token in wanted:
                for phrase in wanted[token]:
                    match = phrase.pattern.match(joined, start)
                    if match:
                        end = match.end()
                        stop = index + joined.count(" ", start, end) + 1
                        found.setdefault((start, end), Match(start, end, index, stop, phrase.meaning))
            start += len(token) + 1
        return _longest(list(found.values())) if len(found) > 1 else list(found.values())


def fold(text: str) -> str:
    """The text without case, accents and characters nobody sees.

    >>> fold("Ça ne MARCHE pas")
    'ca ne marche pas'
    """
    folded = text.casefold()
    if folded.isascii():
        return folded.replace("\0", "") if "\0" in folded else folded
    return unicodedata.normalize("NFC", _UNSEEN.sub("", unicodedata.normalize("NFKD", folded)))


def tokens_of(folded: str) -> list[str]:
    """Words, with "." for the end of a sentence, "?" for that of a question, "," for a lesser break.

    >>> tokens_of("no, that isn't it. really?")
    ['no', ',', 'that', 'isn', 't', 'it', '.', 'really', '?']
    >>> tokens_of("不对，再试 python")
    ['不', '对', ',', '再', '试', 'python']
    """
    return [token if token[0].isalnum() else _stop(token) for token in _TOKEN.findall(folded)]


def _rank(phrase: _Phrase[M]) -> int:
    return phrase.rank


def _stop(token: str) -> str:
    if token in STOPS:
        return token
    if "?" in token or "\uff1f" in token:
        return "?"
    if token[0] in ".!;:\n\u3002\uff01":
        return "."
    return ","


def _longest(found: list[Match[M]]) -> list[Match[M]]:
    found.sort(key=lambda match: (match.start - match.end, match.start))
    kept: list[Match[M]] = []
    for candidate in found:
        if all(candidate.end <= other.start or other.end <= candidate.start for other in kept):
            kept.append(candidate)
    return kept


def _compile(phrase: str) -> tuple[str, frozenset[str], list[list[str]]]:
    """A phrase as a pattern over folded tokens, the words it can begin with, and the choices of each part it needs."""
    words = _JOINTS.sub("_", fold(phrase)).replace("'", "_'").split()  # "doesn't": two tokens, often typed as one
    regex = _ANCHORS.get(words[0], "")
    ends = words[-1] == "$"
    words = words[words[0] in _ANCHORS : len(words) - ends]
    firsts: set[str] = set()
    needs: list[list[str]] = []
    begun = False  # a word that must be there has been read
    for word in words:
        if word == "..":
            regex += _GAP
            continue
        optional = word.endswith("?")
        choices = word.removesuffix("?").split("|")
        if "?" in word[:-1] or ".." in word or "" in choices:
            raise ValueError(f"a cue phrase has an odd word in it: {phrase!r}")
        if begun and "$" in choices:
            rest = "|".join(_choice(choice) for choice in choices if choice != "$")
            regex += f"(?:{_BETWEEN}(?:{rest})(?= )|{_CLAUSE_AFTER})"
            continue
        either = f"(?:{'|'.join(map(_choice, choices))})(?= )"
        if not optional and not any("*" in choice for choice in choices):
            needs.append(choices)
        if begun:
            regex += f"(?:{_BETWEEN}{either})?" if optional else _BETWEEN + either
            continue
        if any("*" in choice for choice in choices):
            raise ValueError(f"a cue phrase must begin with a whole word: {phrase!r}")
        regex += f"(?:{either}{_BETWEEN})?" if optional else either
        firsts.update(first for choice in choices for first in _first_tokens(choice))
        begun = not optional
    if not needs:
        raise ValueError(f"a cue phrase needs a word that has to be there: {phrase!r}")
    return regex + (_CLAUSE_AFTER if ends else ""), frozenset(firsts), needs


def _first_tokens(choice: str) -> set[str]:
    """The word "that_'s" begins with: "that", or with "thats" where the apostrophe was left out."""
    head, apostrophe, tail = choice.partition("_'")
    first = head.split("_")[0]
    if apostrophe and "_" not in head:
        return {first, first + tail.split("_")[0]} - {""}
    return {first}


def _needed(choice: str, common: frozenset[str]) -> set[str]:
    """Words one of which stands wherever the choice does, the rarest there is."""
    if "_'" in choice:
        return _first_tokens(choice)
    words = choice.split("_")
    return {next((word for word in words if word not in common), words[0])}


def _choice(choice: str) -> str:
    spaced = re.escape(choice.replace("_'", "\0").replace("_", " "))
    return spaced.replace(re.escape("\0"), " ?").replace(r"\*", "[^ ]*").replace(r"\ ", _BETWEEN)
