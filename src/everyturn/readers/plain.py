"""One message a row, as CSV, TSV, Parquet or JSON Lines, in the order of their times or else of the rows.

    conversation_id,user_id,role,content,at,plan
    c1,u1,user,Where is my order?,2026-03-01T09:30:00Z,pro
    c1,u1,assistant,It is three days late.,2026-03-01T09:30:04Z,pro

`conversation_id` (or session_id, thread_id, chat_id), `role` (or sender, author, from, speaker) and `content` (or text, message, body) must be
there. `user_id` (or user, customer_id), `at` (or timestamp, created_at, time, created, date), `message_id` (or id), `position`, `name`,
`tool_calls` (a JSON list) and `tool_call_id` may be. Every other column becomes an attribute of the conversation.
Roles as in the chat format.
"""

from __future__ import annotations

from collections.abc import Mapping

from everyturn.model import Json, Message, MessageRecords
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import record_attributes
from everyturn.readers.openai_messages import tool_calls

_ROLE_NAMES = ("role", "sender", "author", "from", "speaker")
_CONTENT_NAMES = ("content", "text", "message", "body")
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
    _read_message(record, found)
    found.attributes = record_attributes(record, _NOT_ATTRIBUTES, context.options)
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


def _content(record: Mapping[str, Json]) -> Json:
    # An empty text in JSON is an empty reply; an empty cell of a table has been left out and is none.
    for name in _CONTENT_NAMES:
        if record.get(name) is not None:
            return record[name]
    return None


def _looks_like(sample: Sample) -> float:
    """How many of the records have an id, a role and a content, and no list of messages."""
    return 0.8 * sample.share(_is_row)


def _is_row(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(fields.first(record, _ROLE_NAMES), str)
        and any(name in record for name in (*_CONTENT_NAMES, "tool_calls"))
        and not isinstance(record.get("messages"), list)
    )


READER = Reader(
    name="plain",
    kind="conversations",
    description="one message a row: conversation_id, user_id, role, content, at",
    looks_like=_looks_like,
    read=_read,
)
