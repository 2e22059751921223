"""Everything worth attention in one list: each incident once, and the first five tell different stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from everyturn.analysis import Finding
from everyturn.analysis.demand import MIX_WEEKS, mix_shift, new_intents, share_changes
from everyturn.analysis.demand_sentences import say_gap, say_mix, say_new_intent, say_queue, say_share
from everyturn.analysis.drift import RateChange, rate_changes
from everyturn.analysis.erosion import ErodingUser, eroding_users
from everyturn.analysis.evals import Evals, read_evals
from everyturn.analysis.gap import EVALS_ONLY, NO_CASES, intent_names, measure_gap
from everyturn.analysis.hotspots import rework_hotspots
from everyturn.analysis.panel import Panel, read_panel
from everyturn.analysis.rework_sentences import say_rework
from everyturn.analysis.sentences import say_erosion, say_slide, say_trust
from everyturn.analysis.teller import Teller
from everyturn.analysis.tickets import queue_growth, tickets_by_intent
from everyturn.analysis.trust import TrustDrop, trust_drops
from everyturn.analysis.words import counted
from everyturn.errors import InputError
from everyturn.stats import Estimate
from everyturn.stats.changes import WEEKS_BEFORE
from everyturn.stats.intervals import NEEDED_USERS, smallest_change
from everyturn.stats.summaries import summarise_one

WEEKS = 26  # what is older is not this Monday's news, and people and products change
FALSE_USERS = 0.1  # of the eroding users named, at most this share by accident
_WORTH_GAP = 0.05  # below the product's acceptance, for an untested intent to be told
_LARGEST = 0.3  # points; data that show no smaller change show nothing one would wait for
_FEWEST_ERODING = 3  # fewer are persons, not a finding
_LEAST_WEEKS = WEEKS_BEFORE + 2

# The yearly budget of false findings in weekly looks, and how a look's part is split over the kinds.
_LOOKS = 52
_RATES, _TRUST, _DEMAND, _QUEUE, _REWORK, _NEW = 0.45, 0.15, 0.1, 0.1, 0.1, 0.1

_STORIES = ("new intent", "slide", "cohort", "rework", "erosion")
"""The five failures that pass every eval; each has its best finding told before any has its second."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The findings, best first, and one sentence on all of them: an honest one where there are none."""

    findings: tuple[Finding, ...]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The fields of the `watch` result."""
        return {"findings": [finding.to_json() for finding in self.findings], "sentence": self.sentence}


def findings(
    cells: pa.Table,
    intents: pa.Table | None,
    evals: pa.Table | None,
    tickets: pa.Table | None,
    *,
    weeks_complete: date | None,
    days: pa.Table | None = None,
    budget: float = 12.0,
    needed: int = NEEDED_USERS,
) -> list[Finding]:
    """The findings of `watch` alone."""
    watched = watch(
        cells, intents, evals, tickets, weeks_complete=weeks_complete, days=days, budget=budget, needed=needed
    )
    return list(watched.findings)


def watch(
    cells: pa.Table,
    intents: pa.Table | None,
    evals: pa.Table | None,
    tickets: pa.Table | None,
    *,
    weeks_complete: date | None,
    days: pa.Table | None = None,
    budget: float = 12.0,
    needed: int = NEEDED_USERS,
) -> Watch:
    """What changed within the last 26 finished weeks, and what has been wrong all along.

    `cells` holds one row per user, cohort, intent, week and signal (user_id, cohort, intent_id, week, signal, n, y, unknown);
    `intents` intent_id and intent; `evals` suite, case_id, intent_id, run_id, at, score; `tickets` week, intent_id, n; `days`,
    where given, user_id, intent_id, day, so that an arrival can be dated to the day. `weeks_complete` is the Monday of the
    last week that is over; an unfinished week is never part of a trend.

    `budget` is how many false findings a year to expect at most when one looks every week and nothing ever changes.

    Assumes: users independent; a finding is named once, at the place that explains it: what a new intent, a few users or
    a slide explains is taken out before the rest is looked at.
    """
    if budget <= 0:
        raise InputError("the budget of false findings must be above 0", expected="a number a year, such as 12")
    everything, scores, names = read_panel(cells, weeks_complete), read_evals(evals), intent_names(intents)
    panel = everything.recent(WEEKS)
    teller = Teller(panel, scores, names, needed)
    standing = _standing(everything, scores, teller)
    if panel.complete < _LEAST_WEEKS:
        why = f"Changes need {_LEAST_WEEKS} finished weeks to show; there are {panel.complete} so far."
        return Watch(_ranked(standing), why)
    changes = _changes(panel, teller, tickets, days, budget / _LOOKS)
    told = {finding.intent_id for finding in changes if finding.intent_id}
    found = _ranked([*changes, *(finding for finding in standing if finding.intent_id not in told)])
    return Watch(found, _summary(panel, found, needed))


def _changes(
    panel: Panel, teller: Teller, tickets: pa.Table | None, days: pa.Table | None, look: float
) -> list[Finding]:
    """Every change, each cause taken out of the panel before the next kind is looked for."""
    needed = teller.needed
    arrived = new_intents(panel, days, patience_days=7 / (look * _NEW))
    settled = panel.without(intents=[fact.intent for fact in arrived])
    eroding = eroding_users(settled, share=FALSE_USERS)
    eroding = eroding if len(eroding) >= _FEWEST_ERODING else []
    others = settled.without(users=[fact.user for fact in eroding])

    slides = rate_changes(others, share=look * _RATES, needed=needed)
    spread = others  # without the places already named by intent: what is left of a cohort's trust is its own
    for slide in slides:
        if slide.node.intent is not None:
            spread = spread.but({name: ~slide.node.mask(rows) for name, rows in spread.signals.items()})
    drops = trust_drops(spread, share=look * _TRUST, needed=needed)
    cohorts = {drop.cohort for drop in drops}
    own = [slide for slide in slides if not (slide.node.level == 1 and slide.node.cohort in cohorts)]
    hot = rework_hotspots(
        settled, share=look * _REWORK, needed=needed, known=[s.node for s in slides if s.signal == "rework"]
    )
    demand = share_changes(settled, share=look * _DEMAND, needed=needed)
    mix = None if slides or drops else mix_shift(settled, needed=needed)
    queue = queue_growth(panel, tickets, share=look * _QUEUE, explained=[fact.intent for fact in arrived])

    filed = tickets_by_intent(panel, tickets)
    told = [
        say_new_intent(teller, fact, settled.rows("acceptance"), tickets=float(filed[fact.intent, fact.since :].mean()))
        for fact in arrived
    ]
    told += [say_slide(teller, slide) for slide in own]
    told += [say_trust(teller, drop, _of_cohort(slides, drop)) for drop in drops]
    if not any(slide.signal == "rework" and slide.node.level == 0 for slide in slides):
        standing = say_rework(teller, hot)
        told += [standing] if standing is not None else []
    if eroding:
        told.append(say_erosion(teller, eroding, found_week=_first_named(settled, eroding), false_share=FALSE_USERS))
    told += [say_share(teller, fact) for fact in demand]
    if mix is not None:
        told.append(say_mix(teller, mix, panel.trend("acceptance")[1] - MIX_WEEKS))
    if queue is not None:
        told.append(say_queue(teller, queue))
    return told


def _first_named(panel: Panel, eroding: Sequence[ErodingUser]) -> int:
    """After how many weeks the same look would first have named a few of these users."""
    users = {fact.user for fact in eroding}
    for weeks in range(min(fact.since for fact in eroding) + 1, panel.complete):
        named = {fact.user for fact in eroding_users(panel, share=FALSE_USERS, today=weeks)}
        if len(named & users) >= _FEWEST_ERODING:
            return weeks
    return panel.complete


def _of_cohort(slides: Sequence[RateChange], drop: TrustDrop) -> list[RateChange]:
    own = [slide for slide in slides if slide.node.level == 1 and slide.node.cohort == drop.cohort]
    return [*own, *(also for slide in own for also in slide.also)]


def _standing(everything: Panel, evals: Evals, teller: Teller) -> list[Finding]:
    """What is no change: intents where users get clearly less than elsewhere and no eval says so."""
    gap = measure_gap(everything, evals, teller.names, needed=teller.needed)
    overall = gap.headline.acceptance
    if not isinstance(overall, Estimate):
        return []
    found = []
    for row in gap.rows:
        low = isinstance(row.acceptance, Estimate) and row.acceptance.high < overall.low - _WORTH_GAP
        if EVALS_ONLY in row.status or (NO_CASES in row.status and low):
            finding = say_gap(row, overall)
            if finding is not None:
                found.append(finding)
    return found


def _ranked(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The best finding of each of the five stories by what it cost, then of the other stories, then the rest."""
    by_cost = sorted(found, key=lambda f: (-round(f.severity, 6), f.id))
    seen: set[str] = set()
    places = []
    for finding in by_cost:
        first = finding.story not in seen
        seen.add(finding.story)
        places.append(0 if first and finding.story in _STORIES else 1 if first else 2)
    return tuple(f for _, f in sorted(zip(places, by_cost, strict=True), key=lambda pair: pair[0]))


def _summary(panel: Panel, found: Sequence[Finding], needed: int) -> str:
    """One sentence on the whole look: how much was looked at, and what it could have shown."""
    traffic = panel.traffic
    done = traffic.take(traffic.week < panel.complete)
    seen = (
        f"{counted(panel.complete, 'week')}, {counted(len(np.unique(done.user)), 'user')},"
        f" {counted(float(done.n.sum()), 'answer')}"
    )
    changed = sum(finding.kind != "gap" for finding in found)
    if changed:
        return f"{counted(changed, 'thing')} changed, or stand out, beyond chance in {seen}."
    rows, weeks = panel.trend("acceptance")
    least = smallest_change(summarise_one(rows.user, rows.n, rows.y), weeks=max(weeks, 1), needed=needed)
    could = " This is too little to show any but the largest change."
    if isinstance(least, float) and least < _LARGEST:
        could = f" This much data would probably show a change of {least * 100:.0f} points in total acceptance within four weeks."
    return f"Nothing changed beyond chance in {seen}.{could}"
