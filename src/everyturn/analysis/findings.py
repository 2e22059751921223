"""All findings in one list: each change is reported once, and the first five are about different kinds of failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from everyturn.analysis import Finding
from everyturn.analysis.alarms import BUDGET, LIST, PAGE, SHARE, TRUST, TRUSTING, Alarm, date_of, day_of
from everyturn.analysis.blind import BlindSpots, blind_spots, least_change
from everyturn.analysis.demand import MIX_WEEKS, mix_shift, new_intents, read_asked, share_changes
from everyturn.analysis.demand_sentences import say_gap, say_mix, say_new_intent, say_queue, say_share
from everyturn.analysis.drift import Answers, Node, RateChange, describe, node_of, read_answers
from everyturn.analysis.erosion import ErodingUser, eroding_users
from everyturn.analysis.evals import Evals
from everyturn.analysis.gap import EVALS_ONLY, NO_CASES, USERS_ONLY, measure_gap
from everyturn.analysis.hotspots import rework_hotspots
from everyturn.analysis.incidents import TOGETHER_DAYS, Incident, group_alarms
from everyturn.analysis.panel import WORSE, Panel
from everyturn.analysis.rework_sentences import say_rework
from everyturn.analysis.sentences import say_erosion, say_slide, say_trust
from everyturn.analysis.teller import Teller
from everyturn.analysis.tickets import queue_growth, tickets_by_intent
from everyturn.analysis.trust import TrustDrop, trust_drop
from everyturn.analysis.words import counted
from everyturn.stats import Estimate
from everyturn.stats.summaries import Floats

WEEKS = 53  # older changes are no longer news
_LISTED_WEEKS = 8  # a line of the watch list that has not become a page by then is dropped
FALSE_USERS = 0.1  # expected share of users named as eroding by chance, at most
_WORTH_GAP = 0.05  # how far an untested intent's acceptance must lie below the product's to be reported
_WORTH_REVERSE = 0.1  # how far an intent's evals must lie below its acceptance, for certain, to be reported
_LARGEST = 0.3  # if the data can show no smaller change than this, they are called too few
_LEAST_WEEKS = 5  # four to learn what is usual, and one that can differ from it
_FEWEST_ERODING = 3  # users; fewer are individuals, not a finding

# Rework hotspots and the ticket queue are tested once a week, each with a tenth of the year's budget.
_A_LOOK = 0.1 / 52

_STORIES = ("new intent", "slide", "cohort", "rework", "erosion")
"""The five kinds of failure that evals do not see; the best finding of each comes before the second of any."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The monitor's input and its alarms.

    `answers` are the settled answers by when their outputs were given (`Settled.answers`), `asked` says who asked for what on which day
    (columns day, user_id, cohort, intent_id). `budget` is the number of false alarms a year at which the alarms were raised. `horizon` is
    how many days old an output must be before its acceptance counts.
    """

    answers: pa.Table
    asked: pa.Table
    alarms: Sequence[Alarm]
    budget: float = BUDGET
    horizon: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """The findings, most important first, a sentence that sums them up, the blind spots, and how many findings are muted."""

    findings: tuple[Finding, ...]
    sentence: str
    blind: tuple[BlindSpots, ...] = ()
    muted: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, with the findings of both tiers in one list."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "sentence": self.sentence,
            "blind_spots": [spots.to_json() for spots in self.blind],
            "muted": self.muted,
        }


def watch(
    panel: Panel,
    evals: Evals,
    names: Mapping[str, str],
    heard: Heard,
    *,
    tickets: pa.Table,
) -> Watch:
    """What changed within the last year, and what has been wrong all along.

    `names` holds the intents' names by id; `tickets` has the columns week, intent_id and n. A change is reported once, at the place that
    explains it: what new intents, a few users or a rate's change explain is removed before the rest is examined.

    Assumes: users are independent.
    """
    teller = Teller(panel.recent(WEEKS), evals, names, heard.budget)
    incidents = _recent(group_alarms(heard.alarms), teller.panel)
    changes = _changes(teller, heard, incidents, tickets) if panel.weeks else []
    told = {finding.intent_id for finding in changes if finding.intent_id}
    standing = _standing(panel, evals, names)
    found = _ranked([*changes, *(finding for finding in standing if finding.intent_id not in told)])
    sentence = _summary(panel, teller.panel, found)
    if heard.horizon:
        sentence += f" Acceptance of the last {counted(heard.horizon, 'day')} is still coming in."
    return Watch(found, sentence, blind_spots(panel, names))


def _recent(incidents: Sequence[Incident], panel: Panel) -> list[Incident]:
    """The incidents with an alarm in the panel's weeks or, if they are only on the watch list, in the last eight of these."""
    if not panel.weeks:
        return []
    first, listed = panel.weeks[0], panel.weeks[max(panel.complete - _LISTED_WEEKS, 0)]
    return [i for i in incidents if date_of(i.last_day) >= (first if i.tier == PAGE else listed)]


