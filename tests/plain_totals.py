"""The plain query for two sets of answers: what the queries that answer many comparisons at once are held against."""

from __future__ import annotations

from everyturn.engines import metrics
from everyturn.engines.local import Database


def plain_totals(database: Database, signal: str, *, current: str, baseline: str) -> dict[str, float]:
    """The totals of two sets of answers and their cross totals by user, in one row.

    Columns: `users1, n1, y1, nn1, ny1, yy1, unknown1` for the current set, the same with 2 for the baseline, and `shared, nn, ny, yn,
    yy` over the users in both.
    """
    dims = metrics.dimensions(database)
    sides = {"1": metrics.condition(current, dims), "2": metrics.condition(baseline, dims)}
    sums = ", ".join(
        f"count(value) FILTER ({sql}) AS n{i}, coalesce(sum(value) FILTER ({sql}), 0)::HUGEINT AS y{i},"
        f" count(*) FILTER (({sql}) AND value IS NULL) AS u{i}"
        for i, sql in sides.items()
    )
    totals = ", ".join(
        f"count(*) FILTER (n{i} > 0) AS users{i}, coalesce(sum(n{i}), 0)::DOUBLE AS n{i},"
        f" coalesce(sum(y{i}), 0)::DOUBLE / {metrics.SCALE} AS y{i}, coalesce(sum(n{i} * n{i}), 0)::DOUBLE AS nn{i},"
        f" coalesce(sum(n{i} * y{i}), 0)::DOUBLE / {metrics.SCALE} AS ny{i},"
        f" coalesce(sum(y{i} * y{i}), 0)::DOUBLE / {metrics.SCALE} / {metrics.SCALE} AS yy{i}, coalesce(sum(u{i}), 0)::BIGINT AS unknown{i}"
        for i in sides
    )
    table = database.table(
        f"""
        WITH answers AS (SELECT * REPLACE (round(value * {metrics.SCALE})::HUGEINT AS value) FROM facts
          WHERE signal = ? AND user_id IS NOT NULL),
        people AS (SELECT user_id, {sums} FROM answers GROUP BY user_id)
        SELECT {totals}, count(*) FILTER (n1 > 0 AND n2 > 0) AS shared, coalesce(sum(n1 * n2), 0)::DOUBLE AS nn,
          coalesce(sum(n1 * y2), 0)::DOUBLE / {metrics.SCALE} AS ny, coalesce(sum(y1 * n2), 0)::DOUBLE / {metrics.SCALE} AS yn,
          coalesce(sum(y1 * y2), 0)::DOUBLE / {metrics.SCALE} / {metrics.SCALE} AS yy
        FROM people
        """,
        [signal],
    )
    row: dict[str, float] = table.to_pylist()[0]
    return row
