"""Spans and ratings -> conversations in which every message stands once.

    spans ─ merge_spans ─> one span a step ─ conversation_ids ─> forests ─ exchanges ─> dialogues ─ Transcript ─> Conversation

Each model call repeats the history, text the user saw may be on no model call, ids may be on one span of a trace alone, and
records come late, twice, in parts and in any order. All functions are pure: the same set of spans gives the same conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from everyturn.assemble.dialogue import dialogues, outline
from everyturn.assemble.history import Transcript
from everyturn.assemble.merge import merge_spans
from everyturn.assemble.threads import content_digest, link
from everyturn.assemble.traces import Exchange, Forest, conversation_ids, covered_turns, exchanges, in_order
from everyturn.model import COMMENT, Conversation, Feedback, FeedbackRecord, Message, Span, TraceEnds

_OF_ONE_TURN = frozenset({"message_id", "request_id", "turn", "turn_id", "turn_index", "turn_number"})

_TICK = timedelta(milliseconds=1)

_Turns: TypeAlias = dict[tuple[str, str], int]  # by trace and span id

__all__ = ["assemble", "link", "merge_spans", "trace_conversations", "trace_ends"]


@dataclass(slots=True)
class _Parts:
    """What belongs to one conversation: trees of spans, and the spans above them that several conversations share."""

    forests: list[Forest] = field(default_factory=list)
    shared: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Places:
    """Where ratings can hang: the turns of every span, trace and conversation, and the span of every response.

    Spans and traces give their conversation with its first and last turn they cover; `asked` gives, turn by turn, when the
    user asked. `alone` finds a span by its own id, for the clients that name it without its trace.
    """

    spans: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    traces: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    responses: dict[str, tuple[str, str]] = field(default_factory=dict)
    alone: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: dict[str, list[datetime | None]] = field(default_factory=dict)


def trace_conversations(spans: Sequence[Span]) -> dict[str, frozenset[str]]:
    """The conversation ids that each trace's spans resolve to, by trace id; the trace id itself where no span says one.

    The set is empty for traces that ran for an evaluation.

    >>> spans = [Span("t1", "a", conversation_id="c"), Span("t1", "b", parent_id="a"), Span("t2", "a")]
    >>> trace_conversations(spans) == {"t1": frozenset({"c"}), "t2": frozenset({"t2"})}
    True
    """
    return {
        trace_id: frozenset(c for c in conversation_ids(trace).values() if c is not None)
        for trace_id, trace in _by_trace(spans).items()
    }


def trace_ends(spans: Sequence[Span]) -> list[TraceEnds]:
    """How the traces without any conversation id begin and end; those that tell no message are left out.

    >>> [e.begins for e in trace_ends([Span("t", "a", operation="chat", input=(Message("user", "Hi"),))])]
    []
    """
    found = []
    for trace_id, trace in _by_trace(spans).items():
        if any(s.conversation_id or s.is_evaluation for s in trace):
            continue
        steps = sorted(exchanges(Forest(trace)), key=_exchange_order)
        started = min((s.started_at for s in steps if s.started_at), default=None)
        ended = max((s.ended_at for s in steps if s.ended_at), default=None)
        told = dialogues(steps[0], Transcript()) if steps else []
        if not told or started is None or ended is None:
            continue
        given = told[0].messages[: told[0].history]
        asked = max((i for i, m in enumerate(given) if m.role == "user"), default=0)
        ends = content_digest(_told(steps)[0])
        if ends is not None:
            user_id = next((s.user_id for s in sorted(trace, key=in_order) if s.user_id), None)
            found.append(TraceEnds(trace_id, user_id, started, ended, content_digest(given[:asked]), ends))
    return found


def assemble(spans: Sequence[Span], feedback: Sequence[FeedbackRecord]) -> list[Conversation]:
    """The conversations that the spans tell, by start, each with the ratings that hang on it.

    Assumes complete groups: all spans of all traces that share a conversation. A conversation of which spans tell no message
    (an application's own traces) is none. A trace without any conversation id is one of its own, named by the trace, unless it goes on
    where another such trace ended (`threads`). Where no content was recorded, the messages have none and the
    attribute `content` is "absent". A rating whose target is not among the spans is left out.

    >>> turn = Span("t", "a", operation="invoke_agent", input=(Message("user", "Hi"),), output=(Message("assistant", "Hello"),))
    >>> [(m.role, m.content) for c in assemble([turn], []) for m in c.messages]
    [('user', 'Hi'), ('assistant', 'Hello')]
    """
    parts: dict[str, _Parts] = {}
    first = link(trace_ends(spans))
    for trace_id, trace in _by_trace(spans).items():
        ids = conversation_ids(trace)
        if trace_id in first:
            ids = dict.fromkeys(ids, first[trace_id])
        own: dict[str, list[Span]] = {}
        for span in trace:
            if (name := ids[span.span_id]) is not None:
                own.setdefault(name, []).append(span)
        shared = [s for s in trace if ids[s.span_id] is None]
        for name, members in own.items():
            part = parts.setdefault(name, _Parts())
            part.forests.append(Forest(members))
            part.shared += shared
    places = _Places()
    found = [c for name, part in sorted(parts.items()) if (c := _conversation(name, part, places)) is not None]
    ratings = _ratings(feedback, places)
    found = [
        replace(c, feedback=tuple(ratings[c.conversation_id])) if c.conversation_id in ratings else c for c in found
    ]
    return sorted(found, key=lambda c: (c.started_at is None, c.started_at or 0, c.conversation_id))


def _by_trace(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans of each trace, one for each step."""
    traces: dict[str, dict[str, Span]] = {}
    for span in spans:
        trace = traces.setdefault(span.trace_id, {})
        known = trace.get(span.span_id)
        trace[span.span_id] = span if known is None else merge_spans(known, span)
    return {trace_id: list(trace.values()) for trace_id, trace in traces.items()}


def _conversation(name: str, parts: _Parts, places: _Places) -> Conversation | None:
    """One conversation without its ratings; None where its spans tell no message. Notes in `places` where its turns are."""
    steps = sorted((e for forest in parts.forests for e in exchanges(forest)), key=_exchange_order)
    if not steps:
        return None
    messages, turns = _told(steps)
    is_recorded = any(m.content for m in messages)
    if not is_recorded:
        messages, turns = _outlined(steps)
    _note_places(name, parts, turns, places)
    places.asked[name] = [m.at for m in messages if m.role == "user"]
    spans = sorted((s for forest in parts.forests for s in forest.spans), key=in_order) + sorted(
        parts.shared, key=in_order
    )
    attributes = _attributes(spans)
    return Conversation(
        conversation_id=name,
        user_id=next((s.user_id for s in spans if s.user_id), None),
        started_at=min((s.started_at for s in steps if s.started_at), default=None),
        messages=tuple(_in_time(_named(messages))),
        attributes=attributes if is_recorded else {**attributes, "content": "absent"},
    )


def _told(steps: Iterable[Exchange]) -> tuple[list[Message], _Turns]:
    """The messages of the exchanges, each once, and the turns of the spans that gave them."""
    transcript = Transcript()
    turns: _Turns = {}
    ended_at: datetime | None = None
    for step in steps:
        for dialogue in dialogues(step, transcript):
            last = transcript.extend(
                dialogue.messages, history=dialogue.history, is_spoken=dialogue.is_spoken, unseen_at=ended_at
            )
            users = sum(m.role == "user" for m in dialogue.messages)
            for span_id, count in dialogue.calls:
                turns[step.trace_id, span_id] = max(0, last - (users - count))
            if step.anchor is not None:
                turns.setdefault((step.trace_id, step.anchor.span_id), max(0, last))
        ended_at = step.ended_at or ended_at
    return transcript.messages, turns


def _outlined(steps: Iterable[Exchange]) -> tuple[list[Message], _Turns]:
    """The same where no content was recorded: each exchange is a turn."""
    messages: list[Message] = []
    turns: _Turns = {}
    for turn, step in enumerate(steps):
        messages += outline(step)
        turns |= {(step.trace_id, s.span_id): turn for s in step.spans}
    return messages, turns


def _note_places(name: str, parts: _Parts, turns: _Turns, places: _Places) -> None:
    for forest in parts.forests:
        trace_id = forest.spans[0].trace_id
        known = {s.span_id: turns[trace_id, s.span_id] for s in forest.spans if (trace_id, s.span_id) in turns}
        covers = covered_turns(forest, known)
        places.spans |= {(trace_id, span_id): (name, *cover) for span_id, cover in covers.items()}
        places.alone |= {span_id: (trace_id, span_id) for span_id in covers}
        places.responses |= {s.response_id: (trace_id, s.span_id) for s in forest.spans if s.response_id}
        if covers:
            low, high = min(c[0] for c in covers.values()), max(c[1] for c in covers.values())
            places.traces.setdefault(trace_id, {})[name] = low, high


def _exchange_order(exchange: Exchange) -> tuple[object, ...]:
    first = in_order(exchange.anchor or exchange.calls[0])
    return exchange.started_at or first[0], first


def _named(messages: Iterable[Message]) -> Iterable[Message]:
    """The messages, tool messages with the name of the tool that was called."""
    names: dict[str, str] = {}
    for message in messages:
        names |= {call.id: call.name for call in message.tool_calls if call.id is not None}
        if message.tool_call_id in names and message.name is None:
            yield replace(message, name=names[message.tool_call_id])
        else:
            yield message


def _in_time(messages: Iterable[Message]) -> Iterable[Message]:
    """The messages, those with the time of the one before them that would come less than a tick earlier.

    JavaScript's tracers cut starts to milliseconds and give ends in microseconds: a question seems to come before the reply it follows.
    """
    before: datetime | None = None
    for message in messages:
        at = message.at
        if at is None or before is None or not timedelta(0) < before - at < _TICK:
            before = at or before
            yield message
        else:
            yield replace(message, at=before)


def _attributes(spans: Sequence[Span]) -> dict[str, str]:
    """The first value of each attribute, the model's from a model call if any says it; none of what only tells turns apart."""
    found: dict[str, str] = {}
    for span in spans:
        if span.operation == "chat" and "model" in span.attributes:
            found["model"] = span.attributes["model"]
            break
    for span in spans:
        for key, value in span.attributes.items():
            found.setdefault(key, value)
    return {name: value for name, value in sorted(found.items()) if name not in _OF_ONE_TURN}


# --- ratings --------------------------------------------------------------------------------------------------


def _ratings(records: Iterable[FeedbackRecord], places: _Places) -> dict[str, list[Feedback]]:
    """The ratings of each conversation, in order of turn and name; of several with one id, the latest.

    Ratings that say the same of the same turn are one, whichever clients recorded them.
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
    """The ratings, each with the comment that came apart from it: on the same response, where it is the only one of a user there.

    A comment that is of no such rating stays by itself.
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


def _place(record: FeedbackRecord, places: _Places) -> tuple[str, int | None] | None:
    """The conversation and turn a rating belongs to: by its span, else its response, its trace, its conversation.

    Where these cover several turns it belongs to the last one asked when it was given: what the rater had just seen.
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
    """The last turn from `low` to `high` whose question was asked by the time `given`; the last of all where times do not tell."""
    if high < low:
        return None
    by_then = [i for i in range(low, min(high + 1, len(asked))) if (at := asked[i]) and given and at <= given]
    return by_then[-1] if by_then else high


def _record_order(record: FeedbackRecord) -> tuple[object, ...]:
    return (record.feedback_id, *_rating_order(record.feedback))


def _rating_order(rating: Feedback) -> tuple[object, ...]:
    """By turn (the whole conversation last), name, time, then everything else that could tell two apart."""
    return (
        *(rating.turn is None, rating.turn or 0, rating.name),
        *(rating.at is not None, rating.at.timestamp() if rating.at else 0.0),
        *(rating.value is not None, rating.value or 0.0, rating.label or "", rating.comment or "", rating.source),
    )
