"""Converts the values of fields: each function returns a value of one type, or says precisely what it expected and found.

All raise `BadRecord`, which names the field, types and lengths but never repeats a text. None and "" count as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import orjson

from everyturn.model import Json, Role
from everyturn.readers import BadRecord, ReadOptions
from everyturn.readers.times import parsed

ROLE_NAMES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "customer": "user",
    "end_user": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "agent": "assistant",
    "tool": "tool",
    "function": "tool",
}

CONVERSATION_ID_NAMES = (
    "conversation_id",
    "conversationId",
    "session_id",
    "sessionId",
    "thread_id",
    "threadId",
    "chat_id",
)
USER_ID_NAMES = ("user_id", "userId", "user", "customer_id", "customerId", "end_user_id")
TIME_NAMES = ("at", "timestamp", "created_at", "createdAt", "time", "created", "date")

ID_NAMES = frozenset({*CONVERSATION_ID_NAMES, *USER_ID_NAMES})
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # wrong clocks and time zones are off by hours, not by days
_INT32 = 2**31
_ID_LENGTH = 512  # anything longer is a text in the wrong place, and ids may be printed while texts may not
_FIELD_NAME = re.compile(r"[A-Za-z_$@][\w.$@:-]{0,39}")
_TIMES = "a time such as 2026-03-01T09:30:00Z, or seconds since 1970"


def describe(value: Json) -> str:  # noqa: PLR0911 - one line a type
    """A description of a value that does not repeat it: its type and length, and the field names of an object.

    >>> describe("secret"), describe(None), describe([1, 2]), describe({"data": 1, "meta": 2})
    ('a text of 6 characters', 'nothing', 'a list of 2', 'an object with the keys data, meta')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"a text of {len(value):,} characters"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,}"
    if isinstance(value, Mapping):
        names = [str(k) for k in value if _FIELD_NAME.fullmatch(str(k))]
        if not value:
            return "an empty object"
        if not names:
            return f"an object with {len(value):,} keys"
        more = f" and {len(value) - 8:,} more" if len(value) > 8 else ""
        return f"an object with the keys {', '.join(names[:8])}{more}"
    return f"a {type(value).__name__}"


