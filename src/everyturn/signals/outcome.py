"""Decides what became of each output; acceptance, edits, edit share and rework are all derived from this.

The *verdict* is what happened in the conversation: an explicit action or rating on the turn, else the user's next words, else silence.
The *outcome* also takes the artefact into account, i.e. the text the output ended up in, which outranks all of these; except that an output
that was accepted in the conversation and rewritten afterwards stays accepted and counts as shadow rework.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

import pyarrow as pa

from everyturn.model import Conversation, Evidence, Feedback, NoiseFloor, Observation, Outcome, Turn
from everyturn.model.kinds import ACCEPTING, EDITED, HUMAN, REJECTING, RETURNED, REVERTED
from everyturn.model.schemas import OBSERVATION_SCHEMA
from everyturn.signals import Signal
from everyturn.signals.actions import Use, floor_for, output_at, uses_by_turn
from everyturn.signals.feedback import scaled
from everyturn.signals.replies import Reply, words_of
from everyturn.signals.survival import HEAVY, Artefact, Grade, above, grade, survival

# The beginning of the detail of an outcome that rests on one cue: it counts in rates, but says little about the single answer.
LIKELY = "likely, by one cue"
WINDOW = timedelta(days=7)  # for shadow rework, and for silence to count as silence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened, the kind of evidence, when it was seen, and what was seen (never a message's text)."""

    outcome: Outcome
    evidence: Evidence | None
    at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rework:
    """Whether an output accepted in the conversation was redone within a week (1) or not (0); None if the output has no time.

    `at` is the end of that week in both cases: if a 1 were final as soon as it is seen, the only known answers of the latest week would be
    the redone ones.
    """

    value: float | None
    evidence: Evidence | None
    at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class OutputOutcome:
    """What became of one output.

    `verdict` is that of the conversation, `final` the outcome that also takes the artefact into account. `kept` is the share of the output
    (or of the text before an edit) that survives, and `kept_at` when that was seen; None if no text shows it. `rework` is None unless the
    verdict is "accepted".
    """

    turn: int
    verdict: Verdict
    final: Verdict
    kept: float | None
    kept_at: datetime | None
    rework: Rework | None

    @property
    def grade(self) -> Grade | None:
        """The grade of the share kept, None if it is not known."""
        return None if self.kept is None else grade(self.kept)


def outcomes(conversation: Conversation) -> tuple[OutputOutcome, ...]:
    """What became of each output, in order; computed once and stored with the conversation.

    A turn in which the agent did nothing has no output: the user had not finished, or the record ends there.
    """
    known = vars(conversation).get("_outcomes")
    if isinstance(known, tuple):
        return known
    answered = [turn for turn in conversation.turns if turn.agent]
    uses = uses_by_turn(conversation, answered)
    ratings: dict[int, list[Feedback]] = {}
    for feedback in conversation.feedback:
        if feedback.turn is not None and feedback.source == "user":
            ratings.setdefault(feedback.turn, []).append(feedback)
    silent = _Silence(conversation)
    floor = conversation.noise_floor
    decided = [_decide(turn, uses[turn.index], ratings.get(turn.index, ()), silent, floor) for turn in answered]
    found = tuple(_with_rework(conversation, decided, uses))
    vars(conversation)["_outcomes"] = found  # as functools.cached_property does on a frozen dataclass
    return found


def observe_all(conversations: Iterable[Conversation], signals: Sequence[Signal]) -> pa.Table:
    """The observations of all signals on all conversations, as one table of OBSERVATION_SCHEMA.

    What several signals need (the reading of each reply, the outcome of each output) is computed once per conversation.
    """
    return table_of(
        each for conversation in conversations for signal in signals for each in signal.observe(conversation)
    )


def table_of(observations: Iterable[Observation]) -> pa.Table:
    """The observations as one table of OBSERVATION_SCHEMA."""
    rows = list(map(attrgetter(*OBSERVATION_SCHEMA.names), observations))
    return (
        pa.table(list(zip(*rows, strict=True)), schema=OBSERVATION_SCHEMA) if rows else OBSERVATION_SCHEMA.empty_table()
    )


def _decide(
    turn: Turn, uses: Sequence[Use], ratings: Sequence[Feedback], silence: _Silence, floor: NoiseFloor
) -> OutputOutcome:
    verdict = _explicit(uses, ratings) or silence.verdict(turn)
    reverted = [use for use in uses if use.kind == REVERTED]
    if reverted and verdict.outcome != "accepted":  # an accepted one that is reverted later is shadow rework instead
        verdict = Verdict("rejected", "action", reverted[-1].action.at, REVERTED)
    kept, shown = _survived(uses, floor)
    if kept is None or shown is None:
        return OutputOutcome(turn.index, verdict, verdict, None, None, None)
    graded, at = grade(kept), shown.action.at
    final = verdict
    if graded == "as-is":
        final = Verdict("accepted", "artefact", at, f"{shown.kind}, kept {kept:.2f}: as-is")
    elif graded != "rewritten" or verdict.outcome != "accepted":
        final = Verdict("edited", "artefact", at, f"{shown.kind}, kept {kept:.2f}: {graded}")
    return OutputOutcome(turn.index, verdict, final, kept, at, None)


