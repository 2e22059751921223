"""Leaves out rows with a wrong clock: a few answers far from all others in time would stretch every time series."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY

_GAP_DAYS = 56  # a product may pause for longer; but a handful of rows beyond such a pause come from a wrong clock
_FEW = 0.01  # of all rows


def only_running(totals: pa.Table, asked: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables without stretches of days that are more than eight weeks from the others and have less than 1% of the rows.

    Weeks without data and long pauses of a product do not matter. What is left out here still counts in `measure`.
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
