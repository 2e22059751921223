"""What the monitor reads: totals per user and block of six hours, by when an answer became final; and who asked for what each day."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from everyturn.engines.horizons import GIVEN_AT
from everyturn.engines.local import Database
from everyturn.engines.metrics import SCALE, dimensions
from everyturn.engines.tables import SEEN_UNTIL

_TOTALS = """
    SELECT (epoch_us(coalesce(m.given_at, c.started_at, o.final_at)) // 21600000000)::BIGINT AS given,
      (epoch_us(coalesce(o.final_at, c.started_at)) // 21600000000)::BIGINT AS block,
      o.signal || '@' || o.version AS signal, c.user_id, {cohort} AS cohort, t.intent_id, count(*)::DOUBLE AS n,
      sum(round(o.value * {scale})::HUGEINT)::DOUBLE / {scale} AS y
    FROM observations o
    JOIN (SELECT conversation_id, user_id, started_at, attributes FROM conversations) c USING (conversation_id)
    LEFT JOIN turn_intents t ON t.conversation_id = o.conversation_id AND t.turn = coalesce(o.turn, 0)
    LEFT JOIN ({given}) m ON m.conversation_id = o.conversation_id AND m.turn = o.turn
    {seen_until}
    WHERE o.value IS NOT NULL AND c.user_id IS NOT NULL AND coalesce(o.final_at, c.started_at) <= s.until
      AND o.signal IN (SELECT unnest(?))
    GROUP BY ALL
"""


def totals(database: Database, signals: Iterable[str]) -> pa.Table:
    """The known, final answers of these signals, by when the output was given and when its answer became final.

    Columns given and block (six-hour blocks since 1970), signal (with its version), user_id, cohort, intent_id, n, y, ordered by all of
    these. Where `edit_share` is known, `edits` adds nothing to it and is left out.
    """
    graded = database.scalar("SELECT count(*) FROM observations WHERE signal = 'edit_share'")
    heard = [signal for signal in signals if not (graded and signal == "edits")]
    query = _TOTALS.format(cohort=dimensions(database)["cohort"], given=GIVEN_AT, seen_until=SEEN_UNTIL, scale=SCALE)
    return database.table(f"{query} ORDER BY ALL", [heard])


def asked(database: Database) -> pa.Table:
    """Who asked for what on which day: columns day (since 1970), user_id, cohort, intent_id (null: no intent fits the request)."""
    cohort = dimensions(database)["cohort"]
    return database.table(
        f"""
        SELECT DISTINCT (epoch_us(coalesce(r."at", c.started_at)) // 86400000000)::BIGINT AS day, c.user_id,
          {cohort} AS cohort, a.intent_id
        FROM (SELECT conversation_id, user_id, started_at, attributes FROM conversations) c LEFT JOIN assignments a USING (conversation_id)
        LEFT JOIN (SELECT conversation_id, request, "at" FROM requests) r ON r.conversation_id = a.conversation_id AND r.request = a.request
        WHERE c.user_id IS NOT NULL AND coalesce(r."at", c.started_at) IS NOT NULL ORDER BY ALL
        """
    )


def closed_block(database: Database) -> int:
    """The number of the block in which the data end; all earlier ones are over."""
    found: int | None = database.scalar(
        "SELECT (epoch_us(max(value)::TIMESTAMP) // 21600000000)::BIGINT FROM meta WHERE key = 'seen_until'"
    )
    return found or 0


def digest(database: Database, rows: pa.Table) -> str:
    """A digest of the rows that does not depend on their order: their number and the sum of their hashes."""
    if not rows.num_rows:
        return "0"
    database.connection.register("heard_rows", rows)
    try:
        count, total = database.rows("SELECT count(*), sum(hash(r)::HUGEINT)::VARCHAR FROM heard_rows r")[0]
    finally:
        database.connection.unregister("heard_rows")
    return f"{count}:{total}"
