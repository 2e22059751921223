"""Event streams in Segment's form: what its libraries and many others send, one call a record or a batch of them.

    {"type": "track", "event": "Draft Sent", "userId": "u1", "messageId": "m1", "timestamp": "2026-03-02T14:00:00Z",
     "properties": {"conversation_id": "c1", "turn": 0, "text": "Dear customer, your order is three days late."}}

A `track` call is an action: its kind what the event's name ends in ("Draft Sent" is sent, "Ticket Opened" ticket_opened; a name
that ends in no kind we know stays whole), its user `userId` (or `anonymousId`), its text `artefact`, `text`, `after`, `final_text`,
`body` or `content` of the properties, the text before it `before` or `draft`. Other properties that are plain values become attributes. Calls of
other types (identify, page, screen, group, alias) are skipped and counted. `{"batch": […]}` holds several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everyturn.model import Action, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, Skipped, fields
from everyturn.readers.actions import KINDS, action_kind, content_id
from everyturn.readers.attributes import other_fields

_OTHERS = ("identify", "page", "screen", "group", "alias")  # a tuple: what is asked of it may be a list
_USER_NAMES = ("userId", "user_id", "anonymousId", "anonymous_id")
_TIME_NAMES = ("timestamp", "originalTimestamp", "original_timestamp", "sentAt", "sent_at", "receivedAt", "received_at")
_ID_NAMES = ("messageId", "message_id", "id")
_TEXT_NAMES = ("artefact", "artifact", "text", "after", "final_text", "body", "content")
_BEFORE_NAMES = ("before", "draft")
_NOT_ATTRIBUTES = frozenset({*fields.CONVERSATION_ID_NAMES, *_TEXT_NAMES, *_BEFORE_NAMES, "turn"})


def _read(record: Json, context: Context) -> Iterator[Action | Skipped]:
    calls = record.get("batch", [record]) if isinstance(record, dict) else None
    if not isinstance(calls, list):
        raise BadRecord(expected="a call with type and event, or a batch of them", found=fields.describe(record))
    for call in calls:
        if not isinstance(call, dict):
            raise BadRecord(expected="a call with type and event", found=fields.describe(call))
        if call.get("type", "track") in _OTHERS:
            yield Skipped(f"{call['type']} call")
        else:
            yield _action(call, context)


def _action(call: Mapping[str, Json], context: Context) -> Action:
    event = call.get("event")
    if not isinstance(event, str) or not 0 < len(event) <= 200:
        raise BadRecord(expected="event: a name", found=fields.describe(event))
    at = fields.required_time(fields.first(call, _TIME_NAMES), "timestamp")
    properties = call.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise BadRecord(expected="properties: an object", found=fields.describe(properties))
    properties = properties or {}
    user = fields.user_id({**properties, **call}, context.options, _USER_NAMES)
    conversation = fields.conversation_id(properties, context.options)
    if user is None and conversation is None:
        raise BadRecord(expected="userId or properties.conversation_id: an id", found="neither")
    message_id = fields.identifier(fields.first(call, _ID_NAMES), "messageId")
    return Action(
        digest("segment", message_id) if message_id else content_id(call),
        at,
        user,
        _kind(event),
        conversation,
        turn=fields.count(properties.get("turn"), "turn"),
        artefact=fields.text(fields.first(properties, _TEXT_NAMES), "text"),
        before=fields.text(fields.first(properties, _BEFORE_NAMES), "before"),
        attributes={"event": event, **other_fields(properties, _NOT_ATTRIBUTES, context.options)},
    )


def _kind(event: str) -> str:
    """What the event's name ends in, its last two words or the last, where that is a known kind; else the whole name.

    >>> _kind("Support Ticket Opened"), _kind("draftSent"), _kind("Checkout Started")
    ('ticket_opened', 'sent', 'checkout_started')
    """
    whole = action_kind(event)
    words = whole.split("_")
    endings = (action_kind("_".join(words[-2:])), action_kind(words[-1]))
    return next((kind for kind in (whole, *endings) if kind in KINDS), whole)


def _looks_like(sample: Sample) -> float:
    """How many of the records are calls of a type Segment knows, or batches of them."""
    return 0.95 * sample.share(_is_call)


def _is_call(record: Json) -> bool:
    if not isinstance(record, dict):
        return False
    if isinstance(record.get("batch"), list):
        return bool(record["batch"]) and all(map(_is_call, record["batch"][:4]))
    kind = record.get("type")
    is_ours = kind in _OTHERS or (kind == "track" and isinstance(record.get("event"), str))
    return is_ours and fields.first(record, _TIME_NAMES) is not None


READER = Reader(
    name="segment",
    kind="actions",
    description="track calls in Segment's form, single or in batches",
    looks_like=_looks_like,
    read=_read,
)
