"""Cohorts as text: their trust on the page, and who they are as `cohorts` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.outputs import Result
from everyturn.outputs.days import say_day
from everyturn.outputs.figures import UNKNOWN, count, counted, fields, figure, items, number, percent, percent_span
from everyturn.outputs.findings import orders_told
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
    for order in orders_told(orders):
        name = order.get("cohort")
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


def draw_user(user: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One user's trust beside their cohort's, with its parts, and what they took week by week."""
    yield strong(user.get("user_id"))
    if (value := number(user.get("trust"))) is None:
        yield Text(
            "Nothing this user did tells yet how far they rely on what they get: no finished week with an output."
        )
    else:
        cohort, of_cohort = user.get("cohort"), number(fields(user, "cohort_trust").get("value"))
        beside = f"; in all of {cohort} it is {percent(of_cohort)}" if cohort and of_cohort is not None else ""
        span = percent_span(number(user.get("low")), number(user.get("high")), beside=value)
        rests = f"{counted(number(user.get('outputs')), 'output')}, drawn to the cohort"
        yield Text(printable(f"trust {percent(value)} ({span}), from {rests}{beside}"))
        yield Text(", ".join(f"{name} {percent(number(of))}" for name, of in fields(user, "parts").items()))
        yield soft("over all finished weeks; more is better in each part, and trust is their mean")
    table = grid("week", ">accepted", ">known", ">unknown")
    for week in items(user, "weeks"):
        known = number(week.get("known")) or 0.0
        if not known and not week.get("unknown"):
            continue
        share = percent((number(week.get("accepted")) or 0.0) / known) if known else UNKNOWN
        table.add_row(say_day(week.get("week")), share, count(known), count(number(week.get("unknown"))))
    if table.row_count:
        yield ""
        yield table


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
