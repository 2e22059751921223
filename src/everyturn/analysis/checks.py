"""Compares estimates with the budgets a team has set: passed, failed, unclear, or not enough data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from everyturn.analysis.words import percent, quoted, span
from everyturn.stats import Estimate, NotEnough

Verdict: TypeAlias = Literal["passed", "failed", "unclear", "not enough data"]
VERDICTS: tuple[Verdict, ...] = ("failed", "unclear", "not enough data", "passed")  # in the order they are listed


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `name` says in words what was checked, `sentence` with what result; `group` is empty for all users."""

    name: str
    verdict: Verdict
    sentence: str
    signal: str
    group: Mapping[str, Any]
    estimate: Estimate | NotEnough

    def to_json(self) -> dict[str, Any]:
        """The check in the JSON form of the `check` result."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "signal": self.signal,
            "group": dict(self.group),
            **self.estimate.to_json(),
        }


def check_budget(
    signal: str, group: Mapping[str, Any], estimate: Estimate | NotEnough, *, least: float | None, most: float | None
) -> Check:
    """Whether a rate holds its budget (one of `least` and `most`).

    It failed only where the whole 95% range lies beyond the budget, and passed only where the rate itself holds it; a
    rate beyond it whose range still reaches the budget is unclear. So a build never breaks on a small sample's noise, and
    noise is never called a pass.

    >>> rate = Estimate(0.52, 0.47, 0.56, users=120, n=400)
    >>> check_budget("acceptance", {}, rate, least=0.6, most=None).sentence
    'acceptance is 52% (47–56), below the 60% it must hold.'
    """
    where = ", ".join(f"{key} {quoted(str(value))}" for key, value in group.items())
    what = f"{signal} for {where}" if where else signal
    bound = least if least is not None else most
    assert bound is not None
    must = f"{bound * 100:.6g}%"  # as it was set: a bound is not rounded
    name = f"{what} {'at least' if least is not None else 'at most'} {must}"
    if isinstance(estimate, NotEnough):
        said = f"{what}: not enough data, {estimate.users} users of the {estimate.needed} needed."
        return Check(name, "not enough data", said, signal, group, estimate)
    figure = f"{what} is {percent(estimate.value)} ({span(estimate.low, estimate.high, beside=estimate.value)})"
    if least is not None:
        holds, is_surely_beyond, side = estimate.value >= least, estimate.high < least, "below"
    else:
        assert most is not None
        holds, is_surely_beyond, side = estimate.value <= most, estimate.low > most, "above"
    if holds:
        return Check(name, "passed", f"{figure}, within the {must} it must hold.", signal, group, estimate)
    if is_surely_beyond:
        return Check(name, "failed", f"{figure}, {side} the {must} it must hold.", signal, group, estimate)
    said = f"{figure}, {side} the {must} it must hold, but its range still reaches it."
    return Check(name, "unclear", said, signal, group, estimate)


def sum_up(checks: Sequence[Check]) -> tuple[Verdict, str]:
    """The verdict on all checks together, and a sentence.

    >>> sum_up([])
    ('not enough data', 'nothing was checked.')
    """
    counts = Counter(check.verdict for check in checks)
    words = {"not enough data": "without enough data"}
    said = ", ".join(
        f"{counts[v]} {words.get(v, v)}" for v in ("failed", "passed", "unclear", "not enough data") if counts[v]
    )
    order: tuple[Verdict, ...] = ("failed", "passed", "unclear")
    verdict: Verdict = next((v for v in order if counts[v]), "not enough data")
    return verdict, f"{said or 'nothing was checked'}."
