"""What stands behind a number: single conversations, and examples to read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from everyturn.engines.fragments import fragments
from everyturn.engines.local import Database
from everyturn.engines.metrics import dimensions
from everyturn.model import Conversation, Json


def several(database: Database, ids: Iterable[str]) -> dict[str, Conversation]:
    """The conversations of these ids whole, in the order of the ids; those that are not stored are left out."""
    wanted = list(dict.fromkeys(ids))
    database.run("CREATE OR REPLACE TABLE wanted AS SELECT unnest(?::VARCHAR[]) AS conversation_id", [wanted])
    try:
        found = {
            c.conversation_id: c for fragment in fragments(database, among="wanted") for c in fragment.conversations()
        }
    finally:
        database.run("DROP TABLE wanted")
    return {conversation_id: found[conversation_id] for conversation_id in wanted if conversation_id in found}


def outcomes(database: Database, ids: Iterable[str]) -> dict[str, list[dict[str, Json]]]:
    """What became of each output of some conversations, by id: turn, outcome, evidence, edit share, what was seen."""
    found: dict[str, list[dict[str, Json]]] = {}
    for conversation_id, *row in database.rows(
        """
        WITH o AS (SELECT * FROM observations WHERE conversation_id IN (SELECT unnest(?::VARCHAR[])))
        SELECT o.conversation_id, o.turn, o.label, o.evidence, e.value, r.value, o.detail FROM o
        LEFT JOIN o e ON e.conversation_id = o.conversation_id AND e.turn IS NOT DISTINCT FROM o.turn
          AND e.signal = 'edit_share'
        LEFT JOIN o r ON r.conversation_id = o.conversation_id AND r.turn IS NOT DISTINCT FROM o.turn
          AND r.signal = 'rework'
        WHERE o.signal = 'acceptance' ORDER BY o.conversation_id, o.turn
        """,
        [list(ids)],
    ):
        names = ("turn", "outcome", "evidence", "edit_share", "rework", "detail")
        found.setdefault(conversation_id, []).append(dict(zip(names, row, strict=True)))
    return found


def latest(database: Database, *, user_id: str | None = None, limit: int) -> list[str]:
    """The ids of all conversations, or of one user's, the latest first."""
    own, parameters = ("", []) if user_id is None else ("WHERE user_id = ?", [user_id])
    found = database.rows(
        f"""
        SELECT conversation_id FROM conversations {own}
        ORDER BY started_at DESC NULLS LAST, conversation_id LIMIT ?
        """,
        [*parameters, limit],
    )
    return [conversation_id for (conversation_id,) in found]


def examples(database: Database, where: dict[str, Any], *, limit: int = 5) -> list[str]:
    """Conversation ids to read for a finding, no two of one user: first those where more than one cue tells, the most recent first.

    `where` may hold intent_id, cohort, user_ids, weeks (Mondays), signal, value (0 or 1 for the answers that make the point)
    and label.
    """
    parts: list[str] = []
    parameters: list[Json] = []

    def add(sql: str, value: Json) -> None:
        parts.append(sql)
        parameters.append(value)

    if where.get("signal"):
        add("signal = ?", where["signal"])
    if where.get("intent_id"):
        add("intent_id = ?", where["intent_id"])
    if where.get("cohort"):
        add(f"{dimensions(database)['cohort']} = ?", where["cohort"])
    if where.get("user_ids"):
        add("user_id IN (SELECT unnest(?))", list(where["user_ids"]))
    if where.get("weeks"):
        add("week IN (SELECT unnest(?)::DATE)", [str(w) for w in where["weeks"]])
    if where.get("label"):
        add("label = ?", where["label"])
    if where.get("value") is not None:
        parts.append("value >= 0.5" if where["value"] >= 0.5 else "value < 0.5")
    condition = " AND ".join(parts) or "true"
    return [
        row[0]
        for row in database.rows(
            f"""
            SELECT conversation_id FROM (
              SELECT conversation_id, user_id, bool_and(is_likely) AS is_likely, max(started_at) AS started_at
              FROM facts WHERE {condition} GROUP BY conversation_id, user_id
              QUALIFY row_number() OVER (PARTITION BY coalesce(user_id, conversation_id)
                ORDER BY bool_and(is_likely), max(started_at) DESC NULLS LAST, conversation_id) = 1)
            ORDER BY is_likely, started_at DESC NULLS LAST, conversation_id LIMIT ?
            """,
            [*parameters, limit],
        )
    ]


def examples_by_intent(database: Database, *, limit: int) -> dict[str, list[str]]:
    """For every intent, the conversation ids that `examples` gives for its answers that were not accepted, all read at once."""
    found: dict[str, list[str]] = {}
    for intent_id, conversation_id in database.rows(
        """
        SELECT intent_id, conversation_id FROM (
          SELECT intent_id, conversation_id, user_id, bool_and(is_likely) AS is_likely, max(started_at) AS started_at
          FROM facts WHERE signal = 'acceptance' AND value < 0.5 AND intent_id IS NOT NULL
          GROUP BY intent_id, conversation_id, user_id
          QUALIFY row_number() OVER (PARTITION BY intent_id, coalesce(user_id, conversation_id)
            ORDER BY bool_and(is_likely), max(started_at) DESC NULLS LAST, conversation_id) = 1)
        QUALIFY row_number() OVER (PARTITION BY intent_id
          ORDER BY is_likely, started_at DESC NULLS LAST, conversation_id) <= ?
        ORDER BY intent_id, is_likely, started_at DESC NULLS LAST, conversation_id
        """,
        [limit],
    ):
        found.setdefault(intent_id, []).append(conversation_id)
    return found


def conversation_json(conversation: Conversation) -> dict[str, Json]:
    """The exchange form of a conversation, as `export conversations` writes and `load` reads it."""
    messages: list[Json] = []
    for m in conversation.messages:
        form: dict[str, Json] = {"role": m.role, "content": m.content, "at": instant(m.at)}
        if m.tool_calls:
            form["tool_calls"] = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in m.tool_calls]
        if m.tool_call_id is not None:
            form["tool_call_id"] = m.tool_call_id
        if m.name is not None:
            form["name"] = m.name
        messages.append(form)
    return {
        "conversation_id": conversation.conversation_id,
        "user_id": conversation.user_id,
        "started_at": instant(conversation.started_at),
        "attributes": dict(conversation.attributes),
        "messages": messages,
        "feedback": _ratings(conversation, "user"),
        "scores": _ratings(conversation, "judge"),
    }


def _ratings(conversation: Conversation, source: str) -> list[Json]:
    """What people, or machines, said of it."""
    return [
        {"name": f.name, "value": f.value, "label": f.label, "comment": f.comment, "turn": f.turn}
        for f in conversation.feedback
        if f.source == source
    ]


def instant(at: datetime | None) -> str | None:
    """A time as ISO 8601 in UTC with a Z, None for none."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None
