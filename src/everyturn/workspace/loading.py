"""The verb `load`: reads files, masks personal data, stores the records, and says what became of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.errors import UnknownName
from everyturn.model import Json
from everyturn.readers import KINDS, Kind, ReadOptions
from everyturn.readers.driver import read_paths
from everyturn.workspace.ledger import Ledger, keep_ledger, size_of
from everyturn.workspace.observing import silent_signals
from everyturn.workspace.repositories import read_history
from everyturn.workspace.result import Progress
from everyturn.workspace.staging import merge_staged, stage_batch

_HELD = {
    "evals": {"eval_cases": "eval_cases", "eval_scores": "eval_results"},
    "actions": {"actions": "actions"},
}
"""For kinds other than conversations, the fields of the result with the number of rows of a table after the load."""


def load_paths(
    db: Database,
    paths: Sequence[str | Path],
    *,
    kind: Kind,
    format: str | None,  # noqa: A002 - the option's name on every face
    git: str | Path | None,
    days: int,
    options: ReadOptions,
    keep_personal_data: bool,
    now: datetime,
    progress: Progress,
) -> dict[str, Json]:
    """Loads the records of one kind from files and from the git repository `git`; returns the fields of the `load` result."""
    if kind not in KINDS:
        raise UnknownName.among("kind of data", kind, KINDS, example="--as {}")
    salt = db.meta("salt") or ""
    loading = Loading(db)
    ledger = Ledger()
    total = sum(size_of(Path(p)) for p in paths)
    read = read_paths(paths, kind=kind, format=format, now=now, options=options)
    for batch in chain(read, read_history(db, git, kind, days=days, now=now) if git is not None else ()):
        ledger.add(batch)
        stage_batch(loading, batch, salt=salt, keep_personal_data=keep_personal_data)
        progress("reading", ledger.bytes_read, total)
    progress("storing", 0, None)
    merged = merge_staged(loading)
    keep_ledger(db, ledger, kind=kind)
    if kind == "evals":
        db.set_meta("cases_changed", "yes")
    return {
        "kind": kind,
        **ledger.to_json(merged.rejected),
        "conversations": merged.conversations,
        "users": merged.users,
        **{name: db.scalar(f"SELECT count(*) FROM {table}") for name, table in _HELD.get(kind, {}).items()},
        "model_calls": merged.model_calls,
        "without_content": merged.without_content,
        "without_conversation_id": merged.without_id,
        "labels": merged.labels,
        "without_user_id": db.scalar("SELECT count(*) FROM conversations WHERE user_id IS NULL"),
        "without_time": db.scalar("SELECT count(*) FROM conversations WHERE started_at IS NULL"),
        **silent_signals(db),
    }
