"""Conversations -> observations and requests: what was loaded since is asked all signals, and only that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from everyturn import registry
from everyturn.engines import evidence
from everyturn.engines.local import Database
from everyturn.model import Conversation, Json
from everyturn.signals import Signal
from everyturn.workspace.result import Progress

BATCH = 5_000  # conversations in memory at once while signals run


def signals() -> dict[str, Signal]:
    """The signals by name."""
    found: dict[str, Signal] = registry.find("signals", "SIGNAL")
    return found


def needs_met(db: Database) -> frozenset[str]:
    """Which kinds of data the workspace holds, by the names signals state their needs in."""
    present = db.rows(
        """
        SELECT 'messages' FROM conversations WHERE origin <> 'outcomes' HAVING count(*) > 0
        UNION ALL SELECT 'user_ids' FROM conversations WHERE user_id IS NOT NULL HAVING count(*) > 0
        UNION ALL SELECT 'feedback' FROM feedback WHERE source = 'user' HAVING count(*) > 0
        UNION ALL SELECT 'judge_scores' FROM feedback WHERE source = 'judge' HAVING count(*) > 0
        UNION ALL SELECT 'actions' FROM actions HAVING count(*) > 0
        UNION ALL SELECT 'artefacts' FROM actions WHERE artefact IS NOT NULL HAVING count(*) > 0
        """
    )
    return frozenset(row[0] for row in present)


def silent_signals(db: Database) -> dict[str, Json]:
    """The signals that cannot say anything yet, and the data each lacks."""
    met = needs_met(db)
    observed = {row[0] for row in db.rows("SELECT DISTINCT signal FROM observations WHERE version = 0")}
    lacking = {
        name: sorted(signal.needs - met)
        for name, signal in signals().items()
        if signal.needs - met and name not in observed
    }
    return {"silent_signals": sorted(lacking), "silent_because": lacking}


def observe(db: Database, *, progress: Progress) -> None:
    """Brings observations and requests up to date with what was loaded, for the conversations it touched."""
    from everyturn.intents.requests import extract
    from everyturn.signals.outcome import observe_all

    met = needs_met(db)
    active = [s for s in signals().values() if s.needs <= met | {"user_ids"}]
    state = orjson.dumps({s.name: s.version for s in active}, option=orjson.OPT_SORT_KEYS).decode()
    if db.meta("observed_signals") != state:  # a signal became able to speak, or changed its meaning: ask it everywhere
        db.run("INSERT INTO pending SELECT conversation_id FROM conversations WHERE origin <> 'outcomes'")
    total: int = db.scalar("SELECT count(DISTINCT conversation_id) FROM pending")
    if not total:
        return
    db.run("CREATE OR REPLACE TABLE current AS SELECT DISTINCT conversation_id FROM pending")
    done = 0
    with db.transaction():
        for name in ("observations", "requests"):
            db.run(
                f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM current) AND conversation_id"
                " NOT IN (SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
            )
        for conversations in batched(evidence.stream(db, among="current")):
            db.insert("observations", observe_all(conversations, active))
            db.insert("requests", extract(conversations))
            done += len(conversations)
            progress("observing", done, total)
        db.run("DELETE FROM pending")
        db.set_meta("observed_signals", state)
        db.set_meta("requests_changed", "yes")
    db.run("DROP TABLE current")
    progress("observing", total, total)


def batched(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    """The conversations in lists of at most `BATCH`."""
    iterator = iter(conversations)
    while batch := list(islice(iterator, BATCH)):
        yield batch
