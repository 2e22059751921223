"""How much of what users ask the eval suites test: by traffic, by failures and by distinct intents."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from everyturn.analysis.evals import Evals
from everyturn.analysis.panel import Panel, Rows
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import NEEDED_USERS, rate, wilson
from everyturn.stats.summaries import Floats, summarise, summarise_one


@dataclass(frozen=True, slots=True)
class UncoveredIntent:
    """An intent no eval case tests: its share of the requests that have an intent, and how users took the answers."""

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
class Coverage:
    """The share of real traffic whose intent has an eval case, with its range per user.

    `of_failures` is the same share among outputs users did not accept, `of_intents` that of the intents themselves, each counted
    once (its range takes them for a draw of those there could be); `unclear` the share of all outputs whose request fits no
    intent: they can be neither covered nor uncovered and are left out of the other numbers. `uncovered` comes largest first.
    """

    traffic: Estimate | NotEnough
    of_failures: Estimate | NotEnough
    of_intents: Estimate | NotEnough
    unclear: float
    cases: int
    uncovered: tuple[UncoveredIntent, ...]

    def steps(self) -> list[dict[str, Any]]:
        """What coverage costs: how many further cases, one an intent and the largest first, reach each ten points more."""
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
            "steps": self.steps(),
            "unclear": round(self.unclear, 6),
            "cases": self.cases,
            "uncovered": [intent.to_json() for intent in self.uncovered],
        }


def measure_coverage(
    panel: Panel,
    evals: Evals,
    names: Mapping[str, str],
    *,
    also: Collection[str] = (),
    needed: int = NEEDED_USERS,
) -> Coverage:
    """Coverage over everything the panel holds, and as it would be had the intents in `also` a case too.

    One case covers an intent: how well is for its score to say.
    """
    tested = np.array([i is not None and (i in also or evals.count(i) > 0) for i in panel.intents], dtype=bool)
    named = np.array([i is not None for i in panel.intents], dtype=bool)
    traffic = panel.traffic
    clear = traffic.take(named[traffic.intent])
    known = panel.rows("acceptance")
    answered = known.take(named[known.intent])
    totals = summarise(known.intent, known.user, known.n, known.y, known.unknown, groups=len(panel.intents))
    asked = np.unique(clear.intent[clear.n > 0])
    uncovered = []
    for code in np.flatnonzero(named & ~tested):
        intent_id = panel.intents[int(code)]
        own = clear.intent == code
        if intent_id is None or not own.any():
            continue
        uncovered.append(
            UncoveredIntent(
                intent_id,
                names.get(intent_id, intent_id),
                _share(clear, clear.n * own, needed),
                rate(totals[int(code)], needed=needed),
                round(float(clear.n[own].sum())),
            )
        )
    failures = answered.n - answered.y
    return Coverage(
        _share(clear, clear.n * tested[clear.intent], needed),
        rate(summarise_one(answered.user, failures, failures * tested[answered.intent]), needed=needed),
        wilson(int(tested[asked].sum()), len(asked)),
        float(1 - clear.n.sum() / traffic.n.sum()) if len(traffic) else 0.0,
        evals.cases,
        tuple(sorted(uncovered, key=lambda u: (-u.outputs, u.intent_id))),
    )


def _share(rows: Rows, part: Floats, needed: int) -> Estimate | NotEnough:
    return rate(summarise_one(rows.user, rows.n, part), needed=needed)
