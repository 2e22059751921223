"""The fold of `watch` over rates: every answer enters once, when it has become final, and moves its streams.

Answers come as totals per person and block of six hours, so the order of loading, of rows and of threads cannot matter, and a
whole history at once gives the same bits as any sequence of closed blocks. The expectation of an answer is made from what was
known before its block: the product, its cohort, its intent, both together, the day of the week and this person's own past. What it
misses is bet on (`stats.sequential`), one bet per person, stream and block: a person who sends half of all traffic is one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import (
    BLOCKS_A_DAY,
    LIST,
    LIST_TIMES,
    PAGE,
    TRUST,
    TRUSTING,
    Alarm,
    Marks,
    budget_part,
    signal_name,
)
from everyturn.analysis.blocks import Block, Units, stream_key, units_of
from everyturn.analysis.ledger import COHORTS, INTENTS, Names, Part, Slots, encoded, grown, numbered, pack, unpack
from everyturn.analysis.normals import renew_node
from everyturn.stats.sequential import RATE_SIZES, accumulate, bar, direction_weights, rate_bets
from everyturn.stats.summaries import Codes, Floats

WARM_UP_DAYS = 28
_NEVER = np.iinfo(np.int32).max
_TRUST_STAKE = 0.25  # of each of up to four parts: parts that hang together are not as many as they look
_LEAST = 0.05
_MATURE = 20.0  # answers of a cohort and of an intent before what they do can surprise
_MATURE_DAYS = 14
_MONTH = 28 * BLOCKS_A_DAY
_FORGET = 25 / 26  # a week's weight of the past: levels are those of about half a year
_USER_ANCHOR = 9.0  # 1 / correlation - 1 of two answers of one user; from 9 to 40 makes no difference


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
        self.seen = [np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)]  # cohorts and named intents
        self._mixing = np.zeros((0, 6))
        self._sides = np.zeros(0, dtype=np.int64)
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

    def _prepare(self, rows: pa.Table) -> Block:
        user, cohort, intent, signal = (
            encoded(rows[name], names)
            for name, names in (
                ("user_id", self.users),
                ("cohort", self.cohorts),
                ("intent_id", self.intents),
                ("signal", self.signals),
            )
        )
        trust = int(self.signals.encode([TRUST])[0])
        if len(self.intents.texts) > INTENTS or len(self.cohorts.texts) > COHORTS:
            raise OverflowError("more than 65,536 intents or 4,096 cohorts cannot be watched")
        block = rows["block"].cast(pa.int64()).to_numpy()
        new = len(self.signals.texts) - len(self.started)
        if new > 0:
            self.started = np.r_[self.started, np.full(new, np.iinfo(np.int64).max)]
            self.spread = np.r_[self.spread, np.ones((new, 2))]
        np.minimum.at(self.started, signal, block)
        parts = self._signs()[signal] != 0
        self.started[trust] = min(self.started[trust], int(block[parts].min()) if parts.any() else self.started[trust])
        weekday = (block // BLOCKS_A_DAY + 3) % 7  # 1 January 1970 was a Thursday
        cell = (signal * COHORTS + cohort) * INTENTS + intent
        keys = (
            signal,
            signal * COHORTS + cohort,
            signal * INTENTS + intent,
            cell,
            signal * 7 + weekday,
            user * 256 + signal,
        )
        at = np.stack([part.place(key) for part, key in zip(self.parts, keys, strict=True)])
        named = np.array([text is not None for text in self.intents.texts])[intent]
        # A stream's key: level, signal, cohort + 1, intent + 1; 0 where all are meant.
        base = signal * 4
        streams = np.stack(
            [
                stream_key(base, 0, 0),
                stream_key(base + 1, cohort + 1, 0),
                stream_key(base + 2, 0, intent + 1),
                stream_key(base + 3, cohort + 1, intent + 1),
            ]
        )
        placed = self.streams.of(streams.ravel()).reshape(streams.shape)
        self.streams.of(np.unique(stream_key(np.full(len(cohort), trust * 4 + 1), cohort + 1, 0)))
        size = len(self.streams.places)
        known = len(self.first)
        for name in ("product", "score", "begun", "last", "first", "answers", "listed"):
            setattr(self, name, grown(getattr(self, name), size))
        self.first[known:] = _NEVER
        for which, names in enumerate((self.cohorts, self.intents)):
            self.seen[which] = grown(self.seen[which], len(names.texts))
        run = np.cumsum(np.r_[True, (np.diff(block) != 0) | (np.diff(signal) != 0) | (np.diff(user) != 0)])
        by_intent = np.argsort(run * INTENTS + intent, kind="stable")
        return Block(
            block,
            signal,
            user,
            cohort,
            intent,
            rows["n"].cast(pa.float64()).to_numpy(),
            rows["y"].cast(pa.float64()).to_numpy(),
            at,
            placed,
            named,
            run,
            by_intent,
        )

    # --- one block -----------------------------------------------------------------------------------------------

    def _advance(self, rows: Block, low: int, high: int) -> None:
        block = int(rows.block[low])
        self._turn_calendar(block)
        at, n = rows.at[:, low:high], rows.n[low:high]
        expected = np.zeros(high - low)
        for part, place in zip(self.parts, at, strict=True):
            expected += part.shift[place]
        expected = np.clip(expected + 0.5, 0.005, 0.995)
        excess = rows.y[low:high] - n * expected
        alike = 1.0 / (
            _USER_ANCHOR + 1.0 + self.parts[5].n[at[5]]
        )  # how alike two more answers of this person still are
        self._bet(rows, slice(low, high), expected, excess, alike)
        chance = n * expected * (1 - expected) * (1 + (n - 1) * alike)
        for column, values in enumerate((excess**2, chance)):
            self.spread[:, column] += np.bincount(rows.signal[low:high], weights=values, minlength=len(self.spread))
        for part, place in zip(self.parts, at, strict=True):
            distinct, local = numbered(place, len(part.shift))
            excess = part.learn(distinct, local, n, excess)
        own, local = numbered(rows.stream[:, low:high].ravel(), len(self.first))
        self.first[own] = np.minimum(self.first[own], block // BLOCKS_A_DAY)
        self.answers[own] += np.bincount(local, weights=np.tile(n, 4), minlength=len(own))
        self.seen[0][rows.cohort[low:high]] = True
        self.seen[1][rows.intent[low:high][rows.named[low:high]]] = True

    def _bet(self, rows: Block, place: slice, expected: Floats, excess: Floats, alike: Floats) -> None:
        """Each person's answers in each stream against what was expected of them; alarms where a product reaches its bar."""
        low, high, block = place.start, place.stop, int(rows.block[place.start])
        day = block // BLOCKS_A_DAY
        own = rows.stream[:, low:high]
        old = (self.answers[own] >= _MATURE) & (self.first[own] <= day - _MATURE_DAYS)
        ready = block >= self.started[rows.signal[low:high]] + WARM_UP_DAYS * BLOCKS_A_DAY
        # What is new itself (a cohort, an intent) cannot change yet, and must not look like a change of what holds it.
        ready &= old[1] & (old[2] | ~rows.named[low:high])
        if not ready.any():
            return
        units = units_of(rows, place, ready, old_cell=old[3], levels=self._levels())
        if not len(units.stream):
            return
        n, e = rows.n[low:high], expected
        sums = [np.add.reduceat(v[units.rows], units.starts) for v in (n, excess, n * e, n * e * (1 - e), alike)]
        count, missed, mean, chance, likeness = sums
        mean, missed, sizes = mean / count, missed / count, np.diff(np.r_[units.starts, len(units.rows)])
        kappa = (self.spread[:, 0] / self.spread[:, 1])[units.signal]
        variance = kappa * chance / count * (1 + (count - 1) * likeness / sizes) / count
        paid = rate_bets(mean, missed, variance)
        trust, more = self._trust(units, rows.user[low:high][units.rows[units.starts]], paid)
        paid = np.concatenate([paid, more])
        stream, local = numbered(np.concatenate([units.stream, trust]), len(self.first))
        flat = (local[:, None] * 6 + np.arange(6)).ravel()
        won = np.asarray(np.bincount(flat, weights=paid.ravel(), minlength=6 * len(stream)), dtype=float).reshape(-1, 6)
        started = self.started[self._signal_of(stream)] // BLOCKS_A_DAY + WARM_UP_DAYS - 1
        seen = np.where(self.first[stream] < _NEVER, self.first[stream] + _MATURE_DAYS - 1, 0)
        since = np.where(self.last[stream] > 0, self.last[stream], np.maximum(started, seen))
        today = np.full(len(stream), float(day))
        days = self.marks.bets(today) - self.marks.bets(since.astype(float))
        self.last[stream] = day
        self.product[stream] = accumulate(self.product[stream], days, won)
        at_rest = self.score[stream] <= 0
        self.begun[stream] = np.where(at_rest, day, self.begun[stream])
        self.score[stream] = np.where(at_rest, 0.0, self.score[stream]) + won
        self._ring(stream, block)

    def _trust(self, units: Units, person: Codes, paid: Floats) -> tuple[Codes, Floats]:
        """One more bet per person and cohort: a quarter of what the parts of trust won, each with its good side up.

        Quarters add up to a fair bet whichever parts are seen and however they hang together; their product would not be one, and a
        mean over the parts seen would make a loss of every answer that was not taken, for which there are no edits to see.
        """
        sign = self._signs()[units.signal]
        at = np.flatnonzero((units.level == 1) & (sign != 0))
        node = self.stream_keys()[units.stream[at]] & ((1 << 28) - 1)
        _, first, local = np.unique(person[at] * COHORTS + (node >> 16), return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")  # people in the order they stand in the rows, whatever their codes are
        local = np.argsort(order)[local]
        won = np.expm1(np.where((sign[at] > 0)[:, None], paid[at], paid[at][:, ::-1]))
        flat = (local[:, None] * 6 + np.arange(6)).ravel()
        total = np.bincount(flat, weights=won.ravel(), minlength=6 * len(first)).reshape(-1, 6)
        return self._trust_streams(node[first[order]]), np.log(np.maximum(1 + _TRUST_STAKE * total, _LEAST))

    def _trust_streams(self, node: Codes) -> Codes:
        code = self.signals.codes[TRUST]
        keys = ((code * 4 + 1) << 28) + node
        return np.array([self.streams.places[key] for key in keys.tolist()], dtype=np.int64)

    def _signs(self) -> Codes:
        """Per signal: +1 or -1 where it is a part of trust, else 0."""
        if len(self._sides) != len(self.signals.texts):
            self._sides = np.array([TRUSTING.get(signal_name(text), 0) for text in self.signals.texts])
        return self._sides

    def _levels(self) -> tuple[int, ...]:
        """The levels worth a part of the budget, by what was seen so far: one cohort alone says what the total says."""
        cohorts, intents = int(self.seen[0].sum()) > 1, int(self.seen[1].sum()) > 1
        return tuple(level for level, used in enumerate((True, cohorts, intents, cohorts and intents)) if used)

    def _ring(self, stream: Codes, block: int) -> None:
        if not len(self.bars):
            self._count_streams(block)
        keys = self.stream_keys()[stream]
        head = keys >> 28
        mixed = self.product[stream] * self._weights()[head // 4]
        evidence = mixed.sum(1)
        if len(self.bars) < 4 * len(self.signals.texts):  # a signal that is new has its bars from the next month on
            self.bars = np.r_[self.bars, np.full(4 * len(self.signals.texts) - len(self.bars), np.inf)]
        bars = self.bars[head]
        ringing, high = evidence >= bars, evidence >= bars / LIST_TIMES
        listing = high & ~self.listed[stream] & ~ringing
        for k in sorted(np.flatnonzero(ringing | listing).tolist(), key=lambda k: self._place(int(keys[k]))):
            way = np.sign(RATE_SIZES) == np.sign(RATE_SIZES[int(mixed[k].argmax())])
            best = int(np.where(way, self.score[stream[k]], -np.inf).argmax())  # the size and the start that fit best
            signal, cohort, intent = self._node(int(keys[k]))
            tier = PAGE if ringing[k] else LIST
            bar_days = float(bars[k]) / (1 if tier == PAGE else LIST_TIMES)
            self.alarms.append(
                Alarm("level", block, int(self.begun[stream[k], best]), int(head[k]) % 4, signal, cohort, intent,
                      int(np.sign(RATE_SIZES[best])), tier, bar_days,
                      (self.signals.texts[int(head[k]) // 4] or "").partition("@")[2])
            )  # fmt: skip
        still = self.listed[stream] & (evidence >= bars / LIST_TIMES / 2)
        self.listed[stream] = ~ringing & (high | still)
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
                    if signal_name(text) == signal:
                        renew_node(self, code, cohort, intent)
        self.renewed = block // BLOCKS_A_DAY

    def _count_streams(self, block: int) -> None:
        """How high each level's bars are, from how many streams have enough answers; once a month, not at each look."""
        self.month = block // _MONTH
        keys = self.stream_keys()
        head = keys >> 28
        live = self.answers[: len(keys)] >= _MATURE
        trust = self.signals.codes[TRUST]
        live |= (head == trust * 4 + 1) & (self.last[: len(keys)] > 0)
        levels = self._levels()
        self.bars = np.full(4 * len(self.signals.texts), np.inf)
        present = sorted({int(h) // 4 for h in head[live]} | {trust})
        names = [signal_name(self.signals.texts[s]) for s in present]
        for signal, name in zip(present, names, strict=True):
            for level in levels if signal != trust else {1} & set(levels):
                count = int(np.count_nonzero(live & (head == signal * 4 + level)))
                self.bars[signal * 4 + level] = bar(
                    self.budget * budget_part(name, names, level, len(levels)), max(count, 1)
                )

    # --- names ---------------------------------------------------------------------------------------------------

    def stream_keys(self) -> Codes:
        """Every stream's key, in the order of their places."""
        if len(self._keys) != len(self.streams.places):
            self._keys = self.streams.keys()
        return self._keys

    def _weights(self) -> Floats:
        """How each signal's evidence is mixed over the sizes of change."""
        if len(self._mixing) != len(self.signals.texts):
            worse = [-1 if text == TRUST else self.worse.get(signal_name(text), 1) for text in self.signals.texts]
            self._mixing = np.array([direction_weights(w) for w in worse])
        return self._mixing

    def _signal_of(self, stream: Codes) -> Codes:
        found: Codes = (self.stream_keys()[stream] >> 28) // 4
        return found

    def _node(self, key: int) -> tuple[str, str | None, str | None]:
        cohort, intent = (key >> 16) % COHORTS - 1, key % INTENTS - 1
        return (
            signal_name(self.signals.texts[(key >> 28) // 4]),
            None if cohort < 0 else self.cohorts.texts[cohort],
            None if intent < 0 else self.intents.texts[intent],
        )

    def _place(self, key: int) -> tuple[int, str, str, str]:
        signal, cohort, intent = self._node(key)
        return (key >> 28) % 4, signal, cohort or "", intent or ""

    # --- state ---------------------------------------------------------------------------------------------------

    _ARRAYS = (
        "product",
        "score",
        "begun",
        "last",
        "first",
        "answers",
        "listed",
        "started",
        "spread",
        "bars",
    )

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` gives a monitor that goes on as if it had never stopped."""
        arrays = {name: getattr(self, name) for name in self._ARRAYS}
        size = len(self.streams.places)
        for name in ("product", "score", "begun", "last", "first", "answers", "listed"):
            arrays[name] = arrays[name][:size]
        arrays |= {"streams": self.streams.keys(), "seen0": self.seen[0], "seen1": self.seen[1]}
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
        made.seen = [arrays["seen0"], arrays["seen1"]]
        made.streams = Slots({key: i for i, key in enumerate(arrays["streams"].tolist())})
        for i, part in enumerate(made.parts):
            part.slots = Slots({key: j for j, key in enumerate(arrays[f"key{i}"].tolist())})
            part.shift, part.n = arrays[f"shift{i}"], arrays[f"n{i}"]
        made.month, made.week, made.renewed = header["month"], header["week"], header["renewed"]
        made.alarms = [Alarm(*values) for values in header["alarms"]]
        return made
