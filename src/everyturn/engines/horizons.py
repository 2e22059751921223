"""Horizons: how old an output must be before its answer counts, the data they are learnt from, and where they are stored.

While an output is younger than its signal's horizon (`analysis/settling.py`), the view `facts` and the monitor treat its answer as
unknown, as they do while an answer is not final.
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
"""  # when outputs were given, in conversations longer than a day; in shorter ones the conversation's start is used


def lags(database: Database) -> pa.Table:
    """Final answers by signal, day of the output and day on which they became known: columns signal, given, known, n, y.

    Days are counted from 1 January 1970.
    """
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
    """Outputs whose answers carry no time, by signal and age in days: columns signal, age, asked, known (how many of them are)."""
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
    """The signal's horizon in days, 0 if its answers count at once."""
    return int(database.meta(f"horizon.{signal}") or 0)


def open_days(database: Database) -> int:
    """How many of the latest days still lack answers, for signals whose answers carry no time."""
    return int(database.meta("open_days") or 0)


def keep(database: Database, horizons: Mapping[str, int], *, open_days: int) -> None:
    """Stores the horizon of each signal and `open_days`, both in days."""
    database.run("DELETE FROM meta WHERE key LIKE 'horizon.%'")
    for signal, days in horizons.items():
        if days:
            database.set_meta(f"horizon.{signal}", str(days))
    database.set_meta("open_days", str(open_days))
