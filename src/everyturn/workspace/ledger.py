"""The ledger of a load: what became of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.model import Json, Rejected
from everyturn.readers.batches import Batch, FileCount


class Ledger:
    """What became of every record of a load."""

    def __init__(self) -> None:
        self.files: dict[str, FileCount] = {}
        self.rejected: list[Rejected] = []

    def add(self, batch: Batch) -> None:
        """Adds a batch's counts; a file's latest count replaces its earlier ones."""
        self.files.update({f.path: f for f in batch.files})
        self.rejected += batch.rejected

    @property
    def bytes_read(self) -> int:
        """The number of bytes read so far."""
        return sum(f.bytes_read for f in self.files.values())

    def to_json(self, refused: Sequence[Rejected]) -> dict[str, Json]:
        """The ledger as fields of the `load` result; `refused` are the records that could not be stored."""
        skipped: Counter[str] = Counter()
        for file in self.files.values():
            skipped.update(file.skipped)
        return {
            "records": sum(f.records for f in self.files.values()),
            "data_records": sum(f.data for f in self.files.values()),
            "rejected": [
                {"where": r.where, "expected": r.expected, "found": r.found} for r in [*self.rejected, *refused]
            ],
            "skipped": dict(sorted(skipped.items())),
            "files": [
                {"path": f.path, "format": f.format, "records": f.records, "rejected": f.rejected}
                for f in self.files.values()
            ],
        }


def keep_ledger(db: Database, ledger: Ledger, *, kind: str) -> None:
    """Stores the ledger of each file in the workspace."""
    rows = [
        {"loaded_at": datetime.now(UTC), "kind": kind, "path": f.path, "format": f.format, "records": f.records,
         "rejected": f.rejected, "skipped": sum(f.skipped.values()), "bytes": f.bytes_read}
        for f in ledger.files.values()
    ]  # fmt: skip
    if rows:
        db.insert("loads", pa.Table.from_pylist(rows))


def size_of(path: Path) -> int:
    """The size in bytes of a file, or of all files in a folder; 0 if it does not exist."""
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size if path.exists() else 0
