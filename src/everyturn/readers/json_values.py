"""Decodes JSON: a single text, or values one after the other in a text that is read in chunks and never held in memory whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from everyturn.model import Json
from everyturn.readers import BadRecord
from everyturn.readers.source import RECORD_LIMIT, Damaged, Frame, Source, damaged, too_long

_SHALLOW = "JSON nested less than a thousand levels deep"
_DEEPEST = 1_000  # no decoder here goes deeper, so such nesting is no record, wherever it may end


def decode_json(data: bytes) -> Json:
    """The value of one JSON text. NaN and Infinity become missing values, lone surrogates U+FFFD.

    >>> decode_json(b'{"score": NaN}')
    {'score': None}
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        problem, position = str(error), error.pos
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(expected="UTF-8 text", found=f"a byte that is not, at column {error.start + 1:,}") from None
    if "NaN" in text or "Infinity" in text or "\\u" in text:
        try:
            return storable(json.loads(text, parse_constant=lambda _: None))
        except (ValueError, RecursionError):
            pass
    if "depth" in problem or "recursion" in problem:
        raise BadRecord(expected=_SHALLOW, found="deeper nesting")
    if position >= len(text.rstrip()):
        raise BadRecord(expected="one whole JSON value", found=f"an end inside it, after {len(data):,} bytes")
    raise BadRecord(expected="one JSON value", found=f"none from column {position + 1:,} of {len(text):,}")


