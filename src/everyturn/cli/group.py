"""The command group: errors in four lines, never a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from everyturn.cli.printing import print_json
from everyturn.errors import EveryturnError, InputError, UnknownName
from everyturn.outputs import SCHEMA
from everyturn.outputs.commands import asking, command

# Exit statuses; what each means is told on top of the package. The last is what shells give to what Ctrl-C ended.
DONE, FAILED, ERROR, NOT_ENOUGH, STOPPED = 0, 1, 2, 3, 130


class Group(click.Group):
    """Commands in the order they are used, not by the alphabet; errors in four lines, never a traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The commands' names as they were added."""
        return list(self.commands)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of one call; options that are none are told in four parts."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _tell(_misused(error), as_json="--json" in args)
            raise click.exceptions.Exit(ERROR) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; one that is not there is told with the nearest."""
        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise UnknownName.among("command", args[0], self.commands, example="everyturn {}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an error of ours is told in four parts and ends with status 2."""
        try:
            return super().invoke(ctx)
        except (EveryturnError, click.UsageError) as error:
            told = _misused(error) if isinstance(error, click.UsageError) else _addressed(error, ctx)
            _tell(told, as_json="--json" in sys.argv)
            ctx.exit(ERROR)
        except KeyboardInterrupt:
            click.echo("Stopped. Nothing was left half done.", err=True)
            ctx.exit(STOPPED)
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


def _tell(error: EveryturnError, *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": SCHEMA, "error": error.to_json()})
    else:
        click.echo(str(error), err=True)


def _addressed(error: EveryturnError, ctx: click.Context) -> EveryturnError:
    """The error with the workspace that was named in the command to try, which is to be pasted as it stands."""
    is_named = ctx.get_parameter_source("db") is click.core.ParameterSource.COMMANDLINE
    if is_named and error.try_ and error.try_.startswith("everyturn ") and "--db" not in error.try_:
        with asking({"workspace": ctx.params["db"]}):
            error.try_ = command(error.try_.removeprefix("everyturn "))
    return error


def _misused(error: click.UsageError) -> EveryturnError:
    """What click says of arguments that cannot be used, in our four parts. A call without any gets the help it asks for."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        raise error
    path = error.ctx.command_path if error.ctx else "everyturn"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        root = error.ctx.find_root()
        of_all = {name for parameter in root.command.params for name in parameter.opts}
        if error.option_name in of_all:
            verb = path.removeprefix(f"{root.command_path} ")
            return InputError(
                f"{error.option_name} stands before the verb",
                where=path,
                expected=f"{error.option_name} before {verb}",
                try_=f"{root.command_path} {error.option_name} … {verb} …",
            )
        near = ", ".join(error.possibilities or ())
        return InputError(
            f'no option named "{error.option_name}"', where=path, expected=near or None, try_=f"{path} --help"
        )
    if isinstance(error, click.MissingParameter) and error.param is not None:
        choices = getattr(error.param.type, "choices", ())
        return InputError(
            f"{_name(error.param)} is missing", where=path, expected=", ".join(choices) or None, try_=f"{path} --help"
        )
    said = error.format_message()
    return InputError(
        said[:1].lower() + said[1:].rstrip("."),
        where=path,
        expected="arguments and options as in its help",
        try_=f"{path} --help",
    )


def _name(parameter: click.Parameter) -> str:
    """A parameter as the help calls it."""
    return parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name.upper()


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = "unknown"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "everyturn" in path.parts:
            place = f"{path.name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
