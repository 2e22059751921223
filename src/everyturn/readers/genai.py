"""The GenAI attributes of OpenTelemetry: on spans, on events, and on the older events with a message each.

Content stands in `gen_ai.input.messages` and `gen_ai.output.messages`, as JSON text on spans and as structured values on events
(`gen_ai.client.inference.operation.details`); in the older form each message is an event of its own, whose name tells its role. All
give parts of the same span, which merge. A span of no known dialect is an application's own: it is kept, because ids
often stand only there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import orjson

from everyturn.model import Feedback, FeedbackRecord, Json, Message, Span, ToolCall, digest
from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.chat import read_message
from everyturn.readers.feedback_names import source_of
from everyturn.readers.namespaces import own_attributes
from everyturn.readers.otlp_wire import Attributes, OtlpLog, OtlpSpan
from everyturn.readers.repeats import Repeats

Operation: TypeAlias = Literal["chat", "invoke_agent", "execute_tool", "other"]

DETAILS = "gen_ai.client.inference.operation.details"
EVALUATION = "gen_ai.evaluation.result"
CHOICE = "gen_ai.choice"
MESSAGE_EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    CHOICE: "assistant",
}

_OPERATIONS: Mapping[str, Operation] = {
    "chat": "chat",
    "text_completion": "chat",
    "generate_content": "chat",
    "invoke_agent": "invoke_agent",
    "invoke_workflow": "invoke_agent",
    "execute_tool": "execute_tool",
}
# The conventions' names, then those that applications use on spans of their own.
_CONVERSATION_IDS = ("gen_ai.conversation.id", "session.id", "conversation.id", *fields.CONVERSATION_ID_NAMES)
_USER_IDS = ("user.id", "enduser.id", *fields.USER_ID_NAMES)
_CONVERSATION_SET, _USER_SET = frozenset(_CONVERSATION_IDS), frozenset(_USER_IDS)
_MODELS = ("gen_ai.response.model", "gen_ai.request.model")
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_UNSEEN = frozenset({"reasoning", "thinking"})
_RESULTS = frozenset({"tool_call_response", "tool_result"})
_TICK = timedelta(microseconds=1)


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with GenAI attributes, or an application's own span."""
    found = span.attributes
    operation = _operation(found)
    conversation = conversation_id(found, span.resource, options)
    given, is_given_cut = read_messages(found.get("gen_ai.input.messages"), key=conversation or span.trace_id)
    made, is_made_cut = read_messages(found.get("gen_ai.output.messages"))
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        conversation_id=conversation,
        user_id=user_id(found, span.resource, options),
        operation=operation,
        name=span.name or None,
        started_at=span.started_at,
        ended_at=span.ended_at,
        input=None if is_given_cut else given,  # what is cut away is the user's last message: the rest would mislead
        output=one_reply(made) if operation == "chat" else made,
        tool_call=_tool_call(found) if operation == "execute_tool" else None,
        tool_result=_text_of(found.get("gen_ai.tool.call.result")),
        error=error_of(span),
        response_id=fields.identifier(found.get("gen_ai.response.id"), "gen_ai.response.id"),
        attributes=_conversation_attributes(span, options, is_cut=is_given_cut or is_made_cut),
    )


def _operation(found: Attributes) -> Operation:
    name = found.get("gen_ai.operation.name")
    if isinstance(name, str):
        return _OPERATIONS.get(name, "other")
    # Releases before the operation name was required: a call names its system and its model.
    return "chat" if "gen_ai.system" in found and "gen_ai.request.model" in found else "other"


def conversation_id(
    found: Attributes, resource: Attributes, options: ReadOptions, names: Sequence[str] = _CONVERSATION_IDS
) -> str | None:
    """The conversation id: under the attribute that was declared, else under the usual ones."""
    if options.conversation_id is not None:
        return _declared(found, resource, options.conversation_id)
    if names is _CONVERSATION_IDS and _CONVERSATION_SET.isdisjoint(found):
        return None  # most spans of an application
    return fields.identifier(fields.first(found, names), "conversation id")


