"""Readers: from files to records. One file per format, each ending in `READER = Reader(…)`.

The driver (`readers.driver`) opens files, decompresses them, splits them into records and decodes these, recognises the format, and counts
and rejects records. A reader maps ONE decoded record to types of `model` and does nothing else: no I/O, no clock, no state between records.

- If it cannot read a record, it raises `BadRecord(expected=…, found=…)`. The whole input record is then rejected, with everything the
  reader yielded from it.
- If only a part is bad (one span of a request), it yields `Rejected(context.where, expected, found)` for that part and continues;
  `context.parts` does this.
- If a record rightly contains no conversation (metrics, a health check), it raises `SkipRecord(reason)`, or yields `Skipped(reason)` for
  a part. Skipped records are counted.

`found` and `expected` never repeat texts, only types, lengths, ids and field names (see `fields.describe`).

The driver handles the following for every record, so that readers need not: lone surrogates in a text are replaced by U+FFFD; a span, action,
rating or outcome with a time before 1990 or more than a day in the future is rejected alone, a message with its whole input record; an
exception other than the two above rejects the record as "reader failed (Name)".

Messages are yielded as `MessageRecords`, which holds those of one conversation by column; `add` appends a `Message`.

Attributes are those of a conversation, a flat mapping of strings. In `MessageRecords` the reserved attribute `started_at` (an ISO 8601
text) sets the start of the conversation if it differs from the time of its earliest message. The attributes of several records of one
conversation are joined.

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
    """The user's options for a load.

    `user_id` and `conversation_id` name the field with the id, as a dotted path into the record ("metadata.user") or, in span formats, as
    the name of an attribute; if they are given, no other field is tried. `on_bad="stop"` ends the load with an error at the first bad
    record.
    """

    user_id: str | None = None
    conversation_id: str | None = None
    on_bad: Literal["collect", "stop"] = "collect"


def _first(_digest: str) -> int:
    return 0


@dataclass(slots=True)
class Context:
    """The place of a record, and the options of the load. Valid during one call of `read`.

    `record` numbers the input records of a load from 0; `where` is "path:line". `endpoint` is the request path if the record is the body of
    a captured HTTP request ("/api/public/scores"), else None. `occurrence(digest)` is how often the digest has occurred in the file before
    (0, 1, …), which distinguishes equal records without an id. `path` is the file, for formats in which it names something; `index` numbers
    its records from 0, and `header` is its first record, for formats in which that applies to all others.
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
        """What `read` yields for each part of the record; for a part that is bad or contains nothing to read, only the reason."""
        for item in items:
            try:
                yield from read(item)
            except BadRecord as bad:
                yield Rejected(self.where, bad.expected, bad.found)
            except SkipRecord as skip:
                yield Skipped(skip.reason)


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, by which a reader recognises its format; the file's name is never used.

    `records` are the first decoded records (JSON values, or rows as dicts without empty cells). For a binary file it is empty, and `head`
    holds the first bytes, decompressed; `is_whole` says whether they are the whole file. `endpoint` is that of `Context`; if it is set,
    `records` has exactly one value, the request's body.
    """

    records: tuple[Json, ...]
    head: bytes = b""
    is_whole: bool = False
    endpoint: str | None = None

    def share(self, likeness: Callable[[Json], float]) -> float:
        """The mean of `likeness` over the records, 0 without any; it gives a number from 0 to 1, or true and false.

        >>> Sample(({"run": 1}, {}, {}, {})).share(bool)
        0.25
        """
        return sum(map(likeness, self.records)) / len(self.records) if self.records else 0.0


class BadRecord(Exception):
    """Raised by a reader if a record cannot be read. It repeats no text of the record."""

    def __init__(self, *, expected: str, found: str = "") -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found


class SkipRecord(Exception):
    """Raised by a reader if a record rightly contains nothing to read. Reasons are counted, so there should be few different ones."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of a record that rightly contains nothing to read."""

    reason: str


Records: TypeAlias = Iterator[Record | Skipped]


@dataclass(frozen=True, slots=True)
class Reader:
    """One format.

    `looks_like` says how certain it is that a sample has this format, from 0 to 1; the highest value wins, if it is at least 0.5. `read`
    maps one decoded record. `decode` is for formats that are not made of records line by line: it decodes the bytes of a whole file into
    records. It is only called if `looks_like` has recognised the head of the file, and raises `BadRecord` if it cannot decode it.
    `is_text` says that those bytes are text (as in YAML).
    """

    name: str
    kind: Kind
    description: str
    looks_like: Callable[[Sample], float]
    read: Callable[[Json, Context], Iterable[Record | Skipped]]
    decode: Callable[[bytes], Iterable[Json]] | None = None
    is_text: bool = False
