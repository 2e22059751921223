"""Conversion between stored rows and the model's types: spans, ratings, messages, actions, conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from everyturn.model import Action, Conversation, Feedback, FeedbackRecord, Message, NoiseFloor, Span, digest
from everyturn.model.exchange import call_json, decode_messages, decode_tool_calls, encode_messages, message_json
from everyturn.model.schemas import FEEDBACK_SCHEMA, SPAN_SCHEMA


def utc(at: datetime | None) -> datetime | None:
    """A stored time as an aware datetime: the columns hold UTC without a time zone."""
    return at.replace(tzinfo=UTC) if at is not None else None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def spans_of(batches: Iterable[pa.RecordBatch]) -> Iterator[Span]:
    """The spans of stored rows."""
    for batch in batches:
        for row in batch.to_pylist():
            call = orjson.loads(row["tool_call"]) if row["tool_call"] else None
            row["tool_call"] = decode_tool_calls([call])[0] if call else None
            row["input"] = decode_messages(row["input"]) if row["input"] is not None else None
            row["output"] = decode_messages(row["output"]) if row["output"] is not None else None
            row["attributes"] = orjson.loads(row["attributes"] or "{}")
            row["started_at"], row["ended_at"] = utc(row["started_at"]), utc(row["ended_at"])
            yield Span(**row)


def span_table(spans: Sequence[Span]) -> pa.Table:
    """Spans as a table of SPAN_SCHEMA."""
    rows: list[dict[str, Any]] = []
    for span in spans:
        row: dict[str, Any] = {name: getattr(span, name) for name in SPAN_SCHEMA.names}
        row["input"] = encode_messages(span.input) if span.input is not None else None
        row["output"] = encode_messages(span.output) if span.output is not None else None
        call = span.tool_call
        row["tool_call"] = _json(call_json(call)) if call is not None else None
        row["attributes"] = _json(dict(sorted(span.attributes.items())))
        rows.append(row)
    return pa.Table.from_pylist(rows, SPAN_SCHEMA)


def ratings_of(table: pa.Table) -> Iterator[FeedbackRecord]:
    """The feedback records of stored rows."""
    for row in table.to_pylist():
        yield FeedbackRecord(
            row["feedback_id"],
            Feedback(
                row["name"], row["value"], row["label"], row["comment"], row["turn"], row["source"], utc(row["at"])
            ),
            row["conversation_id"],
            row["trace_id"],
            row["span_id"],
            row["response_id"],
        )


def message_rows(conversations: Sequence[Conversation]) -> pa.Table:
    """The stored message rows of assembled conversations."""
    rows: list[dict[str, Any]] = []
    for conversation in conversations:
        turn = -1
        for position, message in enumerate(conversation.messages):
            turn += message.role == "user"
            form = message_json(message)
            calls = form.get("tool_calls")
            rows.append(
                {
                    "conversation_id": conversation.conversation_id,
                    "position": position,
                    "turn": turn if turn >= 0 else None,
                    "role": message.role,
                    "content": message.content,
                    "at": message.at,
                    "tool_calls": _json(calls) if calls else None,
                    "tool_call_id": message.tool_call_id,
                    "name": message.name,
                    "user_id": conversation.user_id,
                    "message_key": f"p{position}",
                    "digest": digest(message.role, message.content, _json(calls) if calls else None),
                    "given_position": position,
                    "seq": position,
                }
            )
    return pa.Table.from_pylist(rows, _MESSAGE_ROWS)


_MESSAGE_ROWS = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("position", pa.int32()),
        ("turn", pa.int32()),
        ("role", pa.string()),
        ("content", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("tool_calls", pa.string()),
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
        ("user_id", pa.string()),
        ("message_key", pa.string()),
        ("digest", pa.string()),
        ("given_position", pa.int32()),
        ("seq", pa.int64()),
    ]
)


def header_rows(conversations: Sequence[Conversation]) -> pa.Table:
    """The stored conversation rows of assembled conversations."""
    rows = []
    for c in conversations:
        times = [m.at for m in c.messages if m.at is not None]
        rows.append(
            {
                "conversation_id": c.conversation_id,
                "user_id": c.user_id,
                "started_at": c.started_at or min(times, default=None),
                "ended_at": max(times, default=c.started_at),
                "attributes": _json(dict(sorted(c.attributes.items()))),
                "messages": len(c.messages),
                "turns": len(c.turns),
                "outputs": sum(t.output is not None for t in c.turns),
                "origin": "spans",
            }
        )
    at = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            ("conversation_id", pa.string()),
            ("user_id", pa.string()),
            ("started_at", at),
            ("ended_at", at),
            ("attributes", pa.string()),
            ("messages", pa.int32()),
            ("turns", pa.int32()),
            ("outputs", pa.int32()),
            ("origin", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def feedback_rows(conversations: Sequence[Conversation]) -> pa.Table:
    """The stored feedback rows of assembled conversations."""
    names = ("turn", "name", "value", "label", "comment", "source", "at")
    schema = pa.schema([FEEDBACK_SCHEMA.field("conversation_id"), *(FEEDBACK_SCHEMA.field(n) for n in names)])
    return pa.Table.from_pylist(
        [
            {"conversation_id": c.conversation_id, **{n: getattr(f, n) for n in names}}
            for c in conversations
            for f in c.feedback
        ],
        schema,
    )


# --- stored rows -> conversations, streamed -------------------------------------------------------------------


def _columns(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples; columns are decoded whole, which is faster than row by row."""
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


