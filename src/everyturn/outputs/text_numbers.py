"""Numbers as text: what `measure`, `compare` and `check` found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from rich.console import RenderableType
from rich.text import Text

from everyturn.outputs import Result
from everyturn.outputs.figures import UNKNOWN, count, fields, figure, items, number, percent, points, points_span
from everyturn.outputs.terminal import brief, grid, printable, soft, strong


def draw_measure(result: Result) -> Iterator[RenderableType]:
    """A signal's rate by group, with its range or why there is none."""
    rows = items(result, "rows")
    if result.get("signal"):
        yield strong(result["signal"])
    if not rows:
        yield Text("There is nothing to measure with these conditions.")
        return
    groups = list(dict.fromkeys(chain.from_iterable(fields(row, "group") for row in rows)))
    table = grid(*groups, ">value", ">range", ">known", ">unknown", ">users")
    for row in rows:
        f = figure(row)
        group = fields(row, "group")
        names = [printable("unknown" if group.get(name) is None else group[name]) for name in groups]
        if f.known:
            table.add_row(
                *names, strong(f.text), f.span, count(row.get("n")), count(row.get("unknown")), count(row.get("users"))
            )
        else:
            table.add_row(*names, soft(f.text), "", "", "", soft(f.basis))
    yield table
    methods = dict.fromkeys(f"{percent(number(r.get('level')))} {r['method']}" for r in rows if r.get("method"))
    if methods:
        yield soft(f"ranges: {'; '.join(methods)}")
    if result.get("note"):
        yield Text(result["note"])


def draw_comparison(result: Result) -> Iterator[RenderableType]:
    """Two sets of conversations side by side, and what of their difference is mix."""
    yield strong(f"{printable(result.get('signal') or 'signal')}: {printable(result.get('verdict') or UNKNOWN)}")
    table = grid("", "", "", heads=False)
    for side in ("current", "baseline"):
        f = figure(result.get(side))
        table.add_row(side, brief(f), soft(f.basis))
    for name, label in (("effect", "difference"), ("mix", "of it mix shift"), ("within", "of it rate change")):
        if change := fields(result, name):
            low, high = number(change.get("low")), number(change.get("high"))
            said = points(number(change.get("value")))
            table.add_row(label, f"{said} ({points_span(low, high)})" if low is not None else said, "")
    yield table
    if result.get("sentence"):
        yield Text(printable(result["sentence"]))


def draw_checks(result: Result) -> Iterator[RenderableType]:
    """The verdict, and a row per check."""
    yield strong(f"{printable(result.get('verdict') or UNKNOWN)}: {printable(result.get('sentence'))}")
    table = grid("", "", heads=False)
    for row in items(result, "checks"):
        table.add_row(printable(row.get("verdict")), printable(row.get("sentence")))
    yield table
