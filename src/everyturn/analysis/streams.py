"""The monitor's streams, one per signal and node: which are old enough to be tested, their running products, and their bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from everyturn.analysis.alarms import (
    BLOCKS_A_DAY,
    LIST,
    LIST_TIMES,
    PAGE,
    TRUST,
    Alarm,
    Marks,
    budget_part,
    signal_name,
)
from everyturn.analysis.blocks import Paid
from everyturn.analysis.ledger import COHORTS, INTENTS, Names, Slots, grown, ordered, starts_of
from everyturn.stats.sequential import RATE_SIZES, accumulate, bar, direction_weights, factors
from everyturn.stats.summaries import Codes, Floats

NEVER = np.iinfo(np.int64).max
WARM_UP_DAYS = 28
MATURE = 20.0  # answers a cohort or an intent must have before it is tested
MATURE_DAYS = 14  # days it must have existed
_MONTH = 28 * BLOCKS_A_DAY


@dataclass(frozen=True, slots=True)
class Listening:
    """What streams need to be tested and reported: names behind codes, harmful direction of each signal, budget and marks."""

    worse: Mapping[str, int]
    budget: float
    marks: Marks
    signals: Names
    cohorts: Names
    intents: Names


def stream_key(head: Codes | int, cohort: Codes | int, intent: Codes | int) -> Codes:
    """A stream as one integer, from `head` = 4 * signal + level, cohort + 1 and intent + 1, where 0 means all."""
    key: Codes = np.asarray((np.asarray(head) << 28) + (np.asarray(cohort) << 16) + intent, dtype=np.int64)
    return key


@dataclass
class Streams:
    """For each stream its first day, the block in which it reached `MATURE` answers, its running products and scores; and all alarms."""

    slots: Slots = field(default_factory=Slots)
    alarms: list[Alarm] = field(default_factory=list)
    month: int = -1

    ARRAYS = ("product", "score", "begun", "paid", "first", "answers", "reached", "listed")

    def __post_init__(self) -> None:
        self.product = np.zeros((0, 6))
        self.score = np.zeros(
            (0, 6)
        )  # the same bets as running maxima of log products, which give the day a change began
        self.begun = np.zeros((0, 6), dtype=np.int32)
        self.paid = np.zeros(0)  # the number of bets begun so far
        self.first = np.zeros(0, dtype=np.int64)
        self.answers = np.zeros(0)  # counted until there are `MATURE`
        self.reached = np.zeros(0, dtype=np.int64)
        self.listed = np.zeros(0, dtype=bool)
        self.bars = np.zeros(0)  # by signal and level, in days

    def keys(self) -> Codes:
        """Every stream's key, in the order of their places."""
        return self.slots.keys()

    def place(self, keys: Codes) -> Codes:
        """The places of these streams; new ones get places."""
        placed = self.slots.of(keys.ravel()).reshape(keys.shape)
        known, size = len(self.first), len(self.slots.places)
        for name in self.ARRAYS:
            setattr(self, name, grown(getattr(self, name), size))
        self.first[known:] = self.reached[known:] = NEVER
        return placed

    def meet(self, block: Codes, stream: Codes, n: Floats) -> None:
        """Counts the rows' answers towards the number their streams need; `stream` has a row per level."""
        young = self.reached[stream] == NEVER
        if not young.any():
            return
        own, when, n = (
            stream[young],
            np.broadcast_to(block, stream.shape)[young],
            np.broadcast_to(n, stream.shape)[young],
        )
        order = ordered(own)  # within a level rows stand by block, and a stream has one level
        own, when, n = own[order], when[order], n[order]
        starts = starts_of(own)
        distinct = own[starts]
        self.first[distinct] = np.minimum(self.first[distinct], when[starts] // BLOCKS_A_DAY)
        total = np.cumsum(n)
        base = np.repeat(total[starts] - n[starts] - self.answers[distinct], np.diff(np.r_[starts, len(own)]))
        enough = np.flatnonzero(total - base >= MATURE)
        self.reached[own[enough[::-1]]] = when[enough[::-1]]  # the earliest is written last
        self.answers[distinct] += np.add.reduceat(n, starts)

    def old(self, block: Codes, stream: Codes) -> np.ndarray:
        """Whether each of these streams had enough answers and days before each of these blocks to be tested."""
        ripe = np.where(
            self.reached < NEVER, np.maximum(self.reached + 1, (self.first + MATURE_DAYS) * BLOCKS_A_DAY), NEVER
        )
        old: np.ndarray = block >= ripe[stream]
        return old

    def hear(self, ears: Listening, paid: Paid, *, warm: Codes, since: Codes) -> None:
        """Multiplies the products by what each block paid, block after block, and raises an alarm where one reaches its bar.

        `warm` is the first block in which each signal is tested, `since` the block after which each level is.
        """
        keys = self.keys()
        head = keys >> 28
        trust = head[paid.stream] // 4 == ears.signals.codes[TRUST]
        # Trust is tested from its first bet on.
        np.minimum.at(self.reached, paid.stream[trust], paid.block[trust])
        self._open(ears, np.unique(paid.stream), head // 4, warm)
        heads, factor = head[paid.stream], factors(paid.won)
        weights = np.array([direction_weights(_harm(ears, text)) for text in ears.signals.texts])[heads // 4]
        edges = np.flatnonzero(np.r_[True, np.diff(paid.block) != 0, True]).tolist()
        blocks = paid.block[edges[:-1]]
        begun = ears.marks.bets((blocks // BLOCKS_A_DAY).astype(float)).tolist()
        for low, high, block, today in zip(edges[:-1], edges[1:], blocks.tolist(), begun, strict=True):
            if block // _MONTH != self.month or not len(self.bars):
                self._count(ears, block, head, since)
            stream = paid.stream[low:high]
            product = accumulate(self.product[stream], today - self.paid[stream], factor[low:high])
            self.product[stream], self.paid[stream] = product, today
            score = self.score[stream]
            at_rest = score <= 0
            if at_rest.any():
                self.begun[stream] = np.where(at_rest, block // BLOCKS_A_DAY, self.begun[stream])
            self.score[stream] = np.maximum(score, 0.0, out=score) + paid.won[low:high]
            product *= weights[low:high]
            evidence, bars = product.sum(1), self.bars[heads[low:high]]
            if (evidence >= bars / LIST_TIMES).any() or self.listed[stream].any():
                self._ring(ears, block, stream, mixed=product, bars=bars)

    def _open(self, ears: Listening, stream: Codes, signal: Codes, warm: Codes) -> None:
        """Starts the bets of streams that have none yet: from the day they were old enough, even if their next answer came later."""
        new = stream[self.paid[stream] == 0]
        first = self.first[new]
        seen = np.where(first < NEVER, first + MATURE_DAYS - 1, 0)
        started = warm[signal[new]] // BLOCKS_A_DAY - 1
        self.paid[new] = ears.marks.bets(np.maximum(started, seen).astype(float))

    def _ring(self, ears: Listening, block: int, stream: Codes, *, mixed: Floats, bars: Floats) -> None:
        evidence, keys = mixed.sum(1), self.keys()[stream]
        ringing, high = evidence >= bars, evidence >= bars / LIST_TIMES
        listing = high & ~self.listed[stream] & ~ringing
        named = {k: node_of(ears, int(keys[k])) for k in np.flatnonzero(ringing | listing).tolist()}
        for k, (level, text, cohort, intent) in sorted(named.items(), key=lambda item: _by_name(item[1])):
            way = np.sign(RATE_SIZES) == np.sign(RATE_SIZES[int(mixed[k].argmax())])
            best = int(np.where(way, self.score[stream[k]], -np.inf).argmax())  # the size and the start that fit best
            tier = PAGE if ringing[k] else LIST
            days = float(bars[k]) / (1 if tier == PAGE else LIST_TIMES)
            name, _, version = text.partition("@")
            direction, begun = int(np.sign(RATE_SIZES[best])), int(self.begun[stream[k], best])
            self.alarms.append(
                Alarm("level", block, begun, level, name, cohort, intent, direction, tier, days, version)
            )
        still = self.listed[stream] & (evidence >= bars / LIST_TIMES / 2)
        self.listed[stream] = ~ringing & (high | still)
        self.product[stream[ringing]] = 0.0
        self.score[stream[ringing]] = 0.0

    def _count(self, ears: Listening, block: int, head: Codes, since: Codes) -> None:
        """Sets the bars from the number of streams with enough answers; done once in 28 days, whatever the number of looks."""
        self.month = block // _MONTH
        trust = ears.signals.codes[TRUST]
        reached = self.reached[: len(head)]
        live = (reached < block) | ((head == trust * 4 + 1) & (reached <= block))
        levels = [level for level, after in enumerate(since.tolist()) if block > after]
        present = sorted({int(h) // 4 for h in head[live]} | {trust})
        names = [signal_name(ears.signals.texts[s]) for s in present]
        self.bars = np.full(4 * len(ears.signals.texts), np.inf)
        for signal, name in zip(present, names, strict=True):
            for level in levels if signal != trust else {1} & set(levels):
                streams = max(int(np.count_nonzero(live & (head == signal * 4 + level))), 1)
                part = budget_part(name, names, level, len(levels))
                self.bars[signal * 4 + level] = bar(ears.budget * part, streams)

    def make_bars(self, signals: int) -> None:
        """Makes room for the bars of new signals, which stay infinite until the bars are next set."""
        if 0 < len(self.bars) < 4 * signals:
            self.bars = np.r_[self.bars, np.full(4 * signals - len(self.bars), np.inf)]

    def renew(self, signal: int, cohort: int | None, intent: int | None) -> None:
        """Resets the streams of all nodes that contain a node or are contained in it."""
        keys = self.keys()
        hit = (keys >> 28) // 4 == signal
        if cohort is not None:
            hit &= np.isin((keys >> 16) % COHORTS, (0, cohort + 1))
        if intent is not None:
            hit &= np.isin(keys % INTENTS, (0, intent + 1))
        self.product[: len(keys)][hit] = 0.0
        self.score[: len(keys)][hit] = 0.0


def node_of(ears: Listening, key: int) -> tuple[int, str, str | None, str | None]:
    """The level, signal with its version, cohort and intent of a stream's key."""
    cohort, intent = (key >> 16) % COHORTS - 1, key % INTENTS - 1
    return (
        (key >> 28) % 4,
        ears.signals.texts[(key >> 28) // 4] or "",
        None if cohort < 0 else ears.cohorts.texts[cohort],
        None if intent < 0 else ears.intents.texts[intent],
    )


def _by_name(node: tuple[int, str, str | None, str | None]) -> tuple[int, str, str, str]:
    level, signal, cohort, intent = node
    return level, signal, cohort or "", intent or ""


def _harm(ears: Listening, text: str | None) -> int:
    return -1 if text == TRUST else ears.worse.get(signal_name(text), 1)
