"""The per-user totals as arrays: for each signal, a panel of users x cohorts x intents x weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from everyturn.analysis import Weekly
from everyturn.errors import InputError, NoUserIds
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.intervals import NEEDED_USERS, difference, rate
from everyturn.stats.summaries import Codes, Floats, join, sum_by, summarise, summarise_one

Mask = NDArray[np.bool_]

COLUMNS = ("user_id", "cohort", "intent_id", "week", "signal", "n", "y", "unknown")
WORSE: Mapping[str, int] = {
    "acceptance": -1,
    "feedback": -1,
    "edits": 1,
    "edit_share": 1,
    "rework": 1,
    "complaint": 1,
    "escalation": 1,
}
"""The direction (+1 or -1) in which each signal gets worse."""

_OPEN_WINDOW = 0.05  # a week whose share of unknown answers exceeds the usual one by this much is still open


@dataclass(frozen=True)
class Rows:
    """One signal's totals, a row per user, cohort, intent and week; the codes are indices into the panel's lists of names.

    `n` is the number of known answers, `y` their sum, `unknown` the number of unknown ones.
    """

    user: Codes
    cohort: Codes
    intent: Codes
    week: Codes
    n: Floats
    y: Floats
    unknown: Floats

    def __len__(self) -> int:
        """How many rows."""
        return len(self.user)

    def take(self, keep: Mask) -> Rows:
        """The rows where `keep` holds."""
        at = np.flatnonzero(keep)  # once, for all seven columns
        return Rows(
            self.user[at],
            self.cohort[at],
            self.intent[at],
            self.week[at],
            self.n[at],
            self.y[at],
            self.unknown[at],
        )

    @cached_property
    def summary(self) -> Summary:
        """The totals of all the rows together."""
        return summarise_one(self.user, self.n, self.y, self.unknown)


_STORED = dict.fromkeys(("user", "cohort", "intent", "week"), np.int32) | dict.fromkeys(
    ("n", "y", "unknown"), np.float64
)


@dataclass(frozen=True)
class Panel:
    """The totals of all signals over the same users, cohorts, intents and weeks.

    `weeks` are consecutive Mondays, of which the first `complete` weeks are over. `intents` contains None for requests that fit no intent.
    """

    users: Sequence[str]
    cohorts: Sequence[str]
    intents: Sequence[str | None]
    weeks: Sequence[date]
    complete: int
    signals: Mapping[str, Rows]

    def to_bytes(self) -> bytes:
        """The panel as an Arrow IPC stream, from which `from_bytes` gives it back."""
        names = {
            "users": self.users,
            "cohorts": self.cohorts,
            "intents": self.intents,
            "weeks": [week.toordinal() for week in self.weeks],
            "complete": self.complete,
            "signals": {name: len(rows) for name, rows in self.signals.items()},
        }
        columns = {
            name: np.concatenate(
                [np.empty(0, kind), *(getattr(rows, name).astype(kind) for rows in self.signals.values())]
            )
            for name, kind in _STORED.items()
        }
        table = pa.table(columns).replace_schema_metadata({"names": orjson.dumps(names)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        stored: bytes = sink.getvalue().to_pybytes()
        return stored

    @classmethod
    def from_bytes(cls, stored: bytes) -> Panel:
        """The panel that `to_bytes` stored."""
        table = pa.ipc.open_stream(stored).read_all()
        names = orjson.loads(table.schema.metadata[b"names"])
        columns = {name: table[name].to_numpy() for name in _STORED}
        signals, start = {}, 0
        for name, count in names["signals"].items():
            some = {column: values[start : start + count] for column, values in columns.items()}
            signals[name] = Rows(
                **{c: v.astype(np.int64 if _STORED[c] == np.int32 else np.float64) for c, v in some.items()}
            )
            start += count
        weeks = [date.fromordinal(day) for day in names["weeks"]]
        return cls(names["users"], names["cohorts"], names["intents"], weeks, names["complete"], signals)

    def rows(self, signal: str) -> Rows:
        """One signal's rows; empty if it has none."""
        nothing, none = np.zeros(0, dtype=np.int64), np.zeros(0)
        return self.signals.get(signal) or Rows(nothing, nothing, nothing, nothing, none, none, none)

    def weeks_known(self, signal: str) -> int:
        """In how many weeks there is a known answer, one that is not over counting too; `engines.metrics.weeks_known` in SQL."""
        rows = self.rows(signal)
        return len(np.unique(rows.week[rows.n > 0]))

    @cached_property
    def traffic(self) -> Rows:
        """Every user's outputs by cohort, intent and week, in `n`: the largest number of answers, known or not, of any signal."""
        parts = list(self.signals.values())
        if not parts:
            return self.rows("")
        key = np.concatenate([self._key(p) for p in parts])
        asked = np.concatenate([p.n + p.unknown for p in parts])
        keys, place = np.unique(key, return_inverse=True)
        most = np.zeros(len(keys))
        np.maximum.at(most, place, asked)
        rest, week = np.divmod(keys, len(self.weeks))
        rest, intent = np.divmod(rest, len(self.intents))
        user, cohort = np.divmod(rest, len(self.cohorts))
        return Rows(user, cohort, intent, week, most, np.zeros(len(keys)), np.zeros(len(keys)))

    def _key(self, rows: Rows) -> Codes:
        cell = (rows.user * len(self.cohorts) + rows.cohort) * len(self.intents) + rows.intent
        key: Codes = cell * len(self.weeks) + rows.week
        return key

    def trend(self, signal: str, *, weeks: int | None = None) -> tuple[Rows, int]:
        """One signal's rows with known answers in complete weeks, and the number of weeks they span.

        Weeks at the end whose answers are still coming in (those of rework take seven days) are left out, because answers that are known
        early differ from those known late. `weeks` ends the series earlier, as if only so many weeks had passed.
        """
        today = self.complete if weeks is None else min(weeks, self.complete)
        count = max(today - self._open_weeks.get(signal, 0), 0)
        if (signal, count) not in self._trends:
            rows = self.rows(signal)
            self._trends[signal, count] = rows.take((rows.week < count) & (rows.n > 0))
        return self._trends[signal, count], count

    @cached_property
    def _trends(self) -> dict[tuple[str, int], Rows]:
        """The rows that were asked for as trends: each intent and each user asks for the same ones."""
        return {}

    @cached_property
    def _open_weeks(self) -> Mapping[str, int]:
        """For each signal, the number of complete weeks at the end whose answers are still coming in."""
        late = {}
        for name, rows in self.signals.items():
            inside = rows.week < self.complete
            asked = sum_by(rows.week[inside], (rows.n + rows.unknown)[inside], self.complete)
            missing = sum_by(rows.week[inside], rows.unknown[inside], self.complete)
            share = missing / np.maximum(asked, 1)
            usual = float(np.median(share)) if len(share) else 0.0
            closed = np.flatnonzero((share <= usual + _OPEN_WINDOW) & (share < 1))
            late[name] = self.complete - 1 - int(closed[-1]) if len(closed) else 0
        return late

    def but(self, keep: Mapping[str, Mask]) -> Panel:
        """The panel with only the rows that `keep` selects, for each signal in it; other signals stay as they are."""
        kept = {name: rows.take(keep[name]) if name in keep else rows for name, rows in self.signals.items()}
        return replace(self, signals=kept)

    def without(self, *, intents: Sequence[int] = (), users: Sequence[int] = ()) -> Panel:
        """The panel without these intents and users (given as codes)."""
        return self.but(
            {name: ~np.isin(r.intent, intents) & ~np.isin(r.user, users) for name, r in self.signals.items()}
        )

    def recent(self, weeks: int) -> Panel:
        """The panel of the last `weeks` complete weeks and of the incomplete one after them."""
        first = max(self.complete - weeks, 0)
        if not first:
            return self
        late = self.but({name: rows.week >= first for name, rows in self.signals.items()})
        moved = {name: replace(rows, week=rows.week - first) for name, rows in late.signals.items()}
        return replace(self, weeks=self.weeks[first:], complete=self.complete - first, signals=moved)

    def weekly(self, signal: str, *, cohort: int | None = None, intent: int | None = None) -> tuple[Weekly, ...]:
        """A signal's rate by complete week, over all users or in one cohort or intent."""
        rows, count = self.trend(signal)
        rows = rows.take(node_mask(rows, cohort, intent))
        totals = summarise(rows.week, rows.user, rows.n, rows.y, rows.unknown, groups=count)
        return tuple((week, rate(total)) for week, total in zip(self.weeks[:count], totals, strict=True))


