"""Evals beside users: for each intent its eval score, its acceptance, the distance between them and since when it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from everyturn.analysis import Weekly, weekly_json
from everyturn.analysis.blind import least_change
from everyturn.analysis.evals import Evals, Run
from everyturn.analysis.opening import Opened, share_trends, when_opened
from everyturn.analysis.panel import Panel, Rows
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.intervals import always_valid, chained, rate, subtract, unknown_bounds
from everyturn.stats.summaries import Joint, join, sum_by, summarise

_APART = 0.1  # how far an intent must lie below the product, and its evals above its users, to be flagged (10 points, for certain)

NO_CASES = "no eval cases"
EVALS_ONLY = "evals say good, users do not"
USERS_ONLY = "users say good, evals do not"

BESIDE: Mapping[str, str] = {
    "rework": "rework",
    "edit_rate": "edits",
    "escalation": "escalation",
    "complaint": "complaint",
}
"""The other rates given for each intent, and the signals they come from."""


@dataclass(frozen=True, slots=True)
class GapRow:
    """One intent: how often it is asked for, what evals say about it, and what users did.

    `distance` is the latest eval score minus acceptance, None if either is missing. An intent without cases has no eval score; the
    suites' overall score says nothing about it. `lost` is the number of further outputs that users would have accepted at the rate of the
    whole product. `trend` is the intent's share of all outputs in the last four complete weeks minus that in the four before, None if
    there are fewer. `opened` says since when evals promise more than users get, None unless they certainly do. `smallest_change` is the
    smallest change of acceptance that four more weeks would probably show.
    """

    intent_id: str
    intent: str
    volume: int
    share: float
    users: int
    weekly: tuple[tuple[date, int], ...]
    cases: int
    eval_score: Estimate | NotEnough
    runs: tuple[Run, ...]
    acceptance: Estimate | NotEnough
    acceptance_weekly: tuple[Weekly, ...]
    distance: Estimate | None
    beside: Mapping[str, Estimate | NotEnough]
    lost: float
    status: tuple[str, ...]
    trend: Estimate | None
    opened: Opened | None
    smallest_change: float | None

    def to_json(self) -> dict[str, Any]:
        """The row in the JSON form of the `gap` result: plain numbers (null if unknown) and, under `estimates`, the whole estimates."""
        distance = self.distance.to_json() if self.distance else {}
        return {
            "intent": self.intent,
            "volume": self.volume,
            "cases": self.cases,
            "eval_score": self.eval_score.to_json().get("value"),
            "acceptance": self.acceptance.to_json().get("value"),
            "distance": distance.get("value"),
            "low": distance.get("low"),
            "high": distance.get("high"),
            "intent_id": self.intent_id,
            "share": round(self.share, 6),
            "users": self.users,
            "lost": round(self.lost, 3),
            "smallest_change": self.smallest_change,
            "status": list(self.status),
            "opened": self.opened.to_json() if self.opened else None,
            "weekly": [{"week": week.isoformat(), "n": n} for week, n in self.weekly],
            "runs": [run.to_json() for run in self.runs],
            "estimates": {
                "acceptance": self.acceptance.to_json(),
                "eval_score": self.eval_score.to_json() if self.cases else None,
                "distance": distance or None,
                "trend": self.trend.to_json() if self.trend else None,
                **{name: estimate.to_json() for name, estimate in self.beside.items()},
            },
            "acceptance_weekly": weekly_json(self.acceptance_weekly),
        }


@dataclass(frozen=True, slots=True)
class Headline:
    """The whole product: what the evals say beside what users kept.

    `kept` is the share of outputs that were accepted and not redone afterwards: acceptance times (1 - rework of accepted outputs). Without
    any actions it is acceptance.
    """

    eval_score: Estimate | NotEnough
    acceptance: Estimate | NotEnough
    kept: Estimate | NotEnough
    rework: Estimate | NotEnough | None
    edit_rate: Estimate | NotEnough | None
    acceptance_bounds: tuple[float, float]
    distance: Estimate | None
    runs: tuple[Run, ...]

    def watched(self) -> Headline:
        """The headline with ranges that stay valid however often they are looked at, because the page is written again and again."""
        return replace(
            self,
            acceptance=always_valid(self.acceptance),
            kept=always_valid(self.kept),
            rework=always_valid(self.rework) if self.rework else None,
            edit_rate=always_valid(self.edit_rate) if self.edit_rate else None,
            distance=always_valid(self.distance, least=-1.0) if self.distance else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The headline as the page shows it."""
        return {
            "eval_score": self.eval_score.to_json() if self.runs else None,
            "acceptance": self.acceptance.to_json(),
            "acceptance_bounds": [round(bound, 6) for bound in self.acceptance_bounds],
            "kept": self.kept.to_json(),
            "rework": self.rework.to_json() if self.rework else None,
            "edit_rate": self.edit_rate.to_json() if self.edit_rate else None,
            "distance": self.distance.to_json() if self.distance else None,
            "eval_runs": [run.to_json() for run in self.runs],
        }


