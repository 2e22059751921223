"""Times as clients write them -> instants: ISO 8601, RFC 2822, as Go prints them, or numbers since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

from everyturn.model import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parsed(value: Json) -> datetime | None:
    """The instant, None where the value is in none of these forms; `ValueError` and its like where it is none in its own."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return since_1970(value)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def _of_text(value: str) -> datetime | None:
    if len(value) > 64:
        return None
    if "-" in value or ":" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return _spelled_time(value.strip())
    if len(value) == 8 or not value.replace(".", "", 1).isascii():
        return datetime.fromisoformat(value)  # 20260301
    try:
        number = float(value) if "." in value else int(value)
    except ValueError:
        return datetime.fromisoformat(value.strip())
    return since_1970(number)


def _spelled_time(value: str) -> datetime:
    if value[:3].isalpha():
        return parsedate_to_datetime(value)  # Sun, 01 Mar 2026 09:30:00 GMT
    value = re.sub(r"\s*(?:UTC|GMT|Z)$", "", value)
    zoned = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", value)  # "… 09:30:00.1 +0000 UTC" is how Go prints it
    return datetime.fromisoformat(zoned)


def since_1970(number: float) -> datetime:
    """The instant of a number of s, ms, µs or ns since 1970, told apart by size; whole numbers are exact."""
    size = abs(number)
    if size < 1e11:
        per_second = 1
    elif size < 1e14:
        per_second = 1_000
    elif size < 1e17:
        per_second = 1_000_000
    else:
        per_second = 1_000_000_000
    if isinstance(number, int):
        return _EPOCH + timedelta(microseconds=number * 1_000_000 // per_second)
    return _EPOCH + timedelta(seconds=number / per_second)
