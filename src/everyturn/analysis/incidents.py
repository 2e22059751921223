"""Groups alarms that belong together into incidents, so that each change is reported once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from everyturn.analysis.alarms import PAGE, SHARE, TRUST, TRUSTING, Alarm

TOGETHER_DAYS = 14
STANDING_DAYS = 56  # a further alarm of the same stream in the same direction within this time is about the same change


@dataclass(frozen=True, slots=True)
class Incident:
    """Alarms of nodes that contain each other, each within 14 days of the one before, in the order they were raised.

    An alarm of a node that contains two others that do not contain each other joins only one of them: two causes that change the same
    total are two incidents.
    """

    alarms: tuple[Alarm, ...]

    @property
    def first(self) -> Alarm:
        """The alarm that represents it: the first on the page's tier, or else the first."""
        return next((a for a in self.alarms if a.tier == PAGE), self.alarms[0])

    @property
    def tier(self) -> str:
        """The tier: "page" if any of its alarms reached that one, else "list"."""
        return self.first.tier

    @property
    def last_day(self) -> int:
        """The day of the latest alarm."""
        return max(a.day for a in self.alarms)


def related(a: Alarm, b: Alarm) -> bool:
    """Whether two alarms can be about the same change: the same measure in the same direction, one node containing the other."""
    if (a.signal == SHARE) != (b.signal == SHARE):
        return False
    if a.signal == SHARE:
        return a.intent == b.intent and a.direction == b.direction
    if TRUST in {a.signal, b.signal}:  # trust and one of its parts, in the same cohort and direction
        return a.cohort == b.cohort and _trusting(a) == _trusting(b) and None in {a.intent, b.intent}
    if (a.full_signal, a.direction) != (b.full_signal, b.direction):
        return False
    return _holds(a, b) or _holds(b, a)


def _trusting(a: Alarm) -> int:
    return a.direction * (1 if a.signal == TRUST else TRUSTING.get(a.signal, 0))


def _holds(outer: Alarm, inner: Alarm) -> bool:
    return outer.cohort in {None, inner.cohort} and outer.intent in {None, inner.intent}


def group_alarms(alarms: Iterable[Alarm]) -> list[Incident]:
    """The incidents, in the order of their first alarms. Watch-list alarms join the incident of a page without dating it earlier."""
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
