"""Changes in what users ask for: new intents, demand that rose or fell, and the effect of the mix of requests on the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from everyturn.analysis.alarms import PAGE, SHARE, date_of, day_of
from everyturn.analysis.incidents import Incident
from everyturn.analysis.panel import Mask, Panel, codes_in, has_both_sides
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.compare import Split, split_difference
from everyturn.stats.intervals import difference, rate
from everyturn.stats.summaries import Codes, Floats, distinct, join, summarise_one

_WARM_UP = 3  # weeks in which every intent is new, because everything is
_NEW_USERS = 5  # distinct people, before an intent is more than somebody's
_NEWNESS = 5.0  # factor by which its rate must exceed the earlier one; less is a rise, not an arrival
_WORTH = 0.01  # smaller shifts of traffic are not reported
_RECENT = 14  # days from which the current size of something is measured
MIX_WEEKS = 4  # length of the window whose mix is compared with all weeks before


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An intent that was first asked for after the warm-up weeks and still is.

    `since` is the panel's week from which it has been asked for steadily, `found_at` the day on which the evidence was sufficient.
    `share` is its share of the requests of the last two weeks; `users` and `requests` are counted from `since` on.
    """

    intent: int
    since: int
    found_at: date
    share: Estimate
    users: int
    requests: float
    rarity: float


@dataclass(frozen=True, slots=True)
class ShareChange:
    """An intent whose share of the requests changed, over all users or in a cohort.

    `change` is its share in the last two weeks minus `baseline`, its share before `since` (a week of the panel).
    """

    intent: int
    cohort: int | None
    since: int
    found_at: date
    tier: str
    baseline: Estimate
    change: Estimate
    rarity: float


@dataclass(frozen=True)
class Asked:
    """Who asked for what on which day, a row per user, intent and day, in the panel's codes; days are counted from 1970."""

    user: Codes
    cohort: Codes
    intent: Codes
    day: Codes

    def take(self, keep: Mask) -> Asked:
        """The rows where `keep` holds."""
        return Asked(self.user[keep], self.cohort[keep], self.intent[keep], self.day[keep])


def read_asked(panel: Panel, asked: pa.Table) -> Asked:
    """The rows of a table with day, user_id, cohort and intent_id; users and intents that are not in the panel are left out."""
    user, cohort, intent = codes_in(panel, asked)
    day = asked["day"].cast(pa.int64()).to_numpy()
    rows = Asked(user, cohort, intent, day)
    return rows.take((user >= 0) & (cohort >= 0) & (intent >= 0))


def new_intents(panel: Panel, rows: Asked, incidents: Sequence[Incident]) -> list[NewIntent]:
    """The intents that appeared after the warm-up weeks and are still asked for, the largest first.

    An intent is new if there is an incident of rising demand for it and it was hardly ever asked for before; a few requests that were
    clustered wrongly do not matter. It takes five users.
    """
    found = []
    for incident in _rising(incidents):
        alarm = incident.first
        if alarm.intent not in panel.intents or not len(rows.day):
            continue
        intent = panel.intents.index(alarm.intent)
        since = _arrival_week(panel, rows, intent, alarm.day)
        own = rows.intent == intent
        if since is None:
            continue
        late = rows.day >= day_of(panel.weeks[since])
        users = len(np.unique(rows.user[own & late]))
        share = _share(rows.take(rows.day > rows.day.max() - _RECENT), intent)
        if users < _NEW_USERS or isinstance(share, NotEnough):
            continue
        requests = float(np.count_nonzero(own & late))
        found.append(
            NewIntent(
                intent=intent,
                since=since,
                found_at=date_of(alarm.day),
                share=share,
                users=users,
                requests=requests,
                rarity=alarm.rarity,
            )
        )
    return sorted(found, key=lambda f: (-f.requests, f.intent))


def _rising(incidents: Sequence[Incident]) -> list[Incident]:
    """The first incident of rising demand for each intent, over all users."""
    found: dict[str | None, Incident] = {}
    for incident in incidents:
        alarm = incident.first
        if alarm.signal == SHARE and alarm.direction > 0 and incident.tier == PAGE:
            found.setdefault(alarm.intent, incident)
    return list(found.values())


