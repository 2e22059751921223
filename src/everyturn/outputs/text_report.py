"""The report as a terminal page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from everyturn.analysis.words import UNKNOWN, counted, percent
from everyturn.outputs import Result
from everyturn.outputs.days import say_period
from everyturn.outputs.figures import (
    coverage_basis,
    coverage_figure,
    depth_of_coverage,
    eval_figure,
    fields,
    figure,
    items,
    number,
    seconds,
)
from everyturn.outputs.findings import quiet
from everyturn.outputs.terminal import brief, grid, heading, soft, strong
from everyturn.outputs.text_cohorts import draw_cohorts
from everyturn.outputs.text_findings import draw_blind_spots, draw_findings
from everyturn.outputs.text_intents import draw_contexts, draw_intents


def draw_report(report: Result) -> Iterator[RenderableType]:
    """The whole page: the headline, the findings, the intents and the trust of each cohort."""
    head, counts = fields(report, "headline"), fields(report, "counts")
    sizes = [
        counted(value, noun)
        for noun, key in (("conversation", "conversations"), ("user", "users"), ("output", "outputs"))
        if (value := counts.get(key)) is not None
    ]
    yield strong(report.get("title") or "Report")
    yield soft(", ".join([say_period(fields(report, "period")), *sizes]))
    yield ""
    if head.get("sentence"):
        yield strong(head["sentence"])
        yield ""
    yield from _headline(report)
    yield from heading("Findings")
    yield from draw_findings(items(report, "findings"), otherwise=quiet(report))
    yield from draw_blind_spots(items(report, "blind_spots"))
    yield from heading("What users ask for")
    yield from draw_intents(report)
    yield from draw_contexts(report)
    yield from heading("Cohorts and their trust")
    yield from draw_cohorts(report)
    if notes := items(report, "notes"):
        yield ""
    for note in notes:
        yield soft(note)


def _headline(report: Result) -> Iterator[RenderableType]:
    head, counts = fields(report, "headline"), fields(report, "counts")
    evals = "no scores" if counts.get("eval_cases") else "no evals loaded"
    rework = "no actions loaded" if counts.get("actions") == 0 else UNKNOWN
    lines = [
        ("evals say", eval_figure(head.get("eval_score"), absent=evals)),
        ("users accept", figure(head.get("acceptance")))
        if counts.get("actions") == 0  # what was redone later is not known
        else ("users keep", figure(head.get("kept"))),
        ("evals cover", coverage_figure(report)),
        ("accepted", figure(head.get("acceptance"))),
        ("redone after acceptance", figure(head.get("rework"), of="accepted outputs", absent=rework)),
        ("edited before keeping", figure(head.get("edit_rate"), of="kept outputs")),
    ]
    table = grid("", "", "", heads=False)
    for rank, (label, f) in enumerate(lines):
        basis = f.basis
        if label == "evals cover" and f.known:
            basis = ", ".join(filter(None, (coverage_basis(report), depth_of_coverage(report))))
        table.add_row(label, strong(brief(f)) if rank < 3 else brief(f), soft(basis))
    yield table
    if health := _health(fields(report, "dashboard")):
        yield soft(f"What monitoring sees in the same traces: {health}")


def _health(dashboard: Mapping[str, Any]) -> str:
    completed, errors = number(dashboard.get("completion_rate")), number(dashboard.get("error_rate"))
    latency = number(dashboard.get("latency_seconds"))
    parts = [
        f"{percent(completed)} of turns answered" if completed is not None else "",
        f"{percent(errors)} of steps failed" if errors is not None else "",
        f"{seconds(latency)} mean time to an answer" if latency is not None else "",
    ]
    return ", ".join(part for part in parts if part)
