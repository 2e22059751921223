"""Contexts in which the answers to an intent do worse than its other answers."""

from __future__ import annotations

from functools import cache

import orjson

from everyturn.analysis.contexts import Context, contexts, with_examples
from everyturn.engines.contexts import read_contexts
from everyturn.engines.kept import kept
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.signals import Signal
from everyturn.stats.intervals import NEEDED_USERS
from everyturn.workspace.looking import names_of

SEPARATED = ("acceptance", "rework")  # the signals whose worse contexts are told of an intent and on the page


def contexts_of(db: Database, signal: Signal) -> list[dict[str, Json]]:
    """The contexts in which a signal is worse than in the intent's other answers, the clearest first; intents must be there.

    All intents are looked at together, since false discoveries are limited across them.
    """
    found = kept(db, f"contexts.{signal.name}", lambda: orjson.dumps([c.to_json() for c in _found(db, signal)]))
    told: list[dict[str, Json]] = orjson.loads(found)
    return told


def _found(db: Database, signal: Signal) -> list[Context]:
    read = read_contexts(db, signal.name, people=NEEDED_USERS)
    found = contexts(read.totals(), names_of(db), signal=signal.name, better=signal.better, within=cache(read.within))
    worst = "low" if signal.better == "higher" else "high"
    return with_examples(found, lambda c: read.examples(c.intent_id, (c.kind, c.name), has=c.has, worst=worst))