def user_id(
    found: Attributes, resource: Attributes, options: ReadOptions, names: Sequence[str] = _USER_IDS
) -> str | None:
    """The user id: under the attribute that was declared, else under the usual ones."""
    if options.user_id is not None:
        return _declared(found, resource, options.user_id)
    if names is _USER_IDS and _USER_SET.isdisjoint(found):
        return None
    return fields.identifier(fields.first(found, names), "user id")


def _declared(found: Attributes, resource: Attributes, name: str) -> str | None:
    value = fields.at_path(found, name)
    return fields.identifier(fields.at_path(resource, name) if value is None else value, name)


def error_of(span: OtlpSpan) -> str | None:
    """What went wrong, with the error's type in front where the client tells it apart; None where nothing did."""
    if span.error is None:
        return None
    kind, message = span.exception or ("", "")
    kind = (kind or str(span.attributes.get("error.type") or "")).rpartition(".")[2]
    message = span.error or message
    return message if not kind or message.startswith(kind) else f"{kind}: {message}" if message else kind


def environment(resource: Attributes) -> Json:
    """Where the application runs: production, staging or the like."""
    return fields.first(resource, _ENVIRONMENTS)


def _conversation_attributes(span: OtlpSpan, options: ReadOptions, *, is_cut: bool) -> dict[str, str]:
    found = span.attributes
    attributes = own_attributes(found, options)
    for name, value in (
        ("agent_version", found.get("gen_ai.agent.version")),
        ("environment", environment(span.resource)),
        ("model", fields.first(found, _MODELS)),
        ("content", "cut" if is_cut else None),
    ):
        if isinstance(value, str) and value:
            attributes.setdefault(name, value)
    return attributes


# --- messages in parts ------------------------------------------------------------------------------------------


def read_messages(value: Json, *, key: str | None = None) -> tuple[tuple[Message, ...] | None, bool]:
    """The messages of an attribute, JSON text or structured, and whether they were cut.

    Attribute length limits cut JSON text in the middle: then the messages are those before the cut, the last of them cut too. With the
    `key` of its conversation, what a text repeats of the one before is not decoded again.
    """
    is_cut = False
    if key is not None and type(value) is str and (repeated := _REPEATS.messages(key, value)) is not None:
        return repeated, False
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value, is_cut = _closed(value), True
    if is_cut and isinstance(value, list):
        value = [m for m in value if isinstance(m, dict) and (m.get("parts") or m.get("content"))] or None
    if not isinstance(value, list):
        return None, is_cut
    found: list[Message] = []
    for item in value:
        found += _message(item)
    return tuple(found), is_cut


def _closed(text: str) -> Json:
    """The value of a JSON text that was cut, with what is open at its end closed; None where that makes no JSON."""
    closers: list[str] = []
    is_string = is_escaped = False
    for character in text:
        if is_string:
            if is_escaped:
                is_escaped = False
            elif character == "\\":
                is_escaped = True
            elif character == '"':
                is_string = False
        elif character == '"':
            is_string = True
        elif character in "[{":
            closers.append("]" if character == "[" else "}")
        elif character in "]}" and closers:
            closers.pop()
    end = text[:-1] if is_escaped else text
    try:
        return orjson.loads(end + '"' * is_string + "".join(reversed(closers)))
    except orjson.JSONDecodeError:
        return None


