"""How old an output has to be before what is known of it counts: what that is learnt from, and where it is kept.

The view `facts` and the monitor take an answer for unknown while its output is younger than the signal's horizon
(`analysis/settling.py`), as they do while it is not final.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.engines.metrics import SCALE
from everyturn.engines.tables import SEEN_UNTIL

GIVEN_AT = """
    SELECT conversation_id, turn, max("at") AS given_at FROM messages WHERE role = 'assistant' AND conversation_id IN
      (SELECT conversation_id FROM conversations WHERE ended_at > started_at + INTERVAL 1 DAY) GROUP BY ALL
"""  # when outputs were given; in conversations of a day or less they are as old as the conversation


def lags(database: Database) -> pa.Table:
    """Final answers by signal, the output's day, the day they were known (since 1970): columns signal, given, known, n, y."""
    return database.table(
        f"""
        SELECT o.signal, (epoch_us(coalesce(m.given_at, c.started_at)) // 86400000000)::BIGINT AS given,
          (epoch_us(coalesce(o.final_at, c.started_at)) // 86400000000)::BIGINT AS known,
          count(*)::DOUBLE AS n, sum(round(o.value * {SCALE})::HUGEINT)::DOUBLE / {SCALE} AS y
        FROM observations o JOIN (SELECT conversation_id, started_at FROM conversations) c USING (conversation_id)
        LEFT JOIN ({GIVEN_AT}) m ON m.conversation_id = o.conversation_id AND m.turn = o.turn
        {SEEN_UNTIL}
        WHERE o.value IS NOT NULL AND c.started_at IS NOT NULL AND coalesce(o.final_at, c.started_at) <= s.until
        GROUP BY ALL ORDER BY ALL
        """
    )


def untimed(database: Database) -> pa.Table:
    """Outputs whose answer has no time of its own, by signal and age in days: columns signal, age, asked, known."""
    return database.table(
        f"""
        SELECT o.signal, date_diff('day', c.started_at, s.until)::BIGINT AS age, count(*)::DOUBLE AS asked,
          count(o.value)::DOUBLE AS known
        FROM observations o JOIN (SELECT conversation_id, started_at FROM conversations) c USING (conversation_id)
        {SEEN_UNTIL}
        WHERE o.final_at IS NULL AND c.started_at <= s.until GROUP BY ALL ORDER BY ALL
        """
    )


def horizon(database: Database, signal: str) -> int:
    """The signal's horizon in days, 0 where nobody waits."""
    return int(database.meta(f"horizon.{signal}") or 0)


def open_days(database: Database) -> int:
    """The days at the end that are not over for answers without a time."""
    return int(database.meta("open_days") or 0)


def keep(database: Database, horizons: Mapping[str, int], *, open_days: int) -> None:
    """Keeps the horizons, in days, of the signals that have one."""
    database.run("DELETE FROM meta WHERE key LIKE 'horizon.%'")
    for signal, days in horizons.items():
        if days:
            database.set_meta(f"horizon.{signal}", str(days))
    database.set_meta("open_days", str(open_days))
