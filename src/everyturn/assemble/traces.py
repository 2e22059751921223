"""Determines the conversation ids of a trace's spans, and its exchanges: what the application did between two user messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from everyturn.model import Span

_NEVER = datetime.max.replace(tzinfo=UTC)


def in_order(span: Span) -> tuple[datetime, datetime, int, str, str]:
    """A sort key for spans: by start; with equal starts (some clients give milliseconds) by end, then by length of the history."""
    return span.started_at or _NEVER, span.ended_at or _NEVER, len(span.input or ()), span.trace_id, span.span_id


class Forest:
    """The spans of one trace (or of a part of one) as trees.

    In `spans`, parents come before their children; `parent` holds the parents that exist. A span whose parent is missing is a root, and so is
    the first span of a cycle. A span whose id is that of the trace (some clients record the trace itself) is the parent of those that name
    none.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        by_id = {s.span_id: s for s in sorted(spans, key=in_order)}
        self.parent: dict[str, Span] = {}
        children: dict[str, list[Span]] = {}
        roots = []
        for span in by_id.values():
            parent = by_id.get(span.parent_id or span.trace_id)
            if parent is None or parent is span:
                roots.append(span)
            else:
                self.parent[span.span_id] = parent
                children.setdefault(parent.span_id, []).append(span)
        self.spans: list[Span] = []
        seen: set[str] = set()
        for start in (*roots, *by_id.values()):
            if start.span_id in seen:
                continue
            self.parent.pop(start.span_id, None)
            stack = [start]
            while stack:
                span = stack.pop()
                if span.span_id not in seen:
                    seen.add(span.span_id)
                    self.spans.append(span)
                    stack.extend(reversed(children.get(span.span_id, [])))


def conversation_ids(spans: Sequence[Span]) -> dict[str, str | None]:
    """The conversation id of every span of one trace, by span id; None if a span belongs to none of its conversations.

    If the trace has one conversation id, it is that of all its spans. If it has several, a span has its own, else its nearest ancestor's, else
    the only one among its descendants; a model call or agent without any of these belongs to a conversation named by the trace. Without any
    conversation id the trace is the conversation. Spans of a trace that ran for an evaluation have none.
    """
    if any(s.is_evaluation for s in spans):
        return {s.span_id: None for s in spans}
    own = {s.span_id: s.conversation_id for s in spans if s.conversation_id}
    names = set(own.values())
    if len(names) < 2:
        only = names.pop() if names else spans[0].trace_id
        return {s.span_id: only for s in spans}
    forest = Forest(spans)
    below = _only_ids(forest, own)
    ids: dict[str, str | None] = {}
    for span in forest.spans:
        parent = forest.parent.get(span.span_id)
        above = ids[parent.span_id] if parent is not None else None
        named = own.get(span.span_id) or above or below.get(span.span_id)
        is_speech = span.operation in {"chat", "invoke_agent"}
        ids[span.span_id] = named or (span.trace_id if is_speech else None)
    return ids


def _only_ids(forest: Forest, own: Mapping[str, str]) -> dict[str, str | None]:
    """For each span the only conversation id of it and those below it; None if there are several, no entry if there is none."""
    only: dict[str, str | None] = {}
    for span in reversed(forest.spans):
        parent = forest.parent.get(span.span_id)
        name = own.get(span.span_id)
        if name is not None:
            only[span.span_id] = name if only.get(span.span_id, name) == name else None
        if parent is not None and span.span_id in only:
            name = only[span.span_id]
            only[parent.span_id] = name if only.get(parent.span_id, name) == name else None
    return only


