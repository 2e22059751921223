r"""Logged calls of a model's API, one a record: the request beside the response, in OpenAI's or Anthropic's form.

    {"conversation_id": "c1", "user_id": "u0412", "created_at": "2026-03-02T09:30:00Z",
     "request": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Where is my order?"}]},
     "response": {"id": "chatcmpl-1", "model": "gpt-5-mini-2025-08-07", "choices": [
       {"message": {"role": "assistant", "content": "It arrives today."}}]}}

    {"request": {"model": "claude-sonnet-4-5", "metadata": {"user_id": "u0412"}, "messages": [{"role": "user", "content": "Where is it?"}]},
     "response": {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "It arrives today."}]}}

    {"request": {"model": "gpt-5-mini", "conversation": "conv_1", "input": "Where is my order?"},
     "response": {"id": "resp_1", "created_at": 1772443800, "output": [
       {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It arrives today."}]}]}}

| | stands under | or |
|---|---|---|
| request | `request`, request_body, input, body | it is the record itself |
| response | `response`, response_body, output, completion | |
| conversation | conversation_id, session_id, thread_id, chat_id in the record, in its or the request's `metadata` | `conversation` of the request |
| user | user_id, user, customer_id there | |

Request and response may be an HTTP message with a `body`, and the body JSON as text. Chat Completions, Responses, Completions and Messages are
told apart by their fields. Replies that were streamed must be logged whole. A call that failed (an `error`, a status from 400) has no reply.

Where no id is given, calls whose history begins with the same question and the same first reply are one conversation. A Responses call that
gives only a `previous_response_id` cannot be joined so: log an id. Other plain fields of the record and of `metadata` become attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from everyturn.model import Json, Message, Span, ToolCall, digest
from everyturn.model.exchange import encode_messages
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Sample, fields
from everyturn.readers.attributes import object_attributes, other_fields, with_common
from everyturn.readers.openai_messages import openai_messages, tool_calls

_REQUESTS = ("request", "request_body", "input", "body")
_RESPONSES = ("response", "response_body", "output", "completion")
_BODIES = ("body", "json", "content")
_STARTS = ("started_at", "start_time", "startTime", "request_time", *fields.TIME_NAMES)
_ENDS = ("ended_at", "end_time", "endTime", "completed_at", "response_time")
_CALL_IDS = ("call_id", "request_id", "requestId", "id")
_NOT_ATTRIBUTES = frozenset(
    {
        *(*_REQUESTS, *_RESPONSES, *_STARTS, *_ENDS, *_CALL_IDS),
        *(*fields.CONVERSATION_ID_NAMES, *fields.USER_ID_NAMES),
        *("metadata", "model", "messages", "system", "tools", "stream", "temperature", "max_tokens", "top_p"),
        *("method", "path", "url", "status", "status_code", "error", "usage", "cost", "provider"),
        *("duration", "duration_ms", "latency", "latency_ms", "prompt_tokens", "completion_tokens", "total_tokens"),
    }
)


def _read(record: Json, context: Context) -> Iterator[Span]:
    request, response = _parts(record)
    if request is None or response is None:
        raise BadRecord(expected="a request with messages or an input, and its response", found=fields.describe(record))
    given = tuple(_given(request))
    if not given:
        raise BadRecord(expected="request: at least one message", found=fields.describe(request))
    error = _error(record, response)
    made = None if error is not None else _made(response)
    user_id = _user_id(record, request, context.options)
    conversation_id = _conversation_id(record, request, context.options) or _opening(given, made, user_id)
    started_at, ended_at = _times(record, response)
    span_id = fields.identifier(response.get("id") or fields.first(record, _CALL_IDS), "id")
    # Calls of one conversation are one trace: which of them speak to the user, their histories tell.
    yield Span(
        trace_id=digest("model call", conversation_id),
        span_id=span_id or digest(encode_messages(given), encode_messages(made or ()), str(started_at)),
        conversation_id=conversation_id,
        user_id=user_id,
        operation="chat",
        started_at=started_at,
        ended_at=ended_at,
        input=given,
        output=made,
        error=error,
        response_id=fields.identifier(response.get("id"), "response.id"),
        attributes=_attributes(record, request, response, context.options),
    )


def _parts(record: Json) -> tuple[Mapping[str, Json] | None, Mapping[str, Json] | None]:
    """The request and the response of a record, None for one that is not there."""
    if not isinstance(record, dict):
        return None, None
    request = next((body for n in _REQUESTS if n in record and _is_request(body := _body(record[n]))), None)
    response = next((body for n in _RESPONSES if n in record and _is_response(body := _body(record[n]))), None)
    return request if request is not None else record if _is_request(record) else None, response


def _body(value: Json) -> Json:
    """A body, taken out of the HTTP message around it and decoded."""
    found = fields.json_value(value)
    for name in _BODIES:
        inner = fields.json_value(found.get(name)) if isinstance(found, dict) else None
        if isinstance(inner, dict):
            return inner
    return found


def _is_request(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    has_prompt = "model" in value and isinstance(value.get("input", value.get("prompt")), str | list)
    return isinstance(value.get("messages"), list) or has_prompt


def _is_response(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(name), list) for name in ("choices", "output")) or value.get("error"):
        return True
    return value.get("role") == "assistant" and isinstance(value.get("content"), list)


# --- what was given and made -------------------------------------------------------------------------------------


def _given(request: Mapping[str, Json]) -> Iterator[Message]:
    for name in ("system", "instructions"):
        if (text := _text(request.get(name))) is not None:
            yield Message("system", text)
    listed = next((request[n] for n in ("messages", "input", "prompt") if request.get(n) is not None), None)
    if isinstance(listed, str):
        yield Message("user", listed)
    elif isinstance(listed, list):
        yield from _messages(listed, "request")


def _made(response: Mapping[str, Json]) -> tuple[Message, ...]:
    """The reply; of several choices the first. One that says nothing is an empty reply."""
    if isinstance(response.get("choices"), list):
        first = response["choices"][0] if response["choices"] else {}
        if not isinstance(first, dict):
            raise BadRecord(expected="response.choices: objects with a message", found=fields.describe(first))
        message = first.get("message")
        item = message if isinstance(message, dict) else {"content": first.get("text")}
        return tuple(openai_messages({**item, "role": "assistant"}))
    if isinstance(response.get("output"), list):
        said = [m for m in _messages(response["output"], "response.output") if m.role == "assistant"]
        return tuple(said[:1]) or (Message("assistant", ""),)
    if "content" not in response:
        raise BadRecord(expected="response: choices, an output or content", found=fields.describe(response))
    return tuple(openai_messages({"role": "assistant", "content": response["content"]}))


def _messages(items: list[Json], where: str) -> Iterator[Message]:
    """The messages of a list, in which Responses items stand for parts of one: what the agent said and called at once is one message."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    is_open = False
    for number, item in enumerate(items):
        try:
            found = [Message("user", item)] if isinstance(item, str) else list(_item(item))
        except BadRecord as bad:
            raise BadRecord(expected=f"{where}[{number}].{bad.expected}", found=bad.found) from None
        for message in found:
            if message.role == "assistant" and isinstance(item, dict) and isinstance(item.get("type"), str):
                is_open = True
                texts += [message.content] if message.content else []
                calls += message.tool_calls
                continue
            if is_open:
                yield _joined(texts, calls)
                texts, calls, is_open = [], [], False
            yield message
    if is_open:
        yield _joined(texts, calls)


