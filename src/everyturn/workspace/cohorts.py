"""Cohorts: who the users are by what was declared of them, and by how they use the product."""

from __future__ import annotations

from typing import Any

from everyturn.analysis.behaviour import SMALLEST_GROUP, group_users
from everyturn.analysis.blind import least_change
from everyturn.engines import inputs, metrics
from everyturn.engines import shapes as engine
from everyturn.engines.local import Database
from everyturn.stats.intervals import rate
from everyturn.workspace.measuring import summary_of


def cohorts_of(db: Database) -> dict[str, Any]:
    """Groups users by behaviour anew (ids are kept), and gives every cohort with what is known of it.

    `groups` are those of behaviour, `declared` those of the attribute that divides users; each with users, acceptance and the
    smallest change of acceptance that four more weeks would probably show. Fewer than ten users are not named.
    """
    labels = {row["intent_id"]: row["intent"] for row in inputs.intents(db).to_pylist()}
    found = group_users(engine.shapes(db), known=engine.stored(db), labels=labels)
    engine.store(db, found.members, {g.group_id: g.name for g in found.groups})
    by_behaviour = _measured(db, metrics.BEHAVIOUR)
    attribute = metrics.cohort_attribute(db)
    declared = [
        {"cohort": name, **values}
        for name, values in sorted(_measured(db, "cohort").items())
        if values["users"] >= SMALLEST_GROUP
    ]
    return {
        "groups": [{**g.to_json(), **_numbers(by_behaviour.get(g.name))} for g in found.groups],
        "new": found.new,
        "minimum": SMALLEST_GROUP,
        "attribute": attribute,
        "declared": declared if attribute else [],
    }


def _numbers(values: dict[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (values or {}).items() if k != "users"}


def _measured(db: Database, dimension: str) -> dict[str, dict[str, Any]]:
    """Acceptance per cohort, and the smallest change of it that could be seen."""
    weeks = metrics.weeks_spanned(db, "acceptance")
    rows = metrics.summarise(db, "acceptance", by=[dimension]).to_pylist()
    found = {}
    for row in rows:
        total = summary_of(row)
        found[str(row[dimension])] = {
            "users": row["users"],
            "acceptance": rate(total).to_json(),
            "smallest_change": least_change(total, weeks),
        }
    return found
