"""The fold of `watch` over rates: every answer enters once, when it has become final, and moves its streams.

Answers come as totals per person and block of six hours, so the order of loading, of rows and of threads cannot matter, and a
whole history at once gives the same bits as any sequence of closed blocks. The expectation of an answer is made from what was
known before its block: the product, its cohort, its intent, both together, the day of the week and this person's own past. What it
misses is bet on (`stats.sequential`), one bet per person, stream and block: a person who sends half of all traffic is one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.ledger import COHORTS, INTENTS, Names, Part, Slots, grown, numbered, pack, unpack
from everyturn.stats.sequential import RATE_SIZES, accumulate, bar, direction_weights, rate_bets
from everyturn.stats.summaries import Codes, Floats

BLOCKS_A_DAY = 4
WARM_UP_DAYS = 28
SHARE_OF = {"total": 0, "cohort": 1, "intent": 2, "cell": 3}
PAGE, LIST = "page", "list"
LIST_TIMES = 100 / 12  # how many times the budget the watch list has
SHARE = "share"

_MATURE = 20.0  # answers of a cohort and of an intent before what they do can surprise
_MATURE_DAYS = 14
_MONTH = 28 * BLOCKS_A_DAY
_FORGET = 25 / 26  # a week's weight of the past: levels are those of about half a year
_USER_ANCHOR = 9.0  # 1 / correlation - 1 of two answers of one user; from 9 to 40 makes no difference
_WEIGHTS = {"acceptance": 0.4, SHARE: 0.25}  # of a level's budget; the other signals share the rest


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stream that crossed its bar: where, which way, since which day, in which block, and on which tier.

    `rarity` is the bar in days over all of a level: an unchanged product crosses a bar of this level and signal at most once in so many days.
    """

    kind: str
    block: int
    since: int
    level: int
    signal: str
    cohort: str | None
    intent: str | None
    direction: int
    tier: str
    rarity: float

    @property
    def day(self) -> int:
        """The day it crossed, counted from 1 January 1970."""
        return self.block // BLOCKS_A_DAY


@dataclass
class Marks:
    """What people told the monitor: days of releases, days to leave out, and nodes that have a new normal.

    `normals` maps a day to the (signal, cohort, intent) whose level is to be learnt anew from that day on.
    """

    releases: frozenset[int] = frozenset()
    holidays: frozenset[int] = frozenset()
    normals: Mapping[int, tuple[tuple[str, str | None, str | None], ...]] = field(default_factory=dict)

    def bets(self, day: Floats | float) -> Any:
        """How many bets were begun by the end of a day: one a day, seven on a day with a release."""
        releases = np.array(sorted(self.releases), dtype=float)
        return np.asarray(day, dtype=float) + 6.0 * np.searchsorted(releases, day, side="right")