def _survived(uses: Sequence[Use], floor: NoiseFloor) -> tuple[float | None, Use | None]:
    """The share kept in the latest artefact, and the action that shows it.

    An edit is compared with the text before it; a series of edits with the text before the first, because each alone would look light.
    """
    shown = [use for use in uses if use.artefact is not None]
    if not shown:
        return None, None
    last = shown[-1]
    begun = next((use.action.before for use in shown if use.kind == EDITED and use.action.before), None)
    if last.kind == EDITED and begun:
        after = Artefact(last.artefact or "")
        share = survival(begun, after)
        return None if share is None else above(share, floor_for(begun, after, floor)), last
    return last.kept, last


def _explicit(uses: Sequence[Use], ratings: Sequence[Feedback]) -> Verdict | None:
    """The verdict of the latest action or rating; a rating without a time counts as the latest. None if there is none.

    An action with a text is judged by that text: an edit counts as an artefact, and sending one's own text accepts nothing.
    """
    verdicts: list[Verdict] = []
    for use in uses:
        if use.kind in ACCEPTING and (use.kept is None or use.kept >= HEAVY):
            verdicts.append(Verdict("accepted", "action", use.action.at, use.kind))
        elif use.kind in REJECTING:
            verdicts.append(Verdict("rejected", "action", use.action.at, use.kind))
        elif use.kind == EDITED and use.artefact is None:
            verdicts.append(Verdict("edited", "action", use.action.at, use.kind))
    for rating in ratings:
        value = scaled(rating)
        if value is not None and value != 0.5:
            outcome: Outcome = "accepted" if value > 0.5 else "rejected"
            verdicts.append(Verdict(outcome, "action", rating.at, f"rated {value:.2f}"))
    latest: Verdict | None = None
    for verdict in verdicts:
        if latest is None or verdict.at is None or (latest.at is not None and verdict.at >= latest.at):
            latest = verdict
    return latest


class _Silence:
    """Verdicts without any action or rating: from the user's next words, or from their silence."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        # Some clients record no texts; then an empty output says nothing.
        self._has_text = any(message.content for message in conversation.messages)

    def verdict(self, turn: Turn) -> Verdict:
        """The verdict on the turn's output."""
        words = words_of(self._conversation)
        reply = words.replies[turn.index]
        if reply is not None and reply.tone in {"pushback", "pleased"}:
            outcome: Outcome = "rejected" if reply.tone == "pushback" else "accepted"
            # A single cue counts too: leaving it out would drop good and bad answers unequally and bias every rate.
            seen = _seen(reply) if reply.is_certain else f"{LIKELY}: {_seen(reply)}"
            return Verdict(outcome, "words", reply.at, seen)
        given = output_at(self._conversation, turn)
        until = given + WINDOW if given else None
        if self._has_text and (empty := _emptiness(turn)):
            # An empty answer is of no use to anybody. But a last turn that only called tools may still be going on.
            is_over = reply is not None or turn.output is not None
            return Verdict("rejected" if is_over else "unknown", "silence", reply.at if reply else until, empty)
        if reply is not None:
            return _undecided(reply)
        spoken = words.spoken[turn.index]
        if spoken is not None and spoken.asked == "asks":
            return Verdict("abandoned", "silence", until, "asked the user, who never came back")
        return Verdict("unknown", "silence" if self._has_text else None, until, "no reply by the user")


def _emptiness(turn: Turn) -> str | None:
    """In what way the agent gave no answer, None if it gave one."""
    if turn.output is not None:
        return None if (turn.output.content or "").strip() else "empty reply"
    spoke = any(message.content and message.role == "assistant" for message in turn.agent)
    return None if spoke else "ended in a tool call"


def _undecided(reply: Reply) -> Verdict:
    if reply.tone == "unreadable":
        return Verdict("unknown", None, reply.at, reply.why or "unreadable")
    return Verdict("unknown", "words", reply.at, f"moved on ({_seen(reply)})" if reply.cues else "moved on")


def _seen(reply: Reply) -> str:
    return ", ".join((*reply.cues, *(f"agent: {cue}" for cue in reply.agent)))


def _with_rework(
    conversation: Conversation, decided: Sequence[OutputOutcome], uses: Mapping[int, Sequence[Use]]
) -> Iterator[OutputOutcome]:
    """The outcomes with their rework.

    A request for a human, a return or a revert that names no turn concerns the latest output accepted before it.
    """
    given = {
        each.turn: output_at(conversation, conversation.turns[each.turn])
        for each in decided
        if each.verdict.outcome == "accepted"
    }
    about: dict[int, list[Use]] = {turn: [] for turn in given}
    for turn, those in uses.items():
        for use in those:
            by = use.action.user_id
            if by and conversation.user_id and by != conversation.user_id:
                continue  # done by someone else
            if not use.is_named and use.kind in HUMAN | {REVERTED, RETURNED}:
                for index in reversed(given):
                    at = given[index]
                    if at is None or at <= use.action.at:
                        about[index].append(use)
                        break
            elif turn in about:
                about[turn].append(use)
    for each in decided:
        yield replace(each, rework=_rework(given[each.turn], about[each.turn])) if each.turn in about else each


def _rework(given: datetime | None, uses: Sequence[Use]) -> Rework:
    if given is None:
        return Rework(None, None, None, "no time to count the week from")
    for use in sorted(uses, key=lambda use: (use.action.at, use.action.action_id)):
        if not given <= use.action.at <= given + WINDOW:
            continue
        if use.kind in HUMAN | {REVERTED, RETURNED}:
            return Rework(1.0, "action", given + WINDOW, use.kind)
        if use.kept is not None and use.kept < HEAVY:
            return Rework(1.0, "artefact", given + WINDOW, f"{use.kind}, kept {use.kept:.2f}")
    return Rework(0.0, "silence", given + WINDOW, "not redone within 7 days")
