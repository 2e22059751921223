"""How each cohort takes the answers to each intent: one table, told from both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from everyturn.analysis.words import count, percent
from everyturn.outputs import Result
from everyturn.outputs.figures import fields, figure, items, number
from everyturn.outputs.links import Links

View: TypeAlias = dict[str, Any]
_MOST = 10  # intents told of a cohort; the terminal tells all


def of_cohorts(intent: Mapping[str, Any]) -> list[View]:
    """An intent's cohorts: what was counted in each, and what the whole table lets one expect."""
    return [{"name": _cohort(row), **_cell(row)} for row in items(intent, "by_cohort")]


def of_intents(report: Result, to: Links) -> dict[str, list[View]]:
    """Each cohort's intents in the same way, those with the most answers not taken first."""
    found: dict[str, list[tuple[float, View]]] = {}
    for intent in items(report, "intents"):
        for row in items(intent, "by_cohort"):
            raw = fields(row, "raw")
            lost = (number(raw.get("n")) or 0.0) * (1 - (number(raw.get("value")) or 0.0))
            if lost:
                found.setdefault(_cohort(row), []).append((lost, {**to.intent(intent.get("intent")), **_cell(row)}))
    return {
        cohort: [view for _, view in sorted(cells, key=lambda cell: -cell[0])[:_MOST]]
        for cohort, cells in found.items()
    }


def _cohort(row: Mapping[str, Any]) -> str:
    return str(fields(row, "group").get("cohort") or "unnamed")


def _cell(row: Mapping[str, Any]) -> View:
    raw = fields(row, "raw")
    share = number(raw.get("value"))
    return {
        "counted": "none" if share is None else f"{percent(share)} of {count(raw.get('n'))}",
        "unknown": count(raw.get("unknown")),
        "drawn": figure(row.get("drawn")),
    }
