"""Findings in words, the same on the page and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from everyturn.outputs.days import say_period
from everyturn.outputs.figures import (
    NOT_ENOUGH,
    UNKNOWN,
    count,
    counted,
    fields,
    figure,
    number,
    percent,
    percent_span,
    points,
    points_span,
)


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


def lead_of(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest: what to read from across the room, and what to read next.

    >>> lead_of("Users began to ask for refunds (6.4–9.6 %). No eval case covers it.")
    ('Users began to ask for refunds (6.4–9.6 %).', 'No eval case covers it.')
    """
    lead, *rest = re.split(r"(?<=[.!?]) (?=[\"“‘A-Z])", text, maxsplit=1)
    return lead, "".join(rest)
