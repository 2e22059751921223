"""Rows whose clock was wrong: a few answers far away from all others in time would stretch the calendar of everything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY

_GAP_DAYS = 56  # a pause this long may be a product's; a handful of rows behind it is a wrong clock
_FEW = 0.01  # of all rows


def only_running(totals: pa.Table, asked: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables without the days that lie more than eight weeks from the rest and hold less than 1% of the rows.

    A week without data, or a product that paused for a season, stays. What is left out here still counts in `measure`.
    """
    day = np.r_[totals["block"].to_numpy() // BLOCKS_A_DAY, asked["day"].to_numpy()]
    if not len(day):
        return totals, asked
    days, rows = np.unique(day, return_counts=True)
    stretch = np.cumsum(np.r_[0, np.diff(days) > _GAP_DAYS])
    share = np.bincount(stretch, weights=rows) / rows.sum()
    keep = pa.array(days[share[stretch] >= _FEW])
    of_block = pc.is_in(pc.divide(totals["block"], BLOCKS_A_DAY), keep)
    return totals.filter(of_block), asked.filter(pc.is_in(asked["day"], keep))
