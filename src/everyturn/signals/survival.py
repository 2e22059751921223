"""How much of an output is still in the text it ended up in, as a share and as a grade.

Prose is measured by 4-word coverage: the share of its characters that lie in a run of four words also found in the
artefact. Code is measured by winnowing (Schleimer, Wilkerson and Aiken 2003; k = 8, w = 4): the share of its
fingerprints, taken over letters and digits, also found there. Both are linear in the two texts and both count what was
*lost*: words added around or inside the output cost nothing. Levenshtein, longest common subsequence and best-window
ratios were measured and left out: they read a stranger's text as half kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

Grade = Literal["as-is", "light", "heavy", "rewritten"]

LIGHT = 0.8
HEAVY = 0.47  # the cut that best parted "edited" from "mostly gone" on keystroke-exact provenance
_TOUCHED = 0.99  # code found whole by its fingerprints, but not as one run of the same tokens: edited, though hardly

_RUN = 4
_GRAM = 8
_WINDOW = 4
_FEWEST_CHARACTERS = 20  # below these, runs of words are chance: only a verbatim copy counts
_FEWEST_WORDS = 5

# Scripts written without spaces: each character stands for a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "*": None, "`": None})
_MARKUP = "_#>~|"  # with the two above: Markdown signs, gone once the text is pasted where it is rendered
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE_LINE = re.compile(
    r"""
      [{};]$ | ^\s*[)\]}] | ,\s*\\$                                    # blocks, statements, continued lines
    | ^\s*(?:def|class|async|elif|except|with|while|for|if|try|else|switch|case)\b.*[:{]$
    | ^\s*(?:def|class|module)\s+[\w.]+[(\s<:]?[^.]*$ | ^\s*(?:end|do|fi|done|pass|break|continue)$ | \bdo\s*\|\w+\|$
    | ^\s*(?:import|from)\s+[\w.]+(?:\s+(?:import|as)\b.*)?$
    | ^\s*(?:const|let|var|func|fn|function|public|private|protected|static|struct|enum|package|using|return)\b.*[({=;]
    | ^\s*(?:return|yield|raise|throw|print|echo)\b\s*[\w("'\[{-]
    | ^\s*(?:sudo|pip|npm|npx|yarn|git|cd|export|apt-get|docker|curl|sed|grep|awk|kubectl)\s+\S
    | ^\s*(?:\#include|\#define|\#!|//|/\*|\*/|--\s|@\w+(?:\.\w+)*(?:\(|$)|\"{3}|\'{3})
    | ^\s*</?[A-Za-z][\w-]*(?:\s[^>]*)?/?>
    | ^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|FROM|WHERE|JOIN|GROUP\ BY|ORDER\ BY)\b
    | ^\s*[\w.\[\]"'$]+\s*(?:[-+*/|&:]?=)\s*\S | =>\s*[{(] | \)\s*[=-]> | ::|==|!=|&&|\|\|
    | ^\s*[\w.]+\(.*\)$ | ^\s*["'][\w-]+["']\s*:
    | ^\s*(?:-\s)?[a-z][\w.-]*:(?:\s*[|>])?$ | ^\s+(?:-\s)?[a-z][\w.-]*:\s+\S    # YAML
    """,
    re.VERBOSE,
)
_CODE_LINES = 0.4  # share of a text's lines; docstrings and comments are much of many files


def is_code(text: str) -> bool:
    r"""Whether the text is mostly code: two in five of its lines that are not blank read like code.

    >>> is_code("def area(r):\n    return 3.14 * r * r"), is_code("Your parcel arrives on Friday.")
    (True, False)
    """
    lines = [_ends(line.rstrip()) for line in text.splitlines() if line.strip()]
    return bool(lines) and sum(1 for line in lines if _CODE_LINE.search(line)) >= _CODE_LINES * len(lines)


def _ends(line: str) -> str:
    """The two ends of a long line: they tell code from prose, and a minified file is one line of a megabyte."""
    return line if len(line) <= 300 else f"{line[:150]} {line[-150:]}"


def grade(share: float) -> Grade:
    """The class of a share kept: as-is = 1, light from 0.8, heavy from 0.47, else rewritten.

    >>> [grade(share) for share in (1.0, 0.9, 0.5, 0.2)]
    ['as-is', 'light', 'heavy', 'rewritten']
    """
    if share >= 1.0:
        return "as-is"
    if share >= LIGHT:
        return "light"
    return "heavy" if share >= HEAVY else "rewritten"


class Artefact:
    """A text an output may have ended up in, indexed once however many outputs are looked for in it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def is_code(self) -> bool:
        """Whether the artefact is mostly code."""
        return is_code(self.text)

    @cached_property
    def words(self) -> list[str]:
        """Its words, freed of Markdown."""
        return _words(self.text)

    @cached_property
    def word_runs(self) -> frozenset[tuple[str, ...]]:
        """Every run of four words."""
        return frozenset(_runs(self.words))

    @cached_property
    def tokens(self) -> list[str]:
        """Its code tokens: words and single signs."""
        return _TOKEN.findall(self.text)

    @cached_property
    def token_runs(self) -> frozenset[tuple[str, ...]]:
        """Every run of four code tokens."""
        return frozenset(_runs(self.tokens))

    @cached_property
    def fingerprints(self) -> npt.NDArray[np.uint64]:
        """Its winnowed fingerprints, sorted."""
        return _fingerprints(self.text)


def survival(output: str, artefact: str | Artefact) -> float:
    """The share of the output still found in the artefact, 0 to 1.

    Code inside an output (fenced blocks) is what counts when the artefact is code; else the whole output does. Outputs
    of fewer than 20 characters or 5 words count only when they stand there word for word. An output without words is
    kept by anything.

    >>> round(survival("Your parcel left Lyon today and arrives on Friday.", "A parcel left Lyon today and is late."), 2)
    0.52
    """
    target = artefact if isinstance(artefact, Artefact) else Artefact(artefact)
    fenced = (
        "\n".join(match.group(2) for match in _FENCE.finditer(output)) if "```" in output or "~~~" in output else ""
    )
    if fenced.strip() and target.is_code:
        output = fenced
        code = True
    else:
        code = target.is_code or is_code(output)
    words = _words(output)
    if len(output.strip()) < _FEWEST_CHARACTERS or len(_TOKEN.findall(output) if code else words) < _FEWEST_WORDS:
        return 1.0 if _verbatim(words, target.words) else 0.0
    if not code:
        return _coverage(words, target.word_runs)
    tokens = _TOKEN.findall(output)
    prints = _fingerprints(output)
    if not len(prints):  # almost all punctuation
        return _coverage(tokens, target.token_runs)
    share = float(np.isin(prints, target.fingerprints, assume_unique=True).mean())
    # Fingerprints fold case and punctuation away, so one changed operator would still read as-is.
    return share if _verbatim(tokens, target.tokens) else min(share, _TOUCHED)


def is_measurable(output: str) -> bool:
    """Whether the output is long enough for a share: 20 characters and 5 words."""
    return len(output.strip()) >= _FEWEST_CHARACTERS and len(_words(output)) >= _FEWEST_WORDS


def _words(text: str) -> list[str]:
    stripped = (word.strip(_MARKUP) for word in _WORD.findall(text.translate(_STRAIGHT)))
    return [word for word in stripped if any(map(str.isalnum, word))]


def _runs(words: Sequence[str]) -> zip[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


def _coverage(words: Sequence[str], runs: frozenset[tuple[str, ...]]) -> float:
    covered = total = 0
    reach = 0  # words before this index lie in a run found
    found = [run in runs for run in _runs(words)]
    for index, word in enumerate(words):
        if index < len(found) and found[index]:
            reach = index + _RUN
        total += len(word)
        if index < reach:
            covered += len(word)
    return covered / total if total else 1.0


def _verbatim(words: Sequence[str], within: Sequence[str]) -> bool:
    return f"\0{chr(0).join(words)}\0" in f"\0{chr(0).join(within)}\0" if words else True


def _fingerprints(text: str) -> npt.NDArray[np.uint64]:
    """The distinct smallest hash of every window of 4 neighbouring 8-character grams, letters and digits only.

    The hash is arithmetic on code points, so it is the same on every machine and in every process.
    """
    letters = "".join(filter(str.isalnum, text.casefold()))
    points = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    grams = len(points) - _GRAM + 1
    if grams < _WINDOW:
        return np.empty(0, dtype=np.uint64)
    hashes = np.zeros(grams, dtype=np.uint64)
    for offset in range(_GRAM):
        hashes = hashes * np.uint64(0x100000001B3) + points[offset : offset + grams]
    # Mixed (Stafford's variant 13, as in splitmix64), or the smallest hash would always be the gram of low letters.
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    smallest = hashes[: grams - _WINDOW + 1]
    for offset in range(1, _WINDOW):
        smallest = np.minimum(smallest, hashes[offset : offset + grams - _WINDOW + 1])
    return np.unique(smallest)
