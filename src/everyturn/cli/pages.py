"""What people read: show, report, demo."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from everyturn.cli.options import as_json, shown_argument, where_option
from everyturn.cli.printing import print_result
from everyturn.cli.progress import progress_bars, workspace
from everyturn.outputs.places import require_place


@click.command()
@click.option("--no-open", is_flag=True, help="Do not open the page in a browser.")
@click.option("--seed", default=7, show_default=True, help="Another seed gives another world with the same story.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the sample files in this folder.")
@as_json
def demo(*, no_open: bool, seed: int, folder: Path | None, as_json: bool) -> None:
    """Try it on a sample world: a support agent and its users.

    Its traces, actions and evals are written to files, then read and analysed as yours would be.
    """
    from everyturn.demo.play import play

    page = Path("everyturn-demo.html")
    require_place(page)
    with progress_bars() as report:
        result = play(page, seed=seed, folder=folder, progress=report)
    print_result(result, as_json=as_json)
    click.echo(f"\nThe page is in {page.resolve()}", err=True)
    click.echo("To ask the sample world more: everyturn --db everyturn-demo.db watch", err=True)
    if not no_open and sys.stdout.isatty():
        click.launch(str(page))


@click.command()
@shown_argument
@where_option
@click.option("--limit", type=click.IntRange(0), default=5, show_default=True, help="How many conversations to show.")
@as_json
@click.pass_context
def show(ctx: click.Context, *, what: tuple[str, ...], where: str | None, limit: int, as_json: bool) -> None:
    """Show what is behind a number, with conversations to read.

    \b
    everyturn show FINDING               a finding, by the id that `watch` gives
    everyturn show acceptance            a signal
    everyturn show trust                 trust by cohort, with its parts
    everyturn show cohort NAME           a cohort: what changed for it, and its last week
    everyturn show intent NAME           an intent
    everyturn show user ID               a user, week by week
    everyturn show conversation ID       one conversation
    """  # noqa: D301 - \b keeps the lines apart
    with workspace(ctx) as ws:
        result = ws.show(*what, where=where, limit=limit)
    print_result(result, as_json=as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--title", default="Your agent", show_default=True, help="The title of the page.")
@as_json
@click.pass_context
def report(ctx: click.Context, *, file: Path, title: str, as_json: bool) -> None:
    """Write the page: one self-contained HTML file."""
    with workspace(ctx) as ws:
        result = ws.report(file, title=title)
    print_result(result, as_json=as_json)
    click.echo(f"\nThe page is in {file.resolve()}", err=True)
