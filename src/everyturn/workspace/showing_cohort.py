"""`show cohort`: what changed for a cohort, how its last week went, and which answers it does not accept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from everyturn.analysis.trust import cohort_trust
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.local import Database
from everyturn.errors import UnknownName
from everyturn.model import Json
from everyturn.stats.intervals import NEEDED_USERS
from everyturn.workspace.comparing import compare_sets, compared_json
from everyturn.workspace.looking import panel_of
from everyturn.workspace.measuring import measure_rates
from everyturn.workspace.observing import named_signal
from everyturn.workspace.shown import conversation_list

_BEFORE = 4  # number of weeks that the last one is compared with


def cohort(db: Database, name: str, *, findings: Sequence[dict[str, Json]], limit: int) -> dict[str, Json]:
    """A cohort's trust, its acceptance by week and by intent, and its last complete week compared with the four before.

    With those of `findings` that are about it, and with conversations whose answers were not accepted. Raises UnknownName for a cohort that
    does not exist or has fewer than ten users.
    """
    there = {row["cohort"]: row for row in inputs.cohorts(db) if row["users"] >= NEEDED_USERS}
    if name not in there:
        raise UnknownName.among("cohort", name, [*map(str, there)], example='everyturn show cohort "{}"')
    where = _is("cohort", name)
    trust = next((found for found in cohort_trust(panel_of(db)) if found.cohort == name), None)
    by = {
        group: measure_rates(db, "acceptance", groups=[group] if group else [], where=where, unit="user")["rows"]
        for group in ("", "week", "intent")
    }
    bad = {"cohort": name, "signal": "acceptance", "value": 0}
    return {
        "cohort": {
            **there[name],
            "trust": trust.trust.to_json() if trust else None,
            "acceptance": next(iter(by[""]), None),
            "last_week": _last_week(db, where, asked=[row["group"]["week"] for row in by["week"]]),
            "weeks": by["week"],
            "intents": sorted(by["intent"], key=lambda row: -_not_taken(row)),
        },
        "findings": [finding for finding in findings if finding["cohort"] == name],
        "conversations": conversation_list(db, evidence.examples(db, bad, limit=limit)),
    }


def _last_week(db: Database, where: str, *, asked: Sequence[str]) -> dict[str, Json] | None:
    """Acceptance in the last complete week compared with the four before; None if that week is not in `asked`, the cohort's weeks."""
    week = metrics.last_complete_week(db)
    if week is None or week.isoformat() not in asked:
        return None
    current = f"{where} AND {_is('week', week.isoformat())}"
    first = (week - timedelta(weeks=_BEFORE)).isoformat()
    baseline = f"{where} AND week >= '{first}' AND week < '{week.isoformat()}'"
    made = compare_sets(db, named_signal("acceptance"), current=current, baseline=baseline)
    return {"week": week.isoformat(), **compared_json(made, current=current, baseline=baseline)}


def _not_taken(row: dict[str, Json]) -> float:
    """The number of answers that were not accepted; -1 if there are too few users to say."""
    return float(row["n"] * (1 - row["value"])) if "value" in row else -1.0


def _is(name: str, value: str) -> str:
    return f"{name} = '{value.replace(chr(39), chr(39) * 2)}'"
