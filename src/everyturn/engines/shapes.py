"""How users use the product: per user, how many conversations have which intent, tool, length, hour and language."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.engines.metrics import knows_behaviour

LANGUAGE_ATTRIBUTES = ("language", "locale", "lang")
LONG = 4  # turns; a conversation with at least as many counts as long


def shapes(database: Database) -> pa.Table:
    """The number of conversations by user, kind and value: columns user_id, kind, value, n.

    Kinds are intent, tool, length, hour, language, and conversations (all of a user's, with a null value).

    Hours are UTC: early morning 0-6, morning 6-12, afternoon 12-18, evening 18-24. Conversations without a user are left out.
    """
    language = ", ".join(f"json_extract_string(attributes, '$.\"{name}\"')" for name in LANGUAGE_ATTRIBUTES)
    return database.table(
        f"""
        WITH c AS (SELECT conversation_id, user_id, started_at, attributes, turns FROM conversations WHERE user_id IS NOT NULL),
        found AS (
          SELECT user_id, 'conversations' AS kind, NULL::VARCHAR AS value, conversation_id FROM c
          UNION ALL SELECT user_id, 'intent', a.intent_id, conversation_id FROM c JOIN assignments a USING (conversation_id)
            WHERE a.intent_id IS NOT NULL
          UNION ALL SELECT user_id, 'tool', name, conversation_id FROM (
            SELECT conversation_id, unnest(json_extract_string(tool_calls, '$[*].name')) AS name FROM messages
            WHERE tool_calls IS NOT NULL) t JOIN c USING (conversation_id)
          UNION ALL SELECT user_id, 'length', CASE WHEN turns >= {LONG} THEN 'long' ELSE 'short' END, conversation_id FROM c
            WHERE turns IS NOT NULL
          UNION ALL SELECT user_id, 'hour', ['early morning', 'morning', 'afternoon', 'evening'][hour(started_at) // 6 + 1],
            conversation_id FROM c WHERE started_at IS NOT NULL
          UNION ALL SELECT user_id, 'language', split_part(lower(coalesce({language})), '-', 1), conversation_id FROM c
            WHERE coalesce({language}) IS NOT NULL)
        SELECT user_id, kind, value, count(DISTINCT conversation_id)::BIGINT AS n FROM found GROUP BY ALL ORDER BY ALL
        """
    )


def store(database: Database, members: Mapping[str, tuple[str, float]], names: Mapping[str, str]) -> None:
    """Stores the group of each user: `members` holds group id and firmness by user, `names` the groups' names by id.

    `measure --by behaviour` reads them, and so does `watch` if users are divided by behaviour.
    """
    users = sorted(members)
    groups, firmness = zip(*(members[user] for user in users), strict=True) if users else ((), ())
    rows = pa.table(
        {
            "member": pa.array(users, pa.string()),
            "group_id": pa.array(groups, pa.string()),
            "behaviour": pa.array([names.get(group, group) for group in groups], pa.string()),
            "firmness": pa.array(firmness, pa.float64()),
        }
    )
    with database.transaction():
        database.run(
            "CREATE TABLE IF NOT EXISTS behaviours (member VARCHAR, group_id VARCHAR, behaviour VARCHAR, firmness DOUBLE)"
        )
        database.run("DELETE FROM behaviours")
        database.insert("behaviours", rows)


def stored(database: Database) -> dict[str, str]:
    """The stored group id of each user; empty if users have not been grouped."""
    if not knows_behaviour(database):
        return {}
    return dict(database.rows("SELECT member, group_id FROM behaviours"))
