"""Options that several commands share."""

from __future__ import annotations

import click


def signal_names(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """The signals whose names begin with what was typed, for the shell to complete."""
    from everyturn.workspace import signals

    return [name for name in signals() if name.startswith(typed)]


def shown_things(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """What `show` takes besides ids: the signals, and the words that stand before a name."""
    from everyturn.workspace import signals

    return [name for name in ("conversation", "intent", "trust", "user", *signals()) if name.startswith(typed)]


def case_forms(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """The forms of eval cases that begin with what was typed, for the shell to complete."""
    from everyturn.outputs.cases import formats

    return [name for name in formats() if name.startswith(typed)]


def export_kinds(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """The kinds of export that begin with what was typed, for the shell to complete."""
    from everyturn.workspace.exporting import KINDS

    return [kind for kind in KINDS if kind.startswith(typed)]


def vendor_names(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """The vendors whose names begin with what was typed, for the shell to complete."""
    from everyturn.workspace.pulling import pulls

    return [name for name in pulls() if name.startswith(typed)]


signal_argument = click.argument("signal", shell_complete=signal_names)

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
where_option = click.option("--where", metavar="CONDITION", help="Only what meets this, e.g. \"plan = 'pro'\".")
