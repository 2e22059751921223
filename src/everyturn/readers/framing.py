"""Splits the text of a file into decoded records, one by one, with bounded memory.

A text contains JSON Lines, a JSON list of records, JSON values one after the other (pretty printed or not), or CSV/TSV; its first lines tell
which. A record longer than 64 MiB is rejected without being held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from everyturn.readers import BadRecord
from everyturn.readers.json_values import decode_json, json_frame, json_values
from everyturn.readers.rows import csv_rows, header_delimiter
from everyturn.readers.source import Damaged, Frame, Source, damaged, is_text, lines, too_long


def text_records(source: Source) -> Iterator[Frame] | None:
    """The records of a text, or None if the text cannot contain records."""
    head = source.head.lstrip()
    if head[:1] in {b"{", b"["}:
        return _json_lines(source) if _is_lines(source) else json_values(source)
    if not is_text(source.head) and source.head.count(0) > len(source.head) // 100:
        return None
    if any(_starts_object(line) and _decodes(line) for line in _whole_lines(source)[1:]):
        return _json_lines(source)  # the first line is the second half of one
    delimiter = header_delimiter(_whole_lines(source))
    return csv_rows(source, delimiter) if delimiter else None


def _whole_lines(source: Source) -> list[bytes]:
    lines = source.head.split(b"\n")
    if not source.is_whole:
        lines.pop()
    return [line for line in lines if line.strip()]


def _starts_object(line: bytes) -> bool:
    return line[:1] == b"{"


def _decodes(data: bytes) -> bool:
    try:
        decode_json(data)
    except BadRecord:
        return False
    return True


def _is_lines(source: Source) -> bool:
    """Whether a text that begins like JSON is JSON Lines, rather than values that extend over several lines.

    It is if a line is a complete value: the first line, or an object that is not part of a list because of a bracket or comma before it. A
    first line whose end is not in sight counts as one, unless it is a list, whose items are read one by one.
    """
    lines = _whole_lines(source)
    if len(lines) < 2:
        return source.head.lstrip()[:1] == b"{" and (not source.is_whole or _decodes(source.head))
    apart = (line for before, line in pairwise(lines) if before.rstrip()[-1:] not in {b",", b"["})
    return _decodes(lines[0]) or any(_starts_object(line) and _decodes(line) for line in apart)


def _json_lines(source: Source) -> Iterator[Frame]:
    number = 0
    try:
        for number, line in lines(source):
            if isinstance(line, int):
                yield too_long(f":{number}", line)
            elif line and not line.isspace():
                frame = json_frame(f":{number}", line)
                if type(frame.value) is list:
                    for i, item in enumerate(frame.value, 1):
                        yield Frame(f":{number} item {i}", item, None, len(line) // len(frame.value))
                else:
                    yield frame
    except Damaged as error:
        yield damaged(f":{number + 1}", error)
