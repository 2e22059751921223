"""What an answer is expected to be: the product, its cohort, its intent, both together, the day of the week, this person's own past.

Each part is a running mean of what the parts before it left unexplained, held at nothing by a few imagined answers: the running
form of empirical-Bayes shrinkage. A block is foreseen from what was known before it, then learnt from.
"""

from __future__ import annotations

import numpy as np

from everyturn.analysis.alarms import BLOCKS_A_DAY
from everyturn.analysis.blocks import Foreseen, Increment
from everyturn.analysis.ledger import COHORTS, INTENTS, Part
from everyturn.stats.summaries import Codes, Floats

FORGET = 25 / 26  # a week's weight of the past: levels are those of about half a year
_USER_ANCHOR = 9.0  # 1 / correlation - 1 of two answers of one user; from 9 to 40 makes no difference
_ANCHORS = (1.0, 20.0, 20.0, 100.0, 300.0, _USER_ANCHOR)
_USER = 5


class Expectation:
    """The parts, and per signal how far answers were from what was expected (`spread`: squared, and what chance alone makes of it)."""

    def __init__(self) -> None:
        self.parts = [Part(anchor) for anchor in _ANCHORS]
        self.spread = np.zeros((0, 2))
        self.week = -1

    def place(self, signal: Codes, cohort: Codes, intent: Codes, user: Codes, block: Codes) -> Codes:
        """The places of rows in each part, a row per part, with room made for new ones."""
        new = int(signal.max()) + 1 - len(self.spread)
        if new > 0:
            self.spread = np.r_[self.spread, np.ones((new, 2))]
        weekday = (block // BLOCKS_A_DAY + 3) % 7  # 1 January 1970 was a Thursday
        keys = (
            signal,
            signal * COHORTS + cohort,
            signal * INTENTS + intent,
            (signal * COHORTS + cohort) * INTENTS + intent,
            signal * 7 + weekday,
            user * 256 + signal,
        )
        return np.stack([part.place(key) for part, key in zip(self.parts, keys, strict=True)])

    def follow(self, rows: Increment) -> Foreseen:
        """Block after block: what was expected of its rows, then what there is to learn from them."""
        shift, known = (np.concatenate([getattr(part, name) for part in self.parts]) for name in ("shift", "n"))
        ends = np.cumsum([len(part.n) for part in self.parts])
        offsets = np.r_[0, ends[:-1]]
        for part, low, high in zip(self.parts, offsets, ends, strict=True):
            part.shift, part.n = shift[low:high], known[low:high]
        at = rows.at + offsets[:, None]
        expected, alike = np.empty(len(rows.n)), np.empty(len(rows.n))
        edges = np.flatnonzero(np.r_[True, rows.block[1:] != rows.block[:-1], True]).tolist()
        weeks = (rows.block[edges[:-1]] // (7 * BLOCKS_A_DAY)).tolist()
        for low, high, week in zip(edges[:-1], edges[1:], weeks, strict=True):
            if week > self.week >= 0:
                known[: ends[-2]] *= FORGET ** (week - self.week)
            self.week = week
            here = at[:, low:high]
            e = shift[here].sum(0)
            e += 0.5
            e = np.minimum(np.maximum(e, 0.005, out=e), 0.995, out=expected[low:high])
            alike[low:high] = known[here[_USER]]
            n = rows.n[low:high]
            left = rows.y[low:high] - n * e
            for part, places in zip(self.parts, rows.at[:, low:high], strict=True):
                left = part.learn(places, n, left)
        return self._seen(rows, expected, 1.0 / (alike + (_USER_ANCHOR + 1.0)))

    def _seen(self, rows: Increment, expected: Floats, alike: Floats) -> Foreseen:
        """With each row's misses, and the spread that was known of its signal before its block."""
        n = rows.n
        excess = rows.y - n * expected
        chance = n * expected * (1 - expected) * (1 + (n - 1) * alike)
        turns = np.r_[True, (rows.block[1:] != rows.block[:-1]) | (rows.signal[1:] != rows.signal[:-1])]
        starts = np.flatnonzero(turns)
        gained = np.stack([np.add.reduceat(v, starts) for v in (excess**2, chance)], axis=1)
        signal = rows.signal[starts]
        before = np.empty_like(gained)
        for code in np.unique(signal):
            own = np.flatnonzero(signal == code)
            course = np.cumsum(np.vstack([self.spread[code], gained[own]]), axis=0)
            before[own] = course[:-1]
            self.spread[code] = course[-1]
        return Foreseen(expected, excess, alike, (before[:, 0] / before[:, 1])[np.cumsum(turns) - 1])

    def renew(self, signal: int, cohort: int | None, intent: int | None) -> None:
        """Lowers what a node's level rests on to 50 answers."""
        for level, part in enumerate(self.parts[:4]):
            keys = part.slots.keys()
            if level == 0:
                hit = (keys == signal) & (cohort is None and intent is None)
            elif level == 1:
                hit = (keys // COHORTS == signal) & (
                    (cohort is None and intent is None) | (keys % COHORTS == (-1 if cohort is None else cohort))
                )
            elif level == 2:
                hit = (keys // INTENTS == signal) & (
                    (cohort is None and intent is None) | (keys % INTENTS == (-1 if intent is None else intent))
                )
            else:
                cell = keys % (COHORTS * INTENTS)
                hit = keys // (COHORTS * INTENTS) == signal
                hit &= (cohort is None) | (cell // INTENTS == cohort)
                hit &= (intent is None) | (cell % INTENTS == intent)
            own = np.flatnonzero(hit)
            part.n[own] = np.minimum(part.n[own], 50.0)
