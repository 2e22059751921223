"""Storing conversations that come as messages: their keys, conflicts, positions and header rows.

All functions run inside the load's transaction, read the staged table `in_messages`, and add the conversations they change to the
temporary table `touched`.
"""

from __future__ import annotations

from everyturn.engines.local import Database
from everyturn.model import Rejected


def merge_messages(database: Database) -> list[Rejected]:
    """Stores the staged messages; returns the records that contradict what is already stored."""
    run, scalar = database.run, database.scalar
    load = int(database.meta("loads") or 0) + 1
    database.set_meta("loads", str(load))
    # A message's key is its position if the source gives one, else its id, else its content and time: the n-th equal message of one
    # file is the n-th of any other, so that overlapping exports add nothing twice. The texts stay in the staged table and are found by
    # row, because sorting whole messages would move every text several times.
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE keyed AS
        WITH hashed AS (
          SELECT rowid AS row, conversation_id, record, "where", position, message_id, role, "at",
            {load}::BIGINT << 44 | record AS seq,
            md5(concat_ws('|', role, CASE WHEN content IS NULL THEN '0' ELSE '1' || content END,
              coalesce(tool_calls, ''), coalesce(tool_call_id, ''), coalesce(name, ''))) AS digest
          FROM temp.in_messages)
        SELECT * EXCLUDE (message_id), CASE
            WHEN position IS NOT NULL THEN 'p' || position
            WHEN message_id IS NOT NULL THEN 'm' || message_id
            ELSE 'h' || digest || '.' || coalesce(epoch_us("at")::VARCHAR, '') || '.' || row_number() OVER (
              PARTITION BY conversation_id, digest, "at", position, message_id, regexp_replace("where", ':\\d+$', '')
              ORDER BY row)
          END AS message_key
        FROM hashed
        """
    )
    run("INSERT INTO touched SELECT DISTINCT conversation_id FROM keyed")
    conflicts: list[Rejected] = []
    # First the records that contradict what is stored or the first record of their conversation, then those that contradict each other
    # beyond it.
    for scope in ("first", "all"):
        conflicts += _refuse_conflicts(database, scope)
    # Only messages that are not stored yet; identical ones are the same message.
    run(
        """
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT k.* FROM keyed k
        ANTI JOIN messages m ON m.conversation_id = k.conversation_id AND m.message_key = k.message_key
        QUALIFY row_number() OVER (PARTITION BY k.conversation_id, k.message_key ORDER BY k.row) = 1
        """
    )
    if scalar("SELECT count(*) FROM fresh"):
        _place_messages(database)
    run("DROP TABLE keyed")
    run("DROP TABLE fresh")
    return conflicts


def _refuse_conflicts(database: Database, scope: str) -> list[Rejected]:
    """Removes from `keyed` the records that have a different message under a key already taken; returns them."""
    base = (
        "SELECT conversation_id, min(record) AS record FROM keyed GROUP BY conversation_id"
        if scope == "first"
        else "SELECT DISTINCT conversation_id, record FROM keyed"
    )
    run = database.run
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE conflicting AS
        WITH base AS ({base}),
        reference AS (
          SELECT conversation_id, message_key, arg_min(digest, priority) AS digest FROM (
            SELECT conversation_id, message_key, digest, -1 AS priority FROM messages
            WHERE conversation_id IN (SELECT conversation_id FROM keyed)
            UNION ALL
            SELECT k.conversation_id, k.message_key, k.digest, k.row AS priority FROM keyed k
            SEMI JOIN base b ON b.conversation_id = k.conversation_id AND b.record = k.record)
          GROUP BY ALL)
        SELECT k.record, k.conversation_id, min(k."where") AS place, min(coalesce(k.position, -1)) AS position
        FROM keyed k JOIN reference r USING (conversation_id, message_key)
        WHERE k.digest <> r.digest GROUP BY k.record, k.conversation_id
        """
    )
    refused = database.rows("SELECT place, position, conversation_id FROM conflicting ORDER BY record")
    if refused:
        run(
            "DELETE FROM keyed USING conflicting c"
            " WHERE keyed.record = c.record AND keyed.conversation_id = c.conversation_id"
        )
    return [
        Rejected(
            place,
            "one content under one id: the messages already read, or a list that continues them",
            f"a different message at position {position}" if position >= 0 else "a different message of the same id",
        )
        for place, position, _ in refused
    ]


