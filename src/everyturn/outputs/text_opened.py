"""What is behind a number, opened up as text: conversations, intents, users, signals and findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import UNKNOWN
from everyturn.outputs import Result
from everyturn.outputs.commands import command
from everyturn.outputs.days import day, elapsed, say_day
from everyturn.outputs.diff import action_diff
from everyturn.outputs.figures import fields, items
from everyturn.outputs.lives import lives
from everyturn.outputs.terminal import grid, heading, printable, soft, strong, word_diff
from everyturn.outputs.text_cohorts import draw_cohort, draw_trust, draw_user
from everyturn.outputs.text_fields import draw_fields
from everyturn.outputs.text_findings import draw_findings
from everyturn.outputs.text_intents import draw_contexts, draw_intents
from everyturn.outputs.text_numbers import draw_rates
from everyturn.outputs.verdicts import say_change, say_evidence


def draw_shown(result: Result) -> Iterator[RenderableType]:
    """What is behind a number: a conversation, an intent, a cohort, a user, a finding or a signal, with conversations to read."""
    opened = next((name for name in _OPENED if fields(result, name)), None)
    yield from _OPENED[opened](fields(result, opened), result) if opened else draw_fields(result)
    if result.get("conversations") == [] and result.get("limit") != 0:
        yield Text("There is no conversation to read for it.")
    for conversation in items(result, "conversations"):
        yield ""
        if isinstance(conversation, Mapping):
            yield from _conversation(conversation)
        else:
            yield Text(printable(command(f"show conversation {conversation}")))


def _intent(intent: Mapping[str, Any], result: Result) -> Iterator[RenderableType]:
    yield strong(intent.get("intent") or "unnamed")
    if intent.get("description"):
        yield Text(printable(intent["description"]))
    yield from (Text(f"  “{printable(phrase)}”") for phrase in items(intent, "phrases"))
    yield from (Text(printable(line)) for line in lives(result))
    yield ""
    yield from draw_intents({"intents": [intent], "period": result.get("period")})
    if by_cohort := items(result, "by_cohort"):
        yield ""
        yield from draw_rates(by_cohort)
    yield from draw_contexts(result)


def _cohort(cohort: Mapping[str, Any], result: Result) -> Iterator[RenderableType]:
    yield from draw_cohort(cohort, items(result, "findings"))
    if items(result, "conversations"):
        yield from heading("Conversations with answers that were not taken, the latest first")


def _conversation(conversation: Mapping[str, Any]) -> Iterator[RenderableType]:
    started = conversation.get("started_at")
    about = [conversation.get("user_id"), say_day(started, year=True) if day(started) else None]
    about += [conversation.get("intent"), conversation.get("cohort")]
    yield strong(conversation.get("conversation_id") or "conversation")
    yield soft(", ".join(printable(part) for part in about if part))
    table = grid("", "", heads=False)
    table.columns[0].no_wrap = True
    outcomes = {outcome.get("turn"): outcome for outcome in items(conversation, "outcomes")}
    turn = -1
    messages = items(conversation, "messages")
    for position, message in enumerate(messages):
        role = str(message.get("role"))
        turn += role == "user"
        for call in items(message, "tool_calls"):
            arguments = call.get("arguments")
            said = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            table.add_row(soft("agent"), soft(f"called {printable(call.get('name'))} {said}"))
        if message.get("content") or not items(message, "tool_calls"):
            who = {"user": "user", "assistant": "agent"}.get(role, printable(role))
            table.add_row(
                strong(who) if role == "user" else soft(who), Text(printable(message.get("content") or "(empty)"))
            )
        ends_turn = position + 1 == len(messages) or messages[position + 1].get("role") == "user"
        if ends_turn and turn in outcomes:
            table.add_row("", soft(f"→ {_outcome(outcomes[turn])}"))
    for action in items(conversation, "actions"):
        when = elapsed(started, action.get("at"))
        table.add_row(
            soft("then"), Text(" ".join(filter(None, (printable(action.get("kind")).replace("_", " "), when))))
        )
        if pieces := action_diff(conversation, action):
            table.add_row("", word_diff(pieces))
    yield table


def _outcome(outcome: Mapping[str, Any]) -> str:
    parts = (str(outcome.get("outcome") or UNKNOWN), say_change(outcome), say_evidence(outcome))
    return ", ".join(part for part in parts if part)


def _signal(signal: Mapping[str, Any], result: Result) -> Iterator[RenderableType]:
    yield strong(signal.get("signal") or "signal")
    better = f"{signal['better'].capitalize()} is better." if signal.get("better") else ""
    yield Text(" ".join(filter(None, (printable(signal.get("question") or ""), better))))
    if rows := items(result, "rows"):
        yield ""
        yield from draw_rates(rows)
    yield from draw_contexts(result)
    if items(result, "conversations"):
        yield from heading("Conversations to read, those with the worst answers first")


_OPENED: dict[str, Callable[[Mapping[str, Any], Result], Iterator[RenderableType]]] = {
    "conversation": lambda conversation, _: _conversation(conversation),
    "intent": _intent,
    "cohort": _cohort,
    "user": lambda user, _: draw_user(user),
    "trust": lambda trust, _: draw_trust(trust),
    "finding": lambda finding, _: draw_findings([finding], otherwise="", whole=True),
    "signal": _signal,
}