def has_both_sides(rows: Rows, keep: Mask) -> bool:
    """Whether the rows kept and the others each have enough users for a range."""
    return all(int(np.count_nonzero(np.bincount(rows.user[side]))) >= NEEDED_USERS for side in (keep, ~keep))


def contrast(rows: Rows, keep: Mask, *, needed: int = NEEDED_USERS) -> Estimate | NotEnough:
    """The rate of the rows kept minus that of the others, with users paired."""
    joint = join(rows.user, (rows.n * keep, rows.y * keep), (rows.n * ~keep, rows.y * ~keep))
    return difference(rows.take(keep).summary, rows.take(~keep).summary, joint, needed=needed)


def node_mask(rows: Rows, cohort: int | None, intent: int | None) -> Mask:
    """Which rows belong to a cohort and an intent; None means all."""
    keep = np.ones(len(rows), dtype=bool)
    if cohort is not None:
        keep &= rows.cohort == cohort
    if intent is not None:
        keep &= rows.intent == intent
    return keep


def codes_in(panel: Panel, table: pa.Table) -> tuple[Codes, Codes, Codes]:
    """The panel's codes for a table's columns user_id, cohort and intent_id; -1 for names that are not in the panel."""
    user, cohort, intent = (
        pc.fill_null(pc.index_in(texts, pa.array(list(names), pa.string()), skip_nulls=False), -1).to_numpy()
        for texts, names in (
            (table["user_id"].cast(pa.string()), panel.users),
            (pc.fill_null(table["cohort"].cast(pa.string()), "unknown"), panel.cohorts),
            (table["intent_id"].cast(pa.string()), panel.intents),
        )
    )
    return user.astype(np.int64), cohort.astype(np.int64), intent.astype(np.int64)