def _place_messages(database: Database) -> None:
    """Sets position and turn of every message of the touched conversations, and updates their header rows."""
    run = database.run
    run(
        """
        CREATE OR REPLACE TEMP TABLE places AS
        WITH every AS (
          SELECT conversation_id, message_key, position AS given, "at", seq, role FROM fresh
          UNION ALL
          SELECT conversation_id, message_key, given_position, "at", seq, role FROM messages
          WHERE conversation_id IN (SELECT conversation_id FROM fresh)),
        ordered AS (
          SELECT *, row_number() OVER (PARTITION BY conversation_id ORDER BY given NULLS LAST, "at" NULLS LAST, seq,
            role <> 'user', message_key) - 1 AS position FROM every)
        SELECT conversation_id, message_key, position,
          nullif(sum((role = 'user')::INT) OVER (PARTITION BY conversation_id ORDER BY position) - 1, -1) AS turn
        FROM ordered
        """
    )
    run(
        """
        UPDATE messages SET position = p.position, turn = p.turn FROM places p
        WHERE messages.conversation_id = p.conversation_id AND messages.message_key = p.message_key
          AND (messages.position <> p.position OR messages.turn IS DISTINCT FROM p.turn)
        """
    )
    run(
        """
        INSERT INTO messages BY NAME
        SELECT f.conversation_id, f.place AS position, f.turn, f.role, s.content, f."at", s.tool_calls, s.tool_call_id, s.name,
          s.user_id, f.message_key, f.digest, f.position AS given_position, f.seq
        FROM (SELECT f.*, p.position AS place, p.turn FROM fresh f JOIN places p USING (conversation_id, message_key)) f
        JOIN temp.in_messages s ON s.rowid = f.row
        """
    )
    # One row a conversation; an attribute's value is the one first read.
    run(
        """
        CREATE OR REPLACE TEMP TABLE headers AS
        WITH known AS (
          SELECT conversation_id, attributes, -1 AS seq FROM conversations c
          WHERE conversation_id IN (SELECT conversation_id FROM fresh)
          UNION ALL SELECT f.conversation_id, s.attributes, min(f.seq) FROM fresh f
            JOIN temp.in_messages s ON s.rowid = f.row GROUP BY ALL),
        plain AS (
          SELECT conversation_id, any_value(attributes) AS attributes FROM known
          WHERE attributes <> '{}' GROUP BY conversation_id HAVING count(DISTINCT attributes) = 1),
        pieces AS (
          SELECT conversation_id, unnest(map_entries(CAST(attributes::JSON AS MAP(VARCHAR, VARCHAR)))) AS entry, seq
          FROM known WHERE attributes <> '{}' AND conversation_id NOT IN (SELECT conversation_id FROM plain)),
        mixed AS (
          SELECT conversation_id, entry.key AS key, arg_min(entry.value, seq) AS value FROM pieces GROUP BY ALL)
        SELECT * FROM plain
        UNION ALL
        SELECT conversation_id, to_json(map_from_entries(list((key, value) ORDER BY key)))::VARCHAR
        FROM mixed GROUP BY conversation_id
        """
    )
    _write_headers(database, "SELECT DISTINCT conversation_id FROM fresh", origin="messages")


def _write_headers(database: Database, ids: str, *, origin: str) -> None:
    """Renews the conversation rows of `ids` (a query) from their messages and the table `headers`."""
    run = database.run
    run(f"CREATE OR REPLACE TEMP TABLE renewed AS {ids}")
    run(
        """
        CREATE OR REPLACE TEMP TABLE rows_renewed AS
        SELECT m.conversation_id,
          arg_min(m.user_id, m.seq) FILTER (m.user_id IS NOT NULL) AS user_id,
          min(m.at) AS started_at, max(m.at) AS ended_at, count(*)::INT AS messages,
          count(*) FILTER (m.role = 'user')::INT AS turns,
          count(DISTINCT m.turn) FILTER (m.role = 'assistant' AND m.tool_calls IS NULL AND m.turn IS NOT NULL)::INT
            AS outputs
        FROM messages m SEMI JOIN renewed r ON r.conversation_id = m.conversation_id GROUP BY m.conversation_id
        """
    )
    # A conversation's own start, where its source gives one, stands in for the time of its first message.
    run("ALTER TABLE rows_renewed ADD COLUMN given_start TIMESTAMP")
    run(
        """
        UPDATE rows_renewed SET given_start = g.given_start FROM (
          SELECT conversation_id, min(given_start) AS given_start FROM (
            SELECT conversation_id, given_start FROM conversations
            UNION ALL
            SELECT conversation_id, json_extract_string(attributes, '$.started_at')::TIMESTAMPTZ::TIMESTAMP FROM headers)
          GROUP BY conversation_id) g
        WHERE g.conversation_id = rows_renewed.conversation_id
        """
    )
    run("DELETE FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM renewed)")
    run(
        f"""
        INSERT INTO conversations BY NAME
        SELECT r.conversation_id, r.user_id, coalesce(r.given_start, r.started_at) AS started_at,
          coalesce(r.ended_at, r.given_start) AS ended_at, r.given_start,
          coalesce(json_merge_patch(h.attributes, '{{"started_at": null}}')::VARCHAR, '{{}}') AS attributes,
          r.messages, r.turns, r.outputs, '{origin}' AS origin
        FROM rows_renewed r LEFT JOIN headers h USING (conversation_id)
        """
    )
    for name in ("renewed", "rows_renewed", "headers"):
        run(f"DROP TABLE {name}")


def place_ratings(database: Database) -> None:
    """Stores the feedback on conversations that came as messages; such feedback names its conversation and turn itself."""
    run = database.run
    run(
        """
        CREATE OR REPLACE TEMP TABLE rated AS
        SELECT DISTINCT conversation_id FROM temp.in_ratings
        WHERE conversation_id IN (SELECT conversation_id FROM conversations WHERE origin = 'messages')
        """
    )
    run("INSERT INTO touched SELECT conversation_id FROM rated")
    run("DELETE FROM feedback WHERE conversation_id IN (SELECT conversation_id FROM rated)")
    run(
        """
        INSERT INTO feedback BY NAME
        SELECT conversation_id, turn, name, value, label, comment, source, "at" FROM ratings
        WHERE conversation_id IN (SELECT conversation_id FROM rated) ORDER BY feedback_id
        """
    )
