"""What the tests of the signals build conversations with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.model import Action, Conversation, Feedback, Message

START = datetime(2026, 3, 2, 9, tzinfo=UTC)

Talk = Callable[..., Conversation]


@pytest.fixture
def talk() -> Talk:
    """Builds a conversation in which the user and the agent speak in turns, a minute apart."""

    def build(
        *texts: str | None,
        actions: tuple[Action, ...] = (),
        feedback: tuple[Feedback, ...] = (),
        timed: bool = True,
    ) -> Conversation:
        messages = [
            Message("assistant" if index % 2 else "user", text, START + timedelta(minutes=index) if timed else None)
            for index, text in enumerate(texts)
        ]
        return Conversation("c1", "u1", START if timed else None, tuple(messages), feedback=feedback, actions=actions)

    return build


@pytest.fixture
def act() -> Callable[..., Action]:
    """Builds an action of the user, by default an hour after the start."""

    def build(kind: str, **fields: object) -> Action:
        values: dict[str, object] = {
            "action_id": f"a-{kind}",
            "at": START + timedelta(hours=1),
            "user_id": "u1",
            "kind": kind,
        }
        return Action(**(values | fields))  # type: ignore[arg-type]

    return build
