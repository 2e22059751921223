"""A signal's rate by group, each with its range per user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.errors import NoUserIds
from everyturn.model import Json
from everyturn.stats import Summary
from everyturn.stats.intervals import rate
from everyturn.workspace.result import plain
from everyturn.workspace.verifying import SUCCESS, UNVERIFIED, WITH_INTENTS, registered


def measure_rates(db: Database, signal: str, *, groups: Sequence[str], where: str | None, unit: str) -> dict[str, Json]:
    """The rate of each group; an error where all answers lack a user and `unit` does not say that this is no matter."""
    table = metrics.summarise(db, signal, by=groups, where=where, unit=unit)
    rows = []
    without_user = 0
    for row in table.to_pylist():
        without_user += row["without_user"]
        estimate = rate(summary_of(row))
        rows.append({"group": {name: plain(row[name]) for name in groups}, **estimate.to_json()})
    if rows and without_user and not any(row.get("users") or row.get("not_enough", {}).get("users") for row in rows):
        raise NoUserIds(
            "no user ids, so no honest range can be given",
            where=f"{without_user:,} answers, none with a user id",
            expected="an id per person: the same person twice must count once",
            try_="everyturn load … --user-id metadata.user, or --unit conversation if nobody appears twice",
        )
    note = {"note": UNVERIFIED} if signal == SUCCESS and not registered(db) else {}
    return {"signal": signal, "by": groups, "where": where, "rows": rows, "without_user": without_user, **note}


def needs_intents(signal: str, groups: Sequence[str], where: str | None) -> bool:
    """Whether the answer is only whole once intents are there."""
    return bool(signal in WITH_INTENTS or "intent" in groups or "intent_id" in groups or (where and "intent" in where))


def group_names(by: str | Sequence[str]) -> list[str]:
    """The names of `by`, which may stand in one text with commas between.

    >>> group_names("intent, week")
    ['intent', 'week']
    """
    return [n.strip() for n in by.split(",") if n.strip()] if isinstance(by, str) else list(by)


def summary_of(row: dict[str, Any]) -> Summary:
    """The totals of one row of `metrics.summarise`."""
    return Summary(row["users"], row["n"], row["y"], row["nn"], row["ny"], row["yy"], row["unknown"])