class _Follower:
    """A stream of rows ordered by conversation id, read in step with another such stream."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def take(self, conversation_id: str) -> list[tuple[Any, ...]]:
        """The rows of this conversation; ids must be asked for in the order of the stream."""
        while self._next is not None and self._next[0] < conversation_id:
            self._next = next(self._rows, None)
        taken = []
        while self._next is not None and self._next[0] == conversation_id:
            taken.append(self._next)
            self._next = next(self._rows, None)
        return taken


def conversations_of(
    headers: Iterable[pa.RecordBatch],
    messages: Iterable[pa.RecordBatch],
    feedback: Iterable[pa.RecordBatch],
    actions: Iterable[pa.RecordBatch],
    *,
    noise_floor: NoiseFloor,
) -> Iterator[Conversation]:
    """Whole conversations from four streams, each ordered by conversation id (in byte order); one is in memory at a time.

    Columns: headers `conversation_id, user_id, started_at, attributes`; messages `conversation_id, role, content, at,
    tool_calls, tool_call_id, name`; feedback `conversation_id, name, value, label, comment, turn, source, at`; actions
    `conversation_id, action_id, at, user_id, kind, named, turn, artefact, before, attributes`.
    """
    message_rows, feedback_rows_, action_rows = (_Follower(_columns(s)) for s in (messages, feedback, actions))
    for conversation_id, user_id, started_at, attributes in _columns(headers):
        yield Conversation(
            conversation_id,
            user_id,
            utc(started_at),
            tuple(
                Message(role, content, utc(at), decode_tool_calls(orjson.loads(calls)) if calls else (), call_id, name)
                for _, role, content, at, calls, call_id, name in message_rows.take(conversation_id)
            ),
            orjson.loads(attributes),
            tuple(
                Feedback(name, value, label, comment, turn, source, utc(at))
                for _, name, value, label, comment, turn, source, at in feedback_rows_.take(conversation_id)
            ),
            tuple(
                Action(
                    action_id, at.replace(tzinfo=UTC), user, kind, named, turn, artefact, before, orjson.loads(extra)
                )
                for _, action_id, at, user, kind, named, turn, artefact, before, extra in action_rows.take(
                    conversation_id
                )
            ),
            noise_floor,
        )
