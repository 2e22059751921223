"""How long a silence must last, per intent, before it counts as the user having left.

The time-out of an intent is the time within which 95 in 100 of the users who come back do so. Once learnt it is kept, so that running
again gives the same numbers. An intent with too few gaps uses the time-out of all intents together; without that, it is seven days.
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
    """Adds a time-out for each intent that has none yet and has enough gaps, and one for all intents together (with an empty id)."""
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
    """Sets the time at which the silence at the end of each conversation counts: its last message plus the time-out."""
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
