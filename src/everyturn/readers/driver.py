"""Reads files into batches of records: opens, recognises, reads, counts and rejects, in the same way for every format.

Memory is bounded by one batch and one record, whatever the size of the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from everyturn.errors import InputError, UnknownName
from everyturn.model import Json, MessageRecords, Rejected
from everyturn.readers import BadRecord, Context, Kind, Reader, ReadOptions, Skipped, SkipRecord
from everyturn.readers.batches import Batch, BatchBuilder, RunningCount
from everyturn.readers.columns import Row
from everyturn.readers.fields import AHEAD
from everyturn.readers.files import expand
from everyturn.readers.occurrences import Occurrences
from everyturn.readers.recognise import Recogniser, readers
from everyturn.readers.source import Frame, Source
from everyturn.readers.tables import row_of
from everyturn.readers.uncollected import made_uncollected, uncollected


def read_paths(
    paths: Iterable[str | Path],
    *,
    kind: Kind = "conversations",
    format: str | None = None,  # noqa: A002 - the option's name on every face
    now: datetime,
    options: ReadOptions | None = None,
) -> Iterator[Batch]:
    """The records of the files, and of all files in the folders, in batches.

    Folders are read in sorted order without hidden files; a file that occurs twice is read once. Times more than a day after `now` are
    rejected. Raises `InputError` for a missing path, for a single file that is empty, and at the first bad record if `options.on_bad` is
    "stop"; `UnknownFormat` for a single file that no reader recognises (among several it is a rejected record); `UnknownName` for an unknown
    `format`.
    """
    chosen = _named_reader(format, kind) if format is not None else None
    files = expand(paths)
    recogniser = Recogniser(kind, chosen, is_single=len(files) == 1 and files[0].is_named)
    load = _Load(now, options or ReadOptions())
    yield from made_uncollected(load.read_files((file.path for file in files), recogniser))


class DecodedRecords:
    """Reads records that are already decoded (the pages of an API) like those of a file, with one count for all of them.

    `source` names them in the places of rejected records ("langfuse scores item 7"); `format` is the reader's name.
    """

    def __init__(
        self,
        source: str,
        *,
        format: str,  # noqa: A002 - the option's name on every face
        now: datetime,
        options: ReadOptions | None = None,
    ) -> None:
        self._reader = readers()[format]
        self._load = _Load(now, options or ReadOptions())
        self._count = self._load.begin(source)
        self._count.format = format

    def read(self, values: Sequence[Json], size: int) -> Batch:
        """The batch of the next values, whose encoded size was `size` bytes."""
        self._load.batch.note(self._count)
        self._count.bytes_read += size
        with uncollected():
            for value in values:
                frame = Frame(f" item {self._count.records + 1}", value, None, size // len(values))
                self._load.add(self._count, frame, self._reader)
            batch = self._load.batch.take()
        assert batch is not None  # the count was noted
        return batch


def _named_reader(name: str, kind: Kind) -> Reader:
    known = readers()
    if name not in known:
        raise UnknownName.among("format", name, readers(kind), example="--format {}")
    if known[name].kind != kind:
        raise InputError(
            f'the format "{name}" gives {known[name].kind}, not {kind}',
            where=f"--format {name} with --as {kind}",
            expected=", ".join(readers(kind)),
            try_=f"--as {known[name].kind}",
        )
    return known[name]


class _Load:
    """One load: the batch that is being filled, and the state that is shared by all files."""

    def __init__(self, now: datetime, options: ReadOptions) -> None:
        self.batch = BatchBuilder()
        self._options = options
        self._now = now
        self._latest = now + AHEAD
        self._record = 0

    def begin(self, path: str) -> RunningCount:
        """Begins a file. Equal records are counted by file, because the n-th in one export is the n-th in any other."""
        self._context = Context(0, path, self._now, self._options, occurrence=Occurrences(), path=path)
        count = RunningCount(path)
        self.batch.note(count)
        return count

    def read_files(self, paths: Iterable[Path], recogniser: Recogniser) -> Iterator[Batch]:
        """The batches of the files."""
        for path in paths:
            yield from self._read_file(path, recogniser)
        if batch := self.batch.take():
            yield batch

    def _read_file(self, path: Path, recogniser: Recogniser) -> Iterator[Batch]:
        """The batches that become full while the file is read."""
        count = self.begin(str(path).encode("utf-8", "backslashreplace").decode())  # a file's name may be any bytes
        try:
            with path.open("rb") as file:
                count.total = os.fstat(file.fileno()).st_size
                source = Source(file)
                for frame, reader in recogniser.frames(count, source, path):
                    self.add(count, frame, reader)
                    if self.batch.is_full:
                        count.bytes_read = source.bytes_read
                        if batch := self.batch.take():
                            yield batch
                        self.batch.note(count)
                count.bytes_read = max(source.bytes_read, count.total)
        except OSError as error:
            if recogniser.is_single and not count.records:
                raise InputError(
                    "the file cannot be read",
                    where=f"{path}: {(error.strerror or type(error).__name__).lower()}",
                    expected="a file that exists and may be read",
                    try_=f"ls -l {path}",
                ) from error
            bad = BadRecord(expected="a readable file or folder", found=type(error).__name__)
            self.add(count, Frame("", None, bad, 0), None)

    def add(self, count: RunningCount, frame: Frame, reader: Reader | None) -> None:
        """Reads one record; either all of its rows count, or none."""
        where = count.path + frame.place
        context = self._context
        if not count.records:
            context.header = frame.value
        context.record, context.where, context.index = self._record, where, count.records
        self._record += 1
        self.batch.size += frame.size
        count.records += 1
        try:
            if frame.bad is not None:
                raise frame.bad
            reading = (
                Reading(skipped="an empty page")
                if reader is None
                else read_record(reader, frame.value, context, self._latest)
            )
        except BadRecord as bad:
            count.rejected += 1
            self._reject(Rejected(where, bad.expected, bad.found))
            return
        except SkipRecord as skip:
            count.skipped[skip.reason] += 1
            return
        if reading.rows:
            count.data += 1
        elif reading.rejected:
            count.rejected += 1
        else:
            count.skipped[reading.skipped] += 1
        self.batch.add(reading.rows, where)
        for rejected in reading.rejected:
            self._reject(rejected)

    def _reject(self, rejected: Rejected) -> None:
        if self._options.on_bad == "stop":
            found = f" (found: {rejected.found})" if rejected.found else ""
            raise InputError(
                "a record could not be read",
                where=rejected.where,
                expected=rejected.expected + found,
                try_="--on-bad collect --rejected rejected.csv, to load the others and list the bad ones",
            )
        self.batch.reject(rejected)


class Reading:
    """The result of reading one record: its rows with their tables, its bad parts, and the reasons for which parts were skipped."""

    __slots__ = ("rejected", "rows", "skipped")

    def __init__(self, skipped: str = "nothing to read in it") -> None:
        self.rows: list[tuple[str, Row]] = []
        self.rejected: list[Rejected] = []
        self.skipped = skipped


def read_record(reader: Reader, value: Json, context: Context, latest: datetime) -> Reading:
    """The result of a reader for one record; an unexpected exception becomes a `BadRecord`."""
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
                        raise  # a conversation with a message missing would be wrong
                    reading.rejected.append(Rejected(where, bad.expected, bad.found))
    except (BadRecord, SkipRecord):
        raise
    except Exception as error:  # a bug in the reader must not cost the other records
        if isinstance(error, RecursionError) or "Recursion limit" in str(error):  # the second is orjson's TypeError
            raise BadRecord(expected="values nested up to 250 levels deep", found="deeper nesting") from None
        raise BadRecord(expected=f"a {reader.name} record", found=f"reader failed ({type(error).__name__})") from error
    return reading
