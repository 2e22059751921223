"""Was the task done? Decided by a team's own rules about actions and tool results, for each intent; never by words.

Nearly half of failed agent runs end in thanks and without a complaint, and methods that only read words do no better than chance. Without
a rule for its intent, a conversation is therefore *not verifiable*, i.e. unknown. The rules are in `everyturn.toml`. Which of them apply to
a conversation depends on its intents, so the observations are made after discovery (`workspace/verifying.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from everyturn.config import Success
from everyturn.model import Conversation, Observation
from everyturn.model.kinds import spelt
from everyturn.signals import Signal
from everyturn.signals.actions import kind_of

NOT_VERIFIABLE = "not verifiable"


def verify(conversation: Conversation, rules: Sequence[Success]) -> Observation:
    """Whether one of the rules for its intents holds: 1 or 0; without any rule None, labelled "not verifiable".

    A 0 is only final when the longest time allowed by the rules is over, because the task may still be done until then.
    """
    if not rules:
        return Observation(
            conversation.conversation_id,
            SIGNAL.name,
            SIGNAL.version,
            None,
            label=NOT_VERIFIABLE,
            detail="no success check",
        )
    end = max((message.at for message in conversation.messages if message.at), default=conversation.started_at)
    last: datetime | None = None
    for rule in rules:
        at, is_done = _is_done(conversation, rule, end)
        if is_done:
            return _answer(conversation, 1.0, at, f"{'action' if rule.action else 'tool'}: {rule.action or rule.tool}")
        if rule.action and end is not None:
            last = max(last, end + rule.within) if last else end + rule.within
    return _answer(conversation, 0.0, last or end, f"none of {len(rules)} checks holds")


def _answer(conversation: Conversation, value: float, at: datetime | None, detail: str) -> Observation:
    return Observation(
        conversation.conversation_id,
        SIGNAL.name,
        SIGNAL.version,
        value,
        label="done" if value else "not done",
        evidence="action",
        final_at=at,
        detail=detail,
    )


def _is_done(conversation: Conversation, rule: Success, end: datetime | None) -> tuple[datetime | None, bool]:
    if rule.action is not None:
        wanted = spelt(rule.action)
        for action in sorted(conversation.actions, key=lambda action: (action.at, action.action_id)):
            if kind_of(action) == wanted and (end is None or action.at <= end + rule.within):
                return action.at, True
        return None, False
    called: set[str | None] = set()
    for message in conversation.messages:
        ids = {call.id for call in message.tool_calls if call.name == rule.tool}
        called |= ids
        if ids and rule.result is None:
            return message.at, True
        is_result = message.role == "tool" and (message.name == rule.tool or message.tool_call_id in called)
        if is_result and rule.result is not None and rule.result.casefold() in (message.content or "").casefold():
            return message.at, True
    return None, False


def _observe(_conversation: Conversation) -> Iterator[Observation]:
    """No observations, because the rules that apply are not known from the conversation alone."""
    return iter(())


SIGNAL = Signal(
    name="success",
    question="Was the task done, by the team's own check?",
    unit="conversation",
    better="higher",
    needs=frozenset({"success_checks"}),
    version=1,
    observe=_observe,
)
