"""What the numbers say: discover, measure, compare, watch, gap, cover."""

from __future__ import annotations

from pathlib import Path

import click

from everyturn.cli.group import FAILED, NOT_ENOUGH
from everyturn.cli.options import as_json, signal_argument, to_option, where_option
from everyturn.cli.printing import print_result
from everyturn.cli.progress import workspace
from everyturn.outputs.places import require_place


@click.command()
@click.option(
    "--embedder",
    metavar="NAME",
    help="How texts become vectors: default, lexical, table, minilm, the folder of a model, or https://HOST/v1#MODEL.",
)
@click.option(
    "--taxonomy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own intents, as YAML. To start from those found: everyturn export taxonomy --to FILE.",
)
@click.option("--names", metavar="URL#MODEL", help="A language model to name the intents: https://HOST/v1#MODEL.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same intents.")
@as_json
@click.pass_context
def discover(
    ctx: click.Context, *, embedder: str | None, taxonomy: Path | None, names: str | None, seed: int, as_json: bool
) -> None:
    """Find what users ask for: the intents.

    Other commands do this by themselves when there is something new. Running it again keeps the ids of known intents.
    """
    with workspace(ctx) as ws:
        result = ws.discover(embedder=embedder, taxonomy=taxonomy, names=names, seed=seed)
    print_result(result, as_json=as_json)


@click.command()
@as_json
@click.pass_context
def fit(ctx: click.Context, *, as_json: bool) -> None:
    """Learn from what your users did to judge what they said.

    The fitted rule is used only if it beats the general one on users held back.
    """
    with workspace(ctx) as ws:
        result = ws.fit()
    print_result(result, as_json=as_json)


@click.command()
@signal_argument
@click.option("--by", default="", metavar="A,B", help="Group by intent, cohort, week, day, month or any attribute.")
@where_option
@click.option("--unit", type=click.Choice(["user", "conversation"]), default="user", show_default=True,
              help="What the ranges count.")  # fmt: skip
@click.option("--sql", is_flag=True, help="Print the SQL query behind the number instead.")
@as_json
@click.pass_context
def measure(
    ctx: click.Context, *, signal: str, by: str, where: str | None, unit: str, sql: bool, as_json: bool
) -> None:
    """Measure a signal, with its range and what is unknown.

    SIGNAL is acceptance, edits, rework or another name that `everyturn list signals` gives.
    """
    with workspace(ctx) as ws:
        if sql:
            click.echo(ws.sql(signal, by=by, where=where, unit=unit))
            return
        result = ws.measure(signal, by=by, where=where, unit=unit)
    print_result(result, as_json=as_json)
    if result["rows"] and all("not_enough" in row for row in result["rows"]):
        ctx.exit(NOT_ENOUGH)


@click.command()
@signal_argument
@click.option("--current", required=True, metavar="CONDITION", help="The conversations to look at.")
@click.option("--baseline", required=True, metavar="CONDITION", help="The conversations to compare them with.")
@click.option("--fail-on", type=click.Choice(["worse"]), help="Exit with status 1 if the change is for the worse.")
@as_json
@click.pass_context
def compare(
    ctx: click.Context, *, signal: str, current: str, baseline: str, fail_on: str | None, as_json: bool
) -> None:
    """Compare a signal between two sets of conversations.

    \b
    everyturn compare acceptance --current "agent_version = '2.4'" --baseline "agent_version = '2.3'"
    """  # noqa: D301 - \b keeps the line whole
    with workspace(ctx) as ws:
        result = ws.compare(signal, current=current, baseline=baseline)
    print_result(result, as_json=as_json)
    if result["verdict"] == "not enough data":
        ctx.exit(NOT_ENOUGH)
    if fail_on and result["verdict"] == fail_on:
        ctx.exit(FAILED)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default="everyturn.toml", show_default=True,
              help="The settings file with the budgets.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["worse"]), help="Also fail if a signal is worse than it was.")
