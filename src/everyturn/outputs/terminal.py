"""What terminal pages are made of: text that is safe to print, numbers on one or two lines, tables and sparklines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import measure_renderables
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from everyturn.analysis.words import UNKNOWN, count, percent, points
from everyturn.outputs.days import is_complete
from everyturn.outputs.diff import Piece
from everyturn.outputs.figures import Figure, fields, figure, number, points_span

_BLOCKS = "▁▂▃▄▅▆▇█"
UNFINISHED = "░"
TIED = "\ue000"
"""Stands for a space at which no line may end, until the text is whole: rich ends lines at no-break spaces too."""
_UNIT = re.compile(r"(?<=\d) (?=%|points?\b|s\b)")
UNDER_A_RATE = "Under a rate: outputs with a known outcome + outputs whose outcome is unknown."
GAP = "Gap: eval score minus acceptance."
_APART = " · "
_BETWEEN = 2  # columns between two of a table's
_SENTENCE = 32  # columns that a cell with a sentence needs to be read
_ENDLESS = 10_000
# Control characters but tab and line feed, other line ends, and what turns the reading direction around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def sparkline(
    weeks: Sequence[Mapping[str, Any]], *, key: str = "n", top: float | None = None, complete_until: object = None
) -> str:
    """The weeks as one block each, `top` or the largest full; an unfinished week is a shade, a missing value a space.

    >>> sparkline([{"n": 2}, {"n": 8}, {"n": None}, {"n": 4}])
    '▂█ ▄'
    >>> sparkline([{"week": "2025-04-28", "n": 5}, {"week": "2025-05-05", "n": 1}], complete_until="2025-05-08")
    '█░'
    """
    values = [number(week.get(key)) for week in weeks]
    full = max((v for v in values if v is not None), default=0.0) if top is None else top
    drawn = []
    for week, value in zip(weeks, values, strict=True):
        if value is None:
            drawn.append(" ")
        elif not is_complete(week.get("week"), complete_until):
            drawn.append(UNFINISHED)
        else:
            drawn.append(_BLOCKS[max(0, min(7, round(8 * value / full) - 1 if full else 0))])
    return "".join(drawn)


def say(value: Any) -> str:
    """Any JSON value in words: lists of simple values with commas, what nests as JSON."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple) and not any(isinstance(v, Mapping | list | tuple) for v in value):
        return ", ".join(say(v) for v in value) or "none"
    return json.dumps(value, ensure_ascii=False)


def brief(f: Figure) -> str:
    """The number with its range, in one piece; only the words where there is none."""
    return str(f).replace(" ", TIED) if f.known else f.text


def rate_lines(estimate: object) -> tuple[str, str]:
    """A rate with its range, and what it rests on: known + unknown, or the users there are of those needed."""
    stated: Mapping[str, Any] = estimate if isinstance(estimate, Mapping) else {}
    f = figure(stated)
    if f.known:
        unknown = stated.get("unknown")
        known = count(stated.get("n"))
        return brief(f), f"{known} + {count(unknown)}".replace(" ", TIED) if unknown else known
    if shortage := fields(stated, "not_enough"):
        short = f"{count(shortage.get('users'))} of {count(shortage.get('needed'))} users"
        return f"not{TIED}enough", short.replace(" ", TIED)
    return f.text, ""


def two_lines(first: str, second: str) -> Text:
    """A cell with its second line dim, or of one line where there is no second."""
    return Text.assemble(first, ("\n" + second if second else "", "dim"))


def as_figure(value: object, *, absent: str = UNKNOWN) -> Figure:
    """An estimate, or a bare share, as a figure."""
    bare = number(value)
    if bare is not None:
        return Figure(percent(bare), value=bare)
    return figure(value if isinstance(value, Mapping) else None, absent=absent)


def distance_lines(row: Mapping[str, Any]) -> tuple[str, str]:
    """The gap of a row in points, and its range; the range stands in the row or with the distance."""
    nested = fields(row, "distance")
    value = number(nested.get("value")) if nested else number(row.get("distance"))
    if value is None:
        return f"not{TIED}tested" if row.get("cases") == 0 else UNKNOWN, ""
    low, high = (number((nested or row).get(key)) for key in ("low", "high"))
    return points(value, plus=False).split(" ")[0], points_span(low, high, plus=False)


