"""The workspace a command works on, with progress bars on stderr."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from everyturn.errors import WorkspaceError

if TYPE_CHECKING:
    from everyturn.workspace import Workspace


@contextmanager
def workspace(ctx: click.Context, *, may_create: bool = False) -> Iterator[Workspace]:
    """The workspace named by --db, with progress bars on stderr where someone is looking.

    Only what fills a workspace may create one: any other verb in the wrong folder would leave an empty file there.
    """
    from everyturn.workspace import Workspace

    path = Path(ctx.obj["db"])
    if not may_create and not path.exists():
        beside = sorted(file.name for file in path.parent.glob("*.db"))
        again = shlex.join(sys.argv[sys.argv.index(str(ctx.info_name)) :]) if ctx.info_name in sys.argv else "…"
        named = f"everyturn --db {shlex.quote(str(path.parent / beside[0]))} {again}" if beside else ""
        raise WorkspaceError(
            "there is no workspace here yet",
            where=str(path),
            expected="a file that `everyturn load` made" + (f"; here there is {', '.join(beside)}" if beside else ""),
            try_=named or "everyturn load traces/, or everyturn --db FILE … to name another file",
        )
    with progress_bars() as report, Workspace(ctx.obj["db"], progress=report) as ws:
        yield ws


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that draws one bar a stage, with its rate; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _stage, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class Count(ProgressColumn):
        def render(self, task: Any) -> Text:
            done = f"{task.completed:,.0f}" if task.completed else ""
            return Text(f"{task.completed:,.0f} of {task.total:,.0f}" if task.total else done)

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with (
        Progress(
            *columns, DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn(), console=console, transient=True
        ) as of_bytes,
    ):
        counts = Progress(*columns, Count(), Rate(), TimeElapsedColumn(), console=console, transient=True)
        tasks: dict[str, Any] = {}
        current: list[Progress] = [of_bytes]

        def report(stage: str, done: int, total: int | None) -> None:
            bars = of_bytes if stage == "reading" else counts
            if bars is not current[0]:  # two live displays cannot share a terminal
                current[0].stop()
                bars.start()
                current[0] = bars
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        try:
            yield report
        finally:
            current[0].stop()
