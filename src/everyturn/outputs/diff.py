"""What was changed between two texts, word by word, for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from everyturn.analysis.words import counted
from everyturn.outputs.figures import items

Fate = Literal["kept", "gone", "new", "skipped"]

_WORD = re.compile(
    r"\s*(?:[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
    r"|[^\s\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+)|\s+$"
)
_FEWEST = 3  # words in a row that count as kept; fewer between two changes are chance, and read as part of the change
_CONTEXT = 12  # kept words shown before and after a change
_MOST = 200_000_000  # words times words: the longest texts that are set side by side (25 MB of bits)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one fate; "skipped" says how many kept words are not shown."""

    fate: Fate
    text: str


def diff(before: str, after: str) -> tuple[Piece, ...] | None:
    """The two texts as one sequence of pieces; None where they are too long to be set side by side.

    The kept and new pieces together are `after` to the last character; the kept and gone ones have the words of `before`.
    Method: longest common subsequence of words (rapidfuzz), runs of fewer than three common words taken as changed.

    >>> [(p.fate, p.text) for p in diff("It arrives on Friday, before noon.", "It arrives on Monday, before noon.")]
    [('kept', 'It arrives on'), ('gone', ' Friday, before noon.'), ('new', ' Monday, before noon.')]
    """
    from rapidfuzz.distance import LCSseq

    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) * len(new) > _MOST:
        return None
    pieces: list[Piece] = []
    gone: list[str] = []
    added: list[str] = []
    for code in LCSseq.opcodes([word.strip() for word in old], [word.strip() for word in new]):
        is_kept = code.tag == "equal" and code.src_end - code.src_start >= _FEWEST
        if is_kept:
            pieces += _change(gone, added)
            gone, added = [], []
            pieces.append(Piece("kept", "".join(new[code.dest_start : code.dest_end])))
        else:
            gone += old[code.src_start : code.src_end]
            added += new[code.dest_start : code.dest_end]
    if [word.strip() for word in gone] == [word.strip() for word in added] and added:
        return (*pieces, Piece("kept", "".join(added)))
    return (*pieces, *_change(gone, added))


def _change(gone: Sequence[str], added: Sequence[str]) -> Iterator[Piece]:
    if gone:
        yield Piece("gone", "".join(gone))
    if added:
        yield Piece("new", "".join(added))


def folded(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces with long kept runs cut to the words next to a change, and how many are left out said in between."""
    shown: list[Piece] = []
    for index, piece in enumerate(pieces):
        words = _WORD.findall(piece.text) if piece.fate == "kept" else []
        first = 0 if index == 0 else _CONTEXT
        last = 0 if index == len(pieces) - 1 else _CONTEXT
        left_out = len(words) - first - last
        if left_out <= _CONTEXT:  # as long as the note itself
            shown.append(piece)
            continue
        shown += [
            Piece("kept", "".join(words[:first])),
            Piece("skipped", f" [{counted(left_out, 'word')} kept]"),
            Piece("kept", "".join(words[len(words) - last :]) if last else ""),
        ]
    return tuple(piece for piece in shown if piece.text)


def action_diff(conversation: Mapping[str, Any], action: Mapping[str, Any]) -> tuple[Piece, ...] | None:
    """What an action made of the output it is about, or of the text it began with; None where it shows no text or none to compare."""
    after = action.get("artefact")
    before = action.get("before") or output_of(conversation, action.get("turn"))
    if not isinstance(after, str) or not isinstance(before, str) or not before or not action.get("compared"):
        return None
    pieces = diff(before, after)
    return None if pieces is None else folded(pieces)


def output_of(conversation: Mapping[str, Any], turn: object) -> str | None:
    """The text of a turn's output: its last agent message that calls no tool."""
    at, found = -1, None
    for message in items(conversation, "messages"):
        if message.get("role") == "user":
            at += 1
        elif at == turn and message.get("role") == "assistant" and not message.get("tool_calls"):
            found = message.get("content")
    return found if isinstance(found, str) else None
