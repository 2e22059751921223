"""Gaps after which users came back -> how long a silence has to last, per intent, until it counts.

95 in 100 of the users of an intent who come back do so within its time-out. Once learnt a time-out stays, so that running again
gives the same numbers; an intent with too few gaps takes that of all intents together, and that failing seven days.
"""

from __future__ import annotations

from everyturn.engines.local import Database

SHARE = 0.95
FEWEST_GAPS = 50
FEWEST_USERS = 10
LONGEST = 7 * 86_400  # seconds

_GAPS = """
    SELECT m.conversation_id, m.user_id, t.intent_id, epoch(m."at" - m.before) AS seconds FROM (
      SELECT conversation_id, user_id, turn, role, "at",
        lag("at") OVER w AS before, lag(role) OVER w AS previous FROM messages
      WINDOW w AS (PARTITION BY conversation_id ORDER BY position)) m
    LEFT JOIN turn_intents t ON t.conversation_id = m.conversation_id AND t.turn = m.turn - 1
    WHERE m.role = 'user' AND m.previous = 'assistant' AND m."at" >= m.before
"""


def learn(database: Database) -> None:
    """Adds the time-out of each intent that has none yet and enough gaps, and that of all intents (with an empty id)."""
    database.run(
        f"""
        INSERT INTO timeouts
        SELECT * FROM (
          SELECT coalesce(intent_id, '') AS intent_id, least(quantile_disc(seconds, {SHARE}), {LONGEST}) AS seconds,
            count(*) AS gaps, count(DISTINCT coalesce(user_id, conversation_id)) AS users
          FROM ({_GAPS}) GROUP BY GROUPING SETS ((intent_id), ()) HAVING intent_id IS NOT NULL OR grouping(intent_id) = 1)
        WHERE gaps >= {FEWEST_GAPS} AND users >= {FEWEST_USERS} AND intent_id NOT IN (SELECT intent_id FROM timeouts)
        """
    )


def apply(database: Database) -> None:
    """Sets when the silences at the ends of conversations count: the time-out after the last message."""
    database.run(
        """
        UPDATE observations o SET final_at = s.final_at FROM (
          SELECT c.conversation_id, c.ended_at + to_microseconds(round(coalesce(own.seconds, every.seconds) * 1e6)::BIGINT)
            AS final_at
          FROM conversations c
          LEFT JOIN (SELECT conversation_id, arg_max(intent_id, turn) AS intent_id FROM turn_intents GROUP BY ALL) t
            USING (conversation_id)
          LEFT JOIN timeouts own ON own.intent_id = t.intent_id AND own.intent_id <> ''
          LEFT JOIN timeouts every ON every.intent_id = ''
          WHERE coalesce(own.seconds, every.seconds) IS NOT NULL AND c.ended_at IS NOT NULL) s
        WHERE s.conversation_id = o.conversation_id AND o.final_at IS DISTINCT FROM s.final_at
          AND (o.signal = 'abandonment' OR (o.signal = 'acceptance' AND o.label = 'abandoned'))
        """
    )
