"""Which rates got worse, where exactly, since when; and what did not move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from everyturn.analysis.panel import WORSE, Mask, Panel, Rows, node_mask
from everyturn.stats.changes import Scan, scan, shapes, weekly_residuals, z_values
from everyturn.stats.compare import Split, benjamini_hochberg, split_difference
from everyturn.stats.summaries import Codes, Floats, per_user, sum_by

_QUIET = 2.0  # standard errors: below it a node counts as not having moved
_WORTH = 0.02  # a change of less than two points is nobody's Monday
_MOST_INCIDENTS = 12  # more than these at once are one story the product team already knows


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
    """One rate that got worse, named at the deepest place that explains it.

    `since` and `settled` are weeks of the panel: when it began, and from when it is at full size; `first` and `last` bound the
    starts that fit as well; `found_week` is how many weeks had passed when the same look would first have shown it. `split` compares the weeks from
    `settled` with those before `since`, whose rate was `baseline`. `rest_z` is how far the rest of the product moved by the same
    course, in standard errors (positive means worse). `also` are other signals that moved in the same place.
    """

    signal: str
    node: Node
    since: int
    settled: int
    first: int
    last: int
    found_week: int
    split: Split
    baseline: float
    rest_z: float
    also: tuple[RateChange, ...] = ()


@dataclass(frozen=True, slots=True)
class _Test:
    signal: str
    node: Node
    result: Scan


def rate_changes(panel: Panel, *, share: float, needed: int) -> list[RateChange]:
    """Every rate that got worse within the panel's finished weeks, strongest first, one entry per incident.

    All signals at all nodes (total, cohorts, intents, both) are one family with a budget of false discoveries `share`
    (Benjamini-Hochberg). Half of it goes to acceptance, the rest to the other signals; each level of nodes gets an equal part,
    so the many small cells do not drown the few large ones. An incident is named at the deepest node whose removal leaves its
    parent quiet; its rows are then set aside, and what else passed must still pass without them.
    """
    search = _Search(panel, needed)
    tests = search.tests()
    if not tests:
        return []
    weights = _weights(tests)
    believed = benjamini_hochberg([t.result.p for t in tests], share=share, weights=weights)
    bars = share * max(int(believed.sum()), 1) / len(tests) * weights

    incidents: list[RateChange] = []
    for i in sorted(np.flatnonzero(believed), key=lambda i: (round(-abs(tests[i].result.z), 9), i)):
        test, bar = tests[i], float(bars[i])
        place = next((k for k, known in enumerate(incidents) if known.node.contains(test.node)), None)
        if place is None:
            found = search.incident(test, bar, [known.node for known in incidents])
            if found is not None and len(incidents) < _MOST_INCIDENTS:
                incidents.append(found)
        elif test.signal not in {incidents[place].signal, *(a.signal for a in incidents[place].also)}:
            more = search.describe(test.signal, incidents[place].node, bar, [])
            if more is not None:
                incidents[place] = replace(incidents[place], also=(*incidents[place].also, more))
    return incidents


def _weights(tests: list[_Test]) -> Floats:
    """Each test's part of the budget, mean 1: half to acceptance, half to the others, level by level in equal parts."""
    levels = np.array([t.node.level for t in tests])
    main = np.array([t.signal == "acceptance" for t in tests])
    group = levels * 2 + main
    sizes = np.bincount(group, minlength=8)
    both = np.count_nonzero(np.bincount(main.astype(np.int64), minlength=2))
    levels_of = np.array([np.count_nonzero(sizes[kind::2]) for kind in (0, 1)])
    weights: Floats = len(tests) / both / levels_of[main.astype(np.int64)] / sizes[group]
    return weights


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
    _, codes = np.unique(rows.cohort * len(panel.intents) + rows.intent, return_inverse=True)
    numbered: Codes = codes.astype(np.int64)
    return numbered


def day_after(panel: Panel, weeks: int) -> date:
    """The day on which `weeks` weeks of the panel are over."""
    return panel.weeks[0] + timedelta(weeks=weeks)


