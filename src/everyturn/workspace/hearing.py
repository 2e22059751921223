"""Runs the monitor: its state is stored in the workspace, and only new closed blocks are folded into it.

The alarms depend only on the data and the marks. If anything that has been folded has changed since (late outcomes, merged users, renamed
cohorts, intents found again), the whole history is folded again, which takes about two microseconds per answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY, BUDGET, Marks, day_of
from everyturn.analysis.findings import Heard
from everyturn.analysis.ledger import pack, unpack
from everyturn.analysis.monitor import Monitor
from everyturn.analysis.panel import WORSE
from everyturn.analysis.settling import settle
from everyturn.analysis.shares import Demand
from everyturn.analysis.stray import only_running
from everyturn.engines import horizons, watched
from everyturn.engines.local import Database

_VERSION = 7  # of the stored state


@dataclass(frozen=True)
class StoredMarks:
    """The marks as they are stored: releases, holidays, ids of muted findings, and nodes with a new normal."""

    releases: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    normals: tuple[tuple[str, str, str | None, str | None], ...] = ()  # day, signal, cohort, intent_id

    def to_json(self) -> dict[str, Any]:
        """The fields of the `mark` result."""
        normals = [
            {"since": day, "signal": signal, "cohort": cohort, "intent_id": intent}
            for day, signal, cohort, intent in self.normals
        ]
        return {
            "releases": list(self.releases),
            "holidays": list(self.holidays),
            "muted": list(self.muted),
            "normals": normals,
        }

    def marks(self) -> Marks:
        """The marks in the form the monitor uses."""
        normals: dict[int, list[tuple[str, str | None, str | None]]] = {}
        for day, signal, cohort, intent in self.normals:
            normals.setdefault(_day(day), []).append((signal, cohort, intent))
        return Marks(
            frozenset(map(_day, self.releases)),
            frozenset(map(_day, self.holidays)),
            {day: tuple(nodes) for day, nodes in normals.items()},
        )


def marks_of(db: Database) -> StoredMarks:
    """All marks of the workspace."""
    stored = orjson.loads(db.meta("monitor_marks") or "{}")
    return StoredMarks(
        tuple(stored.get("releases", ())),
        tuple(stored.get("holidays", ())),
        tuple(stored.get("muted", ())),
        tuple((day, signal, cohort, intent) for day, signal, cohort, intent in stored.get("normals", ())),
    )


def hear(db: Database, *, until: date | None = None, budget: float = BUDGET) -> Heard:
    """Folds new data into the stored state and returns the monitor's input and all alarms; with `until`, as of the end of that day.

    The stored state is that of the default budget. For another budget, and with `until`, the whole history is folded.
    """
    marks = marks_of(db).marks()
    totals, asked = watched.totals(db, WORSE), watched.asked(db)
    totals, asked = only_running(totals, asked)
    end = watched.closed_block(db) - horizons.open_days(db) * BLOCKS_A_DAY
    if until is not None:
        end = min(end, (day_of(until) + 1) * BLOCKS_A_DAY)
        totals = totals.filter(pc.less(totals["block"], end))
        asked = asked.filter(pc.less(asked["day"], -(-end // BLOCKS_A_DAY)))
    is_kept = until is None and budget == BUDGET
    monitor, demand = (_kept(db, totals, asked, marks) if is_kept else None) or (
        Monitor(WORSE, budget, marks),
        Demand(budget, marks),
    )
    settled = settle(totals, until=end)
    monitor.fold(settled.totals, until=settled.until)
    demand.fold(asked, until=end // BLOCKS_A_DAY)
    if is_kept:
        _keep(db, monitor, demand, totals, asked)
    rung = [*map(settled.dated, monitor.alarms), *demand.alarms]
    return Heard(settled.answers, asked, rung, budget, horizons.horizon(db, "acceptance"))


def _kept(db: Database, totals: pa.Table, asked: pa.Table, marks: Marks) -> tuple[Monitor, Demand] | None:
    """The stored state; None if there is none, or if the data or marks it was computed from have changed."""
    stored = db.blob("monitor")
    if stored is None:
        return None
    header, arrays = unpack(stored)
    if header["version"] != _VERSION or header["marks"] != _digest_marks(db):
        return None
    monitor = Monitor.from_bytes(arrays["monitor"].tobytes(), worse=WORSE, marks=marks)
    demand = Demand.from_bytes(arrays["demand"].tobytes(), marks=marks)
    if header["heard"] != _digest(db, totals, asked, monitor.through, demand.through):
        return None
    return monitor, demand


def _keep(db: Database, monitor: Monitor, demand: Demand, totals: pa.Table, asked: pa.Table) -> None:
    header = {
        "version": _VERSION,
        "marks": _digest_marks(db),
        "heard": _digest(db, totals, asked, monitor.through, demand.through),
    }
    arrays = {
        name: np.frombuffer(state.to_bytes(), dtype=np.uint8)
        for name, state in (("monitor", monitor), ("demand", demand))
    }
    db.set_blob("monitor", pack(header, arrays))


def _digest_marks(db: Database) -> str:
    told = marks_of(db)
    return orjson.dumps([told.releases, told.holidays, told.normals]).decode()


def _digest(db: Database, totals: pa.Table, asked: pa.Table, block: int, day: int) -> list[str]:
    """Digests of the rows up to a block and a day, from which it can be told whether they have changed."""
    return [
        watched.digest(db, totals.filter(pc.less_equal(totals["block"], block))),
        watched.digest(db, asked.filter(pc.less_equal(asked["day"], day))),
    ]


def _day(text: str) -> int:
    return day_of(date.fromisoformat(text))