@dataclass(frozen=True, slots=True)
class Gap:
    """Evals beside users: the headline, and a row per intent, those with most accepted answers lost first."""

    headline: Headline
    rows: tuple[GapRow, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields of the `gap` result."""
        return {"rows": [row.to_json() for row in self.rows], "headline": self.headline.to_json()}


def intent_names(intents: pa.Table) -> dict[str, str]:
    """The name of each intent by id; the id itself if it has no name."""
    ids, labels = intents["intent_id"].to_pylist(), intents["intent"].to_pylist()
    return {i: label or i for i, label in zip(ids, labels, strict=True)}


def measure_gap(panel: Panel, evals: Evals, names: Mapping[str, str]) -> Gap:
    """The gap over everything the panel holds, so that its rates are those `measure` gives for the same data.

    Only the weekly series stop at the last finished week. Rows are sorted by what was lost (volume x shortfall); among those
    that lost nothing, by distance, and where it is unknown by how far the intent's acceptance lies below the product's.
    """
    head = _headline(panel, evals)
    traffic = panel.traffic
    size, weeks = len(panel.intents), len(panel.weeks)
    weeks_known = panel.weeks_known("acceptance")
    volume = sum_by(traffic.intent, traffic.n, size)
    by_week = sum_by(traffic.intent * weeks + traffic.week, traffic.n, size * weeks).reshape(size, weeks)
    known = _by_intent(panel, "acceptance")
    trends = share_trends(panel)
    beside = {name: _by_intent(panel, signal) for name, signal in BESIDE.items() if len(panel.rows(signal))}
    rows = []
    for code, intent_id in enumerate(panel.intents):
        if intent_id is None or volume[code] <= 0:
            continue
        score, acceptance = evals.latest(intent_id), rate(known[code])
        distance = _distance(score, acceptance)
        cases = evals.count(intent_id)
        rows.append(
            GapRow(
                intent_id=intent_id,
                intent=names.get(intent_id, intent_id),
                volume=round(volume[code]),
                share=float(volume[code] / volume.sum()),
                users=len(np.unique(traffic.user[traffic.intent == code])),
                weekly=tuple((panel.weeks[w], round(by_week[code, w])) for w in range(panel.complete)),
                cases=cases,
                eval_score=score,
                runs=tuple(evals.runs(intent_id)),
                acceptance=acceptance,
                acceptance_weekly=panel.weekly("acceptance", intent=code),
                distance=distance,
                beside={name: rate(totals[code]) for name, totals in beside.items()},
                lost=_lost(acceptance, head.acceptance),
                status=_status((cases, acceptance, distance), head, any_cases=evals.cases > 0),
                trend=trends.get(code),
                opened=when_opened(panel, evals, code, distance),
                smallest_change=least_change(known[code], weeks_known),
            )
        )
    return Gap(head, tuple(sorted(rows, key=lambda r: (-round(r.lost, 6), -round(_apart(r, head), 9), r.intent_id))))


def _headline(panel: Panel, evals: Evals) -> Headline:
    accepted, reworked = panel.rows("acceptance"), panel.rows("rework")
    acceptance, score = rate(accepted.summary), evals.latest()
    kept, rework = acceptance, None
    if reworked.n.sum() > 0:
        stands = replace(reworked, y=reworked.n - reworked.y)
        kept = chained(accepted.summary, stands.summary, _joint(accepted, stands))
        rework = rate(reworked.summary)
    edits = panel.rows("edits")
    return Headline(
        eval_score=score,
        acceptance=acceptance,
        kept=kept,
        rework=rework,
        edit_rate=rate(edits.summary) if len(edits) else None,
        acceptance_bounds=unknown_bounds(accepted.summary),
        distance=_distance(score, kept),
        runs=tuple(evals.runs()),
    )


def _distance(score: Estimate | NotEnough, users: Estimate | NotEnough) -> Estimate | None:
    return subtract(score, users) if isinstance(score, Estimate) and isinstance(users, Estimate) else None


def _joint(first: Rows, second: Rows) -> Joint:
    """The cross totals of the users of both."""
    none, nothing = np.zeros(len(second)), np.zeros(len(first))
    return join(
        np.concatenate([first.user, second.user]),
        (np.concatenate([first.n, none]), np.concatenate([first.y, none])),
        (np.concatenate([nothing, second.n]), np.concatenate([nothing, second.y])),
    )


def _by_intent(panel: Panel, signal: str) -> list[Summary]:
    rows = panel.rows(signal)
    return summarise(rows.intent, rows.user, rows.n, rows.y, rows.unknown, groups=len(panel.intents))


def _lost(acceptance: Estimate | NotEnough, overall: Estimate | NotEnough) -> float:
    if isinstance(acceptance, NotEnough) or isinstance(overall, NotEnough):
        return 0.0
    return max(overall.value - acceptance.value, 0.0) * acceptance.n


def _status(
    row: tuple[int, Estimate | NotEnough, Estimate | None], head: Headline, *, any_cases: bool
) -> tuple[str, ...]:
    """The flags of an intent, from its cases, acceptance and distance and from the product's own acceptance."""
    cases, acceptance, distance = row
    if not cases:
        return (NO_CASES,) if any_cases else ()
    if distance is None:
        return ()
    if distance.high < 0:
        return (USERS_ONLY,)
    return (EVALS_ONLY,) if distance.low > _APART and _far_below(acceptance, head.acceptance) else ()


def _far_below(rate: Estimate | NotEnough, other: Estimate | NotEnough) -> bool:
    """Whether one rate certainly lies below another by more than `_APART`."""
    return isinstance(rate, Estimate) and isinstance(other, Estimate) and rate.high < other.low - _APART


def _apart(row: GapRow, head: Headline) -> float:
    if row.distance is not None:
        return row.distance.value
    if isinstance(row.acceptance, NotEnough) or isinstance(head.acceptance, NotEnough):
        return -1.0
    return head.acceptance.value - row.acceptance.value
