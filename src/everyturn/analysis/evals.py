"""The eval suites: their cases and scores by intent and by run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from everyturn.analysis.panel import Mask
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import rate, wilson
from everyturn.stats.summaries import Codes, Floats, per_user, summarise_one


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one suite: the mean score of its cases, with its range."""

    suite: str
    run_id: str
    at: datetime | None
    score: Estimate

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict; `score` is the mean, `low` and `high` its range."""
        return {
            "suite": self.suite,
            "run_id": self.run_id,
            "at": self.at.isoformat() if self.at else None,
            "cases": self.score.n,
            "score": round(self.score.value, 6),
            "low": round(self.score.low, 6),
            "high": round(self.score.high, 6),
        }


@dataclass(frozen=True)
class Evals:
    """All eval cases with their intents and scores.

    The arrays have one entry per scored case and run, and one per case without a score. `cases` is the number of distinct cases.
    """

    case: Codes
    cases: int
    intent: Codes  # -1 if a case tests no intent
    intents: Mapping[str, int]
    run: Codes
    run_names: tuple[tuple[str, str], ...]  # suite and run id
    at: NDArray[np.datetime64]  # NaT if unknown
    score: Floats  # NaN if a case has none; no NaN leaves this class

    def count(self, intent_id: str | None = None) -> int:
        """The number of distinct cases of an intent, or of all."""
        return len(np.unique(self.case[self._about(intent_id)]))

    def runs(self, intent_id: str | None = None) -> list[Run]:
        """Every run that scored cases of the intent (None: any), oldest first; a case scored twice in a run counts once."""
        scored = self._about(intent_id) & ~np.isnan(self.score)
        keys, (n, y) = per_user(self.run[scored] * max(self.cases, 1) + self.case[scored], *self._ones(scored))
        run, found = keys // max(self.cases, 1), []
        for code in np.unique(run):
            own = run == code
            score = wilson(float((y[own] / n[own]).sum()), int(own.sum()))
            times = self.at[scored & (self.run == code)]
            times = times[~np.isnat(times)]
            when = times.max().astype("datetime64[us]").item().replace(tzinfo=UTC) if len(times) else None
            suite, run_id = self.run_names[int(code)]
            if isinstance(score, Estimate):
                found.append(Run(suite, run_id, when, score))
        return sorted(found, key=lambda r: (r.at is not None, r.at.isoformat() if r.at else "", r.run_id, r.suite))

    def latest(self, intent_id: str | None = None) -> Estimate | NotEnough:
        """The mean of the latest score of each case, with Wilson's range; `NotEnough` if no case was scored.

        A run over part of a suite thus replaces only the scores of that part. Runs without a time count as earlier than those with one.
        """
        scored = np.flatnonzero(self._about(intent_id) & ~np.isnan(self.score))
        if not len(scored):
            return NotEnough(0, 1)
        when = np.where(np.isnat(self.at), np.iinfo(np.int64).min, self.at.astype(np.int64))
        names = np.argsort(np.argsort([f"{run}\0{suite}" for suite, run in self.run_names]))
        order = scored[np.lexsort((names[self.run[scored]], when[scored], self.case[scored]))]
        case, run = self.case[order], self.run[order]
        is_last = np.append(case[1:] != case[:-1], [True])
        last = dict(zip(case[is_last].tolist(), run[is_last].tolist(), strict=True))
        kept = order[np.array([last[c] == r for c, r in zip(case.tolist(), run.tolist(), strict=True)], dtype=bool)]
        cases, (n, y) = per_user(self.case[kept], np.ones(len(kept)), self.score[kept])  # twice in a run counts once
        return wilson(float((y / n).sum()), len(cases))

    def around(self, intent_id: str | None, since: date) -> tuple[Estimate | NotEnough, Estimate | NotEnough]:
        """The mean scores of all runs before a day and of all runs from that day on, with cases as clusters."""
        scored = self._about(intent_id) & ~np.isnan(self.score) & ~np.isnat(self.at)
        late = self.at >= np.datetime64(since)

        def mean(keep: Mask) -> Estimate | NotEnough:
            return rate(summarise_one(self.case[keep], *self._ones(keep)), needed=1)

        return mean(scored & ~late), mean(scored & late)

    def _ones(self, keep: Mask) -> tuple[Floats, Floats]:
        return np.ones(int(keep.sum())), self.score[keep]

    def _about(self, intent_id: str | None) -> Mask:
        if intent_id is None:
            return np.ones(len(self.case), dtype=bool)
        about: Mask = self.intent == self.intents.get(intent_id, -2)
        return about


def read_evals(table: pa.Table) -> Evals:
    """The evals of a table with suite, case_id, intent_id, run_id, at and score."""
    rows = table.to_pydict()
    cases: dict[tuple[str, str], int] = {}
    intents: dict[str, int] = {}
    runs: dict[tuple[str, str], int] = {}
    case = [cases.setdefault(key, len(cases)) for key in zip(rows["suite"], rows["case_id"], strict=True)]
    intent = [-1 if i is None else intents.setdefault(i, len(intents)) for i in rows["intent_id"]]
    run = [runs.setdefault((s, r or ""), len(runs)) for s, r in zip(rows["suite"], rows["run_id"], strict=True)]
    at = ["NaT" if t is None else t.astimezone(UTC).replace(tzinfo=None) for t in rows["at"]]
    return Evals(
        case=np.array(case, dtype=np.int64),
        cases=len(cases),
        intent=np.array(intent, dtype=np.int64),
        intents=intents,
        run=np.array(run, dtype=np.int64),
        run_names=tuple(runs),
        at=np.array(at, dtype="datetime64[us]"),
        score=np.array([np.nan if s is None else s for s in rows["score"]], dtype=float),
    )
