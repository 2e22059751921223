"""The verb `show`: a conversation, an intent, a user, trust, a signal or a finding, with conversations to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

import numpy as np

from everyturn.analysis.leading import leading_order
from everyturn.analysis.panel import Panel
from everyturn.analysis.trust import cohort_trust, user_trust
from everyturn.engines import evidence, metrics
from everyturn.engines.local import Database
from everyturn.errors import InputError, NoUserIds, UnknownName
from everyturn.intents.layout import nearest
from everyturn.model import Json
from everyturn.signals import Signal
from everyturn.workspace.discovering import known
from everyturn.workspace.looking import gap_of, panel_of
from everyturn.workspace.measuring import intents_by_cohort, measure_rates
from everyturn.workspace.observing import named_signal, signals
from everyturn.workspace.result import plain
from everyturn.workspace.separating import SEPARATED, contexts_of
from everyturn.workspace.showing_cohort import cohort
from everyturn.workspace.shown import EXAMPLES, conversation_list, intent_json, shown_conversations, unknown_id

_NAMED = {"cohort": "its name as `cohorts` tells it", "intent": "its id, or its name as `discover` tells it"}
_AN_ID = "an id as `export conversations` writes it"


def is_conversation(what: Sequence[str]) -> bool:
    """Whether a single conversation is asked for, which can be shown before intents are found."""
    return what[0] == "conversation" and len(what) == 2


def opened(
    db: Database,
    what: Sequence[str],
    *,
    where: str | None,
    limit: int,
    findings: Callable[[], Sequence[dict[str, Json]]],
) -> dict[str, Json]:
    """What `show` answers to the words `what`: a conversation, cohort, intent or user, trust, a signal, or a finding.

    `findings` is called for all current findings if they are needed. Raises UnknownName for anything that does not exist.
    """
    if limit < 0:
        raise InputError(
            "a negative number of conversations cannot be shown",
            where="limit",
            expected="a number from 0",
            try_="everyturn show acceptance --limit 5",
        )
    by_id: dict[str, dict[str, Json]] = {}
    match what:
        case ["cohort" | "conversation" | "intent" | "user" as noun]:
            raise InputError(
                f"which {noun}?",
                where=f"show {noun}",
                expected=_NAMED.get(noun, "its id"),
                try_=f"everyturn show {noun} {'NAME' if noun in _NAMED else 'ID'}",
            )
        case ["conversation", conversation_id]:
            return conversation(db, conversation_id)
        case ["cohort" | "intent" as noun, *words]:
            name = " ".join(words)
            return (
                cohort(db, name, findings=findings(), limit=limit)
                if noun == "cohort"
                else intent(db, name, limit=limit)
            )
        case ["user", user_id]:
            return user(db, user_id, limit=limit)
        case ["trust"]:
            return trust(db)
        case [name] if name in signals():
            return signal(db, named_signal(name), where=where, limit=limit)
        case [name]:
            by_id = {finding["id"]: finding for finding in findings()}
            if found := by_id.get(name):
                return {"finding": found, "conversations": conversation_list(db, found["conversations"][:limit])}
    unknown = UnknownName.among("finding or signal", " ".join(what), [*signals(), *by_id], example="everyturn show {}")
    unknown.expected = f"{unknown.expected}; trust, cohort NAME, intent NAME, user ID or conversation ID"
    raise unknown


def conversation(db: Database, conversation_id: str) -> dict[str, Json]:
    """One conversation, with the outcome of each output."""
    shown = shown_conversations(db, [conversation_id]).get(conversation_id)
    if shown is None:
        raise unknown_id("conversation", conversation_id, expected=_AN_ID, try_="everyturn show acceptance")
    return {"conversation": shown}


def intent(db: Database, name: str, *, limit: int) -> dict[str, Json]:
    """One intent, by id or name, with conversations to read."""
    rows = gap_of(db)["rows"]
    found = next((row for row in rows if name in {row["intent_id"], row["intent"]}), None)
    if found is None:
        names = [row["intent"] for row in sorted(rows, key=itemgetter("intent_id"))]
        raise UnknownName.among("intent", name, names, example='everyturn show intent "{}"')
    intent_id = found["intent_id"]
    answers = {"intent_id": intent_id, "signal": "acceptance"}
    ids = evidence.examples(db, answers, limit=limit)
    not_taken = evidence.examples(db, {**answers, "value": 0}, limit=EXAMPLES)
    there = signals()
    told = [c for name in SEPARATED for c in contexts_of(db, there[name]) if c["intent_id"] == intent_id]
    return {
        "intent": intent_json(db, found, not_taken),
        "events": _events(db, intent_id),
        "nearest": _nearest(db, intent_id),
        "by_cohort": intents_by_cohort(db).get(intent_id, []),
        "contexts": told,
        "conversations": conversation_list(db, ids),
    }


def _events(db: Database, intent_id: str) -> list[dict[str, Json]]:
    """The events of an intent, including splits and mergers in which it was the other side; the earliest first."""
    return [
        {**row, "at": plain(row["at"])}
        for row in db.table(
            """
            SELECT e.kind, e.intent_id, coalesce(i.label, e.intent_id) AS intent, e."at", e.other,
              coalesce(o.label, e.other) AS other_intent, e.chance
            FROM intent_events e LEFT JOIN intents i USING (intent_id) LEFT JOIN intents o ON o.intent_id = e.other
            WHERE e.intent_id = ? OR e.other = ? ORDER BY e."at" NULLS FIRST, e.kind, e.intent_id
            """,
            [intent_id, intent_id],
        ).to_pylist()
    ]


def _nearest(db: Database, intent_id: str) -> list[dict[str, Json]]:
    """The most similar intents; empty if intents came with a team's outcomes and none were discovered."""
    discovery = known(db)
    return [
        {"intent_id": other.intent_id, "intent": other.label, "likeness": likeness}
        for other, likeness in (nearest(discovery, intent_id) if discovery else [])
    ]


