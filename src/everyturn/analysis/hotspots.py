"""Places where accepted answers have always been redone elsewhere far more often than in the rest of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everyturn.analysis.drift import Node, nodes
from everyturn.analysis.panel import Panel, Rows, contrast, has_both_sides
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.changes import z_values
from everyturn.stats.compare import benjamini_hochberg
from everyturn.stats.intervals import rate
from everyturn.stats.summaries import per_user

_WORTH = 0.1  # a hotspot's rate must exceed the rest's by this much (10 points), and
_TIMES = 1.5  # be this many times the rest's: some intents are always redone a little more than others


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A cohort or an intent whose accepted answers are redone far more often than the rest's.

    `above` is its rate minus the rest's. `found_week` is the number of the panel's weeks after which the data first showed it.
    """

    node: Node
    rate: Estimate
    rest: Estimate
    above: Estimate
    found_week: int


def rework_hotspots(panel: Panel, *, share: float, known: Sequence[Node] = ()) -> list[Hotspot]:
    """The cohorts and intents whose rework is far above the rest's, the clearest first; nodes in `known` are left out.

    Each is compared with the product without it and without those found before it. Benjamini-Hochberg over all of them at the level
    `share`, with users as clusters.
    """
    rows, _ = panel.trend("rework")
    for node in known:
        rows = rows.take(~node.mask(rows))
    candidates = [node for node in nodes(panel, rows) if node.level in {1, 2}]
    p = [_chance(rows, node) for node in candidates]
    believed = benjamini_hochberg(p, share=share)
    bar = share * max(int(believed.sum()), 1) / max(len(p), 1)
    found: list[Hotspot] = []
    for k in sorted(np.flatnonzero(believed), key=lambda i: (round(p[i], 15), i)):
        spot = _describe(panel, rows, candidates[k], bar)
        if spot is not None:
            found.append(spot)
            rows = rows.take(~spot.node.mask(rows))
    return found


def _chance(rows: Rows, node: Node) -> float:
    from scipy.special import ndtr

    inside = node.mask(rows)
    if not has_both_sides(rows, inside):
        return 1.0
    influence = np.zeros(len(rows))
    for side, sign in ((inside, 1.0), (~inside, -1.0)):
        n, y = rows.n[side].sum(), rows.y[side].sum()
        influence[side] = sign * (rows.y[side] - y / n * rows.n[side]) / n
    gap = rows.y[inside].sum() / rows.n[inside].sum() - rows.y[~inside].sum() / rows.n[~inside].sum()
    _, (by_user,) = per_user(rows.user, influence)
    # The influences sum to 0; adding the gap evenly over users makes them sum to the gap and leaves their variance as it is.
    return float(ndtr(-z_values((by_user + gap / len(by_user))[:, None])[0]))


def _describe(panel: Panel, rows: Rows, node: Node, bar: float) -> Hotspot | None:
    inside = node.mask(rows)
    level, usual, above = rate(rows.take(inside).summary), rate(rows.take(~inside).summary), contrast(rows, inside)
    if isinstance(level, NotEnough) or isinstance(usual, NotEnough) or isinstance(above, NotEnough):
        return None
    if above.value < _WORTH or level.value < _TIMES * usual.value or above.low <= 0:
        return None
    _, known = panel.trend("rework")
    shown = (w for w in range(1, known) if _chance(rows.take(rows.week < w), node) <= bar)
    return Hotspot(node, level, usual, above, next(shown, known) + panel.complete - known)
