"""What people make of a draft before they use it."""

from __future__ import annotations

import re

from everyturn.demo.phrases import Slots, phrases
from everyturn.demo.steer import Fate

_PIECES = re.compile(r"(?<=[.!?])(\s+)|(\n\n)")
# Small changes people make to sound like themselves.
_SWAPS = (
    ("We're ", "We are "), ("we're ", "we are "), ("we'll ", "we will "), ("We'll ", "We will "), ("it's ", "it is "),
    ("you'll ", "you will "), ("You'll ", "You will "), ("We've ", "We have "), ("we've ", "we have "),
    ("There's ", "There is "), ("there's ", "there is "), ("that's ", "that is "), ("doesn't ", "does not "),
    (" because ", " since "), (" which ", " that "), ("Please ", "Kindly "), (" really ", " very "), (" and ", " & "),
    ("Thank you", "Thanks"), (" made ", " crafted "), (" small ", " little "), (" every ", " each "), (" takes ", " needs "),
    (" enough ", " plenty "), (" again", " once more"), (" is ", " remains "), (" vielen ", " herzlichen "), (" und ", " sowie "), (" muchas ", " mil "), (" y ", " e "),
    (" beaucoup ", " vivement "), (" et ", " ainsi que "),
)  # fmt: skip


def used(draft: str, fate: Fate, intent: str, slots: Slots, *, deep: bool) -> str:
    """The text as it was sent or published: unchanged, edited lightly, cut, or rewritten.

    An edited text keeps more than half of the draft, a rewritten one less than a third; a `deep` edit drops
    whole sentences.
    """
    if fate == "as_is":
        return draft
    if fate == "rewritten":
        return _rewritten(draft, intent, slots)
    return _cut(draft, intent, slots) if deep else _touched(draft, intent, slots)


def _touched(draft: str, intent: str, slots: Slots) -> str:
    """A word or two changed, sometimes a sentence added; at least four fifths stay."""
    text = draft
    wanted = 1 + int(slots.draw() * 3)
    start = int(slots.draw() * len(_SWAPS))
    for offset in range(len(_SWAPS)):
        old, new = _SWAPS[(start + offset) % len(_SWAPS)]
        if old in text:
            text = text.replace(old, new, 1)
            wanted -= 1
            if not wanted:
                break
    if text == draft:  # no place to change was found: drop the last word
        text = text.rsplit(" ", 1)[0]
    if slots.draw() < 0.4:
        text = f"{text}\n\n{phrases().tell(f'{intent}.edit_add', slots)}"
    return text


def _cut(draft: str, intent: str, slots: Slots) -> str:
    """Whole sentences gone or replaced; between 52 and 76 of 100 characters stay."""
    pieces = [piece for piece in _PIECES.split(draft) if piece]
    whole = len(draft)
    kept = whole
    order = [index for index, piece in enumerate(pieces) if not piece.isspace()]
    start = int(slots.draw() * len(order))
    for index in order[start:] + order[:start]:
        if kept <= 0.76 * whole:
            break
        if kept - len(pieces[index]) >= 0.52 * whole:
            kept -= len(pieces[index])
            pieces[index] = phrases().tell(f"{intent}.edit_add", slots) if slots.draw() < 0.35 else ""
    if kept > 0.76 * whole:  # every sentence was too long to drop: cut the longest in half
        longest = max(order, key=lambda index: len(pieces[index]))
        words = pieces[longest].split(" ")
        pieces[longest] = " ".join(words[: max(3, len(words) // 2)]) + "."
    return re.sub(r" {2,}", " ", re.sub(r"\s{3,}", "\n\n", "".join(pieces))).strip()


def _rewritten(draft: str, intent: str, slots: Slots) -> str:
    """A text of their own, with at most one short sentence of the draft left in it."""
    tell = phrases().tell
    text = tell(f"{intent}.rewrite", slots)
    if slots.draw() < 0.5:
        text = f"{text} {tell(f'{intent}.rewrite2', slots)}"
    if slots.draw() < 0.35:
        pieces = [piece for piece in _PIECES.split(draft) if piece and not piece.isspace()]
        short = [piece for piece in pieces if len(piece) < 0.27 * len(draft)]
        if short:
            text = f"{text}\n\n{short[int(slots.draw() * len(short))]}"
    return text
