"""Arguments in, results out: every verb of the workspace as a command.

Results go to stdout, progress and notes to stderr. Exit status: 0 done · 1 the check you asked for failed · 2 an error you can
fix · 3 not enough data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from everyturn.errors import EveryturnError
from everyturn.version import __version__

if TYPE_CHECKING:
    from everyturn.readers import Kind
    from everyturn.workspace import Result, Workspace

DONE, FAILED, ERROR, NOT_ENOUGH = 0, 1, 2, 3


class _Group(click.Group):
    """Commands in the order they are used, not by the alphabet; errors in four lines, never a traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EveryturnError as error:
            if ctx.params.get("as_json") or "--json" in sys.argv:
                _print_json({"schema": "everyturn/1", "error": error.to_json()})
            else:
                click.echo(str(error), err=True)
            ctx.exit(ERROR)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # The reader of our output has left (`| head`); nothing to say to anyone.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(DONE)
        except Exception as error:  # the last resort: a bug of ours says so, without the text of any message
            if os.environ.get("EVERYTURN_TRACEBACK"):
                raise
            click.echo(
                f"a bug of Everyturn's own: {type(error).__name__}\n"
                f"  where    {_place(error)}\n"
                "  expected no input ever to cause this\n"
                "  try      the same command with EVERYTURN_TRACEBACK=1, and report what it prints",
                err=True,
            )
            ctx.exit(ERROR)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = "unknown"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "everyturn" in path.parts:
            place = f"{path.name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _print_json(value: dict[str, Any]) -> None:
    from everyturn.outputs import to_json

    sys.stdout.write(to_json(value) + "\n")


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        _print_json(result)
        return
    from everyturn.outputs.text import render

    width = _width()
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(render(result, width=width, colour=colour).rstrip("\n") + "\n")


def _width() -> int:
    import shutil

    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))


@contextmanager
def _workspace(ctx: click.Context) -> Iterator[Workspace]:
    """The workspace named by --db, with progress bars on stderr where someone is looking."""
    from everyturn.workspace import Workspace

    with _progress() as report, Workspace(ctx.obj["db"], progress=report) as ws:
        yield ws


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that draws one bar a stage, with its rate; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _stage, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

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
        counts = Progress(*columns, MofNCompleteColumn(), Rate(), TimeElapsedColumn(), console=console, transient=True)
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


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="everyturn", message="%(prog)s %(version)s")
@click.option("--db", default="everyturn.db", show_default=True, envvar="EVERYTURN_DB", help="The workspace file.")
@click.pass_context
def cli(ctx: click.Context, db: str) -> None:
    r"""Product analytics for AI agents: what users ask for, what they keep, what your evals never test.

    \b
    everyturn demo                     see it on a sample world
    everyturn load traces/*.jsonl      your traces, then:
    everyturn report page.html         one page with the conversations behind every number
    """
    ctx.obj = {"db": db}


as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
where_option = click.option("--where", metavar="CONDITION", help="Only what meets this, e.g. \"plan = 'pro'\".")


@cli.command()
@click.option("--no-open", is_flag=True, help="Do not open the page in a browser.")
@click.option("--seed", default=7, show_default=True, help="Another seed is another world with the same story.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the sample files in this folder.")
@as_json
def demo(*, no_open: bool, seed: int, folder: Path | None, as_json: bool) -> None:
    """Play a sample world: traces, actions and evals of a support agent, analysed as anyone's would be."""
    from everyturn.demo.play import play

    page = Path("everyturn-demo.html")
    with _progress() as report:
        result = play(page, seed=seed, folder=folder, progress=report)
    _print(result, as_json=as_json)
    click.echo(f"\nThe page is in {page.resolve()}", err=True)
    if not no_open and sys.stdout.isatty():
        click.launch(str(page))


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "as_", default="conversations", show_default=True, help="What the files hold.",
              type=click.Choice(["conversations", "actions", "evals", "outcomes"]))  # fmt: skip
@click.option("--format", "format_", metavar="NAME", help="What the files are, where their content does not tell.")
@click.option("--on-bad", type=click.Choice(["collect", "stop"]), default="collect", show_default=True,
              help="Load the good records and list the bad, or end at the first bad one.")  # fmt: skip
@click.option("--rejected", type=click.Path(path_type=Path), help="Write the rejected records' places to this CSV.")
@click.option("--user-id", metavar="FIELD", help="The field that holds the user's id, e.g. metadata.user.")
@click.option("--conversation-id", metavar="FIELD", help="The field that holds the conversation's id.")
@click.option("--cohort", metavar="ATTRIBUTE", help="The attribute that divides users into cohorts.")
@click.option("--keep-personal-data", is_flag=True, help="Do not mask e-mail addresses, phone and card numbers.")
@as_json
@click.pass_context
def load(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    as_: Kind,
    format_: str | None,
    on_bad: Literal["collect", "stop"],
    rejected: Path | None,
    user_id: str | None,
    conversation_id: str | None,
    cohort: str | None,
    keep_personal_data: bool,
    as_json: bool,
) -> None:
    """Read files and folders: traces, messages, actions, evals. Loading the same data again changes nothing."""
    with _workspace(ctx) as ws:
        if cohort:
            ws.divide_by(cohort)
        result = ws.load(
            *paths,
            as_=as_,
            format=format_,
            on_bad=on_bad,
            user_id=user_id,
            conversation_id=conversation_id,
            keep_personal_data=keep_personal_data,
        )
    if rejected is not None:
        from everyturn.outputs.tables import write_rows

        write_rows(result["rejected"], ("where", "expected", "found"), rejected)
    _print(result, as_json=as_json)
    if result["records"] and not result["data_records"] and result["rejected"]:
        ctx.exit(ERROR)