def _joined(texts: Iterable[str], calls: Iterable[ToolCall]) -> Message:
    text, called = "\n".join(texts), tuple(calls)
    return Message("assistant", text or (None if called else ""), None, called)


def _item(item: Json) -> Iterator[Message]:
    """The messages of one item. What the model did by itself (reasoning, searching) is none."""
    kind = item.get("type") if isinstance(item, dict) else None
    if kind in {"function_call", "custom_tool_call"}:
        call = {
            "id": item.get("call_id"),
            "name": item.get("name"),
            "arguments": item.get("arguments", item.get("input")),
        }
        yield Message("assistant", None, None, tool_calls([call]))
    elif kind in {"function_call_output", "custom_tool_call_output"}:
        call_id = fields.identifier(item.get("call_id"), "call_id")
        yield Message("tool", _text(item.get("output")), None, (), call_id)
    elif not isinstance(item, dict) or kind in {None, "message"} or "role" in item:
        yield from openai_messages(item)


def _text(value: Json) -> str | None:
    """A text, or the texts of parts; None where there is none."""
    if isinstance(value, list):
        texts = [p.get("text") for p in value if isinstance(p, dict)]
        return "\n".join(t for t in texts if isinstance(t, str)) or None
    return None if value is None or value == "" else fields.plain_text(value)


