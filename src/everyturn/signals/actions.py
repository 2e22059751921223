"""Which output each action in a conversation is about, and how much of the output the action shows to have been kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from everyturn.model import NO_NOISE, Action, Conversation, NoiseFloor, Turn
from everyturn.model.kinds import ASIDE, HUMAN, spelt
from everyturn.signals.survival import Artefact, above, is_measurable, reads_as_code, survival

_NEAREST = 20  # outputs before an artefact that are considered if the action names no turn


@dataclass(frozen=True, slots=True)
class Use:
    """An action on an output.

    `artefact` is the text the output may have ended up in, and `kept` the share of the output found in it, above the workspace's noise
    floor; None if the action has no text or nothing in the output was new to the user. `is_named` says whether the action names the turn.
    """

    action: Action
    kind: str
    is_named: bool
    artefact: str | None = None
    kept: float | None = None


def kind_of(action: Action) -> str:
    """The action's kind in the spelling of `model.kinds`."""
    return spelt(action.kind)


def output_at(conversation: Conversation, turn: Turn) -> datetime | None:
    """When the turn's output was given; if it has no time, the best approximation; None if no message has one."""
    if turn.output and turn.output.at:
        return turn.output.at
    times = [message.at for message in turn.agent if message.at]
    return max(times) if times else turn.user.at or conversation.started_at


def uses_by_turn(conversation: Conversation, answered: Sequence[Turn]) -> dict[int, list[Use]]:
    """The actions on each of the answered turns' outputs, oldest first.

    An action belongs to the turn it names. If it names none, an artefact belongs to the output of which it contains most, among those
    given before it; any other action belongs to the latest output before it, or to the last one if times are missing.
    """
    found: dict[int, list[Use]] = {turn.index: [] for turn in answered}
    if not found:
        return found
    turns = {turn.index: turn for turn in answered}
    given = sorted(
        (turn.output.at, turn.index) for turn in answered if turn.output is not None and turn.output.at is not None
    )
    times = [at for at, _ in given]
    pasted = _Pasted(conversation)
    for action in sorted(conversation.actions, key=lambda action: (action.at, action.action_id)):
        kind = kind_of(action)
        text = None if kind in ASIDE | HUMAN else action.artefact
        artefact = None if text is None else Artefact(text)
        if action.turn in turns:
            turn = turns[action.turn]
        else:
            by_then = [turns[index] for _, index in given[: bisect_right(times, action.at)][-_NEAREST:]]
            turn = _turn_of(by_then or answered[-_NEAREST:], artefact)
        kept = _kept(turn, artefact, pasted, conversation.noise_floor) if artefact else None
        found[turn.index].append(Use(action, kind, action.turn in turns, text, kept))
    return found


class _Pasted:
    """What the user had written up to each turn, indexed once per turn."""

    def __init__(self, conversation: Conversation) -> None:
        self._texts = [turn.user.content or "" for turn in conversation.turns]
        self._indexed: dict[int, Artefact | None] = {}

    def until(self, turn: int) -> Artefact | None:
        """The user's own words up to this turn, None if there are none."""
        if turn not in self._indexed:
            text = "\n".join(filter(None, self._texts[: turn + 1]))
            self._indexed[turn] = Artefact(text) if text else None
        return self._indexed[turn]


def _turn_of(candidates: Sequence[Turn], artefact: Artefact | None) -> Turn:
    if artefact is not None:  # a short "You're welcome!" at the end is not what was saved
        long = [turn for turn in candidates if turn.output and is_measurable(turn.output.content or "")]
        if long:
            return max(long, key=lambda turn: (_held(turn, artefact) or 0.0, turn.index))
    return candidates[-1]


def _held(turn: Turn, artefact: Artefact) -> float | None:
    return survival(turn.output.content or "", artefact) if turn.output else None


def _kept(turn: Turn, artefact: Artefact, pasted: _Pasted, floor: NoiseFloor) -> float | None:
    if turn.output is None or not turn.output.content:
        return None
    share = survival(turn.output.content, artefact, pasted=pasted.until(turn.index))
    return None if share is None else above(share, floor_for(turn.output.content, artefact, floor))


def floor_for(output: str, artefact: Artefact, floor: NoiseFloor) -> float:
    """The noise floor that applies to this pair of texts: that of code or that of prose."""
    if floor == NO_NOISE:
        return 0.0
    return floor.code if reads_as_code(output, artefact) else floor.prose
