"""Merges the records of one step into one span.

A step may be recorded in parts (its start, then its end; the span, then the log events with its content) and more than once (clients send
again after an error). The result does not depend on the order of the records.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import orjson

from everyturn.model import Attributes, Message, Span, ToolCall
from everyturn.model.exchange import encode_messages

T = TypeVar("T")

_OPERATIONS = ("other", "invoke_agent", "execute_tool", "chat")  # from what says least to what says most


def merge_spans(a: Span, b: Span) -> Span:
    """The span that two records of the same step describe together.

    Assumes equal `trace_id` and `span_id`. For each field the richer value is kept: any value rather than none, the earlier start and the
    later end, the longer text or list, and of equally long ones the one that sorts last. A list of messages that all have times is a part
    (from log events with one message each): parts are joined in order of time. A list without times is complete and is kept rather than
    any part.

    Method: each field is the join of a semilattice, so merging is commutative, associative and idempotent.

    >>> start = Span("t", "s", operation="chat", input=(Message("user", "hi"),))
    >>> end = Span("t", "s", output=(Message("assistant", "hello"),))
    >>> merge_spans(start, end) == merge_spans(end, start), merge_spans(start, end).operation
    (True, 'chat')
    """
    if a == b:
        return a
    return Span(
        trace_id=a.trace_id,
        span_id=a.span_id,
        parent_id=_richer(a.parent_id, b.parent_id, lambda v: (v != a.trace_id, *_text_rank(v))),
        conversation_id=_longer(a.conversation_id, b.conversation_id),
        user_id=_longer(a.user_id, b.user_id),
        operation=max(a.operation, b.operation, key=_OPERATIONS.index),
        name=_longer(a.name, b.name),
        started_at=_earlier(a.started_at, b.started_at),
        ended_at=_richer(a.ended_at, b.ended_at, lambda at: (at,)),
        input=_joined(a.input, b.input),
        output=_joined(a.output, b.output),
        tool_call=_richer(a.tool_call, b.tool_call, _call_rank),
        tool_result=_longer(a.tool_result, b.tool_result),
        error=_longer(a.error, b.error),
        response_id=_longer(a.response_id, b.response_id),
        attributes=_united(a.attributes, b.attributes),
        is_evaluation=a.is_evaluation or b.is_evaluation,
    )


def _richer(a: T | None, b: T | None, rank: Callable[[T], tuple[Any, ...]]) -> T | None:
    if a is None or b is None or a == b:
        return b if a is None else a
    return max(a, b, key=rank)


def _text_rank(value: str) -> tuple[int, str]:
    return len(value), value


def _longer(a: str | None, b: str | None) -> str | None:
    return _richer(a, b, _text_rank)


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    return min(a, b) if a is not None and b is not None else a or b


def _call_rank(call: ToolCall) -> tuple[bool, bool, int, str, str, str]:
    arguments = orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode()
    return call.id is not None, call.arguments is not None, len(arguments), arguments, call.name, call.id or ""


def _united(a: Attributes, b: Attributes) -> Attributes:
    if not a or not b:
        return a or b
    return {name: _longer(a.get(name), b.get(name)) or "" for name in sorted({*a, *b})}


def _joined(a: tuple[Message, ...] | None, b: tuple[Message, ...] | None) -> tuple[Message, ...] | None:
    if a is None or b is None or a == b:
        return b if a is None else a
    if _is_part(a) and _is_part(b):
        by_content = {encode_messages([message]): message for message in (*a, *b)}
        return tuple(m for _, _, m in sorted((m.at, text, m) for text, m in by_content.items()))
    return max(
        a, b, key=lambda messages: (bool(messages), not _is_part(messages), len(messages), encode_messages(messages))
    )


def _is_part(messages: tuple[Message, ...]) -> bool:
    return bool(messages) and all(message.at is not None for message in messages)
