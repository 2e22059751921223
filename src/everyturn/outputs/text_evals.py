"""Eval cases beside what users ask, as text: what `gap` and `cover` found."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import UNKNOWN, count, counted, percent
from everyturn.outputs import Result
from everyturn.outputs.commands import command
from everyturn.outputs.days import day, say_day
from everyturn.outputs.figures import fields, figure, items, least_points, number
from everyturn.outputs.findings import NO_INTENTS
from everyturn.outputs.terminal import (
    GAP,
    UNDER_A_RATE,
    as_figure,
    brief,
    distance_lines,
    grid,
    printable,
    rate_lines,
    soft,
    strong,
    two_lines,
)

_LOAD = "load SUITE.jsonl --as evals"


def draw_gap(result: Result) -> Iterator[RenderableType]:
    """A row per intent: evals beside users, the widest distance first."""
    rows = items(result, "rows")
    if not rows:
        yield Text(NO_INTENTS)
        return
    if not any(row.get("cases") or fields(fields(row, "estimates"), "eval_score") for row in rows):
        yield Text(f"No evals are loaded, so there is nothing to compare users with: {command(_LOAD)}")
        yield ""
    table = grid("intent", ">outputs", ">eval cases", ">eval score", ">accepted", ">gap, points", ">lost", "since")
    for row in rows:
        told = [str(s) for s in items(row, "status") if s != "no eval cases"]  # the cases have a column
        lost, known = number(row.get("lost")), fields(row, "estimates")
        evals = as_figure(known.get("eval_score"), absent="none")
        table.add_row(
            printable(row.get("intent") or "unnamed") + (f" ({', '.join(told)})" if told else ""),
            count(row.get("volume")),
            count(row.get("cases")),
            two_lines(evals.text, evals.span),
            two_lines(*rate_lines(known.get("acceptance"))),
            two_lines(*distance_lines(row)),
            UNKNOWN if lost is None else f"{lost:,.0f}",
            _since(fields(row, "opened")),
        )
    yield table
    yield soft(
        f"{UNDER_A_RATE} {GAP} Lost: answers that users would have accepted at the rate of the whole product. Since: when the gap opened."
    )


def _since(opened: Result) -> str:
    """The week a gap opened, and by what."""
    week, by = day(opened.get("week")), opened.get("by")
    if week is None:
        return ""
    return "all along" if by == "all along" else f"{say_day(opened['week'])} ({by})"


def draw_coverage(result: Result) -> Iterator[RenderableType]:
    """What of the traffic the eval cases test, what they miss, and the cases made for it."""
    yield from _covered(result)
    if thin := items(result, "thin"):
        yield ""
        table = grid("too few cases", ">share", ">outputs", ">eval cases", ">detectable fall")
        for row in thin:
            table.add_row(
                printable(row.get("intent") or "unnamed"),
                percent(number(row.get("share"))),
                count(row.get("outputs")),
                count(row.get("cases")),
                least_points(row.get("smallest_fall")),
            )
        yield table
    if uncovered := items(result, "uncovered"):
        yield ""
        table = grid("not tested", ">share", ">accepted")
        for row in uncovered:
            table.add_row(
                printable(row.get("intent") or "unnamed"),
                percent(number(row.get("share"))),
                brief(as_figure(row.get("acceptance"))),
            )
        yield table
        if not items(result, "proposed"):
            yield soft(f"To write the cases that are missing: {command('cover --write cases.jsonl')}")
    elif number(result.get("coverage")) is not None and result.get("cases") != 0:
        yield Text("Every intent has at least one eval case.")
    yield from _suites(result)
    yield from _proposed(result)


def _covered(result: Result) -> Iterator[RenderableType]:
    """The shares that are covered, of the traffic and of what matters in it."""
    value = number(result.get("coverage"))
    covered = {"value": value, "low": result.get("low"), "high": result.get("high")}
    f = figure(covered if value is not None else result)
    has_cases = result.get("cases") != 0
    if not has_cases:
        yield strong("No eval cases are loaded, so nothing that users ask is tested")
        yield Text(f"Load them: {command(_LOAD)}")
    elif f.known:
        yield strong(f"Eval cases cover {brief(f)} of outputs, in that at least one case tests what was asked")
    else:
        yield strong(str(f))
    if (deep := as_figure(result.get("in_depth"))).known:
        yield Text(
            f"{brief(deep)} of outputs are covered in depth: by enough cases for two runs to show a fall of 25 points"
        )
    shares = (("outputs that users did not accept", "of_failures"), ("intents, each counted once", "of_intents"))
    for words, name in shares:
        if has_cases and (share := as_figure(result.get(name))).known:
            yield Text(
                f"{brief(share)} of {words}, are covered" if "," in words else f"{brief(share)} of {words} are covered"
            )


def _suites(result: Result) -> Iterator[RenderableType]:
    """What each further step costs, and what is wrong with the cases there are."""
    if steps := [s for s in items(result, "steps") if number(s.get("coverage")) is not None]:
        told = ", ".join(f"{counted(s.get('cases'), 'case')} to {percent(number(s['coverage']))}" for s in steps)
        yield soft(f"What it takes to cover more: {told}.")
    if stale := items(result, "stale"):
        yield ""
        yield Text(f"{counted(len(stale), 'eval case')} may test nothing that users ask for")
        reasons: dict[str, list[str]] = {}
        for case in stale:
            reasons.setdefault(str(case.get("why")), []).append(f"{case.get('suite')}/{case.get('case_id')}")
        for why, names in reasons.items():
            more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
            yield soft(printable(f"{why[:1].upper()}{why[1:]}: {', '.join(names[:5])}{more}"))
        yield soft("About 3 in 100 texts of an intent fall outside it by chance.")
    if duplicates := items(result, "duplicates"):
        yield ""
        spare = sum(len(group) - 1 for group in duplicates)
        yield Text(f"{counted(spare, 'case')} nearly repeat another one, in {counted(len(duplicates), 'group')}")


def _proposed(result: Result) -> Iterator[RenderableType]:
    """The cases made, where they went, and the coverage with them."""
    if proposed := items(result, "proposed"):
        yield ""
        table = grid("next cases", ">gain", "what a good answer does")
        for case in proposed:
            gain = number(case.get("gain"))
            table.add_row(
                printable(case.get("intent") or "unnamed"),
                UNKNOWN if gain is None else f"{gain:.3f}",
                printable(case.get("rubric") or ""),
            )
        yield table
    predicted = fields(result, "predicted")
    value = number(predicted.get("coverage"))
    if value is not None:
        reached = figure({"value": value, "low": predicted.get("low"), "high": predicted.get("high")})
        yield strong(f"With these cases, {brief(reached)} of outputs would be covered")
    for note in items(result, "notes"):
        yield soft(printable(note))
    if written := fields(result, "written"):
        yield Text(f"{counted(written.get('cases'), 'eval case')} written to {printable(written.get('file'))}")
    if uploaded := fields(result, "uploaded"):
        yield Text(f"{counted(uploaded.get('cases'), 'eval case')} uploaded to {printable(uploaded.get('dataset'))}")