def read_panel(cells: pa.Table, weeks_complete: date | None) -> Panel:
    """The panel of a table with the columns user_id, cohort, intent_id, week, signal, n, y, unknown.

    `weeks_complete` is the Monday of the last week that is over, None where none is. The order of the table's rows does not
    matter. Rows without a user have no place here: without a person there is no honest range; NoUserIds where all lack one.
    """
    missing = [name for name in COLUMNS if name not in cells.column_names]
    if missing:
        raise InputError(
            "the totals lack columns",
            where=", ".join(cells.column_names) or "a table without columns",
            expected=", ".join(missing),
            try_="the table that `engines.metrics.cells` returns",
        )
    people = cells.num_rows - cells["user_id"].null_count
    if cells.num_rows and not people:
        raise NoUserIds(
            "no user ids, so nothing can be said with an honest range",
            where=f"{cells.num_rows:,} totals, none with a user id",
            expected="an id per person: the same person twice must count once",
            try_="everyturn load … --user-id metadata.user",
        )
    if people < cells.num_rows:
        cells = cells.filter(pc.is_valid(cells["user_id"]))
    users, user = _coded(cells["user_id"])
    cohorts, cohort = _coded(pc.fill_null(cells["cohort"], "unknown"))
    intents, intent = _coded(cells["intent_id"])
    signal_names, signal = _coded(cells["signal"])
    day = cells["week"].cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)
    first = int(day.min()) if len(day) else 0
    week = (day - first) // 7
    monday = date(1970, 1, 1) + timedelta(days=first)
    weeks = [monday + timedelta(weeks=i) for i in range(int(week.max()) + 1 if len(week) else 0)]
    complete = 0 if weeks_complete is None else sum(w <= weeks_complete for w in weeks)
    n, y, unknown = (cells[c].cast(pa.float64()).to_numpy() for c in ("n", "y", "unknown"))
    key = (((signal * len(users) + user) * len(cohorts) + cohort) * len(intents) + intent) * len(weeks) + week
    order = np.argsort(key, kind="stable")  # by codes: sorting ten million rows by their texts takes minutes
    bounds = np.searchsorted(signal[order], np.arange(len(signal_names) + 1)).tolist()
    signals = {}
    for name, start, end in zip(signal_names, bounds, bounds[1:], strict=False):
        at = order[start:end]
        signals[str(name)] = Rows(user[at], cohort[at], intent[at], week[at], n[at], y[at], unknown[at])
    return Panel([str(u) for u in users], [str(c) for c in cohorts], intents, weeks, complete, signals)


def _coded(column: pa.ChunkedArray) -> tuple[list[str | None], Codes]:
    """The distinct values in alphabetical order (None last) and each row's place among them."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    texts = encoded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=lambda i: (texts[i] is None, texts[i] or ""))
    place = np.empty(len(texts), np.int64)
    place[order] = np.arange(len(texts))
    return [texts[i] for i in order], place[encoded.indices.to_numpy()]
