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

from everyturn.model import Feedback, FeedbackRecord, Json, Message, Operation, Span, ToolCall, digest
from everyturn.readers import BadRecord, ReadOptions, fields
from everyturn.readers.attributes import own_attributes, with_common
from everyturn.readers.failures import typed_failure
from everyturn.readers.feedback_names import source_of
from everyturn.readers.genai_messages import one_reply, read_messages
from everyturn.readers.namespaces import Names
from everyturn.readers.openai_messages import openai_messages
from everyturn.readers.otlp_wire import Attributes, OtlpLog, OtlpSpan

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
_VERSION = "gen_ai.agent.version"
_MODELS = ("gen_ai.response.model", "gen_ai.request.model")
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_TICK = timedelta(microseconds=1)


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with GenAI attributes, or an application's own span."""
    found = span.attributes
    operation = _operation(found)
    conversation, user = ids_of(span, options)
    given = made = None
    is_given_cut = is_made_cut = False
    if (listed := found.get("gen_ai.input.messages")) is not None:
        given, is_given_cut = read_messages(listed, key=conversation or span.trace_id)
    if (listed := found.get("gen_ai.output.messages")) is not None:
        made, is_made_cut = read_messages(listed)
    return span.as_span(
        operation,
        conversation,
        user,
        input=None
        if is_given_cut
        else given,  # what was cut away is the user's last message, and the rest would mislead
        output=one_reply(made) if operation == "chat" else made,
        tool_call=_tool_call(found) if operation == "execute_tool" else None,
        tool_result=fields.text_of(found.get("gen_ai.tool.call.result")),
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


def ids_of(
    span: OtlpSpan, options: ReadOptions, more: Mapping[str, Json] | None = None
) -> tuple[str | None, str | None]:
    """The ids of the conversation and the user from a span's attributes, or from `more`, what its client put beside them."""
    found, resource = span.attributes, span.resource
    if more:
        found = {**more, **found}
        return conversation_id(found, resource, options), user_id(found, resource, options)
    names = span.names
    return (
        conversation_id(found, resource, options, names.derive(_conversation_names)),
        user_id(found, resource, options, names.derive(_user_names)),
    )


def conversation_id(
    found: Attributes, resource: Attributes, options: ReadOptions, names: Sequence[str] = _CONVERSATION_IDS
) -> str | None:
    """The conversation id: under the attribute that was declared, else under the usual ones."""
    if options.conversation_id is not None:
        return _declared(found, resource, options.conversation_id)
    return fields.identifier(fields.first(found, names), "conversation id")


def _conversation_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The usual names of a conversation's id that the attributes have."""
    return tuple(name for name in _CONVERSATION_IDS if name in names)


def user_id(
    found: Attributes, resource: Attributes, options: ReadOptions, names: Sequence[str] = _USER_IDS
) -> str | None:
    """The user id: under the attribute that was declared, else under the usual ones."""
    if options.user_id is not None:
        return _declared(found, resource, options.user_id)
    return fields.identifier(fields.first(found, names), "user id")


def _user_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The usual names of a user's id that the attributes have."""
    return tuple(name for name in _USER_IDS if name in names)


def _declared(found: Attributes, resource: Attributes, name: str) -> str | None:
    value = fields.at_path(found, name)
    return fields.identifier(fields.at_path(resource, name) if value is None else value, name)


def error_of(span: OtlpSpan) -> str | None:
    """What went wrong, after the error's type if the client gives that separately; None if nothing did."""
    if span.error is None:
        return None
    kind, message = span.exception or ("", "")
    return typed_failure(kind or span.attributes.get("error.type"), span.error or message)


def environment(resource: Attributes) -> Json:
    """Where the application runs: production, staging or the like."""
    return fields.first(resource, _ENVIRONMENTS)


def _conversation_attributes(span: OtlpSpan, options: ReadOptions, *, is_cut: bool) -> dict[str, str]:
    found = span.attributes
    attributes = own_attributes(found, options, span.names)
    with_common(
        attributes,
        model=fields.first(found, _MODELS),
        environment=environment(span.resource),
        agent_version=found.get(_VERSION),
    )
    if is_cut:
        attributes.setdefault("content", "cut")
    return attributes


def _tool_call(found: Attributes) -> ToolCall | None:
    name = found.get("gen_ai.tool.name")
    if not isinstance(name, str):
        return None
    arguments = found.get("gen_ai.tool.call.arguments")
    return ToolCall(
        fields.identifier(found.get("gen_ai.tool.call.id"), "gen_ai.tool.call.id"), name, fields.json_value(arguments)
    )


# --- events -----------------------------------------------------------------------------------------------------


def details_span(log: OtlpLog, options: ReadOptions) -> Span:
    """The part of a span that is in an event with the details of its model call."""
    trace_id, span_id = _ids(log)
    found = log.attributes
    part = OtlpSpan(trace_id, span_id, None, "", log.at, None, None, None, "", found, log.resource, Names.of(found))
    return replace(read_span(part, options), operation="chat")


def message_spans(logs: Iterable[OtlpLog], options: ReadOptions) -> Iterator[Span | BadRecord]:
    """The parts of spans that are in events with one message each: one for each span that the events name.

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
    """A rating by the user or by a machine: a `user.id` on it, or its name, says which."""
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
