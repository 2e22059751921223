"""What a verb gives, and how work in progress is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Self

from everyturn.model import Json
from everyturn.outputs import SCHEMA

Progress = Callable[[str, int, int | None], None]  # what is being done, how much of it, of how much (None: not known)


def no_progress(_stage: str, _done: int, _total: int | None) -> None:
    """Says nothing."""


class Result(dict[str, Json]):
    """What a verb gives: the JSON object, shown as text at a prompt and as a table or page in a notebook."""

    @classmethod
    def of(cls, verb: str, **fields: Json) -> Self:
        """The result of a verb, which begins with the form's name and the verb's."""
        return cls(schema=SCHEMA, verb=verb, **fields)

    def __str__(self) -> str:
        """The same text the command line prints, without colour."""
        from everyturn.outputs.text import render

        return render(self, width=100, colour=False)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from everyturn.outputs.html import render_fragment

        return render_fragment(self)


def plain(value: Json) -> Json:
    """A date or time as ISO 8601 text, all else as it is."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value
