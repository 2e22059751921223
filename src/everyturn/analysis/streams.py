"""The streams the monitor listens to: which are old enough to change, the running products of each, and the bars they ring at."""

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
MATURE = 20.0  # answers of a cohort and of an intent before what they do can surprise
MATURE_DAYS = 14
_MONTH = 28 * BLOCKS_A_DAY


@dataclass(frozen=True, slots=True)
class Listening:
    """Who listens to what: the names behind the codes, the harmful direction of each signal, the budget and the marks."""

    worse: Mapping[str, int]
    budget: float
    marks: Marks
    signals: Names
    cohorts: Names
    intents: Names


def stream_key(head: Codes | int, cohort: Codes | int, intent: Codes | int) -> Codes:
    """A stream as one integer: signal and level (`head` = 4 signal + level), cohort + 1 and intent + 1, 0 where all are meant."""
    key: Codes = np.asarray((np.asarray(head) << 28) + (np.asarray(cohort) << 16) + intent, dtype=np.int64)
    return key


@dataclass
class Streams:
    """Per stream: its first day, the block its answers reached the least number in, its products and scores, and what it rang."""

    slots: Slots = field(default_factory=Slots)
    alarms: list[Alarm] = field(default_factory=list)
    month: int = -1

    ARRAYS = ("product", "score", "begun", "paid", "first", "answers", "reached", "listed")

    def __post_init__(self) -> None:
        self.product = np.zeros((0, 6))
        self.score = np.zeros((0, 6))  # the running maximum's form of the same bets: it knows when a change began
        self.begun = np.zeros((0, 6), dtype=np.int32)
        self.paid = np.zeros(0)  # bets begun so far
        self.first = np.zeros(0, dtype=np.int64)
        self.answers = np.zeros(0)  # until there are enough
        self.reached = np.zeros(0, dtype=np.int64)
        self.listed = np.zeros(0, dtype=bool)
        self.bars = np.zeros(0)  # per signal and level, in days

    def keys(self) -> Codes:
        """Every stream's key, in the order of their places."""
        return self.slots.keys()

    def place(self, keys: Codes) -> Codes:
        """The places of streams, with room made for new ones."""
        placed = self.slots.of(keys.ravel()).reshape(keys.shape)
        known, size = len(self.first), len(self.slots.places)
        for name in self.ARRAYS:
            setattr(self, name, grown(getattr(self, name), size))
        self.first[known:] = self.reached[known:] = NEVER
        return placed

    def meet(self, block: Codes, stream: Codes, n: Floats) -> None:
        """Takes the answers of rows (a row per level) towards being old enough."""
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
        """Whether, before these blocks, these streams had enough answers and days for a change to mean something."""
        ripe = np.where(
            self.reached < NEVER, np.maximum(self.reached + 1, (self.first + MATURE_DAYS) * BLOCKS_A_DAY), NEVER
        )
        old: np.ndarray = block >= ripe[stream]
        return old

    def hear(self, ears: Listening, paid: Paid, *, warm: Codes, since: Codes) -> None:
        """Multiplies the products by what block after block paid, and rings where one reaches its bar.

        `warm` is the first block of each signal that is bet on, `since` the block after which each level is.
        """
        keys = self.keys()
        head = keys >> 28
        trust = head[paid.stream] // 4 == ears.signals.codes[TRUST]
        # A cohort's trust is live from its first bet on.
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
        """Bets of streams that never bet before begin when they are old enough, whenever their first answer then comes."""
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
        """How high each level's bars are, from how many streams have enough answers; once a month, not at each look."""
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
        """Room for the bars of signals that are new: they have theirs from the next month on."""
        if 0 < len(self.bars) < 4 * signals:
            self.bars = np.r_[self.bars, np.full(4 * signals - len(self.bars), np.inf)]

    def renew(self, signal: int, cohort: int | None, intent: int | None) -> None:
        """Forgets what the streams that share answers with a node had gathered, of what it holds and of what holds it."""
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
