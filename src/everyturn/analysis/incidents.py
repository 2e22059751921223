"""Alarms -> incidents: what rings together is told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from everyturn.analysis.alarms import PAGE, SHARE, TRUST, TRUSTING, Alarm

TOGETHER_DAYS = 14
STANDING_DAYS = 56  # a stream that rings again the same way within these says that what it rang for still stands


@dataclass(frozen=True, slots=True)
class Incident:
    """Alarms of one branch of nodes that followed each other within 14 days, the first one first.

    What holds two places that do not hold each other joins one of them and does not make them one: two causes that move the same
    total are two incidents.
    """

    alarms: tuple[Alarm, ...]

    @property
    def first(self) -> Alarm:
        """The alarm that told it: the first on the page's tier, else the first."""
        return next((a for a in self.alarms if a.tier == PAGE), self.alarms[0])

    @property
    def tier(self) -> str:
        """`page` where any alarm reached that bar, else `list`."""
        return self.first.tier

    @property
    def last_day(self) -> int:
        """The day of the latest alarm."""
        return max(a.day for a in self.alarms)


def related(a: Alarm, b: Alarm) -> bool:
    """Whether two alarms can be one story: the same measure moving the same way, one node holding the other."""
    if (a.signal == SHARE) != (b.signal == SHARE):
        return False
    if a.signal == SHARE:
        return a.intent == b.intent and a.direction == b.direction
    if TRUST in {a.signal, b.signal}:  # a part that moves the same way in the same cohort is the same story
        return a.cohort == b.cohort and _trusting(a) == _trusting(b) and None in {a.intent, b.intent}
    if (a.full_signal, a.direction) != (b.full_signal, b.direction):
        return False
    return _holds(a, b) or _holds(b, a)


def _trusting(a: Alarm) -> int:
    return a.direction * (1 if a.signal == TRUST else TRUSTING.get(a.signal, 0))


def _holds(outer: Alarm, inner: Alarm) -> bool:
    return outer.cohort in {None, inner.cohort} and outer.intent in {None, inner.intent}


def group_alarms(alarms: Iterable[Alarm]) -> list[Incident]:
    """The incidents, in the order of their first alarm; lines of the watch list join a page's incident and never make it earlier."""
    groups: list[list[Alarm]] = []
    for alarm in sorted(alarms, key=_when):
        place = next((g for g in groups if _joins(g, alarm)), None)
        if place is None:
            groups.append([alarm])
        else:
            place.append(alarm)
    return [Incident(tuple(g)) for g in groups]


def _joins(group: Sequence[Alarm], alarm: Alarm) -> bool:
    near = any(
        related(a, alarm) and alarm.day - a.day <= (STANDING_DAYS if _same(a, alarm) else TOGETHER_DAYS)
        for a in reversed(group)
    )
    return near and all(_holds(a, alarm) or _holds(alarm, a) for a in {(a.cohort, a.intent): a for a in group}.values())


def _same(a: Alarm, b: Alarm) -> bool:
    return (a.full_signal, a.cohort, a.intent, a.direction) == (b.full_signal, b.cohort, b.intent, b.direction)


def _when(a: Alarm) -> tuple[int, int, str, str, str, str]:
    return a.block, a.level, a.signal, a.cohort or "", a.intent or "", a.kind
