"""Which format a sample of records is in, by what the readers say of its content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from everyturn import registry
from everyturn.model import Json
from everyturn.readers import Kind, Reader, Sample
from everyturn.readers.source import Frame

SAMPLE_RECORDS = 16
_SURE = 0.5  # a lower score is no recognition
_ENVELOPES = ("data", "items", "rows", "records", "results", "conversations", "events", "entries")


def readers(kind: Kind | None = None) -> dict[str, Reader]:
    """The known formats by name, of one kind or of all.

    >>> list(readers("outcomes"))
    ['outcomes']
    """
    found: dict[str, Reader] = registry.find("readers", "READER")
    return {name: r for name, r in sorted(found.items()) if kind in {None, r.kind}}


def score(reader: Reader, sample: Sample) -> float:
    """How sure a reader is of a sample, from 0 to 1."""
    try:
        return reader.looks_like(sample)
    except Exception:  # noqa: BLE001 - odd content may not end a load; a reader that fails on it does not know it
        return 0.0


def recognise(sample: Sample, candidates: Iterable[Reader]) -> Reader | None:
    """The reader that is surest of the sample, if any is sure enough; the first among equals."""
    best, best_score = None, 0.0
    for reader in candidates:
        found = score(reader, sample)
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
        reader = recognise(Sample(tuple(items[:SAMPLE_RECORDS])), candidates) if items else None
        if reader is not None:
            return reader, name
    return None, None


def unwrapped(frame: Frame, envelope: str) -> Iterator[Frame]:
    """The records that stand under the envelope's field, or the frame itself."""
    items = frame.value.get(envelope) if isinstance(frame.value, dict) else None
    if not isinstance(items, list):
        yield frame
        return
    for i, item in enumerate(items, 1):
        yield Frame(f"{frame.place} item {i}", item, None, frame.size // len(items))


def is_empty_page(value: Json) -> bool:
    """Whether a value is an export with no records in it, such as {"data": []}."""
    return isinstance(value, dict) and any(value.get(name) == [] for name in _ENVELOPES)
