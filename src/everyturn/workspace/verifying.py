"""What can only be determined after intents are known: the success checks of a conversation, and how long its silence must last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

import orjson

from everyturn.config import Success
from everyturn.engines import timeouts
from everyturn.engines.fragments import fragments
from everyturn.engines.local import Database
from everyturn.signals.outcome import table_of
from everyturn.signals.success import NOT_VERIFIABLE, SIGNAL, verify
from everyturn.workspace.horizons import learn_horizons

SUCCESS = SIGNAL.name
WITH_INTENTS = frozenset({SUCCESS, "abandonment"})  # signals that are only complete once intents are known
UNVERIFIED = "Task success is not verifiable without a success check: a [[success]] rule in everyturn.toml."


def register(db: Database, rules: Sequence[Success]) -> None:
    """Stores the team's success checks; if they differ from those stored, every conversation will be checked again."""
    text = orjson.dumps([{**asdict(rule), "within": rule.within.total_seconds()} for rule in rules]).decode()
    if (db.meta("success_checks") or "[]") != text:
        db.set_meta("success_checks", text)
        db.set_meta("settled", "no")


def registered(db: Database) -> tuple[Success, ...]:
    """The success checks stored in the workspace."""
    stored = orjson.loads(db.meta("success_checks") or "[]")
    return tuple(Success(**{**rule, "within": timedelta(seconds=rule["within"])}) for rule in stored)


def update_after_discovery(db: Database) -> None:
    """Updates time-outs, success checks and horizons, if intents, conversations or checks have changed since the last time."""
    if db.meta("settled") == "yes":
        return
    rules = registered(db)
    _choose(db, rules)  # outside the transaction: fragments are read by a cursor of their own
    with db.transaction():
        timeouts.learn(db)
        timeouts.apply(db)
        db.run("DELETE FROM observations WHERE signal = ? AND version > 0", [SIGNAL.name])
        if rules:
            _verify_all(db, rules)
        learn_horizons(db)
        db.set_meta("settled", "yes")
    db.run("DROP TABLE checked")


def _choose(db: Database, rules: Sequence[Success]) -> None:
    """Makes the table `checked`: the conversations of intents that have a success check."""
    wanted = {rule.intent.casefold() for rule in rules if rule.intent is not None}
    ids = [
        intent_id
        for intent_id, label in db.rows("SELECT intent_id, label FROM intents")
        if not wanted.isdisjoint((intent_id.casefold(), (label or "").casefold()))
    ]
    db.run(
        """
        CREATE OR REPLACE TABLE checked AS SELECT conversation_id FROM conversations WHERE origin <> 'outcomes'
        AND (? OR conversation_id IN (SELECT conversation_id FROM turn_intents WHERE intent_id IN (SELECT unnest(?::VARCHAR[]))))
        """,
        [any(rule.intent is None for rule in rules), ids],
    )


def _verify_all(db: Database, rules: Sequence[Success]) -> None:
    """Checks the conversations in `checked`; all others get an observation that says they are not verifiable."""
    for fragment in fragments(db, among="checked"):
        conversations = list(fragment.conversations())
        names = _names_of(db, [each.conversation_id for each in conversations])
        answers = [verify(each, concerning(rules, names.get(each.conversation_id, ()))) for each in conversations]
        db.insert("observations", table_of(answers))
    db.run(
        """
        INSERT INTO observations (conversation_id, signal, version, label, detail)
        SELECT conversation_id, ?, ?, ?, 'no success check' FROM conversations
        WHERE origin <> 'outcomes' AND conversation_id NOT IN (SELECT conversation_id FROM checked)
        """,
        [SIGNAL.name, SIGNAL.version, NOT_VERIFIABLE],
    )


def _names_of(db: Database, ids: list[str]) -> Mapping[str, set[str]]:
    """The ids and names of the intents of each of these conversations."""
    names: dict[str, set[str]] = {}
    for conversation_id, intent_id, label in db.rows(
        "SELECT DISTINCT t.conversation_id, t.intent_id, i.label FROM turn_intents t JOIN intents i USING (intent_id)"
        " WHERE t.conversation_id IN (SELECT unnest(?))",
        [ids],
    ):
        names.setdefault(conversation_id, set()).update(name for name in (intent_id, label) if name)
    return names


def concerning(rules: Sequence[Success], names: Iterable[str]) -> list[Success]:
    """The rules for an intent with one of these names or ids, and the rules for all intents."""
    known = {name.casefold() for name in names}
    return [rule for rule in rules if rule.intent is None or rule.intent.casefold() in known]
