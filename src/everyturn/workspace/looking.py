"""The input of the analyses, read from a workspace, and the findings made from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import orjson

from everyturn.analysis.alarms import BUDGET
from everyturn.analysis.evals import Evals, read_evals
from everyturn.analysis.findings import Watch, watch
from everyturn.analysis.gap import intent_names, measure_gap
from everyturn.analysis.panel import Panel, read_panel
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.kept import kept
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.model import Json
from everyturn.workspace.hearing import hear, marks_of


def read_day(until: str | date | None) -> date | None:
    """The argument `until` as a date; raises InputError if it is a text but no date."""
    try:
        return date.fromisoformat(until[:10]) if isinstance(until, str) else until
    except ValueError:
        raise InputError("this is no date", where="until", expected="a day", try_="--until 2026-10-19") from None


def panel_of(db: Database, *, until: date | None = None) -> Panel:
    """The per-user totals, up to the end of the day `until`. Intents must have been found."""
    if until is None:  # cached, because many verbs need it and summing up millions of answers takes a minute
        return Panel.from_bytes(kept(db, "panel", lambda: _panel(db, None).to_bytes()))
    return _panel(db, until)


def _panel(db: Database, until: date | None) -> Panel:
    return read_panel(metrics.cells(db, until=until), metrics.last_complete_week(db, until=until))


def evals_of(db: Database) -> Evals:
    """The eval cases and their scores."""
    return read_evals(inputs.evals(db))


def names_of(db: Database) -> dict[str, str]:
    """The name of each intent by its id."""
    return intent_names(inputs.intents(db))


def gap_of(db: Database) -> dict[str, Json]:
    """The rows of all intents and the headline, as `gap` tells them; cached until the data change."""
    found = kept(db, "gap", lambda: orjson.dumps(measure_gap(panel_of(db), evals_of(db), names_of(db)).to_json()))
    gap: dict[str, Json] = orjson.loads(found)
    return gap


def findings_of(db: Database, *, until: date | None = None, budget: float = BUDGET) -> dict[str, Json]:
    """The findings of both tiers, the most important first, with conversations to read: the fields of `Watch.to_json`.

    Current findings at the default budget are cached until the data or the marks change.
    """
    if until is not None or budget != BUDGET:
        return _findings(db, until, budget).to_json()
    marks = orjson.dumps(marks_of(db).to_json()).decode()
    found = kept(db, "findings", lambda: orjson.dumps(_findings(db, None, BUDGET).to_json()), depends_on=marks)
    findings: dict[str, Json] = orjson.loads(found)
    return findings


def _findings(db: Database, until: date | None, budget: float) -> Watch:
    heard = hear(db, until=until, budget=budget)
    seen = watch(panel_of(db, until=until), evals_of(db), names_of(db), heard, tickets=inputs.tickets(db))
    muted = marks_of(db).muted
    shown = [
        replace(f, conversations=tuple(evidence.examples(db, dict(f.where))))
        for f in seen.findings
        if f.id not in muted
    ]
    hidden = len(seen.findings) - len(shown)
    told = f" {hidden} of them {'is' if hidden == 1 else 'are'} muted and not shown." if hidden else ""
    return replace(seen, findings=tuple(shown), sentence=seen.sentence + told, muted=hidden)