def _changes(teller: Teller, heard: Heard, incidents: Sequence[Incident], tickets: pa.Table) -> list[Finding]:
    """All changes; what explains one kind is removed from the data before the next kind is looked for."""
    panel, share = teller.panel, teller.budget * _A_LOOK
    asked = read_asked(panel, heard.asked)
    arrived = new_intents(panel, asked, incidents)
    new = [fact.intent for fact in arrived]
    established = panel.without(intents=new)
    eroding = eroding_users(established, share=FALSE_USERS)
    eroding = eroding if len(eroding) >= _FEWEST_ERODING else []
    users = [fact.user for fact in eroding]
    answers = read_answers(panel, heard.answers).but(intents=new, users=users)

    arrivals = {panel.intents[k] for k in new}
    of_rates = [i for i in incidents if i.first.signal != SHARE and i.first.intent not in arrivals]
    described = _described(established, answers, of_rates)
    drops = _trust_drops(established.without(users=users), described)
    unexplained = [(s, i) for i, s in described if s is not None and _distrusting(panel, i, s) not in drops]
    slides = _joined(_beyond(established, answers, unexplained, [Node(cohort) for cohort in drops]))

    filed, others = tickets_by_intent(panel, tickets), established.rows("acceptance")
    findings = [say_new_intent(teller, f, others, tickets=_a_week(filed[f.intent, f.since :])) for f in arrived]
    findings += [say_slide(teller, slide) for slide, _ in slides]
    findings += [say_trust(teller, drop, tier=i.tier, rarity=i.first.rarity) for drop, i in drops.values()]
    if eroding:
        findings.append(
            say_erosion(teller, eroding, found_week=_first_named(established, eroding), false_share=FALSE_USERS)
        )
    findings += [say_share(teller, fact) for fact in share_changes(panel, asked, incidents, explained=new)]
    redone = [slide.node for slide, _ in slides if slide.signal == "rework"]
    if all(node.level for node in redone):
        standing = say_rework(teller, rework_hotspots(established, share=share, known=redone))
        findings += [standing] if standing is not None else []
    mix = None if slides or drops else mix_shift(established)
    if mix is not None:
        findings.append(say_mix(teller, mix, panel.trend("acceptance")[1] - MIX_WEEKS))
    queue = queue_growth(panel, tickets, share=share, explained=new)
    if queue is not None:
        findings.append(say_queue(teller, queue))
    return findings


def _a_week(counts: Floats) -> float:
    return float(counts.mean()) if len(counts) else 0.0


def _described(
    panel: Panel, answers: Answers, incidents: Sequence[Incident]
) -> list[tuple[Incident, RateChange | None]]:
    """The change behind each incident. Incidents that are part of a change already described are left out."""
    found: list[tuple[Incident, RateChange | None]] = []
    for incident in incidents:
        if not any(slide is not None and _covers(panel, slide, incident) for _, slide in found):
            found.append((incident, describe(panel, answers, incident)))
    return found


