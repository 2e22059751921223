"""Numbers, days and names as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_TITLE_LABEL_WORDS = 5  # what a title of nine words has room for


def percent(share: float) -> str:
    """A share in percent: whole, with one decimal below 10.

    >>> percent(0.724), percent(0.043), percent(0.0), percent(1.0)
    ('72 %', '4.3 %', '0 %', '100 %')
    """
    return f"{_number(share)} %"


def span(low: float, high: float) -> str:
    """A range of shares without the unit, both ends in as many decimals as the lower one needs.

    >>> span(0.68, 0.76), span(0.021, 0.068)
    ('68–76', '2.1–6.8')
    """
    decimals = 1 if 0 < low < 0.0995 and high < 0.0995 else 0
    return f"{low * 100:.{decimals}f}–{high * 100:.{decimals}f}"


def points(change: float) -> str:
    """A difference of shares in points, signed; one decimal below three.

    >>> points(-0.138), points(0.0213), points(-0.01)
    ('−14 points', '+2.1 points', '−1 point')
    """
    number = signed(change)
    return f"{number} point" if number.lstrip("+−") == "1" else f"{number} points"


def signed(change: float) -> str:
    """The number of `points` without its unit.

    >>> signed(-0.138), signed(0.0)
    ('−14', '0')
    """
    size = abs(change) * 100
    text = f"{size:.1f}".removesuffix(".0") if size < 2.95 else f"{size:.0f}"
    return text if float(text) == 0 else f"{'−' if change < 0 else '+'}{text}"


def moved(change: float, low: float, high: float) -> str:
    """A change with its range.

    >>> moved(-0.14, -0.2, -0.08)
    '−14 points, between −20 and −8'
    """
    return f"{points(change)}, between {signed(low)} and {signed(high)}"


def from_to(baseline: float, change: float) -> str:
    """Where a share was and where it is.

    >>> from_to(0.72, -0.14)
    '72 % → 58 %'
    """
    return f"{percent(baseline)} → {percent(min(max(baseline + change, 0.0), 1.0))}"


def week(monday: date, latest: date) -> str:
    """A week by its Monday; the year only where it is not the latest week's.

    >>> week(date(2026, 3, 2), date(2026, 4, 6)), week(date(2025, 12, 29), date(2026, 4, 6))
    ('the week of 2 March', 'the week of 29 December 2025')
    """
    return f"the week of {day(monday, latest)}"


def day(when: date, latest: date) -> str:
    """A day, with its year only where it is not the latest one's.

    >>> day(date(2026, 3, 2), date(2026, 4, 6))
    '2 March'
    """
    return f"{when.day} {when:%B}" + ("" if when.year == latest.year else f" {when.year}")


def quoted(label: str) -> str:
    """An intent's label as a name.

    >>> print(quoted("refund status"))
    "refund status"
    """
    return f'"{label}"'


def short(label: str) -> str:
    """An intent's label for a title: its first words.

    >>> print(short("change the billing address on an old invoice"))
    "change the billing address on…"
    """
    words = label.split()
    return quoted(label if len(words) <= _TITLE_LABEL_WORDS else " ".join(words[:_TITLE_LABEL_WORDS]) + "…")


def counted(number: float, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "user"), counted(1240.0, "user")
    ('1 user', '1,240 users')
    """
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a row.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def capital(text: str) -> str:
    """The text as a sentence begins.

    >>> capital("agencies rely less"), capital("")
    ('Agencies rely less', '')
    """
    return text[:1].upper() + text[1:]


def joined(*sentences: str) -> str:
    """Sentences in a row, the empty ones left out.

    >>> joined("One.", "", "Two.")
    'One. Two.'
    """
    return " ".join(s for s in sentences if s)


def _number(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") if share < 0.0995 else f"{share * 100:.0f}"
