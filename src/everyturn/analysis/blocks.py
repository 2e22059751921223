"""Rows of answers -> units: one bet per person, signal, stream and block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everyturn.stats.summaries import Codes, Floats


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of an increment, ordered by block, signal and person: places of parts (`at`) and streams (`stream`), a row per level."""

    block: Codes
    signal: Codes
    user: Codes
    cohort: Codes
    intent: Codes
    n: Floats
    y: Floats
    at: Codes
    stream: Codes
    named: np.ndarray
    run: Codes
    by_intent: Codes


@dataclass(frozen=True, slots=True)
class Units:
    """One unit per person, signal and stream: the order of rows, where each unit starts, its stream, signal and level."""

    rows: Codes
    starts: Codes
    stream: Codes
    signal: Codes
    level: Codes


def stream_key(head: Codes, cohort: Codes | int, intent: Codes | int) -> Codes:
    """A stream as one integer: signal and level (`head`), cohort + 1 and intent + 1, 0 where all are meant."""
    key: Codes = np.asarray((head << 28) + (np.asarray(cohort) << 16) + intent, dtype=np.int64)
    return key


def units_of(rows: Block, place: slice, ready: np.ndarray, *, old_cell: np.ndarray, levels: tuple[int, ...]) -> Units:
    """One unit per person, signal and stream: the rows of each, level after level, and where each unit starts."""
    low, high = place.start, place.stop
    own, run, signal = rows.stream[:, low:high], rows.run[low:high], rows.signal[low:high]
    orders: list[tuple[Codes, Codes, Codes, Codes]] = []
    for level in levels:
        order: Codes = rows.by_intent[low:high] - low if level == 2 else np.arange(high - low)
        keep = ready & (rows.named[low:high] if level >= 2 else True) & (old_cell if level == 3 else True)
        order = order[keep[order]]
        orders.append((order, own[level][order], run[order], np.full(len(order), level)))
    order, stream, runs, level_of = (np.concatenate(column) for column in zip(*orders, strict=True))
    if not len(order):
        return Units(order, order, order, order, order)
    starts = np.flatnonzero(np.r_[True, (np.diff(stream) != 0) | (np.diff(runs) != 0)])
    return Units(order, starts, stream[starts], signal[order][starts], level_of[starts])
