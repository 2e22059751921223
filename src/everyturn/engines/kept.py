"""Answers that take long to work out from much data, kept with the workspace until anything in it changes."""

from __future__ import annotations

from collections.abc import Callable

from everyturn.engines.local import Database
from everyturn.version import __version__


def kept(database: Database, name: str, make: Callable[[], bytes]) -> bytes:
    """The answer of that name as last worked out, or made now and kept where the data have changed since.

    It must follow from the stored data and what divides users alone. An answer may name users: whoever forgets one forgets all
    answers (`forget`).
    """
    stands_for = " ".join(
        (__version__, database.meta("revision") or "0", database.meta("cohort_attribute") or "")
    ).encode()
    mark = database.blob(f"kept.{name}.of")
    if mark == stands_for and (found := database.blob(f"kept.{name}")) is not None:
        return found
    made = make()
    database.set_blob(f"kept.{name}", made)
    database.set_blob(f"kept.{name}.of", stands_for)
    return made


def forget(database: Database) -> None:
    """Deletes all answers kept."""
    database.run("DELETE FROM blobs WHERE name LIKE 'kept.%'")
