"""Findings in words, the same on the page and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from everyturn.analysis.words import NOUNS
from everyturn.outputs.days import say_period
from everyturn.outputs.figures import NOT_ENOUGH, fields, figure, items, number

_NAMED = 5
NO_INTENTS = "No intents yet: an intent needs at least five users who ask for the same thing."
"""Every verb that needs intents has looked for them, so there is nothing to run first."""


def kind_of_change(finding: Mapping[str, Any]) -> str:
    """What sort of finding it is, in plain words.

    >>> kind_of_change({"kind": "new_intent"})
    'New intent'
    >>> kind_of_change({"kind": "level", "signal": "rework", "size": 0.2, "since": "2026-03-02"})
    'Answers redone rose'
    """
    kind, size = str(finding.get("kind") or "finding"), number(finding.get("size"))
    moved = "moved" if not size else "rose" if size > 0 else "fell"
    if not finding.get("since"):  # a standing condition: it did not move
        moved = ""
    signal = measured(finding) or "rate"
    words = {
        "level": f"{signal} {moved}".strip(),
        "share": f"demand {moved}",
        "mix": f"mix of requests moved {signal}",
        "user": "users losing trust" if (size or 0) > 1 else "a user losing trust",
        "gap": "gap to evals",
    }
    said = words.get(kind, kind.replace("_", " "))
    return said[:1].upper() + said[1:]


def measured(finding: Mapping[str, Any]) -> str:
    """What a finding's signal measures, in the page's words.

    >>> measured({"signal": "rework"}), measured({"signal": "agent_apology"}), measured({})
    ('answers redone', 'agent apology', '')
    """
    signal = str(finding.get("signal") or "")
    return NOUNS.get(signal, signal.replace("_", " ")).lower()


def more_findings(report: Mapping[str, Any]) -> str:
    """The findings for which a page has no room, by their titles; empty where there are none.

    >>> more_findings({"more_findings": [{"title": "Complaints rose", "tier": "list"}, {"title": "Refunds: rated lower", "tier": "page"}]})
    'Also found: Complaints rose (watch list); Refunds: rated lower.'
    """
    more = items(report, "more_findings")
    told = [f"{f.get('title') or 'finding'}{' (watch list)' if f.get('tier') == 'list' else ''}" for f in more[:_NAMED]]
    rest = [f"and {len(more) - _NAMED} more"] if len(more) > _NAMED else []
    return f"Also found: {'; '.join([*told, *rest])}." if more else ""


def orders_told(orders: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Of what came first, trust or use: what is said of all users, and of the cohorts of which an order shows."""
    return [order for order in orders if order.get("cohort") is None or order.get("first") != "unclear"]


def quiet(report: Mapping[str, Any]) -> str:
    """What to say where nothing was found: that nothing moved, or that nobody could have seen it.

    >>> quiet({"counts": {"conversations": 9}, "headline": {"acceptance": {"not_enough": {"users": 4, "needed": 10}}}})
    'Too little data to say whether anything moved: 4 users, 10 needed.'
    >>> quiet({"counts": {"conversations": 9}, "watch": "It takes 5 finished weeks to see a change; there are 2 so far."})
    'It takes 5 finished weeks to see a change; there are 2 so far.'
    """
    if not fields(report, "counts").get("conversations"):
        return "There are no conversations to look at yet."
    acceptance = figure(fields(report, "headline").get("acceptance"))
    if acceptance.text == NOT_ENOUGH:
        return f"Too little data to say whether anything moved: {acceptance.basis}."
    return str(report.get("watch") or f"Nothing moved beyond its usual range, {say_period(fields(report, 'period'))}.")


def lead_of(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest: what to read from across the room, and what to read next.

    >>> lead_of("Users began to ask for refunds (6.4–9.6%). No eval case covers it.")
    ('Users began to ask for refunds (6.4–9.6%).', 'No eval case covers it.')
    """
    lead, *rest = re.split(r"(?<=[.!?]) (?=[\"“‘A-Z])", text, maxsplit=1)
    return lead, "".join(rest)
