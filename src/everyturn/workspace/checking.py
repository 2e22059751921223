"""The verb `check`: whether a team's budgets hold and no signal is worse than before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from everyturn.analysis.checks import VERDICTS, Check, Verdict, check_budget, sum_up
from everyturn.config import Budget
from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.model import Json
from everyturn.signals import Signal
from everyturn.stats.intervals import rate
from everyturn.workspace.comparing import compare_sets
from everyturn.workspace.measuring import summary_of
from everyturn.workspace.observing import named_signal
from everyturn.workspace.result import plain

COMPARED = ("acceptance", "complaint", "edits", "rework")  # where no budget names a signal
_VERDICTS: dict[str, Verdict] = {
    "worse": "failed",
    "better": "passed",
    "no clear change": "passed",  # the sentence says what would have been seen
    "not enough data": "not enough data",
}
_RECENT, _BEFORE = timedelta(days=7), timedelta(days=28)
_LATEST = timedelta(days=56)  # answers that became known longer ago are not compared


def check_all(
    db: Database, budgets: tuple[Budget, ...], *, worse: bool, current: str | None, baseline: str | None
) -> dict[str, Json]:
    """The fields of the `check` result: the checks of all budgets and, with `worse` or without any budget, of changes; failed ones first."""
    checks = list(check_budgets(db, budgets))
    if worse or not budgets:
        names = dict.fromkeys(budget.signal for budget in budgets) or COMPARED
        checks += check_changes(db, map(named_signal, names), current=current, baseline=baseline)
    verdict, sentence = sum_up(checks)
    return {
        "verdict": verdict,
        "sentence": sentence,
        "checks": [check.to_json() for check in sorted(checks, key=lambda c: VERDICTS.index(c.verdict))],
    }


def check_budgets(db: Database, budgets: tuple[Budget, ...]) -> Iterator[Check]:
    """The check of each budget in each of its groups."""
    for budget in budgets:
        table = metrics.summarise(db, budget.signal, by=budget.by, where=budget.where)
        for row in table.to_pylist():
            group = {name: plain(row[name]) for name in budget.by}
            yield check_budget(budget.signal, group, rate(summary_of(row)), least=budget.least, most=budget.most)


def check_changes(
    db: Database, signals: Iterable[Signal], *, current: str | None, baseline: str | None
) -> Iterator[Check]:
    """The check of each signal for being worse in `current` than in `baseline`; by default the last 7 days against the 28 before."""
    given = _given(current, baseline)
    for signal in signals:
        sides = given or _periods(db, signal.name)
        found = compare_sets(db, signal, current=sides[0], baseline=sides[1])
        change = found.within if found.within is not None else found.effect
        yield Check(f"{signal.name} not worse", _VERDICTS[found.verdict], found.sentence, signal.name, {}, change)


def _given(current: str | None, baseline: str | None) -> tuple[str, str] | None:
    if current and baseline:
        return current, baseline
    if current or baseline:
        raise InputError(
            "one side of the comparison is missing",
            where="--current and --baseline",
            expected="both conditions, or neither",
            try_="""--current "agent_version = '2'" --baseline "agent_version = '1'\"""",
        )
    return None


def _periods(db: Database, signal: str) -> tuple[str, str]:
    """The conditions of the default comparison: the last 7 days whose answers are known, and the 28 days before."""
    latest = db.scalar("SELECT max(started_at)::DATE FROM conversations")
    if latest is None:
        return "day IS NULL", "day IS NULL"
    known = db.scalar("SELECT max(started_at)::DATE FROM facts WHERE signal = ? AND value IS NOT NULL", [signal])
    last = max(known or latest, latest - _LATEST)
    start = last - _RECENT + timedelta(days=1)
    return f"day >= '{start}' AND day <= '{last}'", f"day >= '{start - _BEFORE}' AND day < '{start}'"
