"""Reads the history of a git repository as actions, from the first conversation on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.readers import Kind
from everyturn.readers.batches import Batch


def read_history(db: Database, folder: str | Path, kind: Kind, *, days: int, now: datetime) -> Iterator[Batch]:
    """The repository's commits since the workspace's first conversation, and how much of each survived after `days` days."""
    from everyturn.readers.git_history import read_git

    if kind != "actions":
        raise InputError(
            "a git repository holds actions",
            where="--git",
            expected="--as actions",
            try_=f"everyturn load --as actions --git {folder}",
        )
    first = db.scalar("SELECT min(started_at) FROM conversations")
    return read_git(folder, days=days, now=now, since=first.replace(tzinfo=UTC) if first else None)
