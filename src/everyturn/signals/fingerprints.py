"""Fingerprints by which a text is recognised in other texts: winnowed hashes of its letters and digits.

Schleimer, Wilkerson and Aiken, "Winnowing" (2003), with k = 8 and w = 4: of every four neighbouring runs of eight letters the smallest
hash is kept. Any passage of 11 letters that two texts share is then recognised, whatever its place, layout, punctuation and case. The
hash depends only on the letters, so it is the same on every machine and in every process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

GRAM = 8
WINDOW = 4
_TAIL = GRAM + WINDOW - 2  # letters at the end of a text at which no complete window begins

_PIECE = 1 << 17  # letters processed at once; pieces that fit into the processor's cache are five times as fast

_LOWER = bytes(ord(chr(b).lower()) if b < 128 else b for b in range(256))
_ASIDE = bytes(b for b in range(128) if not chr(b).isalnum())
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Prints:
    """The fingerprints of several texts: those of text i are `hashes[starts[i]:starts[i + 1]]`, with possible repetitions."""

    hashes: Hashes
    starts: npt.NDArray[np.int64]


def letters(text: str) -> bytes:
    """The letters and digits of a text in lower case, one byte each; those outside ASCII are mapped to the bytes above 127.

    >>> letters("Total: 12 items!")
    b'total12items'
    """
    if text.isascii():
        return text.encode().translate(_LOWER, _ASIDE)
    kept = _NOT_LETTERS.sub("", text.casefold())
    points = np.frombuffer(kept.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    folded = (points * np.uint32(0x9E3779B1)) >> np.uint32(25) | np.uint32(0x80)
    return np.where(points < 0x80, points, folded).astype(np.uint8).tobytes()


def mixed(values: Hashes) -> Hashes:
    """The values mapped one to one so that they spread evenly over 64 bits (Stafford's variant 13, as in splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def grams(own: bytes) -> Hashes:
    """The hash of the eight letters that begin at each letter; the last seven letters begin none."""
    count = max(0, len(own) - GRAM + 1)
    # Eight letters are one 64-bit number: overlapping views of the same bytes.
    numbers: Hashes = np.ndarray((count,), dtype="<u8", buffer=own, strides=(1,)).astype(np.uint64)
    return mixed(numbers)  # otherwise the smallest hash would always be that of letters early in the alphabet


def _smallest(joined: bytes) -> Hashes:
    """The smallest hash of each complete window of `WINDOW` neighbouring runs of letters."""
    return smallest_of(grams(joined))


def smallest_of(hashes: Hashes) -> Hashes:
    """The smallest of each hash and the three after it; the last three hashes have none."""
    if len(hashes) < WINDOW:
        return np.empty(0, dtype=np.uint64)
    pairs = np.minimum(hashes[:-1], hashes[1:])
    return np.minimum(pairs[:-2], pairs[2:])


def all_fingerprints(texts: Sequence[str]) -> Prints:
    """The fingerprints of many texts at once.

    A text with fewer than 11 letters and digits has one fingerprint, of the whole text, so it is only recognised as a whole.

    >>> found = all_fingerprints(["the order is late", "Late?", ""])
    >>> found.starts.tolist()
    [0, 3, 4, 4]
    """
    pieces: list[Prints] = []
    parts: list[bytes] = []
    size = 0
    for text in texts:
        parts.append(letters(text))
        size += len(parts[-1])
        if size >= _PIECE:
            pieces.append(_prints(parts))
            parts, size = [], 0
    pieces.append(_prints(parts))
    offsets = np.cumsum([0, *(len(piece.hashes) for piece in pieces)])
    starts = [piece.starts[:-1] + offset for piece, offset in zip(pieces, offsets, strict=False)]
    return Prints(np.concatenate([piece.hashes for piece in pieces]), np.concatenate([*starts, offsets[-1:]]))


def _prints(parts: Sequence[bytes]) -> Prints:
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    short = lengths < GRAM + WINDOW - 1
    ends = np.cumsum(lengths)
    joined = b"".join(parts)
    if len(joined) >= GRAM + WINDOW - 1:
        smallest = _smallest(joined)
        keep = np.ones(len(smallest), dtype=bool)
        keep[1:] = smallest[1:] != smallest[:-1]
        begins = ends - lengths
        keep[begins[(begins < len(keep)) & ~short]] = True  # a neighbour's equal print is no reason to drop one's own
        last = (ends[:, None] - 1 - np.arange(_TAIL)).ravel()  # windows that reach into the next text
        last = last[(last >= 0) & (last < len(keep))]
        keep[last] = False
        at = np.flatnonzero(keep)
        owner = np.searchsorted(ends, at, side="right")
        hashes = smallest[at]
    else:
        owner = np.empty(0, dtype=np.int64)
        hashes = np.empty(0, dtype=np.uint64)
    whole = np.flatnonzero(short & (lengths > 0))
    if len(whole):
        numbers = [int.from_bytes(parts[i].ljust(16, b"\0"), "little") for i in whole.tolist()]
        low = np.array([n & 0xFFFFFFFFFFFFFFFF for n in numbers], dtype=np.uint64)
        high = np.array([n >> 64 for n in numbers], dtype=np.uint64)
        owner = np.concatenate([owner, whole])
        hashes = np.concatenate([hashes, mixed(low ^ mixed(high + np.uint64(1)))])
        order = np.argsort(owner, kind="stable")
        owner, hashes = owner[order], hashes[order]
    starts = np.searchsorted(owner, np.arange(len(parts) + 1))
    return Prints(hashes, starts.astype(np.int64))