def storable(value: Json) -> Json:
    """The value in the form that orjson can encode: without lone surrogates and integers beyond 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [storable(v) for v in value]
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


def json_frame(place: str, data: bytes) -> Frame:
    """The record of one JSON text."""
    try:
        return Frame(place, decode_json(data), None, len(data))
    except BadRecord as bad:
        return Frame(place, None, bad, len(data))


class _Brackets:
    """Finds, chunk by chunk, the bytes that shape a JSON text's two outer levels, without decoding it.

    Method: a byte is inside a string when the number of unescaped quotes before it is odd; outside strings, brackets add up
    to a depth. Both are running sums, taken over whole chunks at once.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.bottomless: int | None = None  # the offset in the last chunk at which it went deeper than any record
        self._in_string = 0
        self._escaped = False  # the next chunk's first byte follows an odd run of backslashes

    def feed(self, chunk: bytes) -> Iterator[tuple[int, int, int]]:
        """(offset, byte, depth after it) of the brackets that open or close level 1 and the commas at level 1.

        Ends where the nesting is deeper than any record's; `bottomless` then says where.
        """
        data = np.frombuffer(chunk, np.uint8)
        quotes = np.flatnonzero(data == 0x22)
        quotes = quotes[~self._after_backslash(data, quotes)]
        flips = np.zeros(len(data), np.uint8)
        flips[quotes] = 1
        inside = (np.cumsum(flips, dtype=np.uint8) + self._in_string) & 1
        self._in_string = int(inside[-1])
        opens = (data == 0x7B) | (data == 0x5B)
        closes = (data == 0x7D) | (data == 0x5D)
        at = np.flatnonzero((opens | closes | (data == 0x2C)) & (inside == 0))
        depth = self.depth + np.cumsum(opens[at].astype(np.int64) - closes[at])
        if len(at):
            self.depth = int(depth[-1])
        too_deep = np.flatnonzero(depth > _DEEPEST)
        if len(too_deep):
            self.bottomless = int(at[too_deep[0]])
            at, depth = at[: too_deep[0]], depth[: too_deep[0]]
        outer = (depth <= 0) | ((depth == 1) & ~closes[at])
        return zip(at[outer].tolist(), data[at[outer]].tolist(), depth[outer].tolist(), strict=True)

    def _after_backslash(self, data: np.ndarray[Any, Any], at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Which of the offsets stand behind an odd run of backslashes."""
        slashes = np.flatnonzero(data == 0x5C)
        carried, self._escaped = self._escaped, False
        escaped = np.zeros(len(data) + 1, bool)
        escaped[0] = carried
        if carried and len(slashes) and slashes[0] == 0:
            slashes = slashes[1:]  # itself escaped, so it escapes nothing
        if len(slashes):
            breaks = np.flatnonzero(np.diff(slashes) != 1)
            starts = slashes[np.concatenate(([0], breaks + 1))]
            ends = slashes[np.concatenate((breaks, [len(slashes) - 1]))]
            escaped[ends[(ends - starts) % 2 == 0] + 1] = True
            self._escaped = bool(escaped[-1])
        behind: np.ndarray[Any, Any] = escaped[:-1][at]
        return behind


def json_values(source: Source) -> Iterator[Frame]:
    """The items of the lists and the other values that stand one after the other at the top level.

    Nesting deeper than any record's is refused up to the end of its line, and what follows is read afresh.
    """
    values = _Values()
    try:
        while chunk := source.read():
            while chunk:
                yield from values.read(chunk)
                chunk = values.left
    except Damaged as error:
        yield damaged(f":{values.line}", error)
        return
    yield from values.end()


class _Piece:
    """The bytes of a record that may stand in several chunks; over the limit only their number is kept."""

    def __init__(self, line: int) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.line = line
        self.is_blank = True

    def add(self, data: bytes) -> None:
        if self.is_blank:
            text = data.lstrip()
            self.line += data.count(b"\n", 0, len(data) - len(text))
            data = text
            self.is_blank = not text
        self.length += len(data)
        if self.length <= RECORD_LIMIT:
            self.parts.append(data)
        else:
            self.parts.clear()

    def frame(self, item: int) -> Frame:
        place = _place(self.line, item)
        return too_long(place, self.length) if self.length > RECORD_LIMIT else json_frame(place, b"".join(self.parts))


def _place(line: int, item: int) -> str:
    return f":{line} item {item}" if item else f":{line}"


class _Values:
    """The JSON values of a text that comes in chunks. `left` is the part of a chunk still to be read afresh."""

    def __init__(self) -> None:
        self.line = 1
        self.left = b""
        self._skips = False  # the rest of this line belongs to what was refused
        self._begin()

    def _begin(self) -> None:
        self._brackets, self._piece = _Brackets(), _Piece(self.line)
        self._item = 0  # counts within the list that is open, 0 outside lists
        self._lost = False  # more brackets closed than opened: nothing after that can be told apart

    def read(self, chunk: bytes) -> Iterator[Frame]:
        self.left = b""
        if self._skips:
            self._skip_line(chunk)
            return
        start = 0
        for at, byte, depth in () if self._lost else self._brackets.feed(chunk):
            if depth < 0:
                self._lost = True
                break
            opens_list, is_comma = byte == ord("[") and depth == 1, byte == ord(",")
            if not (opens_list or depth == 0 or (is_comma and self._item)):
                continue
            is_last_byte = depth == 0 and not self._item and not is_comma  # of a value outside lists
            self._piece.add(chunk[start : at + is_last_byte])
            self.line += chunk.count(b"\n", start, at + 1)
            start = at + 1
            yield from self._ended(is_comma=is_comma)
            self._item = 1 if opens_list else 0 if depth == 0 else self._item
        bottom = self._brackets.bottomless
        if bottom is None:
            self._piece.add(chunk[start:])
            self.line += chunk.count(b"\n", start)
            return
        self.line += chunk.count(b"\n", start, bottom)
        deep = BadRecord(expected=_SHALLOW, found="deeper nesting")
        yield Frame(_place(self.line, self._item), None, deep, bottom - start)
        self._skips, self.left = True, chunk[bottom:]

    def _ended(self, *, is_comma: bool) -> Iterator[Frame]:
        """The value that ended, or what is missing between two commas."""
        if not self._piece.is_blank:
            yield self._piece.frame(self._item)
            self._item += 1 if self._item else 0
        elif is_comma and self._item:
            yield Frame(_place(self.line, self._item), None, BadRecord(expected="an item", found="nothing"), 0)
            self._item += 1
        self._piece = _Piece(self.line)

    def _skip_line(self, chunk: bytes) -> None:
        end = chunk.find(b"\n") + 1
        if end:
            self.line += 1
            self._skips = False
            self._begin()
            self.left = chunk[end:]

    def end(self) -> Iterator[Frame]:
        """What stood in the text after the last whole value."""
        piece = self._piece
        if self._skips:
            return
        if not piece.is_blank:
            yield piece.frame(self._item)
        if self._item and (piece.is_blank or json_frame("", b"".join(piece.parts)).bad is None):
            missing = BadRecord(expected="] at the end of the list", found="the end of the file")
            yield Frame(f":{self.line}", None, missing, 0)
