"""The map of intents as the page shows it: the report's intents that have a place, with what each circle says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everyturn.analysis.words import counted, percent
from everyturn.outputs import Result, svg_map
from everyturn.outputs.figures import fields, figure, items, number
from everyturn.outputs.links import intent_anchor
from everyturn.outputs.overview import has_evals
from everyturn.outputs.transcript import View


def arrange_map(report: Result) -> View:
    """The map and its key as the template shows them; the charts are empty with fewer than two intents that have a place."""
    placed = [i for i in items(report, "intents") if number(i.get("x")) is not None and number(i.get("y")) is not None]
    total = fields(report, "counts").get("outputs")
    by_theme: dict[str, list[Mapping[str, Any]]] = {}
    for intent in placed:
        if intent.get("theme"):
            by_theme.setdefault(str(intent["theme"]), []).append(intent)
    themes = [
        (name, len(within), sum(number(i.get("volume")) or 0.0 for i in within)) for name, within in by_theme.items()
    ]
    spots, label = [_spot(i, is_scored=has_evals(report)) for i in placed], f"Map of {counted(len(placed), 'intent')}"
    return {
        "charts": [svg_map.draw(spots, label=label, frame=frame) for frame in (svg_map.WIDE, svg_map.NARROW)],
        "tells_tests": has_evals(report),
        "tells_unknown": any(not figure(i.get("acceptance")).known for i in placed),
        "without_place": len(items(report, "intents")) - len(placed),
        "themes": [
            (name, counted(within, "intent"), percent(volume / total) if total and volume else "")
            for name, within, volume in sorted(themes, key=lambda t: (-t[2], t[0]))
        ],
    }


def _spot(intent: Mapping[str, Any], *, is_scored: bool) -> svg_map.Spot:
    name, cases = str(intent.get("intent") or "unnamed"), number(intent.get("cases"))
    acceptance, anchored = figure(intent.get("acceptance")), intent_anchor(intent)
    tests = ("no eval case" if not cases else counted(cases, "eval case")) if is_scored and cases is not None else ""
    told = [
        f"{counted(intent['volume'], 'output')}" if number(intent.get("volume")) is not None else "",
        f"{acceptance} accepted" if acceptance.known else f"accepted: {acceptance}",
        tests,
        f"theme {intent['theme']}" if intent.get("theme") else "",
    ]
    return svg_map.Spot(
        name,
        number(intent.get("x")) or 0.0,
        number(intent.get("y")) or 0.0,
        number(intent.get("volume")),
        acceptance,
        tested=cases > 0 if is_scored and cases is not None else None,
        theme=str(intent["theme"]) if intent.get("theme") else None,
        said=f"{name}: {', '.join(part for part in told if part)}",
        href=f"#{anchored}" if anchored else None,
    )