def _covers(panel: Panel, slide: RateChange, incident: Incident) -> bool:
    alarm = incident.first
    node = node_of(panel, alarm)
    if (
        node is None
        or any(a.signal == TRUST for a in incident.alarms)
        or (slide.tier == LIST and incident.tier == PAGE)
    ):
        return False
    same = (slide.signal, slide.direction) == (alarm.signal, alarm.direction) and slide.node.contains(node)
    began = day_of(slide.since) - 2 * TOGETHER_DAYS <= alarm.since
    return same and began and alarm.day <= day_of(slide.until)


def _distrusting(panel: Panel, incident: Incident, slide: RateChange | None) -> int | None:
    """The cohort whose trust an incident is about: trust itself raised an alarm, or a part of it got worse in the whole cohort."""
    named = next((a.cohort for a in incident.alarms if a.signal == TRUST and a.direction < 0), None)
    if named is None and slide is not None and slide.node.level == 1 and slide.is_worse and slide.signal in TRUSTING:
        return slide.node.cohort
    return panel.cohorts.index(named) if named in panel.cohorts else None


def _trust_drops(
    panel: Panel, described: Sequence[tuple[Incident, RateChange | None]]
) -> dict[int, tuple[TrustDrop, Incident]]:
    """The cohorts whose trust clearly fell, with the incident that showed it.

    Places that changed in one intent are left out, so that what remains concerns the cohort as a whole.
    """
    places = [slide.node for _, slide in described if slide is not None and slide.node.intent is not None]
    spread = panel
    for node in places:
        spread = spread.but({name: ~node.mask(rows) for name, rows in spread.signals.items()})
    found: dict[int, tuple[TrustDrop, Incident]] = {}
    for incident, slide in sorted(described, key=lambda d: d[0].tier != PAGE):
        cohort = _distrusting(panel, incident, slide)
        if cohort is None or cohort in found:
            continue
        since = (_start(incident, panel.cohorts[cohort]) - day_of(panel.weeks[0])) // 7
        found_at = date_of(incident.first.day)
        drop = trust_drop(spread, cohort, since=since, found_at=found_at)
        found |= {cohort: (drop, incident)} if drop is not None else {}
    return found


def _start(incident: Incident, cohort: str) -> int:
    """The day on which a cohort's incident began: the latest of its streams' starts, because each may be too early by chance."""
    first: dict[str, int] = {}
    for alarm in incident.alarms:
        if (alarm.level, alarm.cohort, alarm.tier) == (1, cohort, incident.tier) and alarm.since <= incident.first.day:
            first.setdefault(alarm.signal, alarm.since)
    return max(first.values(), default=incident.first.since)


def _beyond(
    panel: Panel, answers: Answers, slides: Sequence[tuple[RateChange, Incident]], drops: Sequence[Node]
) -> list[tuple[RateChange, Incident]]:
    """The changes, without those that are explained by changes of places inside them."""
    changed = [*drops, *(slide.node for slide, _ in slides)]
    found = []
    for slide, incident in slides:
        inside = [node for node in changed if node != slide.node and slide.node.contains(node)]
        if not inside or describe(panel, answers.apart(inside), incident) is not None:
            found.append((slide, incident))
    return found


def _joined(slides: Sequence[tuple[RateChange, Incident]]) -> list[tuple[RateChange, Incident]]:
    """The changes, with those of the same place and time joined into one: that of a page before the watch list, acceptance first."""
    groups: list[list[tuple[RateChange, Incident]]] = []
    for slide, incident in slides:
        group = next((g for g in groups if _together(g[0][0], slide)), None)
        if group is None:
            groups.append([(slide, incident)])
        else:
            group.append((slide, incident))
    return [_as_one(group) for group in groups]


