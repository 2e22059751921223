"""The OpenAI Agents SDK's own trace export (POST /v1/traces/ingest), one request or one of its items a record.

    {"data": [
      {"object": "trace", "id": "trace_1", "workflow_name": "support", "group_id": "c1", "metadata": {"user_id": "u0412", "plan": "pro"}},
      {"object": "trace.span", "id": "span_1", "trace_id": "trace_1", "parent_id": null, "started_at": "2026-03-02T09:30:00Z",
       "ended_at": "2026-03-02T09:30:02Z", "error": null, "span_data": {"type": "generation", "model": "gpt-4o-mini",
         "input": [{"role": "user", "content": "Where is my order?"}],
         "output": [{"role": "assistant", "content": "It arrives today."}]}}]}

The conversation is the trace's `group_id`, the user stands in its metadata. Messages are on `generation` spans alone: with the Responses
API the SDK sends `response` spans, which hold an id and counts; then the conversation has its turns and tool calls and no texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Json, Message, Operation, Span, ToolCall
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Records, Sample, Skipped, fields, steps
from everyturn.readers.attributes import own_attributes
from everyturn.readers.openai_messages import openai_messages

_OPERATIONS: Mapping[str, Operation] = {
    "generation": "chat",
    "response": "chat",
    "agent": "invoke_agent",
    "function": "execute_tool",
    "guardrail": "execute_tool",  # a model call inside it speaks to nobody
}


def _read(record: Json, context: Context) -> Records:
    items = _items(record)
    if items is None:
        raise BadRecord(expected="a trace or a span, or a list of such under data", found=fields.describe(record))
    if items and items[0] is record:
        yield _item(record, context.options)
    else:
        yield from context.parts(items, lambda item: [_item(item, context.options)])


def _items(record: Json) -> list[Json] | None:
    if not isinstance(record, dict):
        return None
    return record["data"] if isinstance(record.get("data"), list) else [record] if "object" in record else None


def _item(item: Json, options: ReadOptions) -> Span | Skipped:
    kind = item.get("object") if isinstance(item, dict) else None
    if kind == "trace":
        return _trace(item, options)
    if kind == "trace.span":
        return _span(item)
    raise BadRecord(expected="object: trace or trace.span", found=fields.describe(kind or item))


def _trace(item: Mapping[str, Json], options: ReadOptions) -> Span:
    """The trace as the span above its spans."""
    metadata = fields.json_value(item.get("metadata"))
    metadata = metadata if isinstance(metadata, dict) else {}
    everything = {**metadata, **item}
    group = item.get("group_id") if options.conversation_id is None else None
    return Span(
        trace_id=fields.required_id(item.get("id"), "id"),
        span_id=fields.required_id(item.get("id"), "id"),
        conversation_id=fields.identifier(group, "group_id") or fields.conversation_id(everything, options),
        user_id=fields.user_id(everything, options),
        name=fields.text(item.get("workflow_name"), "workflow_name"),
        attributes=own_attributes(metadata, options),
    )


def _span(item: Mapping[str, Json]) -> Span:
    found = item.get("span_data")
    data: Mapping[str, Json] = found if isinstance(found, dict) else {}
    kind = str(data.get("type"))
    operation = _OPERATIONS.get(kind, "other")
    name = fields.text(data.get("name"), "span_data.name")
    model = fields.text(data.get("model"), "span_data.model")
    trace_id = fields.required_id(item.get("trace_id"), "trace_id")
    error = _error(item.get("error"))
    return Span(
        trace_id=trace_id,
        span_id=fields.required_id(item.get("id"), "id"),
        parent_id=fields.identifier(item.get("parent_id"), "parent_id") or trace_id,
        operation=operation,
        name=name or kind,
        started_at=fields.time(item.get("started_at"), "started_at"),
        ended_at=fields.time(item.get("ended_at"), "ended_at"),
        input=_messages(data.get("input")) if operation == "chat" else None,
        output=_reply(data.get("output"), has_failed=error is not None) if operation == "chat" else None,
        tool_call=ToolCall(None, name, fields.json_value(data.get("input"))) if kind == "function" and name else None,
        tool_result=fields.text_of(data.get("output")) if kind == "function" else None,
        error=error,
        response_id=fields.identifier(data.get("response_id"), "span_data.response_id"),
        attributes={"model": model} if model else {},
    )


def _messages(value: Json) -> tuple[Message, ...] | None:
    if isinstance(value, str):
        return (Message("user", value),)
    return steps.given(value) if value else None


def _reply(value: Json, *, has_failed: bool) -> tuple[Message, ...] | None:
    """What the model gave: the first of several replies for one place."""
    items = value if isinstance(value, list) else [value] if value else []
    made = [m for item in items[:1] if isinstance(item, dict) for m in openai_messages({"role": "assistant", **item})]
    return None if not made or (has_failed and not (made[0].content or made[0].tool_calls)) else tuple(made[:1])


def _error(value: Json) -> str | None:
    """What went wrong: the reason where the SDK does not redact it, else its own words."""
    if not isinstance(value, dict):
        return None
    data = value.get("data")
    reason = data.get("error") if isinstance(data, dict) else None
    return (
        reason if isinstance(reason, str) and reason else fields.text(value.get("message"), "error.message") or "error"
    )


def _looks_like(sample: Sample) -> float:
    """How many of the records are requests or items of the SDK's."""
    return 0.95 * sample.share(_is_export)


def _is_export(record: Json) -> bool:
    items = _items(record)
    if not items or not all(isinstance(i, dict) and isinstance(i.get("id"), str) for i in items):
        return False
    return all(
        ("workflow_name" in i and i.get("object") == "trace") or (i.get("object") == "trace.span" and "span_data" in i)
        for i in items
    )


READER = Reader(
    name="openai-agents",
    kind="conversations",
    description="the OpenAI Agents SDK's own trace export",
    looks_like=_looks_like,
    read=_read,
)
