"""Traces without any conversation id -> the conversations they are parts of, told by what they repeat.

An application that names no conversation still sends the history with every model call. A trace that was given exactly what an earlier
trace ended with, word for word and call for call, goes on where that one stopped. Of several traces that ended alike (a greeting and its
answer) the latest is continued, each once, by the same user, within a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from everyturn.assemble.history import key
from everyturn.model import Message, TraceEnds, digest

_PAUSE = timedelta(days=7)


def content_digest(messages: Sequence[Message]) -> str | None:
    """What tells message lists apart, None for an empty one."""
    if not messages:
        return None
    parts: list[str] = []
    for message in messages:
        role, content, calls = key(message)
        parts += [role, content, str(len(calls)), *calls]
    return digest(*parts)


def link(traces: Iterable[TraceEnds]) -> dict[str, str]:
    """The first trace of the conversation that each trace goes on, for those that go one on.

    >>> at = datetime(2026, 3, 1)
    >>> link([TraceEnds("a", None, at, at, None, "x"), TraceEnds("b", None, at + _PAUSE, at + _PAUSE, "x", "y")])
    {'b': 'a'}
    """
    events: list[tuple[datetime, bool, str, TraceEnds]] = []
    for trace in set(traces):
        events.append((trace.ended_at, False, trace.trace_id, trace))
        if trace.begins is not None:
            events.append((trace.started_at, True, trace.trace_id, trace))
    open_ends: dict[tuple[str, str | None], list[TraceEnds]] = {}
    first: dict[str, str] = {}
    for at, is_start, trace_id, trace in sorted(events):
        if not is_start:
            open_ends.setdefault((trace.ends, trace.user_id), []).append(trace)
            continue
        waiting = open_ends.get((trace.begins or "", trace.user_id))
        if waiting and at - waiting[-1].ended_at <= _PAUSE:
            before = waiting.pop()
            first[trace_id] = first.get(before.trace_id, before.trace_id)
    return first
