"""Decides what became of each output: the one place, shared by acceptance, edits, edit share and shadow rework.

The *verdict* is what happened in the conversation: an explicit action or a rating on that turn, else the user's next
words, else silence. The *outcome* adds the artefact, the text the output ended up in, which outranks them all; except
that an output accepted in the conversation and then rewritten stays accepted, and is shadow rework.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from everyturn.model import OBSERVATION_SCHEMA, Action, Conversation, Evidence, Outcome, Turn
from everyturn.signals import Signal
from everyturn.signals.actions import ACCEPTING, EDITED, HUMAN, REJECTING, REVERTED, artefact_of, by_turn, kind_of, output_at
from everyturn.signals.feedback import scaled
from everyturn.signals.replies import Reply, words_of
from everyturn.signals.survival import HEAVY, Artefact, Grade, grade, survival

WINDOW = timedelta(days=7)  # for shadow rework, and for silence to count as silence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened, how we know, when that was seen, and what was seen (never a message's text)."""

    outcome: Outcome
    evidence: Evidence | None
    at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rework:
    """Whether an output accepted in the conversation was redone; None where no time tells which actions came within a week."""

    redone: bool | None
    evidence: Evidence | None
    at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class OutputOutcome:
    """What became of one output.

    `verdict` is that of the conversation, `final` with the artefact. `kept` is the share of the output (or of the text as it
    stood before an edit) that survives and `kept_at` when that was seen, None where no text shows it. `rework` is None where the verdict is not "accepted".
    """

    turn: int
    verdict: Verdict
    final: Verdict
    kept: float | None
    kept_at: datetime | None
    rework: Rework | None

    @property
    def grade(self) -> Grade | None:
        """The class of the share kept."""
        return None if self.kept is None else grade(self.kept)


def outcomes(conversation: Conversation) -> tuple[OutputOutcome, ...]:
    """What became of each output, in order; worked out once and kept with the conversation."""
    known = vars(conversation).get("_outcomes")
    if isinstance(known, tuple):
        return known
    turns = tuple([turn for turn in conversation.turns if turn.agent])
    actions = by_turn(conversation, turns)
    decided = [_decide(conversation, turn, actions[turn.index]) for turn in turns]
    found = tuple(_with_rework(conversation, decided, actions))
    vars(conversation)["_outcomes"] = found  # as functools.cached_property does on a frozen dataclass
    return found


def observe_all(conversations: Iterable[Conversation], signals: Sequence[Signal]) -> pa.Table:
    """The observations of all signals on all conversations, as one table of OBSERVATION_SCHEMA.

    What the signals share (the reading of each reply, the outcome of each output) is worked out once a conversation.
    """
    names = OBSERVATION_SCHEMA.names
    columns: dict[str, list[object]] = {name: [] for name in names}
    for conversation in conversations:
        for signal in signals:
            for observation in signal.observe(conversation):
                for name in names:
                    columns[name].append(getattr(observation, name))
    return pa.table(columns, schema=OBSERVATION_SCHEMA)


def _decide(conversation: Conversation, turn: Turn, actions: list[Action]) -> OutputOutcome:
    verdict = (
        _explicit(conversation, turn, [action for action in actions if kind_of(action) != REVERTED])
        or _silent(conversation, turn)
    )
    reverted = [action for action in actions if kind_of(action) == REVERTED]
    if reverted and verdict.outcome != "accepted":  # an accepted one that is reverted later is shadow rework instead
        verdict = Verdict("rejected", "action", reverted[-1].at, REVERTED)
    kept, shown = _survived(turn, actions)
    final = verdict
    if shown is not None and kept is not None:
        graded = grade(kept)
        if graded == "as-is":
            final = Verdict("accepted", "artefact", shown.at, f"{kind_of(shown)}, kept {kept:.2f}: as-is")
        elif graded != "rewritten" or verdict.outcome != "accepted":
            final = Verdict("edited", "artefact", shown.at, f"{kind_of(shown)}, kept {kept:.2f}: {graded}")
    return OutputOutcome(turn.index, verdict, final, kept, shown.at if shown else None, None)


def _survived(turn: Turn, actions: list[Action]) -> tuple[float | None, Action | None]:
    """The share kept in the latest artefact, and the action that shows it. Edits in a row are measured from the first's start."""
    shown = [action for action in actions if artefact_of(action) is not None]
    output = turn.output.content if turn.output else None
    first_edit = next((action for action in shown if kind_of(action) == EDITED and action.before is not None), None)
    if not shown:
        return None, None
    last = shown[-1]
    before = first_edit.before if first_edit is not None and kind_of(last) == EDITED else output
    return (None, None) if not before else (survival(before, last.artefact or ""), last)


