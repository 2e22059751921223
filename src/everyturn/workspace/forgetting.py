"""Deletes what one user said and did, and everything concluded from it."""

from __future__ import annotations

from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.model import digest
from everyturn.redact import pseudonym

_BY_CONVERSATION = (
    "messages", "feedback", "ratings", "observations", "requests", "assignments", "turn_intents", "trace_conversations",
    "pending", "returns", "given_outcomes", "conversations",
)  # fmt: skip


def forget_user(db: Database, user: str) -> tuple[str, int]:
    """Deletes the user's data; gives the id they were stored under and how many conversations are gone."""
    owner = pseudonym(user, salt=db.meta("salt") or "")
    with db.transaction():
        db.run(
            "CREATE OR REPLACE TEMP TABLE gone AS SELECT conversation_id FROM conversations WHERE user_id = ?", [owner]
        )
        count: int = db.scalar("SELECT count(*) FROM gone")
        traces = (
            "(SELECT trace_id FROM trace_conversations WHERE conversation_id IN (SELECT conversation_id FROM gone))"
        )
        db.run(f"DELETE FROM spans WHERE trace_id IN {traces} OR user_id = ?", [owner])
        db.run(f"DELETE FROM ratings WHERE trace_id IN {traces}")
        db.run(f"DELETE FROM loose_traces WHERE trace_id IN {traces}")
        db.run(
            "DELETE FROM actions WHERE user_id = ? OR conversation_id IN (SELECT conversation_id FROM gone)", [owner]
        )
        db.run("DELETE FROM action_links WHERE action_id NOT IN (SELECT action_id FROM actions)")
        said = db.rows("SELECT text FROM requests WHERE conversation_id IN (SELECT conversation_id FROM gone)")
        db.connection.executemany(
            "DELETE FROM embeddings WHERE digest = ?", [[digest(text)] for (text,) in said if text] or [[""]]
        )
        for name in _BY_CONVERSATION:
            db.run(f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM gone)")
        if metrics.knows_behaviour(db):
            db.run("DELETE FROM behaviours WHERE member = ?", [owner])
        db.run("DELETE FROM blobs WHERE name = 'monitor'")  # it names users; it is made anew from what is left
    db.run("CHECKPOINT")
    return owner, count
