"""The human queue: whether more matters are handed to people than before, and which intents they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from everyturn.analysis.panel import Panel
from everyturn.stats import Estimate
from everyturn.stats.changes import scan_counts, shapes
from everyturn.stats.summaries import Floats, sum_by

_FEWEST_WEEKS = 6  # to know how much the queue varies by itself


@dataclass(frozen=True, slots=True)
class QueueGrowth:
    """A rise in the number of tickets per output, from `before` to `after`; `low` and `high` bound it.

    `since` is the week of the panel in which it began; any start from `first` to `last` fits about as well. `found_week` is the number of
    weeks after which the data first showed it. `added` holds the additional tickets a week by intent code, the largest number first.
    """

    since: int
    first: int
    last: int
    found_week: int
    before: Estimate
    after: Estimate
    low: float
    high: float
    weekly: tuple[tuple[date, Estimate], ...]
    added: tuple[tuple[int, float], ...]


def tickets_by_intent(panel: Panel, tickets: pa.Table) -> Floats:
    """The number of tickets by intent of the panel and complete week; a last row holds those of no known intent.

    Tickets that are linked to no intent are assigned to intents as far as the intents' own conversations show matters that were handed
    over in that week.
    """
    size, weeks = len(panel.intents), panel.complete
    found = np.zeros((size + 1, weeks))
    if not tickets.num_rows or not weeks:
        return found
    first = panel.weeks[0].toordinal()
    week = np.array([(d.toordinal() - first) // 7 for d in tickets["week"].cast(pa.date32()).to_pylist()])
    places = {name: code for code, name in enumerate(panel.intents) if name is not None}
    intent = np.array([places.get(name, size) for name in tickets["intent_id"].to_pylist()])
    inside = (week >= 0) & (week < weeks)
    count = tickets["n"].cast(pa.float64()).to_numpy()[inside]
    found += sum_by(intent[inside] * weeks + week[inside], count, found.size).reshape(found.shape)

    rows = panel.rows("escalation")
    rows = rows.take(rows.week < weeks)
    handed = sum_by(rows.intent * weeks + rows.week, rows.y, size * weeks).reshape(size, weeks)
    handed[[name is None for name in panel.intents]] = 0
    unnamed = np.maximum(handed - found[:size], 0.0)
    unnamed *= np.minimum(1.0, found[size] / np.maximum(unnamed.sum(0), 1e-9))
    found[:size] += unnamed
    found[size] = np.maximum(found[size] - unnamed.sum(0), 0.0)
    return found


def queue_growth(panel: Panel, tickets: pa.Table, *, share: float, explained: Sequence[int] = ()) -> QueueGrowth | None:
    """Whether more matters per output are handed to people than before, and from which intents; None if not.

    `tickets` has the columns week, intent_id (null if unknown) and n. Tickets and outputs of the intents in `explained` are left out. `share`
    is the probability of finding a rise if there is none.

    Assumes: weeks are independent. Tickets carry no user here, so weeks are the unit, and their variance is estimated from the weeks.
    """
    if not tickets.num_rows or panel.complete < _FEWEST_WEEKS:
        return None
    by_intent = tickets_by_intent(panel, tickets)
    by_intent[list(explained)] = 0
    traffic = panel.traffic
    traffic = traffic.take((traffic.week < panel.complete) & ~np.isin(traffic.intent, explained))
    counts, outputs = by_intent.sum(0), sum_by(traffic.week, traffic.n, panel.complete)
    course = shapes(panel.complete)
    look = scan_counts(counts, outputs, course)
    if look.p > share:
        return None
    since, settled = int(course.since[look.shape]), int(course.settled[look.shape])
    spread = _overdispersion(counts, outputs, since)
    before, after = (_per_output(counts[w], outputs[w], spread) for w in (slice(None, since), slice(settled, None)))
    rise = after.value - before.value
    down = np.hypot(before.high - before.value, after.value - after.low)
    if rise <= down:
        return None
    earlier = range(max(since + 1, _FEWEST_WEEKS), panel.complete)
    shown = next((w for w in earlier if scan_counts(counts[:w], outputs[:w], shapes(w)).p <= share), panel.complete)
    added = by_intent[:-1, settled:].mean(1) - by_intent[:-1, :since].mean(1)
    return QueueGrowth(
        since=since,
        first=look.first,
        last=look.last,
        found_week=shown,
        before=before,
        after=after,
        low=float(rise - down),
        high=float(rise + np.hypot(after.high - after.value, before.value - before.low)),
        weekly=tuple(
            (panel.weeks[w], _per_output(counts[w : w + 1], outputs[w : w + 1], spread))
            for w in range(panel.complete)
            if outputs[w] > 0
        ),
        added=tuple((int(i), float(added[i])) for i in np.lexsort((np.arange(len(added)), -np.round(added, 9)))),
    )


def _overdispersion(counts: Floats, outputs: Floats, since: int) -> float:
    """The variance of the weeks around a level before and one since, as a multiple of a Poisson's; at least 1."""
    expected = np.concatenate(
        [
            outputs[part] * counts[part].sum() / max(outputs[part].sum(), 1e-9)
            for part in (slice(None, since), slice(since, None))
        ]
    )
    squares = float(((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum())
    return max(squares / max(len(counts) - 2, 1), 1.0)


def _per_output(counts: Floats, outputs: Floats, spread: float) -> Estimate:
    """Tickets per output with a range for overdispersed counts (square-root scale, so it stays above 0)."""
    total, size = float(counts.sum()), max(float(outputs.sum()), 1e-9)
    half = 1.96 * np.sqrt(spread) / 2
    low, high = max(np.sqrt(total) - half, 0.0) ** 2, (np.sqrt(total + spread) + half) ** 2
    return Estimate(
        total / size, float(low / size), float(high / size), len(counts), round(size), method="overdispersed counts"
    )
