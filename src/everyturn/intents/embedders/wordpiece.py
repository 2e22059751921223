"""Words -> the pieces a vocabulary has for them, exactly as the model it comes from cuts them."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache

_LONGEST = 100  # characters; a longer word is unknown
_IDEOGRAPHS = "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f"


def cut(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The numbers of the longest pieces from left to right; that of "[UNK]" where none fits.

    `word` holds no space. Letters are made small and lose their accents first; a punctuation mark and an ideograph
    is a word of its own. Method: WordPiece (Schuster and Nakajima 2012) with BERT's rules for words.

    >>> cut("Refunds!", {"[UNK]": 0, "ref": 1, "##und": 2, "##s": 3, "!": 4})
    [1, 2, 3, 4]
    """
    whole = vocabulary.get(word)
    if whole is not None and word.isalpha() and word.isascii():
        return [whole]
    pieces: list[int] = []
    for part in _split().findall(_plain(word)):
        pieces += _longest_first(part, vocabulary)
    return pieces


def _longest_first(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    unknown = [vocabulary["[UNK]"]]
    if len(word) > _LONGEST:
        return unknown
    pieces, start = [], 0
    while start < len(word):
        end = len(word)
        prefix = "##" if start else ""
        while end > start and (found := vocabulary.get(prefix + word[start:end])) is None:
            end -= 1
        if end == start:
            return unknown
        assert found is not None
        pieces.append(found)
        start = end
    return pieces


def _plain(word: str) -> str:
    """Small letters without accents and without characters that show nothing."""
    if word.isascii() and word.isprintable():
        return word.lower()
    spread = unicodedata.normalize("NFD", word.lower())
    kinds = ((c, unicodedata.category(c)) for c in spread)
    return "".join(" " if c in "\t\n\r" or kind == "Zs" else c for c, kind in kinds if c in "\t\n\r" or _shows(c, kind))


def _shows(character: str, kind: str) -> bool:
    return kind != "Mn" and not kind.startswith("C") and character != "\ufffd"


@cache
def _split() -> re.Pattern[str]:
    """Single marks and ideographs, and the runs between them."""
    marks = "".join(
        re.escape(c)
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c).startswith("P") or (c.isascii() and c.isprintable() and not c.isalnum() and c != " ")
    )
    return re.compile(f"[{marks}{_IDEOGRAPHS}]|[^\\s{marks}{_IDEOGRAPHS}]+")
