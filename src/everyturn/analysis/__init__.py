"""Analyses: from per-user totals to findings, which say what changed, for whom, since when, and what the evals said.

Their input is Arrow tables only. They know nothing of the database, of readers or of single conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from everyturn.model import digest
from everyturn.stats import Estimate, NotEnough

Kind: TypeAlias = Literal["level", "share", "new_intent", "mix", "user", "gap"]
Unit: TypeAlias = Literal["rate", "share", "count"]
Weekly: TypeAlias = tuple[date, Estimate | NotEnough]


class Size(NamedTuple):
    """How large a finding is, with its range."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """An estimate's value and range."""
        return cls(estimate.value, estimate.low, estimate.high)


@dataclass(frozen=True)
class Finding:
    """Something worth a person's attention, in plain words, and how to find its conversations.

    `size` depends on `kind`:

    - level, share, mix, gap: a difference of two rates; for a level that did not change (`since` None), the rate itself
    - new_intent: the intent's share of the traffic
    - user: a number of people, of whom `low` are expected not to be there by chance

    `cohort` and `intent` are None where the finding concerns all of them. `since` is the Monday the change began, None for a standing
    condition; `found_at` is the first day on which the data would have shown it. `where` holds the filters that select its
    conversations (intent_id, cohort, user_ids, weeks, signal, value). `severity` is the number of outputs it has cost so far and serves
    for ranking. `tier` is "page", or "list" where the evidence suffices only for the watch list.
    """

    kind: Kind
    signal: str
    cohort: str | None
    intent: str | None
    since: date | None
    found_at: date | None
    size: Size
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
        """An id that the same change keeps when it is found again, on another day or another machine."""
        since = self.since.isoformat() if self.since else None
        return digest(self.kind, self.signal, self.cohort, self.intent_id, since)[:12]

    def to_json(self) -> dict[str, Any]:
        """The finding in the JSON form that `watch`, `show` and the page share."""
        return {
            "id": self.id,
            "kind": self.kind,
            "signal": self.signal,
            "cohort": self.cohort,
            "intent": self.intent,
            "since": self.since.isoformat() if self.since else None,
            "found_at": self.found_at.isoformat() if self.found_at else None,
            "size": round(self.size.value, 6),
            "low": round(self.size.low, 6),
            "high": round(self.size.high, 6),
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
    """A weekly series in the JSON form: one object per week, with its Monday and the estimate's fields."""
    return [{"week": week.isoformat(), **estimate.to_json()} for week, estimate in series]


def _plain(value: object) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value