def user(db: Database, user_id: str, *, limit: int) -> dict[str, Json]:
    """One user: their trust beside their cohort's, their outputs by week, and their latest conversations."""
    ids = evidence.latest(db, user_id=user_id, limit=max(limit, 1))
    panel = panel_of(db)
    if not ids and user_id not in panel.users:
        raise unknown_id("user", user_id, expected=_AN_ID, try_="everyturn show trust")
    found = next((each for each in user_trust(panel) if each.user_id == user_id), None)
    of_cohort = {c.cohort: c.trust.to_json() for c in cohort_trust(panel)}
    return {
        "user": {"user_id": user_id}
        | ({} if found is None else {**found.to_json(), "cohort_trust": of_cohort.get(found.cohort)})
        | {"weeks": _weeks(panel, user_id)},
        "conversations": conversation_list(db, ids[:limit]),
    }


def _weeks(panel: Panel, user_id: str) -> list[dict[str, Json]]:
    """A user's outputs by week, as numbers of known, accepted and unknown ones; the last week may be incomplete."""
    rows = panel.rows("acceptance")
    own = rows.take(np.isin(rows.user, [i for i, name in enumerate(panel.users) if name == user_id]))
    counts = {
        name: np.bincount(own.week, weights=of, minlength=len(panel.weeks))
        for name, of in (("known", own.n), ("accepted", own.y), ("unknown", own.unknown))
    }
    return [
        {"week": week.isoformat()} | {name: round(float(found[i]), 6) for name, found in counts.items()}
        for i, week in enumerate(panel.weeks)
    ]


def trust(db: Database) -> dict[str, Json]:
    """Trust by cohort with its parts, and whether it falls before use does."""
    panel = panel_of(db)
    return {
        "trust": {
            "cohorts": [cohort.to_json() for cohort in cohort_trust(panel)],
            "order": [order.to_json() for order in leading_order(panel)],
        }
    }


def signal(db: Database, asked: Signal, *, where: str | None, limit: int) -> dict[str, Json]:
    """One signal: its rate, the contexts it is worse in over all conversations, and those to read, with bad answers first."""
    ids = metrics.answered_badly(db, asked.name, better=asked.better, where=where, limit=limit)
    return {
        "signal": {
            "signal": asked.name,
            "question": asked.question,
            "better": asked.better,
            "version": asked.version,
        },
        "rows": _rate(db, asked.name, where=where),
        "contexts": [] if where else contexts_of(db, asked),
        "conversations": conversation_list(db, ids),
    }


def _rate(db: Database, signal: str, *, where: str | None) -> list[dict[str, Json]]:
    """The signal's rate; nothing where no answer says whose it is, for conversations can be read all the same."""
    try:
        rows: list[dict[str, Json]] = measure_rates(db, signal, groups=(), where=where, unit="user")["rows"]
    except NoUserIds:
        return []
    return rows
