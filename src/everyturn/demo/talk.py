"""One conversation as it happened: its turns, what was done with them, and the truth about each output."""

from __future__ import annotations

from dataclasses import dataclass, field

from everyturn.demo.people import Person
from everyturn.demo.phrases import Slots
from everyturn.demo.steer import Fate
from everyturn.demo.tools import ToolUse


@dataclass(slots=True)
class Exchange:
    """One turn as it was recorded. `seconds` the agent took; `error` the kind of failure a first model call ran into."""

    user: str
    at: float
    agent: str
    seconds: float
    tools: list[ToolUse]
    error: str | None = None

    @property
    def spans(self) -> int:
        """How many steps a tracer records for it: the agent's run, its model calls, its tool calls."""
        return 2 + (1 + len(self.tools) if self.tools else 0) + (self.error is not None)


@dataclass(slots=True)
class Done:
    """Something the person did outside the conversation. `turn` None where the tool that recorded it does not know.

    `linked` False: the tool knew the person, but not the conversation.
    """

    at: float
    kind: str
    turn: int | None = None
    artefact: str | None = None
    before: str | None = None
    linked: bool = True
    subject: str | None = None
    description: str | None = None


@dataclass(slots=True)
class Thumb:
    """A thumb up or down on one turn."""

    turn: int
    up: bool
    at: float
    comment: str | None


@dataclass(slots=True)
class Result:
    """The truth about one output that answered something. `fate` is None if nothing that was recorded can tell."""

    turn: int
    intent: str
    fate: Fate | None
    taken: bool = False  # accepted within the conversation, whatever was done with it later


@dataclass(slots=True)
class Talk:
    """One conversation with everything that came of it."""

    conversation_id: str
    person: Person
    intent: str
    week: int
    mobile: bool
    started: float
    exchanges: list[Exchange] = field(default_factory=list)
    actions: list[Done] = field(default_factory=list)
    thumbs: list[Thumb] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    gave_up: bool = False
    topic: str = ""
    slots: Slots | None = None

    @property
    def ended(self) -> float:
        """When the agent last answered."""
        last = self.exchanges[-1]
        return last.at + last.seconds


@dataclass(frozen=True, slots=True)
class Visit:
    """A conversation about to happen."""

    person: Person
    intent: str
    week: int
    mobile: bool
    at: float
