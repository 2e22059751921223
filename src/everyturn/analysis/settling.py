"""When an answer may count: once the known answers of outputs of its age are representative of all of them.

If good answers become known at once and bad ones weeks later (or the other way round), the known answers of young outputs differ from
those still to come: the first weeks of a product, of a new intent and of each user look too good, and so does the latest week. An answer
therefore counts once its output is as old as the signal's *horizon*, which is learnt from the lags between outputs and their answers. If
lags are the same for good and bad answers, however long they are, the horizon is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY, Alarm
from everyturn.analysis.ledger import COHORTS, INTENTS, Names, encoded
from everyturn.stats.summaries import Codes, Floats

FIRST_DAYS = 28  # in which too little is known of lags, and no alarm is raised
LONGEST = 56  # days; later answers count when they come
# Days of outputs from which lags are learnt: the longest window is the most precise, the shortest is the first to notice a change.
WINDOWS = (84, 28, 14, 7)
_FEWEST_DAYS = 3  # days of outputs that must be old enough to show a lag before it is used
_SHIFT = 0.01  # of all outputs: how many more answers of one kind than of the other may still be missing
_SURE = 5.0  # standard errors of evidence needed, because every horizon delays findings by days
_FALLING = 3.0  # standard errors by which the younger half of outputs must lack more answers than the older, to wait over four weeks
_ALIKE = 2.0  # the variance of answers as a multiple of that of independent ones, because people repeat themselves
_SEEN = 0.25  # share of one kind of answers that must be known at an age before their total is extrapolated from it


@dataclass(frozen=True)
class Settled:
    """The answers that may count, by the block in which each counts (`totals`) and by that of its output (`answers`).

    `until` is the first block that may not be folded yet, `horizons` holds each signal's current horizon in days. `ages` is, by signal and
    day from `first` on, how many days old the outputs were whose answers counted in the week from then on.
    """

    totals: pa.Table
    answers: pa.Table
    until: int
    horizons: Mapping[str, int]
    ages: Mapping[str, Floats]
    first: int

    def dated(self, alarm: Alarm) -> Alarm:
        """The alarm, with `since` moved back by the age of the answers that counted then: to when their outputs were given."""
        ages = self.ages.get(alarm.full_signal)
        day = alarm.since - self.first
        if ages is None or not 0 <= day < len(ages):
            return alarm
        return replace(alarm, since=alarm.since - int(ages[day]))


def settle(totals: pa.Table, *, until: int) -> Settled:
    """The answers that may count before block `until`, computed from what was known before it.

    `totals` has the columns given (the block of the output), block (in which its answer became known), signal, user_id, cohort,
    intent_id, n and y.

    In the result's `totals`, an answer counts in the first block in which it is known and its output is as old as the horizon was at that
    time. An answer that comes too late for that is left out; those that came in time represent it. The first four weeks use the horizon
    as learnt at their end and are not folded before. The result's `answers` holds all answers whose outputs are as old as the current
    horizon.
    """
    rows = totals.filter(pc.less(totals["block"], until))
    block = rows["block"].cast(pa.int64()).to_numpy()
    first = int(block.min()) // BLOCKS_A_DAY if len(block) else 0
    days = until // BLOCKS_A_DAY - first + 1
    if not len(block) or days <= FIRST_DAYS:
        none = totals.slice(0, 0)
        return Settled(none.drop_columns(["given"]), none.drop_columns(["block"]), 0, {}, {}, first)
    given = np.maximum(_within_reach(rows["given"].cast(pa.int64()).to_numpy(), block), first * BLOCKS_A_DAY)
    clock = np.arange(first * BLOCKS_A_DAY, until)
    coded = rows["signal"].combine_chunks().dictionary_encode()
    names, signal = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    n, y = (rows[name].to_numpy() for name in ("n", "y"))
    counts, old, horizons, ages = block.copy(), np.ones(len(block), dtype=bool), {}, {}
    for code, name in enumerate(names):
        own = signal == code
        out, known = given[own], block[own]
        waits = horizons_of(lags_of(out, known, n[own], y[own], first=first, days=days), np.arange(days))
        horizons[name] = int(waits[-1])
        waits[:FIRST_DAYS] = waits[FIRST_DAYS]
        wait = BLOCKS_A_DAY * waits[clock // BLOCKS_A_DAY - first]
        frontier = np.maximum.accumulate(clock - wait)
        when = np.maximum(known - clock[0], np.searchsorted(frontier, out))
        waited = np.r_[wait, wait[-1]][when]
        in_time = (waited == 0) | (known - out <= waited + BLOCKS_A_DAY)
        counts[own] = np.where(in_time, clock[0] + when, until)
        old[own] = out + BLOCKS_A_DAY * horizons[name] < until
        ages[name] = _ages(out, counts[own], np.where(counts[own] < until, n[own], 0.0), first=first, days=days)
    rows = rows.drop_columns(["block", "given"]).append_column("given", pa.array(given))
    heard = rows.append_column("block", pa.array(counts)).filter(pa.array(counts < until))
    return Settled(_joined(heard), rows.filter(pa.array(old)), until, horizons, ages, first)


def horizons_by_signal(lags: pa.Table, *, today: int) -> dict[str, int]:
    """Each signal's horizon in days, from what was known before the day `today`.

    `lags` has the columns signal, given and known (days since 1970), n and y.
    """
    found = {}
    for name in pc.unique(lags["signal"]).to_pylist():
        rows = lags.filter(pc.equal(lags["signal"], name))
        known = rows["known"].to_numpy() * BLOCKS_A_DAY
        given = _within_reach(rows["given"].to_numpy() * BLOCKS_A_DAY, known)
        first = int(known.min()) // BLOCKS_A_DAY
        days = today - first + 1
        counted = lags_of(given, known, rows["n"].to_numpy(), rows["y"].to_numpy(), first=first, days=days)
        found[name] = int(horizons_of(counted, np.array([days - 1]))[0])
    return found


def _within_reach(given: Codes, known: Codes) -> Codes:
    """The blocks in which outputs were given: no later than their answers became known, and no longer before than the longest lag."""
    reached: Codes = np.clip(given, known - (LONGEST - 1) * BLOCKS_A_DAY, known)
    return reached


def days_open(asked: Floats, known: Floats) -> int:
    """The age in days up to which answers are still coming in, for answers without a time.

    `asked` and `known` count outputs, and outputs with an answer, by age in days. It cannot be told which kind of answer comes late, so
    all of them wait.

    Method: the share of unknown answers, as a decreasing function of age (isotonic regression), is compared with that of outputs at least
    half as old as the data or eight weeks old. The result is 0 unless young outputs together lack answers beyond doubt. If they have
    lacked them for more than four weeks, the older half of these as much as the younger, the answers will not come any more: fewer are
    asked for by now.
    """
    from scipy.optimize import isotonic_regression

    young = min(LONGEST, len(asked) // 2)
    if young < FIRST_DAYS // 4:
        return 0
    usual = 1 - known[young:].sum() / max(float(asked[young:].sum()), 1.0)
    seen, missing = asked[:young], (asked - known)[:young]
    count = np.maximum(np.cumsum(seen), 1.0)
    error = np.sqrt(_ALIKE * max(usual * (1 - usual), _SHIFT) * count)
    if float(((np.cumsum(missing) - usual * count) / error).max()) < _SURE:
        return 0
    shares = isotonic_regression(missing / np.maximum(seen, 1.0), weights=np.maximum(seen, 1e-9), increasing=False).x
    days = int(np.flatnonzero(shares > usual + 2 * _SHIFT).max(initial=-1)) + 1
    if days > FIRST_DAYS:
        parts = [slice(0, days // 2), slice(days // 2, days)]
        lacking, of = (np.array([v[part].sum() for part in parts]) for v in (missing, seen))
        share = lacking.sum() / max(float(of.sum()), 1.0)
        spread = np.sqrt(_ALIKE * max(share * (1 - share), _SHIFT) * (1 / np.maximum(of, 1.0)).sum())
        if float(lacking[0] / max(of[0], 1.0) - lacking[1] / max(of[1], 1.0)) < _FALLING * spread:
            return 0
    return days


def horizons_of(lags: Floats, at: Codes) -> Codes:
    """The horizon in days on each of the days `at`, from what was known before that day.

    `lags` counts answers by the output's day, the lag in days, and kind (0 bad, 1 good); days are counted from the first one.

    Assumes: outputs of the same time have similar lags. The share known by an age is estimated among lags no longer than the data.
    Method: the reverse-time product-limit estimate for right-truncated lags (Lynden-Bell 1971; Kalbfleisch and Lawless 1989), for good
    and for bad answers. An age is too young while the two differ, beyond doubt, by more than a hundredth of all outputs. The longest
    horizon of the four windows of outputs counts.
    """
    if np.count_nonzero(lags.any(axis=(0, 2))) <= 1:
        return np.zeros(len(at), dtype=np.int64)  # all lags are the same
    so_far = np.cumsum(lags, axis=1)
    none = np.zeros((1, LONGEST, 2))
    came, seen = (np.concatenate([none, np.cumsum(v, axis=0)]) for v in (lags, so_far))
    age = np.arange(LONGEST)
    last = at[:, None] - age
    known = np.where((last > 0)[:, :, None], so_far[np.maximum(last - 1, 0), age], 0.0)
    found = [_horizons(came, seen, known, last, np.maximum(at - window, 0)[:, None]) for window in WINDOWS]
    horizons: Codes = np.max(found, axis=0)
    return horizons


def _horizons(came: Floats, seen: Floats, known: Floats, last: Codes, before: Codes) -> Codes:
    """The horizons by the outputs from the days `before` on.

    `came` and `seen` are running sums over days of the answers with a lag and with at most that lag, `known` the answers known
    so far of the outputs of each age, `last` the day after the last whose answers with that lag can be known.
    """
    age, last = np.arange(LONGEST), np.maximum(last, before)
    told = (last - before >= _FEWEST_DAYS)[:, :, None]
    came, seen = (np.where(told, sums[last, age] - sums[before, age], 0.0) for sums in (came, seen))
    left = np.maximum(seen - came, 0.0)
    kept = np.divide(left, seen, out=np.ones_like(seen), where=seen > 0)
    # Errors are computed from the hazards of both kinds together, so that a few answers of one kind never look certain.
    risk = came.sum(2) / np.maximum(seen.sum(2), 1e-9)
    noise = (risk / np.maximum(1 - risk, 1e-9))[:, :, None] / np.maximum(seen, 0.5)
    share = np.exp(_later(np.log(np.maximum(kept, 1e-12))))
    known = np.where(last[:, :, None] > before[:, :, None], known, 0.0)
    settled = (share.min(2) >= _SEEN)[:, :, None]
    number = np.where(settled, known / np.maximum(share, _SEEN), 0.0).sum(1)
    scale = (number.prod(1) / np.maximum(number.sum(1), 1e-9) ** 2)[:, None]
    apart, error = abs(share[:, :, 1] - share[:, :, 0]), np.sqrt((share**2 * _later(noise)).sum(2))
    unlike = scale * apart > np.maximum(_SHIFT, _SURE * scale * error)
    horizon: Codes = np.where(unlike.any(1), LONGEST - np.argmax(unlike[:, ::-1], axis=1), 0)
    return horizon


def _later(values: Floats) -> Floats:
    """For each age (column), the sum over all later ones."""
    later: Floats = np.cumsum(values[:, ::-1], axis=1)[:, ::-1] - values
    return later


def lags_of(given: Codes, block: Codes, n: Floats, y: Floats, *, first: int, days: int) -> Floats:
    """The number of answers by the output's day (from `first` on), lag in days, and kind (0 bad, 1 good)."""
    known = block // BLOCKS_A_DAY
    lag = known - given // BLOCKS_A_DAY
    place = np.clip(known - lag - first, 0, days - 1) * LONGEST + lag
    size = days * LONGEST
    good = np.bincount(place, weights=y, minlength=size)
    bad = np.bincount(place, weights=n - y, minlength=size)
    lags: Floats = np.stack([bad, good], axis=1).astype(float).reshape(days, LONGEST, 2)
    return lags


