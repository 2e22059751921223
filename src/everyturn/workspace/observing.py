"""Applies all signals to the conversations that have changed, and extracts their requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import orjson
import pyarrow as pa

from everyturn import registry
from everyturn.engines.fragments import Fragment, fragments
from everyturn.engines.links import WINDOW, Matching
from everyturn.engines.local import Database
from everyturn.errors import UnknownName
from everyturn.model import Json
from everyturn.signals import Signal
from everyturn.workspace.horizons import learn_horizons
from everyturn.workspace.result import Progress

SPREAD = 4_000  # conversations for which starting a further process pays

Answers: TypeAlias = tuple[pa.Table, pa.Table, int]  # observations, requests, conversations


def signals() -> dict[str, Signal]:
    """All signals, by name."""
    found: dict[str, Signal] = registry.find("signals", "SIGNAL")
    return found


def named_signal(name: str) -> Signal:
    """The signal of that name; raises UnknownName if there is none."""
    known = signals()
    if name not in known:
        raise UnknownName.among("signal", name, known)
    return known[name]


def how_texts_match() -> Matching:
    """The functions with which users' texts are matched with outputs and requests."""
    from everyturn.signals.noise import measure_noise
    from everyturn.signals.origins import match_texts, match_words

    return Matching(
        texts=partial(match_texts, window=WINDOW), words=partial(match_words, window=WINDOW), noise=measure_noise
    )


def needs_met(db: Database) -> frozenset[str]:
    """The kinds of data in the workspace, by the names that signals use for their needs."""
    told_by = {
        "messages": "conversations WHERE origin <> 'outcomes'",
        "user_ids": "conversations WHERE user_id IS NOT NULL",
        "feedback": "feedback WHERE source = 'user'",
        "judge_scores": "feedback WHERE source = 'judge'",
        "actions": "actions",
        "artefacts": "actions WHERE artefact IS NOT NULL",
        "labels": "observations WHERE signal = 'rejection_risk'",
        "success_checks": "meta WHERE key = 'success_checks' AND value <> '[]'",
    }
    return frozenset(need for need, rows in told_by.items() if db.rows(f"SELECT 1 FROM {rows} LIMIT 1"))


def silent_signals(db: Database) -> dict[str, Json]:
    """The signals that lack data, and which data each of them lacks."""
    met = needs_met(db)
    observed = {row[0] for row in db.rows("SELECT DISTINCT signal FROM observations WHERE version = 0")}
    lacking = {
        name: sorted(signal.needs - met)
        for name, signal in signals().items()
        if signal.needs - met and name not in observed
    }
    return {"silent_signals": sorted(lacking), "silent_because": lacking}


def observe(db: Database, *, progress: Progress) -> None:
    """Updates observations and requests of all conversations that have changed since the last time."""
    met = needs_met(db)
    # Signals that need intents or labels are computed elsewhere (`verifying.py`, `fitting.py`).
    active = [s for s in signals().values() if s.needs <= (met | {"user_ids"}) - {"success_checks", "labels"}]
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
        for observations, requests, conversations in ask_all(
            fragments(db, among="current"), [signal.name for signal in active], total=total
        ):
            db.insert("observations", observations)
            db.insert("requests", requests)
            done += conversations
            progress("observing", done, total)
        db.run("DELETE FROM pending")
        db.set_meta("observed_signals", state)
        db.set_meta("requests_changed", "yes")
        db.set_meta("settled", "no")
        learn_horizons(db)
    db.run("DROP TABLE current")
    progress("observing", total, total)


def ask_all(some: Iterable[Fragment], names: Sequence[str], *, total: int) -> Iterator[Answers]:
    """The answers for each fragment, in order; computed in several processes if there is enough work."""
    from joblib import Parallel, cpu_count, delayed

    processes = min(cpu_count(), total // SPREAD)
    if processes < 2:
        yield from (ask(fragment, names) for fragment in some)
        return
    # The next fragment is only read when a result has been taken, so that few are in memory.
    side_by_side = Parallel(n_jobs=processes, return_as="generator", batch_size=1, pre_dispatch=processes + 1)
    yield from side_by_side(delayed(ask)(fragment, names) for fragment in some)


def ask(fragment: Fragment, names: Sequence[str]) -> Answers:
    """The observations of the named signals, the requests, and the number of conversations."""
    from everyturn.intents.requests import extract
    from everyturn.signals.outcome import observe_all

    known = signals()
    conversations = list(fragment.conversations())
    observations = observe_all(conversations, [known[name] for name in names])
    return observations, extract(conversations), len(conversations)
