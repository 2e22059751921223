"""Reads the rows of tables as records: CSV and TSV with a header line (RFC 4180), and Parquet. Empty cells are left out."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from everyturn.model import Json
from everyturn.readers import BadRecord
from everyturn.readers.fields import CONVERSATION_ID_NAMES, TIME_NAMES, USER_ID_NAMES
from everyturn.readers.source import RECORD_LIMIT, Damaged, Frame, Source, damaged, lines, too_long

_NAME_LENGTH = 64  # characters; a longer cell of the first line is no name of a column
_USUAL = frozenset({*CONVERSATION_ID_NAMES, *USER_ID_NAMES, *TIME_NAMES, "case_id", "id"})
_PARQUET_ROWS, _PARQUET_BYTES = 512, 8 * 2**20  # read at once at most; bound memory


def header_delimiter(lines: list[bytes]) -> str | None:
    """The delimiter of the header, the first of the lines; None where it is none: names are short, different and not empty.

    A lone line is a table without rows only where it names an id or a time; else any sentence with a comma would be.
    """
    try:
        line = lines[0].decode().strip("\r\n") if lines else ""
    except UnicodeDecodeError:
        return None
    best, most = None, 0
    for delimiter in (",", "\t", ";", "|"):
        try:
            names = [n.strip() for n in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
        except csv.Error:
            continue
        fits = all(0 < len(n) <= _NAME_LENGTH and n[0].isalpha() for n in names) and len(set(names)) == len(names)
        fits = fits and (len(lines) > 1 or not _USUAL.isdisjoint(names))
        if fits and len(names) > most and (len(names) > 1 or names[0].isidentifier()):
            best, most = delimiter, len(names)
    return best


class _CsvLines:
    """The lines a CSV parser consumes, remembered from the start of a row so that they can be given back."""

    def __init__(self, source: Source) -> None:
        self._lines: Iterator[tuple[int, bytes | int]] = lines(source)
        self._number = 0
        self._again: deque[tuple[int, bytes | int]] = deque()
        self.begin_row()

    def begin_row(self) -> None:
        self.taken: list[tuple[int, bytes | int]] = []
        self.size = 0
        self.too_long = 0
        self.bad_column = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        if self.too_long:
            raise StopIteration
        number, line = self._again.popleft() if self._again else next(self._lines)
        self._number = max(self._number, number)
        self.taken.append((number, line))
        self.size += line if isinstance(line, int) else len(line) + 1
        if isinstance(line, int) or self.size > RECORD_LIMIT:
            self.too_long = self.size
            raise StopIteration
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError as error:
            self.bad_column = self.bad_column or error.start + 1
            return line.decode(errors="replace") + "\n"

    @property
    def next_number(self) -> int:
        """The number of the line that could not be read, where the next one could not."""
        return self._number + 1

    def give_back(self) -> None:
        """Read the row's lines again, but for the first: a stray quote must not swallow the good rows behind it."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        self.too_long = self.size = 0

    def problem(self, row: list[str], header: list[str]) -> BadRecord | None:
        """What is wrong with a row that could be told apart from the next."""
        if self.bad_column:
            return BadRecord(expected="UTF-8 text", found=f"a byte that is not, at column {self.bad_column:,}")
        if len(row) != len(header):
            return BadRecord(expected=f"{len(header)} cells, as the header has", found=f"{len(row)} cells")
        return None

    def frame(self, bad: BadRecord | None, header: Iterable[str] = (), row: Iterable[str] = ()) -> Frame:
        """The row's frame."""
        place = f":{self.taken[0][0]}"
        if self.too_long:
            return too_long(place, self.too_long)
        value = None if bad else {name: cell for name, cell in zip(header, row, strict=True) if cell}
        return Frame(place, value, bad, self.size)


def csv_rows(source: Source, delimiter: str) -> Iterator[Frame]:
    """The rows under the header as dicts of texts, empty cells left out. A row may spread over lines; its place is its first."""
    csv.field_size_limit(RECORD_LIMIT)  # the interpreter's own limit of 128 KiB is below a long message
    taken = _CsvLines(source)
    reader = csv.reader(taken, delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(reader)]
    while True:
        taken.begin_row()
        try:
            row = next(reader)
        except StopIteration:
            if not taken.taken:
                return
            row = []  # a line over the limit
        except csv.Error:
            # The lines behind are read again, but for the first: a stray quote must not swallow good rows. Each is read
            # twice at most, since what ends one such stretch is the quote that could begin the next.
            taken.give_back()
            yield taken.frame(BadRecord(expected="a CSV row with its quotes in pairs (RFC 4180)", found="one without"))
            continue
        except Damaged as error:
            yield damaged(f":{taken.next_number}", error)
            return
        if row or taken.too_long:
            yield taken.frame(taken.problem(row, header), header, row)


# --- Parquet -----------------------------------------------------------------------------------------------------


def parquet_rows(path: Path) -> Iterator[Frame]:
    """The rows of a Parquet file as dicts without their empty cells; a file damaged half-way ends in one bad frame."""
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            per_row = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)) // max(
                1, file.metadata.num_rows
            )
            rows_at_once = max(1, min(_PARQUET_ROWS, _PARQUET_BYTES // max(1, per_row)))
            for batch in file.iter_batches(batch_size=rows_at_once):
                size = batch.nbytes // max(1, batch.num_rows)
                for row in _batch_rows(batch):
                    number += 1
                    yield Frame(f" row {number}", *_plain_row(row), size)
    except (pa.ArrowException, OSError):
        bad = BadRecord(expected="a whole Parquet file", found="damaged data")
        yield Frame(f" row {number + 1}", None, bad, 0)


def _batch_rows(batch: pa.RecordBatch) -> Iterator[Mapping[str, Any] | None]:
    try:
        yield from _microseconds(batch).to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        for i in range(batch.num_rows):  # find the row with the value that Python cannot hold
            try:
                yield from batch.slice(i, 1).to_pylist()
            except (ValueError, OverflowError, pa.ArrowException):
                yield None


def _microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with nanosecond times cut to microseconds, the finest that a datetime holds."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _plain_row(row: Mapping[str, Any] | None) -> tuple[Json, BadRecord | None]:
    if row is None:
        return None, BadRecord(expected="times and numbers in Python's range", found="one beyond it")
    try:
        return {name: plain for name, value in row.items() if (plain := _plain(value)) is not None}, None
    except BadRecord as bad:
        return None, bad


def _plain(value: Any) -> Json:  # noqa: PLR0911 - one line a type
    if type(value) is str or value is None:  # nearly all
        return value
    if isinstance(value, float):
        return None if value != value else value  # noqa: PLR0124 - NaN is how tables write a missing number
    if isinstance(value, list):
        if value and all(isinstance(v, tuple) and len(v) == 2 for v in value):  # a map column
            return {str(k): _plain(v) for k, v in value}
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise BadRecord(expected="UTF-8 text", found=f"{len(value):,} bytes that are not") from None
    return value