@dataclass
class Monitor:
    """The state of the fold: parts of the expectation, the products of every stream, the alarms so far."""

    worse: Mapping[str, int]
    budget: float = 12.0
    marks: Marks = field(default_factory=Marks)
    through: int = -1  # the last block folded
    users: Names = field(default_factory=Names)
    cohorts: Names = field(default_factory=Names)
    intents: Names = field(default_factory=Names)
    signals: Names = field(default_factory=Names)
    alarms: list[Alarm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = [Part(1.0), Part(20.0), Part(20.0), Part(100.0), Part(300.0), Part(_USER_ANCHOR)]
        self.streams = Slots()
        self.product = np.zeros((0, 6))
        self.score = np.zeros((0, 6))  # the running maximum's form of the same bets: it knows when a change began
        self.begun = np.zeros((0, 6), dtype=np.int32)
        self.last = np.zeros(0, dtype=np.int32)
        self.first = np.zeros(0, dtype=np.int32)
        self.answers = np.zeros(0)
        self.listed = np.zeros(0, dtype=bool)
        self.started = np.zeros(0, dtype=np.int64)  # first block of each signal
        self.spread = np.zeros((0, 2))  # per signal: squared misses, and what chance alone makes of them
        self.bars = np.zeros(0)  # per signal and level, in days
        self.month = self.week = self.renewed = -1
        self._mixing = np.zeros((0, 6))
        self._keys = np.zeros(0, dtype=np.int64)

    # --- rows -> blocks ------------------------------------------------------------------------------------------

    def fold(self, totals: pa.Table, *, until: int) -> None:
        """Takes the totals of closed blocks after `through` and before block `until`.

        `totals` has block (number of six hours since 1970), signal, user_id, cohort, intent_id, n and y, one row per key. Rows
        of blocks already folded are left out: they have been counted.
        """
        block = totals["block"].cast(pa.int64())
        keep = pc.and_(pc.greater(block, self.through), pc.less(block, until))
        rows = totals.filter(keep).sort_by(
            [(name, "ascending") for name in ("block", "signal", "user_id", "cohort", "intent_id")]
        )
        if self.marks.holidays:
            day = pc.divide(rows["block"].cast(pa.int64()), BLOCKS_A_DAY)
            rows = rows.filter(pc.invert(pc.is_in(day, pa.array(sorted(self.marks.holidays), pa.int64()))))
        if rows.num_rows:
            prepared = self._prepare(rows)
            edges = np.flatnonzero(np.r_[True, np.diff(prepared.block) > 0, True])
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                self._advance(prepared, low, high)
        self.through = max(self.through, until - 1)

    def _prepare(self, rows: pa.Table) -> _Rows:
        user, cohort, intent, signal = (
            encoded(rows[name], names)
            for name, names in (
                ("user_id", self.users),
                ("cohort", self.cohorts),
                ("intent_id", self.intents),
                ("signal", self.signals),
            )
        )
        if len(self.intents.texts) > INTENTS or len(self.cohorts.texts) > COHORTS:
            raise OverflowError("more than 65,536 intents or 4,096 cohorts cannot be watched")
        block = rows["block"].cast(pa.int64()).to_numpy()
        new = len(self.signals.texts) - len(self.started)
        if new > 0:
            self.started = np.r_[self.started, np.full(new, np.iinfo(np.int64).max)]
            self.spread = np.r_[self.spread, np.ones((new, 2))]
        np.minimum.at(self.started, signal, block)
        weekday = (block // BLOCKS_A_DAY + 3) % 7  # 1 January 1970 was a Thursday
        cell = (signal * COHORTS + cohort) * INTENTS + intent
        keys = (signal, signal * COHORTS + cohort, signal * INTENTS + intent, cell, signal * 7 + weekday, user * 256 + signal)
        at = np.stack([part.place(key) for part, key in zip(self.parts, keys, strict=True)])
        named = np.array([text is not None for text in self.intents.texts])[intent]
        # A stream's key: level, signal, cohort + 1, intent + 1; 0 where all are meant.
        base = signal * 4
        streams = np.stack(
            [
                _stream(base, 0, 0),
                _stream(base + 1, cohort + 1, 0),
                _stream(base + 2, 0, intent + 1),
                _stream(base + 3, cohort + 1, intent + 1),
            ]
        )
        placed = self.streams.of(streams.ravel()).reshape(streams.shape)
        size = len(self.streams.places)
        known = len(self.first)
        for name in ("product", "score", "begun", "last", "first", "answers", "listed"):
            setattr(self, name, grown(getattr(self, name), size))
        self.first[known:] = np.iinfo(np.int32).max
        run = np.cumsum(np.r_[True, (np.diff(block) != 0) | (np.diff(signal) != 0) | (np.diff(user) != 0)])
        by_intent = np.argsort(run * INTENTS + intent, kind="stable")
        return _Rows(
            block,
            signal,
            rows["n"].cast(pa.float64()).to_numpy(),
            rows["y"].cast(pa.float64()).to_numpy(),
            at,
            placed,
            named,
            run,
            by_intent,
        )

    # --- one block -----------------------------------------------------------------------------------------------

    def _advance(self, rows: _Rows, low: int, high: int) -> None:
        block = int(rows.block[low])
        self._turn_calendar(block)
        at, n = rows.at[:, low:high], rows.n[low:high]
        expected = np.zeros(high - low)
        for part, place in zip(self.parts, at, strict=True):
            expected += part.shift[place]
        expected = np.clip(expected + 0.5, 0.005, 0.995)
        excess = rows.y[low:high] - n * expected
        alike = 1.0 / (_USER_ANCHOR + 1.0 + self.parts[5].n[at[5]])  # how alike two more answers of this person still are
        self._bet(rows, low, high, block, expected, excess, alike)
        chance = n * expected * (1 - expected) * (1 + (n - 1) * alike)
        for column, values in enumerate((excess**2, chance)):
            self.spread[:, column] += np.bincount(rows.signal[low:high], weights=values, minlength=len(self.spread))
        for part, place in zip(self.parts, at, strict=True):
            distinct, local = numbered(place, len(part.shift))
            excess = part.learn(distinct, local, n, excess)
        own, local = numbered(rows.stream[:, low:high].ravel(), len(self.first))
        self.first[own] = np.minimum(self.first[own], block // BLOCKS_A_DAY)
        self.answers[own] += np.bincount(local, weights=np.tile(n, 4), minlength=len(own))

    def _bet(
        self, rows: _Rows, low: int, high: int, block: int, expected: Floats, excess: Floats, alike: Floats
    ) -> None:
        """Each person's answers in each stream against what was expected of them; alarms where a product reaches its bar."""
        day = block // BLOCKS_A_DAY
        own = rows.stream[:, low:high]
        old = (self.answers[own] >= _MATURE) & (self.first[own] <= day - _MATURE_DAYS)
        ready = block >= self.started[rows.signal[low:high]] + WARM_UP_DAYS * BLOCKS_A_DAY
        # What is new itself (a cohort, an intent) cannot change yet, and must not look like a change of what holds it.
        ready &= old[1] & (old[2] | ~rows.named[low:high])
        if not ready.any():
            return
        units = self._units(rows, low, high, ready, old[3])
        if not len(units.stream):
            return
        n, e = rows.n[low:high], expected
        sums = [np.add.reduceat(v[units.rows], units.starts) for v in (n, excess, n * e, n * e * (1 - e), alike)]
        count, missed, mean, chance, likeness = sums
        mean, sizes = mean / count, np.diff(np.r_[units.starts, len(units.rows)])
        kappa = (self.spread[:, 0] / self.spread[:, 1])[units.signal]
        variance = kappa * chance / count * (1 + (count - 1) * likeness / sizes) / count
        paid = rate_bets(mean, missed / count, variance)

        stream, local = numbered(units.stream, len(self.first))
        flat = (local[:, None] * 6 + np.arange(6)).ravel()
        won = np.bincount(flat, weights=paid.ravel(), minlength=6 * len(stream)).reshape(-1, 6)
        started = self.started[self._signal_of(stream)] // BLOCKS_A_DAY + WARM_UP_DAYS - 1
        since = np.where(self.last[stream] > 0, self.last[stream], np.maximum(started, self.first[stream] + _MATURE_DAYS - 1))
        days = self.marks.bets(float(day)) - self.marks.bets(since.astype(float))
        self.last[stream] = day
        self.product[stream] = accumulate(self.product[stream], days, won)
        at_rest = self.score[stream] <= 0
        self.begun[stream] = np.where(at_rest, day, self.begun[stream])
        self.score[stream] = np.where(at_rest, 0.0, self.score[stream]) + won
        self._ring(stream, block)

    def _units(self, rows: _Rows, low: int, high: int, ready: np.ndarray, old_cell: np.ndarray) -> _Units:
        """One unit per person, signal and stream: the rows of each, level after level, and where each unit starts."""
        own, run, signal = rows.stream[:, low:high], rows.run[low:high], rows.signal[low:high]
        orders = []
        for level in range(4):
            if level not in self._levels():
                continue
            order = rows.by_intent[low:high] - low if level == 2 else np.arange(high - low)
            keep = ready & (rows.named[low:high] if level >= 2 else True) & (old_cell if level == 3 else True)
            order = order[keep[order]]
            orders.append((order, own[level][order], run[order]))
        if not orders:
            empty = np.zeros(0, dtype=np.int64)
            return _Units(empty, empty, empty, empty)
        order = np.concatenate([o for o, _, _ in orders])
        stream = np.concatenate([s for _, s, _ in orders])
        runs = np.concatenate([r for _, _, r in orders])
        if not len(order):
            return _Units(order, order, order, order)
        starts = np.flatnonzero(np.r_[True, (np.diff(stream) != 0) | (np.diff(runs) != 0)])
        return _Units(order, starts, stream[starts], signal[order][starts])

    def _levels(self) -> tuple[int, ...]:
        cohorts, intents = len(self.cohorts.texts) > 1, sum(t is not None for t in self.intents.texts) > 1
        return tuple(level for level, used in enumerate((True, cohorts, intents, cohorts and intents)) if used)

    def _ring(self, stream: Codes, block: int) -> None:
        if not len(self.bars):
            self._count_streams(block)
        keys = self._stream_keys()[stream]
        head = keys >> 28
        mixed = self.product[stream] * self._weights()[head // 4]
        evidence = mixed.sum(1)
        bars = self.bars[head]
        ringing, high = evidence >= bars, evidence >= bars / LIST_TIMES
        listing = high & ~self.listed[stream] & ~ringing
        for k in sorted(np.flatnonzero(ringing | listing).tolist(), key=lambda k: self._place(int(keys[k]))):
            best = int(mixed[k].argmax())
            signal, cohort, intent = self._node(int(keys[k]))
            tier = PAGE if ringing[k] else LIST
            bar_days = float(bars[k]) / (1 if tier == PAGE else LIST_TIMES)
            self.alarms.append(
                Alarm("level", block, int(self.begun[stream[k], best]), int(head[k]) % 4, signal, cohort, intent,
                      int(np.sign(RATE_SIZES[best])), tier, bar_days)
            )  # fmt: skip
        self.listed[stream] = np.where(ringing, False, high | (self.listed[stream] & (evidence >= bars / LIST_TIMES / 2)))
        self.product[stream[ringing]] = 0.0
        self.score[stream[ringing]] = 0.0

    # --- the calendar --------------------------------------------------------------------------------------------

    def _turn_calendar(self, block: int) -> None:
        week = block // (7 * BLOCKS_A_DAY)
        if self.week >= 0 and week > self.week:
            for part in self.parts[:5]:
                part.n *= _FORGET ** (week - self.week)
        self.week = week
        if block // _MONTH != self.month and len(self.bars):
            self._count_streams(block)
        if self.marks.normals:
            self._renew(block)

    def _renew(self, block: int) -> None:
        """From the day of a new normal on, its node's level is learnt anew within days."""
        for day in sorted(d for d in self.marks.normals if self.renewed < d <= block // BLOCKS_A_DAY):
            for signal, cohort, intent in self.marks.normals[day]:
                for code, text in enumerate(self.signals.texts):
                    if _signal_name(text) == signal:
                        self._renew_node(code, cohort, intent)
        self.renewed = block // BLOCKS_A_DAY

    def _renew_node(self, signal: int, cohort: str | None, intent: str | None) -> None:
        c, k = self.cohorts.codes.get(cohort) if cohort else None, self.intents.codes.get(intent) if intent else None
        for level, part in enumerate(self.parts[:4]):
            keys = part.slots.keys()
            if level == 0:
                hit = (keys == signal) & (cohort is None and intent is None)
            elif level == 1:
                hit = (keys // COHORTS == signal) & ((c is None and intent is None) | (keys % COHORTS == c))
            elif level == 2:
                hit = (keys // INTENTS == signal) & ((k is None and cohort is None) | (keys % INTENTS == k))
            else:
                cell = keys % (COHORTS * INTENTS)
                hit = keys // (COHORTS * INTENTS) == signal
                hit &= (c is None) | (cell // INTENTS == c)
                hit &= (k is None) | (cell % INTENTS == k)
            own = np.flatnonzero(hit)
            part.n[own] = np.minimum(part.n[own], 50.0)
        keys = self._stream_keys()
        hit = (keys >> 28) // 4 == signal
        hit &= (c is None) | ((keys >> 16) % COHORTS == (c or 0) + 1)
        hit &= (k is None) | (keys % INTENTS == (k or 0) + 1)
        self.product[: len(keys)][hit] = 0.0
        self.score[: len(keys)][hit] = 0.0

    def _count_streams(self, block: int) -> None:
        """How high each level's bars are, from how many streams have enough answers; once a month, not at each look."""
        self.month = block // _MONTH
        keys = self._stream_keys()
        head = keys >> 28
        live = self.answers[: len(keys)] >= _MATURE
        levels = self._levels()
        self.bars = np.full(4 * len(self.signals.texts), np.inf)
        present = sorted({int(h) // 4 for h in head[live]})
        names = [_signal_name(self.signals.texts[s]) for s in present]
        for signal, name in zip(present, names, strict=True):
            for level in levels:
                count = int(np.count_nonzero(live & (head == signal * 4 + level)))
                self.bars[signal * 4 + level] = bar(self.budget * budget_part(name, names, level, len(levels)), max(count, 1))

    # --- names ---------------------------------------------------------------------------------------------------

    def _stream_keys(self) -> Codes:
        if len(self._keys) != len(self.streams.places):
            self._keys = self.streams.keys()
        return self._keys

    def _weights(self) -> Floats:
        """How each signal's evidence is mixed over the sizes of change."""
        if len(self._mixing) != len(self.signals.texts):
            worse = [self.worse.get(_signal_name(text), 1) for text in self.signals.texts]
            self._mixing = np.array([direction_weights(w) for w in worse])
        return self._mixing

    def _signal_of(self, stream: Codes) -> Codes:
        found: Codes = (self._stream_keys()[stream] >> 28) // 4
        return found

    def _node(self, key: int) -> tuple[str, str | None, str | None]:
        cohort, intent = (key >> 16) % COHORTS - 1, key % INTENTS - 1
        return (
            _signal_name(self.signals.texts[(key >> 28) // 4]),
            None if cohort < 0 else self.cohorts.texts[cohort],
            None if intent < 0 else self.intents.texts[intent],
        )

    def _place(self, key: int) -> tuple[int, str, str, str]:
        signal, cohort, intent = self._node(key)
        return (key >> 28) % 4, signal, cohort or "", intent or ""

    # --- state ---------------------------------------------------------------------------------------------------

    _ARRAYS = ("product", "score", "begun", "last", "first", "answers", "listed", "started", "spread", "bars")

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` gives a monitor that goes on as if it had never stopped."""
        arrays = {name: getattr(self, name) for name in self._ARRAYS}
        size = len(self.streams.places)
        for name in ("product", "score", "begun", "last", "first", "answers", "listed"):
            arrays[name] = arrays[name][:size]
        arrays["streams"] = self.streams.keys()
        for i, part in enumerate(self.parts):
            keys = part.slots.keys()
            arrays |= {f"key{i}": keys, f"shift{i}": part.shift[: len(keys)], f"n{i}": part.n[: len(keys)]}
        header = {
            "through": self.through,
            "budget": self.budget,
            "month": self.month,
            "week": self.week,
            "renewed": self.renewed,
            "alarms": [[getattr(a, f) for f in Alarm.__slots__] for a in self.alarms],
            **{name: getattr(self, name).texts for name in ("users", "cohorts", "intents", "signals")},
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, *, worse: Mapping[str, int], marks: Marks | None = None) -> Monitor:
        """The monitor whose state this is."""
        header, arrays = unpack(data)
        made = cls(worse, header["budget"], marks or Marks(), header["through"])
        for name in ("users", "cohorts", "intents", "signals"):
            texts = header[name]
            setattr(made, name, Names(texts, {text: i for i, text in enumerate(texts)}))
        for name in cls._ARRAYS:
            setattr(made, name, arrays[name])
        made.streams = Slots({key: i for i, key in enumerate(arrays["streams"].tolist())})
        for i, part in enumerate(made.parts):
            part.slots = Slots({key: j for j, key in enumerate(arrays[f"key{i}"].tolist())})
            part.shift, part.n = arrays[f"shift{i}"], arrays[f"n{i}"]
        made.month, made.week, made.renewed = header["month"], header["week"], header["renewed"]
        made.alarms = [Alarm(*values) for values in header["alarms"]]
        return made


@dataclass(frozen=True, slots=True)
class _Rows:
    block: Codes
    signal: Codes
    n: Floats
    y: Floats
    at: Codes
    stream: Codes
    named: np.ndarray
    run: Codes
    by_intent: Codes


@dataclass(frozen=True, slots=True)
class _Units:
    rows: Codes
    starts: Codes
    stream: Codes
    signal: Codes


def _stream(head: Codes, cohort: Codes | int, intent: Codes | int) -> Codes:
    key: Codes = (head << 28) + (np.asarray(cohort) << 16) + intent
    return key


def _signal_name(text: str | None) -> str:
    """The signal of "signal@version"."""
    return (text or "").partition("@")[0]


def budget_part(name: str, names: Sequence[str], level: int, levels: int) -> float:
    """A signal's part of the whole budget at a level; shares are watched at intents and cells only."""
    present = {*names, SHARE} if level >= 2 else {*names} - {SHARE}
    own = {n: w for n, w in _WEIGHTS.items() if n in present}
    others = len(present) - len(own)
    scale = 1.0 if others else 1 / sum(own.values())
    part = own[name] * scale if name in own else (1 - sum(own.values())) / max(others, 1)
    return part / levels


def encoded(column: pa.ChunkedArray, names: Names) -> Codes:
    """The codes of a column's texts, nulls included."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    codes = names.encode(coded.dictionary.to_pylist())
    found: Codes = codes[coded.indices.to_numpy(zero_copy_only=False)]
    return found
