"""Assigns ratings to conversations and turns, by the span, trace, model response or conversation that the client names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from everyturn.assemble.traces import Forest, covered_turns
from everyturn.model import COMMENT, Feedback, FeedbackRecord, Message

Turns: TypeAlias = dict[tuple[str, str], int]  # by trace and span id


@dataclass(slots=True)
class Places:
    """What ratings can refer to: the turns of every span, trace and conversation, and the span of every response.

    Spans and traces are mapped to their conversation and the first and last turn they cover; `asked` holds the time of the question of
    each turn. `alone` finds a span by its own id, for clients that name it without its trace.
    """

    spans: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    traces: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    responses: dict[str, tuple[str, str]] = field(default_factory=dict)
    alone: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: dict[str, list[datetime | None]] = field(default_factory=dict)

    def note(self, name: str, forests: Iterable[Forest], turns: Turns, messages: Iterable[Message]) -> None:
        """Adds the turns of a conversation's spans and traces, and the times of its questions."""
        self.asked[name] = [m.at for m in messages if m.role == "user"]
        for forest in forests:
            trace_id = forest.spans[0].trace_id
            known = {s.span_id: turns[trace_id, s.span_id] for s in forest.spans if (trace_id, s.span_id) in turns}
            covers = covered_turns(forest, known)
            self.spans |= {(trace_id, span_id): (name, *cover) for span_id, cover in covers.items()}
            self.alone |= {span_id: (trace_id, span_id) for span_id in covers}
            self.responses |= {s.response_id: (trace_id, s.span_id) for s in forest.spans if s.response_id}
            if covers:
                low, high = min(c[0] for c in covers.values()), max(c[1] for c in covers.values())
                self.traces.setdefault(trace_id, {})[name] = low, high


def place_ratings(records: Iterable[FeedbackRecord], places: Places) -> dict[str, list[Feedback]]:
    """The ratings of each conversation, ordered by turn and name; of several with the same id, the latest.

    Identical ratings of the same turn count once, whichever clients recorded them.
    """
    latest: dict[str, FeedbackRecord] = {}
    for record in sorted(records, key=_record_order):
        latest[record.feedback_id] = record
    found: dict[str, list[Feedback]] = {}
    for record in _with_comments(latest.values()):
        if (place := _place(record, places)) is not None:
            name, turn = place
            found.setdefault(name, []).append(replace(record.feedback, turn=turn))
    for ratings in found.values():
        ratings.sort(key=_rating_order)
        once = {
            replace(rating, at=None): rating for rating in reversed(ratings)
        }  # the earliest of those that say the same
        ratings[:] = sorted(once.values(), key=_rating_order)
    return found


def _with_comments(records: Iterable[FeedbackRecord]) -> list[FeedbackRecord]:
    """The ratings, with separate comments added to the rating of the same response if there is exactly one by a user.

    Other comments stay separate.
    """
    found: list[FeedbackRecord] = []
    comments: list[FeedbackRecord] = []
    for record in records:
        is_comment = record.feedback.name == COMMENT and record.feedback.value is None and record.feedback.label is None
        (comments if is_comment and record.response_id is not None else found).append(record)
    if not comments:
        return found
    by_response: dict[str, list[int]] = {}
    for position, record in enumerate(found):
        if record.response_id is not None and record.feedback.source == "user":
            by_response.setdefault(record.response_id, []).append(position)
    for comment in comments:
        places = by_response.get(comment.response_id or "", [])
        rated = found[places[0]].feedback if len(places) == 1 else None
        if rated is None or rated.comment is not None:
            found.append(comment)
        else:
            said = replace(rated, comment=comment.feedback.comment, at=rated.at or comment.feedback.at)
            found[places[0]] = replace(found[places[0]], feedback=said)
    return found


def _place(record: FeedbackRecord, places: Places) -> tuple[str, int | None] | None:
    """The conversation and turn of a rating, from its span, else its response, its trace, or its conversation; None if none is known.

    If these cover several turns, it is the last one asked before the rating was given, because that is what the rater had just seen.
    """
    target = (record.trace_id, record.span_id) if record.trace_id and record.span_id else None
    if record.span_id and not record.trace_id:
        target = places.alone.get(record.span_id)
    if target not in places.spans and record.response_id is not None:
        target = places.responses.get(record.response_id)
    if target is not None and target in places.spans:
        name, low, high = places.spans[target]
        return name, _last_asked(places.asked.get(name, []), low, high, record.feedback.at)
    on_trace = places.traces.get(record.trace_id or "", {})
    only = next(iter(on_trace)) if len(on_trace) == 1 else None
    found = record.conversation_id if only is None or record.conversation_id in on_trace else only
    if found is None:
        return None
    if record.feedback.turn is not None and found not in on_trace:
        return found, record.feedback.turn
    asked = places.asked.get(found, [])
    low, high = on_trace.get(found, (0, len(asked) - 1))
    return found, _last_asked(asked, low, high, record.feedback.at)


def _last_asked(asked: Sequence[datetime | None], low: int, high: int, given: datetime | None) -> int | None:
    """The last turn from `low` to `high` whose question was asked before the time `given`; the last of all if times are missing."""
    if high < low:
        return None
    by_then = [i for i in range(low, min(high + 1, len(asked))) if (at := asked[i]) and given and at <= given]
    return by_then[-1] if by_then else high


def _record_order(record: FeedbackRecord) -> tuple[object, ...]:
    return (record.feedback_id, *_rating_order(record.feedback))


def _rating_order(rating: Feedback) -> tuple[object, ...]:
    """A sort key: by turn (the whole conversation last), name and time, then by all other fields."""
    return (
        *(rating.turn is None, rating.turn or 0, rating.name),
        *(rating.at is not None, rating.at.timestamp() if rating.at else 0.0),
        *(rating.value is not None, rating.value or 0.0, rating.label or "", rating.comment or "", rating.source),
    )
