"""The command group: errors in four lines, never a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from everyturn.cli.printing import print_json
from everyturn.errors import EveryturnError

DONE, FAILED, ERROR, NOT_ENOUGH = 0, 1, 2, 3  # exit statuses; what each means is told on top of the package


class Group(click.Group):
    """Commands in the order they are used, not by the alphabet; errors in four lines, never a traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The commands' names as they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an error of ours is told in four parts and ends with status 2."""
        try:
            return super().invoke(ctx)
        except EveryturnError as error:
            if ctx.params.get("as_json") or "--json" in sys.argv:
                print_json({"schema": "everyturn/1", "error": error.to_json()})
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
