"""Recognises the format of a file or of a sample of records, by asking all readers about its content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from everyturn import registry
from everyturn.errors import InputError, UnknownFormat
from everyturn.model import Json
from everyturn.readers import BadRecord, Kind, Reader, Sample
from everyturn.readers.batches import RunningCount
from everyturn.readers.fields import describe
from everyturn.readers.framing import text_records
from everyturn.readers.multipart import is_multipart
from everyturn.readers.rows import parquet_rows
from everyturn.readers.source import RECORD_LIMIT, Damaged, Frame, Source, damaged, is_text, too_long

_SAMPLE_RECORDS = 16
_SAMPLE_BYTES = 4 * 2**20
_SURE = 0.5  # a lower score is no recognition
_ROWS: dict[Kind, str] = {
    "conversations": "message: conversation_id, user_id, role, content, at",
    "actions": "action: at, user_id, kind, conversation_id",
    "evals": "case: case_id, input, expected",
    "outcomes": "conversation: conversation_id, user_id, started_at, accepted",
}
"""What anyone's own data can be turned into, for whom no format fits."""
_ENVELOPES = ("data", "items", "rows", "records", "results", "conversations", "events", "entries")


def readers(kind: Kind | None = None) -> dict[str, Reader]:
    """All formats by name, or those of one kind.

    >>> list(readers("outcomes"))
    ['outcomes']
    """
    found: dict[str, Reader] = registry.find("readers", "READER")
    return {name: r for name, r in sorted(found.items()) if kind in {None, r.kind}}


def _score(reader: Reader, sample: Sample) -> float:
    """How certain a reader is that a sample has its format, from 0 to 1."""
    try:
        return reader.looks_like(sample)
    except Exception:  # noqa: BLE001 - odd content may not end a load; a reader that fails on it does not know it
        return 0.0


def recognise(sample: Sample, candidates: Iterable[Reader]) -> Reader | None:
    """The reader that is most certain of the sample, the first of equals; None if none is certain enough."""
    best, best_score = None, 0.0
    for reader in candidates:
        found = _score(reader, sample)
        if found >= _SURE and found > best_score:
            best, best_score = reader, found
    return best


def recognise_records(values: Sequence[Json], candidates: Iterable[Reader]) -> tuple[Reader | None, str | None]:
    """The reader of the records, and the field they stand under where each value is an envelope ({"data": [...]})."""
    candidates = list(candidates)
    reader = recognise(Sample(tuple(values)), candidates)
    if reader is not None:
        return reader, None
    for name in _ENVELOPES:
        items = [i for v in values if isinstance(v, dict) and isinstance(v.get(name), list) for i in v[name]]
        reader = recognise(Sample(tuple(items[:_SAMPLE_RECORDS])), candidates) if items else None
        if reader is not None:
            return reader, name
    return None, None


def _unwrapped(frame: Frame, envelope: str) -> Iterator[Frame]:
    """The records in the field of the envelope, or the frame itself if there is no envelope."""
    items = frame.value.get(envelope) if isinstance(frame.value, dict) else None
    if not isinstance(items, list):
        yield frame
        return
    for i, item in enumerate(items, 1):
        yield Frame(f"{frame.place} item {i}", item, None, frame.size // len(items))


class Recogniser:
    """Finds the reader of each file of a load, by its content.

    Of one kind of records, by the chosen reader alone if one was. `is_single` where the load is one file that was named: what is wrong with
    it is then an error, and among several a rejected record.
    """

    def __init__(self, kind: Kind, chosen: Reader | None, *, is_single: bool) -> None:
        self.is_single = is_single
        self._kind: Kind = kind
        self._chosen = chosen
        self._candidates = [chosen] if chosen else list(readers(kind).values())

    def frames(self, count: RunningCount, source: Source, path: Path) -> Iterator[tuple[Frame, Reader | None]]:
        """Each frame of a file with its reader; None with what stands before the first record that a format can be told by."""
        binary = None if source.is_parquet else self._binary_reader(source)
        if binary is not None:
            count.format = binary.name
            yield from ((frame, binary) for frame in _decoded(binary, source))
            return
        frames = self._framed(count, source, path)
        sample: list[Frame] = []
        for frame in frames:
            if not sample and (frame.bad is not None or self._is_empty_page(frame.value)):
                yield frame, None
                continue
            sample.append(frame)
            if len(sample) == _SAMPLE_RECORDS or sum(f.size for f in sample) > _SAMPLE_BYTES:
                break
        if not sample:
            return
        values = [f.value for f in sample if f.bad is None]
        found, envelope = recognise_records(values, self._candidates)
        reader = found or self._chosen
        if reader is None:
            yield self._unknown(count, Sample(tuple(values)), describe(values[0])), None
            return
        count.format = reader.name
        for frame in chain(sample, frames):
            if envelope is None:
                yield frame, reader
            else:
                yield from ((record, reader) for record in _unwrapped(frame, envelope))

    def _is_empty_page(self, value: Json) -> bool:
        """Whether a value is an export with no records in it, such as {"data": []}; an empty list may also be a field of a record."""
        is_page = isinstance(value, dict) and any(value.get(name) == [] for name in _ENVELOPES)
        return is_page and recognise(Sample((value,)), self._candidates) is None

    def _framed(self, count: RunningCount, source: Source, path: Path) -> Iterator[Frame]:
        """The records of a file that no reader decodes; where it has none, what is wrong with it."""
        if source.is_parquet:
            return parquet_rows(path)
        if not source.head:
            return iter([self._empty(count, source)])
        frames = text_records(source)
        if frames is None:
            found = "text without records" if is_text(source.head) else "bytes that are no text"
            return iter([self._unknown(count, Sample((), source.head, source.is_whole), found)])
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

    def _empty(self, count: RunningCount, source: Source) -> Frame:
        try:
            source.read()
        except Damaged as error:
            return damaged("", error)
        if self.is_single:
            raise InputError(
                "the file is empty",
                where=count.path,
                expected="at least one record",
                try_="the export again; `everyturn list formats` says what is read",
            )
        return Frame("", None, BadRecord(expected="at least one record", found="an empty file"), 0)

    def _unknown(self, count: RunningCount, sample: Sample, found: str) -> Frame:
        """What says that no reader knows the file, and whose it is if another kind's reader does."""
        others = (r for r in readers().values() if r.kind != self._kind)
        elsewhere = recognise(sample, others) if sample.records else None
        names = ", ".join(readers(self._kind))
        if not self.is_single:
            found = f"{elsewhere.kind} (--as {elsewhere.kind})" if elsewhere else found
            return Frame("", None, BadRecord(expected=f"a known format: {names}", found=found), 0)
        nearest = max(self._candidates, key=lambda r: _score(r, sample))
        if elsewhere:
            what, option = f"these look like {elsewhere.kind}, not {self._kind}", f"--as {elsewhere.kind}"
        else:
            what = "cannot tell what format this is"
            option = f"--format {nearest.name}" if _score(nearest, sample) > 0 else ""
        raise UnknownFormat(
            what,
            where=f"{count.path} ({_size(count.total)}, {found})",
            expected=f"one of {names}; or CSV or JSON Lines with one row for each {_ROWS[self._kind]}",
            try_=f"everyturn load {count.path} {option}" if option else "everyturn list formats",
        )


def _decoded(reader: Reader, source: Source) -> Iterator[Frame]:
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


def _size(length: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if length < 1000:
            return f"{length:,.{0 if unit == 'bytes' else 1}f} {unit}"
        length /= 1000
    return f"{length:,.1f} GB"
