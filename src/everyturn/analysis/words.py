"""Numbers, days and names as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

UNKNOWN = "unknown"
NOUNS: Mapping[str, str] = {
    "acceptance": "Acceptance",
    "feedback": "Ratings",
    "edits": "Answers edited",
    "edit_share": "Text edited",
    "rework": "Answers redone",
    "complaint": "Complaints",
    "escalation": "Handovers to a person",
}
"""What a signal measures, as findings and charts call it."""
PARTS: Mapping[str, str] = {
    "unmodified acceptance": "answers taken unchanged",
    "depth of edits": "text kept as it was",
    "verification": "answers taken without a complaint",
    "rework": "accepted answers left as they were",
}
"""The parts of trust, as sentences and tables say them."""
_TITLE_LABEL_WORDS = 5  # what a title of nine words has room for


def percent(share: float | None, *, absent: str = UNKNOWN) -> str:
    """A share in percent: whole, but with one decimal below 10 and above 99, where whole ones would mislead.

    >>> [percent(v) for v in (0.624, 0.043, 0.0002, 0.0, 0.9962, 0.99999, 1.0)]
    ['62%', '4.3%', '<0.1%', '0%', '99.6%', '>99.9%', '100%']
    """
    if share is None:
        return absent
    shown = _digits(share, beside=share)
    sign = "<" if shown == "0.0" else ">" if shown == "100.0" else ""
    shown = {"0.0": "0.1", "100.0": "99.9"}.get(shown, shown)
    return f"{sign}{shown}%"


def span(low: float | None, high: float | None, *, beside: float) -> str:
    """A range of shares without the unit, with as many decimals as the number it stands beside.

    >>> span(0.59, 0.65, beside=0.62), span(0.031, 0.055, beside=0.043)
    ('59–65', '3.1–5.5')
    """
    if low is None or high is None:
        return ""
    return f"{_digits(low, beside=beside)}–{_digits(high, beside=beside)}"


def points(change: float | None, *, plus: bool = True) -> str:
    """A difference of shares in percentage points; one decimal below three.

    >>> points(-0.138), points(0.0213), points(-0.01), points(0.32, plus=False)
    ('−14 points', '+2.1 points', '−1 point', '32 points')
    """
    if change is None:
        return UNKNOWN
    number = signed(change, plus=plus)
    return f"{number} point" if number.lstrip("+−") == "1" else f"{number} points"


def signed(change: float, *, plus: bool = True) -> str:
    """The number of `points` without its unit.

    >>> signed(-0.138), signed(0.0), signed(0.2), signed(0.2, plus=False)
    ('−14', '0', '+20', '20')
    """
    size = abs(change) * 100
    text = f"{size:.1f}".removesuffix(".0") if size < 2.95 else f"{size:.0f}"
    return text if float(text) == 0 else f"{'−' if change < 0 else '+' if plus else ''}{text}"


def moved(change: float, low: float, high: float) -> str:
    """A change with its range.

    >>> moved(-0.14, -0.2, -0.08)
    '−14 points, between −20 and −8'
    """
    return f"{points(change)}, between {signed(low)} and {signed(high)}"


def from_to(baseline: float, change: float) -> str:
    """Where a share was and where it is.

    >>> from_to(0.72, -0.14)
    '72% → 58%'
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


def count(value: float | None) -> str:
    """A count with thousands separated.

    >>> count(12480), count(None)
    ('12,480', 'unknown')
    """
    return UNKNOWN if value is None else f"{value:,.0f}"


def counted(value: float | None, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "user"), counted(2140.0, "user"), counted(2, "eval case")
    ('1 user', '2,140 users', '2 eval cases')
    """
    return f"{count(value)} {noun}{'' if value is not None and round(value) == 1 else 's'}"


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


def _digits(value: float, *, beside: float) -> str:
    """The share times 100; one decimal where the number it stands beside needs one."""
    if value in {0.0, 1.0}:
        return f"{value * 100:.0f}"
    return f"{value * 100:.1f}" if abs(beside) < 0.0995 or beside > 0.9905 else f"{value * 100:.0f}"
