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
    help="How texts become vectors: default, lexical, table, minilm, a model's folder, or https://HOST/v1#MODEL.",
)
@click.option(
    "--taxonomy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What you say about intents, as YAML: export taxonomy writes one to begin with.",
)
@click.option("--names", metavar="URL#MODEL", help="A language model that names intents: https://HOST/v1#MODEL.")
@click.option("--seed", default=7, show_default=True)
@as_json
@click.pass_context
def discover(
    ctx: click.Context, *, embedder: str | None, taxonomy: Path | None, names: str | None, seed: int, as_json: bool
) -> None:
    """Find what users ask for. Re-runs keep the ids of the intents there are."""
    with workspace(ctx) as ws:
        result = ws.discover(embedder=embedder, taxonomy=taxonomy, names=names, seed=seed)
    print_result(result, as_json=as_json)


@click.command()
@as_json
@click.pass_context
def fit(ctx: click.Context, *, as_json: bool) -> None:
    """Fit the word rule to what your users did; used where it is better."""
    with workspace(ctx) as ws:
        result = ws.fit()
    print_result(result, as_json=as_json)


@click.command()
@signal_argument
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
@click.option("--current", required=True, metavar="CONDITION", help="What we look at.")
@click.option("--baseline", required=True, metavar="CONDITION", help="What we compare it with.")
@click.option("--fail-on", type=click.Choice(["worse"]), help="Exit 1 when the change is for the worse.")
@as_json
@click.pass_context
def compare(
    ctx: click.Context, *, signal: str, current: str, baseline: str, fail_on: str | None, as_json: bool
) -> None:
    """Compare a signal between two sets of conversations."""
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
@click.option("--fail-on", type=click.Choice(["worse"]), help="Fail also where a signal is worse than it was.")
@click.option("--current", metavar="CONDITION", help="What is checked for being worse; the last 7 days unless said.")
@click.option("--baseline", metavar="CONDITION", help="What it is compared with; the 28 days before unless said.")
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
    """Check the budgets of everyturn.toml: exit 0 passed, 1 failed, 3 not enough data."""
    from everyturn.outputs.checks import FORMS
    from everyturn.outputs.tables import write_text

    files = [(name, file) for name, file in (("markdown", markdown), ("junit", junit), ("sarif", sarif)) if file]
    for _, file in files:
        require_place(file)
    with workspace(ctx) as ws:
        result = ws.check(config=config, worse=fail_on == "worse", current=current, baseline=baseline)
    for name, file in files:
        write_text(FORMS[name].render(result), file)
    print_result(result, as_json=as_json)
    if result["verdict"] == "failed":
        ctx.exit(FAILED)
    if result["verdict"] == "not enough data":
        ctx.exit(NOT_ENOUGH)


@click.command()
@click.option("--budget", default=12.0, show_default=True, help="False alarms a year, at most, however often you look.")
@click.option("--until", metavar="TIME", help="What it would have told by then, e.g. 2026-10-19.")
@as_json
@click.pass_context
def watch(ctx: click.Context, *, budget: float, until: str | None, as_json: bool) -> None:
    """What changed, for whom, since when."""
    with workspace(ctx) as ws:
        result = ws.watch(until=until, budget=budget)
    print_result(result, as_json=as_json)


@click.command()
@click.option("--divide-by", metavar="ATTRIBUTE", help="What divides users from now on: an attribute, or behaviour.")
@as_json
@click.pass_context
def cohorts(ctx: click.Context, *, divide_by: str | None, as_json: bool) -> None:
    """Who the users are: groups by how they use the product, and the declared cohorts."""
    with workspace(ctx) as ws:
        if divide_by:
            ws.divide_by(divide_by)
        result = ws.cohorts()
    print_result(result, as_json=as_json)


@click.command()
@click.argument("kind", type=click.Choice(["release", "holiday", "mute", "normal"]), required=False)
@click.argument("what", metavar="DAY|FINDING", required=False)
@click.option("--remove", is_flag=True, help="Take the mark away again.")
@as_json
@click.pass_context
def mark(ctx: click.Context, *, kind: str | None, what: str | None, remove: bool, as_json: bool) -> None:
    """Tell `watch` what you know: a release, a holiday, a finding not to tell again, a change that is the new normal.

    Without arguments the marks there are.
    """
    with workspace(ctx) as ws:
        result = ws.mark(kind, what, remove=remove)
    print_result(result, as_json=as_json)


@click.command()
@as_json
@click.pass_context
def gap(ctx: click.Context, *, as_json: bool) -> None:
    """Evals beside users, per intent."""
    with workspace(ctx) as ws:
        result = ws.gap()
    print_result(result, as_json=as_json)


@click.command()
@click.argument("suites", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--write", type=click.Path(path_type=Path), help="Write the cases that close most of the gap to this file."
)
@click.option("--upload", metavar="DATASET", help="Send them there with the platform's client, e.g. shop/gaps.")
@to_option
@click.option("-n", "--count", default=50, show_default=True, help="How many cases to make.")
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
    """How much of what users ask is covered by eval cases: the loaded ones, and the SUITES named."""
    with workspace(ctx) as ws:
        result = ws.cover(*suites, write=write, upload=upload, to=to, count=count)
    print_result(result, as_json=as_json)
    if result.get("proposed") == []:
        ctx.exit(NOT_ENOUGH)
