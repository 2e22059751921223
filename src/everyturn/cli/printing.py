"""Results on stdout: as text for people, as one JSON object for programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everyturn.workspace import Result


def print_json(value: dict[str, Any]) -> None:
    """Prints a result as one JSON object."""
    from everyturn.outputs import to_json

    sys.stdout.write(to_json(value) + "\n")


def print_result(result: Result, *, as_json: bool) -> None:
    """Prints a result as text for people, or as JSON."""
    if as_json:
        print_json(result)
        return
    from everyturn.outputs.text import render

    width = _width()
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(render(result, width=width, colour=colour).rstrip("\n") + "\n")


def _width() -> int:
    import shutil

    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