def _error(record: Mapping[str, Json], response: Mapping[str, Json]) -> str | None:
    """What went wrong, None where nothing did."""
    found = response.get("error") or record.get("error")
    if isinstance(found, dict):
        return str(found.get("message") or found.get("type") or "error")
    if found:
        return str(found)
    status = record.get("status_code", record.get("status"))
    return f"status {status}" if isinstance(status, int) and status >= 400 else None


# --- whose and when ----------------------------------------------------------------------------------------------


def _metadata(value: Mapping[str, Json]) -> Mapping[str, Json]:
    return fields.object_of(value.get("metadata"))


def _conversation_id(record: Mapping[str, Json], request: Mapping[str, Json], options: ReadOptions) -> str | None:
    if options.conversation_id is not None:
        return fields.conversation_id(record, options)
    for place in (record, _metadata(record), _metadata(request)):
        if (found := fields.conversation_id(place, options)) is not None:
            return found
    named = request.get("conversation")
    return fields.identifier(named.get("id") if isinstance(named, dict) else named, "request.conversation")


def _user_id(record: Mapping[str, Json], request: Mapping[str, Json], options: ReadOptions) -> str | None:
    if options.user_id is not None:
        return fields.user_id(record, options)
    places = (record, _metadata(record), request, _metadata(request))
    found = next((u for place in places if (u := fields.user_id(place, options)) is not None), None)
    return found or fields.identifier(request.get("safety_identifier"), "request.safety_identifier")


def _opening(given: tuple[Message, ...], made: tuple[Message, ...] | None, user_id: str | None) -> str:
    """An id made from the first question and the first reply, which the calls of one conversation share."""
    told = [m for m in (*given, *(made or ())) if m.role != "system"]
    asked = next((i for i, m in enumerate(told) if m.role == "user"), 0)
    replied = next((i for i in range(asked, len(told)) if told[i].role == "assistant"), len(told) - 1)
    return f"calls-{digest(user_id, encode_messages(told[: replied + 1]))[:16]}"


def _times(record: Mapping[str, Json], response: Mapping[str, Json]) -> tuple[datetime | None, datetime | None]:
    """Start and end. The response's own time is when it began to be made."""
    started_at = fields.time(fields.first(record, _STARTS), "started_at")
    ended_at = fields.time(fields.first(record, _ENDS), "ended_at")
    made_at = fields.time(fields.first(response, ("created", "created_at")), "response.created")
    return started_at or made_at or ended_at, ended_at or started_at or made_at


def _attributes(
    record: Mapping[str, Json], request: Mapping[str, Json], response: Mapping[str, Json], options: ReadOptions
) -> dict[str, str]:
    own = {} if record is request else other_fields(record, _NOT_ATTRIBUTES, options)
    found = {
        **own,
        **object_attributes(_metadata(request), "request.metadata", options=options),
        **object_attributes(_metadata(record), "metadata", options=options),
    }
    model = fields.text(fields.first(response, ("model",)) or request.get("model"), "model")
    return with_common(found, model=model)


def _looks_like(sample: Sample) -> float:
    """How many of the records hold a request and a response; less sure where both have names that traces use too."""
    return sample.share(_sureness)


def _sureness(record: Json) -> float:
    if None in _parts(record):
        return 0.0
    return 0.96 if any(name in record for name in _RESPONSES[:2]) else 0.55


READER = Reader(
    name="model-calls",
    kind="conversations",
    description="logged calls of OpenAI's or Anthropic's API: the request beside the response",
    looks_like=_looks_like,
    read=_read,
)
