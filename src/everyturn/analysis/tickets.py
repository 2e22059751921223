"""The human queue: whether more is handed to people than before, and what brings it there."""

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
    """More matters handed to people per output: rates before `since` and after, `added` tickets a week by intent code.

    `since`, `first` and `last` are weeks of the panel as in `RateChange`; `low` and `high` bound the rise.
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
    """Tickets per intent of the panel and finished week; a last row holds those that name no intent.

    Of the unnamed, as many as its conversations show handed over in a week are given to each intent: that is the best that is
    known of them.
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
    """Whether more matters per output are handed to people than before, and through which intents; None where not.

    `tickets` has the columns week, intent_id (null where unknown) and n. What the intents `explained` bring is told
    elsewhere and left out, with their outputs. A ticket has no user here, so weeks are the unit: their spread beyond chance is
    measured from the weeks themselves; an error in `share` of quiet products.
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
    """How many times a Poisson's variance the weeks show around a level before and one since; 1 at least."""
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
