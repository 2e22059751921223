"""Reduces errors, as clients record them, to one line of text without a traceback."""

from __future__ import annotations

from everyturn.model import Json
from everyturn.readers import fields


def typed_failure(kind: Json, message: Json) -> str:
    """What went wrong, with the error's type in front where the message does not begin with it.

    >>> typed_failure("openai.RateLimitError", "slow down"), typed_failure(None, "slow down")
    ('RateLimitError: slow down', 'slow down')
    """
    name, said = str(kind or "").rpartition(".")[2], str(message or "")
    return said if not name or said.startswith(name) else f"{name}: {said}" if said else name


def failure(error: Json) -> str | None:
    r"""What went wrong, without the traceback around it.

    >>> failure("TimeoutError('no answer in 3 s')Traceback (most recent call last):\n  File …")
    'TimeoutError: no answer in 3 s'
    >>> failure("Traceback (most recent call last):\n  File …\nTimeoutError: no answer in 3 s\n")
    'TimeoutError: no answer in 3 s'
    """
    if error is None or error == "":
        return None
    said = fields.plain_text(error)
    before, mark, after = said.partition("Traceback (most recent call last)")
    lines = (before if before.strip() or not mark else after).strip().split("\n")
    said = lines[0] if before.strip() or not mark else lines[-1]
    name, _, rest = said.partition("(")
    if name.isidentifier() and len(rest) > 3 and rest[0] in "'\"" and rest.endswith(rest[0] + ")"):
        return f"{name}: {rest[1:-2]}"
    return said.strip() or None
