"""What every sentence needs: names, dates, what the evals said, and the way to the conversations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np

from everyturn.analysis import Weekly
from everyturn.analysis.alarms import LIST, LIST_TIMES, PAGE
from everyturn.analysis.drift import Node
from everyturn.analysis.evals import Evals
from everyturn.analysis.panel import Mask, Panel, Rows, contrast
from everyturn.analysis.words import counted, day, percent, quoted, span, week
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import NEEDED_USERS, rate
from everyturn.stats.summaries import summarise


@dataclass(frozen=True)
class Teller:
    """Turns codes and weeks of one panel into names, dates and filters; holds the evals beside it."""

    panel: Panel
    evals: Evals
    names: Mapping[str, str]
    budget: float  # false alarms a year

    def intent_id(self, code: int | None) -> str | None:
        """The id of an intent's code, None for requests no intent fits and for no intent in particular."""
        return None if code is None else self.panel.intents[code]

    def label(self, code: int) -> str:
        """The name of an intent's code."""
        intent_id = self.panel.intents[code]
        return "unclear requests" if intent_id is None else self.names.get(intent_id, intent_id)

    def cohort(self, code: int | None) -> str | None:
        """The name of a cohort's code."""
        return None if code is None else self.panel.cohorts[code]

    def place(self, node: Node) -> str:
        """Where, as it follows "answers": to which intent, for which cohort."""
        intent = f" to {quoted(self.label(node.intent))}" if node.intent is not None else ""
        return intent + (f" for {self.cohort(node.cohort)}" if node.cohort is not None else "")

    @property
    def latest(self) -> date:
        """The Monday of the last finished week: days of other years are said with their year."""
        return self.panel.weeks[max(self.panel.complete - 1, 0)]

    def started(self, since: int) -> str:
        """A week of the panel in words."""
        return week(self.panel.weeks[since], self.latest)

    def start_range(self, first: int, last: int) -> tuple[str, ...]:
        """What the data leave open about a start, nothing where it is one week."""
        if first == last:
            return ()
        return (f"It may have started at any time between {self.started(first)} and {self.started(last)}.",)

    def tier(self, name: str) -> Literal["page", "list"]:
        """The tier of a finding."""
        return "list" if name == LIST else "page"

    def tier_note(self, tier: str) -> tuple[str, ...]:
        """What to say of evidence that has not reached the page's bar."""
        return (
            ("This is on the watch list: there is evidence, but not yet enough to alert anyone.",)
            if tier == LIST
            else ()
        )

    def range_note(self, change: Estimate, tier: str = PAGE) -> str:
        """What to say of a range that someone will look at again tomorrow."""
        if change.low <= 0 <= change.high:
            if tier == LIST:
                return "It may be chance: the range, which stays valid however often you look, still includes 0."
            return "It did move, but how far is not certain yet: the range, which stays valid however often you look, still includes 0."
        return "The range stays valid however often you look."

    def rarity(self, days: float, tier: str = PAGE) -> str:
        """How rare such an alarm is where nothing changes: in its own place, and in all places together."""
        if days < 60:
            once = f"once in {max(round(days), 1)} days"
        else:
            once = f"once in {round(days / 365)} years" if days >= 700 else f"once in {round(days / 30.4)} months"
        a_year = self.budget * (LIST_TIMES if tier == LIST else 1)
        return f"If nothing were changing, this place would raise a false alarm at most {once}, and all places together at most {a_year:.0f} times a year."

    def found(self, when: date) -> str:
        """When it was clear."""
        return f"This became clear on {day(when, self.latest)}."

    def index(self, when: date) -> int:
        """The week of the panel that holds a day, or the nearest."""
        return min(max((when - self.panel.weeks[0]).days // 7, 0), max(len(self.panel.weeks) - 1, 0))

    def where(self, node: Node, start: int, signal: str, value: int) -> dict[str, Any]:
        """The filters of the conversations that show a finding: answers of `signal` with `value` from a week on."""
        where: dict[str, Any] = {"weeks": tuple(self.panel.weeks[start:]), "signal": signal, "value": value}
        if node.intent is not None:
            where["intent_id"] = self.intent_id(node.intent)
        if node.cohort is not None:
            where["cohort"] = self.cohort(node.cohort)
        return where

    def accepted(self, keep: Node, since: int = 0, rows: Rows | None = None) -> Estimate | NotEnough:
        """Acceptance at a node from a week on."""
        rows = self.panel.rows("acceptance") if rows is None else rows
        own = rows.take(keep.mask(rows) & (rows.week >= since))
        return rate(own.summary)

    def shift(self, rows: Rows, since: int) -> Estimate | NotEnough:
        """How far a rate over some rows moved from the weeks before to those since, users paired."""
        return contrast(rows, rows.week >= since, needed=min(NEEDED_USERS, len(np.unique(rows.user))))

    def share_series(self, intent: int) -> tuple[Weekly, ...]:
        """An intent's weekly share of the traffic."""
        rows = self.panel.traffic
        return self.series(rows, rows.n * (rows.intent == intent))

    def series(self, rows: Rows, y: np.ndarray, *, needed: int = NEEDED_USERS) -> tuple[Weekly, ...]:
        """The weekly rate of `y` over finished weeks."""
        done: Mask = rows.week < self.panel.complete
        totals = summarise(rows.week[done], rows.user[done], rows.n[done], y[done], groups=self.panel.complete)
        mondays = self.panel.weeks[: self.panel.complete]
        return tuple((day, rate(total, needed=needed)) for day, total in zip(mondays, totals, strict=True))

    def evals_score(self, intent: int | None) -> str:
        """What the last eval runs gave an intent (None: everything)."""
        intent_id = self.intent_id(intent)
        cases = self.evals.count(intent_id)
        if not cases:
            return "No eval case covers it." if self.evals.cases else "No evals are loaded."
        score = self.evals.latest(intent_id)
        if isinstance(score, NotEnough):
            return f"{'Its' if intent is not None else 'The'} {counted(cases, 'eval case')} have no score."
        return _scored(intent, score)

    def evals_moved(self, intent: int | None, since: int) -> str:
        """What the evals of an intent (None: of everything) did since a week."""
        intent_id = self.intent_id(intent)
        before, after = self.evals.around(intent_id, self.panel.weeks[since])
        if not self.evals.count(intent_id) or (isinstance(before, NotEnough) and isinstance(after, NotEnough)):
            return self.evals_score(intent)
        if isinstance(after, NotEnough):
            return "No eval has run since."
        if isinstance(before, NotEnough):
            return _scored(intent, after)
        scores = f"{percent(before.value)} before, {percent(after.value)} since"
        if after.high < before.low or after.low > before.high:
            return f"The evals moved too: {scores}."
        return f"The evals did not catch it: {scores}."


def _scored(intent: int | None, score: Estimate) -> str:
    what = "Its eval score is" if intent is not None else "Overall, evals score"
    return f"{what} {percent(score.value)} ({span(score.low, score.high, beside=score.value)})."
