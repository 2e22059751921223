"""The verb `cohorts`: groups of users by how they use the product, and the cohorts declared by an attribute."""

from __future__ import annotations

from typing import Any

from everyturn.analysis.behaviour import SMALLEST_GROUP, group_users
from everyturn.engines import metrics, shapes
from everyturn.engines.local import Database
from everyturn.workspace.looking import names_of
from everyturn.workspace.measuring import UNASKED, acceptance_by


def cohorts_of(db: Database) -> dict[str, Any]:
    """Groups users by behaviour again (groups that continue keep their ids), and returns the fields of the `cohorts` result.

    `groups` are those by behaviour, `declared` the cohorts of the attribute that divides users; each has its users, its acceptance and
    the smallest change of it that four more weeks would probably show. Cohorts of fewer than ten users are left out.
    """
    found = group_users(shapes.shapes(db), known=shapes.stored(db), labels=names_of(db))
    shapes.store(db, found.members, {g.group_id: g.name for g in found.groups})
    by_behaviour = acceptance_by(db, metrics.BEHAVIOUR)
    attribute = metrics.cohort_attribute(db)
    declared = [
        {"cohort": name, **values}
        for name, values in sorted(acceptance_by(db, "cohort").items())
        if values["users"] >= SMALLEST_GROUP
    ]
    return {
        "groups": [{**g.to_json(), **by_behaviour.get(g.name, UNASKED), "users": g.users} for g in found.groups],
        "new": found.new,
        "minimum": SMALLEST_GROUP,
        "attribute": attribute,
        "declared": declared if attribute else [],
    }
