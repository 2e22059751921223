"""Every exception Everyturn raises on purpose.

    EveryturnError
    ├── InputError            something you gave cannot be used as it is
    │   ├── UnknownFormat     no reader recognises the bytes
    │   ├── UnknownName       no signal, intent, format or column has that name
    │   └── BadExpression     a --where text that is not a condition
    ├── NoUserIds             no ids per person, so no honest range
    ├── WorkspaceError        the workspace file cannot be opened or is of another version
    └── MissingPackage        an extra is needed that is not installed

Each carries four fields, the same in text and in JSON: *what* went wrong (in plain words), *where*, what was *expected*, and what to
*try*. None ever contains the text of a message, because conversations are private and logs are shared.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EveryturnError(Exception):
    """An error that the person running the command can fix.

    >>> print(InputError("the file is empty", where="day1.jsonl", expected="at least one record"))
    the file is empty
      where    day1.jsonl
      expected at least one record
    """

    def __init__(
        self, what: str, *, where: str | None = None, expected: str | None = None, try_: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.try_ = try_

    def __str__(self) -> str:
        """The four fields, one per line, without those that are absent."""
        lines = [self.what]
        for label, value in (("where", self.where), ("expected", self.expected), ("try", self.try_)):
            if value:
                lines.append(f"  {label:<8} {value}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """The four fields as the `error` object that `--json` prints."""
        return {"what": self.what, "where": self.where, "expected": self.expected, "try": self.try_}


class InputError(EveryturnError):
    """An argument, option or file cannot be used as it is."""


class UnknownFormat(InputError):
    """No reader recognises the bytes."""


class UnknownName(InputError):
    """No signal, intent, format or column has that name."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], *, example: str = '"{}"') -> UnknownName:
        """The error for an unknown `name`: lists the known names and suggests the nearest one.

        >>> print(UnknownName.among("signal", "acceptence", ["acceptance", "edits"]))
        no signal named "acceptence"
          expected acceptance, edits
          try      "acceptance"
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        return cls(
            f'no {kind} named "{name}"',
            expected=", ".join(names) if names else f"no {kind} exists yet",
            try_=example.format(near[0]) if near else None,
        )


class BadExpression(InputError):
    """A `--where` text that is not a condition."""


class NoUserIds(EveryturnError):
    """Nothing says which conversations belong to the same person, so no honest range can be given."""


class WorkspaceError(EveryturnError):
    """The workspace file cannot be opened, or was written by another version."""


class MissingPackage(EveryturnError):
    """A package that is only needed for this task is not installed."""
