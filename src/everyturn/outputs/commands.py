"""Commands to paste, as the page and the terminal tell them: each asks the workspace that the result came from."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

DEFAULT = "everyturn.db"
_asked: ContextVar[str] = ContextVar("the workspace that commands ask", default=DEFAULT)


@contextmanager
def asking(result: Mapping[str, Any]) -> Iterator[None]:
    """While this holds, commands ask the workspace that gave the result."""
    path = str(result.get("workspace") or DEFAULT)
    token = _asked.set(DEFAULT if path == ":memory:" else path)
    try:
        yield
    finally:
        _asked.reset(token)


def command(words: str) -> str:
    """A command as it can be pasted.

    >>> command("watch")
    'everyturn watch'
    >>> with asking({"workspace": "everyturn-demo.db"}):
    ...     command("watch")
    'everyturn --db everyturn-demo.db watch'
    """
    workspace = _asked.get()
    return f"everyturn {words}" if workspace == DEFAULT else f"everyturn --db {shlex.quote(workspace)} {words}"
