"""The SQL behind every number: from observations to totals per group. `measure --sql` shows these queries.

Values are summed as integers, in millionths, so that sums do not depend on the order of rows or the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.errors import BadExpression, UnknownName

SCALE = 1_000_000  # values are summed in millionths
COHORT_ATTRIBUTES = (
    "cohort",
    "segment",
    "plan",
    "tier",
    "team",
    "role",
)  # if none is declared, the first one present divides users
BEHAVIOUR = "behaviour"
_BEHAVIOUR = "coalesce((SELECT any_value(behaviour) FROM behaviours WHERE member = user_id), 'new')"
_TIME = {
    "week": "week",
    "day": "started_at::DATE",
    "month": "date_trunc('month', started_at)::DATE",
}
_FIXED = {
    **_TIME,
    "intent": "coalesce(intent, 'unclear')",
    "intent_id": "intent_id",
    "user": "user_id",
    "outcome": "label",
    "evidence": "evidence",
    "conversation": "conversation_id",
    "turn": "turn",
}
_UNITS = {"user": "user_id", "conversation": "conversation_id"}  # what is taken to be independent of each other

SINGLE = frozenset(
    {"user", "outcome", "evidence", "conversation", "turn"}
)  # dimensions that do not divide users into groups
TIMES = frozenset(_TIME)


def attribute_names(database: Database) -> list[str]:
    """The names of all attributes of conversations, in alphabetical order."""
    return [
        row[0]
        for row in database.rows(
            "SELECT DISTINCT unnest(json_keys(attributes)) AS name FROM (SELECT DISTINCT attributes FROM conversations)"
            " ORDER BY name"
        )
    ]


def cohort_attribute(database: Database) -> str | None:
    """The attribute that divides users into cohorts: the declared one, else the first usual one that is present, else None."""
    declared = database.meta("cohort_attribute")
    if declared:
        return declared
    present = set(attribute_names(database))
    return next((name for name in COHORT_ATTRIBUTES if name in present), None)


def _attribute(name: str) -> str:
    path = '$."' + name.replace('"', '""') + '"'
    return "json_extract_string(attributes, '" + path.replace("'", "''") + "')"


def dimensions(database: Database) -> dict[str, str]:
    """What numbers can be grouped and filtered by: names and their SQL expressions over the view `facts`."""
    cohort = cohort_attribute(database)
    found = {name: _attribute(name) for name in attribute_names(database)}
    found |= {BEHAVIOUR: _BEHAVIOUR} if knows_behaviour(database) else {}
    of_cohort = found.get(BEHAVIOUR, "'new'") if cohort == BEHAVIOUR else _attribute(cohort) if cohort else None
    return {**found, **_FIXED, "cohort": f"coalesce({of_cohort}, 'unknown')" if of_cohort else "'everyone'"}


def knows_behaviour(database: Database) -> bool:
    """Whether users have been grouped by how they use the product (`everyturn cohorts`)."""
    return bool(database.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'behaviours'"))


def condition(text: str, dims: Mapping[str, str]) -> str:
    """A `--where` text as SQL over the dimensions.

    Allowed are comparisons, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT, texts, numbers and the names of dimensions. Raises BadExpression
    for anything else and UnknownName for an unknown name. Nothing of the text reaches the database without having been parsed.

    >>> condition("intent = 'refund' AND week >= '2026-09-07'", {"intent": "intent", "week": "week"})
    "(intent) = 'refund' AND (week) >= '2026-09-07'"
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    refusal = BadExpression(
        "this is not a condition",
        where=f"--where, {len(text)} characters",
        expected="names, texts and numbers joined by =, <>, <, >, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT",
        try_="""--where "intent = 'refund status' AND week >= '2026-09-07'\"""",
    )
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except (SqlglotError, RecursionError):
        raise refusal from None
    connective = (exp.And, exp.Or, exp.Not, exp.Paren)
    comparison = (
        exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Like, exp.ILike, exp.Is
    )  # fmt: skip
    value = (exp.Null, exp.Literal, exp.Boolean, exp.Column, exp.Identifier, exp.Neg)
    is_sound = isinstance(tree, connective + comparison) and all(
        isinstance(node, connective + comparison + value) and not (isinstance(node, exp.Column) and node.table)
        for node in tree.walk()
    )
    if not is_sound:
        raise refusal
    for column in list(tree.find_all(exp.Column)):
        if column.name not in dims:
            raise UnknownName.among("column", column.name, dims)
        column.replace(exp.paren(sqlglot.parse_one(dims[column.name], read="duckdb")))
    return tree.sql(dialect="duckdb")