def _explicit(conversation: Conversation, turn: Turn, actions: list[Action]) -> Verdict | None:
    """By an action or a rating; the latest counts, and a rating without a time is taken for the last word."""
    events: list[tuple[datetime | None, Verdict]] = []
    for action in actions:
        kind = kind_of(action)
        if kind in ACCEPTING and not _is_rewriting(turn, action):
            events.append((action.at, Verdict("accepted", "action", action.at, kind)))
        elif kind in REJECTING:
            events.append((action.at, Verdict("rejected", "action", action.at, kind)))
        elif kind == EDITED:
            events.append((action.at, Verdict("edited", "action", action.at, kind)))
    for feedback in conversation.feedback:
        value = scaled(feedback) if feedback.turn == turn.index and feedback.source == "user" else None
        if value is not None and value != 0.5:
            outcome: Outcome = "accepted" if value > 0.5 else "rejected"
            events.append((feedback.at, Verdict(outcome, "action", feedback.at, f"rated {value:.2f}")))
    timed = [event for event in events if event[0] is not None]
    untimed = [event for event in events if event[0] is None]
    if untimed:
        return untimed[-1][1]
    return max(timed, key=lambda event: event[0] or datetime.min)[1] if timed else None


def _is_rewriting(turn: Turn, action: Action) -> bool:
    """Whether what was sent or saved is the user's own text rather than the output: then the click accepts nothing."""
    text, output = artefact_of(action), turn.output.content if turn.output else None
    return text is not None and bool(output) and survival(output or "", text) < HEAVY


def _silent(conversation: Conversation, turn: Turn) -> Verdict:
    """By the user's next words, or by there being none."""
    words = words_of(conversation)
    reply = words.replies[turn.index]
    if reply is not None and reply.tone in ("pushback", "pleased"):
        outcome: Outcome = "rejected" if reply.tone == "pushback" else "accepted"
        return Verdict(outcome, "words", reply.at, ", ".join(reply.cues))
    until = output_at(conversation, turn)
    until = until + WINDOW if until else None
    if _has_text(conversation):
        if turn.output is not None and not (turn.output.content or "").strip():
            return Verdict("rejected", "silence", reply.at if reply else until, "empty reply")
        if turn.output is None and not any(message.content for message in turn.agent if message.role == "assistant"):
            if reply is not None:
                return Verdict("rejected", "silence", reply.at, "no reply")
            return Verdict("unknown", "silence", until, "ended in a tool call")
    if reply is not None:
        return _undecided(reply)
    if words.asked[turn.index] == "asks":
        return Verdict("abandoned", "silence", until, "asked the user, who never came back")
    return Verdict("unknown", "silence", until, "no reply by the user")


def _undecided(reply: Reply) -> Verdict:
    if reply.tone == "unreadable":
        return Verdict("unknown", None, reply.at, reply.why or "unreadable")
    return Verdict("unknown", "words", reply.at, f"moved on ({', '.join(reply.cues)})" if reply.cues else "moved on")


def _has_text(conversation: Conversation) -> bool:
    """Whether the conversation was recorded with its texts; some clients keep its structure alone."""
    return any(message.content for message in conversation.messages)


def _with_rework(
    conversation: Conversation, decided: list[OutputOutcome], actions: dict[int, list[Action]]
) -> Iterable[OutputOutcome]:
    """Each outcome with its rework. A human asked for without naming a turn concerns the latest accepted output by then."""
    outputs = {turn.index: turn for turn in conversation.turns}
    accepted = [each for each in decided if each.verdict.outcome == "accepted"]
    given = {each.turn: output_at(conversation, outputs[each.turn]) for each in accepted}
    about: dict[int, list[Action]] = {each.turn: [] for each in accepted}
    for turn_index, those in actions.items():
        for action in those:
            if action.user_id and conversation.user_id and action.user_id != conversation.user_id:
                continue
            if turn_index in about and (action.turn == turn_index or artefact_of(action) is not None):
                about[turn_index].append(action)
            elif action.turn is None and kind_of(action) in HUMAN | {REVERTED}:
                earlier = [index for index, at in given.items() if at is None or at <= action.at]
                if earlier:
                    about[earlier[-1]].append(action)
    for each in decided:
        if each.turn in about:
            yield replace(each, rework=_rework(outputs[each.turn], given[each.turn], about[each.turn]))
        else:
            yield each


def _rework(turn: Turn, given: datetime | None, actions: list[Action]) -> Rework:
    if given is None:
        return Rework(None, None, None, "no time to count the week from")
    for action in sorted(actions, key=lambda action: (action.at, action.action_id)):
        if not given <= action.at <= given + WINDOW:
            continue
        kind = kind_of(action)
        if kind in HUMAN or kind == REVERTED:
            return Rework(True, "action", action.at, kind)
        text, output = artefact_of(action), turn.output.content if turn.output else None
        if text is not None and output and (kept := survival(output, text)) < HEAVY:
            return Rework(True, "artefact", action.at, f"{kind}, kept {kept:.2f}")
    return Rework(False, "silence", given + WINDOW, "not redone within 7 days")
