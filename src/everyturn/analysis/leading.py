"""Whether trust falls before use does: how far users who left or came half as often had relied on the answers before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from everyturn.analysis.departures import (
    BEFORE,
    EARLIER,
    JUST_BEFORE,
    LATER,
    WEEKS,
    Departures,
    History,
    Shift,
    find_departures,
    mean_shift,
)
from everyturn.analysis.panel import Panel
from everyturn.analysis.trust import trust_parts
from everyturn.analysis.words import counted, moved
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import NEEDED_USERS, half_width
from everyturn.stats.summaries import sum_by

LEAST_WEEKS = BEFORE + WEEKS
_LATEST = 53  # weeks that are examined; whoever left longer ago left a different product

First = Literal["trust", "use", "together", "unclear", "too few", "too short"]


@dataclass(frozen=True, slots=True)
class Order:
    """What fell first in a cohort (None: the whole product), trust or use.

    `fell` users left or came half as often. `before` is the change of their trust in four weeks shortly before that, compared with the
    `stayed` users of the same cohort with similar use; `use_before` is the change of their use at that time, as a share of it; `after` is
    the change of trust up to the four weeks that follow, of those who still came.
    """

    cohort: str | None
    first: First
    fell: int
    stayed: int
    before: Estimate | NotEnough
    use_before: Estimate | NotEnough
    after: Estimate | NotEnough
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "cohort": self.cohort,
            "first": self.first,
            "fell": self.fell,
            "stayed": self.stayed,
            "before": self.before.to_json(),
            "use_before": self.use_before.to_json(),
            "after": self.after.to_json(),
            "sentence": self.sentence,
        }


def leading_order(panel: Panel) -> list[Order]:
    """What fell first in the whole product, then in each cohort with enough users who left or came half as often.

    Examined are the four weeks that end two weeks before use fell, compared with the eight weeks before them; a fall of use that takes a
    few weeks begins in the two that are left out. If use had clearly begun to fall by then as well, neither is said to be first.

    Assumes: users are independent; without a link, trust changes alike in users who stay and users who go; falls take weeks, not months.
    In simulated products where both fall together over two or three months, trust was called first in 4 of 24: users are only found to
    have left if they came often just before, which hides the slow beginning of a fall of use.
    Method: the change of each part of trust within a user, users whose use fell minus users who stayed, weighted by the precision of each
    change and averaged over parts. The ranges of all places together have a level of 95% (Bonferroni).
    """
    panel = panel.recent(_LATEST)
    parts, weeks = trust_parts(panel)
    if weeks < LEAST_WEEKS or not parts:
        said = f"It takes {LEAST_WEEKS} weeks of complete trust scores to tell whether trust falls before use does; there are {weeks} so far."
        return [_unsaid(None, "too short", 0, said)]
    use = find_departures(panel, weeks)
    shifts = [History.of_answers(rows, use, len(panel.users)) for rows in parts.values()]
    gone = sum_by(use.home[use.fell_at >= 0], np.ones(int((use.fell_at >= 0).sum())), len(panel.cohorts))
    cohorts = np.flatnonzero(gone >= NEEDED_USERS).tolist() if len(np.unique(use.home)) > 1 else []
    places: list[int | None] = [None, *cohorts]
    level = 1 - 0.05 / len(places)
    found = [
        _order(None if cohort is None else panel.cohorts[cohort], cohort, (use, shifts), level=level)
        for cohort in places
    ]
    return [found[0], *(order for order in found[1:] if order.first != "too few")]


def _order(
    name: str | None,
    cohort: int | None,
    known: tuple[Departures, Sequence[History]],
    *,
    level: float,
) -> Order:
    use, parts = known
    here = np.ones(len(use.users), dtype=bool) if cohort is None else use.home == cohort
    gone = int((here & (use.fell_at >= 0)).sum())
    before, after = mean_shift(use, parts, cohort, EARLIER), mean_shift(use, parts, cohort, LATER)
    fell, stayed = (0, 0) if before is None else (int(before.fell.sum()), int(before.stayed.sum()))
    if before is None or min(fell, stayed) < NEEDED_USERS:
        people, few = gone, f"{NEEDED_USERS} are needed"
        if gone >= NEEDED_USERS:
            people = min(fell, stayed)
            few = f"{people} of them can be held against users alike"
        said = f"There are too few users to tell whether trust falls before use does: {counted(gone, 'user')} left or came half as often, {few}."
        return _unsaid(name, "too few", gone, said, people=people)
    came = _estimate(mean_shift(use, [History.of_use(use)], cohort, EARLIER), level)
    relied, later = _estimate(before, level), _estimate(after, level)
    first: First = "unclear"
    if isinstance(relied, Estimate) and relied.high < 0:
        first = "together" if isinstance(came, Estimate) and came.high < 0 else "trust"
    elif after is not None and isinstance(later, Estimate) and later.high < 0:
        near = mean_shift(use, parts, cohort, JUST_BEFORE)
        first = "use" if near is not None and _came_after(near, after, level) else "unclear"
    return Order(name, first, fell, stayed, relied, came, later, _say(first, (fell, stayed), relied, later))


def _came_after(near: Shift, after: Shift, level: float) -> bool:
    """Whether clearly less than half of the fall of trust had happened just before use fell."""
    share, influence = near.value - after.value / 2, near.influence - after.influence / 2
    return share > half_width(influence, level=level)


def _estimate(shift: Shift | None, level: float) -> Estimate | NotEnough:
    if shift is None or shift.fell.sum() < NEEDED_USERS:
        return NotEnough(0 if shift is None else int(shift.fell.sum()), NEEDED_USERS)
    half, people = half_width(shift.influence, level=level), int(shift.fell.sum())
    method = "within users, less users alike who stayed"
    return Estimate(shift.value, shift.value - half, shift.value + half, people, people, level=level, method=method)


def _unsaid(name: str | None, first: First, fell: int, sentence: str, *, people: int = 0) -> Order:
    nothing = NotEnough(people, NEEDED_USERS)
    return Order(name, first, fell, 0, nothing, nothing, nothing, sentence)


def _say(first: First, sizes: tuple[int, int], before: Estimate | NotEnough, after: Estimate | NotEnough) -> str:
    """The order in one sentence; `sizes` are the numbers of users who left and who stayed."""
    if not isinstance(before, Estimate):
        return ""
    who = f"{counted(sizes[0], 'user')} who left or came half as often"
    beside = f"compared with {counted(sizes[1], 'user')} of about the same use who stayed"
    when, change = "in the weeks before that", moved(before.value, before.low, before.high)
    if first == "trust":
        return f"Trust fell before use: {who} had come to rely less on what they got {when} ({change}), {beside}."
    if first == "together":
        return f"Trust and use fell together: {who} relied less and came less {when} already ({change} of trust), {beside}."
    if first == "use" and isinstance(after, Estimate):
        then = moved(after.value, after.low, after.high)
        return (
            f"Use fell first, trust with it or after: the trust of {who} had not clearly moved {when} ({change}), and did from then on"
            f" ({then}), {beside}."
        )
    return f"No order shows: {when}, the trust of {who} moved by {change}, {beside}."
