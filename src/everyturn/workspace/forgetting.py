"""The verb `forget`: deletes what a user said and did, and everything concluded from it."""

from __future__ import annotations

from everyturn.engines import kept, metrics
from everyturn.engines.local import Database
from everyturn.model import digest
from everyturn.redact import pseudonym
from everyturn.workspace.shown import unknown_id

_BY_CONVERSATION = (
    "messages", "feedback", "ratings", "observations", "requests", "assignments", "turn_intents", "trace_conversations",
    "pending", "returns", "given_outcomes", "conversations",
)  # fmt: skip


def forget_user(db: Database, user: str) -> tuple[str, int]:
    """Deletes a user's data; returns the id under which it was stored and the number of conversations deleted.

    An id that is an e-mail address is stored as a pseudonym, or unchanged if it was loaded with `keep_personal_data`. Raises UnknownName if
    there is no such user.
    """
    ids = dict.fromkeys((pseudonym(user, salt=db.meta("salt") or ""), user))
    found = [each for each in ids if _is_named(db, each)]
    if not found:
        raise unknown_id(
            "user",
            user,
            expected="an id as it was loaded, or as `export conversations` writes it",
            try_="everyturn export conversations --to -",
        )
    with db.transaction():
        db.run(
            "CREATE OR REPLACE TEMP TABLE gone AS SELECT conversation_id FROM conversations"
            " WHERE user_id IN (SELECT unnest(?))",
            [found],
        )
        count: int = db.scalar("SELECT count(*) FROM gone")
        gone = "(SELECT conversation_id FROM gone)"
        traces = f"(SELECT trace_id FROM trace_conversations WHERE conversation_id IN {gone})"
        db.run(f"DELETE FROM spans WHERE trace_id IN {traces} OR user_id IN (SELECT unnest(?))", [found])
        db.run(f"DELETE FROM ratings WHERE trace_id IN {traces}")
        db.run(f"DELETE FROM loose_traces WHERE trace_id IN {traces}")
        db.run(f"DELETE FROM actions WHERE conversation_id IN {gone} OR user_id IN (SELECT unnest(?))", [found])
        db.run("DELETE FROM action_links WHERE action_id NOT IN (SELECT action_id FROM actions)")
        said = db.rows(f"SELECT DISTINCT text FROM requests WHERE text <> '' AND conversation_id IN {gone}")
        digests = [digest(text) for (text,) in said]
        db.run("DELETE FROM embeddings WHERE digest IN (SELECT unnest(?::VARCHAR[]))", [digests])
        for name in _BY_CONVERSATION:
            db.run(f"DELETE FROM {name} WHERE conversation_id IN {gone}")
        if metrics.knows_behaviour(db):
            db.run("DELETE FROM behaviours WHERE member IN (SELECT unnest(?))", [found])
        db.run("DELETE FROM blobs WHERE name = 'monitor'")  # it names users, and is computed again when needed
        kept.forget(db)
    db.run("CHECKPOINT")
    return found[0], count


def _is_named(db: Database, user_id: str) -> bool:
    """Whether anything is stored under an id, including messages and actions that belong to no conversation."""
    tables = ("conversations", "messages", "spans", "actions")
    return any(db.rows(f"SELECT 1 FROM {name} WHERE user_id = ? LIMIT 1", [user_id]) for name in tables)
