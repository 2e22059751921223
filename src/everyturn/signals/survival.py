"""How much of an output survives in the text it ended up in, as a share and as a grade.

Prose is measured by 4-word coverage: the share of its characters that are in a run of four words also found in the artefact. Code is
measured by winnowing: the share of its fingerprints (`signals.fingerprints`) found there, or the longest passage found there if that is
more. Both take time linear in the two texts and measure what was *lost*: words added around or inside the output do not count against it.
Levenshtein, longest common subsequence and best-window ratios were tried and rejected, because they find half of an output in unrelated
texts.

Two corrections are made. What the user had pasted in and got back is not the agent's work and is left out. And even an unrelated text
contains a little of any output, especially if an agent uses set phrases; that share, measured in the same workspace, is the noise floor
(`above`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from everyturn.signals.fingerprints import GRAM, Hashes, grams, letters, smallest_of

Grade = Literal["as-is", "light", "heavy", "rewritten"]

# The shares kept from which an edit is light or heavy. The second best separates "edited" from "mostly gone" in texts whose every
# keystroke was recorded.
LIGHT = 0.8
HEAVY = 0.47
_TOUCHED = 0.99  # the share for code whose fingerprints are all found, but which is not there token for token

_RUN = 4  # words in a row: the shortest piece of an output that is looked for in another text
_FEWEST_CHARACTERS = 20  # in shorter outputs, shared runs of words may be chance: only a verbatim copy counts
_FEWEST_WORDS = 5
_FEWEST_PRINTS = 3  # about as much text as five words
_SURELY_LONG = 2_000  # characters; longer code surely has five tokens

# Scripts written without spaces: each character stands for a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_UNSPACED_SIGN = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "*": None, "`": None})
_MARKUP = "_#>~|"  # with the two above: Markdown signs, gone once the text is pasted where it is rendered
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
# How a line of code begins, or looks as a whole. Matched at the line's start alone: a search would try them at each place.
_CODE_LINE = re.compile(
    r"""
      \s*(?:
      [)\]}]
    | (?:def|class|async|elif|except|with|while|for|if|try|else|switch|case)\b.*[:{]$
    | (?:def|class|module)\s+[\w.]+[(\s<:]?[^.]*$ | (?:end|do|fi|done|pass|break|continue)$ | .*\bdo\s*\|\w+\|$
    | (?:import|from)\s+[\w.]+(?:\s+(?:import|as)\b.*)?$
    | (?:const|let|var|func|fn|function|public|private|protected|static|struct|enum|package|using|return)\b.*[({=;]
    | (?:return|yield|raise|throw|print|echo)\b\s*[\w("'\[{-]
    | (?:sudo|pip|npm|npx|yarn|git|cd|export|apt-get|docker|curl|sed|grep|awk|kubectl)\s+\S
    | (?:\#include|\#define|\#!|//|/\*|\*/|--\s|@\w+(?:\.\w+)*(?:\(|$)|\"{3}|\'{3})
    | </?[A-Za-z][\w-]*(?:\s[^>]*)?/?>
    | (?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|FROM|WHERE|JOIN|GROUP\ BY|ORDER\ BY)\b
    | [\w.\[\]"'$]+\s*(?:[-+*/|&:]?=)\s*\S
    | [\w.]+\(.*\)$ | ["'][\w-]+["']\s*:
    | (?:-\s)?[a-z][\w.-]*:(?:\s*[|>])?$
    )
    | \s+(?:-\s)?[a-z][\w.-]*:\s+\S    # YAML
    """,
    re.VERBOSE,
)
_CODE_SIGNS = ("::", "==", "!=", "&&", "||")
_ARROW = re.compile(r"=>\s*[{(]|\)\s*[=-]>")
_CODE_LINES = 0.4  # share of a text's lines; docstrings and comments are much of many files


def is_code(text: str) -> bool:
    r"""Whether the text is mostly code: two in five of its lines that are not blank read like code.

    >>> is_code("def area(r):\n    return 3.14 * r * r"), is_code("Your parcel arrives on Friday.")
    (True, False)
    """
    lines = [line for line in text.splitlines() if line.strip()]
    needed = _CODE_LINES * len(lines)
    found = 0
    for read, line in enumerate(lines, 1):
        found += _is_code_line(_ends(line.rstrip()))
        if found >= needed:
            return True
        if found + len(lines) - read < needed:
            return False
    return False


def _is_code_line(line: str) -> bool:
    return (
        line[-1] in "{};"
        or (line[-1] == "\\" and line[:-1].rstrip().endswith(","))
        or any(sign in line for sign in _CODE_SIGNS)
        or (">" in line and _ARROW.search(line) is not None)
        or _CODE_LINE.match(line) is not None
    )


def _ends(line: str) -> str:
    """The two ends of a long line, which suffice to tell code from prose; a minified file can be one line of a megabyte."""
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


def above(share: float, floor: float) -> float:
    """The share, rescaled so that the noise floor and less become 0 and 1 stays 1.

    >>> above(1.0, 0.2), above(0.1, 0.2), above(0.75, 0.5)
    (1.0, 0.0, 0.5)
    """
    return max(0.0, (share - floor) / (1.0 - floor)) if floor < 1.0 else float(share >= 1.0)


class Artefact:
    """A text in which outputs may have ended up; its indexes are computed once for all outputs."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def is_code(self) -> bool:
        """Whether the artefact is mostly code."""
        return is_code(self.text)

    @cached_property
    def words(self) -> list[str]:
        """Its words, without Markdown signs."""
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
    def _letters(self) -> Hashes:
        return grams(letters(self.text))

    @cached_property
    def grams(self) -> Hashes:
        """The hashes of all its runs of eight letters, sorted."""
        return np.sort(self._letters)

    @cached_property
    def fingerprints(self) -> Hashes:
        """Its winnowed fingerprints, sorted."""
        return np.unique(smallest_of(self._letters))


def survival(output: str, artefact: str | Artefact, *, pasted: Artefact | None = None) -> float | None:
    """The share of the output that is found in the artefact, 0 to 1; None if nothing in the output was new to the user.

    If the artefact is code, only the fenced blocks of the output count, otherwise the whole output. Outputs of fewer than 20 characters
    or 5 words only count if they are there word for word. An output without words is kept in any text. `pasted` is what the user had
    written before; the parts of the output that are also in it are left out.

    >>> round(survival("Your parcel left Lyon today and arrives on Friday.", "A parcel left Lyon today and is late."), 2)
    0.52
    """
    target = artefact if isinstance(artefact, Artefact) else Artefact(artefact)
    output, code = _as_measured(output, target)
    words = None if code else _words(output)
    if _is_short(output, words):
        return 1.0 if _verbatim(_words(output), target.words) else 0.0
    if words is not None:
        return _coverage(words, target.word_runs, pasted.word_runs if pasted else None)
    own = grams(letters(output))
    prints = np.unique(smallest_of(own))
    if not len(prints):  # almost all punctuation
        return _coverage(_TOKEN.findall(output), target.token_runs, pasted.token_runs if pasted else None)
    new = prints if pasted is None else prints[~_among(prints, pasted.fingerprints)]
    if len(new) < min(_FEWEST_PRINTS, len(prints)):
        return None
    share = float(_among(new, target.fingerprints).mean())
    if share < 1.0 and len(new) == len(prints):
        share = max(share, _longest_run(own, target.grams))
    # Fingerprints fold case and punctuation away, so one changed operator would still read as-is.
    return share if share <= _TOUCHED or _verbatim(_TOKEN.findall(output), target.tokens) else _TOUCHED


def _longest_run(own: Hashes, theirs: Hashes) -> float:
    """The longest passage all of whose runs of eight letters are in the artefact, as a share of the output.

    Such a passage survived as a whole. Its fingerprints lose a window at each end, which matters if one block of an output is kept.
    """
    ends = np.flatnonzero(np.diff(_among(own, theirs), prepend=False, append=False))
    longest = int((ends[1::2] - ends[::2]).max()) if len(ends) else 0
    return (longest + GRAM - 1) / (len(own) + GRAM - 1) if longest else 0.0


def _among(values: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the values are among the sorted known ones."""
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found


def reads_as_code(output: str, artefact: str | Artefact) -> bool:
    """Whether the survival of this output in this artefact is measured as that of code."""
    return _as_measured(output, artefact if isinstance(artefact, Artefact) else Artefact(artefact))[1]


def is_measurable(output: str) -> bool:
    """Whether the output is long enough for a share: 20 characters and 5 words."""
    return not _is_short(output, _words(output))


def _as_measured(output: str, target: Artefact) -> tuple[str, bool]:
    """The part of the output that counts in this artefact, and whether it counts as code."""
    if "```" in output or "~~~" in output:
        fenced = "\n".join(match.group(2) for match in _FENCE.finditer(output))
        if fenced.strip() and target.is_code:
            return fenced, True
    return output, target.is_code or is_code(output)


def _is_short(output: str, words: Sequence[str] | None) -> bool:
    """Whether chance alone could keep it; `words` None means code, whose tokens are counted."""
    if len(output.strip()) < _FEWEST_CHARACTERS:
        return True
    if words is not None:
        return len(words) < _FEWEST_WORDS
    return len(output) < _SURELY_LONG and len(_TOKEN.findall(output)) < _FEWEST_WORDS


def _words(text: str) -> list[str]:
    text = text.translate(_STRAIGHT)
    spaced = text.isascii() or _UNSPACED_SIGN.search(text) is None
    stripped = (word.strip(_MARKUP) for word in (text.split() if spaced else _WORD.findall(text)))
    return [word for word in stripped if word.isalnum() or word[:-1].isalnum() or any(map(str.isalnum, word))]


def _runs(words: Sequence[str]) -> zip[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


def _coverage(
    words: Sequence[str], runs: frozenset[tuple[str, ...]], pasted: frozenset[tuple[str, ...]] | None = None
) -> float | None:
    """The share of characters in a run that was found, of those in no pasted run; None if fewer than five words are not pasted."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    counted = lengths.sum()
    if not counted:
        return 1.0
    found = _covered(words, runs)
    if pasted is None:
        return float(lengths[found].sum() / counted)
    new = ~_covered(words, pasted)
    if np.count_nonzero(new) < _FEWEST_WORDS:
        return None
    return float(lengths[found & new].sum() / lengths[new].sum())


def _covered(words: Sequence[str], runs: frozenset[tuple[str, ...]]) -> npt.NDArray[np.bool_]:
    """Which of the words are in a run that was found."""
    hits = np.array([run in runs for run in _runs(words)], dtype=bool)
    covered = np.zeros(len(words), dtype=bool)
    for offset in range(_RUN):
        covered[offset : offset + len(hits)] |= hits
    return covered


def _verbatim(words: Sequence[str], within: Sequence[str]) -> bool:
    return f"\0{chr(0).join(words)}\0" in f"\0{chr(0).join(within)}\0" if words else True