def _person(unit: str) -> str:
    if unit not in _UNITS:
        raise UnknownName.among("unit", unit, _UNITS)
    return _UNITS[unit]


def summary_sql(by: Sequence[str], dims: Mapping[str, str], *, where: str | None, unit: str) -> str:
    """The query behind `measure`, a row per group with the fields of a `Summary`; its only parameter is the signal's name."""
    for name in by:
        if name not in dims:
            raise UnknownName.among("group", name, dims)
    groups = "".join(f'{dims[name]} AS "{name}", ' for name in by)
    names = "".join(f'"{name}", ' for name in by)
    filters = f" AND ({condition(where, dims)})" if where else ""
    return f"""
        WITH answers AS (
          SELECT {groups}{_person(unit)} AS person, round(value * {SCALE})::HUGEINT AS value, is_coming FROM facts
          WHERE signal = ?{filters}),
        people AS (
          SELECT {names}person, count(value) AS n, coalesce(sum(value), 0)::HUGEINT AS y, count(*) - count(value) AS unknown,
            count_if(is_coming) AS coming
          FROM answers GROUP BY ALL)
        SELECT {names}count(*) FILTER (n > 0 AND person IS NOT NULL) AS users,
          coalesce(sum(n) FILTER (person IS NOT NULL), 0)::DOUBLE AS n,
          coalesce(sum(y) FILTER (person IS NOT NULL), 0)::DOUBLE / {SCALE} AS y,
          coalesce(sum(n * n) FILTER (person IS NOT NULL), 0)::DOUBLE AS nn,
          coalesce(sum(n * y) FILTER (person IS NOT NULL), 0)::DOUBLE / {SCALE} AS ny,
          coalesce(sum(y * y) FILTER (person IS NOT NULL), 0)::DOUBLE / {SCALE} / {SCALE} AS yy,
          coalesce(sum(unknown) FILTER (person IS NOT NULL), 0)::BIGINT AS unknown,
          coalesce(sum(coming) FILTER (person IS NOT NULL), 0)::BIGINT AS coming,
          coalesce(sum(n + unknown) FILTER (person IS NULL), 0)::BIGINT AS without_user
        FROM people GROUP BY ALL ORDER BY ALL
    """


def summarise(
    database: Database, signal: str, *, by: Sequence[str] = (), where: str | None = None, unit: str = "user"
) -> pa.Table:
    """The totals of one signal by group: columns `by…, users, n, y, nn, ny, yy, unknown, coming, without_user`.

    `coming` counts the unknown answers that may still become known, because they are not final or because their outputs are younger
    than the signal's horizon. `without_user` counts the answers that belong to no user and are in none of the other totals.
    """
    return database.table(summary_sql(by, dimensions(database), where=where, unit=unit), [signal])


def weeks_known(database: Database, signal: str, *, where: str | None = None, unit: str = "user") -> int:
    """The number of weeks with a known answer, from which "detectable" is computed (docs/meanings.md).

    `analysis.panel.Panel.weeks_known` gives the same number for a panel.
    """
    filters = f" AND ({condition(where, dimensions(database))})" if where else ""
    found: int = database.scalar(
        f"SELECT count(DISTINCT week) FROM facts WHERE signal = ? AND value IS NOT NULL AND {_person(unit)} IS NOT NULL{filters}",
        [signal],
    )
    return found


