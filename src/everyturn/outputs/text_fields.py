"""Any object as text, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.outputs.terminal import grid, heading, printable, say


def draw_fields(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Any object, field by field: simple values in two columns, lists of objects as tables."""
    table = grid("", "", heads=False)
    lists = []
    for key, value in result.items():
        if key in {"schema", "verb", "workspace"}:
            continue
        if isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            lists.append((key, value))
        else:
            table.add_row(printable(key).replace("_", " "), Text(printable(say(value))))
    if table.row_count:
        yield table
    for key, rows in lists:
        yield from heading(printable(key).replace("_", " "))
        columns = list(dict.fromkeys(chain.from_iterable(rows)))
        drawn = grid(*(printable(column).replace("_", " ") for column in columns))
        for row in rows:
            drawn.add_row(*(Text(printable(say(row.get(column)))) for column in columns))
        yield drawn
