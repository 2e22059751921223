"""When an answer may count: once its like, good and bad, have come in as well.

Where good answers are known at once and bad ones weeks later (or the other way round), the answers of young outputs that are known
are not like those still to come: a product's first weeks, a new intent's, each person's look too good, and so does every last
week. So what is known of an output counts once the output is as old as the signal's *horizon*: the age from which on what is
known is like what there is. It is learnt from the lags between outputs and their answers. Lags that are the same for good and bad
answers, however long, make nobody wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY, Alarm
from everyturn.stats.summaries import Codes, Floats

FIRST_DAYS = 28  # before which nothing is said of lags, nor rung by the monitor
LONGEST = 56  # days; what comes later than that counts when it comes
_WINDOW = 84  # days of outputs that tell the lags: an old habit is forgotten in three months
_SHIFT = 0.01  # of all outputs: so many answers more of one kind than of the other may still be missing
_SURE = 4.0  # standard errors; a horizon costs days
_SEEN = 0.25  # share of a kind of answers known at an age, from which on it tells how many there are


@dataclass(frozen=True)
class Settled:
    """The answers that may count: `totals` by the block each counts in, `answers` by that of its output.

    `until` is the first block that is not to be heard yet, `horizons` each signal's horizon in days by now.
    """

    totals: pa.Table
    answers: pa.Table
    until: int
    horizons: Mapping[str, int]
    ages: Mapping[str, Floats]
    first: int

    def dated(self, alarm: Alarm) -> Alarm:
        """The alarm with the day its change began in the outputs: as old as the answers were that counted then."""
        ages = self.ages.get(alarm.full_signal)
        day = alarm.since - self.first
        if ages is None or not 0 <= day < len(ages):
            return alarm
        return replace(alarm, since=alarm.since - int(ages[day]))


def settle(totals: pa.Table, *, until: int) -> Settled:
    """The answers that may count before block `until`, from what was known before it.

    `totals` has given (the block of the output), block (in which its answer became known), signal, user_id, cohort, intent_id, n
    and y. An answer counts in the first block in which it is known and its output as old as the horizon was then; what was known by
    then alone decides. The first four weeks follow what is known of lags at their end, and are not heard before.
    """
    rows = totals.filter(pc.less(totals["block"], until))
    block = rows["block"].cast(pa.int64()).to_numpy()
    first = int(block.min()) // BLOCKS_A_DAY if len(block) else 0
    days = until // BLOCKS_A_DAY - first + 1
    if not len(block) or days <= FIRST_DAYS:
        none = totals.slice(0, 0)
        return Settled(none.drop_columns(["given"]), none.drop_columns(["block"]), 0, {}, {}, first)
    given = np.clip(rows["given"].cast(pa.int64()).to_numpy(), block - (LONGEST - 1) * BLOCKS_A_DAY, block)
    given = np.maximum(given, first * BLOCKS_A_DAY)
    clock = np.arange(first * BLOCKS_A_DAY, until)
    coded = rows["signal"].combine_chunks().dictionary_encode()
    names, signal = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    n, y = (rows[name].to_numpy() for name in ("n", "y"))
    counts, horizons, ages = block.copy(), {}, {}
    for code, name in enumerate(names):
        own = signal == code
        waits = horizons_of(_lags(given[own], block[own], n[own], y[own], first=first, days=days))
        waits[:FIRST_DAYS] = waits[FIRST_DAYS]
        frontier = np.maximum.accumulate(clock - waits[clock // BLOCKS_A_DAY - first] * BLOCKS_A_DAY)
        counts[own] = np.maximum(block[own], clock[0] + np.searchsorted(frontier, given[own]))
        horizons[name] = int(waits[-1])
        ages[name] = _ages(given[own], counts[own], n[own], first=first, days=days)
    rows = rows.drop_columns(["block", "given"]).append_column("given", pa.array(given))
    rows = rows.append_column("block", pa.array(counts)).filter(pa.array(counts < until))
    return Settled(_joined(rows), rows.drop_columns(["block"]), until, horizons, ages, first)


def horizons_of(lags: Floats) -> Codes:
    """Per day the horizon in days, from what was known before that day.

    `lags` counts answers by the output's day, the lag in days, and kind (0 bad, 1 good).

    Assumes: outputs of one time have lags alike; the share known by an age is estimated among lags no longer than the data reach.
    Method: the reverse-time product-limit estimate for right-truncated lags (Lynden-Bell 1971; Kalbfleisch and Lawless 1989), of
    good and of bad answers; an age is too young while the two differ, beyond doubt, by more than a hundredth of all outputs.
    """
    days = len(lags)
    share, spread, known = [], [], []
    at, age = np.arange(days)[:, None], np.arange(LONGEST)[None, :]
    last, before = at - age, np.maximum(at - _WINDOW, 0) + np.zeros_like(age)
    inside = last > before
    last = np.maximum(last, before)
    for kind in (0, 1):
        own = lags[:, :, kind]
        so_far = np.cumsum(own, axis=1)
        ends, upto = (np.vstack([np.zeros(LONGEST), np.cumsum(v, axis=0)]) for v in (own, so_far))
        came, seen = (np.where(inside, v[last, age] - v[before, age], 0.0) for v in (ends, upto))
        left = np.maximum(seen - came, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(seen > 0, left / seen, 1.0)
            noise = np.where((left > 1e-9) & (came > 0), came / (seen * left), 0.0)
        share.append(np.exp(_later(np.log(np.maximum(kept, 1e-12)))))
        spread.append(share[-1] ** 2 * _later(noise))
        known.append(np.where(at - 1 - age >= 0, so_far[np.maximum(at - 1 - age, 0), age], 0.0))
    settled = np.minimum(*share) >= _SEEN
    bad, good = (np.where(settled, k / np.maximum(f, _SEEN), 0.0).sum(1) for k, f in zip(known, share, strict=True))
    both = np.maximum(bad + good, 1e-9)
    scale = (bad * good / both**2)[:, None]
    apart = scale * abs(share[1] - share[0])
    unlike = apart > np.maximum(_SHIFT, _SURE * scale * np.sqrt(spread[0] + spread[1]))
    horizon: Codes = np.where(unlike.any(1), LONGEST - np.argmax(unlike[:, ::-1], axis=1), 0)
    return horizon


def _later(values: Floats) -> Floats:
    """Of each age, the sum over all later ones."""
    later: Floats = np.cumsum(values[:, ::-1], axis=1)[:, ::-1] - values
    return later


def _lags(given: Codes, block: Codes, n: Floats, y: Floats, *, first: int, days: int) -> Floats:
    """Answers by the output's day, lag and kind."""
    known = block // BLOCKS_A_DAY
    lag = np.minimum(known - given // BLOCKS_A_DAY, LONGEST - 1)
    place = np.clip(known - lag - first, 0, days - 1) * LONGEST + lag
    size = days * LONGEST
    good = np.bincount(place, weights=y, minlength=size)
    bad = np.bincount(place, weights=n - y, minlength=size)
    lags: Floats = np.stack([bad, good], axis=1).astype(float).reshape(days, LONGEST, 2)
    return lags


def _ages(given: Codes, counts: Codes, n: Floats, *, first: int, days: int) -> Floats:
    """Per day how many days old the outputs were whose answers counted in the week from it on, on average."""
    day = np.minimum(counts // BLOCKS_A_DAY - first, days)
    total, number = (
        np.cumsum(np.r_[0.0, np.bincount(day, weights=v, minlength=days + 7)])
        for v in (n * (counts - given) / BLOCKS_A_DAY, n)
    )
    to, at = np.arange(days) + 7, np.arange(days)
    ages: Floats = np.floor((total[to] - total[at]) / np.maximum(number[to] - number[at], 1.0))
    return ages


def _joined(rows: pa.Table) -> pa.Table:
    """One row per block, signal, person, cohort and intent."""
    keys = ["block", "signal", "user_id", "cohort", "intent_id"]
    joined = rows.group_by(keys, use_threads=False).aggregate([("n", "sum"), ("y", "sum")])
    joined = joined.rename_columns([*keys, "n", "y"])
    return joined.set_column(6, "y", pc.round(joined["y"], 6))
