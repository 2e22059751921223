"""Accepted answers that are redone elsewhere all along -> one Finding, however many places it stands out in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everyturn.analysis import Finding, Size
from everyturn.analysis.drift import Node, day_after
from everyturn.analysis.hotspots import Hotspot
from everyturn.analysis.panel import Mask, Rows
from everyturn.analysis.teller import Teller
from everyturn.analysis.words import capital, counted, joined, moved, percent, quoted, short, span
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import rate

_MUCH = 0.15  # of accepted answers redone: nobody's normal, also where no place stands out
_LISTED = 8  # places told one by one


def say_rework(t: Teller, facts: Sequence[Hotspot]) -> Finding | None:
    """What is accepted and then redone, told once: the places where it stands out together, or else the product.

    None where it stands out nowhere and, over the product, is not surely above 15% of the accepted answers.
    """
    rows, _ = t.panel.trend("rework")
    places = _places(rows, facts)
    level, rest = _rate(rows, places), _rate(rows, ~places)
    if isinstance(level, NotEnough) or not (facts or level.low >= _MUCH):
        return None
    ordered = sorted(facts, key=lambda fact: (-round(fact.above.value * fact.rate.n, 6), fact.node.level))
    only = ordered[0].node if len(ordered) == 1 else Node()
    asked = t.panel.rows("acceptance")
    taken = _rate(asked, _places(asked, facts))
    elsewhere = f"; in the rest of the product it is {percent(rest.value)}" if isinstance(rest, Estimate) else ""
    first = ordered[0].node if ordered else Node()
    still_open = int(t.panel.rows("rework").unknown.sum())
    return Finding(
        kind="level",
        signal="rework",
        cohort=t.cohort(only.cohort),
        intent=None if only.intent is None else t.label(only.intent),
        since=None,
        found_at=day_after(t.panel, max((fact.found_week for fact in facts), default=t.panel.complete)),
        size=Size.of(level),
        title=_title(t, only),
        sentence=joined(
            f"{percent(level.value)} of the accepted answers{_where(t, ordered)} are redone elsewhere within 7 days"
            f" ({span(level.low, level.high, beside=level.value)}){elsewhere}. It has been like this in all {t.panel.complete} weeks.",
            f"Inside the conversation everything looks fine: {percent(taken.value)} of the answers are accepted."
            if isinstance(taken, Estimate)
            else "",
            t.evals_score(only.intent),
        ),
        unit="share",
        story="rework",
        intent_id=t.intent_id(only.intent),
        details=(
            "Redone means that less than half of the answer survives in the text that was kept, that a person had to take over, or that the work was reverted.",
            *(_line(t, fact) for fact in ordered[:_LISTED]),
            f"{counted(level.users, 'user')}, {counted(level.n, 'accepted answer')} whose 7 days are over; {still_open:,} are still open.",
        ),
        series=t.series(rows.take(places), rows.y[places]),
        where=t.where(first, 0, "rework", 1),
        severity=level.value * level.n,
    )


def _places(rows: Rows, facts: Sequence[Hotspot]) -> Mask:
    """The rows of all the places, every row where there are none."""
    inside = np.full(len(rows), not facts, dtype=bool)
    for fact in facts:
        inside |= fact.node.mask(rows)
    return inside


def _rate(rows: Rows, keep: Mask) -> Estimate | NotEnough:
    return rate(rows.take(keep).summary)


def _name(t: Teller, node: Node) -> str:
    return quoted(t.label(node.intent)) if node.intent is not None else str(t.cohort(node.cohort))


def _title(t: Teller, only: Node) -> str:
    if not only.level:
        return "Accepted, then redone elsewhere"
    name = short(t.label(only.intent)) if only.intent is not None else str(t.cohort(only.cohort))
    return f"{capital(name)}: accepted, then redone"


def _where(t: Teller, facts: Sequence[Hotspot]) -> str:
    """To which requests and for which cohorts; the largest two of many by name."""
    told = ""
    for word, nodes, noun in (
        ("to", [f.node for f in facts if f.node.intent is not None], "kinds of request"),
        ("for", [f.node for f in facts if f.node.intent is None], "cohorts"),
    ):
        names = [_name(t, node) for node in (nodes if len(nodes) <= 3 else nodes[:2])]
        if more := len(nodes) - len(names):
            names.append(f"{more} more {noun}")
        if names:
            told += f" {word} {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}"
    return told


def _line(t: Teller, fact: Hotspot) -> str:
    against = moved(fact.above.value, fact.above.low, fact.above.high)
    return f"{capital(_name(t, fact.node))}: {percent(fact.rate.value)}; compared with everything else, {against}."
