"""Batches: what was read since the last one, as tables, rejected records and counts by file.

Each input record becomes data, or is rejected or skipped with a reason, so that always
`records == data + rejected + sum(skipped.values())`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from everyturn.model import Rejected
from everyturn.readers.columns import Row
from everyturn.readers.tables import Tables

_BYTES = 8 * 2**20
_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of one file's records so far. `format` is None if it had no record; `skipped` counts by reason."""

    path: str
    format: str | None
    records: int
    data: int
    rejected: int
    skipped: Mapping[str, int]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A bounded piece of a load.

    `tables` holds Arrow tables of the schemas in `model.schemas` under spans, messages, feedback, actions, eval_cases, eval_results,
    outcomes; a kind without rows is left out. `files` are the counts so far of each file this batch read from: a file's
    latest count replaces its earlier ones. `rejected` also names the parts that were bad within records that count as data.
    """

    tables: Mapping[str, pa.Table]
    rejected: tuple[Rejected, ...]
    files: tuple[FileCount, ...]


@dataclass(slots=True)
class RunningCount:
    """The count of one file while it is read."""

    path: str
    total: int = 0
    format: str | None = None
    records: int = 0
    data: int = 0
    rejected: int = 0
    bytes_read: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def snapshot(self) -> FileCount:
        """The count so far, as part of a batch."""
        return FileCount(
            self.path,
            self.format,
            self.records,
            self.data,
            self.rejected,
            dict(self.skipped),
            self.bytes_read,
        )


class BatchBuilder:
    """The batch that is being filled. `size` is how many bytes it was read from."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.size = 0
        self._tables = Tables()
        self._rejected: list[Rejected] = []
        self._counts: dict[str, RunningCount] = {}

    def note(self, count: RunningCount) -> None:
        """Adds a file's count to the batch."""
        self._counts[count.path] = count

    def add(self, rows: Iterable[tuple[str, Row]], where: str) -> None:
        """Adds the rows of one record and their place."""
        for kind, row in rows:
            self._tables.add(kind, row, where)

    def reject(self, rejected: Rejected) -> None:
        """Adds a rejected record."""
        self._rejected.append(rejected)

    @property
    def is_full(self) -> bool:
        """Whether the batch holds enough."""
        return self.size >= _BYTES or self._tables.length + len(self._rejected) >= _ROWS

    def take(self) -> Batch | None:
        """The batch, after which a new one begins; None if it contains no file's count."""
        if not self._counts:
            return None
        tables, refused = self._tables.arrow()
        files = tuple(count.snapshot() for count in self._counts.values())
        batch = Batch(tables, (*self._rejected, *refused), files)
        self._begin()
        return batch
