"""Runs a reader on one record or one binary file; what it should not raise becomes a `BadRecord`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from everyturn.model import Json, MessageRecords, Rejected
from everyturn.readers import BadRecord, Context, Reader, Skipped, SkipRecord
from everyturn.readers.columns import Row
from everyturn.readers.source import RECORD_LIMIT, Damaged, Frame, Source, damaged, too_long
from everyturn.readers.tables import row_of


class Reading:
    """What one record came to: its rows with their tables, its bad parts, and why there is nothing where there is not."""

    __slots__ = ("rejected", "rows", "skipped")

    def __init__(self, skipped: str = "nothing to read in it") -> None:
        self.rows: list[tuple[str, Row]] = []
        self.rejected: list[Rejected] = []
        self.skipped = skipped


def read_record(reader: Reader, value: Json, context: Context, latest: datetime) -> Reading:
    """What a reader gives for one record; what it should not raise becomes a `BadRecord`."""
    reading = Reading()
    where = context.where
    try:
        for record in reader.read(value, context):
            if isinstance(record, Rejected):
                reading.rejected.append(record)
            elif isinstance(record, Skipped):
                reading.skipped = record.reason
            else:
                try:
                    reading.rows.append(row_of(record, where, latest))
                except BadRecord as bad:
                    if isinstance(record, MessageRecords):
                        raise  # a conversation with a hole in it would be wrong
                    reading.rejected.append(Rejected(where, bad.expected, bad.found))
    except (BadRecord, SkipRecord):
        raise
    except Exception as error:  # our mistake, and no reason to lose the other records
        if isinstance(error, RecursionError) or "Recursion limit" in str(error):  # the second is orjson's TypeError
            raise BadRecord(expected="values nested up to 250 levels deep", found="deeper nesting") from None
        raise BadRecord(expected=f"a {reader.name} record", found=f"reader failed ({type(error).__name__})") from error
    return reading


def read_binary(reader: Reader, source: Source) -> Iterator[Frame]:
    """The records of a binary file, which is held whole."""
    assert reader.decode is not None
    parts: list[bytes] = []
    length = 0
    try:
        while data := source.read():
            length += len(data)
            parts.append(data)
            if length > RECORD_LIMIT:
                parts.clear()
    except Damaged as error:
        yield damaged("", error)
        return
    if length > RECORD_LIMIT:
        yield too_long("", length)
        return
    try:
        values = list(reader.decode(b"".join(parts)))
    except BadRecord as bad:
        yield Frame("", None, bad, length)
    except Exception as error:  # noqa: BLE001 - our mistake, and no reason to lose the other files
        found = f"reader failed ({type(error).__name__})"
        yield Frame("", None, BadRecord(expected=f"a {reader.name} file", found=found), length)
    else:
        for i, value in enumerate(values, 1):
            yield Frame(f" item {i}" if len(values) > 1 else "", value, None, length // len(values))