@dataclass(slots=True)
class Exchange:
    """What the application did between two user messages, as recorded in one trace.

    `anchor` is the span of the whole exchange, if there is one. `calls` are the model calls whose words may have reached the user, in order
    (not those made inside a tool), `tools` the tool steps, `spans` everything below the anchor. If the trace has no span for each exchange,
    all of it is one exchange, which may then contain several user messages.
    """

    forest: Forest
    anchor: Span | None
    spans: list[Span] = field(default_factory=list)
    calls: list[Span] = field(default_factory=list)
    tools: list[Span] = field(default_factory=list)

    def above(self, span: Span) -> Iterator[Span]:
        """The span's parent in this exchange, its parent and so on."""
        while span is not self.anchor and (parent := self.forest.parent.get(span.span_id)) is not None:
            yield parent
            span = parent

    @property
    def trace_id(self) -> str:
        """The trace it is in."""
        return self.spans[0].trace_id

    @property
    def started_at(self) -> datetime | None:
        """When the user's message came: the start of its first span."""
        return min((s.started_at for s in self.spans if s.started_at), default=None)

    @property
    def ended_at(self) -> datetime | None:
        """When the agent was finished: the end of the anchor, else of the last model call."""
        ends = [self.anchor.ended_at] if self.anchor and self.anchor.ended_at else [s.ended_at for s in self.calls]
        return max((at for at in ends if at), default=None)


def exchanges(forest: Forest) -> list[Exchange]:
    """The exchanges in the spans that one trace has of one conversation.

    An exchange is an outermost agent span, or an outermost application span that has a text and contains model calls. If there are model
    calls outside all of these, application spans are not used, and everything outside agent spans is one exchange.
    """
    has_calls: set[str] = set()
    for span in reversed(forest.spans):
        parent = forest.parent.get(span.span_id)
        if parent is not None and (span.operation == "chat" or span.span_id in has_calls):
            has_calls.add(parent.span_id)
    found = _split(forest, has_calls, use_applications=True)
    if None in found and found[None].calls:
        found = _split(forest, has_calls, use_applications=False)
    return [exchange for exchange in found.values() if exchange.anchor is not None or exchange.calls]


def _split(forest: Forest, has_calls: set[str], *, use_applications: bool) -> dict[str | None, Exchange]:
    """The exchanges by the id of their anchor; what is outside all anchors is under None."""
    found: dict[str | None, Exchange] = {}
    anchor_of: dict[str, str | None] = {}
    in_tool: set[str] = set()
    for span in forest.spans:
        parent = forest.parent.get(span.span_id)
        if parent is not None and (parent.span_id in in_tool or parent.operation == "execute_tool"):
            in_tool.add(span.span_id)
        anchor = anchor_of[parent.span_id] if parent is not None else None
        if (
            anchor is None
            and span.span_id not in in_tool
            and _is_anchor(span, forest, has_calls, use_applications=use_applications)
        ):
            anchor = span.span_id
            found[anchor] = Exchange(forest, span)
        anchor_of[span.span_id] = anchor
        exchange = found.setdefault(anchor, Exchange(forest, None))
        exchange.spans.append(span)
        if span.span_id in in_tool:
            continue
        if span.operation == "chat":
            exchange.calls.append(span)
        elif span.span_id != anchor and span.operation in {"execute_tool", "other"}:
            exchange.tools.append(span)
    for exchange in found.values():
        exchange.calls.sort(key=in_order)
        exchange.tools.sort(key=in_order)
    return found


def _is_anchor(span: Span, forest: Forest, has_calls: set[str], *, use_applications: bool) -> bool:
    if span.operation == "invoke_agent":
        return True
    if not use_applications or span.operation != "other" or not (span.input or span.output):
        return False
    return span.span_id in has_calls or (not has_calls and span.span_id not in forest.parent)


def covered_turns(forest: Forest, turns: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """The first and last turn that each span covers, given the turns of some spans.

    A span covers its own turn and those below it; otherwise those of the nearest span above that covers any.
    """
    covers = {span_id: (turn, turn) for span_id, turn in turns.items()}
    for span in reversed(forest.spans):
        parent = forest.parent.get(span.span_id)
        if parent is not None and span.span_id in covers:
            low, high = covers[span.span_id]
            known = covers.get(parent.span_id, (low, high))
            covers[parent.span_id] = min(low, known[0]), max(high, known[1])
    for span in forest.spans:
        parent = forest.parent.get(span.span_id)
        if parent is not None and parent.span_id in covers:
            covers.setdefault(span.span_id, covers[parent.span_id])
    return covers
