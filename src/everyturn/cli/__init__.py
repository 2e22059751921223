"""Arguments in, results out: every verb of the workspace as a command.

Results go to stdout, progress and notes to stderr. Exit status: 0 done · 1 the check you asked for failed · 2 an error you can
fix · 3 not enough data · 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import click

from everyturn.cli import data, numbers, pages
from everyturn.cli.group import Group
from everyturn.version import __version__


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="everyturn", message="%(prog)s %(version)s")
@click.option(
    "--db",
    default="everyturn.db",
    show_default=True,
    envvar="EVERYTURN_DB",
    help="The workspace file.",
)
@click.pass_context
def cli(ctx: click.Context, db: str) -> None:
    """Product analytics for AI agents: what users ask for, what they keep, what your evals never test.

    \b
    Start with one of these:
      everyturn demo                   try it on a sample world
      everyturn load traces/           read your own traces, then:
      everyturn report page.html       write one page, with the conversations behind every number
    """  # noqa: D301 - \b keeps the lines apart
    ctx.obj = {"db": db}


for command in (
    pages.demo,
    data.load,
    data.pull,
    numbers.discover,
    numbers.fit,
    numbers.measure,
    numbers.compare,
    numbers.watch,
    numbers.mark,
    numbers.cohorts,
    numbers.gap,
    numbers.cover,
    numbers.check,
    pages.show,
    pages.report,
    data.export,
    data.forget,
    data.list_,
):  # in the order they are used, which is the order of `everyturn --help`
    cli.add_command(command)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for your shell.

    Put it in the shell's start-up file.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "everyturn", "_EVERYTURN_COMPLETE").source())


def main() -> None:
    """The `everyturn` command."""
    cli(prog_name="everyturn")
