"""What users did with an output, one action a record: rows of CSV, TSV, Parquet or JSON Lines, or CloudEvents 1.0.

    at,user_id,kind,conversation_id,turn,artefact
    2026-03-01T09:31:00Z,u1,copied,c1,0,
    2026-03-02T14:00:00Z,u1,saved,c1,,"Dear customer, your order is three days late."

    {"specversion": "1.0", "id": "e1", "source": "/desk", "type": "com.example.ticket.opened",
     "time": "2026-03-02T14:00:00Z", "subject": "u1", "data": {"conversation_id": "c1"}}

| field | or under the name | |
|---|---|---|
| `at` | timestamp, created_at, time | must be there |
| `kind` | action, event, event_type, type | must be there, but where a row has a text before and one after: that is `edited`, as a document system tells it |
| `user_id`, `conversation_id` | | one of them must be there |
| `turn` | | which output it is about |
| `artefact` | after, final_text | the text after the action |
| `before` | draft | the text before it |
| `action_id` | event_id, id | without one, the same row is the same action |

Every other field becomes an attribute.

A CloudEvent gives its `id` with its `source`, its `time` and the fields of its `data`. Its kind is data.kind or what its type ends in; its
user is data.user_id or `subject`.

Kinds are put into one spelling: "ThumbsUp", "thumbs-up" and "thumbs_up" are the same, and the words of `KINDS` are. Others stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from everyturn.model import Action, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import object_attributes, other_fields

KINDS: Mapping[str, tuple[str, ...]] = {
    "accepted": ("accept", "approve", "approved", "kept", "keep"),
    "copied": ("copy", "copied_to_clipboard", "clipboard_copy"),
    "inserted": ("insert", "pasted", "paste"),
    "applied": ("apply", "merged", "merge"),
    "sent": ("send", "submitted", "submit"),
    "resolved": ("resolve", "solved", "marked_resolved"),
    "edited": ("edit", "modified", "modify", "changed", "updated"),
    "rejected": ("reject", "declined", "decline", "discarded", "discard"),
    "dismissed": ("dismiss", "ignored", "ignore", "closed_suggestion"),
    "regenerated": ("regenerate", "retried", "retry", "regen"),
    "undone": ("undo",),
    "reverted": ("revert", "rolled_back", "rollback"),
    "thumbs_up": ("thumb_up", "upvote", "upvoted", "like", "liked"),
    "thumbs_down": ("thumb_down", "downvote", "downvoted", "dislike", "disliked"),
    "saved": ("save",),
    "published": ("publish",),
    "committed": ("commit",),
    "ticket_opened": (
        "ticket_created",
        "ticket_open",
        "create_ticket",
        "open_ticket",
        "opened_ticket",
        "case_opened",
        "case_created",
    ),
    "human_requested": (
        "request_human",
        "human_asked",
        "ask_human",
        "handoff_requested",
        "agent_requested",
        "escalated",
        "escalate",
    ),
    "called": ("call", "phone_call", "phoned", "call_started"),
    "emailed": ("email", "email_sent", "mailed", "sent_email"),
}
_SPELLINGS = {spelling: kind for kind, spellings in KINDS.items() for spelling in spellings}

_KIND_NAMES = ("kind", "action", "event", "event_type", "eventType", "type")
_ID_NAMES = ("action_id", "actionId", "event_id", "eventId", "id")
_ARTEFACT_NAMES = ("artefact", "artifact", "after", "final_text")
_BEFORE_NAMES = ("before", "draft")
_NOT_ATTRIBUTES = frozenset(
    {
        *fields.CONVERSATION_ID_NAMES,
        *fields.USER_ID_NAMES,
        *fields.TIME_NAMES,
        *_KIND_NAMES,
        *_ID_NAMES,
        *_ARTEFACT_NAMES,
        *_BEFORE_NAMES,
        "turn",
        "attributes",
        "specversion",
        "subject",
        "data",
        "datacontenttype",
        "dataschema",
    }
)


def action_kind(name: str) -> str:
    """The one spelling of an action's kind: known synonyms folded, others in lower snake case.

    >>> action_kind("Copy"), action_kind("TicketCreated"), action_kind("ticket.opened"), action_kind("Looked at")
    ('copied', 'ticket_opened', 'ticket_opened', 'looked_at')
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    snake = re.sub(r"[\W_]+", "_", split).strip("_").lower()
    return _SPELLINGS.get(snake, snake)


