"""Joins traces without a conversation id into conversations, by the history they repeat.

An application that names no conversation still sends the history with every model call. A trace whose history is exactly what an earlier
trace ended with, word for word and call for call, continues it. Of several traces with the same end (a greeting and its answer), the latest
is continued; each at most once, by the same user and within a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from everyturn.assemble.history import key
from everyturn.model import Message, TraceEnds, digest

_PAUSE = timedelta(days=7)


def content_digest(messages: Sequence[Message]) -> str | None:
    """A digest of a list of messages, None for an empty one."""
    if not messages:
        return None
    parts: list[str] = []
    for message in messages:
        role, content, calls = key(message)
        parts += [role, content, str(len(calls)), *calls]
    return digest(*parts)


def link(traces: Iterable[TraceEnds]) -> dict[str, str]:
    """For each trace that continues another one, the first trace of its conversation.

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