def first(record: Mapping[str, Json], names: Iterable[str]) -> Json:
    """The value of the first of these fields that is not missing; None if all are.

    >>> first({"user": "", "customer_id": 7}, ["user_id", "user", "customer_id"])
    7
    """
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def prefixed(record: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    """The fields whose names begin with the prefix, under the rest of their names.

    >>> prefixed({"meta.plan": "pro", "id": 1}, "meta.")
    {'plan': 'pro'}
    """
    return {name[len(prefix) :]: value for name, value in record.items() if name.startswith(prefix)}


def at_path(record: Json, path: str) -> Json:
    """The value at a dotted path, or None; names that contain dots themselves are found too.

    >>> at_path({"metadata": {"user": "u1"}}, "metadata.user"), at_path({"user.id": "u2"}, "user.id")
    ('u1', 'u2')
    """
    if not isinstance(record, Mapping):
        return None
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    while dot:
        if head in record:
            found = at_path(record[head], rest)
            if found is not None:
                return found
        part, dot, rest = rest.partition(".")
        head = f"{head}.{part}"
    return None


def identifier(value: Json, name: str) -> str | None:
    """An id as text; whole numbers are ids too.

    >>> identifier(1001, "user_id"), identifier("", "user_id")
    ('1001', None)
    """
    if type(value) is str and 0 < len(value) <= _ID_LENGTH:
        return value
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadRecord(expected=f"{name}: an id of up to {_ID_LENGTH} characters", found=describe(value))


def required_id(value: Json, name: str) -> str:
    """An id that must be there."""
    found = identifier(value, name)
    if found is None:
        raise BadRecord(expected=f"{name}: an id", found="nothing")
    return found


def conversation_id(
    record: Mapping[str, Json], options: ReadOptions, names: Iterable[str] = CONVERSATION_ID_NAMES
) -> str | None:
    """The record's conversation id: at the declared path if one was declared, else under the usual names."""
    if options.conversation_id is not None:
        return identifier(at_path(record, options.conversation_id), options.conversation_id)
    return identifier(first(record, names), "conversation_id")


def user_id(record: Mapping[str, Json], options: ReadOptions, names: Iterable[str] = USER_ID_NAMES) -> str | None:
    """The record's user id: at the declared path if one was declared, else under the usual names. `{"id": …}` counts."""
    if options.user_id is not None:
        return identifier(at_path(record, options.user_id), options.user_id)
    value = first(record, names)
    return identifier(value.get("id") if isinstance(value, Mapping) else value, "user_id")


def role(value: Json) -> Role:
    """The role a name stands for, in any case.

    >>> role("developer"), role("Human"), role("model")
    ('system', 'user', 'assistant')
    """
    if type(value) is str and (known := ROLE_NAMES.get(value)) is not None:
        return known
    found = ROLE_NAMES.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise BadRecord(expected=f"role: one of {', '.join(ROLE_NAMES)}", found=describe(value))
    return found


def text(value: Json, name: str) -> str | None:
    """A text as it is; a number or true/false as its JSON text, since spreadsheets and Parquet turn texts into those."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | date):
        return plain_text(value)
    raise BadRecord(expected=f"{name}: a text", found=describe(value))


def time(value: Json, name: str) -> datetime | None:
    """The instant in UTC, from ISO 8601, RFC 2822, a datetime, or a number since 1970 in s, ms, µs or ns.

    Assumes UTC where no zone is given. Numbers tell their unit by their size: seconds stay below 1e11 until the year 5138.

    >>> time("2026-03-01T09:30:00+01:00", "at") == time(1772353800, "at") == time("1772353800000", "at")
    True
    """
    if value is None or value == "":
        return None
    try:
        at = parsed(value)
        if at is None:
            raise BadRecord(expected=f"{name}: {_TIMES}", found=describe(value))
        if at.tzinfo is UTC:
            return at
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        raise BadRecord(expected=f"{name}: {_TIMES}", found=describe(value)) from None


def required_time(value: Json, name: str) -> datetime:
    """A time that must be there."""
    at = time(value, name)
    if at is None:
        raise BadRecord(expected=f"{name}: a time", found="nothing")
    return at


def believable(at: datetime, name: str, latest: datetime) -> datetime:
    """The time, if it lies between 1990 and the latest; a clock that is wrong would move a conversation to another week."""
    if not EARLIEST <= at <= latest:
        bound = "a time up to now" if at > latest else "a time since 1990"
        raise BadRecord(expected=f"{name}: {bound}", found=at.isoformat(timespec="seconds"))
    return at


def number(value: Json, name: str) -> float | None:
    """A finite number, also from its text; true and false are 1 and 0.

    >>> number("0.5", "score"), number(True, "score"), number("", "score")
    (0.5, 1.0, None)
    """
    if value is None or value == "":
        return None
    try:
        found = float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        found = None
    if found is None or found - found != 0:  # NaN and infinities are not equal to themselves after subtraction
        raise BadRecord(expected=f"{name}: a number", found=describe(value))
    return found


_YES = frozenset({"true", "yes", "y", "t", "pass", "passed", "1", "1.0"})
_NO = frozenset({"false", "no", "n", "f", "fail", "failed", "0", "0.0"})


def boolean(value: Json, name: str) -> bool | None:
    """True or false, also from 1/0, yes/no, pass/fail and their like."""
    if value is None or value == "":
        return None
    word = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadRecord(expected=f"{name}: true or false", found=describe(value))


def share(value: Json, name: str) -> float | None:
    """A number from 0 to 1; yes/no words are 1 and 0.

    >>> share("0.25", "accepted"), share("yes", "accepted"), share(False, "accepted")
    (0.25, 1.0, 0.0)
    """
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _YES or word in _NO:
            return float(word in _YES)
    try:
        found = number(value, name)
    except BadRecord:
        raise BadRecord(expected=f"{name}: a number from 0 to 1", found=describe(value)) from None
    if found is not None and not 0 <= found <= 1:
        raise BadRecord(expected=f"{name}: a number from 0 to 1", found=f"{found:g}")
    return found


def count(value: Json, name: str) -> int | None:
    """A whole number from 0, also from its text."""
    found = number(value, name)
    if found is None:
        return None
    if isinstance(value, bool) or not found.is_integer() or not 0 <= found < _INT32:
        raise BadRecord(expected=f"{name}: a whole number from 0", found=describe(value))
    return int(found)


def plain_text(value: Json) -> str:
    """Any value as text: texts as they are, times in ISO 8601, everything else as JSON.

    >>> plain_text("pro"), plain_text(True), plain_text(["a", 1])
    ('pro', 'true', '["a",1]')
    """
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS, default=str).decode().strip('"')


def text_of(value: Json) -> str | None:
    """A text as it is, any other value as JSON, None as none.

    >>> text_of("late"), text_of({"late": True}), text_of(None)
    ('late', '{"late":true}', None)
    """
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def object_of(value: Json) -> dict[str, Json]:
    """The object a value is, or that its JSON text holds; an empty one where it is none.

    >>> object_of('{"plan": "pro"}'), object_of(3)
    ({'plan': 'pro'}, {})
    """
    found = json_value(value)
    return found if isinstance(found, dict) else {}


def listed(value: Json, name: str) -> list[Json]:
    """A list as it is, an empty one where it is missing."""
    if not isinstance(value, list | None):
        raise BadRecord(expected=f"{name}: a list", found=describe(value))
    return value or []


def decoded(value: Json) -> Json:
    """What a JSON text holds, once, since a text in it may look like JSON; else the value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def json_value(value: Json) -> Json:
    """What a text holds where it is a JSON object or list; else the value as it is.

    >>> json_value('{"a":1}'), json_value("[draft] hello"), json_value("12")
    ({'a': 1}, '[draft] hello', '12')
    """
    return decoded(value) if isinstance(value, str) and value.lstrip()[:1] in {"{", "["} else value
