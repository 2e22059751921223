"""Arguments and options that several commands share, and what a shell completes them with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completing(names: Callable[[], Iterable[str]]) -> Complete:
    """What a shell offers: those of the names that begin with what was typed. They are asked for only then, for want of time."""

    def complete(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        return [name for name in names() if name.startswith(typed)]

    return complete


def _signals() -> Iterable[str]:
    from everyturn.workspace import signals

    return signals()


def _shown() -> Iterable[str]:
    return ("cohort", "conversation", "intent", "trust", "user", *_signals())


def _case_forms() -> Iterable[str]:
    from everyturn.outputs.cases import formats

    return formats()


def _export_kinds() -> Iterable[str]:
    from everyturn.workspace.exporting import KINDS

    return KINDS


def _vendors() -> Iterable[str]:
    from everyturn.workspace.pulling import pulls

    return pulls()


signal_argument = click.argument("signal", shell_complete=completing(_signals))
shown_argument = click.argument("what", nargs=-1, required=True, shell_complete=completing(_shown))
export_argument = click.argument("kind", shell_complete=completing(_export_kinds))
vendor_argument = click.argument("vendor", shell_complete=completing(_vendors))

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
where_option = click.option("--where", metavar="CONDITION", help="Only what meets this, such as \"plan = 'pro'\".")
to_option = click.option("--to", metavar="FORMAT", default="jsonl", show_default=True,
                         shell_complete=completing(_case_forms),
                         help="braintrust, jsonl, langfuse, langsmith, openai-evals (a folder is a registry) or ragas.")  # fmt: skip


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be said of the records that are read, from files or from a vendor."""
    options = (
        click.option(
            "--rejected", type=click.Path(path_type=Path), help="Write where the rejected records are to this CSV file."
        ),
        click.option("--user-id", metavar="FIELD", help="The field that holds the user id, such as metadata.user."),
        click.option("--conversation-id", metavar="FIELD", help="The field that holds the conversation id."),
        click.option(
            "--keep-personal-data", is_flag=True, help="Do not mask e-mail addresses, phone and card numbers."
        ),
    )
    return reduce(lambda made, option: option(made), reversed(options), command)
