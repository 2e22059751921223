"""What was planted in a scenario of `world.py`: which alarms are right, and which one finds it. Needs nothing installed."""

from __future__ import annotations

from typing import NamedTuple

FIRST = 20_458  # the first Monday of 2026, in days since 1970: day 0 of every world
SIGNALS = ("acceptance", "edit_share", "rework")
WORSE = {"acceptance": -1, "edit_share": 1, "rework": 1}


class Place(NamedTuple):
    """Where something rang or was planted: a signal, a cohort and an intent (None: all), and the direction (0: not told)."""

    signal: str
    cohort: str | None = None
    intent: str | None = None
    direction: int = 0


def planted(scenario: str, truth: dict) -> Place | None:
    """The place that changes, as a whole."""
    return {
        "ramp": Place("acceptance", direction=-1),
        "release": Place("acceptance", direction=-1),
        "masked": Place("acceptance", "Researchers", direction=-1),
        "divergence": Place("acceptance", intent=truth.get("intent"), direction=-1),
        "new_intent": Place("share", intent="i40", direction=1),
    }.get(scenario)


def finds(place: Place, scenario: str, truth: dict) -> bool:
    """Whether an alarm there, after the onset, has found what was planted."""
    what = planted(scenario, truth)
    if what is None or place.direction != what.direction:
        return False
    if scenario in {"ramp", "release"}:
        return place.signal == "acceptance"  # every cohort and intent falls with the whole
    if scenario == "masked":
        return place.signal in {"acceptance", "trust"} and place.cohort == what.cohort
    return place.signal == what.signal and place.intent == what.intent


def is_true(place: Place, scenario: str, truth: dict) -> bool:
    """Whether the place of an alarm after the onset really changed that way."""
    quality = {"acceptance", "trust"}
    if scenario == "masked":
        way = {"Researchers": -1, "Writers": 1}
        return place.signal in quality and place.direction == way.get(place.cohort or "")
    if scenario == "divergence":
        return place.signal == "acceptance" and place.direction < 0 and place.intent in {None, truth["intent"]}
    if scenario.startswith("mix") or scenario == "new_intent":
        return place.signal == "share"
    if scenario == "erosion":
        return (place.signal, place.direction) in {("edit_share", 1), ("trust", -1)}
    return scenario in {"ramp", "release"} and place.signal in quality and place.direction < 0
