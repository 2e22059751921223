"""Learns from the stored answers how old an output must be before its answer counts."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY
from everyturn.analysis.settling import WINDOWS, days_open, horizons_by_signal
from everyturn.engines import horizons
from everyturn.engines.local import Database
from everyturn.engines.watched import closed_block


def learn_horizons(db: Database) -> None:
    """Computes the horizons of all signals from the current answers, and stores them."""
    timed = horizons_by_signal(horizons.lags(db), today=closed_block(db) // BLOCKS_A_DAY)
    untimed = _untimed(db)
    longest = {name: max(timed.get(name, 0), untimed.get(name, 0)) for name in {**timed, **untimed}}
    horizons.keep(db, longest, open_days=max(untimed.values(), default=0))


def _untimed(db: Database) -> dict[str, int]:
    """The horizons of signals whose answers carry no time, from the share of unknown answers by age."""
    found = horizons.untimed(db)
    days = {}
    for name in pc.unique(found["signal"]).to_pylist():
        rows = found.filter(pc.and_(pc.equal(found["signal"], name), pc.less(found["age"], 2 * max(WINDOWS))))
        age, asked, known = (rows[column].to_numpy() for column in ("age", "asked", "known"))
        if len(age):
            days[name] = days_open(*(np.bincount(age, weights=each).astype(float) for each in (asked, known)))
    return days
