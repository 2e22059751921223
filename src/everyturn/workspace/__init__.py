"""The verbs, and the one place that wires the parts together.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb gives a `Result`: a dict of the shape that `--json` prints, which also knows how to show itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
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
from everyturn.stats import Summary
from everyturn.workspace.ledger import Ledger, size_of

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
        total = sum(size_of(Path(p)) for p in paths)
        for batch in read_paths(paths, kind=as_, format=format, now=now or datetime.now(UTC), options=options):
            ledger.add(batch)
            for kind, table in batch.tables.items():
                # A team's own eval cases are no personal data of a user; all else is masked before it is stored.
                masked = table if keep_personal_data or kind.startswith("eval") else redact(table, salt=salt)
                loading.stage(kind, masked)
            self.progress("reading", ledger.bytes_read, total)
        self.progress("storing", 0, None)
        merged = loading.merge(merge=merge_spans, resolve=trace_conversations, assemble=assemble)
        self._note_load(ledger, as_)
        return Result(
            schema="everyturn/1",
            verb="load",
            kind=as_,
            **ledger.to_json(merged.rejected),
            conversations=merged.conversations,
            users=merged.users,
            **self._silent_signals(),
        )

    def _note_load(self, ledger: Ledger, kind: str) -> None:
        """Keeps the ledger of each file beside the data."""
        rows = [
            {"loaded_at": datetime.now(UTC), "kind": kind, "path": f.path, "format": f.format, "records": f.records,
             "rejected": f.rejected, "skipped": sum(f.skipped.values()), "bytes": f.bytes_read}
            for f in ledger.files.values()
        ]  # fmt: skip
        if rows:
            self.database.insert("loads", pa.Table.from_pylist(rows))

    def _needs_met(self) -> frozenset[str]:
        """Which kinds of data the workspace holds, by the names signals state their needs in."""
        present = self.database.rows(
            """
            SELECT 'messages' FROM conversations WHERE origin <> 'outcomes' HAVING count(*) > 0
            UNION ALL SELECT 'user_ids' FROM conversations WHERE user_id IS NOT NULL HAVING count(*) > 0
            UNION ALL SELECT 'feedback' FROM feedback WHERE source = 'user' HAVING count(*) > 0
            UNION ALL SELECT 'judge_scores' FROM feedback WHERE source = 'judge' HAVING count(*) > 0
            UNION ALL SELECT 'actions' FROM actions HAVING count(*) > 0
            UNION ALL SELECT 'artefacts' FROM actions WHERE artefact IS NOT NULL HAVING count(*) > 0
            """
        )
        return frozenset(row[0] for row in present)

    def _silent_signals(self) -> dict[str, Json]:
        """The signals that cannot say anything yet, and the data each lacks."""
        met = self._needs_met()
        observed = {row[0] for row in self.database.rows("SELECT DISTINCT signal FROM observations WHERE version = 0")}
        lacking = {
            name: sorted(signal.needs - met) for name, signal in signals().items() if signal.needs - met and name not in observed
        }
        return {"silent_signals": sorted(lacking), "silent_because": lacking}

    def divide_by(self, attribute: str) -> None:
        """Names the attribute that divides users into cohorts; without it the first usual one present does."""
        self.database.set_meta("cohort_attribute", attribute)

    # --- observe ------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Brings observations and requests up to date with what was loaded, for the conversations it touched."""
        from everyturn.intents.requests import extract
        from everyturn.signals.outcome import observe_all

        db = self.database
        met = self._needs_met()
        active = [s for s in signals().values() if s.needs <= met | {"user_ids"}]
        state = orjson.dumps({s.name: s.version for s in active}, option=orjson.OPT_SORT_KEYS).decode()
        if db.meta("observed_signals") != state:  # a signal became able to speak, or changed its meaning: ask it everywhere
            db.run("INSERT INTO pending SELECT conversation_id FROM conversations WHERE origin <> 'outcomes'")
        total: int = db.scalar("SELECT count(DISTINCT conversation_id) FROM pending")
        if not total:
            return
        db.run("CREATE OR REPLACE TABLE current AS SELECT DISTINCT conversation_id FROM pending")
        done = 0
        with db.transaction():
            for name in ("observations", "requests"):
                db.run(
                    f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM current) AND conversation_id"
                    " NOT IN (SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
                )
            for conversations in _batched(evidence.stream(db, among="current"), _BATCH):
                db.insert("observations", observe_all(conversations, active))
                db.insert("requests", extract(conversations))
                done += len(conversations)
                self.progress("observing", done, total)
            db.run("DELETE FROM pending")
            db.set_meta("observed_signals", state)
            db.set_meta("requests_changed", "yes")
        db.run("DROP TABLE current")
        self.progress("observing", total, total)

    # --- measure ------------------------------------------------------------------------------------------------

    def _signal(self, name: str) -> Signal:
        known = signals()
        if name not in known:
            raise UnknownName.among("signal", name, known)
        return known[name]

    def sql(
        self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user"
    ) -> str:
        """The query behind `measure`, in DuckDB's dialect; its one parameter is the signal's name."""
        self._signal(signal)
        return metrics.summary_sql(_names(by), metrics.dimensions(self.database), where=where, unit=unit)

    def measure(
        self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user"
    ) -> Result:
        """A signal's rate by group, each with its range per user, or "not enough" with the users it has and needs.

        `by` names any of intent, cohort, week, day, month and the conversations' attributes; `where` is a condition over the
        same names. Conversations without a user id cannot give an honest range: they are counted in `without_user`, and
        where all lack one this is an error, unless `unit="conversation"` says that nobody appears twice.
        """
        from everyturn.stats.intervals import rate

        self._signal(signal)
        groups = _names(by)
        self._refresh()
        if "intent" in groups or "intent_id" in groups or (where and "intent" in where):
            self._ensure_intents()
        table = metrics.summarise(self.database, signal, by=groups, where=where, unit=unit)
        rows = []
        without_user = 0
        for row in table.to_pylist():
            without_user += row["without_user"]
            estimate = rate(summary_of(row))
            rows.append({"group": {name: _plain(row[name]) for name in groups}, **estimate.to_json()})
        if rows and without_user and not any(row.get("users") or row.get("not_enough", {}).get("users") for row in rows):
            raise NoUserIds(
                "no user ids, so no honest range can be given",
                where=f"{without_user:,} answers, none with a user id",
                expected="an id per person: the same person twice must count once",
                try_="everyturn load … --user-id metadata.user, or --unit conversation if nobody appears twice",
            )
        return Result(schema="everyturn/1", verb="measure", signal=signal, by=groups, where=where, rows=rows,
                      without_user=without_user)  # fmt: skip


def signals() -> dict[str, Signal]:
    """The signals by name."""
    found: dict[str, Signal] = registry.find("signals", "SIGNAL")
    return found


def summary_of(row: dict[str, Any]) -> Summary:
    """The totals of one row of `metrics.summarise`."""
    return Summary(row["users"], row["n"], row["y"], row["nn"], row["ny"], row["yy"], row["unknown"])


def _names(by: str | Sequence[str]) -> list[str]:
    return [n.strip() for n in by.split(",") if n.strip()] if isinstance(by, str) else list(by)


def _plain(value: Json) -> Json:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _batched(values: Iterable[Conversation], size: int) -> Iterator[list[Conversation]]:
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
