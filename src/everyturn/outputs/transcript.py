"""Conversations as the page shows them: whole, in order, each verdict beside the output it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from everyturn.analysis.words import counted
from everyturn.outputs.days import day, elapsed, say_day, short_day
from everyturn.outputs.diff import action_diff
from everyturn.outputs.figures import fields, items, number
from everyturn.outputs.verdicts import say_change, say_evidence

View: TypeAlias = dict[str, Any]

_ROLES = {"user": "User", "assistant": "Agent", "tool": "Tool", "system": "System"}
_OUTCOME_MARKS = {"accepted": "✓", "edited": "✎", "rejected": "✕", "abandoned": "⋯", "unknown": "?"}


def anchor(conversation_id: str) -> str:
    """The fragment and element id of a conversation: its own id, percent-encoded so that any id is a valid one.

    >>> anchor("c-1"), anchor("a b")
    ('conversation:c-1', 'conversation:a%20b')
    """
    return "conversation:" + quote(conversation_id, safe="")


def link(conversation_id: str, conversation: Mapping[str, Any]) -> View:
    """A conversation in one line: what the user first said, who and when, and how it went."""
    spoken = (m.get("content") for m in items(conversation, "messages") if m.get("role") == "user")
    outcomes = list(dict.fromkeys(str(o.get("outcome")) for o in items(conversation, "outcomes") if o.get("outcome")))
    if len(outcomes) > 1:  # a last turn nobody answered says nothing beside turns that were
        outcomes = [outcome for outcome in outcomes if outcome != "unknown"]
    return {
        "id": conversation_id,
        "href": "#" + anchor(conversation_id),
        "first": next((text for text in spoken if text), "no words of the user"),
        "about": [
            str(part)
            for part in (conversation.get("user_id"), short_day(conversation.get("started_at")))
            if part and part != "unknown"
        ],
        "outcomes": [_outcome_mark(outcome) for outcome in outcomes],
    }


def missing_link(conversation_id: str) -> View:
    """The same for a conversation that the report names and does not hold."""
    return {"id": conversation_id, "href": None, "first": "", "about": [], "outcomes": []}


def arrange_conversation(conversation_id: str, conversation: Mapping[str, Any]) -> View:
    """A conversation with all its messages, what the user said of it and what they did afterwards."""
    started = conversation.get("started_at")
    about = [("user", conversation.get("user_id")), ("intent", conversation.get("intent"))]
    about += [("cohort", conversation.get("cohort")), *fields(conversation, "attributes").items()]
    return {
        **link(conversation_id, conversation),
        "anchor": anchor(conversation_id),
        "started": say_day(started, year=True) if day(started) else "",
        "intent": conversation.get("intent"),
        "facts": list(dict.fromkeys((str(name), str(value)) for name, value in about if value)),
        "messages": _messages(conversation),
        "feedback": [_feedback(item) for item in items(conversation, "feedback") if item.get("turn") is None],
        "actions": [
            {
                "kind": str(action.get("kind") or "action").replace("_", " "),
                "when": elapsed(started, action.get("at")),
                "artefact": action.get("artefact"),
                "diff": action_diff(conversation, action),
            }
            for action in items(conversation, "actions")
        ],
    }


def _messages(conversation: Mapping[str, Any]) -> list[View]:
    """The messages in order, the verdict on each turn's output beside that output."""
    messages = items(conversation, "messages")
    outcomes = {o.get("turn"): o for o in items(conversation, "outcomes")}
    outputs = _outputs(messages)
    shown = []
    for position, message in enumerate(messages):
        turn = outputs.get(position)
        feedback = [f for f in items(conversation, "feedback") if f.get("turn") == turn] if turn is not None else []
        role = str(message.get("role") or "")
        content = message.get("content")
        shown.append(
            {
                "role": role if role in _ROLES else "other",
                "who": _ROLES.get(role, role or "Unknown"),
                "name": message.get("name"),
                "content": content,
                "size": counted(len(content), "character") if content else "no text",
                "folded": role in {"tool", "system"},  # machinery: there for who wants it
                "calls": [(str(call.get("name")), _arguments(call)) for call in items(message, "tool_calls")],
                "verdict": _verdict(outcomes[turn]) if turn in outcomes else None,
                "feedback": [_feedback(item) for item in feedback],
            }
        )
    return shown


def _outputs(messages: Sequence[Any]) -> dict[int, int]:
    """Where each turn's output stands: position of the last agent message without tool calls -> turn."""
    turn, found = -1, {}
    for position, message in enumerate(messages):
        if message.get("role") == "user":
            turn += 1
        elif message.get("role") == "assistant" and not message.get("tool_calls") and turn >= 0:
            found[turn] = position
    return {position: number_ for number_, position in found.items()}


def _verdict(outcome: Mapping[str, Any]) -> View:
    return {
        **_outcome_mark(str(outcome.get("outcome") or "unknown")),
        "change": say_change(outcome),
        "evidence": say_evidence(outcome),
    }


def _outcome_mark(outcome: str) -> View:
    return {"word": outcome, "mark": _OUTCOME_MARKS.get(outcome, "·")}


def _feedback(item: Mapping[str, Any]) -> View:
    value = number(item.get("value"))
    said = item.get("label") or (f"{value:g}" if value is not None else "")
    return {"name": item.get("name") or "feedback", "said": said, "comment": item.get("comment")}


def _arguments(call: Mapping[str, Any]) -> str:
    arguments = call.get("arguments")
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
