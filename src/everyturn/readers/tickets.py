"""Tickets and mails, one a row: what help desks and mailboxes export as CSV, TSV, Parquet or JSON Lines.

    id,created_at,requester,subject,description
    4711,2026-03-03T10:00:00Z,jo@shop.example,Charged twice,"I was told the second payment would go back by Friday. It did not."

    {"message_id": "<m1@mail.example>", "date": "Tue, 03 Mar 2026 10:00:00 +0000", "from": "Jo <jo@shop.example>", "subject": "Charged twice"}

| field | or under the name | |
|---|---|---|
| `subject` | title, summary | must be there |
| `created_at` | created, opened_at, date, sent_at, at, timestamp | must be there |
| `requester` | requester_id, requester_email, reporter, customer_id, customer_email, user_id, from, sender | must be there; a name before an address in angle brackets is left out |
| `description` | body, text, content, message | the text is the subject with it |
| `conversation_id` | | ties it to a conversation; without one the user's words do |

A row with `from` or `sender` is a mail (`emailed`), any other a ticket (`ticket_opened`). Other fields become attributes.

People are matched by id: the requester must be the conversation's `user_id`, or both the same e-mail address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parseaddr

from everyturn.model import Action, Json, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.actions import content_id
from everyturn.readers.attributes import other_fields

_SUBJECT_NAMES = ("subject", "title", "summary", "Subject", "Title", "Summary")
_BODY_NAMES = ("description", "body", "text", "content", "message", "Description", "Body")
_TIME_NAMES = (
    "created_at",
    "created",
    "createdAt",
    "opened_at",
    "date",
    "sent_at",
    "at",
    "timestamp",
    "Created",
    "Date",
)
_MAIL_NAMES = ("from", "sender", "From", "Sender")
_PERSON_NAMES = (
    "requester_email", "requester", "requester_id", "reporter", "customer_email", "customer_id", "user_id", "Requester", "Reporter",
)  # fmt: skip
_ID_NAMES = ("ticket_id", "message_id", "id", "key", "Id", "ID", "Ticket ID", "Message-ID", "Issue key")
_NOT_ATTRIBUTES = frozenset(
    {*fields.CONVERSATION_ID_NAMES, *_SUBJECT_NAMES, *_BODY_NAMES, *_TIME_NAMES, *_MAIL_NAMES, *_PERSON_NAMES, *_ID_NAMES,
     "to", "cc", "bcc", "To", "Cc", "Bcc"}
)  # fmt: skip


def _read(record: Json, context: Context) -> Iterator[Action]:
    if not isinstance(record, dict):
        raise BadRecord(expected="a row with subject, a time and a requester", found=fields.describe(record))
    at = fields.required_time(fields.first(record, _TIME_NAMES), "created_at")
    kind = "emailed" if fields.first(record, _MAIL_NAMES) is not None else "ticket_opened"
    user = _person(record, context)
    conversation = fields.conversation_id(record, context.options)
    if user is None and conversation is None:
        raise BadRecord(expected="requester or from: who it came from", found="nobody")
    parts = (fields.text(fields.first(record, names), names[0]) for names in (_SUBJECT_NAMES, _BODY_NAMES))
    own_id = fields.identifier(fields.first(record, _ID_NAMES), "id")
    yield Action(
        digest("ticket", kind, own_id) if own_id else content_id(record),
        at,
        user,
        kind,
        conversation,
        artefact="\n\n".join(filter(None, parts)) or None,
        attributes=other_fields(record, _NOT_ATTRIBUTES, context.options),
    )


def _person(record: Mapping[str, Json], context: Context) -> str | None:
    """Who wrote it: the id a declared field holds, else the address without its name."""
    if context.options.user_id is not None:
        return fields.user_id(record, context.options)
    value = fields.first(record, (*_MAIL_NAMES, *_PERSON_NAMES))
    if isinstance(value, dict):  # {"name": …, "email": …}
        value = fields.first(value, ("email", "address", "id"))
    person = fields.identifier(value, "requester")
    if person is None or "@" not in person:
        return person
    return parseaddr(person)[1] or person


def _looks_like(sample: Sample) -> float:
    """How many of the rows have a subject, a time and a person, and no kind of action."""
    return 0.9 * sample.share(_is_ticket)


def _is_ticket(record: Json) -> bool:
    return (
        isinstance(record, dict)
        and not record.keys() & {"kind", "action", "event", "event_type", "eventType", "role", "specversion"}
        and isinstance(fields.first(record, _SUBJECT_NAMES), str)
        and fields.first(record, _TIME_NAMES) is not None
        and fields.first(record, (*_MAIL_NAMES, *_PERSON_NAMES)) is not None
    )


READER = Reader(
    name="tickets",
    kind="actions",
    description="tickets and mails: subject, a time, who it came from",
    looks_like=_looks_like,
    read=_read,
)
