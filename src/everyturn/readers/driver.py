"""Files -> batches of records: opens, recognises, reads, counts and rejects, for every format alike.

Each input record becomes data, or is rejected with a reason, or is skipped with a reason; `FileCount` adds up:
`records == data + rejected + sum(skipped.values())`. Memory is bounded by one batch and one record, whatever the files' size.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa

from everyturn.errors import InputError, UnknownFormat, UnknownName
from everyturn.model import Json, Rejected
from everyturn.readers import BadRecord, Context, Kind, Reader, ReadOptions, Sample, SkipRecord
from everyturn.readers.fields import AHEAD, describe
from everyturn.readers.files import expand
from everyturn.readers.framing import records as framed
from everyturn.readers.multipart import is_multipart
from everyturn.readers.occurrences import Occurrences
from everyturn.readers.recognise import (
    SAMPLE_RECORDS,
    is_empty_page,
    readers,
    recognise,
    recognise_records,
    score,
    unwrapped,
)
from everyturn.readers.rows import parquet_rows
from everyturn.readers.running import Reading, read_binary, read_record
from everyturn.readers.source import Damaged, Frame, Source, damaged, is_text
from everyturn.readers.tables import Tables
from everyturn.readers.uncollected import made_uncollected, uncollected

_SAMPLE_BYTES = 4 * 2**20
_BATCH_BYTES = 8 * 2**20
_BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of one file's records so far. `format` None: nothing in it to recognise. `skipped` by reason."""

    path: str
    format: str | None
    records: int
    data: int
    rejected: int
    skipped: Mapping[str, int]
    bytes_read: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A bounded piece of a load.

    `tables` holds Arrow tables of the schemas in `model.schemas` under spans, messages, feedback, actions, eval_cases, eval_results,
    outcomes; a kind without rows is left out. `files` are the counts so far of each file this batch read from: a file's
    latest count replaces its earlier ones. `rejected` also names the reading that were bad within records that count as data.
    """

    tables: Mapping[str, pa.Table]
    rejected: tuple[Rejected, ...]
    files: tuple[FileCount, ...]


def read_paths(
    paths: Iterable[str | Path],
    *,
    kind: Kind = "conversations",
    format: str | None = None,  # noqa: A002 - the option's name on every face
    now: datetime,
    options: ReadOptions | None = None,
) -> Iterator[Batch]:
    """The records of the files, and of all files under the folders, in batches.

    Folders are walked in sorted order without hidden files; a file met twice is read once. `now` is the latest time believed,
    give or take a day. Errors: `InputError` for a missing path, or for one file that is empty; `UnknownFormat` for one file
    that no reader recognises (among several it is one rejected record); `UnknownName` for an unknown `format`; `InputError` at the
    first bad record where `options.on_bad` is "stop".
    """
    chosen = _named_reader(format, kind) if format is not None else None
    files = expand(paths)
    load = _Load(kind, chosen, now, options or ReadOptions(), is_single=len(files) == 1 and files[0].is_named)
    yield from made_uncollected(load.read_files(file.path for file in files))


class DecodedRecords:
    """Reads records that come decoded (an API's pages) as those of a file, with one count over all of them.

    `source` names them in places ("langfuse scores item 7"); `format` is the reader's name.
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
        self._load = _Load(self._reader.kind, self._reader, now, options or ReadOptions(), is_single=False)
        self._load.begin(source)
        self._count = _Count(source, format=format)

    def read(self, values: Sequence[Json], size: int) -> Batch:
        """The batch of the next values, which together were `size` bytes long."""
        self._load.note(self._count)
        self._count.bytes_read += size
        with uncollected():
            for value in values:
                frame = Frame(f" item {self._count.records + 1}", value, None, size // len(values))
                self._load.add(self._count, frame, self._reader)
            batch = self._load.take()
        assert batch is not None  # the count was noted
        return batch


def _named_reader(name: str, kind: Kind) -> Reader:
    known = readers()
    if name not in known:
        raise UnknownName.among("format", name, readers(kind), example="--format {}")
    if known[name].kind != kind:
        raise InputError(
            f'the format "{name}" gives {known[name].kind}, not {kind}',
            expected=", ".join(readers(kind)),
            try_=f"--as {known[name].kind}",
        )
    return known[name]


@dataclass(slots=True)
class _Count:
    """The running count of one file."""

    path: str
    total: int = 0
    format: str | None = None
    records: int = 0
    data: int = 0
    rejected: int = 0
    bytes_read: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def snapshot(self) -> FileCount:
        """The count as it stands, for a batch to carry."""
        return FileCount(
            self.path,
            self.format,
            self.records,
            self.data,
            self.rejected,
            dict(self.skipped),
            self.bytes_read,
            max(self.total, self.bytes_read),
        )


class _Load:
    """One load: what was read since the last batch, and what holds over all files."""

    def __init__(
        self, kind: Kind, chosen: Reader | None, now: datetime, options: ReadOptions, *, is_single: bool
    ) -> None:
        self._kind: Kind = kind
        self._candidates = [chosen] if chosen else list(readers(kind).values())
        self._chosen = chosen
        self._options = options
        self._is_single = is_single
        self._now = now
        self._latest = now + AHEAD
        self._record = 0
        self._begin_batch()

    def begin(self, path: str) -> None:
        """Begins a file; what is counted as equal is so by file, since the n-th of one export is the n-th of any other."""
        self._context = Context(0, path, self._now, self._options, occurrence=Occurrences(), path=path)

    def _begin_batch(self) -> None:
        self._tables = Tables()
        self._rejected: list[Rejected] = []
        self._files: dict[str, _Count] = {}
        self._bytes = 0

    def note(self, count: _Count) -> None:
        """Makes the next batch carry a file's count."""
        self._files[count.path] = count

    def take(self) -> Batch | None:
        """What was read since the last batch, or None."""
        if not self._files:
            return None
        tables, refused = self._tables.arrow()
        self._rejected += refused
        files = tuple(count.snapshot() for count in self._files.values())
        batch = Batch(tables, tuple(self._rejected), files)
        self._begin_batch()
        return batch

    def read_files(self, paths: Iterable[Path]) -> Iterator[Batch]:
        """The batches of the files."""
        for path in paths:
            yield from self._read_file(path)
        if batch := self.take():
            yield batch

    def _read_file(self, path: Path) -> Iterator[Batch]:
        """The batches that fill up while the file is read."""
        count = _Count(str(path).encode("utf-8", "backslashreplace").decode())  # a file's name may be any bytes
        self.begin(count.path)
        self.note(count)
        try:
            with path.open("rb") as file:
                count.total = os.fstat(file.fileno()).st_size
                source = Source(file)
                for frame, reader in self._recognised(count, source, path):
                    self.add(count, frame, reader)
                    if self._bytes >= _BATCH_BYTES or self._tables.length + len(self._rejected) >= _BATCH_ROWS:
                        count.bytes_read = source.bytes_read
                        if batch := self.take():
                            yield batch
                        self.note(count)
                count.bytes_read = max(source.bytes_read, count.total)
        except OSError as error:
            if self._is_single and not count.records:
                raise InputError("the file cannot be read", where=str(path), expected="a readable file") from error
            self._reject_file(count, "a readable file or folder", type(error).__name__)

    # --- recognising ---------------------------------------------------------------------------------------------

    def _recognised(self, count: _Count, source: Source, path: Path) -> Iterator[tuple[Frame, Reader | None]]:
        """Each frame with its reader; None with what stands before the first record that a format can be told by."""
        binary = None if source.is_parquet else self._binary_reader(source)
        if binary is not None:
            count.format = binary.name
            yield from ((frame, binary) for frame in read_binary(binary, source))
            return
        frames = self._frames(count, source, path)
        if frames is None:
            return
        sample: list[Frame] = []
        for frame in frames:
            if not sample and (frame.bad is not None or self._is_empty_page(frame.value)):
                yield frame, None
                continue
            sample.append(frame)
            if len(sample) == SAMPLE_RECORDS or sum(f.size for f in sample) > _SAMPLE_BYTES:
                break
        values = [f.value for f in sample if f.bad is None]
        if not values:
            return
        reader, envelope = recognise_records(values, self._candidates)
        reader = reader or self._chosen
        if reader is None:
            self._unknown(count, Sample(tuple(values)), describe(values[0]))
            return
        count.format = reader.name
        for frame in chain(sample, frames):
            if envelope is None:
                yield frame, reader
            else:
                yield from ((record, reader) for record in unwrapped(frame, envelope))

    def _is_empty_page(self, value: Json) -> bool:
        """Whether a value is a page without records; an empty list may also be a field of a record."""
        return is_empty_page(value) and recognise(Sample((value,)), self._candidates) is None

    def _frames(self, count: _Count, source: Source, path: Path) -> Iterator[Frame] | None:
        if source.is_parquet:
            return parquet_rows(path)
        if not source.head:
            return self._empty(count, source)
        frames = framed(source)
        if frames is None:
            found = "text without records" if is_text(source.head) else "bytes that are no text"
            self._unknown(count, Sample((), source.head, source.is_whole), found)
        return frames

    def _binary_reader(self, source: Source) -> Reader | None:
        # A multipart body is text with any bytes attached: whether its head is text says nothing.
        plain = is_text(source.head) and not is_multipart(source.head)
        binary = [r for r in self._candidates if r.decode is not None and r.is_text == plain]
        if not binary:
            return None
        if self._chosen is not None and not plain and source.head.lstrip()[:1] not in {b"{", b"["}:
            return self._chosen
        return recognise(Sample((), source.head, source.is_whole), binary)

    def _empty(self, count: _Count, source: Source) -> Iterator[Frame] | None:
        try:
            source.read()
        except Damaged as error:
            return iter([damaged("", error)])
        if self._is_single:
            raise InputError(
                "the file is empty",
                where=count.path,
                expected="at least one record",
                try_="the export again; `everyturn list formats` says what is read",
            )
        self._reject_file(count, "at least one record", "an empty file")
        return None

    def _unknown(self, count: _Count, sample: Sample, found: str) -> None:
        """Say that no reader knows the file, and whose it is if another kind's reader does."""
        others = (r for r in readers().values() if r.kind != self._kind)
        elsewhere = recognise(sample, others) if sample.records else None
        names = ", ".join(readers(self._kind))
        if not self._is_single:
            self._reject_file(
                count, f"a known format: {names}", f"{elsewhere.kind} (--as {elsewhere.kind})" if elsewhere else found
            )
            return
        nearest = max(self._candidates, key=lambda r: (score(r, sample), r.name == "chat"))
        raise UnknownFormat(
            f"these are {elsewhere.kind}, not {self._kind}" if elsewhere else "cannot tell what format this is",
            where=f"{count.path} ({_size(count.total)}, {found})",
            expected=names,
            try_=f"everyturn load {count.path} "
            + (f"--as {elsewhere.kind}" if elsewhere else f"--format {nearest.name}"),
        )

    # --- reading and counting ------------------------------------------------------------------------------------

    def _reject_file(self, count: _Count, expected: str, found: str) -> None:
        self._record += 1
        count.records += 1
        count.rejected += 1
        self._reject(Rejected(count.path, expected, found))

    def _reject(self, rejected: Rejected) -> None:
        if self._options.on_bad == "stop":
            found = f" (found: {rejected.found})" if rejected.found else ""
            raise InputError(
                "a record could not be read",
                where=rejected.where,
                expected=rejected.expected + found,
                try_="--on-bad collect --rejected rejected.csv, to load the others and list the bad ones",
            )
        self._rejected.append(rejected)

    def add(self, count: _Count, frame: Frame, reader: Reader | None) -> None:
        """Read one record; all of its rows count or none."""
        where = count.path + frame.place
        context = self._context
        if not count.records:
            context.header = frame.value
        context.record, context.where, context.index = self._record, where, count.records
        self._record += 1
        self._bytes += frame.size
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
        for kind, row in reading.rows:
            self._tables.add(kind, row, where)
        for rejected in reading.rejected:
            self._reject(rejected)


def _size(length: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if length < 1000:
            return f"{length:,.{0 if unit == 'bytes' else 1}f} {unit}"
        length /= 1000
    return f"{length:,.1f} GB"
