"""The verb `pull`: loads from a vendor's API, continuing where the last pull ended.

For each of the vendor's lists the workspace stores the time from which it has been read and the mark up to which it has been read. A mark
is stored after the rows before it, so an interrupted pull loses nothing: the next one reads the last stretch again, and rows that come twice
change nothing. Keys are read from the environment and only used in requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import orjson

from everyturn import registry
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.errors import InputError, UnknownName
from everyturn.model import Json, Rejected
from everyturn.pulls import Pull, Start
from everyturn.pulls.api import Api
from everyturn.readers import ReadOptions
from everyturn.readers.batches import Batch
from everyturn.readers.driver import DecodedRecords
from everyturn.workspace.ledger import Ledger, keep_ledger
from everyturn.workspace.observing import silent_signals
from everyturn.workspace.result import Progress
from everyturn.workspace.staging import merge_staged, stage_batch

_MERGE_BYTES = 64 * 2**20  # staged between merges; bounds memory and what an interruption can cost
_AGO = re.compile(r"(\d+)\s*(d|day|days|h|hours?|w|weeks?)")


def pulls() -> dict[str, Pull]:
    """All vendors, by name."""
    return registry.find("pulls", "PULL")


def pull_into(
    database: Database,
    name: str,
    *,
    since: str | date | None,
    environment: Mapping[str, str],
    progress: Progress,
    options: ReadOptions,
    keep_personal_data: bool,
    now: datetime,
) -> dict[str, Json]:
    """Reads all of a vendor's lists, each from its mark on; returns the fields of the `pull` result.

    `since` is required for the first pull. A `since` earlier than the time from which a list has been read reads it again from there.
    """
    known = pulls()
    if name not in known:
        raise UnknownName.among("vendor", name, known, example="everyturn pull {}")
    vendor = known[name]
    if missing := [variable for variable in vendor.needs if not environment.get(variable)]:
        raise InputError(
            f"the keys of {name} are not set",
            where="the environment",
            expected=", ".join([*vendor.needs, *(f"{v} (if not the usual one)" for v in vendor.takes)]),
            try_=f"export {missing[0]}=…",
        )
    connection = vendor.connect(environment)
    key = f"pull {name} {connection.account}"
    asked = _asked(database, key, None if since is None else _time(since, now), name)
    store = _Store(database, keep_personal_data=keep_personal_data)
    with Api(name, connection.base_url, connection.headers, variables=vendor.needs) as api:
        for stream in vendor.streams(api, environment):
            marks = _Marks(database, f"{key} {stream.name}")
            records = DecodedRecords(f"{name} {stream.name}", format=stream.format, now=now, options=options)
            start = marks.start(asked)
            rows = 0
            for page in stream.read(api, start):
                if page.rows:
                    store.add(records.read(page.rows, page.size), page.size)
                    rows += len(page.rows)
                progress(f"pulling {stream.name}", rows, None)
                if page.mark is not None:
                    store.merge()
                    marks.reach(start, page.mark)
            store.merge()
    keep_ledger(database, store.ledger, kind="conversations")
    return {
        "vendor": name,
        "kind": "conversations",
        "requests": api.requests,
        **store.ledger.to_json(store.refused),
        **store.counts(),
        **silent_signals(database),
    }


def _time(value: str | date, now: datetime) -> datetime:
    """The argument `since` as a time: a day, a time, or a time ago ("7d", "12h", "4w"). Raises InputError if it is none of these."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    ago = _AGO.fullmatch(value.strip().lower())
    try:
        if ago is not None:
            return (
                now
                - int(ago[1]) * {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[ago[2][0]]
            )
        return _time(datetime.fromisoformat(value), now)
    except (ValueError, OverflowError):
        raise InputError(
            "this is no time", where="since", expected="a day, or so long ago", try_="--since 2026-11-01, or --since 7d"
        ) from None


def _asked(database: Database, key: str, asked: datetime | None, name: str) -> datetime:
    """The time from which to read: `asked` or, if that is None, the earliest time asked for before. New lists begin there too."""
    first = database.meta(key)
    if asked is None and first is None:
        raise InputError(
            f"nothing has been pulled from {name} yet",
            where="--since is not given",
            expected="the time to begin at",
            try_=f"everyturn pull {name} --since 30d",
        )
    if asked is None:
        assert first is not None
        return datetime.fromisoformat(first)
    if first is None or asked < datetime.fromisoformat(first):
        database.set_meta(key, asked.isoformat())
    return asked


@dataclass(frozen=True, slots=True)
class _Marks:
    """What the workspace stores about one list: the time from which, and the mark up to which, it has been read."""

    database: Database
    key: str

    def start(self, asked: datetime) -> Start:
        known: dict[str, Json] = orjson.loads(self.database.meta(self.key) or "{}")
        since = datetime.fromisoformat(known["since"]) if known else None
        return Start(asked) if since is None or asked < since else Start(since, known["mark"])

    def reach(self, start: Start, mark: str) -> None:
        known = {"since": start.since.isoformat(), "mark": mark}
        self.database.set_meta(self.key, orjson.dumps(known).decode())


class _Store:
    """Stores pages: they are staged, and merged when there are enough of them or a mark is reached."""

    def __init__(self, database: Database, *, keep_personal_data: bool) -> None:
        self.ledger = Ledger()
        self.refused: list[Rejected] = []
        self._database = database
        self._keep_personal_data = keep_personal_data
        self._salt = database.meta("salt") or ""
        self._loading = Loading(database)
        self._staged = 0
        database.run("CREATE OR REPLACE TEMP TABLE pulled (conversation_id VARCHAR)")

    def add(self, batch: Batch, size: int) -> None:
        """Stages a page of `size` bytes, and merges if enough is staged."""
        self.ledger.add(batch)
        stage_batch(self._loading, batch, salt=self._salt, keep_personal_data=self._keep_personal_data)
        if "eval_cases" in batch.tables:
            self._database.set_meta("cases_changed", "yes")
        self._staged += size
        if self._staged >= _MERGE_BYTES:
            self.merge()

    def merge(self) -> None:
        """Stores what has been staged."""
        if not self._staged:
            return
        merged = merge_staged(self._loading)
        self.refused += merged.rejected
        self._database.run("INSERT INTO pulled SELECT conversation_id FROM touched EXCEPT SELECT * FROM pulled")
        self._staged = 0

    def counts(self) -> dict[str, Json]:
        """How many conversations were touched, how many users they have, and how many of all conversations have no user id."""
        (counts,) = self._database.rows(
            "SELECT count(*), count(DISTINCT user_id) FROM pulled LEFT JOIN conversations USING (conversation_id)"
        )
        without = self._database.scalar("SELECT count(*) FROM conversations WHERE user_id IS NULL")
        return {"conversations": counts[0], "users": counts[1], "without_user_id": without}
