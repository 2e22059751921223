"""The rate expected of an answer, from the product, its cohort, its intent, both together, the day of the week and the user's own past.

Each part is a deviation from the parts above it, shrunk towards 0 by a few imagined answers (empirical Bayes): a cohort's and an intent's
from the product, a cell's from its cohort and its intent, a user's from what newcomers to their cohort do. A part stores the sum of its
answers rather than the sum of deviations at the time, so that when a part above it moves, it gives back what it had learnt of the same
movement. Otherwise a fall that all users of a cohort share would be learnt by the cohort and once more by each user, and would become
expected long before there are enough answers to be sure of it.

A cohort's level is kept twice: by answers, and by users (`_NEWCOMER`), because a user who has been known for long says little about the
next one. With two hundred answers of ten users, the level for newcomers is only as certain as ten users make it. If it were counted by
answers, newcomers who happen to be a little worse would be taken for a fall for months, the more so the more of them come.

Shared parts learn a user's answers in one block with the weight that one user has: a script that sends two hundred requests in two hours
says no more about what others will do than any other single user.
"""

from __future__ import annotations

import numpy as np

from everyturn.analysis.alarms import BLOCKS_A_DAY
from everyturn.analysis.blocks import Foreseen, Increment
from everyturn.analysis.ledger import COHORTS, INTENTS, Part, starts_of
from everyturn.stats.summaries import Codes, Floats

FORGET = 25 / 26  # the weight that the past keeps each week: levels are averages over about half a year
_PRODUCT, _COHORT, _INTENT, _CELL, _WEEKDAY, _NEWCOMER, _USER = range(7)
_USER_ANCHOR = 9.0  # 1 / correlation - 1 for two answers of one user; values from 9 to 40 give the same results
_ANCHORS = (1.0, 20.0, 20.0, 100.0, 300.0, 5.0, _USER_ANCHOR)
_ANCHOR = np.array(_ANCHORS)[:, None]
_MIDDLE = 0.5  # the rate expected while nothing is known
_RENEWED = 50.0  # answers that all older ones of a level together count as after a new normal


