"""Findings as text: those of the page, and what `watch` tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import counted
from everyturn.outputs import Result
from everyturn.outputs.commands import command
from everyturn.outputs.days import say_day
from everyturn.outputs.figures import items
from everyturn.outputs.findings import lead_of
from everyturn.outputs.terminal import grid, heading, printable, soft, strong

_DETAILS = 4  # of a finding in a list; `show` tells all


def draw_findings(findings: Sequence[Any], *, otherwise: str, whole: bool = False) -> Iterator[RenderableType]:
    """Findings by rank, each with its first details (`whole`: all) and how to read on; `otherwise` where there is none."""
    if not findings:
        yield Text(otherwise)
    for rank, finding in enumerate(findings, 1):
        table = grid("", "", heads=False)
        table.columns[0].width = 2
        lead, rest = lead_of(finding.get("sentence") or "")
        table.add_row(str(rank), strong(finding.get("title") or lead or "unnamed"))
        for said in (lead if finding.get("title") else "", rest):
            if said:
                table.add_row("", printable(said))
        details = items(finding, "details")
        shown = details if whole else details[:_DETAILS]
        for detail in shown:
            table.add_row("", soft(detail))
        if len(details) > len(shown):
            table.add_row("", soft(f"and {len(details) - len(shown)} more"))
        if finding.get("id") and not whole:
            behind = counted(len(items(finding, "conversations")), "conversation")
            table.add_row("", soft(f"Read its {behind}: {command('show ' + finding['id'])}"))
        yield table
        if rank < len(findings):
            yield ""


def draw_watch(result: Result) -> Iterator[RenderableType]:
    """What changed, then what is likely but not yet sure enough to alert anyone, and what can be said back."""
    said = str(result.get("sentence") or "Nothing moved beyond its usual range.")
    found, listed = items(result, "findings"), items(result, "watch_list")
    yield strong(said)
    if found:
        yield ""
        yield from draw_findings(found, otherwise="")
    if listed:
        yield from heading("Watch list: there is evidence, but not yet enough to alert anyone")
        yield from draw_findings(listed, otherwise="")
    yield from draw_blind_spots(items(result, "blind_spots"))
    if found or listed:
        yield ""
        yield soft(f"If a change is intended: {command('mark normal ID')}")
        yield soft(f"To hear no more of it: {command('mark mute ID')}")


def draw_blind_spots(spots: Sequence[Any]) -> Iterator[RenderableType]:
    """Where a change would not have been seen."""
    if spots:
        yield ""
    for each in spots:
        yield soft(printable(each.get("sentence")))


def draw_marks(result: Result) -> Iterator[RenderableType]:
    """What `watch` was told, a row for each kind of mark."""
    table = grid("", "", heads=False)
    for name in ("releases", "holidays"):
        table.add_row(name, ", ".join(say_day(mark, year=True) for mark in items(result, name)) or "none")
    table.add_row("muted", printable(", ".join(map(str, items(result, "muted"))) or "none"))
    table.add_row("new normal", printable("; ".join(map(_normal, items(result, "normals"))) or "none"))
    yield table


def _normal(mark: Mapping[str, Any]) -> str:
    """One level that people called the new normal: of what, where, and from which day on."""
    places = (("cohort", mark.get("cohort")), ("intent", mark.get("intent_id")))
    where = ", ".join(f"{kind} {name}" for kind, name in places if name)
    return f"{mark.get('signal')} of {where or 'all answers'} since {say_day(mark.get('since'), year=True)}"
