"""What users ask for: intents that appeared, demand that moved, and what the mix of requests did to the total."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.panel import Panel, Rows
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.changes import Scan, scan, shapes, weekly_residuals
from everyturn.stats.compare import Split, benjamini_hochberg, split_difference
from everyturn.stats.intervals import difference, rate
from everyturn.stats.sequential import rise_evidence
from everyturn.stats.summaries import Codes, Floats, join, per_user, sum_by, summarise_one

WARM_UP = 3  # weeks in which every intent is new, because everything is
_NEW_USERS = 5  # distinct people, before an intent is more than somebody's
_SMALLEST = 0.0025  # of all users' days: a rarer intent is not yet worth a name
_NEWNESS = 5.0  # times its rate during the time before, at least; less is a rise, not an arrival
_WORTH = 0.01  # a shift of less than a point of traffic is nobody's Monday
_RECENT = 2  # weeks that say how large something is now
MIX_WEEKS = 4  # the window whose mix is held against all weeks before


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An intent first seen after the warm-up weeks and still there.

    `since` is its first persistent week (of the panel), `found_at` the first day by which five people and decisive evidence
    were there; `share` of the traffic in the last two weeks; `users` who asked for it, `outputs` they got.
    """

    intent: int
    since: int
    found_at: date
    share: Estimate
    users: int
    outputs: float


@dataclass(frozen=True, slots=True)
class ShareChange:
    """An intent whose share of the traffic moved: `change` from the weeks before `since` to the last two."""

    intent: int
    since: int
    first: int
    last: int
    found_week: int
    baseline: Estimate
    change: Estimate


def new_intents(panel: Panel, days: pa.Table | None, *, patience_days: float) -> list[NewIntent]:
    """The intents that arrived after the warm-up weeks and persist, largest first.

    Counts people asking for an intent for the first time, day by day where `days` (user_id, intent_id, day) is given, else week
    by week, against the rate of the time before. Being watched all day is paid for: one false arrival in `patience_days` at
    most, over all intents together.

    Method: mixture e-detector on counts (`stats.sequential`).
    """
    if panel.complete <= WARM_UP + 1:
        return []
    rows = panel.traffic
    rows = rows.take(rows.week < panel.complete)
    intents = len(panel.intents)
    arrivals, people, length = _arrivals(panel, rows, days)
    by_week = _users_by_week(panel, rows)
    bar = patience_days * sum(name is not None for name in panel.intents)
    found = []
    for intent in range(intents):
        if panel.intents[intent] is None:
            continue
        since = _arrival_week(by_week[intent], by_week[-1])
        if since is None:
            continue
        warm = WARM_UP * 7 // length
        begin = since * 7 // length
        usual = max(arrivals[intent, :begin].sum() / max(people[:begin].sum(), 1.0), _SMALLEST)
        counts = arrivals[intent, warm:]
        evidence = rise_evidence(counts, usual * people[warm:], days=np.full(len(counts), float(length)))
        enough = (evidence >= bar) & (
            np.where(np.arange(len(counts)) + warm >= begin, counts, 0).cumsum() >= _NEW_USERS
        )
        if not enough.any():
            continue
        share = _share(rows, intent, since=max(panel.complete - _RECENT, since))
        if isinstance(share, NotEnough):
            continue
        own = rows.take((rows.intent == intent) & (rows.week >= since))
        found_at = panel.weeks[0] + timedelta(days=(warm + int(np.argmax(enough)) + 1) * length - (length == 1))
        found.append(NewIntent(intent, since, found_at, share, len(np.unique(own.user)), float(own.n.sum())))
    return sorted(found, key=lambda f: (-round(f.outputs, 6), f.intent))


def _arrivals(panel: Panel, rows: Rows, days: pa.Table | None) -> tuple[Floats, Floats, int]:
    """First askings per intent and period, active users per period, and the period's length in days."""
    if days is None:
        user, intent, period, length = rows.user, rows.intent, rows.week, 7
    else:
        users, names = pa.array(panel.users, pa.string()), pa.array(panel.intents, pa.string())
        user = pc.fill_null(pc.index_in(days["user_id"].cast(pa.string()), users), -1).to_numpy().astype(np.int64)
        intent = pc.index_in(days["intent_id"].cast(pa.string()), names, skip_nulls=False)
        intent = pc.fill_null(intent, -1).to_numpy().astype(np.int64)
        first = panel.weeks[0].toordinal() - date(1970, 1, 1).toordinal()
        period, length = days["day"].cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) - first, 1
        keep = (user >= 0) & (intent >= 0) & (period >= 0) & (period < panel.complete * 7)
        user, intent, period = user[keep], intent[keep], period[keep]
    periods = panel.complete * 7 // length
    order = np.lexsort((period, intent, user))
    pair = user[order] * len(panel.intents) + intent[order]
    firsts = order[np.r_[True, pair[1:] != pair[:-1]]] if len(order) else order
    arrivals = sum_by(intent[firsts] * periods + period[firsts], np.ones(len(firsts)), len(panel.intents) * periods)
    active = np.unique(user * periods + period) % periods
    return arrivals.reshape(-1, periods), sum_by(active, np.ones(len(active)), periods), length


