"""Words and scripts -> language: which of the languages with cue lists a text is written in, told without any model.

Function words tell languages of the Latin alphabet apart, the alphabet itself all others. `cues/other.toml` lists function words
of languages that we recognise and cannot read, so that Dutch is not taken for German. Counts of all languages travel in one
integer, 16 bits each: adding two messages' counts is one addition.
"""

from __future__ import annotations

import re
import struct
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from everyturn.signals.phrases import STOPS, UNSPACED, fold

LATIN = ("en", "de", "es", "fr", "pt")
LANGUAGES = (*LATIN, "zh", "ja")  # those with cue lists
OTHER = "other"  # a language, and none of ours

Tally = int  # function words seen, by language; 0 where none were

_MOST = 60  # words of a message that are counted
_PLENTY = 40  # function words of one language that leave no doubt
_SURE = 3  # function words; fewer are weighed with those of the whole conversation
_BY_SCRIPT = 5  # what a message in an alphabet of its own counts for
_BY_LETTER = 2  # what a letter of its own counts for, once a message
_ENDINGS = (6, 5, 4, 3)  # letters of an ending, the longest first
_SHARE = 8  # one function word in so many words, or the text is of no language we know

_LATIN_END = "\u0250"  # letters from here on belong to other alphabets
_FAR = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_KANA = re.compile(r"[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_UNSPACED = re.compile(f"[{UNSPACED}\uff66-\uff9d]")


def load(name: str) -> dict[str, Any]:
    """One language's lists, as they stand in the package's own data."""
    return tomllib.loads((files("everyturn.signals") / "cues" / f"{name}.toml").read_text(encoding="utf-8"))


def _lists() -> dict[str, str]:
    """The function words of every language we can tell, by its name."""
    others = {name: words for name, words in load(OTHER).items() if name != "letters"}
    return {language: load(language)["function_words"] for language in LATIN} | others


@cache
def _known() -> tuple[tuple[str, ...], Mapping[str, int], struct.Struct]:
    """The languages in the order of their places, each function word as the counts it adds, and how to take counts apart."""
    lists = _lists()
    names = (*LANGUAGES, OTHER, *(name for name in lists if name not in LATIN))
    places = {name: 1 << 16 * index for index, name in enumerate(names)}
    adds: dict[str, int] = {}
    for language, words in lists.items():
        for word in set(fold(words).split()):
            adds[word] = adds.get(word, 0) + places[language]
    return names, adds, struct.Struct(f"<{len(names)}H")


@cache
def _marks() -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Letters and endings of words that tell a language, as the counts they add."""
    names = _known()[0]
    letters: dict[str, int] = {}
    endings: dict[str, int] = {}
    for language in (*LATIN, OTHER):
        data = load(language)
        place = 1 << 16 * names.index(language)
        letters.update(dict.fromkeys(data["letters"], _BY_LETTER * place))
        for ending in data.get("endings", "").split():
            endings[ending] = endings.get(ending, 0) + place
    return letters, endings


def count_marks(own: str, words: Sequence[str]) -> Tally:
    """What letters and endings of words add where function words do not tell."""
    letters, endings = _marks()
    found = sum(letters.get(letter, 0) for letter in set(own.casefold())) if not own.isascii() else 0
    for word in words[:_MOST]:
        for length in _ENDINGS:
            if len(word) > length + 2 and word[-length:] in endings:
                found += endings[word[-length:]]
                break
    return found


def count(words: Sequence[str], script: str | None) -> Tally:
    """The function words among the first words of a text, or what its script says."""
    if script is not None:
        return _BY_SCRIPT << 16 * _known()[0].index(script)
    return sum(filter(None, map(_known()[1].get, words[:_MOST])))


def is_plenty(tally: Tally) -> bool:
    """Whether reading on could hardly change what the tally says."""
    names, _, packed = _known()
    return bool(max(packed.unpack(tally.to_bytes(2 * len(names), "little"))) >= _PLENTY)


@lru_cache(8192)
def clear(tally: Tally) -> tuple[str | None, int]:
    """The language ahead of all others by two words or twice as frequent, as it is called here, and its count."""
    if not tally:
        return None, 0
    names, _, packed = _known()
    counts = packed.unpack(tally.to_bytes(2 * len(names), "little"))
    second, most = sorted(counts)[-2:]
    if most < min(second + 2, 2 * second):
        return None, 0
    name = names[counts.index(most)]
    return name if name in LANGUAGES else OTHER, most


def script_of(text: str, tally: Tally | None = None) -> str | None:
    """zh, ja or other where the letters tell; None for the Latin alphabet and for no letters.

    A message of Han characters alone is Chinese, unless its conversation is in Japanese.

    >>> script_of("どこですか"), script_of("在哪里"), script_of("где"), script_of("où")
    ('ja', 'zh', 'other', None)
    """
    if text.isascii() or max(text) < _LATIN_END:
        return None
    unspaced = len(_UNSPACED.findall(text))
    far = len(_FAR.findall(text))
    near = sum(map(str.isalpha, text)) - far
    if unspaced and unspaced >= far - unspaced and 4 * unspaced >= near:  # a character says as much as some letters do
        kana = len(_KANA.findall(text))
        if 10 * kana >= unspaced:
            return "ja"
        return "ja" if not kana and tally and clear(tally)[0] == "ja" else "zh"
    return OTHER if far > near else None


def language_of(own: str, words: Sequence[str], script: str | None, tally: Tally | None = None) -> str | None:
    """The language of a message, one of LANGUAGES, "other", or None where nothing tells.

    `tally` is that of the whole conversation and settles what is too short to tell by itself.
    """
    if script is not None:
        return script
    hits = count(words, None)
    name, most = clear(hits)
    if most * _SHARE < min(len(words), _MOST):
        name, most = None, 0
    if tally and (name is None or most < _SURE):
        name, most = clear(hits + tally)
    if name is None or most < _SURE:
        name, _ = clear(hits + (tally or 0) + count_marks(own, words))
    return name


def words_in(tokens: Iterable[str]) -> tuple[str, ...]:
    """The tokens that are words."""
    return tuple([token for token in tokens if token not in STOPS])
