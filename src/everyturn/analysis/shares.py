"""The monitor of demand behind `watch`: how many users a day ask for each intent, compared with their own and their cohort's past.

The unit is one user's day with an intent, so that a single busy user cannot raise an alarm. Counts are taken daily, for the whole product
and for every cohort, and tested by `stats.sequential`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY, LIST, LIST_TIMES, PAGE, SHARE, Alarm, Marks, budget_part
from everyturn.analysis.ledger import Names, encoded, pack, unpack
from everyturn.stats.sequential import COUNT_SIZES, accumulate, bar, count_bets, factors
from everyturn.stats.summaries import Floats, sum_by

_WARM_UP_DAYS = 21  # in which every intent is new
SMALLEST = 0.0025  # of all users' days: the lowest share that is expected of an intent when testing for a rise
_OWN = 4.0  # days at which a user's own past weighs as much as their cohort's
_FORGET = 25 / 26  # the weight that the past keeps each week
_MIXED = np.where(
    COUNT_SIZES > 0, 0.75 / 3, 0.25 / 3
)  # rises weigh more: shares add up to one, so where one rises others fall


@dataclass
class Demand:
    """The state of the fold: past days by user, cohort and intent, and the running products of every stream.

    Stream rows are the product (0) and the cohorts (code + 1); columns are intents.
    """

    budget: float = 12.0
    marks: Marks = field(default_factory=Marks)
    through: int = -1  # the last day folded
    started: int = -1
    users: Names = field(default_factory=Names)
    cohorts: Names = field(default_factory=Names)
    intents: Names = field(default_factory=Names)
    alarms: list[Alarm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.own = np.zeros((0, 0), dtype=np.float32)  # days by user and intent
        self.days = np.zeros(0, dtype=np.float32)  # days by user
        self.asked = np.zeros((0, 0))  # users' days by cohort and intent
        self.active = np.zeros(0)  # users' days by cohort
        self.product = np.zeros((0, 0, 6))
        self.score = np.zeros((0, 0, 6))
        self.begun = np.zeros((0, 0, 6), dtype=np.int32)
        self.listed = np.zeros((0, 0), dtype=bool)
        self.bars = np.zeros(2)
        self.month = self.week = self.through_day = -1

    def fold(self, asked: pa.Table, *, until: int) -> None:
        """Folds in the days after `through` and before `until`; `asked` has the columns of `engines.watched.asked`."""
        day = asked["day"].cast(pa.int64())
        rows = asked.filter(pc.and_(pc.greater(day, self.through), pc.less(day, until))).sort_by(
            [(name, "ascending") for name in ("day", "user_id", "cohort", "intent_id")]
        )
        if rows.num_rows:
            when = rows["day"].cast(pa.int64()).to_numpy()
            user, cohort = encoded(rows["user_id"], self.users), encoded(rows["cohort"], self.cohorts)
            intent = encoded(rows["intent_id"], self.intents)
            self._make_room()
            self.started = int(when[0]) if self.started < 0 else self.started
            edges = np.flatnonzero(np.r_[True, np.diff(when) > 0, True])
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                if int(when[low]) not in self.marks.holidays:
                    self._close(int(when[low]), user[low:high], cohort[low:high], intent[low:high])
        self.through = max(self.through, until - 1)

    def _make_room(self) -> None:
        users, cohorts, intents = len(self.users.texts), len(self.cohorts.texts), len(self.intents.texts)
        self.own, self.asked = _grown2(self.own, users, intents), _grown2(self.asked, cohorts, intents)
        self.days, self.active = _padded(self.days, users), _padded(self.active, cohorts)
        for name in ("product", "score", "begun", "listed"):
            setattr(self, name, _grown2(getattr(self, name), cohorts + 1, intents))

    def _close(self, day: int, user: np.ndarray, cohort: np.ndarray, intent: np.ndarray) -> None:
        """Processes one day: what was expected of the users who came is compared with what they asked for, then learnt from."""
        intents = len(self.intents.texts)
        # A user's day counts in one cohort, the first in alphabetical order.
        starts = np.flatnonzero(np.r_[True, np.diff(user) != 0])
        people, theirs = user[starts], cohort[starts]
        usual = self.asked[:, :intents] / np.maximum(self.active, 1e-300)[:, None]
        weight = 1.0 / (_OWN + self.days[people].astype(float))
        size = len(self.active)
        past = self.own[people, :intents].astype(float) * weight[:, None]
        order = np.argsort(theirs, kind="stable")
        groups, at = np.unique(theirs[order], return_index=True)
        expected = np.zeros((size, intents))
        expected[groups] = np.add.reduceat(past[order], at, axis=0)
        expected += usual * (sum_by(theirs, weight, size) * _OWN)[:, None]
        person = np.cumsum(np.r_[False, np.diff(user) != 0])
        pairs = np.unique(person * intents + intent)
        who, what = np.divmod(pairs, intents)
        seen = sum_by(theirs[who] * intents + what, np.ones(len(pairs)), size * intents).reshape(size, intents)
        came = sum_by(theirs, np.ones(len(theirs)), size)
        if day >= self.started + _WARM_UP_DAYS:
            self._bet(day, seen, expected, came)
        if self.week >= 0 and day // 7 > self.week:
            fading = _FORGET ** (day // 7 - self.week)
            self.asked *= fading
            self.active *= fading
        self.week = day // 7
        self.asked[:size, :intents] += seen
        self.active[:size] += came
        np.add.at(self.own, (people[who], what), np.float32(1))
        self.days[people] += np.float32(1)

    def _bet(self, day: int, seen: Floats, expected: Floats, came: Floats) -> None:
        size, intents = seen.shape
        counts = np.vstack([seen.sum(0), seen])
        means = np.vstack([expected.sum(0), expected])
        people = np.r_[came.sum(), came]
        floor = SMALLEST * people[:, None]
        rising = count_bets(counts.ravel(), np.maximum(means, floor).ravel())
        falling = count_bets(counts.ravel(), means.ravel())
        paid = np.where(COUNT_SIZES > 0, rising, falling).reshape(size + 1, intents, 6)
        paid[people <= 0] = 0.0
        since = np.array([float(max(self.through_day, self.started + _WARM_UP_DAYS - 1)), float(day)])
        days = float(np.diff(self.marks.bets(since))[0])
        self.through_day = day
        # A stream begins on the first day of its intent and cohort.
        known = (self.asked[:size, :intents].sum(0) + counts[0] > 0) & np.r_[True, self.active + came > 0][:, None]
        place = np.nonzero(known)
        self.product[place] = accumulate(self.product[place], np.full(len(place[0]), days), factors(paid[place]))
        score = self.score[place]
        at_rest = score <= 0
        self.begun[place] = np.where(at_rest, day, self.begun[place])
        self.score[place] = np.where(at_rest, 0.0, score) + paid[place]
        self._ring(day, size, intents)

    def _ring(self, day: int, size: int, intents: int) -> None:
        if day // 28 != self.month:
            self.month = day // 28
            known = np.array([text is not None for text in self.intents.texts])
            live = (self.asked[:size, :intents] >= 20) & known
            levels = (2, 3) if np.count_nonzero(self.active > 0) > 1 else (2,)
            for place, level in enumerate((2, 3)):
                count = max(int(np.count_nonzero(live.any(0) if level == 2 else live)), 1)
                part = budget_part(SHARE, ("acceptance", "edit_share", "rework", SHARE), level, 2 * len(levels))
                self.bars[place] = bar(self.budget * part, count) if level in levels else np.inf
        mixed = self.product[: size + 1, :intents] * _MIXED
        evidence = mixed.sum(2)
        bars = np.where(np.arange(size + 1) > 0, self.bars[1], self.bars[0])[:, None]
        if not ((evidence >= bars / LIST_TIMES).any() or self.listed.any()):
            return
        named = np.array([text is not None for text in self.intents.texts])[None, :]
        ringing = (evidence >= bars) & named
        high = (evidence >= bars / LIST_TIMES) & named
        listing = high & ~self.listed[: size + 1, :intents] & ~ringing
        rung = [
            (self.cohorts.texts[c - 1] if c else None, self.intents.texts[k], c, k)
            for c, k in np.argwhere(ringing | listing).tolist()
        ]
        for cohort, intent, c, k in sorted(rung, key=lambda r: (r[0] or "", r[1] or "")):
            way = np.sign(COUNT_SIZES) == np.sign(COUNT_SIZES[int(mixed[c, k].argmax())])
            best = int(np.where(way, self.score[c, k], -np.inf).argmax())  # the size and the start that fit best
            tier = PAGE if ringing[c, k] else LIST
            bar_days = float(bars[c, 0]) / (1 if tier == PAGE else LIST_TIMES)
            self.alarms.append(
                Alarm("share", day * BLOCKS_A_DAY + BLOCKS_A_DAY - 1,
                      int(self.begun[c, k, best]), 3 if c else 2, SHARE, cohort, intent,
                      int(np.sign(COUNT_SIZES[best])), tier, bar_days)
            )  # fmt: skip
        still = self.listed[: size + 1, :intents] & (evidence >= bars / LIST_TIMES / 2)
        self.listed[: size + 1, :intents] = ~ringing & (high | still)
        self.product[: size + 1, :intents][ringing] = 0.0
        self.score[: size + 1, :intents][ringing] = 0.0

    # --- state ---------------------------------------------------------------------------------------------------

    _ARRAYS = ("days", "asked", "active", "product", "score", "begun", "listed", "bars")

    def to_bytes(self) -> bytes:
        """The state as bytes, from which `from_bytes` makes one that continues exactly where this one stopped."""
        arrays = {name: getattr(self, name) for name in self._ARRAYS}
        user, intent = np.nonzero(self.own)  # most people ask for few things
        arrays |= {"user": user.astype(np.int32), "intent": intent.astype(np.int32), "own": self.own[user, intent]}
        header = {
            **{name: getattr(self, name) for name in ("budget", "through", "started", "month", "week", "through_day")},
            "shape": list(self.own.shape),
            "alarms": [[getattr(a, f) for f in Alarm.__slots__] for a in self.alarms],
            **{name: getattr(self, name).texts for name in ("users", "cohorts", "intents")},
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, *, marks: Marks | None = None) -> Demand:
        """The state that `to_bytes` gave; `marks` are not part of it."""
        header, arrays = unpack(data)
        made = cls(header["budget"], marks or Marks(), header["through"], header["started"])
        for name in ("users", "cohorts", "intents"):
            texts = header[name]
            setattr(made, name, Names(texts, {text: i for i, text in enumerate(texts)}))
        for name in cls._ARRAYS:
            setattr(made, name, arrays[name])
        made.own = np.zeros(header["shape"], dtype=np.float32)
        made.own[arrays["user"], arrays["intent"]] = arrays["own"]
        made.month, made.week, made.through_day = header["month"], header["week"], header["through_day"]
        made.alarms = [Alarm(*values) for values in header["alarms"]]
        return made


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return values if size <= len(values) else np.r_[values, np.zeros(size - len(values), dtype=values.dtype)]


def _grown2(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if rows <= values.shape[0] and columns <= values.shape[1]:
        return values
    room = np.zeros((max(rows, values.shape[0]), max(columns, values.shape[1]), *values.shape[2:]), dtype=values.dtype)
    room[: values.shape[0], : values.shape[1]] = values
    return room
