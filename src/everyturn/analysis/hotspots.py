"""Places where accepted answers have always been redone elsewhere far more often than in the rest of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everyturn.analysis.drift import Node, nodes
from everyturn.analysis.panel import Panel, Rows
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.changes import z_values
from everyturn.stats.compare import benjamini_hochberg
from everyturn.stats.intervals import NEEDED_USERS, difference, rate
from everyturn.stats.summaries import Codes, Floats, distinct, joint_of_users, sum_by, summary_of_users

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
    rows, weeks = panel.trend("rework")
    for node in known:
        rows = rows.take(~node.mask(rows))
    candidates = [node for node in nodes(panel, rows) if node.level in {1, 2}]
    users = _Users.of(rows)
    p = [_chance(*users.sides(node)) for node in candidates]
    believed = benjamini_hochberg(p, share=share)
    bar = share * max(int(believed.sum()), 1) / max(len(p), 1)
    found: list[Hotspot] = []
    for k in sorted(np.flatnonzero(believed), key=lambda i: (round(p[i], 15), i)):
        node = candidates[k]
        spot = _compared(*users.sides(node))
        if spot is not None:
            early = (_Users.of(users.rows.take(users.rows.week < w)) for w in range(1, weeks))
            shown = (w for w, then in enumerate(early, 1) if _chance(*then.sides(node)) <= bar)
            found.append(Hotspot(node, *spot, next(shown, weeks) + panel.complete - weeks))
            users = _Users.of(users.rows.take(~node.mask(users.rows)))
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """Each user's known answers and those redone, in a place or outside it."""

    n: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class _Users:
    """All rows by user: what lies outside a place is what is there less what lies inside, so that each place costs its own rows."""

    rows: Rows
    place: Codes
    all: _Side

    @classmethod
    def of(cls, rows: Rows) -> _Users:
        users, place = distinct(rows.user)
        return cls(rows, place, _Side(*(sum_by(place, values, len(users)) for values in (rows.n, rows.y))))

    def sides(self, node: Node) -> tuple[_Side, _Side]:
        """What users have inside a place, and outside it."""
        at = np.flatnonzero(node.mask(self.rows))
        n, y = (sum_by(self.place[at], values[at], len(self.all.n)) for values in (self.rows.n, self.rows.y))
        return _Side(n, y), _Side(self.all.n - n, np.where(self.all.n > n, self.all.y - y, 0.0))


def _chance(inside: _Side, outside: _Side) -> float:
    from scipy.special import ndtr

    if min(np.count_nonzero(side.n) for side in (inside, outside)) < NEEDED_USERS:
        return 1.0
    rates = [side.y.sum() / side.n.sum() for side in (inside, outside)]
    own, rest = ((side.y - rate * side.n) / side.n.sum() for side, rate in zip((inside, outside), rates, strict=True))
    # The influences are centred; the gap spread over users makes their sum the gap without changing their spread.
    by_user = own - rest + (rates[0] - rates[1]) / len(own)
    return float(ndtr(-z_values(by_user[:, None])[0]))


def _compared(inside: _Side, outside: _Side) -> tuple[Estimate, Estimate, Estimate] | None:
    """The rate of a place, that of the rest and the difference; None unless the place is far above the rest."""
    joint = joint_of_users((inside.n, inside.y), (outside.n, outside.y))
    own, rest = (summary_of_users(side.n, side.y) for side in (inside, outside))
    level, usual, above = rate(own), rate(rest), difference(own, rest, joint)
    if isinstance(level, NotEnough) or isinstance(usual, NotEnough) or isinstance(above, NotEnough):
        return None
    if above.value < _WORTH or level.value < _TIMES * usual.value or above.low <= 0:
        return None
    return level, usual, above