def _message(item: Json) -> list[Message]:
    if not isinstance(item, dict):
        raise BadRecord(expected="messages: objects with a role and parts", found=fields.describe(item))
    parts = item.get("parts")
    if not isinstance(parts, list):
        return openai_messages(item)
    name = item.get("role")
    role = fields.ROLE_NAMES.get(name) if type(name) is str else None
    if role is None:
        role = fields.role(name)
    if len(parts) == 1 and type(parts[0]) is dict and parts[0].get("type") == "text":
        text = parts[0].get("content")
        if type(text) is str and item.get("name") is None:
            return [Message(role, text)]  # nearly all messages
    texts = [text for part in parts if (text := _part_text(part)) is not None]
    calls = tuple(_part_call(p) for p in parts if isinstance(p, dict) and p.get("type") == "tool_call")
    results = [_part_result(p) for p in parts if isinstance(p, dict) and p.get("type") in _RESULTS]
    content = "\n".join(texts)
    if results and not content and not calls:
        return results
    return [*results, Message(role, content or (None if calls else ""), None, calls, None, _name_of(item, role))]


_REPEATS = Repeats(_message)


def _part_text(part: Json) -> str | None:
    """The text of a part; its type in brackets where it is something else to see; None where it is nothing to see."""
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind in _UNSEEN or kind in _RESULTS or kind == "tool_call":
        return None
    text = fields.first(part, ("content", "text", "refusal"))
    return (
        text if isinstance(text, str) else "" if kind == "text" else f"[{kind}]" if isinstance(kind, str) else "[part]"
    )


def _part_result(part: Mapping[str, Json]) -> Message:
    call_id = fields.identifier(part.get("id"), "tool call id")
    return Message("tool", _text_of(fields.first(part, ("response", "result"))), None, (), call_id)


def _name_of(item: Mapping[str, Json], role: str) -> str | None:
    name = item.get("name")
    return name if isinstance(name, str) and name and role != "assistant" else None


def _part_call(part: Mapping[str, Json]) -> ToolCall:
    arguments = part.get("arguments")
    if isinstance(arguments, str):
        decoded = fields.json_value(arguments)
        arguments = decoded if isinstance(decoded, dict) else arguments
    return ToolCall(fields.identifier(part.get("id"), "tool call id"), str(part.get("name") or ""), arguments)


def openai_messages(item: Json) -> list[Message]:
    """The messages of one in OpenAI's form, without times of their own; a reply without a text is an empty one."""
    found = []
    for message, _ in read_message(item):
        content: str | None = message.content or (None if message.tool_calls else "")
        if message.role != "assistant":
            content = message.content
        found.append(Message(message.role, content, None, message.tool_calls, message.tool_call_id, message.name))
    return found


def one_reply(messages: tuple[Message, ...] | None) -> tuple[Message, ...] | None:
    """What one model call gave: of several choices the first, of a reply in several messages all in one."""
    if messages is None or len(messages) < 2:
        return messages
    calls = tuple(call for m in messages for call in m.tool_calls)
    if not calls:
        return messages[:1]
    content = "\n".join(m.content for m in messages if m.content) or None
    return (replace(messages[0], content=content, tool_calls=calls),)


