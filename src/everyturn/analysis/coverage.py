"""Coverage: the share of what users ask that eval cases test, by traffic, by failures and by distinct intents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from everyturn.analysis.evals import Evals
from everyturn.analysis.panel import Mask, Panel
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.intervals import rate, smallest_change, wilson
from everyturn.stats.summaries import sum_by, summarise, summarise_one

DEPTH = 0.25  # a fall of an intent's score that its cases should be able to show; at 90% it takes about 30 of them


@dataclass(frozen=True, slots=True)
class UncoveredIntent:
    """An intent that no eval case tests, with its share of the outputs that have an intent, and its acceptance."""

    intent_id: str
    intent: str
    share: Estimate | NotEnough
    acceptance: Estimate | NotEnough
    outputs: int

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        share = self.share.to_json()
        return {
            "intent": self.intent,
            "share": share.get("value"),
            "acceptance": self.acceptance.to_json(),
            "intent_id": self.intent_id,
            "low": share.get("low"),
            "high": share.get("high"),
            "outputs": self.outputs,
        }


@dataclass(frozen=True, slots=True)
class ThinIntent:
    """An intent with too few eval cases: two runs of them would probably not show a fall of its score by `DEPTH`.

    `smallest_fall` is the smallest fall they would probably show, None if they would show none.
    """

    intent_id: str
    intent: str
    share: Estimate | NotEnough
    outputs: int
    cases: int
    smallest_fall: float | None

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "intent": self.intent,
            "share": self.share.to_json().get("value"),
            "intent_id": self.intent_id,
            "outputs": self.outputs,
            "cases": self.cases,
            "smallest_fall": self.smallest_fall,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the traffic is covered, i.e. has an intent that an eval case tests. Ranges count users.

    - `traffic`: the share of outputs that are covered
    - `of_failures`: the same among outputs that users did not accept
    - `of_intents`: the share of the intents, each counted once; its range takes them for a sample of possible intents
    - `in_depth`: the share of outputs whose intent has enough cases for two runs to show a fall of its score by `DEPTH`; None if
      there are no scores
    - `unclear`: the share of outputs whose request fits no intent; they are left out of all other numbers

    `uncovered` and `thin` list the intents that are not covered, or not in depth, the largest first.
    """

    traffic: Estimate | NotEnough
    of_failures: Estimate | NotEnough
    of_intents: Estimate | NotEnough
    unclear: float
    cases: int
    uncovered: tuple[UncoveredIntent, ...]
    in_depth: Estimate | NotEnough | None
    thin: tuple[ThinIntent, ...]

    def steps(self) -> list[dict[str, Any]]:
        """How many further cases, one for each intent from the largest on, raise coverage by each ten points."""
        if isinstance(self.traffic, NotEnough):
            return []
        reached, cases, found = self.traffic.value, 0, []
        for intent in self.uncovered:
            if isinstance(intent.share, NotEnough):
                continue
            before, reached, cases = reached, reached + intent.share.value, cases + 1
            if int(reached * 10 + 1e-9) > int(before * 10 + 1e-9) or intent is self.uncovered[-1]:
                found.append({"cases": cases, "coverage": round(min(reached, 1.0), 6)})
        return found

    def to_json(self) -> dict[str, Any]:
        """The fields of the `cover` result."""
        traffic = self.traffic.to_json()
        shape = {"coverage": traffic.get("value"), "low": traffic.get("low"), "high": traffic.get("high")}
        if isinstance(self.traffic, NotEnough):
            shape |= traffic
        return {
            **shape,
            "estimate": traffic,
            "of_failures": self.of_failures.to_json(),
            "of_intents": self.of_intents.to_json(),
            "in_depth": None if self.in_depth is None else self.in_depth.to_json(),
            "steps": self.steps(),
            "unclear": round(self.unclear, 6),
            "cases": self.cases,
            "uncovered": [intent.to_json() for intent in self.uncovered],
            "thin": [intent.to_json() for intent in self.thin],
        }


def measure_coverage(
    panel: Panel,
    evals: Evals,
    names: Mapping[str, str],
    *,
    also: Mapping[str, int] = MappingProxyType({}),
) -> Coverage:
    """Coverage of everything in the panel; `also` adds a number of imagined cases to some intents.

    One case is enough to cover an intent. To cover it in depth takes as many as distinguish a run in which its score fell by `DEPTH` from
    one in which it did not. An intent whose cases have no score yet is assumed to score like all suites together.
    """
    size = len(panel.intents)
    named = np.array([i is not None for i in panel.intents], dtype=bool)
    cases = np.array([0 if i is None else evals.count(i) + also.get(i, 0) for i in panel.intents], dtype=np.int64)
    falls = [_smallest_fall(evals, i, int(n)) for i, n in zip(panel.intents, cases, strict=True)]
    is_deep = np.array([least is not None and least <= DEPTH for least in falls], dtype=bool)
    traffic, known = panel.traffic, panel.rows("acceptance")
    clear, answered = traffic.take(named[traffic.intent]), known.take(named[known.intent])

    asked = sum_by(clear.user, clear.n, len(panel.users))
    people, n, nn = int(np.count_nonzero(asked)), float(asked.sum()), float(asked @ asked)

    def share(intents: Mask) -> Estimate | NotEnough:
        at = np.flatnonzero(intents[clear.intent])
        own = sum_by(clear.user[at], clear.n[at], len(panel.users))
        return rate(Summary(people, n, float(own.sum()), nn, float(asked @ own), float(own @ own)))

    outputs = sum_by(clear.intent, clear.n, size)
    totals = summarise(answered.intent, answered.user, answered.n, answered.y, answered.unknown, groups=size)
    uncovered, thin = [], []
    for code in np.flatnonzero((outputs > 0) & ~is_deep).tolist():
        intent_id = str(panel.intents[code])
        place = (intent_id, names.get(intent_id, intent_id), share(np.arange(size) == code))
        if cases[code]:
            thin.append(ThinIntent(*place, round(outputs[code]), int(cases[code]), falls[code]))
        else:
            uncovered.append(UncoveredIntent(*place, rate(totals[code]), round(outputs[code])))
    failures = answered.n - answered.y
    is_scored = isinstance(evals.latest(), Estimate)
    return Coverage(
        traffic=share(cases > 0),
        of_failures=rate(summarise_one(answered.user, failures, failures * (cases > 0)[answered.intent])),
        of_intents=wilson(int((cases[outputs > 0] > 0).sum()), int((outputs > 0).sum())),
        unclear=float(1 - clear.n.sum() / traffic.n.sum()) if len(traffic) else 0.0,
        cases=evals.cases,
        uncovered=tuple(sorted(uncovered, key=lambda u: (-u.outputs, u.intent_id))),
        in_depth=share(is_deep) if is_scored else None,
        thin=tuple(sorted(thin, key=lambda t: (-t.outputs, t.intent_id))) if is_scored else (),
    )


def _smallest_fall(evals: Evals, intent_id: str | None, cases: int) -> float | None:
    """The smallest change of an intent's score that two runs of so many cases would probably show; None if they would show none."""
    if cases < 2:
        return None
    score = evals.latest(intent_id)
    if isinstance(score, NotEnough):
        score = evals.latest()
    if isinstance(score, NotEnough):
        return None
    # Cases are independent of each other, like users with one answer each.
    run = Summary(cases, cases, cases * score.value, cases, cases * score.value, cases * score.value)
    least = smallest_change(run, weeks=1, ahead=1, needed=2)
    return round(least, 6) if isinstance(least, float) and least < score.value else None
