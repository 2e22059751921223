"""What kinds of action mean, and which output each of a conversation's actions is about."""

from __future__ import annotations

from datetime import datetime

from everyturn.model import Action, Conversation, Turn
from everyturn.signals.survival import Artefact, is_measurable, survival

ACCEPTING = frozenset({"accepted", "copied", "inserted", "applied", "sent", "resolved", "saved", "published", "committed"})
REJECTING = frozenset({"rejected", "dismissed", "regenerated", "undone"})
EDITED = "edited"
REVERTED = "reverted"
HUMAN = frozenset({"ticket_opened", "human_requested", "called", "emailed"})

# The text that goes with these is not the output's fate: a copied part, a letter of complaint, what stood there before.
_TEXT_ASIDE = REJECTING | HUMAN | {REVERTED, "copied"}


def kind_of(action: Action) -> str:
    """The action's kind as our lists spell it: "Ticket-Opened" is "ticket_opened"."""
    return action.kind.strip().casefold().replace("-", "_").replace(" ", "_")


def artefact_of(action: Action) -> str | None:
    """The text the output may have ended up in, None where the action shows none."""
    return action.artefact if kind_of(action) not in _TEXT_ASIDE else None


def output_at(conversation: Conversation, turn: Turn) -> datetime | None:
    """When the turn's output was given, or the best that is known of it."""
    if turn.output and turn.output.at:
        return turn.output.at
    times = [message.at for message in turn.agent if message.at]
    return max(times) if times else turn.user.at or conversation.started_at


def by_turn(conversation: Conversation, outputs: tuple[Turn, ...]) -> dict[int, list[Action]]:
    """The actions on each output, oldest first.

    An action goes to the turn it names. Where it names none: an artefact goes to the output most of which it holds, of
    those given by then; any other to the latest output given by then; to the last output where times are missing.
    """
    found: dict[int, list[Action]] = {turn.index: [] for turn in outputs}
    if not outputs:
        return found
    for action in sorted(conversation.actions, key=lambda action: (action.at, action.action_id)):
        if action.turn is not None and action.turn in found:
            found[action.turn].append(action)
        else:
            found[_turn_of(conversation, outputs, action).index].append(action)
    return found


def _turn_of(conversation: Conversation, outputs: tuple[Turn, ...], action: Action) -> Turn:
    given = [turn for turn in outputs if turn.output and turn.output.at and turn.output.at <= action.at]
    candidates = given or list(outputs)
    text = artefact_of(action)
    if text is not None:
        artefact = Artefact(text)
        long = [turn for turn in candidates if turn.output and is_measurable(turn.output.content or "")]
        if long:  # "You're welcome!" at the end is not what was saved
            return max(long, key=lambda turn: (_kept(turn, artefact), turn.index))
    return candidates[-1]


def _kept(turn: Turn, artefact: Artefact) -> float:
    return survival(turn.output.content or "", artefact) if turn.output else 0.0
