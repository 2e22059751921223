r"""One conversation a record: the messages form of OpenAI's API and fine-tuning files, and what `everyturn export` writes.

    {"conversation_id": "c1", "user_id": "u1", "started_at": "2026-03-01T09:30:00Z", "plan": "pro",
     "messages": [{"role": "user", "content": "Where is my order?"},
                  {"role": "assistant", "content": null, "tool_calls": [
                      {"id": "t1", "type": "function", "function": {"name": "find_order", "arguments": "{\"id\": 7}"}}]},
                  {"role": "tool", "tool_call_id": "t1", "content": "late"},
                  {"role": "assistant", "content": "It is three days late."}],
     "feedback": [{"name": "thumbs", "value": 1, "turn": 0}],
     "scores": [{"name": "goal_reached", "value": 0.5}]}

Only `messages` must be there. The conversation's id stands in `conversation_id`, `session_id`, `thread_id`, `chat_id` or `id`; without one
it is made from the content, so that loading the file again changes nothing. The user's id stands in `user_id`, `user` or `customer_id`,
there or in `metadata`; the start in `started_at`, `created_at`, `created`, `timestamp` or `at`. `metadata`, `attributes` and every other
field that is a plain value become attributes.

`feedback` is what people said of the conversation, `scores` what machines did.

Roles: system (developer), user (human, customer, end_user), assistant (ai, bot, model, agent), tool (function). Content is a text, null or
a list of parts, whose texts are joined; a part without a text stands as its type, such as [image_url]. Parts of the types
tool_use and tool_result are tool calls and their results; reasoning parts, which the user never saw, are left out.
Tool calls come as above or as {"id", "name", "arguments"}; arguments that are not a JSON object stay the text they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeGuard

import orjson

from everyturn.model import Attributes, Feedback, FeedbackRecord, Json, Message, MessageRecords, ToolCall, digest
from everyturn.model.exchange import decode_tool_calls, encode_calls
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import record_attributes

_ID_NAMES = (*fields.CONVERSATION_ID_NAMES, "id")
_START_NAMES = ("started_at", "startedAt", *fields.TIME_NAMES)
_NOT_ATTRIBUTES = frozenset(
    {
        *_ID_NAMES,
        *fields.USER_ID_NAMES,
        *_START_NAMES,
        "messages",
        "metadata",
        "attributes",
        "feedback",
        "scores",
        "tools",
        "functions",
    }
)
_TIMES = frozenset(fields.TIME_NAMES)
_MODEL_CALLS = (
    "/completions",
    "/messages",
    "/responses",
)  # a captured call of a model: the history again, without its answer
_UNSEEN = frozenset({"thinking", "redacted_thinking", "reasoning"})
_USUAL = frozenset({"role", "content", "at", "tool_calls", "tool_call_id"})  # of a message
_PART_TYPE = re.compile(r"[a-z][a-z_.-]{0,31}")


def _read(record: Json, context: Context) -> Iterator[MessageRecords | FeedbackRecord]:
    if not isinstance(record, dict):
        raise BadRecord(expected="an object with a list of messages", found=fields.describe(record))
    listed = record.get("messages")
    if not isinstance(listed, list):
        listed = fields.json_value(listed)  # a CSV or Parquet cell holds the list as text
    if not isinstance(listed, list) or not listed:
        raise BadRecord(expected="messages: a list of at least one message", found=fields.describe(listed))
    metadata = fields.object_of(record.get("metadata"))
    conversation_id = _conversation_id(record, metadata, context)
    user_id = fields.user_id(record, context.options)
    if user_id is None and context.options.user_id is None:
        user_id = fields.user_id(metadata, context.options)
    messages = MessageRecords(conversation_id, user_id, 0, {}, context.record, [], [], {})
    _read_messages(listed, messages)
    messages.attributes = _attributes(record, messages, context)
    yield messages
    if "feedback" in record:
        yield from _feedback(record["feedback"], conversation_id)
    if "scores" in record:
        yield from _scores(record["scores"], conversation_id)


def _conversation_id(record: Mapping[str, Json], metadata: Mapping[str, Json], context: Context) -> str:
    found = fields.conversation_id(record, context.options, _ID_NAMES)
    if found is None and context.options.conversation_id is None:
        found = fields.conversation_id(metadata, context.options)
    if found is None:
        content = digest(orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode())[:16]
        found = f"chat-{content}-{context.occurrence(content)}"
    return found


def _attributes(record: Mapping[str, Json], messages: MessageRecords, context: Context) -> Attributes:
    attributes = record_attributes(record, _NOT_ATTRIBUTES, context.options)
    started_at = fields.time(fields.first(record, _START_NAMES), "started_at")
    times = messages.few.get("at")
    if started_at is not None and not (times and started_at == min(times.values())):
        latest = context.now + fields.AHEAD
        attributes["started_at"] = fields.believable(started_at, "started_at", latest).isoformat()
    return attributes


def _read_messages(listed: list[Json], messages: MessageRecords) -> None:
    """Adds the messages of a list: the usual ones straight into their columns, just as `read_any_message` reads them."""
    roles, contents, known = messages.roles, messages.contents, fields.ROLE_NAMES
    for i, item in enumerate(listed):
        try:
            role, content = known[item["role"]], item["content"]
        except (KeyError, TypeError):
            _add(item, messages, i)
            continue
        if type(content) is str and len(item) == 2:
            roles.append(role)
            contents.append(content)
        elif (content is None or type(content) is str) and item.keys() <= _USUAL:
            _note_usual(item, messages, i)
            roles.append(role)
            contents.append(content)
        else:
            _add(item, messages, i)


def _note_usual(item: Mapping[str, Json], messages: MessageRecords, number: int) -> None:
    """Notes what a message with the usual fields has beside its role and content."""
    try:
        calls = _calls(item["tool_calls"]) if item.get("tool_calls") else None
        at = fields.time(item["at"], "at") if "at" in item else None
        call_id = fields.identifier(item["tool_call_id"], "tool_call_id") if "tool_call_id" in item else None
    except BadRecord as bad:
        raise BadRecord(expected=f"messages[{number}].{bad.expected}", found=bad.found) from None
    if calls:
        messages.put("tool_calls", encode_calls(calls))
    if at is not None:
        messages.put("at", at)
    if call_id is not None:
        messages.put("tool_call_id", call_id)


def _add(item: Json, messages: MessageRecords, number: int) -> None:
    """Adds a message of any form."""
    try:
        for message, message_id in read_message(item):
            messages.add(message, message_id)
    except BadRecord as bad:
        raise BadRecord(expected=f"messages[{number}].{bad.expected}", found=bad.found) from None


# --- messages ----------------------------------------------------------------------------------------------------


def read_message(item: Json) -> list[tuple[Message, str | None]]:
    """The message of one item, with its own id; tool results among its parts become messages of their own before it."""
    try:
        role, content = fields.ROLE_NAMES[item["role"]], item["content"]
    except (KeyError, TypeError):
        return read_any_message(item)
    if (content is None or type(content) is str) and item.keys() <= _USUAL:
        if len(item) == 2:
            return [(Message(role, content), None)]
        calls = tool_calls(item["tool_calls"]) if item.get("tool_calls") else ()
        at = fields.time(item.get("at"), "at")
        return [(Message(role, content, at, calls, fields.identifier(item.get("tool_call_id"), "tool_call_id")), None)]
    return read_any_message(item)


def read_any_message(item: Json) -> list[tuple[Message, str | None]]:
    """The same without a short way for the usual fields."""
    if not isinstance(item, dict):
        raise BadRecord(expected="role: an object with a role and content", found=fields.describe(item))
    name = item.get("role")
    role = fields.ROLE_NAMES.get(name) if type(name) is str else None
    if role is None:
        role = fields.role(name)
    content = item.get("content")
    calls = tool_calls(item["tool_calls"]) if item.get("tool_calls") else ()
    results: list[tuple[Message, str | None]] = []
    at = None if _TIMES.isdisjoint(item) else fields.time(fields.first(item, fields.TIME_NAMES), "at")
    if content is not None and type(content) is not str:
        if role == "tool" and not _is_parts(content):
            content = fields.plain_text(content)
        elif isinstance(content, list):
            content, calls, results = _parts(content, calls, at)
        else:
            raise BadRecord(expected="content: a text, a list of parts or null", found=fields.describe(content))
    if content is None and isinstance(item.get("refusal"), str):
        content = item["refusal"]
    if not calls and isinstance(item.get("function_call"), dict):
        calls = tool_calls([item["function_call"]])
    message = Message(
        role,
        content,
        at,
        calls,
        fields.identifier(item.get("tool_call_id"), "tool_call_id"),
        fields.text(item.get("name"), "name"),
    )
    if results and content is None and not calls:
        return results
    return [*results, (message, fields.identifier(item.get("id") or item.get("message_id"), "id"))]


def _is_parts(content: Json) -> TypeGuard[list[Json]]:
    return isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("type"), str) for p in content)


def _parts(
    parts: list[Json], calls: tuple[ToolCall, ...], at: Json
) -> tuple[str | None, tuple[ToolCall, ...], list[tuple[Message, str | None]]]:
    """The text of a list of parts, the tool calls among them, and the tool results among them as messages."""
    texts: list[str] = []
    results: list[tuple[Message, str | None]] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict) or not isinstance(kind, str):
            raise BadRecord(expected="content: parts with a type each", found=fields.describe(part))
        elif kind == "tool_use":
            calls = (*calls, *tool_calls([{**part, "arguments": part.get("input")}]))
        elif kind == "tool_result":
            found = part.get("content")
            text = _parts(found, (), at)[0] if _is_parts(found) else None if found is None else fields.plain_text(found)
            call_id = fields.identifier(part.get("tool_use_id"), "content: tool_use_id")
            results.append((Message("tool", text, at, (), call_id), None))
        elif kind not in _UNSEEN:
            text = part.get("text", part.get("refusal"))
            texts.append(text if isinstance(text, str) else f"[{kind}]" if _PART_TYPE.fullmatch(kind) else "[part]")
    return "\n".join(texts) if texts or not (calls or results) else None, calls, results


def tool_calls(value: Json) -> tuple[ToolCall, ...]:
    """The tool calls of a list in OpenAI's form, its older and custom ones, or the export's."""
    return decode_tool_calls(_calls(value))


def _calls(value: Json) -> list[dict[str, Json]]:
    """The same in the exchange form."""
    value = fields.json_value(value)
    if not value:
        return []
    if not isinstance(value, list):
        raise BadRecord(expected="tool_calls: a list", found=fields.describe(value))
    calls = []
    for call in value:
        inner = (call.get("function") or call.get("custom") or call) if isinstance(call, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or not isinstance(name, str):
            raise BadRecord(expected="tool_calls: objects with a name each", found=fields.describe(call))
        arguments = inner.get("arguments", inner.get("args", inner.get("input")))
        if type(arguments) is str:
            decoded = fields.decoded(arguments)
            arguments = decoded if type(decoded) is dict else arguments
        calls.append({"id": fields.identifier(call.get("id"), "tool_calls: id"), "name": name, "arguments": arguments})
    return calls


# --- feedback ----------------------------------------------------------------------------------------------------


def _feedback(value: Json, conversation_id: str) -> Iterator[FeedbackRecord]:
    value = fields.json_value(value)
    if value is None or value == "":
        return
    for i, item in enumerate(value if isinstance(value, list) else [value]):
        try:
            feedback = read_feedback(item)
        except BadRecord as bad:
            raise BadRecord(expected=f"feedback[{i}].{bad.expected}", found=bad.found) from None
        turn = None if feedback.turn is None else str(feedback.turn)
        yield FeedbackRecord(digest(conversation_id, feedback.name, turn, str(i)), feedback, conversation_id)


def _scores(value: Json, conversation_id: str) -> Iterator[FeedbackRecord]:
    """What machines said of the conversation; where the field holds something else, it says nothing."""
    listed = fields.json_value(value) if value is not None else None
    if not isinstance(listed, list) or not all(isinstance(s, dict) and "name" in s for s in listed):
        return
    for i, item in enumerate(listed):
        try:
            score = replace(read_feedback(item), source="judge")
        except BadRecord as bad:
            raise BadRecord(expected=f"scores[{i}].{bad.expected}", found=bad.found) from None
        turn = None if score.turn is None else str(score.turn)
        yield FeedbackRecord(digest(conversation_id, "score", score.name, turn, str(i)), score, conversation_id)


def read_feedback(item: Json) -> Feedback:
    """One rating: an object with a name and a value or label, or the bare value or label."""
    if isinstance(item, bool | int | float):
        return Feedback("feedback", value=fields.number(item, "value"))
    if isinstance(item, str):
        return Feedback("feedback", label=item)
    if not isinstance(item, dict):
        raise BadRecord(expected="value: a rating", found=fields.describe(item))
    value = fields.first(item, ("value", "score", "rating"))
    label = fields.text(item.get("label"), "label")
    is_label = isinstance(value, str) and label is None and not _is_number(value)
    if item.get("source") not in {None, "user", "judge"}:
        raise BadRecord(expected="source: user or judge", found=fields.describe(item["source"]))
    return Feedback(
        name=fields.text(fields.first(item, ("name", "key")), "name") or "feedback",
        value=None if is_label else fields.number(value, "value"),
        label=value if is_label else label,
        comment=fields.text(item.get("comment"), "comment"),
        turn=fields.count(item.get("turn"), "turn"),
        source="judge" if item.get("source") == "judge" else "user",
        at=fields.time(item.get("at"), "at"),
    )


def _is_number(value: str) -> bool:
    try:
        fields.number(value, "value")
    except BadRecord:
        return False
    return True


def _looks_like(sample: Sample) -> float:
    """How many of the records hold a list of objects with a role each under `messages`."""
    return 0.0 if (sample.endpoint or "").endswith(_MODEL_CALLS) else 0.9 * sample.share(_is_chat)


def _is_chat(record: Json) -> bool:
    messages = fields.json_value(record.get("messages")) if isinstance(record, dict) else None
    return isinstance(messages, list) and bool(messages) and isinstance(messages[0], dict) and "role" in messages[0]


READER = Reader(
    name="chat",
    kind="conversations",
    description="one conversation a record, with a list of messages: OpenAI's form, fine-tuning files, our own export",
    looks_like=_looks_like,
    read=_read,
)
