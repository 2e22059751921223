"""Numbers as text: what `measure`, `compare` and `check` found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import UNKNOWN, count, percent, points
from everyturn.outputs import Result
from everyturn.outputs.figures import fields, figure, items, least_points, number, points_span
from everyturn.outputs.terminal import TIED, brief, grid, printable, soft, strong

_TOO_FEW = f"not{TIED}enough"
DETECTABLE = "Detectable: the smallest change{} that four more weeks would probably show."


def draw_measure(result: Result) -> Iterator[RenderableType]:
    """A signal's rate by group, with its range or why there is none."""
    rows = items(result, "rows")
    if result.get("signal"):
        yield strong(result["signal"])
    if not rows:
        yield Text("No output meets these conditions.")
        return
    yield from draw_rates(rows)
    if coming := sum(number(row.get("coming")) or 0 for row in rows):
        yield Text(say_coming(coming, number(result.get("horizon_days"))))
    if result.get("note"):
        yield Text(result["note"])


def say_coming(coming: float, days: float | None) -> str:
    """How many unknown answers may yet become known, and why what is known of outputs as young does not count.

    >>> say_coming(361, None)
    '361 of the unknown may still come in.'
    >>> say_coming(361, 13)
    '361 of the unknown may still come in: answers count once their outputs are 13 days old, for good and bad ones are not known as soon.'
    """
    if not days:
        return f"{count(coming)} of the unknown may still come in."
    age = f"{days:.0f} day{'s' if days > 1 else ''}"
    why = f"answers count once their outputs are {age} old, for good and bad ones are not known as soon"
    return f"{count(coming)} of the unknown may still come in: {why}."


def draw_rates(rows: Sequence[Result]) -> Iterator[RenderableType]:
    """A row per group: what was counted, what the table lets expect of it, what it could show; and what these are."""
    groups = list(dict.fromkeys(chain.from_iterable(fields(row, "group") for row in rows)))
    has_drawn, has_least = (any(name in row for row in rows) for name in ("drawn", "smallest_change"))
    heads = [">value", ">range", ">known", ">unknown", ">users"]
    table = grid(*groups, *heads, *([">estimate"] if has_drawn else []), *([">detectable"] if has_least else []))
    for row in rows:
        group = fields(row, "group")
        names = [printable("unknown" if group.get(name) is None else group[name]) for name in groups]
        drawn = [brief(figure(row["drawn"])) if "drawn" in row else ""] if has_drawn else []
        table.add_row(*names, *_answers(row), *drawn, *([say_least(row)] if has_least else []))
    yield table
    methods = dict.fromkeys(f"{percent(number(r.get('level')))}, {r['method']}" for r in rows if r.get("method"))
    if methods:
        yield soft(f"Ranges: {'; '.join(methods)}.")
    if any(fields(row, "not_enough") for row in rows):
        yield soft("Not enough: too few users to give a range; beside it, how many there are of those needed.")
    if has_drawn:
        yield soft(
            "Estimate: pulled towards what the rest of the table leads one to expect, the more so the fewer the answers."
        )
    if has_least:
        yield soft(DETECTABLE.format(""))


def _answers(row: Result) -> tuple[RenderableType, ...]:
    """Value, range, known and unknown answers and users; where people are too few the raw share, if the row has it."""
    f, raw = figure(row), fields(row, "raw")
    if f.known:
        return strong(f.text), f.span, count(row.get("n")), count(row.get("unknown")), count(row.get("users"))
    if not raw.get("n"):
        unknown = row.get("coming")
        return soft(_TOO_FEW), "", "0" if unknown else "", count(unknown) if unknown else "", soft(_of_needed(row))
    return soft(percent(number(raw["value"]))), "", count(raw["n"]), count(raw.get("unknown")), soft(_of_needed(row))


def _of_needed(row: Result) -> str:
    """The users there are of those needed, in as few letters as a column has room for."""
    shortage = fields(row, "not_enough")
    return f"{count(shortage.get('users'))} of {count(shortage.get('needed'))}".replace(" ", TIED)


def say_least(row: Mapping[str, Any]) -> str:
    """The smallest change a slice could show in four weeks.

    >>> say_least({"smallest_change": 0.082}), say_least({"smallest_change": None})
    ('8 points', 'none')
    """
    return least_points(row.get("smallest_change"))


def draw_comparison(result: Result) -> Iterator[RenderableType]:
    """Two sets of conversations side by side, and what of their difference is mix."""
    yield strong(f"{printable(result.get('signal') or 'signal')}: {printable(result.get('verdict') or UNKNOWN)}")
    table = grid("", "", "", heads=False)
    for side in ("current", "baseline"):
        f = figure(result.get(side))
        table.add_row(side, brief(f), soft(f.basis))
    for name, label in (
        ("effect", "difference"),
        ("mix", "from a different mix"),
        ("within", "from the same requests"),
    ):
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
    table = grid("", "", "", heads=False)
    for row in items(result, "checks"):
        table.add_row(*(printable(row.get(name)) for name in ("verdict", "name", "sentence")))
    yield table


def draw_fit(result: Result) -> Iterator[RenderableType]:
    """Whether the fitted words are used, and how they compare with the rule where that could be seen."""
    yield strong(result.get("sentence"))
    rule, fitted, gain = (number(result.get(name)) for name in ("rule", "fitted", "gain"))
    if rule is None or fitted is None or gain is None:
        return
    low, high = number(result.get("low")), number(result.get("high"))
    between = f" ({low:+.3f} to {high:+.3f})" if low is not None and high is not None else ""
    yield soft(
        f"area under the ROC curve on users held back: rule {rule:.3f}, fitted {fitted:.3f}, gain {gain:+.3f}{between}"
    )
