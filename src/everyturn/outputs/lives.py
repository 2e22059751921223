"""Where an intent stands among the others and what happened to it, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from everyturn.outputs import Result
from everyturn.outputs.days import day, say_day
from everyturn.outputs.figures import fields, items, number

_RARE = 0.0001  # no chance below it is told apart


def lives(result: Result) -> Iterator[str]:
    """The theme, the events and the nearest intents of what `show intent` gives, a line each; nothing where none is known.

    >>> told = {"intent": {"intent_id": "i-1", "theme": "Billing"}, "nearest": [{"intent": "Refunds", "likeness": 0.52}]}
    >>> list(lives(told))
    ['Theme: Billing', 'Most similar: Refunds (0.52), where 1 means identical']
    """
    intent = fields(result, "intent")
    if theme := intent.get("theme"):
        yield f"Theme: {theme}"
    for event in items(result, "events"):
        if said := say_event(event, of=intent.get("intent_id")):
            yield said
    near = [
        f"{other.get('intent') or 'unnamed'}{f' ({likeness:.2f})' if likeness is not None else ''}"
        for other in items(result, "nearest")
        for likeness in (number(other.get("likeness")),)
    ]
    if near:
        yield f"Most similar: {', '.join(near)}, where 1 means identical"


def say_event(event: Mapping[str, Any], *, of: object) -> str:
    """What happened to the intent whose id is `of`, as a sentence; empty for an event of a kind unknown here.

    >>> say_event({"kind": "merged", "intent_id": "i-2", "intent": "Late refunds", "other": "i-1", "at": None}, of="i-1")
    'Merged: "Late refunds" went into it; when is not known.'
    >>> say_event({"kind": "grown", "intent_id": "i-1", "at": "2025-03-31T00:00:00Z", "chance": 0.002}, of="i-1")
    'Grown: seen on 31 March 2025. Chance of this many had nothing changed: 0.002.'
    """
    kind, is_other = event.get("kind"), of is not None and event.get("intent_id") != of
    apart = f'"{event.get("intent" if is_other else "other_intent") or "an intent that is gone"}"'
    when = f" on {say_day(event['at'], year=True)}" if day(event.get("at")) else "; when is not known"
    chance = number(event.get("chance"))
    said = {
        "born": f"New: first asked on {say_day(event.get('at'), year=True)}" if day(event.get("at")) else "New" + when,
        "grown": f"Grown: seen{when}",
        "faded": f"Faded: last asked{when}",
        "split": f"Split: {apart} split off from it{when}" if is_other else f"Split: it split off from {apart}{when}",
        "merged": f"Merged: {apart} went into it{when}" if is_other else f"Merged: it went into {apart}{when}",
    }.get(str(kind))
    if said is None:
        return ""
    if kind == "born" and chance is None and day(event.get("at")):
        said += ", as far back as the data can be compared"
    if chance is None:
        return said + "."
    shown = f"under {_RARE}" if chance < _RARE else f"{chance:.2g}"
    amount = {"born": "so few before", "faded": "none since"}.get(str(kind), "this many")
    return f"{said}. Chance of {amount} had nothing changed: {shown}."
