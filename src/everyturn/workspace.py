"""The verbs, and the one place that wires the parts together.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb gives a `Result`: a dict of the shape that `--json` prints, which also knows how to show itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow as pa

from everyturn import registry
from everyturn.engines import evidence, metrics
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.errors import InputError, NoUserIds, UnknownName
from everyturn.model import Conversation, Json
from everyturn.signals import Signal
from everyturn.stats import NotEnough

Progress = Callable[[str, int, int | None], None]  # what is being done, how much of it, of how much (None: not known)

_BATCH = 5_000  # conversations in memory at once while signals run


def _no_progress(_stage: str, _done: int, _total: int | None) -> None:
    """Says nothing."""


class Result(dict[str, Json]):
    """What a verb gives: the JSON object, shown as text at a prompt and as a table or page in a notebook."""

    def __str__(self) -> str:
        """The same text the command line prints, without colour."""
        from everyturn.outputs.text import render

        return render(self, width=100, colour=False)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from everyturn.outputs.html import render_fragment

        return render_fragment(self)


class Workspace:
    """One workspace file and the verbs on it.

    >>> with Workspace(":memory:") as ws:
    ...     ws.measure("acceptance")["rows"]
    [{'group': {}, 'not_enough': {'users': 0, 'needed': 10}}]
    """

    def __init__(self, path: str | Path = "everyturn.db", *, progress: Progress = _no_progress) -> None:
        self.database = Database(path)
        self.progress = progress

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; further use is an error."""
        self.database.close()

    def __repr__(self) -> str:
        """The file and what is in it."""
        conversations, users = self.database.rows("SELECT count(*), count(DISTINCT user_id) FROM conversations")[0]
        return f"Workspace({self.database.path!r}: {conversations:,} conversations, {users:,} users)"

    # --- load ---------------------------------------------------------------------------------------------------

    def load(
        self,
        *paths: str | Path,
        as_: str = "conversations",
        format: str | None = None,  # noqa: A002 - the option's name, the same on the command line
        on_bad: str = "collect",
        user_id: str | None = None,
        conversation_id: str | None = None,
        keep_personal_data: bool = False,
        now: datetime | None = None,
    ) -> Result:
        """Reads files and folders into the workspace and gives the ledger of what became of each record.

        `as_` is one of conversations, actions, evals, outcomes. `format` overrides what the content says. `user_id` and
        `conversation_id` name the field that holds the id where it is not a usual one ("metadata.user"). With
        `on_bad="stop"` the first bad record ends the load with an error and nothing is stored. Loading the same data again
        changes nothing.
        """
        from everyturn.assemble import assemble, merge_spans, trace_conversations
        from everyturn.readers import ReadOptions
        from everyturn.readers.driver import read_paths
        from everyturn.redact import redact

        kinds = ("conversations", "actions", "evals", "outcomes")
        if as_ not in kinds:
            raise UnknownName.among("kind of data", as_, kinds, example="--as {}")
        salt = self.database.meta("salt") or ""
        loading = Loading(self.database)
        ledger = Ledger()
        options = ReadOptions(user_id=user_id, conversation_id=conversation_id, on_bad=on_bad)
        for batch in read_paths(
            [Path(p) for p in paths], kind=as_, format=format, now=now or datetime.now(UTC), options=options
        ):
            ledger.add(batch)
            for kind, table in batch.tables.items():
                masked = table if keep_personal_data or kind.startswith("eval") else redact(table, salt=salt)
                loading.stage(kind, masked)
            self.progress("reading", batch.bytes_read, batch.bytes_total)
        self.progress("storing", 0, None)
        merged = loading.merge(merge=merge_spans, resolve=trace_conversations, assemble=assemble)
        ledger.rejected += merged.rejected
        return Result(
            schema="everyturn/1",
            verb="load",
            **ledger.to_json(),
            conversations=merged.conversations,
            users=merged.users,
            **self._silent_signals(),
        )
