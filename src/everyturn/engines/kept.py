"""A cache of results that are slow to compute, stored in the workspace and valid until its data change."""

from __future__ import annotations

from collections.abc import Callable

from everyturn.engines.local import Database
from everyturn.version import __version__


def kept(database: Database, name: str, make: Callable[[], bytes], *, depends_on: str = "") -> bytes:
    """The cached result of that name; if the data have changed since, what `make` returns, which is then cached.

    The result may depend only on the stored data, on the attribute that divides users and on `depends_on`, what people said. Results may
    name users, so whoever deletes a user must also call `forget`.
    """
    stands_for = " ".join(
        (__version__, database.meta("revision") or "0", database.meta("cohort_attribute") or "", depends_on)
    ).encode()
    mark = database.blob(f"kept.{name}.of")
    if mark == stands_for and (found := database.blob(f"kept.{name}")) is not None:
        return found
    made = make()
    database.set_blob(f"kept.{name}", made)
    database.set_blob(f"kept.{name}.of", stands_for)
    return made


def forget(database: Database) -> None:
    """Deletes all cached results."""
    database.run("DELETE FROM blobs WHERE name LIKE 'kept.%'")
