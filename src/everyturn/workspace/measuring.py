"""The verb `measure`: a signal's rate by group, each with a range that counts users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from everyturn.analysis.blind import least_change
from everyturn.engines import horizons, metrics
from everyturn.engines.kept import kept
from everyturn.engines.local import Database
from everyturn.errors import NoUserIds
from everyturn.model import Json
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.cells import Grid, draw_cells
from everyturn.stats.intervals import NEEDED_USERS, rate
from everyturn.workspace.result import plain
from everyturn.workspace.verifying import SUCCESS, UNVERIFIED, WITH_INTENTS, registered


def measure_rates(db: Database, signal: str, *, groups: Sequence[str], where: str | None, unit: str) -> dict[str, Json]:
    """The fields of the `measure` result. Raises NoUserIds if no answer has a user and `unit` is "user"."""

    def totals(by: Sequence[str]) -> list[dict[str, Any]]:
        table: list[dict[str, Any]] = metrics.summarise(db, signal, by=by, where=where, unit=unit).to_pylist()
        return table

    found = totals(groups)
    are_slices = (metrics.TIMES | metrics.SINGLE).isdisjoint(groups)
    is_table = are_slices and len(set(groups)) == 2
    drawn = _draw(groups, found, [totals([name]) for name in groups]) if is_table else [None] * len(found)
    weeks = metrics.weeks_known(db, signal, where=where, unit=unit) if are_slices else None
    rows = []
    for row, cell in zip(found, drawn, strict=True):
        total = summary_of(row)
        more: dict[str, Json] = {} if weeks is None else {"smallest_change": least_change(total, weeks)}
        if cell is not None:
            share = round(total.y / total.n, 6) if total.n else None
            raw = {"value": share, "n": round(total.n), "unknown": total.unknown}
            more |= {"raw": raw, "drawn": cell.to_json()}
        if row["coming"]:
            more["coming"] = row["coming"]
        rows.append({"group": {name: plain(row[name]) for name in groups}, **rate(total).to_json(), **more})
    without_user = sum(row["without_user"] for row in found)
    if without_user and not any(row.get("users") or row.get("not_enough", {}).get("users") for row in rows):
        raise _no_user_ids(f"{without_user:,} answers", ", or --unit conversation if nobody appears twice")
    note = {"note": UNVERIFIED} if signal == SUCCESS and not registered(db) else {}
    days = horizons.horizon(db, signal)
    horizon = {"horizon_days": days} if days else {}
    return {
        "signal": signal,
        "by": groups,
        "where": where,
        "rows": rows,
        "without_user": without_user,
        **horizon,
        **note,
    }


def require_users(db: Database) -> None:
    """Raises NoUserIds if there are conversations and none has a user id."""
    conversations, owned = db.rows("SELECT count(*), count(user_id) FROM conversations")[0]
    if conversations and not owned:
        raise _no_user_ids(f"{conversations:,} conversations", "")


def _no_user_ids(among: str, otherwise: str) -> NoUserIds:
    return NoUserIds(
        "no user ids, so no honest range can be given",
        where=f"{among}, none with a user id",
        expected="an id per person: the same person twice must count once",
        try_=f"everyturn load … --user-id metadata.user{otherwise}",
    )


def _draw(
    groups: Sequence[str], cells: Sequence[dict[str, Any]], margins: Sequence[list[dict[str, Any]]]
) -> list[Estimate | NotEnough]:
    """The cells of a table of two groupings, each pulled towards what its row and column lead one to expect (`stats.cells`).

    `margins` holds the totals by each grouping alone.
    """
    places = []
    for name, margin in zip(groups, margins, strict=True):
        codes = {each[name]: code for code, each in enumerate(margin)}
        places.append([codes[cell[name]] for cell in cells])
    (row, column), (rows, columns) = places, ([summary_of(each) for each in margin] for margin in margins)
    return draw_cells(Grid([summary_of(cell) for cell in cells], row, column, rows, columns))


UNASKED = {"users": 0, "acceptance": NotEnough(0, NEEDED_USERS).to_json(), "smallest_change": None}
"""The values of `acceptance_by` for a group without any output."""


def acceptance_by(db: Database, dimension: str) -> dict[str, dict[str, Json]]:
    """By each value of a dimension: users, acceptance, and its smallest change that four more weeks would probably show."""
    weeks = metrics.weeks_known(db, "acceptance")
    return {
        str(row[dimension]): {
            "users": row["users"],
            "acceptance": rate(summary_of(row)).to_json(),
            "smallest_change": least_change(summary_of(row), weeks),
        }
        for row in metrics.summarise(db, "acceptance", by=[dimension]).to_pylist()
    }


def intents_by_cohort(db: Database) -> dict[str, list[dict[str, Json]]]:
    """Acceptance by intent (id) and cohort, as rows of the `measure` result; empty if there is one cohort or no user."""
    told: dict[str, list[dict[str, Json]]] = orjson.loads(kept(db, "cohorts", lambda: orjson.dumps(_by_cohort(db))))
    return told


def _by_cohort(db: Database) -> dict[str, list[dict[str, Json]]]:
    try:
        measured = measure_rates(db, "acceptance", groups=["cohort", "intent_id"], where=None, unit="user")
    except NoUserIds:
        return {}
    found: dict[str, list[dict[str, Json]]] = {}
    for row in measured["rows"]:
        if (intent_id := row["group"].pop("intent_id")) is not None:
            found.setdefault(intent_id, []).append(row)
    cohorts = {row["group"]["cohort"] for row in measured["rows"]}
    return found if len(cohorts) > 1 else {}


def needs_intents(signal: str, groups: Sequence[str], where: str | None) -> bool:
    """Whether a measurement needs intents to be known."""
    return bool(signal in WITH_INTENTS or "intent" in groups or "intent_id" in groups or (where and "intent" in where))


def group_names(by: str | Sequence[str]) -> list[str]:
    """The names in `by`: a sequence of names, or one text with names separated by commas.

    >>> group_names("intent, week")
    ['intent', 'week']
    """
    return [n.strip() for n in by.split(",") if n.strip()] if isinstance(by, str) else list(by)


def summary_of(row: dict[str, Any]) -> Summary:
    """A row of `metrics.summarise` as a Summary."""
    return Summary(row["users"], row["n"], row["y"], row["nn"], row["ny"], row["yy"], row["unknown"])
