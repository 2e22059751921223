"""From spans and ratings to conversations in which every message occurs once.

    spans ─ merge_spans ─> one span a step ─ conversation_ids ─> forests ─ exchanges ─> dialogues ─ Transcript ─> Conversation

Each model call repeats the history, text that the user saw may be on no model call, ids may be on only one span of a trace, and records come
late, twice, in parts and in any order. The result depends only on the set of spans, not on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from everyturn.assemble.dialogue import dialogues, outline
from everyturn.assemble.history import Transcript
from everyturn.assemble.merge import merge_spans
from everyturn.assemble.ratings import Places, Turns, place_ratings
from everyturn.assemble.threads import content_digest, link
from everyturn.assemble.traces import Exchange, Forest, conversation_ids, exchanges, in_order
from everyturn.model import Conversation, FeedbackRecord, Message, Span, TraceEnds

_OF_ONE_TURN = frozenset({"message_id", "request_id", "turn", "turn_id", "turn_index", "turn_number"})

_TICK = timedelta(milliseconds=1)


__all__ = ["assemble", "link", "merge_spans", "trace_conversations", "trace_ends"]


@dataclass(slots=True)
class _Parts:
    """The parts of one conversation: trees of spans, and the spans above them that it shares with other conversations."""

    forests: list[Forest] = field(default_factory=list)
    shared: list[Span] = field(default_factory=list)


def trace_conversations(spans: Sequence[Span]) -> dict[str, frozenset[str]]:
    """The conversation ids of each trace's spans, by trace id; the trace id itself if no span has a conversation id.

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
    """The beginnings and ends of the traces without a conversation id; traces without messages are left out.

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
    """The conversations recorded in the spans, ordered by start, each with its ratings.

    Assumes complete groups, i.e. all spans of all traces that share a conversation. Spans without any message (an application's own traces)
    give no conversation. A trace without a conversation id is a conversation of its own, named by the trace, unless it continues another
    such trace (`threads`). If no content was recorded, messages have no content and the attribute `content` is "absent". Ratings of
    something that is not among the spans are left out.

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
    places = Places()
    found = [c for name, part in sorted(parts.items()) if (c := _conversation(name, part, places)) is not None]
    ratings = place_ratings(feedback, places)
    found = [
        replace(c, feedback=tuple(ratings[c.conversation_id])) if c.conversation_id in ratings else c for c in found
    ]
    return sorted(found, key=lambda c: (c.started_at is None, c.started_at or 0, c.conversation_id))


def _by_trace(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans by trace, with all records of one step merged."""
    traces: dict[str, dict[str, Span]] = {}
    for span in spans:
        trace = traces.setdefault(span.trace_id, {})
        known = trace.get(span.span_id)
        trace[span.span_id] = span if known is None else merge_spans(known, span)
    return {trace_id: list(trace.values()) for trace_id, trace in traces.items()}


def _conversation(name: str, parts: _Parts, places: Places) -> Conversation | None:
    """One conversation without its ratings, None if its spans have no message. Adds the places of its turns to `places`."""
    steps = sorted((e for forest in parts.forests for e in exchanges(forest)), key=_exchange_order)
    if not steps:
        return None
    messages, turns = _told(steps)
    is_recorded = any(m.content for m in messages)
    if not is_recorded:
        messages, turns = _outlined(steps)
    places.note(name, parts.forests, turns, messages)
    own = (span for forest in parts.forests for span in forest.spans)
    spans = [*sorted(own, key=in_order), *sorted(parts.shared, key=in_order)]
    attributes = _attributes(spans)
    return Conversation(
        conversation_id=name,
        user_id=next((s.user_id for s in spans if s.user_id), None),
        started_at=min((s.started_at for s in steps if s.started_at), default=None),
        messages=tuple(_in_time(_named(messages))),
        attributes=attributes if is_recorded else {**attributes, "content": "absent"},
    )


def _told(steps: Iterable[Exchange]) -> tuple[list[Message], Turns]:
    """The messages of the exchanges, each once, and the turn of each span."""
    transcript = Transcript()
    turns: Turns = {}
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


def _outlined(steps: Iterable[Exchange]) -> tuple[list[Message], Turns]:
    """The same if no content was recorded: each exchange is a turn."""
    messages: list[Message] = []
    turns: Turns = {}
    for turn, step in enumerate(steps):
        messages += outline(step)
        turns |= {(step.trace_id, s.span_id): turn for s in step.spans}
    return messages, turns


def _exchange_order(exchange: Exchange) -> tuple[object, ...]:
    first = in_order(exchange.anchor or exchange.calls[0])
    return exchange.started_at or first[0], first


def _named(messages: Iterable[Message]) -> Iterable[Message]:
    """The messages, with the name of the tool added to tool messages."""
    names: dict[str, str] = {}
    for message in messages:
        names |= {call.id: call.name for call in message.tool_calls if call.id is not None}
        if message.tool_call_id in names and message.name is None:
            yield replace(message, name=names[message.tool_call_id])
        else:
            yield message


def _in_time(messages: Iterable[Message]) -> Iterable[Message]:
    """The messages, with times corrected where one is less than a millisecond earlier than the message before it.

    JavaScript's tracers cut start times to milliseconds but give end times in microseconds, so that a question may appear to be earlier
    than the reply it follows.
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
    """The first value of each attribute (the model from a model call, if one has it), without attributes of single turns."""
    found: dict[str, str] = {}
    for span in spans:
        if span.operation == "chat" and "model" in span.attributes:
            found["model"] = span.attributes["model"]
            break
    for span in spans:
        for key, value in span.attributes.items():
            found.setdefault(key, value)
    return {name: value for name, value in sorted(found.items()) if name not in _OF_ONE_TURN}