def sides(database: Database, signal: str, *, current: str, baseline: str) -> pa.Table:
    """Per-user totals of two sets of answers by intent: columns user_id, intent_id, is_current, n, y, unknown.

    An answer that meets both conditions counts on both sides.
    """
    dims = dimensions(database)
    each = " UNION ALL ".join(
        f"SELECT user_id, intent_id, {side} AS is_current, value FROM answers WHERE {condition(text, dims)}"
        for side, text in (("true", current), ("false", baseline))
    )
    return database.table(
        f"""
        WITH answers AS (SELECT * REPLACE (round(value * {SCALE})::HUGEINT AS value) FROM facts
          WHERE signal = ? AND user_id IS NOT NULL)
        SELECT user_id, intent_id, is_current, count(value)::DOUBLE AS n,
          coalesce(sum(value), 0)::DOUBLE / {SCALE} AS y, (count(*) - count(value))::DOUBLE AS unknown FROM ({each})
        GROUP BY ALL ORDER BY ALL
        """,
        [signal],
    )


def answered_badly(database: Database, signal: str, *, better: str, where: str | None, limit: int) -> list[str]:
    """Up to `limit` conversation ids, those with the worst answers to the signal first, then the most recent; one per user."""
    dims = dimensions(database)
    filters = f" AND ({condition(where, dims)})" if where else ""
    worst = "min(value)" if better == "higher" else "-max(value)"
    return [
        row[0]
        for row in database.rows(
            f"""
            SELECT conversation_id FROM (
              SELECT conversation_id, user_id, {worst} AS worst, bool_and(is_likely) AS all_likely, max(started_at) AS at_last
              FROM facts WHERE signal = ? AND value IS NOT NULL{filters} GROUP BY conversation_id, user_id
              QUALIFY row_number() OVER (PARTITION BY coalesce(user_id, conversation_id)
                ORDER BY worst, all_likely, at_last DESC NULLS LAST, conversation_id) = 1)
            ORDER BY round(worst, 6), all_likely, at_last DESC NULLS LAST, conversation_id LIMIT ?
            """,
            [signal, limit],
        )
    ]


def all_summaries(database: Database) -> pa.Table:
    """The totals of every signal by intent, cohort and week: the columns of `summarise`, preceded by `signal`."""
    dims = dimensions(database)
    query = summary_sql(("intent", "cohort", "week"), dims, where=None, unit="user")
    names = [row[0] for row in database.rows("SELECT DISTINCT signal FROM observations ORDER BY signal")] or [
        "acceptance"
    ]
    parts = [f"SELECT '{name}' AS signal, * FROM ({query})" for name in names]
    return database.table(" UNION ALL ".join(parts), names)


def cells(database: Database, *, until: date | None = None) -> pa.Table:
    """Per-user totals by cohort, intent, week and signal, which the analyses are computed from; up to the end of the day `until`.

    Columns user_id, cohort, intent_id, week (Monday), signal, n, y, unknown; rows are in no particular order. Conversations without a
    user or a time are left out; `measure` counts them.
    """
    dims = dimensions(database)
    past = f" AND started_at < DATE '{until + timedelta(days=1)}'" if until else ""
    return database.table(
        f"""
        SELECT user_id, {dims["cohort"]} AS cohort, intent_id, week, signal, count(value)::DOUBLE AS n,
          coalesce(sum(round(value * {SCALE})::HUGEINT), 0)::DOUBLE / {SCALE} AS y, count(*) - count(value) AS unknown
        FROM facts WHERE user_id IS NOT NULL AND week IS NOT NULL{past}
        GROUP BY ALL
        """
    )


def last_complete_week(database: Database, *, until: date | None = None) -> date | None:
    """The Monday of the last complete week, the last one whose Sunday the data reach; None if no conversation has a time.

    With `until`, the last week that was complete at the end of that day.
    """
    latest: datetime | None = database.scalar("SELECT max(started_at) FROM conversations")
    if latest is None:
        return None
    day = min(latest.date(), until) if until else latest.date()
    monday = day - timedelta(days=day.weekday())
    return monday if day.weekday() == 6 else monday - timedelta(days=7)
