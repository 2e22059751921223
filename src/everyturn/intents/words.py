"""Tokens of texts for finding intents: masked and in lower case; and lists of words that say nothing about what is asked.

The lists are in `words.toml`. Stop words are left out of labels and of tests for overlap, but not of embeddings, where their weights are
small.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

from everyturn.model.languages import LANGUAGE_NAMES

# Each alternative only begins at the start of a run of its characters and never backtracks (possessive quantifiers), so that a megabyte
# without a space takes no longer than plain text.
_MASKED = re.compile(
    r"https?://\S++|www\.\S++"  # addresses of pages
    r"|(?<![^\s<>])[^\s@<>]++@[^\s@<>]+\.\w+"  # e-mail addresses
    r"|\[[A-Z][A-Z_]*+(?:[-_:#]?\d+)?\]|<[A-Z][A-Z_]*+(?:[-_:#]?\d+)?>"  # what redaction leaves, as [EMAIL] or <PHONE_1>
    r"|\[(?:email|phone|card|iban|secret|name|address|url)\]"
    r"|\{\{[^{}\n]{0,60}\}\}"  # template places
    # anything with a digit: numbers, dates, sums, ids
    r"|(?<![\w/#$€£¥-])[#$€£¥]*+(?:[^\W\d]|[-/])*+\d[\w.,:/\-%]*+"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|0")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case; anything with a digit, an address or a redaction mark becomes "0".

    >>> tokens("Where's order #A-5512? Mail me at a@b.example")
    ["where's", 'order', '0', 'mail', 'me', 'at', '0']
    """
    if text.isascii() and _MAY_BE_MASKED.search(text) is None and "www." not in text and "''" not in text:
        # the same, many times as fast: nothing to mask, and letters that are what they seem
        plain = text.lower().translate(_APART)
        if "'" in plain:
            plain = f" {plain} ".replace(" '", " ").replace("' ", " ")
        return plain.split()
    masked = _MASKED.sub(" 0 ", unicodedata.normalize("NFKC", text))
    return _TOKEN.findall(masked.lower().replace("’", "'"))


_MAY_BE_MASKED = re.compile(r"[\d@\[<{:]")
_APART = {code: " " for code in range(128) if not (chr(code).isalpha() or chr(code) == "'")}


def normal(text: str) -> str:
    """The tokens of a text separated by spaces, which is the input of word-based embedders.

    >>> normal("Where's order #A-5512?")
    "where's order 0"
    """
    return text if _NORMAL.fullmatch(text) else " ".join(tokens(text))


_LETTERS = "[a-zß-öø-ÿ]++"  # those that every reading of a text leaves as they are
_WORD = f"(?:{_LETTERS}(?:'{_LETTERS})*+|0)"
_NORMAL = re.compile(f"{_WORD}(?: {_WORD})*+")


def is_content(token: str) -> bool:
    """Whether a token says something about what is asked.

    >>> [is_content(t) for t in ("the", "invoice", "0", "merci", "x")]
    [False, True, False, False, False]
    """
    return len(token) > 1 and token not in STOP_WORDS


_TABLES: dict[str, dict[str, str]] = tomllib.loads(
    files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
)
_LISTS = {name: frozenset(" ".join(by_language.values()).split()) for name, by_language in _TABLES.items()}
STOP_WORDS, SMALL_TALK, OPENING, ARTICLES = (_LISTS[name] for name in ("stop", "small_talk", "opening", "articles"))
_USED_IN = Counter(word for words in _TABLES["stop"].values() for word in set(words.split()))
_OWN = {
    word: LANGUAGE_NAMES[code]
    for code, words in _TABLES["stop"].items()
    for word in words.split()
    if _USED_IN[word] == 1
}


def language(words: Iterable[str]) -> str | None:
    """The language that most of a text's function words are of, None where none or two have the most.

    >>> language(tokens("Wo ist mein Paket?")), language(tokens("¿Dónde está mi pedido?")), language(tokens("order 66"))
    ('German', 'Spanish', None)
    """
    counted = Counter(_OWN[word] for word in words if word in _OWN).most_common(2)
    if not counted or (len(counted) == 2 and counted[0][1] == counted[1][1]):
        return None
    return counted[0][0]


def stem(token: str) -> str:
    """The token without the most common English endings, so that its forms count as one. Stems are never shown.

    >>> [stem(t) for t in ("charged", "charges", "charging", "shipping", "companies", "is", "address")]
    ['charg', 'charg', 'charg', 'ship', 'company', 'is', 'address']
    """
    if len(token) > 4:
        if token.endswith("ies"):
            return token[:-3] + "y"
        for ending in ("ing", "ed", "es", "s", "e"):
            if token.endswith(ending) and not token.endswith("ss"):
                token = token[: -len(ending)]
                break
        if len(token) > 3 and token[-1] == token[-2] and token[-1] not in "aeiouls":
            token = token[:-1]
    return token
