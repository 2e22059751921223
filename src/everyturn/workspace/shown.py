"""Intents and conversations in the JSON form that `show` and the page share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from everyturn.analysis.words import counted
from everyturn.engines import evidence, metrics
from everyturn.engines.local import Database
from everyturn.errors import UnknownName
from everyturn.model import Conversation, Json
from everyturn.model.kinds import EDITED
from everyturn.signals.actions import Use, uses_by_turn

EXAMPLES = 3  # conversations shown for each intent; findings have their own five


def unknown_id(what: str, given: str, *, expected: str, try_: str) -> UnknownName:
    """The error for an unknown id. It does not repeat the id, which may identify a person."""
    return UnknownName(
        f"no {what} of that id", where=f"an id of {counted(len(given), 'character')}", expected=expected, try_=try_
    )


def intent_json(
    database: Database, row: Mapping[str, Json], conversations: Sequence[str], *, is_new: bool = False
) -> dict[str, Json]:
    """An intent as it is shown: the fields of its gap row, its description and place, and the ids of conversations to read."""
    told = database.rows(
        "SELECT description, phrases, first_seen::DATE, path[-1], x, y FROM intents WHERE intent_id = ?",
        [row["intent_id"]],
    )
    description, phrases, first_seen, theme, x, y = told[0] if told else (None, "[]", None, None, None, None)
    estimates = row["estimates"]
    return {
        "intent_id": row["intent_id"],
        "intent": row["intent"],
        "description": description,
        "phrases": orjson.loads(phrases or "[]"),
        "theme": theme,
        "x": x,
        "y": y,
        "status": [*(["new"] if is_new else []), *row["status"]],
        "first_seen": first_seen.isoformat() if first_seen else None,
        "volume": row["volume"],
        "share": row["share"],
        "users": row["users"],
        "weekly": row["weekly"],
        "acceptance": estimates["acceptance"],
        "smallest_change": row["smallest_change"],
        "acceptance_weekly": row["acceptance_weekly"],
        "rework": estimates.get("rework"),
        "edit_rate": estimates.get("edit_rate"),
        "escalation": estimates.get("escalation"),
        "cases": row["cases"],
        "eval_score": estimates["eval_score"],
        "distance": estimates["distance"],
        "lost": row["lost"],
        "conversations": list(conversations),
    }


def shown_conversations(database: Database, ids: Iterable[str]) -> dict[str, dict[str, Json]]:
    """Conversations as they are shown, by id and in the order of `ids`; ids that do not exist are left out.

    Each has all its messages and actions, its first intent, its cohort, and the outcomes of its outputs.
    """
    found = evidence.several(database, ids)
    cohort = metrics.dimensions(database)["cohort"]
    about = {
        conversation_id: {"intent": intent, "cohort": group}
        for conversation_id, intent, group in database.rows(
            f"""
            SELECT conversation_id, (SELECT arg_min(coalesce(i.label, a.intent_id, ''), a.request) FROM assignments a
                LEFT JOIN intents i USING (intent_id) WHERE a.conversation_id = c.conversation_id), {cohort}
            FROM conversations c WHERE conversation_id IN (SELECT unnest(?::VARCHAR[]))
            """,
            [list(found)],
        )
    }
    outcomes = evidence.outcomes(database, found)
    return {
        conversation_id: {
            **evidence.conversation_json(conversation),
            "intent": about[conversation_id]["intent"] or None,
            "cohort": about[conversation_id]["cohort"],
            "outcomes": outcomes.get(conversation_id, []),
            "actions": [_action_json(use, turn) for turn, use in _uses(conversation)],
        }
        for conversation_id, conversation in found.items()
    }


def conversation_list(database: Database, ids: Iterable[str]) -> list[dict[str, Json]]:
    """The values of `shown_conversations`: the conversations of these ids in their order."""
    return list(shown_conversations(database, ids).values())


def _uses(conversation: Conversation) -> list[tuple[int | None, Use]]:
    """The actions in order of time, each with the turn whose output it is about."""
    answered = [turn for turn in conversation.turns if turn.agent]
    found = uses_by_turn(conversation, answered)
    if not answered:
        return [(a.turn, Use(a, a.kind, is_named=False)) for a in conversation.actions]
    pairs = [(turn, use) for turn, uses in found.items() for use in uses]
    return sorted(pairs, key=lambda pair: (pair[1].action.at, pair[1].action.action_id))


def _action_json(use: Use, turn: int | None) -> dict[str, Json]:
    """An action as it is shown. `compared` is set if its text is what became of the output, or of `before` if that is given."""
    action = use.action
    form = {"at": evidence.instant(action.at), "kind": action.kind, "turn": turn, "artefact": action.artefact}
    if use.artefact is not None:
        form |= {"compared": True}
    if use.kind == EDITED and action.before:
        form |= {"before": action.before}
    return form
