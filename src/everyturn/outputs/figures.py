"""Numbers, dates and shares in words, the same on the page and in the terminal.

A number is shown with its range, what it rests on and what is unknown, or it is not shown: `Figure` keeps the four together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

UNKNOWN = "unknown"
NOT_ENOUGH = "not enough data"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown.

    `text` is the number, or the words that stand where it would; `span` its range without repeating the unit's name;
    `basis` the denominator and the unknowns, `brief` the same where room is short. `value`, `low`, `high` are None unless the number is known. `bounds` are the
    rate's own if every unknown had gone one way, None where nothing is unknown.
    """

    text: str
    span: str = ""
    basis: str = ""
    brief: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bounds: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.value is not None

    def __str__(self) -> str:
        """Like `62 % (59–65)`, or the words."""
        if self.known:
            return f"{self.text} ({self.span})" if self.span else self.text
        return f"{self.text}: {self.basis}" if self.basis else self.text


def figure(estimate: Mapping[str, Any] | None, *, of: str = "outputs", absent: str = UNKNOWN) -> Figure:
    """An estimate, a not-enough or nothing, as it is shown. `of` names what the denominator counts.

    >>> print(figure({"value": 0.62, "low": 0.59, "high": 0.65, "users": 214, "n": 810, "unknown": 90}))
    62 % (59–65)
    >>> figure({"value": 0.62, "low": 0.59, "high": 0.65, "users": 214, "n": 810, "unknown": 90}).basis
    '810 known outputs, 90 unknown, 214 users'
    >>> print(figure({"not_enough": {"users": 4, "needed": 10}}))
    not enough data: 4 users, 10 needed
    >>> print(figure(None))
    unknown
    """
    if not estimate:
        return Figure(absent)
    if shortage := estimate.get("not_enough"):
        users, needed = shortage.get("users"), shortage.get("needed")
        short = ", ".join(_some((_counted(users, "user"), _needed(needed))))
        return Figure(NOT_ENOUGH, basis=short, brief=short)
    value, low, high = (number(estimate.get(key)) for key in ("value", "low", "high"))
    if value is None:
        return Figure(absent)
    users, n, unknown = estimate.get("users"), estimate.get("n"), estimate.get("unknown")
    basis = [
        f"{count(n)} known {of}" if n is not None and unknown else f"{count(n)} {of}" if n is not None else "",
        f"{count(unknown)} unknown" if unknown else "",
        _counted(users, "user"),
    ]
    return Figure(
        percent(value),
        span=percent_span(low, high, beside=value),
        basis=", ".join(_some(basis)),
        brief=", ".join(
            _some((f"n {count(n)}" if n is not None else "", f"{count(unknown)} unknown" if unknown else ""))
        ),
        value=value,
        low=low,
        high=high,
        bounds=_bounds(value, n, unknown),
    )


def eval_figure(estimate: Mapping[str, Any] | None, *, absent: str = UNKNOWN) -> Figure:
    """An eval score as it is shown: what it rests on is cases, not users.

    >>> eval_figure({"value": 0.94, "low": 0.91, "high": 0.97, "users": 187, "n": 187}).basis
    '187 eval cases'
    """
    return figure({**estimate, "users": None} if estimate else None, of="eval cases", absent=absent)


def coverage_figure(report: Mapping[str, Any]) -> Figure:
    """The share of conversations whose intent an eval case tests; unknown where no evals are loaded.

    >>> report = {"counts": {"eval_cases": 12}, "coverage": {"coverage": 0.748, "low": 0.739, "high": 0.757}}
    >>> print(coverage_figure(report))
    75 % (74–76)
    """
    coverage = fields(report, "coverage")
    if not has_evals(report):
        return Figure(UNKNOWN)
    if fields(coverage, "not_enough"):
        return figure(coverage)
    return figure({"value": coverage.get("coverage"), "low": coverage.get("low"), "high": coverage.get("high")})


def has_evals(report: Mapping[str, Any]) -> bool:
    """Whether any eval case or score is loaded."""
    return bool(fields(report, "counts").get("eval_cases") or fields(report, "headline").get("eval_score"))


