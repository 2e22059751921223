"""Whether what a team wants held holds: budgets from its settings, and nothing worse than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from everyturn.analysis.checks import Check, Verdict, check_budget
from everyturn.analysis.comparison import Comparison, compare_sides
from everyturn.config import Budget
from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.signals import Signal
from everyturn.stats import Summary
from everyturn.stats.intervals import rate
from everyturn.workspace.result import plain

COMPARED = ("acceptance", "complaint", "edits", "rework")  # where no budget names a signal
_VERDICTS: dict[str, Verdict] = {
    "worse": "failed",
    "better": "passed",
    "no clear change": "passed",  # the sentence says what would have been seen
    "not enough data": "not enough data",
}
_RECENT, _BEFORE = timedelta(days=7), timedelta(days=28)


def compare_sets(db: Database, signal: Signal, *, current: str, baseline: str) -> Comparison:
    """A signal between two sets of answers, adjusted for what was asked; intents must be there."""
    sides = metrics.sides(db, signal.name, current=current, baseline=baseline)
    return compare_sides(sides, signal=signal.name, better=signal.better)


def check_budgets(db: Database, budgets: tuple[Budget, ...]) -> Iterator[Check]:
    """Each budget in each of its groups."""
    for budget in budgets:
        table = metrics.summarise(db, budget.signal, by=budget.by, where=budget.where)
        for row in table.to_pylist():
            totals = Summary(row["users"], row["n"], row["y"], row["nn"], row["ny"], row["yy"], row["unknown"])
            group = {name: plain(row[name]) for name in budget.by}
            yield check_budget(budget.signal, group, rate(totals), least=budget.least, most=budget.most)


def check_changes(
    db: Database, signals: Mapping[str, Signal], *, current: str | None, baseline: str | None
) -> Iterator[Check]:
    """Whether any of the signals is worse in `current` than in `baseline`; the last 7 days against the 28 before unless said."""
    current, baseline = _periods(db, current, baseline)
    for signal in signals.values():
        found = compare_sets(db, signal, current=current, baseline=baseline)
        change = found.within if found.within is not None else found.effect
        yield Check(f"{signal.name} not worse", _VERDICTS[found.verdict], found.sentence, signal.name, {}, change)


def _periods(db: Database, current: str | None, baseline: str | None) -> tuple[str, str]:
    if current and baseline:
        return current, baseline
    if current or baseline:
        raise InputError(
            "one side of the comparison is missing",
            where="--current and --baseline",
            expected="both conditions, or neither",
            try_="""--current "agent_version = '2'" --baseline "agent_version = '1'\"""",
        )
    latest = db.scalar("SELECT max(started_at)::DATE FROM conversations")
    if latest is None:
        return "day IS NULL", "day IS NULL"
    start = latest - _RECENT + timedelta(days=1)
    return f"day >= '{start}'", f"day >= '{start - _BEFORE}' AND day < '{start}'"
