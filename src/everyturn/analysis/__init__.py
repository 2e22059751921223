"""Estimate -> Finding: what changed, for whom, since when, and what the evals said.

Analyses see Arrow tables of per-user totals and nothing else: no engine, no reader, no conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeAlias

from everyturn.model import digest
from everyturn.stats import Estimate, NotEnough

Kind: TypeAlias = Literal["level", "share", "new_intent", "mix", "user", "gap"]
Unit: TypeAlias = Literal["rate", "share", "count"]
Weekly: TypeAlias = tuple[date, Estimate | NotEnough]


@dataclass(frozen=True)
class Finding:
    """Something worth a person's attention, in plain words, with the way to its conversations.

    `size`, `low`, `high` are a difference of two rates (kinds level, share, mix, gap), a share of the traffic (new_intent), the
    rate itself where a level is no change (`since` None, unit "share"), or a number of people (user; `low` is how many of them
    are expected to be no accident).
    `cohort` and `intent` are None where all of them are meant; `since` is the Monday the change began, None for a standing
    condition; `found_at` the first day the data would have shown it. `where` holds the filters by which conversations are picked
    (intent_id, cohort, user_ids, weeks, signal, value); `severity` the outputs it has cost so far, for ranking. `tier` is `page`, or `list` where the evidence is only enough for the
    watch list.
    """

    kind: Kind
    signal: str
    cohort: str | None
    intent: str | None
    since: date | None
    found_at: date | None
    size: float
    low: float
    high: float
    title: str
    sentence: str
    unit: Unit = "rate"
    story: str = ""
    intent_id: str | None = None
    details: tuple[str, ...] = ()
    series: tuple[Weekly, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    severity: float = 0.0
    tier: Literal["page", "list"] = "page"
    conversations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """A stable id: the same change found again, on another day or machine, has the same."""
        since = self.since.isoformat() if self.since else None
        return digest(self.kind, self.signal, self.cohort, self.intent_id, since)[:12]

    def to_json(self) -> dict[str, Any]:
        """The finding as every face gives it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "signal": self.signal,
            "cohort": self.cohort,
            "intent": self.intent,
            "since": self.since.isoformat() if self.since else None,
            "found_at": self.found_at.isoformat() if self.found_at else None,
            "size": round(self.size, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "sentence": self.sentence,
            "conversations": list(self.conversations),
            "title": self.title,
            "unit": self.unit,
            "story": self.story,
            "intent_id": self.intent_id,
            "details": list(self.details),
            "series": weekly_json(self.series),
            "where": {key: _plain(value) for key, value in self.where.items()},
            "severity": round(self.severity, 3),
            "tier": self.tier,
        }


def weekly_json(series: Iterable[Weekly]) -> list[dict[str, Any]]:
    """A rate week by week as every face gives it."""
    return [{"week": week.isoformat(), **estimate.to_json()} for week, estimate in series]


def _plain(value: object) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value