def _arrival_week(panel: Panel, rows: Asked, intent: int, found: int) -> int | None:
    """The week from which an intent that was hardly asked for before is asked for steadily; None for any other intent.

    `found` is the day on which its demand was found to rise.
    """
    monday = day_of(panel.weeks[0])
    weeks = int((rows.day.max() - monday) // 7) + 1
    week = (rows.day - monday) // 7
    keep = (week >= 0) & (week < min(weeks, len(panel.weeks)))
    weeks = min(weeks, len(panel.weeks))
    active = _people(rows.user[keep], week[keep], weeks)
    own = keep & (rows.intent == intent)
    rates = _people(rows.user[own], week[own], weeks) / np.maximum(active, 1.0)
    last = min(weeks - 1, int((found - monday) // 7))
    for since in range(_WARM_UP, last + 1):
        before, after = rates[:since].mean(), rates[since : last + 1].mean()
        # From this week on its rate is at least _NEWNESS times the earlier one, and at least twice in the first week.
        if rates[since] > 0 and after >= _NEWNESS * before and rates[since] >= 2 * before:
            return since
    return None


def _people(user: Codes, week: Codes, weeks: int) -> Floats:
    pairs = np.unique(user * weeks + week)
    counted: Floats = np.bincount(pairs % weeks, minlength=weeks).astype(float)
    return counted


def _share(rows: Asked, intent: int) -> Estimate | NotEnough:
    ones = np.ones(len(rows.day))
    return rate(summarise_one(rows.user, ones, ones * (rows.intent == intent)))


def share_changes(
    panel: Panel, rows: Asked, incidents: Sequence[Incident], *, explained: Sequence[int]
) -> list[ShareChange]:
    """Intents whose share of the requests rose or, if none did, those whose share fell; the largest change first.

    Shares add up to one, so where one rises others must fall; only the rise is reported then. Intents in `explained` are left out.
    """
    found: dict[int, ShareChange] = {}
    for incident in incidents:
        alarm = incident.first
        if alarm.signal != SHARE or alarm.intent not in panel.intents or not len(rows.day):
            continue
        intent = panel.intents.index(alarm.intent)
        if intent in explained or intent in found or (alarm.cohort is not None and alarm.cohort not in panel.cohorts):
            continue
        cohort = None if alarm.cohort is None else panel.cohorts.index(alarm.cohort)
        own = rows if cohort is None else rows.take(rows.cohort == cohort)
        change = _share_change(panel, own, intent, incident)
        if change is not None and change.change.value * alarm.direction >= _WORTH:
            found[intent] = change
    rises = [change for change in found.values() if change.change.value > 0]
    return sorted(rises or found.values(), key=lambda c: (-round(abs(c.change.value), 9), c.intent))


def _share_change(panel: Panel, rows: Asked, intent: int, incident: Incident) -> ShareChange | None:
    alarm = incident.first
    end = min(int(rows.day.max()), incident.last_day + 2 * _RECENT)
    before, after = rows.day < alarm.since, (rows.day > max(alarm.since - 1, end - _RECENT)) & (rows.day <= end)
    asked = np.ones(len(rows.day))
    wanted = asked * (rows.intent == intent)
    then = summarise_one(rows.user[before], asked[before], wanted[before])
    now = summarise_one(rows.user[after], asked[after], wanted[after])
    joint = join(rows.user, (asked * after, wanted * after), (asked * before, wanted * before))
    baseline, change = rate(then), difference(now, then, joint)
    if isinstance(baseline, NotEnough) or isinstance(change, NotEnough) or change.low <= 0 <= change.high:
        return None
    monday = day_of(panel.weeks[0])
    since = min(max((alarm.since - monday) // 7, 0), len(panel.weeks) - 1)
    cohort = None if alarm.cohort is None else panel.cohorts.index(alarm.cohort)
    return ShareChange(
        intent=intent,
        cohort=cohort,
        since=since,
        found_at=date_of(alarm.day),
        tier=incident.tier,
        baseline=baseline,
        change=change,
        rarity=alarm.rarity,
    )


def mix_shift(panel: Panel) -> Split | None:
    """What the mix of cohorts and intents did to total acceptance in the last four weeks, None where it is nothing to tell.

    To tell, the mix part must be a point or more and three standard errors from nothing (once in ten years of quiet weeks).
    """
    rows, weeks = panel.trend("acceptance")
    is_current = rows.week >= weeks - MIX_WEEKS
    if weeks < 2 * MIX_WEEKS or not has_both_sides(rows, is_current):
        return None
    _, group = distinct(rows.cohort * len(panel.intents) + rows.intent)
    strict = split_difference(rows.user, group, is_current, rows.n, rows.y, level=0.998)
    if abs(strict.mix.value) < _WORTH or strict.mix.low <= 0 <= strict.mix.high:
        return None
    return split_difference(rows.user, group, is_current, rows.n, rows.y)
