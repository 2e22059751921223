"""The report as a terminal page."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from everyturn.analysis.words import UNKNOWN
from everyturn.outputs import Result
from everyturn.outputs.commands import command
from everyturn.outputs.days import say_period
from everyturn.outputs.figures import eval_figure, fields, figure, items
from everyturn.outputs.findings import more_findings, quiet
from everyturn.outputs.overview import coverage_basis, coverage_figure, depth_of_coverage, health, sizes
from everyturn.outputs.terminal import brief, grid, heading, soft, strong
from everyturn.outputs.text_cohorts import draw_cohorts
from everyturn.outputs.text_findings import draw_blind_spots, draw_findings
from everyturn.outputs.text_intents import draw_contexts, draw_intents


def draw_report(report: Result) -> Iterator[RenderableType]:
    """The whole page: the headline, the findings, the intents and the trust of each cohort."""
    head = fields(report, "headline")
    yield strong(report.get("title") or "Report")
    yield soft(", ".join([say_period(fields(report, "period")), *sizes(report)]))
    yield ""
    if head.get("sentence"):
        yield strong(head["sentence"])
        yield ""
    yield from _headline(report)
    yield from heading("Findings")
    yield from draw_findings(items(report, "findings"), otherwise=quiet(report))
    if more := more_findings(report):
        yield ""
        yield soft(f"{more} To read everything: {command('watch')}")
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
    if any(f.known for _, f in lines):
        yield soft(
            "These ranges hold however often you look, so they are wider than those of `measure` and of the table below."
        )
    if seen := health(report):
        told = ", ".join(f"{text} {meaning}" for text, meaning in seen)
        yield soft(f"What monitoring sees in the same traces: {told}")
