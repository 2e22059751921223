"""What the sentences of all findings need: names, dates, what the evals said, and filters for their conversations."""

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
    """Turns a panel's codes and weeks into names, dates and filters, and says what the evals did."""

    panel: Panel
    evals: Evals
    names: Mapping[str, str]
    budget: float  # false alarms a year

    def intent_id(self, code: int | None) -> str | None:
        """The id of an intent, given its code; None for requests that fit no intent and if no intent is given."""
        return None if code is None else self.panel.intents[code]

    def label(self, code: int) -> str:
        """The name of an intent, given its code."""
        intent_id = self.panel.intents[code]
        return "unclear requests" if intent_id is None else self.names.get(intent_id, intent_id)

    def cohort(self, code: int | None) -> str | None:
        """The name of a cohort, given its code."""
        return None if code is None else self.panel.cohorts[code]

    def place(self, node: Node) -> str:
        """The place in words, to be put after "answers": to which intent, for which cohort."""
        intent = f" to {quoted(self.label(node.intent))}" if node.intent is not None else ""
        return intent + (f" for {self.cohort(node.cohort)}" if node.cohort is not None else "")

    @property
    def latest(self) -> date:
        """The Monday of the last complete week; days in other years are given with their year."""
        return self.panel.weeks[max(self.panel.complete - 1, 0)]

    def started(self, since: int) -> str:
        """A week of the panel in words."""
        return week(self.panel.weeks[since], self.latest)

    def start_range(self, first: int, last: int) -> tuple[str, ...]:
        """A sentence on the weeks in which something may have started; empty if there is only one."""
        if first == last:
            return ()
        return (f"It may have started at any time between {self.started(first)} and {self.started(last)}.",)

    def tier(self, name: str) -> Literal["page", "list"]:
        """The tier of a finding."""
        return "list" if name == LIST else "page"

    def tier_note(self, tier: str) -> tuple[str, ...]:
        """A sentence on evidence that only suffices for the watch list; empty for a page."""
        return (
            ("This is on the watch list: there is evidence, but not yet enough to alert anyone.",)
            if tier == LIST
            else ()
        )

    def range_note(self, change: Estimate, tier: str = PAGE) -> str:
        """A sentence on what the range means, given that someone will look at it again tomorrow."""
        if change.low <= 0 <= change.high:
            if tier == LIST:
                return "It may be chance: the range, which stays valid however often you look, still includes 0."
            return "It did move, but how far is not certain yet: the range, which stays valid however often you look, still includes 0."
        return "The range stays valid however often you look."

    def rarity(self, days: float, tier: str = PAGE) -> str:
        """A sentence on how rare such an alarm is if nothing changes, in its own place and in all places together."""
        if days < 60:
            once = f"once in {max(round(days), 1)} days"
        else:
            once = f"once in {round(days / 365)} years" if days >= 700 else f"once in {round(days / 30.4)} months"
        a_year = self.budget * (LIST_TIMES if tier == LIST else 1)
        return f"If nothing were changing, this place would raise a false alarm at most {once}, and all places together at most {a_year:.0f} times a year."

    def found(self, when: date) -> str:
        """A sentence on when it became clear."""
        return f"This became clear on {day(when, self.latest)}."

    def index(self, when: date) -> int:
        """The number of the panel's week that contains a day, or of the nearest one."""
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
        """The rate of some rows from a week on minus that before it, with users paired."""
        return contrast(rows, rows.week >= since, needed=min(NEEDED_USERS, len(np.unique(rows.user))))

    def share_series(self, intent: int) -> tuple[Weekly, ...]:
        """An intent's weekly share of the traffic."""
        rows = self.panel.traffic
        return self.series(rows, rows.n * (rows.intent == intent))

    def series(self, rows: Rows, y: np.ndarray, *, needed: int = NEEDED_USERS) -> tuple[Weekly, ...]:
        """The rate of `y` by complete week."""
        done: Mask = rows.week < self.panel.complete
        totals = summarise(rows.week[done], rows.user[done], rows.n[done], y[done], groups=self.panel.complete)
        mondays = self.panel.weeks[: self.panel.complete]
        return tuple((day, rate(total, needed=needed)) for day, total in zip(mondays, totals, strict=True))

    def evals_score(self, intent: int | None) -> str:
        """A sentence on the latest eval score of an intent (None: of all)."""
        intent_id = self.intent_id(intent)
        cases = self.evals.count(intent_id)
        if not cases:
            return "No eval case covers it." if self.evals.cases else "No evals are loaded."
        score = self.evals.latest(intent_id)
        if isinstance(score, NotEnough):
            return f"{'Its' if intent is not None else 'The'} {counted(cases, 'eval case')} have no score."
        return _scored(intent, score)

    def evals_moved(self, intent: int | None, since: int) -> str:
        """A sentence on whether the evals of an intent (None: all evals) changed since a week."""
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