def _read(record: Json, context: Context) -> Iterator[Action]:
    if not isinstance(record, dict):
        raise BadRecord(expected="an object with at, kind and user_id", found=fields.describe(record))
    if "specversion" in record:
        record = _flat_event(record)
    at = fields.required_time(fields.first(record, fields.TIME_NAMES), "at")
    kind = _kind(record)
    user_id = fields.user_id(record, context.options)
    conversation_id = fields.conversation_id(record, context.options)
    if user_id is None and conversation_id is None:
        raise BadRecord(expected="user_id or conversation_id: an id", found="neither")
    yield Action(
        action_id=fields.identifier(fields.first(record, _ID_NAMES), "action_id") or content_id(record),
        at=at,
        user_id=user_id,
        kind=kind,
        conversation_id=conversation_id,
        turn=fields.count(record.get("turn"), "turn"),
        artefact=fields.text(fields.first(record, _ARTEFACT_NAMES), "artefact"),
        before=fields.text(fields.first(record, _BEFORE_NAMES), "before"),
        attributes={
            **other_fields(record, _NOT_ATTRIBUTES, context.options),
            **object_attributes(record.get("attributes"), "attributes"),
        },
    )


def _kind(record: Mapping[str, Json]) -> str:
    value = fields.first(record, _KIND_NAMES)
    if value is None and _is_before_and_after(record):
        return "edited"
    kind = action_kind(value) if isinstance(value, str) and len(value) <= 100 else ""  # longer is a text, not a kind
    if not kind:
        raise BadRecord(expected="kind: a word such as accepted, edited or ticket_opened", found=fields.describe(value))
    return kind


def content_id(record: Mapping[str, Json]) -> str:
    """An id made of the record itself, for those that bring none."""
    return digest(orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode())


def _flat_event(event: Mapping[str, Json]) -> Mapping[str, Json]:
    """A CloudEvent as a row: the fields of its data, then its own where the data has none."""
    data = event.get("data")
    if data is not None and not isinstance(data, dict):
        raise BadRecord(expected="data: an object", found=fields.describe(data))
    row: dict[str, Json] = dict(data or {})
    kind = event.get("type")
    if fields.first(row, _KIND_NAMES[:-1]) is None and isinstance(kind, str):
        row["kind"] = _event_kind(kind)
    if fields.first(row, fields.USER_ID_NAMES) is None and event.get("subject"):
        row["user_id"] = event["subject"]
    if fields.first(row, fields.TIME_NAMES) is None:
        row["at"] = event.get("time")
    event_id = fields.identifier(event.get("id"), "id")
    if event_id is not None:  # an id is unique within its source alone
        row["action_id"] = digest(fields.text(event.get("source"), "source"), event_id)
    extensions = {k: v for k, v in event.items() if k not in _NOT_ATTRIBUTES and k not in row}
    return {**extensions, **row}


def _event_kind(name: str) -> str:
    """What a CloudEvent's type ends in: its last two words where they are a known kind ("ticket.opened"), else the last."""
    words = re.split(r"[.:/]", name)
    pair = action_kind("_".join(words[-2:]))
    return pair if pair in KINDS else words[-1]


def _is_before_and_after(record: Mapping[str, Json]) -> bool:
    return fields.first(record, _BEFORE_NAMES) is not None and fields.first(record, _ARTEFACT_NAMES) is not None


def _looks_like(sample: Sample) -> float:
    """How many of the records have a time, a kind and an id, and neither messages nor spans."""
    return 0.8 * sample.share(_is_action)


def _is_action(record: Json) -> bool:
    if not isinstance(record, dict):
        return False
    if "specversion" in record:
        return isinstance(record.get("type"), str) and "time" in record
    has_id = fields.first(record, (*fields.USER_ID_NAMES, *fields.CONVERSATION_ID_NAMES)) is not None
    return (
        has_id
        and (isinstance(fields.first(record, _KIND_NAMES), str) or _is_before_and_after(record))
        and fields.first(record, fields.TIME_NAMES) is not None
        and "role" not in record
    )


READER = Reader(
    name="actions",
    kind="actions",
    description="what users did with an output: at, user_id, kind, conversation_id; or CloudEvents 1.0",
    looks_like=_looks_like,
    read=_read,
)