@cli.command()
@click.option("--embedder", metavar="NAME", help="How texts become vectors; the default needs no download.")
@click.option("--seed", default=7, show_default=True)
@as_json
@click.pass_context
def discover(ctx: click.Context, *, embedder: str | None, seed: int, as_json: bool) -> None:
    """Find what users ask for. Re-runs keep the ids of the intents there are."""
    with _workspace(ctx) as ws:
        result = ws.discover(embedder=embedder, seed=seed)
    _print(result, as_json=as_json)


@cli.command()
@click.argument("signal")
@click.option("--by", default="", metavar="A,B", help="Group by intent, cohort, week, day, month, or any attribute.")
@where_option
@click.option("--unit", type=click.Choice(["user", "conversation"]), default="user", show_default=True,
              help="What counts as independent.")  # fmt: skip
@click.option("--sql", is_flag=True, help="Print the query behind the number instead.")
@as_json
@click.pass_context
def measure(
    ctx: click.Context, *, signal: str, by: str, where: str | None, unit: str, sql: bool, as_json: bool
) -> None:
    """Measure a signal: its rate with a range per user, and how much is unknown."""
    groups = [name.strip() for name in by.split(",") if name.strip()]
    with _workspace(ctx) as ws:
        if sql:
            click.echo(ws.sql(signal, by=groups, where=where, unit=unit))
            return
        result = ws.measure(signal, by=groups, where=where, unit=unit)
    _print(result, as_json=as_json)
    if result["rows"] and all("not_enough" in row for row in result["rows"]):
        ctx.exit(NOT_ENOUGH)


@cli.command()
@click.argument("signal")
@click.option("--current", required=True, metavar="CONDITION", help="What we look at.")
@click.option("--baseline", required=True, metavar="CONDITION", help="What we compare it with.")
@click.option("--fail-on", type=click.Choice(["worse"]), help="Exit 1 when the change is for the worse.")
@as_json
@click.pass_context
def compare(
    ctx: click.Context, *, signal: str, current: str, baseline: str, fail_on: str | None, as_json: bool
) -> None:
    """Compare a signal between two sets of conversations."""
    with _workspace(ctx) as ws:
        result = ws.compare(signal, current=current, baseline=baseline)
    _print(result, as_json=as_json)
    if result["verdict"] == "not enough data":
        ctx.exit(NOT_ENOUGH)
    if fail_on and result["verdict"] == fail_on:
        ctx.exit(FAILED)


@cli.command()
@click.option("--budget", default=12.0, show_default=True, help="False findings a year, at most, looking every week.")
@click.option("--until", metavar="TIME", help="What it would have told by then, e.g. 2026-10-19.")
@as_json
@click.pass_context
def watch(ctx: click.Context, *, budget: float, until: str | None, as_json: bool) -> None:
    """What changed, for whom, since when."""
    with _workspace(ctx) as ws:
        result = ws.watch(until=until, budget=budget)
    _print(result, as_json=as_json)


@cli.command()
@as_json
@click.pass_context
def gap(ctx: click.Context, *, as_json: bool) -> None:
    """Evals beside users, per intent."""
    with _workspace(ctx) as ws:
        result = ws.gap()
    _print(result, as_json=as_json)


@cli.command()
@click.argument("suites", nargs=-1, type=click.Path(path_type=Path))
@as_json
@click.pass_context
def cover(ctx: click.Context, *, suites: tuple[Path, ...], as_json: bool) -> None:
    """How much of what users ask is covered by eval cases: the loaded ones, and the SUITES named."""
    with _workspace(ctx) as ws:
        result = ws.cover(*suites)
    _print(result, as_json=as_json)


@cli.command()
@click.argument("what", nargs=-1, required=True)
@where_option
@click.option("--limit", default=5, show_default=True)
@as_json
@click.pass_context
def show(ctx: click.Context, *, what: tuple[str, ...], where: str | None, limit: int, as_json: bool) -> None:
    """Show what is behind a number: FINDING | SIGNAL | intent ID | conversation ID."""
    with _workspace(ctx) as ws:
        result = ws.show(*what, where=where, limit=limit)
    _print(result, as_json=as_json)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--title", default="Your agent", show_default=True)
@as_json
@click.pass_context
def report(ctx: click.Context, *, file: Path, title: str, as_json: bool) -> None:
    """Write the page: one self-contained HTML file."""
    with _workspace(ctx) as ws:
        result = ws.report(file, title=title)
    _print(result, as_json=as_json)
    click.echo(f"\nThe page is in {file.resolve()}", err=True)


@cli.command()
@click.argument("kind")
@click.option(
    "--to", required=True, metavar="FILE|-", help="A .jsonl, .parquet or .csv file, or - for JSON Lines on stdout."
)
@click.pass_context
def export(ctx: click.Context, *, kind: str, to: str) -> None:
    """Export conversations, actions, observations, intents, assignments, summaries or findings."""
    with _workspace(ctx) as ws:
        ws.export(kind, to=to)


@cli.command()
@click.argument("user")
@as_json
@click.pass_context
def forget(ctx: click.Context, *, user: str, as_json: bool) -> None:
    """Delete everything a user said, did and caused to be known."""
    with _workspace(ctx) as ws:
        result = ws.forget(user)
    _print(result, as_json=as_json)


@cli.command(name="list")
@click.argument("kind", type=click.Choice(["signals", "formats"]))
@as_json
def list_(*, kind: Literal["signals", "formats"], as_json: bool) -> None:
    """List the signals, or the formats that are read."""
    from everyturn.workspace import list_plugins

    _print(list_plugins(kind), as_json=as_json)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the shell's completion script, to be put in its start-up file."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "everyturn", "_EVERYTURN_COMPLETE").source())


def main() -> None:
    """The `everyturn` command."""
    cli(prog_name="everyturn")