def printable(text: object) -> str:
    """The text with its control characters made visible, so that no conversation steers the terminal."""
    plain = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", "" if text is None else str(text).replace("\r\n", "\n"))
    return _UNIT.sub(TIED, plain)


def strong(text: object) -> Text:
    """The text to read first."""
    return Text(printable(text), style="bold")


def soft(text: object) -> Text:
    """The text to read last."""
    return Text(printable(text), style="dim")


def heading(title: str) -> Iterator[RenderableType]:
    """An empty line and the title of what follows."""
    yield ""
    yield Text(title, style="bold")


def word_diff(pieces: Sequence[Piece]) -> Text:
    """What was changed, marked as git marks words, so that it reads without colour too."""
    marks = {"gone": ("[-", "-]", "red"), "new": ("{+", "+}", "green"), "skipped": ("", "", "dim")}
    text = Text()
    for piece in pieces:
        before, after, style = marks.get(piece.fate, ("", "", ""))
        said = printable(piece.text)
        lead = said[: len(said) - len(said.lstrip())]  # the space before a word stays outside its mark
        text.append(lead).append(f"{before}{said.strip()}{after}" if before else said.lstrip(), style=style)
    return text


class Grid(Table):
    """A plain table. Where its longest words do not fit side by side, each row is told in a few lines instead."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, or its rows one below the other."""
        endless = options.update_width(_ENDLESS)
        sizes = [measure_renderables(console, endless, [c.header, *c.cells]) for c in self.columns]
        least = [max(size.minimum, c.min_width or 0) for size, c in zip(sizes, self.columns, strict=True)]
        spare = options.max_width - sum(least) - _BETWEEN * (len(least) - 1)
        if self.show_header and spare < 0:
            for position, cells in enumerate(zip(*(c.cells for c in self.columns), strict=True)):
                if position:
                    yield ""
                yield from self._told(cells, options.max_width)
            return
        if spare >= 0:
            # No word is broken; what is left goes to names and sentences first, then to what needs the least.
            wants = sorted(
                (column.justify == "right", max(size.maximum - fewest, 0), i)
                for i, (column, size, fewest) in enumerate(zip(self.columns, sizes, least, strict=True))
            )
            for _, want, i in wants:
                given = min(want, spare)
                self.columns[i].width = least[i] + given
                spare -= given
        yield from super().__rich_console__(console, options)

    def _told(self, cells: Sequence[RenderableType], width: int) -> Iterator[RenderableType]:
        """One row: its first cell as a title, then name and value of the others, as many in a line as there is room for."""
        title, *values = (_line_of(cell) for cell in cells)
        yield Text(title.plain, style="bold")
        line = Text()
        for column, value in zip(self.columns[1:], values, strict=True):
            if not value:
                continue
            pair = Text.assemble((f"{column.header} ", "dim"), value)
            if line and line.cell_len + 2 + len(_APART) + pair.cell_len > width:
                yield Padding(line, (0, 0, 0, 2))
                line = Text()
            line = Text.assemble(line, (_APART if line else "", "dim"), pair)
        if line:
            yield Padding(line, (0, 0, 0, 2))


def _line_of(cell: RenderableType) -> Text:
    """A cell as one line; its second line in brackets."""
    first, *rest = (cell if isinstance(cell, Text) else Text(str(cell))).split("\n")
    return Text.assemble(first, *(Text.assemble(" (", line, ")") for line in rest))


def grid(*columns: str, heads: bool = True) -> Grid:
    """A plain table; ">" before a column's name aligns it to the right, "~" keeps room for sentences. Text is folded, never cut."""
    table = Grid(box=None, show_header=heads, header_style="dim", pad_edge=False, padding=(0, _BETWEEN, 0, 0))
    for column in columns:
        table.add_column(
            Text(column.removeprefix(">").removeprefix("~")),
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            min_width=_SENTENCE if column.startswith("~") else None,
        )
    return table
