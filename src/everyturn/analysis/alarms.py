"""What the monitor gives and what it is told: alarms, marks, and how the yearly budget of false alarms is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from everyturn.stats.summaries import Floats

DAY_ZERO = date(1970, 1, 1)  # the day that days and blocks are counted from
BLOCKS_A_DAY = 4
BUDGET = 12.0  # false alarms a year, at most, when nothing ever changes, however often one looks
PAGE, LIST = "page", "list"
LIST_TIMES = 100 / 12  # how many times the budget of the page the watch list has
SHARE, TRUST = "share", "trust"
TRUSTING = {"acceptance": 1, "edit_share": -1, "edits": -1, "complaint": -1, "rework": -1}
"""The parts of trust and the direction in which each says more of it."""

_WEIGHTS = {"acceptance": 0.35, SHARE: 0.25, TRUST: 0.3}  # of a level's budget; the other signals share the rest


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stream that crossed its bar: where, which way, since which day, in which block, and on which tier.

    `rarity` is its stream's bar in days: where nothing changes, this one stream crosses it at most once in so many days.
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
    version: str = ""

    @property
    def full_signal(self) -> str:
        """The signal with its version: numbers of two versions are never joined."""
        return f"{self.signal}@{self.version}" if self.version else self.signal

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

    def bets(self, day: Floats) -> Floats:
        """How many bets were begun by the end of a day: one a day, seven on a day with a release."""
        releases = np.array(sorted(self.releases), dtype=float)
        begun: Floats = day + 6.0 * np.searchsorted(releases, day, side="right")
        return begun


def day_of(when: date) -> int:
    """A date as a day that the monitor counts in.

    >>> day_of(date(1970, 1, 8)), date_of(7)
    (7, datetime.date(1970, 1, 8))
    """
    return (when - DAY_ZERO).days


def date_of(day: int) -> date:
    """The date of a day that the monitor counts in."""
    return DAY_ZERO + timedelta(days=day)


def signal_name(text: str | None) -> str:
    """The signal of "signal@version"."""
    return (text or "").partition("@")[0]


def budget_part(name: str, names: Sequence[str], level: int, levels: int) -> float:
    """A signal's part of the whole budget at a level; shares are watched at intents and cells, trust at cohorts."""
    present = {*names} - {SHARE, TRUST}
    present |= {SHARE} if level >= 2 else {TRUST} if level == 1 else set()
    own = {n: w for n, w in _WEIGHTS.items() if n in present}
    others = len(present) - len(own)
    scale = 1.0 if others else 1 / sum(own.values())
    part = own[name] * scale if name in own else (1 - sum(own.values())) / max(others, 1)
    return part / levels
