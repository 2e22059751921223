"""Results in the terminal: the page's content as text, and every other verb's answer, drawn by one function.

Text is folded, never cut. What conversations bring in cannot steer the terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType

from everyturn.outputs import Result
from everyturn.outputs.commands import asking
from everyturn.outputs.terminal import TIED
from everyturn.outputs.text_cohorts import draw_groups
from everyturn.outputs.text_evals import draw_coverage, draw_gap
from everyturn.outputs.text_fields import draw_fields
from everyturn.outputs.text_findings import draw_marks, draw_watch
from everyturn.outputs.text_intents import draw_discovery
from everyturn.outputs.text_loads import draw_load
from everyturn.outputs.text_numbers import draw_checks, draw_comparison, draw_fit, draw_measure
from everyturn.outputs.text_opened import draw_shown
from everyturn.outputs.text_report import draw_report


def render(result: Result, *, width: int = 100, colour: bool = False) -> str:
    """The result of any verb as text of at most `width` columns, ending in a newline.

    `colour` adds the terminal's bold and dim; the caller decides by NO_COLOR and by where the text goes. A result of a
    verb unknown here is shown field by field.

    >>> print(render({"schema": "everyturn/1", "verb": "forget", "conversations": 3}), end="")
    conversations  3
    """
    draw = _DRAWN.get(str(result.get("verb")), draw_fields)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        force_jupyter=False,  # else a notebook would be drawn on directly
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with asking(result), console.capture() as capture:
        for part in draw(result):
            console.print(part, soft_wrap=False)
    drawn = capture.get().replace(TIED, " ").strip("\n")
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


_DRAWN: dict[str, Callable[[Result], Iterator[RenderableType]]] = {
    "report": draw_report,
    "load": draw_load,
    "pull": draw_load,
    "discover": draw_discovery,
    "measure": draw_measure,
    "compare": draw_comparison,
    "check": draw_checks,
    "fit": draw_fit,
    "watch": draw_watch,
    "mark": draw_marks,
    "cohorts": draw_groups,
    "gap": draw_gap,
    "cover": draw_coverage,
    "show": draw_shown,
}
