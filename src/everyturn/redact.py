"""Masks personal data before anything is stored: e-mail addresses, phone and card numbers, IBANs, keys and tokens.

What is masked is recognised by shape and, where one exists, by its check digits, so that order numbers and amounts stay.
Names and postal addresses have no shape; they stay. Masking twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.model import Json, digest

TEXT_COLUMNS = ("content", "comment", "artefact", "before", "tool_result", "error")
JSON_COLUMNS = ("input", "output", "tool_calls", "tool_call", "attributes")
ID_COLUMNS = ("user_id",)

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
# A phone number is written with its country code, or in the North American groups; bare digits are not one.
_PHONE = re.compile(
    r"(?<![\w+.-])(?:\+\d{1,3}(?:[ .()/-]{0,2}\d{1,4}){2,6}|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\w-])"
)
_SECRET = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,})"
)
# Rows that could hold any of the above; all other rows are never touched by Python.
_SUSPECT = r"@|\d(?:[ .()/-]{0,2}\d){8}|[A-Z]{2}\d{2} ?[A-Z0-9]{4}|sk-|gh[pousr]_|AKIA|xox[abprs]-|eyJ"


def _passes_luhn(digits: str) -> bool:
    """Whether the check digit of a card number fits (ISO/IEC 7812-1)."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + i % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return "[card]" if _passes_luhn(digits) else match[0]


def _mask_iban(match: re.Match[str]) -> str:
    text = match[0].replace(" ", "")
    rest = "".join(str(int(c, 36)) for c in text[4:] + text[:4])
    return "[iban]" if 15 <= len(text) <= 34 and int(rest) % 97 == 1 else match[0]  # ISO 13616


def _mask_phone(match: re.Match[str]) -> str:
    return "[phone]" if 8 <= sum(c.isdigit() for c in match[0]) <= 15 else match[0]  # ITU-T E.164 allows 15


def mask(text: str) -> str:
    """The text with each piece of personal data replaced by its kind in brackets.

    >>> mask("Write to jo@shop.example or +44 20 7946 0958 about NW-48213, paid 129.00 with 4111 1111 1111 1111")
    'Write to [email] or [phone] about NW-48213, paid 129.00 with [card]'
    """
    text = _EMAIL.sub("[email]", text)
    text = _SECRET.sub("[secret]", text)
    text = _IBAN.sub(_mask_iban, text)
    text = _CARD.sub(_mask_card, text)
    return _PHONE.sub(_mask_phone, text)


def _mask_json(value: Json) -> Json:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_mask_json(v) for v in value]
    if isinstance(value, dict):
        return {k: _mask_json(v) for k, v in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and 10**12 <= value < 10**19:
        return "[card]" if _passes_luhn(str(value)) else value
    return value


def mask_json(text: str) -> str:
    """A JSON text with every string value in it masked."""
    return orjson.dumps(_mask_json(orjson.loads(text))).decode()


def pseudonym(user_id: str, *, salt: str) -> str:
    """The user id; if it is an e-mail address or a phone number, a pseudonym that is always the same for it.

    The pseudonym is a hash salted with the workspace's own salt: a person is the same user in every file of one workspace, and the
    address cannot be recovered by hashing likely addresses.

    >>> pseudonym("u-17", salt="s"), pseudonym("jo@shop.example", salt="s")[:5]
    ('u-17', 'user-')
    """
    return user_id if mask(user_id) == user_id else "user-" + digest(salt, user_id.strip().lower())[:12]


def redact(table: pa.Table, *, salt: str) -> pa.Table:
    """The table with its text, JSON and user-id columns masked; other columns and the rows' number and order stay the same."""
    changes: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(TEXT_COLUMNS, mask),
        **dict.fromkeys(JSON_COLUMNS, mask_json),
        **dict.fromkeys(ID_COLUMNS, lambda value: pseudonym(value, salt=salt)),
    }
    for index, name in enumerate(table.column_names):
        change = changes.get(name)
        if change is None:
            continue
        column = table.column(name)
        suspect = pc.fill_null(pc.match_substring_regex(column, _SUSPECT), fill_value=False)
        if not pc.any(suspect).as_py():
            continue
        masked = pa.array([change(v) for v in column.filter(suspect).to_pylist()], pa.string())
        whole = pc.replace_with_mask(column.combine_chunks(), suspect.combine_chunks(), masked)
        table = table.set_column(index, name, whole)
    return table
