"""The result of a verb, and the callback that reports progress."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Self

from everyturn.model import Json
from everyturn.outputs import SCHEMA

Progress = Callable[
    [str, int, int | None], None
]  # called with what is being done, how much is done, and of how much (None: unknown)


def no_progress(_stage: str, _done: int, _total: int | None) -> None:
    """Reports nothing."""


class Result(dict[str, Json]):
    """The result of a verb: the object that `--json` prints. It shows itself as text at a prompt and as HTML in a notebook."""

    @classmethod
    def of(cls, verb: str, **fields: Json) -> Self:
        """The result of a verb, which begins with the form's name and the verb's."""
        return cls(schema=SCHEMA, verb=verb, **fields)

    def __str__(self) -> str:
        """The text that the command prints, without colour."""
        from everyturn.outputs.text import render

        return render(self, width=100, colour=False)

    def _repr_html_(self) -> str:
        """The HTML that a notebook shows."""
        from everyturn.outputs.html import render_fragment

        return render_fragment(self)


def plain(value: Json) -> Json:
    """The value, with a date or time as ISO 8601 text."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value