@dataclass(frozen=True, slots=True)
class _Search:
    panel: Panel
    needed: int

    def tests(self) -> list[_Test]:
        found = []
        for signal in sorted(set(self.panel.signals) & set(WORSE)):
            if signal == "edits" and "edit_share" in self.panel.signals:
                continue  # the same answers, graded
            rows, weeks = self.panel.trend(signal)
            for node in nodes(self.panel, rows):
                result = self.scan(rows.take(node.mask(rows)), weeks, signal)
                if result.shape >= 0:
                    found.append(_Test(signal, node, result))
        return found

    def scan(self, rows: Rows, weeks: int, signal: str) -> Scan:
        residuals = weekly_residuals(strata(self.panel, rows), rows.user, rows.week, rows.n, rows.y, weeks=weeks)
        return scan(residuals, shapes(weeks), worse=WORSE[signal], needed=self.needed)

    def incident(self, test: _Test, bar: float, known: list[Node]) -> RateChange | None:
        """The change behind a test that passed, None where the nodes already named explain it."""
        rows, weeks = self._free_rows(test.signal, known)
        result = self.scan(rows.take(test.node.mask(rows)), weeks, test.signal)
        if result.p > bar:
            return None
        node = self._up(rows, test.node, shapes(weeks).weights[result.shape], test.signal)
        node = self._down(rows, node, shapes(weeks).weights[result.shape], test.signal)
        return self.describe(test.signal, node, bar, known)

    def describe(self, signal: str, node: Node, bar: float, known: list[Node]) -> RateChange | None:
        """The change of a signal at a node: its course, its size, when it showed. None where it is too small to tell."""
        rows, weeks = self._free_rows(signal, known)
        mask = node.mask(rows)
        result = self.scan(rows.take(mask), weeks, signal)
        if result.shape < 0:
            return None
        course = shapes(weeks)
        since, settled = int(course.since[result.shape]), int(course.settled[result.shape])
        here = rows.take(mask & ((rows.week < since) | (rows.week >= settled)))
        is_current = here.week >= settled
        split = split_difference(here.user, strata(self.panel, here), is_current, here.n, here.y)
        if split.within.value * WORSE[signal] < _WORTH:
            return None
        rest, _ = self._influence(rows.take(~mask), course.weights[result.shape])
        found_week = next(
            (
                count
                for count in range(since + 1, weeks)
                if self.scan(rows.take(mask & (rows.week < count)), count, signal).p <= bar
            ),
            weeks,
        )
        return RateChange(
            signal,
            node,
            since,
            settled,
            result.first,
            result.last,
            found_week + self.panel.complete - weeks,
            split,
            float(here.y[~is_current].sum() / here.n[~is_current].sum()),
            _worsening(rest, signal),
        )

    def _free_rows(self, signal: str, known: list[Node]) -> tuple[Rows, int]:
        rows, weeks = self.panel.trend(signal)
        free = np.ones(len(rows), dtype=bool)
        for node in known:
            free &= ~node.mask(rows)
        return rows.take(free), weeks

    def _influence(self, rows: Rows, weights: Floats) -> tuple[Floats, Codes]:
        """Users' influences on the size of a change of the given course, strata held apart, and who they are."""
        if not len(rows):
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        stratum, course = strata(self.panel, rows), weights[rows.week]
        count = int(stratum.max()) + 1
        n = sum_by(stratum, rows.n, count)
        centred = course - (sum_by(stratum, rows.n * course, count) / n)[stratum]
        excess = rows.y - (sum_by(stratum, rows.y, count) / n)[stratum] * rows.n
        users, (influence,) = per_user(rows.user, centred * excess)
        return influence / max(float((rows.n * centred**2).sum()), 1e-9), users

    def _up(self, rows: Rows, start: Node, weights: Floats, signal: str) -> Node:
        """The smallest parent whose rest moved too, else the start: where all intents of a cohort slid, it is the cohort."""
        for parent in (Node(start.cohort), Node(intent=start.intent), Node()):
            if parent != start and parent.contains(start):
                rest, _ = self._influence(rows.take(parent.mask(rows) & ~start.mask(rows)), weights)
                if _worsening(rest, signal) >= _QUIET:
                    return parent
        return start

    def _down(self, rows: Rows, start: Node, weights: Floats, signal: str) -> Node:
        """The deepest part that moved clearly more than a rest that is quiet, else the start itself."""
        node = start
        while True:
            inside = rows.take(node.mask(rows))
            parts = [part for part in nodes(self.panel, rows) if part != node and node.contains(part)]
            best = max(
                ((self._clear(inside, part, weights, signal), -k) for k, part in enumerate(parts)), default=(0.0, 0)
            )
            if best[0] <= 0:
                return node
            node = parts[-best[1]]

    def _clear(self, rows: Rows, part: Node, weights: Floats, signal: str) -> float:
        """How strongly a part stands out from a quiet rest, 0 where it does not."""
        mask = part.mask(rows)
        moved, movers = self._influence(rows.take(mask), weights)
        rest, resters = self._influence(rows.take(~mask), weights)
        if min(len(moved), len(rest)) < self.needed or _worsening(rest, signal) >= _QUIET:
            return 0.0
        _, (apart,) = per_user(np.concatenate([movers, resters]), np.concatenate([moved, -rest]))
        strength = _worsening(moved, signal)
        return strength if min(strength, _worsening(apart, signal)) >= _QUIET else 0.0


def _worsening(influence: Floats, signal: str) -> float:
    return WORSE[signal] * float(z_values(influence[:, None])[0]) if len(influence) > 1 else 0.0
