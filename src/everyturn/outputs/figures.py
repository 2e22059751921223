"""Numbers and shares in words, the same on the page and in the terminal.

A number is shown with its range, what it rests on and what is unknown, or it is not shown: `Figure` keeps the four together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everyturn.analysis.words import UNKNOWN, count, counted, percent, points, signed, span

NOT_ENOUGH = "not enough data"


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
        """Like `62% (59–65)`, or the words."""
        if self.known:
            return f"{self.text} ({self.span})" if self.span else self.text
        return f"{self.text}: {self.basis}" if self.basis else self.text


def figure(estimate: Mapping[str, Any] | None, *, of: str = "outputs", absent: str = UNKNOWN) -> Figure:
    """An estimate, a not-enough or nothing, as it is shown. `of` names what the denominator counts.

    >>> print(figure({"value": 0.62, "low": 0.59, "high": 0.65, "users": 214, "n": 810, "unknown": 90}))
    62% (59–65)
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
        span=span(low, high, beside=value),
        basis=", ".join(_some(basis)),
        brief=_rests_on(users, n, unknown, of),
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


def number(value: object) -> float | None:
    """The value as a float where it is a finite number, else None: a NaN is never shown.

    >>> number(3), number(float("nan")), number("3"), number(None)
    (3.0, None, None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def least_points(value: object) -> str:
    """The smallest change that could be shown, in points; "none" where none could.

    >>> least_points(0.082), least_points(None)
    ('8 points', 'none')
    """
    least = number(value)
    return "none" if least is None else points(least, plus=False)


def points_span(low: float | None, high: float | None, *, plus: bool = True) -> str:
    """The range of a difference in percentage points, without the unit.

    >>> points_span(-0.26, -0.16), points_span(0.28, 0.36, plus=False)
    ('−26 to −16', '28 to 36')
    """
    if low is None or high is None:
        return ""
    return f"{signed(low, plus=plus)} to {signed(high, plus=plus)}"


def seconds(value: float | None) -> str:
    """A duration.

    >>> seconds(1.84), seconds(0.3), seconds(75), seconds(None)
    ('1.8 s', '0.30 s', '75 s', 'unknown')
    """
    if value is None:
        return UNKNOWN
    decimals = 2 if value < 1 else 1 if value < 10 else 0  # two figures that mean something
    return f"{value:.{decimals}f} s"


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


def _rests_on(users: float | None, n: float | None, unknown: float | None, of: str) -> str:
    """The denominator where room is short."""
    if unknown and n is not None:
        return f"{count(n)} known, {count(unknown)} unknown"
    if n is not None and n == users:  # one of each user: they are what is counted
        return _counted(users, "user")
    return "" if n is None else f"{count(n)} {of}"


def _counted(value: float | None, noun: str) -> str:
    return "" if value is None else counted(value, noun)


def _needed(value: float | None) -> str:
    return "" if value is None else f"{count(value)} needed"


def _some(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if part]
