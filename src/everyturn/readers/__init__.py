"""Bytes -> records: one file per format, each ending in `READER = Reader(…)`.

The driver (`readers.driver`) opens files, undoes compression, frames and decodes the records, recognises the format,
counts and rejects. A reader maps ONE decoded record to nouns of `model` and does nothing else: no I/O, no clock, no
state between records. What it cannot read it says with `raise BadRecord(expected=…, found=…)`; the whole input record is then
rejected, and nothing it gave before counts. Where only a part of a record is bad (one span of a request), it yields
`Rejected(context.where, expected, found)` for that part and goes on, as `context.parts` does. What rightly carries no conversation (metrics, a health
call) it says with `raise SkipRecord(reason)`, or `yield Skipped(reason)` for a part: counted, never silently gone.

`found` and `expected` never repeat text: types, lengths, ids, field names only (`fields.describe` does this).

What the driver does with every record, so that no reader has to: a text with a lone surrogate is stored with U+FFFD in its
place; times before 1990 or later than a day from now reject a span, action, rating or outcome alone, and for a message the
whole input record; an exception other than the two above rejects the record as "reader failed (Name)".

Messages are given as `MessageRecords`, those of one conversation column by column; whoever has a `Message` adds it with `add`.

Attributes are conversation attributes, a flat mapping of strings. `MessageRecords` whose attributes hold the reserved name
`started_at` (an ISO 8601 text) give the conversation's own start where that differs from its earliest message time;
attributes of several records of one conversation are joined.

Every file here that is no format is one of these:

    driving              driver files source framing json_values rows multipart recognise batches tables columns occurrences uncollected
    single values        fields times attributes namespaces feedback_names eval_questions failures
    messages and steps   openai_messages genai_messages forms steps repeats
    OTLP                 otlp_json otlp_binary otlp_wire
    dialects of OTLP     genai openinference openllmetry vercel mlflow_spans langfuse_observations
    parts of a format    braintrust_rows datadog_spans langsmith_runs
    no file's records    git_history
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from everyturn.model import Json, Record, Rejected

T = TypeVar("T")

Kind: TypeAlias = Literal["conversations", "actions", "evals", "outcomes"]
KINDS: tuple[Kind, ...] = ("conversations", "actions", "evals", "outcomes")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user declared about a load.

    `user_id` and `conversation_id` name the field that holds the id, as a dotted path into the record
    ("metadata.user") or, in span formats, an attribute's name; where given, no other field is tried. `on_bad="stop"` ends
    the load with an error at the first bad record.
    """

    user_id: str | None = None
    conversation_id: str | None = None
    on_bad: Literal["collect", "stop"] = "collect"


def _first(_digest: str) -> int:
    return 0


@dataclass(slots=True)
class Context:
    """Where one record stands and what was declared about the load.

    `record` numbers the input records of one load from 0; `where` is "path:line". `endpoint` is the request path for the body
    of a captured HTTP request ("/api/public/scores"), else None. `occurrence(digest)` counts how often the file has met a
    digest before (0, 1, …): it tells equal records without an id apart. `path` is the file, for formats that name things by
    it; `index` numbers its records from 0 and `header` is its first one, for formats that say there what holds for all.
    Valid during one call of `read`.
    """

    record: int
    where: str
    now: datetime
    options: ReadOptions = field(default_factory=ReadOptions)
    endpoint: str | None = None
    occurrence: Callable[[str], int] = _first
    path: str = ""
    index: int = 0
    header: Json = None

    def parts(self, items: Iterable[T], read: Callable[[T], Iterable[Record | Skipped]]) -> Records:
        """What `read` gives for each part of the record; for one that is bad or has nothing to read, the reason alone."""
        for item in items:
            try:
                yield from read(item)
            except BadRecord as bad:
                yield Rejected(self.where, bad.expected, bad.found)
            except SkipRecord as skip:
                yield Skipped(skip.reason)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a reader may judge a format by: the content, never the file name.

    `records` are the first decoded records (JSON values, or rows as dicts without their empty cells). For bytes that are no plain
    text it is empty, and `head` holds the first of them, decompressed; `is_whole` says whether they are the whole file.
    `endpoint` as in `Context`: then `records` holds exactly one value, the request's body, whatever its type.
    """

    records: tuple[Json, ...]
    head: bytes = b""
    is_whole: bool = False
    endpoint: str | None = None

    def share(self, likeness: Callable[[Json], float]) -> float:
        """The share of the records that are of a kind, or how like one they are on average, 0 to 1; 0 where there are none.

        >>> Sample(({"run": 1}, {}, {}, {})).share(bool)
        0.25
        """
        return sum(map(likeness, self.records)) / len(self.records) if self.records else 0.0


class BadRecord(Exception):
    """Raised by a reader when a record cannot be read. Repeats no text of it."""

    def __init__(self, *, expected: str, found: str = "") -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found


class SkipRecord(Exception):
    """Raised by a reader when a record rightly carries nothing to read; `reason` is counted, so keep reasons few."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of a record that rightly carries nothing to read."""

    reason: str


Records: TypeAlias = Iterator[Record | Skipped]


@dataclass(frozen=True, slots=True)
class Reader:
    """One format.

    `looks_like` says from 0 to 1 how surely the sample is of this format (from 0.5 it may be chosen; the highest wins).
    `read` maps one decoded record. `decode` is for formats that are no records line by line: the bytes of a whole file ->
    decoded records; it is asked only where `looks_like` recognised the head bytes, and raises `BadRecord` for bytes it cannot
    decode. `is_text` says that those bytes are text, as YAML is.
    """

    name: str
    kind: Kind
    description: str
    looks_like: Callable[[Sample], float]
    read: Callable[[Json, Context], Iterable[Record | Skipped]]
    decode: Callable[[bytes], Iterable[Json]] | None = None
    is_text: bool = False
