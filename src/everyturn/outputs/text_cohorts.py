"""Cohorts as text: their trust on the page, and who they are as `cohorts` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import PARTS, UNKNOWN, count, counted, percent, span
from everyturn.outputs import Result
from everyturn.outputs.days import say_day
from everyturn.outputs.figures import fields, figure, items, number
from everyturn.outputs.findings import orders_told
from everyturn.outputs.terminal import brief, grid, heading, printable, rate_lines, soft, sparkline, strong, two_lines
from everyturn.outputs.text_findings import draw_findings
from everyturn.outputs.text_numbers import DETECTABLE, draw_rates, say_least


def draw_cohorts(report: Result) -> Iterator[RenderableType]:
    """A row per cohort of the page, with its trust by week."""
    cohorts, until = items(report, "cohorts"), fields(report, "period").get("complete_until")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    table = grid("cohort", ">users", "trust by week", ">trust", ">accepted", ">detectable")
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
    yield soft(DETECTABLE.format(" of acceptance"))
    yield from draw_order(items(report, "trust_order"))


def draw_order(orders: Sequence[Any]) -> Iterator[RenderableType]:
    """Whether trust falls before use does: for all users, and for the cohorts of which more can be said than that."""
    for order in orders_told(orders):
        name = order.get("cohort")
        yield Text(printable(f"{name}: {order.get('sentence')}" if name else order.get("sentence")))


def draw_trust(trust: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Trust by cohort with the parts it is the mean of, and the order in which trust and use fall."""
    yield strong("Trust: how often users act on an answer without checking, changing or redoing it")
    cohorts = items(trust, "cohorts")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    parts = list(dict.fromkeys(name for cohort in cohorts for name in fields(cohort, "parts")))
    table = grid("cohort", ">users", "by week", ">trust", *(f">{PARTS.get(part, part)}" for part in parts))
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
    yield soft("Each part is a mean over users, and higher is better. Trust is the mean of the parts.")
    yield ""
    yield from draw_order(items(trust, "order"))


def draw_cohort(cohort: Mapping[str, Any], findings: Sequence[Any]) -> Iterator[RenderableType]:
    """One cohort: how it fares, how its last week went, what changed for it, and its acceptance by week and by intent."""
    trust, acceptance = (figure(fields(cohort, name)) for name in ("trust", "acceptance"))
    sizes = (("user", "users"), ("conversation", "conversations"))
    yield strong(cohort.get("cohort"))
    yield soft(", ".join(counted(number(cohort.get(key)), noun) for noun, key in sizes))
    yield Text(f"Trust {trust}. Accepted {acceptance}" + (f", of {acceptance.basis}." if acceptance.known else "."))
    if last := fields(cohort, "last_week"):
        yield from heading(f"The week of {say_day(last.get('week'))}, beside the four weeks before")
        yield Text(printable(last.get("sentence")))
    yield from heading("What changed for it")
    yield from draw_findings(findings, otherwise="No finding is about this cohort.")
    for name, title in (
        ("weeks", "Accepted by week"),
        ("intents", "Accepted by intent, most answers not taken first"),
    ):
        if rows := items(cohort, name):
            yield from heading(title)
            yield from draw_rates(rows)


def draw_user(user: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One user's trust beside their cohort's, with its parts, and what they took week by week."""
    yield strong(user.get("user_id"))
    if (value := number(user.get("trust"))) is None:
        yield Text(
            "This user has no finished week with an output yet, so how far they rely on the answers is not known."
        )
    else:
        cohort, of_cohort = user.get("cohort"), number(fields(user, "cohort_trust").get("value"))
        beside = f"; for all of {cohort} it is {percent(of_cohort)}" if cohort and of_cohort is not None else ""
        between = span(number(user.get("low")), number(user.get("high")), beside=value)
        rests = f"{counted(number(user.get('outputs')), 'output')}, pulled towards the cohort"
        yield Text(printable(f"Trust {percent(value)} ({between}), from {rests}{beside}"))
        yield Text(
            ", ".join(f"{PARTS.get(name, name)} {percent(number(of))}" for name, of in fields(user, "parts").items())
        )
        yield soft("Over all finished weeks. Higher is better in each part, and trust is their mean.")
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
    yield from heading("Groups by how people use the product")
    groups = items(result, "groups")
    if not groups:
        yield soft("No groups: the users are all alike, or too few of them are known well enough to tell.")
    table = grid("group", ">users", ">firm", ">accepted", ">detectable", "~what sets it apart")
    for group in groups:
        apart = "; ".join(str(a) for a in items(group, "apart"))
        table.add_row(strong(group["name"]), count(group.get("users")), _firm(group), *_fares(group), apart)
    if groups:
        yield table
    if (new := number(result.get("new"))) is not None:
        yield soft(f"Too new to be put in a group: {counted(new, 'user')}.")
    declared = items(result, "declared")
    if declared:
        yield from heading(f"Declared cohorts, by the attribute {result.get('attribute')}")
        table = grid("cohort", ">users", ">accepted", ">detectable")
        for cohort in declared:
            table.add_row(strong(cohort["cohort"]), count(cohort.get("users")), *_fares(cohort))
        yield table
    if groups:
        yield soft(
            "What sets it apart: the mean share over its users, then over all others. Firm: how much closer its users are to it than to the next group, from 0 to 1."
        )
    if groups or declared:
        yield soft(DETECTABLE.format(" of acceptance"))


def _firm(group: Mapping[str, Any]) -> str:
    firm = number(group.get("firmness"))
    return "" if firm is None else f"{firm:.2f}"


def _fares(row: Mapping[str, Any]) -> tuple[str, str]:
    return brief(figure(row.get("acceptance"))), say_least(row)
