"""Your own log: one message a row, or one question with its answer, as CSV, TSV, Parquet or JSON Lines, in the order of their times or else of the rows.

    conversation_id,user_id,role,content,at,plan
    c1,u1,user,Where is my order?,2026-03-01T09:30:00Z,pro
    c1,u1,assistant,It is three days late.,2026-03-01T09:30:04Z,pro

    {"session_id": "c1", "user_id": "u1", "time": "2026-03-01T09:30:00Z", "prompt": "Where is my order?", "response": "It is three days late."}

| field | or under the name | |
|---|---|---|
| `conversation_id` | session_id, thread_id, chat_id | must be there |
| `role` | sender, author, from, speaker | must be there for a message; roles as in the chat format |
| `content` | text, message, body | must be there for a message |
| `question` | prompt, query, user_message | must be there for a question with its answer |
| `answer` | response, completion, reply, assistant_message | empty where the agent gave none |
| `user_id` | user, customer_id | |
| `at` | timestamp, created_at, time, created, date | |
| `message_id` | id | |
| `position`, `name`, `tool_calls` (a JSON list), `tool_call_id` | | |

Every other column becomes an attribute of the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Json, Message, MessageRecords
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import record_attributes
from everyturn.readers.openai_messages import tool_calls

_ROLE_NAMES = ("role", "sender", "author", "from", "speaker")
_CONTENT_NAMES = ("content", "text", "message", "body")
_QUESTION_NAMES = ("question", "prompt", "query", "user_message")
_ANSWER_NAMES = ("answer", "response", "completion", "reply", "assistant_message")
_ANSWERED = frozenset(_ANSWER_NAMES)
_OF_EVALS = frozenset({"expected", "ideal", "reference", "expected_output", "score"})
_MESSAGE_ID_NAMES = ("message_id", "messageId", "id")
_NOT_ATTRIBUTES = frozenset(
    {
        *fields.CONVERSATION_ID_NAMES,
        *fields.USER_ID_NAMES,
        *fields.TIME_NAMES,
        *_ROLE_NAMES,
        *_CONTENT_NAMES,
        *_MESSAGE_ID_NAMES,
        "position",
        "name",
        "tool_calls",
        "tool_call_id",
        "attributes",
        "metadata",
    }
)


def _read(record: Json, context: Context) -> tuple[MessageRecords]:
    if not isinstance(record, dict):
        raise BadRecord(expected="a row with conversation_id, role and content", found=fields.describe(record))
    conversation_id = fields.conversation_id(record, context.options)
    if conversation_id is None:
        named = context.options.conversation_id
        expected = (
            f"{named}: an id" if named else "conversation_id: an id; another field is named by --conversation-id FIELD"
        )
        raise BadRecord(expected=expected, found=fields.describe(record))
    found = MessageRecords(conversation_id, None, None, {}, context.record, [], [], {})
    if fields.first(record, _ROLE_NAMES) is None and isinstance(fields.first(record, _QUESTION_NAMES), str):
        _read_exchange(record, found)
        not_attributes = _NOT_ATTRIBUTES.union(_QUESTION_NAMES, _ANSWER_NAMES)
    else:
        _read_message(record, found)
        not_attributes = _NOT_ATTRIBUTES
    found.attributes = record_attributes(record, not_attributes, context.options)
    found.user_id = fields.user_id(record, context.options)
    found.position = fields.count(record.get("position"), "position")
    return (found,)


def _read_message(record: Mapping[str, Json], found: MessageRecords) -> None:
    role = fields.role(fields.first(record, _ROLE_NAMES))
    calls = tool_calls(record["tool_calls"]) if "tool_calls" in record else ()
    content = fields.text(_content(record), "content")
    at = fields.time(fields.first(record, fields.TIME_NAMES), "at")
    call_id = fields.identifier(record.get("tool_call_id"), "tool_call_id")
    name = fields.text(record.get("name"), "name")
    if content is None and not calls and role == "user":
        raise BadRecord(expected="content: a text", found="nothing")
    message_id = fields.identifier(fields.first(record, _MESSAGE_ID_NAMES), "message_id")
    if calls or call_id is not None or name is not None or message_id is not None:
        found.add(Message(role, content, at, calls, call_id, name), message_id)
        return
    if at is not None:
        found.put("at", at)
    found.roles.append(role)
    found.contents.append(content)


def _read_exchange(record: Mapping[str, Json], found: MessageRecords) -> None:
    at = fields.time(fields.first(record, fields.TIME_NAMES), "at")
    message_id = fields.identifier(fields.first(record, _MESSAGE_ID_NAMES), "message_id")
    found.add(Message("user", fields.text(fields.first(record, _QUESTION_NAMES), "question"), at), message_id)
    answer = fields.text(fields.first(record, _ANSWER_NAMES), "answer")
    if answer is not None:
        # At the same time: without one it would stand after all questions that have a time.
        found.add(Message("assistant", answer, at), None if message_id is None else f"{message_id}:answer")


def _content(record: Mapping[str, Json]) -> Json:
    # An empty text in JSON is an empty reply; an empty cell of a table has been left out and is none.
    for name in _CONTENT_NAMES:
        if record.get(name) is not None:
            return record[name]
    return None


def _looks_like(sample: Sample) -> float:
    """How many of the records have a role and a content, or a question with an answer, and no list of messages."""
    answered = any(isinstance(record, dict) and not _ANSWERED.isdisjoint(record) for record in sample.records)
    return max(0.8 * sample.share(_is_row), 0.7 * answered * sample.share(_is_question))


def _is_row(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(fields.first(record, _ROLE_NAMES), str)
        and any(name in record for name in (*_CONTENT_NAMES, "tool_calls"))
        and not isinstance(record.get("messages"), list)
    )


def _is_question(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(fields.first(record, _QUESTION_NAMES), str)
        and not isinstance(record.get("messages"), list)
        and _OF_EVALS.isdisjoint(record)
    )


READER = Reader(
    name="plain",
    kind="conversations",
    description="one message a row (conversation_id, user_id, role, content, at), or one question with its answer",
    looks_like=_looks_like,
    read=_read,
)
