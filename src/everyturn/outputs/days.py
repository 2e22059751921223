"""Days and periods in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from everyturn.analysis.words import UNKNOWN, counted


def day(value: object) -> date | None:
    """The day of an ISO date or instant, None where there is none.

    >>> day("2025-03-03T10:00:00+00:00"), day(None), day("soon")
    (datetime.date(2025, 3, 3), None, None)
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def say_day(value: object, *, year: bool = False) -> str:
    """A day as read aloud.

    >>> say_day("2025-03-03"), say_day("2025-03-03", year=True), say_day(None)
    ('3 March', '3 March 2025', 'unknown')
    """
    when = day(value)
    if when is None:
        return UNKNOWN
    return f"{when.day} {when:%B %Y}" if year else f"{when.day} {when:%B}"


def short_day(value: object) -> str:
    """A day for an axis.

    >>> short_day("2025-03-03")
    '3 Mar'
    """
    when = day(value)
    return UNKNOWN if when is None else f"{when.day} {when:%b}"


def say_period(period: Mapping[str, Any] | None) -> str:
    """The days covered.

    >>> say_period({"from": "2025-03-03", "to": "2025-05-08"})
    '3 March to 8 May 2025'
    >>> say_period({"from": "2024-12-02", "to": "2025-01-05"})
    '2 December 2024 to 5 January 2025'
    >>> say_period({"from": "2025-03-03", "to": "2025-03-03"})
    '3 March 2025'
    """
    first, last = day((period or {}).get("from")), day((period or {}).get("to"))
    if first is None or last is None:
        return "period unknown"
    if first == last:
        return say_day(last, year=True)
    return f"{say_day(first, year=first.year != last.year)} to {say_day(last, year=True)}"


def elapsed(start: object, end: object) -> str:
    """How long after the start, in the largest unit that fits.

    >>> elapsed("2025-03-03T10:00:00+00:00", "2025-03-05T10:00:00+00:00")
    '2 days later'
    >>> elapsed("2025-03-03T10:00:00+00:00", None)
    ''
    """
    try:
        span = datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))
    except (TypeError, ValueError):  # TypeError: one knows its time zone and the other does not
        return ""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if span.total_seconds() >= length:
            return f"{counted(int(span.total_seconds() // length), unit)} later"
    return "at once"


def is_complete(week: object, complete_until: object) -> bool:
    """Whether the week that begins on this Monday was over when the data ended; so where the end is not known.

    >>> is_complete("2025-05-05", "2025-05-08"), is_complete("2025-04-28", "2025-05-08")
    (False, True)
    """
    monday, until = day(week), day(complete_until)
    return monday is None or until is None or monday + timedelta(days=6) <= until
