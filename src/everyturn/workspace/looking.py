"""What changed: the findings, each with conversations to read; and the per-user totals that analyses see."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.coverage import Coverage, measure_coverage
from everyturn.analysis.evals import read_evals
from everyturn.analysis.findings import Watch, watch
from everyturn.analysis.gap import Gap, intent_names, measure_gap
from everyturn.analysis.panel import Panel, read_panel
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.workspace.hearing import hear, marks_of

BUDGET = 12.0  # false alarms a year, at most, when nothing ever changes, however often one looks


def day_of(until: str | date | None) -> date | None:
    """The day that `until` says."""
    try:
        return date.fromisoformat(until[:10]) if isinstance(until, str) else until
    except ValueError:
        raise InputError("this is no date", where="until", expected="a day", try_="--until 2026-10-19") from None


def panel_of(db: Database) -> Panel:
    """The per-user totals that analyses see. Intents must be there already."""
    return read_panel(metrics.cells(db), metrics.last_complete_week(db))


def gap_of(db: Database, panel: Panel, evals: pa.Table) -> Gap:
    """Evals beside users, per intent."""
    return measure_gap(panel, read_evals(evals), intent_names(inputs.intents(db)))


def coverage_of(db: Database, panel: Panel, evals: pa.Table) -> Coverage:
    """How much of what users ask has an eval case."""
    return measure_coverage(panel, read_evals(evals), intent_names(inputs.intents(db)))


def findings_of(db: Database, evals: pa.Table, *, until: date | None = None, budget: float = BUDGET) -> Watch:
    """The findings, each with conversations to read, and one sentence on all of them."""
    complete = metrics.last_complete_week(db)
    tickets = inputs.tickets(db)
    if until is not None:
        monday = until - timedelta(days=until.weekday() if until.weekday() < 6 else -1)
        complete = min(complete, monday - timedelta(days=7)) if complete else None
        tickets = tickets.filter(pc.field("week") < pa.scalar(monday))
    heard = hear(db, until=until, budget=budget)
    seen = watch(
        metrics.cells(db, until=until),
        inputs.intents(db),
        evals,
        tickets,
        weeks_complete=complete,
        totals=heard.totals,
        asked=heard.asked,
        alarms=heard.alarms,
        budget=budget,
    )
    muted = marks_of(db).muted
    shown = [
        replace(f, conversations=tuple(evidence.examples(db, dict(f.where))))
        for f in seen.findings
        if f.id not in muted
    ]
    return replace(seen, findings=tuple(shown), muted=len(seen.findings) - len(shown))
