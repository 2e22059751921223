"""What goes in and out: load, export, forget, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from everyturn.cli.group import ERROR
from everyturn.cli.options import as_json, export_argument, record_options, vendor_argument
from everyturn.cli.printing import print_result
from everyturn.cli.progress import workspace
from everyturn.errors import InputError
from everyturn.outputs.places import require_place

if TYPE_CHECKING:
    from everyturn.readers import Kind
    from everyturn.workspace import Result


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--git", type=click.Path(path_type=Path), metavar="PATH",
              help="With --as actions: also read the history of this git repository.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True,
              help="With --git: after how many days surviving lines are counted.")  # fmt: skip
@click.option("--as", "as_", default="conversations", show_default=True, help="What the files hold.",
              type=click.Choice(["conversations", "actions", "evals", "outcomes"]))  # fmt: skip
@click.option("--format", "format_", metavar="NAME", help="The format, if it cannot be told from the content.")
@click.option("--on-bad", type=click.Choice(["collect", "stop"]), default="collect", show_default=True,
              help="Load the good records and list the bad ones, or stop at the first bad one.")  # fmt: skip
@click.option("--cohort", metavar="ATTRIBUTE", help="The attribute that divides users into cohorts.")
@record_options
@as_json
@click.pass_context
def load(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    git: Path | None,
    days: int,
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
    """Read traces, chat logs, actions or evals from files.

    Loading the same data again changes nothing.
    """
    if not paths and git is None:
        raise InputError(
            "nothing to load is named",
            where="everyturn load",
            expected="files or folders",
            try_="everyturn load traces/",
        )
    if rejected is not None:
        require_place(rejected)
    with workspace(ctx, may_create=True) as ws:
        result = ws.load(
            *paths,
            git=git,
            days=days,
            as_=as_,
            format=format_,
            on_bad=on_bad,
            user_id=user_id,
            conversation_id=conversation_id,
            keep_personal_data=keep_personal_data,
        )
        if cohort:
            ws.divide_by(cohort)
    _write_rejected(result, rejected)
    print_result(result, as_json=as_json)
    if result["records"] and not result["data_records"] and result["rejected"]:
        ctx.exit(ERROR)


@click.command()
@vendor_argument
@click.option("--since", metavar="TIME", help="Where the first pull begins: a day, or how long ago (7d, 12h, 4w).")
@record_options
@as_json
@click.pass_context
def pull(
    ctx: click.Context,
    *,
    vendor: str,
    since: str | None,
    rejected: Path | None,
    user_id: str | None,
    conversation_id: str | None,
    keep_personal_data: bool,
    as_json: bool,
) -> None:
    """Read what is new from a vendor's API.

    VENDOR is langfuse, langsmith, braintrust, datadog or phoenix. Each pull continues where the last one ended. Keys are
    read from the environment, under the vendor's own names.
    """
    if rejected is not None:
        require_place(rejected)
    with workspace(ctx, may_create=True) as ws:
        result = ws.pull(
            vendor,
            since=since,
            user_id=user_id,
            conversation_id=conversation_id,
            keep_personal_data=keep_personal_data,
        )
    _write_rejected(result, rejected)
    print_result(result, as_json=as_json)


def _write_rejected(result: Result, path: Path | None) -> None:
    if path is not None:
        from everyturn.outputs.tables import write_rows

        write_rows(result["rejected"], ("where", "expected", "found"), path)


@click.command()
@export_argument
@click.option(
    "--to", required=True, metavar="FILE|-", help="A .jsonl, .parquet or .csv file, or - to print JSON Lines."
)
@click.pass_context
def export(ctx: click.Context, *, kind: str, to: str) -> None:
    """Write what is stored to a file.

    KIND is conversations, actions, observations, intents, assignments, summaries, findings, map or taxonomy.
    """
    with workspace(ctx) as ws:
        ws.export(kind, to=to)


@click.command()
@click.argument("user")
@as_json
@click.pass_context
def forget(ctx: click.Context, *, user: str, as_json: bool) -> None:
    """Delete everything about one user."""
    with workspace(ctx) as ws:
        result = ws.forget(user)
    print_result(result, as_json=as_json)


@click.command(name="list")
@click.argument("kind", type=click.Choice(["signals", "formats"]))
@as_json
def list_(*, kind: Literal["signals", "formats"], as_json: bool) -> None:
    """List the signals, or the formats that can be read."""
    from everyturn.workspace import list_plugins

    print_result(list_plugins(kind), as_json=as_json)