def _as_one(group: Sequence[tuple[RateChange, Incident]]) -> tuple[RateChange, Incident]:
    order = list(WORSE)
    first, incident = min(group, key=lambda g: (g[1].tier != PAGE, order.index(g[0].signal), g[0].found))
    others = {change.signal: change for slide, _ in reversed(group) for change in (*slide.also, slide)}
    others.pop(first.signal)
    return replace(first, also=tuple(others[name] for name in sorted(others))), incident


def _together(a: RateChange, b: RateChange) -> bool:
    same = a.node == b.node or (a.signal == b.signal and (a.node.contains(b.node) or b.node.contains(a.node)))
    return same and a.is_worse == b.is_worse and abs((a.since - b.since).days) <= 2 * TOGETHER_DAYS


def _first_named(panel: Panel, eroding: Sequence[ErodingUser]) -> int:
    """The number of weeks after which the same analysis would first have named at least three of these users."""
    users = {fact.user for fact in eroding}
    for weeks in range(min(fact.since for fact in eroding) + 1, panel.complete):
        named = {fact.user for fact in eroding_users(panel, share=FALSE_USERS, today=weeks)}
        if len(named & users) >= _FEWEST_ERODING:
            return weeks
    return panel.complete


def _standing(panel: Panel, evals: Evals, names: Mapping[str, str]) -> list[Finding]:
    """Standing gaps: intents whose users accept clearly less than elsewhere although no eval says so, and the reverse."""
    gap = measure_gap(panel, evals, names)
    overall = gap.headline.acceptance
    if not isinstance(overall, Estimate):
        return []
    found = []
    for row in gap.rows:
        low = isinstance(row.acceptance, Estimate) and row.acceptance.high < overall.low - _WORTH_GAP
        reverse = USERS_ONLY in row.status and row.distance is not None and row.distance.high < -_WORTH_REVERSE
        if EVALS_ONLY in row.status or reverse or (NO_CASES in row.status and low):
            finding = say_gap(row, overall)
            if finding is not None:
                found.append(finding)
    return found


def _ranked(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings in order: the costliest of each of the five stories, then of the other stories, then the rest."""
    by_cost = sorted(found, key=lambda f: (f.tier != PAGE, -round(f.severity, 6), f.id))
    seen: set[str] = set()
    places = []
    for finding in by_cost:
        first = finding.story not in seen
        seen.add(finding.story)
        places.append(0 if first and finding.story in _STORIES else 1 if first else 2)
    return tuple(f for _, f in sorted(zip(places, by_cost, strict=True), key=lambda pair: pair[0]))


def _summary(panel: Panel, recent: Panel, found: Sequence[Finding]) -> str:
    """The summary: what was found in the `recent` weeks, or else how small a change the data could have shown."""
    traffic = recent.traffic
    done = traffic.take(traffic.week < recent.complete)
    seen = (
        f"{counted(recent.complete, 'week')} and {counted(float(done.n.sum()), 'answer')}"
        f" to {counted(len(np.unique(done.user)), 'user')}"
    )
    changed = sum(finding.kind != "gap" and finding.tier == PAGE for finding in found)
    listed = sum(finding.tier == LIST for finding in found)
    what = f"{listed} more" if changed else counted(listed, "thing")
    also = f" {what} {'is' if listed == 1 else 'are'} on the watch list." if listed else ""
    if changed:
        return f"{counted(changed, 'thing')} changed or stood out beyond chance in {seen}.{also}"
    if recent.complete < _LEAST_WEEKS:
        return f"It takes {_LEAST_WEEKS} finished weeks to see a change; there are {recent.complete} so far."
    least = least_change(panel.rows("acceptance").summary, panel.weeks_known("acceptance"))
    could = " This is too little data to show any but the largest change."
    if least is not None and least < _LARGEST:
        could = f" This much data would probably show a change of {least * 100:.0f} points in total acceptance within four weeks."
    return f"Nothing changed beyond chance in {seen}.{also}{could}"
