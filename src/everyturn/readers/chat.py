r"""One conversation a record: the messages form of OpenAI's API and fine-tuning files, and what `everyturn export` writes.

    {"conversation_id": "c1", "user_id": "u1", "started_at": "2026-03-01T09:30:00Z", "plan": "pro",
     "messages": [{"role": "user", "content": "Where is my order?"},
                  {"role": "assistant", "content": null, "tool_calls": [
                      {"id": "t1", "type": "function", "function": {"name": "find_order", "arguments": "{\"id\": 7}"}}]},
                  {"role": "tool", "tool_call_id": "t1", "content": "late"},
                  {"role": "assistant", "content": "It is three days late."}],
     "feedback": [{"name": "thumbs", "value": 1, "turn": 0}],
     "scores": [{"name": "goal_reached", "value": 0.5}]}

Only `messages` must be there.

| field | or under the name | |
|---|---|---|
| `conversation_id` | session_id, thread_id, chat_id, id | without one it is made from the content, so that loading the file again changes nothing |
| `user_id` | user, customer_id | there or in `metadata` |
| `started_at` | created_at, created, timestamp, at | |
| `feedback` | | what people said of the conversation |
| `scores` | | what machines said of it |

`metadata`, `attributes` and every other field that is a plain value become attributes.

Roles are system (developer), user (human, customer, end_user), assistant (ai, bot, model, agent) and tool (function).

Content is a text, null or a list of parts, whose texts are joined. A part without a text stands as its type, such as [image_url]. Parts of the
types tool_use and tool_result are tool calls and their results. Reasoning parts, which the user never saw, are left out.

Tool calls come as above or as {"id", "name", "arguments"}. Arguments that are not a JSON object stay the text they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import orjson

from everyturn.model import Attributes, Feedback, FeedbackRecord, Json, MessageRecords, digest
from everyturn.model.exchange import encode_calls
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import record_attributes
from everyturn.readers.openai_messages import USUAL, exchange_calls, read_message

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
_MODEL_CALLS = (
    "/completions",
    "/messages",
    "/responses",
)  # a captured call of a model: the history again, without its answer


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
        elif (content is None or type(content) is str) and item.keys() <= USUAL:
            _note_usual(item, messages, i)
            roles.append(role)
            contents.append(content)
        else:
            _add(item, messages, i)


def _note_usual(item: Mapping[str, Json], messages: MessageRecords, number: int) -> None:
    """Notes what a message with the usual fields has beside its role and content."""
    try:
        calls = exchange_calls(item["tool_calls"]) if item.get("tool_calls") else None
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
