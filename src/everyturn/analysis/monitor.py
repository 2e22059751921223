"""The monitor of rates behind `watch`: a fold over answers, in which each counts once, when it has become final.

Answers come as totals per user and block of six hours, so the result depends neither on the order of loading or rows nor on the number of
threads, and folding a whole history at once gives the same bits as folding any sequence of closed blocks. Many blocks are processed
together, in three steps: the rate expected of each answer from what was known before its block (`expectation`); what each user's
deviations pay to each stream in each block (`blocks`: one bet per user, stream and block, so that a user with half of the traffic is still
one user); and the new products of the streams (`streams`). Only what depends on the previous block is computed block by block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.alarms import BLOCKS_A_DAY, TRUST, TRUSTING, Alarm, Marks, signal_name
from everyturn.analysis.blocks import Increment, paid_of, pay, trust_of, units_of
from everyturn.analysis.expectation import Expectation
from everyturn.analysis.ledger import COHORTS, INTENTS, Names, Slots, encoded, ordered, pack, unpack
from everyturn.analysis.streams import NEVER, WARM_UP_DAYS, Listening, Streams, stream_key
from everyturn.errors import InputError
from everyturn.stats.summaries import Codes

_AT_ONCE = 1 << 15  # rows processed together; affects memory, but no result


@dataclass
class Monitor:
    """The state of the fold: the expectation, the streams, the names behind the codes, and the alarms so far.

    `worse` is the harmful direction (+1 or -1) of each signal, `budget` the number of false alarms a year.
    """

    worse: Mapping[str, int]
    budget: float = 12.0
    marks: Marks = field(default_factory=Marks)
    through: int = -1  # the last block folded
    users: Names = field(default_factory=Names)
    cohorts: Names = field(default_factory=Names)
    intents: Names = field(default_factory=Names)
    signals: Names = field(default_factory=Names)
    streams: Streams = field(default_factory=Streams)

    def __post_init__(self) -> None:
        self.expectation = Expectation()
        self.started = np.zeros(0, dtype=np.int64)  # the first block of each signal
        self.seen = [
            np.zeros(0, dtype=np.int64),
            np.zeros(0, dtype=np.int64),
        ]  # the first block of each cohort and each intent
        self.renewed = -1

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms so far, in the order in which they were raised."""
        return self.streams.alarms

    @property
    def ears(self) -> Listening:
        """Who listens to what."""
        return Listening(self.worse, self.budget, self.marks, self.signals, self.cohorts, self.intents)

    def fold(self, totals: pa.Table, *, until: int) -> None:
        """Folds in the totals of the closed blocks after `through` and before `until`.

        `totals` has the columns block (six-hour blocks since 1970), signal, user_id, cohort, intent_id, n and y, with one row per key. Rows
        of blocks that have been folded before are ignored.
        """
        block = totals["block"].cast(pa.int64())
        keep = pc.and_(pc.greater(block, self.through), pc.less(block, until))
        if self.marks.holidays:
            day = pc.divide(block, BLOCKS_A_DAY)
            keep = pc.and_not(keep, pc.is_in(day, pa.array(sorted(self.marks.holidays), pa.int64())))
        rows = totals.filter(keep).sort_by(
            [(name, "ascending") for name in ("block", "signal", "user_id", "cohort", "intent_id")]
        )
        low = 0
        for high in self._cuts(rows["block"].cast(pa.int64()).to_numpy()):
            self._renew(rows["block"][low].as_py() // BLOCKS_A_DAY)
            self._take(rows.slice(low, high - low))
            low = high
        self.through = max(self.through, until - 1)

    def _cuts(self, block: Codes) -> list[int]:
        """Where the rows are divided: between blocks, and always at the beginning of a new normal."""
        ends = np.flatnonzero(np.r_[block[1:] != block[:-1], True]) + 1 if len(block) else block
        cuts = set(np.searchsorted(block, [day * BLOCKS_A_DAY for day in self.marks.normals]).tolist()) - {0}
        full = 0
        for end in ends.tolist():
            if end - full >= _AT_ONCE or end in cuts or end == len(block):
                cuts.add(end)
                full = end
        return sorted(cuts & {*ends.tolist()})

    def _take(self, rows: pa.Table) -> None:
        made = self._prepare(rows)
        foreseen = self.expectation.follow(made)
        self.streams.meet(made.block, made.stream, made.n)
        old = self.streams.old(made.block, made.stream)
        second = [int(np.partition(seen, 1)[1]) if len(seen) > 1 else NEVER for seen in self.seen]
        since = np.array([-1, second[0], second[1], max(second)])  # a single cohort is the same as the total
        warm = np.where(self.started < NEVER, self.started + WARM_UP_DAYS * BLOCKS_A_DAY, NEVER)
        # A new cohort or intent cannot have changed yet, and must not look like a change of the nodes that contain it.
        ready = (made.block >= warm[made.signal]) & old[1] & (old[2] | ~made.named)
        levels = made.block > since[:, None]
        levels[2:] &= made.named
        levels[3] &= old[3]
        units = units_of(made, ready, levels)
        if not len(units.rows):
            return
        paid = pay(made, foreseen, units)
        trust = self.signals.codes[TRUST]
        cohorts = np.arange(len(self.cohorts.texts))
        stream_of = self.streams.place(stream_key(4 * trust + 1, cohorts + 1, 0))
        block, stream, more = trust_of(made, units, paid, sign=self._signs(), stream_of=stream_of)
        first = units.rows[units.starts]
        together = paid_of(
            np.concatenate([made.block[first], block]),
            np.concatenate([units.stream, stream]),
            np.concatenate([paid, more]),
            streams=len(self.streams.slots.places),
        )
        self.streams.hear(self.ears, together, warm=warm, since=since)

    def _prepare(self, rows: pa.Table) -> Increment:
        user, cohort, intent, signal = (
            encoded(rows[name], names)
            for name, names in (
                ("user_id", self.users),
                ("cohort", self.cohorts),
                ("intent_id", self.intents),
                ("signal", self.signals),
            )
        )
        self.signals.encode([TRUST])
        if len(self.intents.texts) > INTENTS or len(self.cohorts.texts) > COHORTS:
            raise InputError(
                "there are too many intents or cohorts to watch",
                where=f"{len(self.intents.texts):,} intents, {len(self.cohorts.texts):,} cohorts",
                expected=f"at most {INTENTS:,} intents and {COHORTS:,} cohorts",
                try_="everyturn cohorts --divide-by ATTRIBUTE, with an attribute of fewer values",
            )
        block = rows["block"].cast(pa.int64()).to_numpy()
        named = np.array([text is not None for text in self.intents.texts])[intent]
        self._note(block, signal, cohort, np.where(named, intent, -1))
        base = signal * 4
        streams = np.stack(
            [
                stream_key(base, 0, 0),
                stream_key(base + 1, cohort + 1, 0),
                stream_key(base + 2, 0, intent + 1),
                stream_key(base + 3, cohort + 1, intent + 1),
            ]
        )
        self.streams.make_bars(len(self.signals.texts))
        turns = (block[1:] != block[:-1]) | (signal[1:] != signal[:-1]) | (user[1:] != user[:-1])
        run = np.cumsum(np.r_[True, turns])
        return Increment(
            block,
            signal,
            user,
            cohort,
            rows["n"].cast(pa.float64()).to_numpy(),
            rows["y"].cast(pa.float64()).to_numpy(),
            self.expectation.place(signal, cohort, intent, user, block),
            self.streams.place(streams),
            named,
            run,
            ordered((run - 1) * INTENTS + intent),
        )

    def _note(self, block: Codes, signal: Codes, cohort: Codes, intent: Codes) -> None:
        """Notes when each signal, cohort and intent (-1: none fits) first occurred; trust begins with the first of its parts."""
        size, trust = len(self.signals.texts), self.signals.codes[TRUST]
        self.started = np.r_[self.started, np.full(size - len(self.started), NEVER)]
        np.minimum.at(self.started, signal, block)
        parts = self._signs()[signal] != 0
        self.started[trust] = min(self.started[trust], int(block[parts].min()) if parts.any() else NEVER)
        for which, names, codes in ((0, self.cohorts, cohort), (1, self.intents, intent)):
            missing = len(names.texts) - len(self.seen[which])
            self.seen[which] = np.r_[self.seen[which], np.full(missing, NEVER)]
            np.minimum.at(self.seen[which], codes[codes >= 0], block[codes >= 0])

    def _signs(self) -> Codes:
        """For each signal the direction (+1 or -1) that means more trust, 0 if it is no part of trust."""
        return np.array([TRUSTING.get(signal_name(text), 0) for text in self.signals.texts], dtype=np.int64)

    def _renew(self, today: int) -> None:
        """Applies the new normals up to today: their nodes' levels are learnt afresh from then on, within days."""
        for day in sorted(d for d in self.marks.normals if self.renewed < d <= today):
            for signal, cohort, intent in self.marks.normals[day]:
                if {cohort} <= {None, *self.cohorts.codes} and {intent} <= {None, *self.intents.codes}:
                    place = (
                        None if cohort is None else self.cohorts.codes[cohort],
                        None if intent is None else self.intents.codes[intent],
                    )
                    for code in (c for c, text in enumerate(self.signals.texts) if signal_name(text) == signal):
                        self.expectation.renew(code, *place)
                        self.streams.renew(code, *place)
        self.renewed = max(self.renewed, today)

    # --- state ---------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The state as bytes, from which `from_bytes` makes a monitor that continues exactly where this one stopped."""
        size = len(self.streams.slots.places)
        arrays = {name: getattr(self.streams, name)[:size] for name in Streams.ARRAYS}
        arrays |= {
            "streams": self.streams.keys(),
            "bars": self.streams.bars,
            "started": self.started,
            "seen0": self.seen[0],
            "seen1": self.seen[1],
            "spread": self.expectation.spread,
            "home": self.expectation.home,
        }
        for i, part in enumerate(self.expectation.parts):
            keys = part.slots.keys()
            arrays |= {f"key{i}": keys, f"total{i}": part.total[: len(keys)], f"n{i}": part.n[: len(keys)]}
        header = {
            "through": self.through,
            "budget": self.budget,
            "month": self.streams.month,
            "week": self.expectation.week,
            "renewed": self.renewed,
            "alarms": [[getattr(a, f) for f in Alarm.__slots__] for a in self.alarms],
            **{name: getattr(self, name).texts for name in ("users", "cohorts", "intents", "signals")},
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, *, worse: Mapping[str, int], marks: Marks | None = None) -> Monitor:
        """The monitor whose state `to_bytes` gave; `worse` and `marks` are not part of it."""
        header, arrays = unpack(data)
        made = cls(worse, header["budget"], marks or Marks(), header["through"])
        for name in ("users", "cohorts", "intents", "signals"):
            texts = header[name]
            setattr(made, name, Names(texts, {text: i for i, text in enumerate(texts)}))
        for name in Streams.ARRAYS:
            setattr(made.streams, name, arrays[name])
        made.streams.slots = Slots({key: i for i, key in enumerate(arrays["streams"].tolist())})
        made.streams.bars, made.streams.month = arrays["bars"], header["month"]
        made.streams.alarms = [Alarm(*values) for values in header["alarms"]]
        made.started, made.seen, made.renewed = arrays["started"], [arrays["seen0"], arrays["seen1"]], header["renewed"]
        made.expectation.spread, made.expectation.home = arrays["spread"], arrays["home"]
        made.expectation.week = header["week"]
        for i, part in enumerate(made.expectation.parts):
            part.slots = Slots({key: j for j, key in enumerate(arrays[f"key{i}"].tolist())})
            part.total, part.n = arrays[f"total{i}"], arrays[f"n{i}"]
        return made