def _ages(given: Codes, counts: Codes, n: Floats, *, first: int, days: int) -> Floats:
    """For each day, the mean age in days of the outputs whose answers counted in the week from that day on."""
    day = counts // BLOCKS_A_DAY - first
    total, number = (
        np.cumsum(np.r_[0.0, np.bincount(day, weights=v, minlength=days + 7)])
        for v in (n * (counts - given) / BLOCKS_A_DAY, n)
    )
    to, at = np.arange(days) + 7, np.arange(days)
    ages: Floats = np.floor((total[to] - total[at]) / np.maximum(number[to] - number[at], 1.0))
    return ages


def _joined(rows: pa.Table) -> pa.Table:
    """One row per block, signal, person, cohort and intent."""
    keys = ["signal", "user_id", "cohort", "intent_id"]
    signal, user, cohort, intent = (encoded(rows[name], Names()) for name in keys)
    _, who = np.unique((user * COHORTS + cohort) * INTENTS + intent, return_inverse=True)
    people, signals = int(who.max(initial=0)) + 1, int(signal.max(initial=0)) + 1
    key = (rows["block"].to_numpy() * signals + signal) * people + who
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    n, y = (np.bincount(place, weights=rows[name].to_numpy(), minlength=len(first)) for name in ("n", "y"))
    of = rows.select(["block", *keys]).take(pa.array(first))
    return of.append_column("n", pa.array(n)).append_column("y", pa.array(np.round(y, 6)))
