"""Cohorts as text: their trust on the page, and who they are as `cohorts` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.outputs import Result
from everyturn.outputs.figures import count, counted, fields, figure, items, number
from everyturn.outputs.terminal import brief, grid, heading, printable, rate_lines, soft, sparkline, strong, two_lines
from everyturn.outputs.text_numbers import COULD_SHOW, say_least


def draw_cohorts(report: Result) -> Iterator[RenderableType]:
    """A row per cohort of the page, with its trust by week."""
    cohorts, until = items(report, "cohorts"), fields(report, "period").get("complete_until")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    table = grid("cohort", ">users", "trust by week", ">trust", ">accepted", ">could show")
    for cohort in cohorts:
        table.add_row(
            printable(cohort.get("cohort") or "unnamed"),
            count(cohort.get("users")),
            sparkline(items(cohort, "trust_weekly"), key="value", top=1.0, complete_until=until),
            brief(figure(cohort.get("trust"))),
            two_lines(*rate_lines(cohort.get("acceptance"))),
            say_least(cohort),
        )
    yield table
    yield soft(COULD_SHOW.format(" of acceptance"))
    yield from draw_order(items(report, "trust_order"))


def draw_order(orders: Sequence[Any]) -> Iterator[RenderableType]:
    """Whether trust falls before use does: for all users, and for the cohorts of which more can be said than that."""
    for order in orders:
        name = order.get("cohort")
        if name is None or order.get("first") != "unclear":
            yield Text(printable(f"{name}: {order.get('sentence')}" if name else order.get("sentence")))


def draw_trust(trust: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Trust by cohort with the parts it is the mean of, and the order in which trust and use fall."""
    yield strong("Trust: how far users act on outputs without checking them")
    cohorts = items(trust, "cohorts")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    parts = list(dict.fromkeys(name for cohort in cohorts for name in fields(cohort, "parts")))
    table = grid("cohort", ">users", "by week", ">trust", *(f">{part}" for part in parts))
    for cohort in cohorts:
        own = fields(cohort, "parts")
        table.add_row(
            printable(cohort.get("cohort") or "unnamed"),
            count(fields(cohort, "trust").get("users")),
            sparkline(items(cohort, "trust_weekly"), key="value", top=1.0, complete_until=None),
            brief(figure(cohort.get("trust"))),
            *(brief(figure(own.get(part))) for part in parts),
        )
    yield table
    yield soft("each part is a mean over users and more is better; trust is the mean of the parts")
    yield ""
    yield from draw_order(items(trust, "order"))


def draw_groups(result: Result) -> Iterator[RenderableType]:
    """The groups by how people use the product, then the declared cohorts."""
    yield from heading("By how they use the product")
    groups = items(result, "groups")
    if not groups:
        yield soft("No groups: the users are one crowd, or too few of them are known well enough.")
    table = grid("group", ">users", ">firm", ">accepted", ">could show", "what sets it apart")
    for group in groups:
        apart = "; ".join(str(a) for a in items(group, "apart"))
        table.add_row(strong(group["name"]), *_of_cohort(group, firmness=group.get("firmness")), apart)
    if groups:
        yield table
    if (new := number(result.get("new"))) is not None:
        yield soft(f"New, with too little history to tell: {counted(new, 'user')}.")
    declared = items(result, "declared")
    if declared:
        yield from heading(f"Declared: {result.get('attribute')}")
        table = grid("cohort", ">users", ">firm", ">accepted", ">could show")
        for cohort in declared:
            table.add_row(strong(cohort["cohort"]), *_of_cohort(cohort, firmness=None))
        yield table
    if groups or declared:
        yield soft(COULD_SHOW.format(" of acceptance"))


def _of_cohort(row: Mapping[str, Any], *, firmness: object) -> tuple[str, str, str, str]:
    firm = number(firmness)
    return (
        count(row.get("users")),
        "" if firm is None else f"{firm:.2f}",
        brief(figure(row.get("acceptance"))),
        say_least(row),
    )
