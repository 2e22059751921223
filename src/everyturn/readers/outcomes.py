"""Outcomes that a team already has in a warehouse, one conversation a row: CSV, TSV, Parquet or JSON Lines.

    conversation_id,user_id,started_at,cohort,intent,accepted,edit_share,reworked
    c1,u1,2026-03-01T09:30:00Z,pro,order status,1,0.2,
    c2,u2,2026-03-01T10:00:00Z,free,refund,0,,

`accepted`, `edit_share` and `reworked` are numbers from 0 to 1 (yes/no and true/false count as 1 and 0); empty is unknown.
`known_at`, if there is such a column, is when they became known: where good and bad outcomes take unequally long, it tells from which
age on they count.
`conversation_id` (or session_id, thread_id) must be there, and at least one of the three numbers as a column. Every other column becomes
an attribute. Of a conversation whose messages are loaded too, what was seen in it makes its rates; `accepted` is then a label for
`everyturn fit`.
"""

from __future__ import annotations

from collections.abc import Iterator

from everyturn.model import Json, OutcomeRecord
from everyturn.readers import BadRecord, Context, Reader, Sample, fields
from everyturn.readers.attributes import object_attributes, other_fields

_START_NAMES = ("started_at", *fields.TIME_NAMES)
_NUMBERS = ("accepted", "edit_share", "reworked")
_NOT_ATTRIBUTES = frozenset(
    {
        *fields.CONVERSATION_ID_NAMES,
        *fields.USER_ID_NAMES,
        *_START_NAMES,
        *_NUMBERS,
        "known_at",
        "cohort",
        "intent",
        "attributes",
    }
)


def _read(record: Json, context: Context) -> Iterator[OutcomeRecord]:
    if not isinstance(record, dict):
        raise BadRecord(expected="a row with conversation_id and accepted", found=fields.describe(record))
    conversation_id = fields.conversation_id(record, context.options)
    if conversation_id is None:
        raise BadRecord(expected=f"{context.options.conversation_id or 'conversation_id'}: an id", found="nothing")
    yield OutcomeRecord(
        conversation_id=conversation_id,
        user_id=fields.user_id(record, context.options),
        started_at=fields.time(fields.first(record, _START_NAMES), "started_at"),
        cohort=fields.text(record.get("cohort"), "cohort"),
        intent=fields.text(record.get("intent"), "intent"),
        accepted=fields.share(record.get("accepted"), "accepted"),
        edit_share=fields.share(record.get("edit_share"), "edit_share"),
        reworked=fields.share(record.get("reworked"), "reworked"),
        known_at=fields.time(record.get("known_at"), "known_at"),
        attributes={
            **other_fields(record, _NOT_ATTRIBUTES, context.options),
            **object_attributes(record.get("attributes"), "attributes"),
        },
    )


def _looks_like(sample: Sample) -> float:
    """Whether there is a conversation's id, one of the numbers, and no message."""
    records = [r for r in sample.records if isinstance(r, dict) and "messages" not in r and "role" not in r]
    named = {name for record in records for name in record}
    has_id = not named.isdisjoint(fields.CONVERSATION_ID_NAMES)
    has_number = not named.isdisjoint(_NUMBERS)
    return 0.8 * len(records) / len(sample.records) if has_id and has_number else 0.0


READER = Reader(
    name="outcomes",
    kind="outcomes",
    description="one conversation's outcome a row: conversation_id, user_id, started_at, accepted, edit_share, reworked",
    looks_like=_looks_like,
    read=_read,
)
