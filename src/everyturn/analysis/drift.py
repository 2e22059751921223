"""Alarms of rates -> where exactly, how large, and what did not move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from everyturn.analysis.alarms import BLOCKS_A_DAY, LIST, PAGE, TRUST, Alarm, date_of
from everyturn.analysis.incidents import Incident
from everyturn.analysis.panel import WORSE, Mask, Panel, Rows, codes_in, has_both_sides, node_mask
from everyturn.stats import Estimate
from everyturn.stats.changes import z_values
from everyturn.stats.compare import Split, split_difference
from everyturn.stats.intervals import NEEDED_USERS, picked
from everyturn.stats.summaries import Codes, Floats, distinct, per_user, sum_by

_QUIET = 2.0  # standard errors: below it a node counts as not having moved
_WORTH = 0.005  # what is smaller than half a point by the time it is told was explained by something else
_WORTH_LISTING = 0.02  # a line of the watch list of less than two points is nobody's Monday
_CLEAR = {PAGE: 0.65, LIST: 1.0}  # of the half range: an 80% range without nothing in it, and a 95% one
_WITHOUT_ONE = 1 / 3  # of it must be there without the person who carries most of it, or it is that person's
_BEFORE_DAYS = 182
_TOLD_DAYS = 365 / 3  # the budget is a bound: where nothing changes at most one in three of its pages comes
_SIZE_DAYS = 28  # the last four weeks say how large a change is by now
_AFTER_DAYS = 28  # what happens later than this after the alarm is another story


@dataclass(frozen=True, slots=True)
class Node:
    """Where a rate is looked at: a cohort, an intent, both, or (both None) the whole product. Codes of the panel."""

    cohort: int | None = None
    intent: int | None = None

    @property
    def level(self) -> int:
        """0 total, 1 cohort, 2 intent, 3 cohort and intent."""
        return (self.cohort is not None) + 2 * (self.intent is not None)

    def mask(self, rows: Rows) -> Mask:
        """Which rows belong to it."""
        return node_mask(rows, self.cohort, self.intent)

    def contains(self, other: Node) -> bool:
        """Whether all that belongs to `other` belongs to this."""
        return self.cohort in {None, other.cohort} and self.intent in {None, other.intent}


@dataclass(frozen=True, slots=True)
class RateChange:
    """One rate that moved, named at the deepest place that explains it.

    `since` is the day it began, `found` the day it rang, `until` the last day its size is measured on. `split` compares the last
    four weeks of it with the half year before `since`, whose rate was `baseline`. `rest_z` is how far the rest of the product
    moved, in standard errors (positive means the same way). Where nothing changes, its place rings at most once in `rarity` days.
    `also` are other signals that moved in the same place.
    """

    signal: str
    node: Node
    since: date
    found: date
    until: date
    tier: str
    rarity: float
    direction: int
    split: Split
    baseline: float
    rest_z: float
    cells: tuple[int, ...]  # the intent of each part of the split
    also: tuple[RateChange, ...] = ()

    @property
    def size(self) -> Estimate:
        """How large it is, mix taken out, with a range that holds however often it is looked at, and though it was picked."""
        return picked(self.split.within, share=min(_TOLD_DAYS / self.rarity, 1.0))

    @property
    def is_worse(self) -> bool:
        """Whether it got worse."""
        return self.direction == WORSE.get(self.signal, 1)


@dataclass(frozen=True)
class Answers:
    """Every settled answer by person and day of the output, per signal with its version; `Rows.week` holds the day since 1970."""

    signals: Mapping[str, Rows]
    last_day: int

    def apart(self, nodes: Sequence[Node]) -> Answers:
        """Without some places."""
        kept = {
            name: rows.take(~np.any([node.mask(rows) for node in nodes], axis=0)) for name, rows in self.signals.items()
        }
        return replace(self, signals=kept)

    def but(self, *, intents: Sequence[int], users: Sequence[int]) -> Answers:
        """Without what is explained otherwise."""
        kept = {
            name: rows.take(~np.isin(rows.intent, intents) & ~np.isin(rows.user, users))
            for name, rows in self.signals.items()
        }
        return replace(self, signals=kept)


def read_answers(panel: Panel, totals: pa.Table) -> Answers:
    """Settled answers by the day of their outputs, in the codes of the panel; people and places the panel does not know are left out."""
    user, cohort, intent = codes_in(panel, totals)
    day = totals["given"].cast(pa.int64()).to_numpy() // BLOCKS_A_DAY
    n, y = (totals[name].cast(pa.float64()).to_numpy() for name in ("n", "y"))
    name = totals["signal"].combine_chunks().dictionary_encode()
    name = name.combine_chunks() if isinstance(name, pa.ChunkedArray) else name
    of = name.indices.to_numpy()
    known = (user >= 0) & (cohort >= 0) & (intent >= 0)
    signals = {}
    for code, text in enumerate(name.dictionary.to_pylist()):
        at = known & (of == code)
        signals[text] = Rows(user[at], cohort[at], intent[at], day[at], n[at], y[at], np.zeros(int(at.sum())))
    return Answers(signals, int(day.max()) if len(day) else 0)


def nodes(panel: Panel, rows: Rows) -> Iterator[Node]:
    """Every node the rows reach; requests no intent fits count in the total and the cohorts only."""
    yield Node()
    cohorts = [int(c) for c in np.unique(rows.cohort)]
    intents = [int(i) for i in np.unique(rows.intent) if panel.intents[int(i)] is not None]
    if len(cohorts) > 1:
        yield from (Node(cohort=c) for c in cohorts)
    if len(np.unique(rows.intent)) > 1:
        yield from (Node(intent=i) for i in intents)
        if len(cohorts) > 1:
            cells = np.unique(rows.cohort * len(panel.intents) + rows.intent)
            pairs = (divmod(int(cell), len(panel.intents)) for cell in cells)
            yield from (Node(c, i) for c, i in pairs if panel.intents[i] is not None)


def strata(panel: Panel, rows: Rows) -> Codes:
    """Cohort and intent together, numbered from 0: within a stratum a change of mix can neither hide nor feign one of rate."""
    return distinct(rows.cohort * len(panel.intents) + rows.intent)[1]


def day_after(panel: Panel, weeks: int) -> date:
    """The day on which `weeks` weeks of the panel are over."""
    return panel.weeks[0] + timedelta(weeks=weeks)


def describe(panel: Panel, answers: Answers, incident: Incident) -> RateChange | None:
    """What an incident is: its place, its size, what moved with it. None where nothing is left of it to tell."""
    alarms = [a for a in incident.alarms if a.signal != TRUST]
    first = next((a for a in alarms if a.tier == incident.tier), alarms[0] if alarms else None)
    if first is None:
        return None
    found = _describe(panel, answers, first, incident, node=None)
    if found is None:
        return None
    others = {a.full_signal: a for a in reversed(alarms) if a.signal != first.signal}
    also = (_describe(panel, answers, a, incident, node=found.node) for _, a in sorted(others.items()))
    return replace(found, also=tuple(change for change in also if change is not None))


def _describe(
    panel: Panel, answers: Answers, alarm: Alarm, incident: Incident, *, node: Node | None
) -> RateChange | None:
    rows = answers.signals.get(alarm.full_signal)
    start = node_of(panel, alarm)
    if rows is None or start is None:
        return None
    end = min(answers.last_day, max(incident.last_day, alarm.day) + _AFTER_DAYS)
    first = max(alarm.since, end - _SIZE_DAYS + 1)
    rows = rows.take((rows.week <= end) & (rows.week >= alarm.since - _BEFORE_DAYS))
    rows = rows.take((rows.week < alarm.since) | (rows.week >= first))
    window = _Window(panel, rows, rows.week >= first, alarm.direction)
    place = window.place(start) if node is None else node
    mask = place.mask(rows)
    here, is_current = rows.take(mask), window.is_current[mask]
    if not has_both_sides(here, is_current):
        return None
    split = split_difference(here.user, strata(panel, here), is_current, here.n, here.y)
    size, half = split.within.value * alarm.direction, (split.within.high - split.within.low) / 2
    # Counted by users it must still be there: what one busy person did is theirs, not the cohort's.
    if size < (_WORTH if incident.tier == PAGE else _WORTH_LISTING) or size < _CLEAR[incident.tier] * half:
        return None
    if window.without_one(mask) < _WITHOUT_ONE * size:
        return None
    return RateChange(
        signal=alarm.signal,
        node=place,
        since=date_of(alarm.since),
        found=date_of(incident.first.day),
        until=date_of(end),
        tier=incident.tier,
        rarity=alarm.rarity,
        direction=alarm.direction,
        split=split,
        baseline=float(here.y[~is_current].sum() / here.n[~is_current].sum()),
        rest_z=window.moved(~mask),
        cells=tuple((np.unique(here.cohort * len(panel.intents) + here.intent) % len(panel.intents)).tolist()),
    )


def node_of(panel: Panel, alarm: Alarm) -> Node | None:
    """The alarm's node in the codes of the panel, None where the panel does not know it (an intent that is no more)."""
    try:
        return Node(
            None if alarm.cohort is None else panel.cohorts.index(alarm.cohort),
            None if alarm.intent is None else panel.intents.index(alarm.intent),
        )
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Window:
    """Rows before a change and in it; users are clusters, strata of cohort and intent held apart."""

    panel: Panel
    rows: Rows
    is_current: Mask
    direction: int

    def influence(self, keep: Mask) -> tuple[Floats, Codes]:
        """Users' influences on the size of the change among the rows kept, and who they are."""
        rows = self.rows.take(keep)
        if not len(rows):
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        stratum, course = strata(self.panel, rows), self.is_current[keep].astype(float)
        count = int(stratum.max()) + 1
        n = sum_by(stratum, rows.n, count)
        centred = course - (sum_by(stratum, rows.n * course, count) / n)[stratum]
        excess = rows.y - (sum_by(stratum, rows.y, count) / n)[stratum] * rows.n
        users, (influence,) = per_user(rows.user, centred * excess)
        return influence / max(float((rows.n * centred**2).sum()), 1e-9), users

    def moved(self, keep: Mask) -> float:
        """How far the rows kept moved the alarm's way, in standard errors."""
        influence, _ = self.influence(keep)
        return self._strength(influence)

    def without_one(self, keep: Mask) -> float:
        """The size of the change among the rows kept, without the person who carries most of it."""
        influence, users = self.influence(keep)
        rest = keep & (self.rows.user != users[int(np.argmax(self.direction * influence))])
        return self.direction * float(self.influence(rest)[0].sum())

    def _strength(self, influence: Floats) -> float:
        return self.direction * float(z_values(influence[:, None])[0]) if len(influence) > 1 else 0.0

    def place(self, start: Node) -> Node:
        """The deepest node that explains it: up while the rest of a parent moved too, then down while the rest is quiet."""
        node = start
        while (parent := self._parent_that_moved(node)) is not None:
            node = parent
        return self._down(node)

    def _parent_that_moved(self, node: Node) -> Node | None:
        parents = (Node(node.cohort), Node(intent=node.intent), Node())
        own = node.mask(self.rows)
        for parent in parents:
            if parent != node and parent.contains(node) and self.moved(parent.mask(self.rows) & ~own) >= _QUIET:
                return parent
        return None

    def _down(self, start: Node) -> Node:
        node = start
        while True:
            inside = node.mask(self.rows)
            deeper = {1, 2} if node == Node() else {3}
            parts = [p for p in nodes(self.panel, self.rows) if p.level in deeper and p != node and node.contains(p)]
            best = max(((self._clear(inside, part), -k) for k, part in enumerate(parts)), default=(0.0, 0))
            if best[0] <= 0:
                return node
            node = parts[-best[1]]

    def _clear(self, inside: Mask, part: Node) -> float:
        """How strongly a part stands out from a quiet rest, 0 where it does not."""
        mask = part.mask(self.rows)
        moved, movers = self.influence(inside & mask)
        if len(moved) < NEEDED_USERS:
            return 0.0
        rest, resters = self.influence(inside & ~mask)
        if len(rest) < NEEDED_USERS or self._strength(rest) >= _QUIET:
            return 0.0
        _, (apart,) = per_user(np.concatenate([movers, resters]), np.concatenate([moved, -rest]))
        strength = self._strength(moved)
        return strength if min(strength, self._strength(apart)) >= _QUIET else 0.0