def number(value: object) -> float | None:
    """The value as a float where it is a finite number, else None: a NaN is never shown.

    >>> number(3), number(float("nan")), number("3"), number(None)
    (3.0, None, None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def percent(value: float | None, *, absent: str = UNKNOWN) -> str:
    """A share in percent: whole, but with one decimal below 10 and above 99, where whole ones would mislead.

    >>> [percent(v) for v in (0.624, 0.043, 0.0002, 0.0, 0.9962, 0.99999, 1.0)]
    ['62 %', '4.3 %', '< 0.1 %', '0 %', '99.6 %', '> 99.9 %', '100 %']
    """
    if value is None:
        return absent
    shown = _digits(value, beside=value)
    sign = "< " if shown == "0.0" else "> " if shown == "100.0" else ""
    shown = {"0.0": "0.1", "100.0": "99.9"}.get(shown, shown)
    return f"{sign}{shown} %"


def percent_span(low: float | None, high: float | None, *, beside: float | None = None) -> str:
    """A range of shares, with as many decimals as the number it stands beside.

    >>> percent_span(0.59, 0.65), percent_span(0.031, 0.055, beside=0.043)
    ('59–65', '3.1–5.5')
    """
    if low is None or high is None:
        return ""
    return f"{_digits(low, beside=low if beside is None else beside)}–{_digits(high, beside=high if beside is None else beside)}"


def points(value: float | None, *, signed: bool = True) -> str:
    """A difference of two shares in percentage points.

    >>> points(-0.213), points(0.32, signed=False), points(0.004)
    ('−21 points', '32 points', '+0.4 points')
    >>> points(0.01, signed=False)
    '1 point'
    """
    if value is None:
        return UNKNOWN
    said = _signed(value, signed=signed)
    return f"{said} point" if said.strip("+−") == "1" else f"{said} points"


def points_span(low: float | None, high: float | None, *, signed: bool = True) -> str:
    """The range of a difference in percentage points, without the unit.

    >>> points_span(-0.26, -0.16), points_span(0.28, 0.36, signed=False)
    ('−26 to −16', '28 to 36')
    """
    if low is None or high is None:
        return ""
    return f"{_signed(low, signed=signed)} to {_signed(high, signed=signed)}"


def count(value: float | None) -> str:
    """A count with thousands separated.

    >>> count(12480), count(None)
    ('12,480', 'unknown')
    """
    return UNKNOWN if number(value) is None else f"{value:,.0f}"


def counted(value: float | None, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "user"), counted(2140, "user"), counted(2, "eval case")
    ('1 user', '2,140 users', '2 eval cases')
    """
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def seconds(value: float | None) -> str:
    """A duration.

    >>> seconds(1.84), seconds(0.3), seconds(75), seconds(None)
    ('1.8 s', '0.30 s', '75 s', 'unknown')
    """
    if value is None:
        return UNKNOWN
    decimals = 2 if value < 1 else 1 if value < 10 else 0  # two figures that mean something
    return f"{value:.{decimals}f} s"


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
    """
    first, last = day((period or {}).get("from")), day((period or {}).get("to"))
    if first is None or last is None:
        return "period unknown"
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


def kind_of_change(finding: Mapping[str, Any]) -> str:
    """What sort of finding it is, in plain words.

    >>> kind_of_change({"kind": "new_intent"})
    'New intent'
    >>> kind_of_change({"kind": "level", "signal": "rework", "size": 0.2, "since": "2026-03-02"})
    'Rework rose'
    """
    kind, size = str(finding.get("kind") or "finding"), number(finding.get("size"))
    moved = "moved" if not size else "rose" if size > 0 else "fell"
    if not finding.get("since"):  # a standing condition: it did not move
        moved = ""
    signal = str(finding.get("signal") or "rate").replace("_", " ")
    words = {
        "level": f"{signal} {moved}".strip(),
        "share": f"demand {moved}",
        "mix": f"mix of requests moved {signal}",
        "user": "users losing trust" if (size or 0) > 1 else "a user losing trust",
        "gap": "gap to evals",
    }
    said = words.get(kind, kind.replace("_", " "))
    return said[:1].upper() + said[1:]


def size_of_change(finding: Mapping[str, Any]) -> str:
    """How large a finding is, with its range.

    A moved rate or share is a signed difference in points; a gap is a distance; a new intent is its share of the
    outputs, a standing condition its rate; people are a number.

    >>> size_of_change({"kind": "level", "unit": "rate", "size": -0.21, "low": -0.26, "high": -0.16})
    '−21 points (−26 to −16)'
    >>> size_of_change({"kind": "new_intent", "unit": "share", "size": 0.06, "low": 0.05, "high": 0.07})
    '6.0 % of outputs (5.0–7.0)'
    """
    size, low, high = (number(finding.get(key)) for key in ("size", "low", "high"))
    if size is None:
        return UNKNOWN
    if finding.get("unit") == "count":
        said = counted(size, "user") if finding.get("kind") == "user" else count(size)
        return f"{said} ({count(low)} to {count(high)})" if low is not None and high is not None else said
    if finding.get("kind") == "new_intent":
        text, span = f"{percent(size)} of outputs", percent_span(low, high, beside=size)
    elif finding.get("kind") == "level" and finding.get("unit") == "share":
        text, span = percent(size), percent_span(low, high, beside=size)
    else:
        signed = finding.get("kind") != "gap"
        text, span = points(size, signed=signed), points_span(low, high, signed=signed)
    return f"{text} ({span})" if span else text


def quiet(report: Mapping[str, Any]) -> str:
    """What to say where nothing was found: that nothing moved, or that nobody could have seen it.

    >>> quiet({"counts": {"conversations": 9}, "headline": {"acceptance": {"not_enough": {"users": 4, "needed": 10}}}})
    'Too little data to say whether anything moved: 4 users, 10 needed.'
    """
    if not fields(report, "counts").get("conversations"):
        return "There are no conversations to look at yet."
    acceptance = figure(fields(report, "headline").get("acceptance"))
    if acceptance.text == NOT_ENOUGH:
        return f"Too little data to say whether anything moved: {acceptance.basis}."
    return f"Nothing moved beyond its usual range, {say_period(fields(report, 'period'))}."


def fields(owner: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    """The object under the key, empty where there is none."""
    value = (owner or {}).get(key)
    return value if isinstance(value, Mapping) else {}


def items(owner: Mapping[str, Any] | None, key: str) -> Sequence[Any]:
    """The list under the key, empty where there is none."""
    value = (owner or {}).get(key)
    return value if isinstance(value, list | tuple) else ()


def _bounds(value: float, n: object, unknown: object) -> tuple[float, float] | None:
    known, missing = number(n), number(unknown)
    if not known or not missing:
        return None
    return value * known / (known + missing), (value * known + missing) / (known + missing)


def _digits(value: float, *, beside: float) -> str:
    """The share times 100; one decimal where the number it stands beside needs one."""
    if value in {0.0, 1.0}:
        return f"{value * 100:.0f}"
    return f"{value * 100:.1f}" if abs(beside) < 0.0995 or beside > 0.9905 else f"{value * 100:.0f}"


def _signed(value: float, *, signed: bool) -> str:
    magnitude = f"{abs(value) * 100:.1f}" if 0 < abs(value) < 0.0095 else f"{abs(value) * 100:.0f}"
    if value < 0 and float(magnitude):
        return f"{MINUS}{magnitude}"
    return f"+{magnitude}" if signed and float(magnitude) else magnitude


def _counted(value: float | None, noun: str) -> str:
    return "" if value is None else counted(value, noun)


def _needed(value: float | None) -> str:
    return "" if value is None else f"{count(value)} needed"


def _some(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if part]


def lead_of(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest: what to read from across the room, and what to read next.

    >>> lead_of("Users began to ask for refunds (6.4–9.6 %). No eval case covers it.")
    ('Users began to ask for refunds (6.4–9.6 %).', 'No eval case covers it.')
    """
    lead, *rest = re.split(r"(?<=[.!?]) (?=[\"“‘A-Z])", text, maxsplit=1)
    return lead, "".join(rest)
