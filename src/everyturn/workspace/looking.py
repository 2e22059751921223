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

BUDGET = 12.0  # false findings a year, at most, when looking every week and nothing ever changes


def panel_of(db: Database) -> Panel:
    """The per-user totals that analyses see. Intents must be there already."""
    return read_panel(metrics.cells(db), metrics.last_complete_week(db))


def gap_of(db: Database, panel: Panel) -> Gap:
    """Evals beside users, per intent."""
    return measure_gap(panel, read_evals(inputs.evals(db)), intent_names(inputs.intents(db)))


def coverage_of(db: Database, panel: Panel) -> Coverage:
    """How much of what users ask has an eval case."""
    return measure_coverage(panel, read_evals(inputs.evals(db)), intent_names(inputs.intents(db)))


def findings_of(db: Database, *, until: date | None = None, budget: float = BUDGET) -> Watch:
    """The findings, each with conversations to read, and one sentence on all of them."""
    complete = metrics.last_complete_week(db)
    tables = {"cells": metrics.cells(db), "tickets": inputs.tickets(db), "days": inputs.days(db)}
    if until is not None:
        monday = until - timedelta(days=until.weekday())
        complete = min(complete, monday - timedelta(days=7)) if complete else None
        past = {"cells": pc.field("week") < pa.scalar(monday), "tickets": pc.field("week") < pa.scalar(monday),
                "days": pc.field("day") <= pa.scalar(until)}  # fmt: skip
        tables = {name: table.filter(past[name]) for name, table in tables.items()}
    seen = watch(
        tables["cells"],
        inputs.intents(db),
        inputs.evals(db),
        tables["tickets"],
        weeks_complete=complete,
        days=tables["days"],
        budget=budget,
    )
    shown = [replace(f, conversations=tuple(evidence.examples(db, dict(f.where)))) for f in seen.findings]
    return replace(seen, findings=tuple(shown))