def _users_by_week(panel: Panel, rows: Rows) -> Floats:
    """Distinct users per intent and week; the last row counts all active users."""
    size, weeks = len(panel.intents), panel.complete
    pairs = np.unique((rows.user * size + rows.intent) * weeks + rows.week)
    table = sum_by(pairs % (size * weeks), np.ones(len(pairs)), size * weeks).reshape(size, weeks)
    everyone = np.unique(rows.user * weeks + rows.week) % weeks
    return np.vstack([table, sum_by(everyone, np.ones(len(everyone)), weeks)])


def _arrival_week(users: Floats, active: Floats) -> int | None:
    """The first persistent week of an intent that was (next to) absent before, None for any other intent.

    Persistent: someone asks for it in every week from then on. What was seen before may be strays of a clustering.
    """
    absent = np.flatnonzero(users <= 0)
    start = int(absent[-1]) + 1 if len(absent) else 0
    candidates = range(max(start, WARM_UP), len(users) - 1)
    rates = users / np.maximum(active, 1.0)
    for since in candidates:
        before, after = rates[:since].mean(), rates[since:].mean()
        # From here on it is at least _NEWNESS times what it was, and the first week already is.
        if after >= _NEWNESS * before and rates[since] >= 2 * before:
            return since
    return None


def _share(rows: Rows, intent: int, *, since: int) -> Estimate | NotEnough:
    late = rows.take(rows.week >= since)
    return rate(summarise_one(late.user, late.n, late.n * (late.intent == intent)))


def share_changes(panel: Panel, *, share: float, needed: int) -> list[ShareChange]:
    """Intents whose share of the traffic rose; where none did, those whose share fell. Largest change first.

    Shares add up to one, so where one rises others fall: only the rise is told. Cohorts are held apart (a cohort that grows
    brings its intents along). Benjamini-Hochberg over intents and both directions with the budget `share`.
    """
    rows = panel.traffic
    rows = rows.take(rows.week < panel.complete)
    intents = [i for i, name in enumerate(panel.intents) if name is not None and (rows.intent == i).any()]
    if len(intents) < 2 or not panel.complete:
        return []

    def look(intent: int, weeks: int, direction: int) -> Scan:
        user, cohort, week, n, y = _with_share(panel, rows, intent, weeks)
        residuals = weekly_residuals(cohort, user, week, n, y, weeks=weeks)
        return scan(residuals, shapes(weeks), worse=direction, needed=needed)

    looks = [
        (intent, direction, look(intent, panel.complete, direction)) for intent in intents for direction in (1, -1)
    ]
    believed = benjamini_hochberg([result.p for _, _, result in looks], share=share)
    bar = share * max(int(believed.sum()), 1) / len(looks)
    found: list[tuple[int, ShareChange]] = []
    for (intent, direction, result), is_believed in zip(looks, believed, strict=True):
        if not is_believed:
            continue
        course = shapes(panel.complete)
        since, settled = int(course.since[result.shape]), int(course.settled[result.shape])
        user, _, week, n, y = _with_share(panel, rows, intent, panel.complete)
        before, after = week < since, week >= settled
        baseline = rate(summarise_one(user[before], n[before], y[before]), needed=needed)
        change = difference(
            summarise_one(user[after], n[after], y[after]),
            summarise_one(user[before], n[before], y[before]),
            join(user, (n * after, y * after), (n * before, y * before)),
            needed=needed,
        )
        if isinstance(baseline, NotEnough) or isinstance(change, NotEnough) or change.value * direction < _WORTH:
            continue
        weeks = range(since + 1, panel.complete)
        shown = next((w for w in weeks if look(intent, w, direction).p <= bar), panel.complete)
        found.append((direction, ShareChange(intent, since, result.first, result.last, shown, baseline, change)))
    rises = [change for direction, change in found if direction > 0]
    told = rises or [change for _, change in found]
    return sorted(told, key=lambda c: (-round(abs(c.change.value), 9), c.intent))


def _with_share(panel: Panel, rows: Rows, intent: int, weeks: int) -> tuple[Codes, Codes, Codes, Floats, Floats]:
    """Per user, cohort and week: all outputs in n and those of the intent in y."""
    early = rows.take(rows.week < weeks)
    key = (early.user * len(panel.cohorts) + early.cohort) * weeks + early.week
    keys, (n, y) = per_user(key, early.n, early.n * (early.intent == intent))
    rest, week = np.divmod(keys, weeks)
    user, cohort = np.divmod(rest, len(panel.cohorts))
    return user, cohort, week, n, y


def mix_shift(panel: Panel, *, needed: int) -> Split | None:
    """What the mix of cohorts and intents did to total acceptance in the last four weeks, None where it is nothing to tell.

    To tell, the mix part must be a point or more and three standard errors from nothing (once in ten years of quiet weeks).
    """
    rows, weeks = panel.trend("acceptance")
    is_current = rows.week >= weeks - MIX_WEEKS
    if (
        weeks < 2 * MIX_WEEKS
        or min(len(np.unique(rows.user[is_current])), len(np.unique(rows.user[~is_current]))) < needed
    ):
        return None
    group = rows.cohort * len(panel.intents) + rows.intent
    _, group = np.unique(group, return_inverse=True)
    strict = split_difference(rows.user, group.astype(np.int64), is_current, rows.n, rows.y, level=0.998)
    if abs(strict.mix.value) < _WORTH or strict.mix.low <= 0 <= strict.mix.high:
        return None
    return split_difference(rows.user, group.astype(np.int64), is_current, rows.n, rows.y)