class Expectation:
    """The parts of the expectation, and for each signal the squared deviations from it beside those that chance alone gives (`spread`)."""

    def __init__(self) -> None:
        self.parts = [Part(anchor) for anchor in _ANCHORS]
        self.home = np.zeros(0, dtype=np.int64)  # for each user and signal, the place of their cohort
        self.spread = np.zeros((0, 2))
        self.week = -1

    def place(self, signal: Codes, cohort: Codes, intent: Codes, user: Codes, block: Codes) -> Codes:
        """Each row's place in each part (parts x rows); new keys get places."""
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
            signal * COHORTS + cohort,
            user * 256 + signal,
        )
        at = np.stack([part.place(key) for part, key in zip(self.parts, keys, strict=True)])
        known, size = len(self.home), len(self.parts[_USER].slots.places)
        if size > known:
            distinct, first = np.unique(at[_USER], return_index=True)
            fresh = distinct >= known
            self.home = np.r_[self.home, at[_COHORT, first[fresh]]]
        return at

    def follow(self, rows: Increment) -> Foreseen:
        """What was expected of the rows, block after block; each block is learnt from before the next one."""
        total, known = (np.concatenate([getattr(part, name) for part in self.parts]) for name in ("total", "n"))
        ends = np.cumsum([len(part.n) for part in self.parts])
        offsets = np.r_[0, ends[:-1]]
        for part, low, high in zip(self.parts, offsets, ends, strict=True):
            part.total, part.n = total[low:high], known[low:high]
        at = rows.at + offsets[:, None]
        expected, alike = np.empty(len(rows.n)), np.empty(len(rows.n))
        turns = starts_of(rows.run)
        more = np.repeat(np.add.reduceat(rows.n, turns) - 1.0, np.diff(np.r_[turns, len(rows.n)]))
        edges = np.flatnonzero(np.r_[True, rows.block[1:] != rows.block[:-1], True]).tolist()
        weeks = (rows.block[edges[:-1]] // (7 * BLOCKS_A_DAY)).tolist()
        for low, high, week in zip(edges[:-1], edges[1:], weeks, strict=True):
            if week > self.week >= 0:
                known[: ends[-2]] *= FORGET ** (week - self.week)
                total[: ends[-2]] *= FORGET ** (week - self.week)
            self.week = week
            self._move_in(rows.at[:, low:high])
            here = at[:, low:high]
            above, shift = _shifts(total[here], known[here])
            e = shift.sum(0)
            e += _MIDDLE
            e = np.minimum(np.maximum(e, 0.005, out=e), 0.995, out=expected[low:high])
            resemble = np.divide(1.0, known[here[_USER]] + (_USER_ANCHOR + 1.0), out=alike[low:high])
            n = rows.n[low:high]
            above += shift
            count = np.tile(n, (len(self.parts), 1))
            learnt = np.tile(rows.y[low:high] - n * e, (len(self.parts), 1))
            as_one = 1.0 / (1.0 + more[low:high] * resemble)
            count[:_USER] *= as_one
            learnt[:_USER] *= as_one
            # Exactly what turns the sum over people of their mean, each with the weight n/(1 + (n - 1)/10), into that of now.
            fresh = (_USER_ANCHOR + 1.0) * resemble
            learnt[_NEWCOMER] *= fresh
            count[_NEWCOMER] *= fresh * (_USER_ANCHOR / (known[here[_USER]] + _USER_ANCHOR))
            above *= count
            learnt += above
            np.add.at(total, here.ravel(), learnt.ravel())
            np.add.at(known, here.ravel(), count.ravel())
        return self._seen(rows, expected, alike)

    def _move_in(self, at: Codes) -> None:
        """Moves users who have changed cohort: they keep their own deviation, now from the new cohort."""
        moved = self.home[at[_USER]] != at[_COHORT]
        if not moved.any():
            return
        people, cohort, user = at[_USER, moved], at[_COHORT, moved], self.parts[_USER]
        old, new = (self._start_of(at[_PRODUCT, moved], place) for place in (self.home[people], cohort))
        user.total[people] = user.total[people] + user.n[people] * (new - old)
        self.home[people] = cohort

    def _start_of(self, product: Codes, cohort: Codes) -> Floats:
        """The rate expected of a new user in each of these cohorts."""
        level: Floats = np.zeros(len(cohort))
        for part, own in ((_PRODUCT, product), (_COHORT, cohort), (_NEWCOMER, cohort)):
            known = self.parts[part]
            level = level + (known.total[own] - known.n[own] * level) / (known.n[own] + known.anchor)
        return level

    def _seen(self, rows: Increment, expected: Floats, alike: Floats) -> Foreseen:
        """What was expected, with each row's excess and with the spread of its signal as known before its block."""
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
        """Makes a node's level rest on 50 answers, so that it is soon learnt afresh; nodes inside it keep their deviation from it."""
        changes = [self._renewed(level, signal, cohort, intent) for level in range(len(self.parts))]
        for part, (own, total, n) in zip(self.parts, changes, strict=True):
            part.total[own], part.n[own] = total, n

    def _renewed(self, level: int, signal: int, cohort: int | None, intent: int | None) -> tuple[Codes, Floats, Floats]:
        """The places in a part that a new normal affects, and their new totals and numbers of answers."""
        part = self.parts[level]
        keys = part.slots.keys()
        at = np.full((len(self.parts), len(keys)), -1, dtype=np.int64)
        at[level] = np.arange(len(keys))
        whose, c, k = np.full(len(keys), -1), np.full(len(keys), -1), np.full(len(keys), -1)
        if level in {_COHORT, _INTENT, _CELL}:
            whose, k = np.divmod(keys, INTENTS) if level != _COHORT else (keys, k)
            whose, c = np.divmod(whose, COHORTS) if level != _INTENT else (whose, c)
            at[_COHORT] = self.parts[_COHORT].slots.of(whose * COHORTS + c) if level != _INTENT else -1
            at[_INTENT] = self.parts[_INTENT].slots.of(whose * INTENTS + k) if level != _COHORT else -1
        elif level == _USER:
            whose, at[_COHORT], at[_NEWCOMER] = keys % 256, self.home, self.home
            c = self.parts[_COHORT].slots.keys()[self.home] % COHORTS
        elif level == _NEWCOMER:
            whose, c = np.divmod(keys, COHORTS)
            at[_COHORT] = at[_NEWCOMER]
        elif level == _PRODUCT:
            whose = keys
        touched = (whose == signal) & ((cohort is None) | (c == cohort)) & ((intent is None) | (k == intent))
        own, at = np.flatnonzero(touched), at[:, touched]
        at[_PRODUCT] = self.parts[_PRODUCT].slots.places.get(signal, -1)
        total, n = (
            np.stack(
                [
                    np.where(row >= 0, np.r_[getattr(p, name), 0.0][row], 0.0)
                    for p, row in zip(self.parts, at, strict=True)
                ]
            )
            for name in ("total", "n")
        )
        above, shift = _shifts(total, n)
        is_node = level == (cohort is not None) + 2 * (intent is not None)
        kept = np.minimum(part.n[own], _RENEWED if is_node else 0.0)
        return own, shift[level] * (part.anchor + kept) + kept * above[level], kept


def _shifts(total: Floats, n: Floats) -> tuple[Floats, Floats]:
    """For each part and row, the sum of the deviations above the part, and the part's own deviation from it."""
    above, shift = np.zeros_like(total), np.empty_like(total)
    rests = n + _ANCHOR
    product = np.divide(total[_PRODUCT], rests[_PRODUCT], out=shift[_PRODUCT])
    above[_COHORT:] = product
    for part in (_COHORT, _INTENT, _WEEKDAY):
        shift[part] = (total[part] - n[part] * product) / rests[part]
    above[_NEWCOMER] += shift[_COHORT]
    above[_CELL] += shift[_COHORT] + shift[_INTENT]
    for part in (_CELL, _NEWCOMER):
        shift[part] = (total[part] - n[part] * above[part]) / rests[part]
    above[_USER] += shift[_COHORT] + shift[_NEWCOMER]
    shift[_USER] = (total[_USER] - n[_USER] * above[_USER]) / rests[_USER]
    return above, shift