def with_calls_joined(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """A history in which each reply is one message: the Responses API lists a reply's text and each of its calls by themselves."""
    found: list[Message] = []
    for message in messages:
        is_more = message.role == "assistant" and message.tool_calls and not message.content
        if is_more and found and found[-1].role == "assistant":
            found[-1] = replace(found[-1], tool_calls=found[-1].tool_calls + message.tool_calls)
        else:
            found.append(message)
    return tuple(found)


def _tool_call(found: Attributes) -> ToolCall | None:
    name = found.get("gen_ai.tool.name")
    if not isinstance(name, str):
        return None
    arguments = found.get("gen_ai.tool.call.arguments")
    return ToolCall(
        fields.identifier(found.get("gen_ai.tool.call.id"), "gen_ai.tool.call.id"), name, fields.json_value(arguments)
    )


def _text_of(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


# --- events -----------------------------------------------------------------------------------------------------


def details_span(log: OtlpLog, options: ReadOptions) -> Span:
    """The part of a span that an event with the details of its model call gives."""
    trace_id, span_id = _ids(log)
    part = OtlpSpan(trace_id, span_id, None, "", log.at, None, None, None, "", log.attributes, log.resource)
    return replace(read_span(part, options), operation="chat")


def message_spans(logs: Iterable[OtlpLog], options: ReadOptions) -> Iterator[Span | BadRecord]:
    """The parts of spans that events with one message each give, one for each span that they name.

    Each message has its event's time, which puts the parts in order when they merge; of equal times (datetimes keep microseconds)
    the later record gets the next microsecond.
    """
    by_span: dict[tuple[str, str], Span] = {}
    latest: dict[tuple[str, str], datetime] = {}
    for log in logs:
        try:
            ids, at = _ids(log), _time(log)
            messages = _event_messages(log)
        except BadRecord as bad:
            yield bad
            continue
        at = max(at, latest[ids] + _TICK) if ids in latest else at
        latest[ids] = at
        span = by_span.get(ids) or Span(
            *ids,
            conversation_id=conversation_id(log.attributes, log.resource, options),
            user_id=user_id(log.attributes, log.resource, options),
            operation="chat",
            started_at=at,
        )
        made = tuple(replace(m, at=at) for m in messages)
        if log.event == CHOICE:
            by_span[ids] = replace(span, output=(*(span.output or ()), *made) or None)
        else:
            by_span[ids] = replace(span, input=(*(span.input or ()), *made) or None)
    yield from by_span.values()


def _event_messages(log: OtlpLog) -> list[Message]:
    body = log.body if isinstance(log.body, dict) else {"content": log.body} if isinstance(log.body, str) else {}
    if log.event == CHOICE:
        if body.get("index", 0) not in {0, None}:
            return []  # another choice for the same place
        message = body.get("message")
        body = message if isinstance(message, dict) else {}
    role = MESSAGE_EVENTS[log.event]
    item = {**body, "role": role}
    if role == "tool":
        item["tool_call_id"] = item.pop("id", None)
    if role != "assistant" and "content" not in item:
        return []  # content was not captured; an assistant's message without any is an empty reply
    return openai_messages(item)


def _time(log: OtlpLog) -> datetime:
    if log.at is None:
        raise BadRecord(expected="time_unix_nano: the event's time", found="nothing")
    return log.at


def _ids(log: OtlpLog) -> tuple[str, str]:
    if log.trace_id is None or log.span_id is None:
        raise BadRecord(expected="trace_id and span_id: the model call of the event", found="nothing")
    return log.trace_id, log.span_id


def evaluation(log: OtlpLog, options: ReadOptions) -> FeedbackRecord:
    """A rating: the user's, or a machine's. A `user.id` on it, or its name, says whose it is."""
    found = log.attributes
    name = fields.text(found.get("gen_ai.evaluation.name"), "gen_ai.evaluation.name")
    if not name:
        raise BadRecord(expected="gen_ai.evaluation.name: a name", found="nothing")
    value = fields.number(found.get("gen_ai.evaluation.score.value"), "gen_ai.evaluation.score.value")
    label = fields.text(found.get("gen_ai.evaluation.score.label"), "gen_ai.evaluation.score.label")
    comment = fields.text(found.get("gen_ai.evaluation.explanation"), "gen_ai.evaluation.explanation")
    response_id = fields.identifier(found.get("gen_ai.response.id"), "gen_ai.response.id")
    has_user = fields.first(found, _USER_IDS) is not None or user_id(found, {}, options) is not None
    at = log.at.isoformat() if log.at is not None else None
    number = None if value is None else repr(value)
    return FeedbackRecord(
        digest(log.trace_id, log.span_id, response_id, name, number, label, comment, at),
        Feedback(name, value, label, comment, source=source_of(name, has_user=has_user), at=log.at),
        conversation_id=conversation_id(found, {}, options),
        trace_id=log.trace_id,
        span_id=log.span_id,
        response_id=response_id,
    )
