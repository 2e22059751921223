"""Describes a change of a rate that raised an alarm: where exactly it is, how large, and what did not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

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

_QUIET = 2.0  # standard errors below which a node counts as unchanged
_WORTH = 0.005  # an alarm whose change is now smaller than half a point was caused by something else
_WORTH_LISTING = 0.02  # the smallest change on the watch list
_CLEAR = {PAGE: 0.65, LIST: 1.0}  # half ranges a change must exceed: 0 is outside its 80% range, or its 95% range
_WITHOUT_ONE = 1 / 3  # of the change must remain without the person who contributes most, or it is only theirs
_BEFORE_DAYS = 182  # before the change began, with which the time after it is compared
_TOLD_DAYS = 365 / 3  # the budget is an upper bound: if nothing changes, at most a third of its alarms occur
_SIZE_DAYS = 28  # the size of a change is measured on the last four weeks
_AFTER_DAYS = 28  # what happens later than this after the last alarm is not part of the change


@dataclass(frozen=True, slots=True)
class Node:
    """The place of a rate: a cohort, an intent, an intent within a cohort or, if both are None, the whole product. Panel codes."""

    cohort: int | None = None
    intent: int | None = None

    @property
    def level(self) -> int:
        """0 total, 1 cohort, 2 intent, 3 cohort and intent."""
        return (self.cohort is not None) + 2 * (self.intent is not None)

    def mask(self, rows: Rows) -> Mask:
        """Which of the rows belong to it."""
        return node_mask(rows, self.cohort, self.intent)

    def contains(self, other: Node) -> bool:
        """Whether everything in `other` is in this node."""
        return self.cohort in {None, other.cohort} and self.intent in {None, other.intent}


@dataclass(frozen=True, slots=True)
class RateChange:
    """A rate that changed, at the most specific node that explains the change.

    `since` is the day it began, `found` the day of the alarm, `until` the last day on which its size is measured. `split` compares its
    last four weeks with the half year before `since`, whose rate was `baseline`; `cells` holds the intent of each of the split's parts.
    `rest_z` is how much the rest of the product changed, in standard errors (positive means in the same direction). If nothing changes,
    this place raises an alarm at most once in `rarity` days. `also` are other signals that changed in the same place.
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
    cells: tuple[int, ...]
    also: tuple[RateChange, ...] = ()

    @property
    def size(self) -> Estimate:
        """The change without the effect of the mix; its range holds however often it is looked at and allows for selection."""
        return picked(self.split.within, share=min(_TOLD_DAYS / self.rarity, 1.0))

    @property
    def is_worse(self) -> bool:
        """Whether the change is for the worse."""
        return self.direction == WORSE.get(self.signal, 1)


@dataclass(frozen=True)
class Answers:
    """All settled answers by signal (with its version), user and day of the output; `Rows.week` holds the day since 1970."""

    signals: Mapping[str, Rows]
    last_day: int

    def apart(self, nodes: Sequence[Node]) -> Answers:
        """The answers outside all of these nodes."""
        kept = {
            name: rows.take(~np.any([node.mask(rows) for node in nodes], axis=0)) for name, rows in self.signals.items()
        }
        return replace(self, signals=kept)

    def but(self, *, intents: Sequence[int], users: Sequence[int]) -> Answers:
        """The answers without these intents and users, whose changes are explained otherwise."""
        kept = {
            name: rows.take(~np.isin(rows.intent, intents) & ~np.isin(rows.user, users))
            for name, rows in self.signals.items()
        }
        return replace(self, signals=kept)


def read_answers(panel: Panel, totals: pa.Table) -> Answers:
    """The answers of `Settled.answers` in the panel's codes; users, cohorts and intents that are not in the panel are left out."""
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
    """Every node with rows, from the whole product to single cells; requests that fit no intent count in product and cohorts only."""
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
    """A code from 0 on for each row's cohort and intent: within such a stratum a change of the mix cannot look like one of the rate."""
    return distinct(rows.cohort * len(panel.intents) + rows.intent)[1]


def day_after(panel: Panel, weeks: int) -> date:
    """The day after the panel's first `weeks` weeks."""
    return panel.weeks[0] + timedelta(weeks=weeks)


def describe(panel: Panel, answers: Answers, incident: Incident) -> RateChange | None:
    """The change behind an incident: its place, its size, and what changed with it; None if nothing of it is left."""
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
    # The change must hold with users as the unit: what one busy person did is not the cohort's change.
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
    """The alarm's node in the panel's codes; None if it is not in the panel (an intent that no longer exists)."""
    try:
        return Node(
            None if alarm.cohort is None else panel.cohorts.index(alarm.cohort),
            None if alarm.intent is None else panel.intents.index(alarm.intent),
        )
    except ValueError:
        return None


@dataclass(frozen=True)
class _Window:
    """The rows before and after a change, and tests on subsets of them: stratified by cohort and intent, with users as clusters."""

    panel: Panel
    rows: Rows
    is_current: Mask
    direction: int

    def influence(self, keep: Mask) -> tuple[Floats, Codes]:
        """The influence of each user on the size of the change among the rows kept, and the users' codes.

        The rows kept must be whole strata, as those of a node are: then each row's part is the same whatever else is kept.
        """
        product, weight = self._all_products
        at = np.flatnonzero(keep)
        users, (influence,) = per_user(self.rows.user[at], product[at])
        return influence / max(float(weight[at].sum()), 1e-9), users

    @cached_property
    def _all_products(self) -> tuple[Floats, Floats]:
        return self._products(self.rows, self.is_current)

    def _products(self, rows: Rows, is_current: Mask) -> tuple[Floats, Floats]:
        """For each row, what it adds to the influence of its user, and to the number that all influences are divided by."""
        stratum, course = strata(self.panel, rows), is_current.astype(float)
        count = int(stratum.max(initial=-1)) + 1
        n = sum_by(stratum, rows.n, count)
        centred = course - (sum_by(stratum, rows.n * course, count) / n)[stratum]
        excess = rows.y - (sum_by(stratum, rows.y, count) / n)[stratum] * rows.n
        return centred * excess, rows.n * centred**2

    def moved(self, keep: Mask) -> float:
        """How much the rows kept changed in the alarm's direction, in standard errors."""
        influence, _ = self.influence(keep)
        return self._strength(influence)

    def without_one(self, keep: Mask) -> float:
        """The size of the change among the rows kept, without the user who contributes most to it."""
        influence, users = self.influence(keep)
        rest = keep & (self.rows.user != users[int(np.argmax(self.direction * influence))])
        product, weight = self._products(self.rows.take(rest), self.is_current[rest])
        return self.direction * float(product.sum()) / max(float(weight.sum()), 1e-9)

    def _strength(self, influence: Floats) -> float:
        return self.direction * float(z_values(influence[:, None])[0]) if len(influence) > 1 else 0.0

    def place(self, start: Node) -> Node:
        """The most specific node that explains the change: up while a parent's rest changed too, then down while the rest did not."""
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
        """How many standard errors a part changed by, 0 unless the rest did not change and the part stands out from it."""
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