@click.option(
    "--current",
    metavar="CONDITION",
    help="With --fail-on: the conversations to look at.  [default: the last 7 days known]",
)
@click.option(
    "--baseline", metavar="CONDITION", help="With --fail-on: those to compare with.  [default: the 28 days before]"
)
@click.option("--markdown", type=click.Path(path_type=Path), help="Write a summary for a pull request.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option("--sarif", type=click.Path(path_type=Path), help="Write SARIF.")
@as_json
@click.pass_context
def check(
    ctx: click.Context,
    *,
    config: Path,
    fail_on: str | None,
    current: str | None,
    baseline: str | None,
    markdown: Path | None,
    junit: Path | None,
    sarif: Path | None,
    as_json: bool,
) -> None:
    """Check the budgets of everyturn.toml, for a build.

    Exit status: 0 passed, 1 failed, 3 not enough data.
    """
    from everyturn.outputs.checks import FORMS
    from everyturn.outputs.tables import write_text

    files = [(name, file) for name, file in (("markdown", markdown), ("junit", junit), ("sarif", sarif)) if file]
    for _, file in files:
        require_place(file)
    with workspace(ctx) as ws:
        result = ws.check(config=config, worse=fail_on == "worse", current=current, baseline=baseline)
    for name, file in files:
        write_text(FORMS[name](result), file)
    print_result(result, as_json=as_json)
    if result["verdict"] == "failed":
        ctx.exit(FAILED)
    if result["verdict"] == "not enough data":
        ctx.exit(NOT_ENOUGH)


@click.command()
@click.option("--budget", default=12.0, show_default=True, help="How many false alarms a year you accept at most.")
@click.option("--until", metavar="TIME", help="Tell what was known on this day, such as 2026-10-19.")
@as_json
@click.pass_context
def watch(ctx: click.Context, *, budget: float, until: str | None, as_json: bool) -> None:
    """Tell what changed, for whom and since when."""
    with workspace(ctx) as ws:
        result = ws.watch(until=until, budget=budget)
    print_result(result, as_json=as_json)


@click.command()
@click.option("--divide-by", metavar="ATTRIBUTE", help="Divide users by this attribute from now on, or by behaviour.")
@as_json
@click.pass_context
def cohorts(ctx: click.Context, *, divide_by: str | None, as_json: bool) -> None:
    """Show which groups of users there are, and how each fares."""
    with workspace(ctx) as ws:
        if divide_by:
            ws.divide_by(divide_by)
        result = ws.cohorts()
    print_result(result, as_json=as_json)


@click.command()
@click.argument("kind", type=click.Choice(["release", "holiday", "mute", "normal"]), required=False)
@click.argument("what", metavar="DAY|FINDING", required=False)
@click.option("--remove", is_flag=True, help="Remove the mark.")
@as_json
@click.pass_context
def mark(ctx: click.Context, *, kind: str | None, what: str | None, remove: bool, as_json: bool) -> None:
    """Tell `watch` about releases, holidays and known changes.

    \b
    everyturn mark release 2026-10-19    changes are likelier on this day
    everyturn mark holiday 2026-12-25    leave this day out
    everyturn mark mute FINDING          do not tell this finding again
    everyturn mark normal FINDING        this change is the new normal
    everyturn mark                       list the marks
    """  # noqa: D301 - \b keeps the lines apart
    with workspace(ctx) as ws:
        result = ws.mark(kind, what, remove=remove)
    print_result(result, as_json=as_json)


@click.command()
@as_json
@click.pass_context
def gap(ctx: click.Context, *, as_json: bool) -> None:
    """Compare evals with users, intent by intent."""
    with workspace(ctx) as ws:
        result = ws.gap()
    print_result(result, as_json=as_json)


@click.command()
@click.argument("suites", nargs=-1, type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), help="Write the cases that would cover most to this file.")
@click.option(
    "--upload", metavar="DATASET", help="Upload them to this dataset with the platform's client, such as shop/gaps."
)
@to_option
@click.option("-n", "--count", default=50, show_default=True, help="How many cases to write at most.")
@as_json
@click.pass_context
def cover(
    ctx: click.Context,
    *,
    suites: tuple[Path, ...],
    write: Path | None,
    upload: str | None,
    to: str,
    count: int,
    as_json: bool,
) -> None:
    """Show what eval cases miss, and write the missing cases.

    Counts the eval cases that are loaded, and those in the files named as SUITES.
    """
    with workspace(ctx) as ws:
        result = ws.cover(*suites, write=write, upload=upload, to=to, count=count)
    print_result(result, as_json=as_json)
    if result.get("proposed") == []:
        ctx.exit(NOT_ENOUGH)
