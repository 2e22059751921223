"""The monitor's alarms, the marks people give it, and how the yearly budget of false alarms is divided among signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from everyturn.stats.summaries import Floats

DAY_ZERO = date(1970, 1, 1)  # the day that days and blocks are counted from
BLOCKS_A_DAY = 4
BUDGET = 12.0  # expected false alarms a year, at most, if nothing ever changes, however often one looks
PAGE, LIST = "page", "list"  # the two tiers: findings that alert someone, and the watch list
LIST_TIMES = 100 / 12  # the watch list's budget as a multiple of the page's
SHARE, TRUST = "share", "trust"
TRUSTING = {"acceptance": 1, "edit_share": -1, "edits": -1, "complaint": -1, "rework": -1}
"""The signals that trust is made of, with the direction (+1 or -1) that means more trust."""

_WEIGHTS = {
    "acceptance": 0.35,
    SHARE: 0.25,
    TRUST: 0.3,
}  # shares of a level's budget; the other signals divide the rest


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stream whose evidence crossed its bar.

    `block` is when it crossed, `since` the day from which the change is dated, `direction` +1 or -1. `level` says what the stream is
    about: 0 the whole product, 1 a cohort, 2 an intent, 3 an intent within a cohort. `rarity` is the bar in days: if nothing changes,
    this stream crosses it at most once in so many days.
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
        """The signal with its version, because numbers of two versions are never compared."""
        return f"{self.signal}@{self.version}" if self.version else self.signal

    @property
    def day(self) -> int:
        """The day it crossed, counted from `DAY_ZERO`."""
        return self.block // BLOCKS_A_DAY


@dataclass
class Marks:
    """What people have told the monitor: days with a release, days to leave out, and changes that are the new normal.

    `normals` maps a day to the nodes (signal, cohort, intent) whose level is learnt afresh from that day on.
    """

    releases: frozenset[int] = frozenset()
    holidays: frozenset[int] = frozenset()
    normals: Mapping[int, tuple[tuple[str, str | None, str | None], ...]] = field(default_factory=dict)

    def bets(self, day: Floats) -> Floats:
        """The number of bets begun by the end of each of these days: one a day, seven on a day with a release."""
        releases = np.array(sorted(self.releases), dtype=float)
        begun: Floats = day + 6.0 * np.searchsorted(releases, day, side="right")
        return begun


def day_of(when: date) -> int:
    """A date as the number of days since `DAY_ZERO`.

    >>> day_of(date(1970, 1, 8)), date_of(7)
    (7, datetime.date(1970, 1, 8))
    """
    return (when - DAY_ZERO).days


def date_of(day: int) -> date:
    """The date that is `day` days after `DAY_ZERO`."""
    return DAY_ZERO + timedelta(days=day)


def signal_name(text: str | None) -> str:
    """The signal's name in "signal@version"; "" for None."""
    return (text or "").partition("@")[0]


def budget_part(name: str, names: Sequence[str], level: int, levels: int) -> float:
    """A signal's share of the whole budget at one of `levels` levels. Demand is watched from level 2 on, trust at level 1 only."""
    present = {*names} - {SHARE, TRUST}
    present |= {SHARE} if level >= 2 else {TRUST} if level == 1 else set()
    own = {n: w for n, w in _WEIGHTS.items() if n in present}
    others = len(present) - len(own)
    scale = 1.0 if others else 1 / sum(own.values())
    part = own[name] * scale if name in own else (1 - sum(own.values())) / max(others, 1)
    return part / levels
