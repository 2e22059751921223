"""A vendor's API -> pages of rows: one file per vendor, each ending in `PULL = Pull(…)`.

A pull knows what to ask and how the API pages; it maps nothing: the rows of each page go to the reader of the same name as the rows of
a file would. Asking again after an error, waiting where the vendor says so and telling what went wrong are `Api`'s. What was read and
up to where is the workspace's to store.

A list is read from a mark: the place up to which an earlier pull has stored everything, in the vendor's own order (a time of change where
the API can filter by one, else a time of start). It is read again for some time before its mark, because clocks differ and rows come late;
rows that come twice change nothing. A page with a `mark` says that everything up to there has now been given, so that a pull that ends in
the middle goes on from its last mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from everyturn.model import Json
from everyturn.pulls.api import Api

Environment: TypeAlias = Mapping[str, str]

SLICE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as the API gave them, the length of the reply in bytes, and the mark that is reached with them, if one is."""

    rows: list[Json]
    size: int = 0
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: the time the user named, and the mark an earlier pull reached."""

    since: datetime
    mark: str | None = None

    def before(self, overlap: timedelta) -> datetime:
        """The time to read from where the mark is a time: the overlap before it, but not before `since`.

        >>> Start(datetime(2026, 3, 1, tzinfo=UTC), "2026-03-02T12:00:00+00:00").before(timedelta(hours=1)).isoformat()
        '2026-03-02T11:00:00+00:00'
        """
        if self.mark is None:
            return self.since
        return max(self.since, datetime.fromisoformat(self.mark) - overlap)


@dataclass(frozen=True, slots=True)
class Stream:
    """One list of a vendor's. `format` is the reader of its rows; `read` gives its pages from a start on."""

    name: str
    format: str
    read: Callable[[Api, Start], Iterator[Page]]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API is and how to be let in; `account` tells one project's marks from another's and holds no secret."""

    base_url: str
    headers: Mapping[str, str]
    account: str

    def __repr__(self) -> str:
        """The address alone: the headers hold the keys."""
        return f"Connection({self.base_url!r})"


@dataclass(frozen=True, slots=True)
class Pull:
    """One vendor.

    `needs` are the environment variables that must be set, the vendor's own, `takes` those that may be. `connect` makes a
    connection from them; `streams` names the lists there are, for which it may ask the API.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    connect: Callable[[Environment], Connection]
    streams: Callable[[Api, Environment], list[Stream]]


def slices(low: datetime, api: Api) -> Iterator[tuple[datetime, datetime | None]]:
    """Days from a time on, until now by the server's clock; the last has no end, since rows' clocks may be ahead.

    A day is small enough to read again after a break and large enough to fill pages.
    """
    while low + SLICE < api.now():
        yield low, low + SLICE
        low += SLICE
    yield low, None


def by_time(
    overlap: timedelta, pages: Callable[[Api, datetime, datetime | None], Iterator[Page]]
) -> Callable[[Api, Start], Iterator[Page]]:
    """Reading a list that can be filtered by a time, day by day, with a mark after each day."""

    def read(api: Api, start: Start) -> Iterator[Page]:
        for low, high in slices(start.before(overlap), api):
            yield from pages(api, low, high)
            yield Page([], mark=(high or api.now()).isoformat())

    return read


def by_cursor(ask: Callable[[str | None], tuple[list[Json], int, str | None]]) -> Iterator[Page]:
    """The pages of a list that gives a cursor to the next; `ask` gives rows, the reply's length and the next cursor.

    A cursor that comes back twice would never end: what it stands for has been read, and the list ends there.
    """
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        rows, size, cursor = ask(cursor)
        yield Page(rows, size)
        if cursor is None or cursor in seen:
            return
        seen.add(cursor)


def rows_of(value: Json, name: str) -> list[Json]:
    """The rows under a field of a reply; a reply without them is a list of none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def under(value: Json, *path: str) -> Any:
    """What stands at a path of a reply, or None.

    >>> under({"meta": {"page": {"after": "x"}}}, "meta", "page", "after"), under({"meta": None}, "meta", "page")
    ('x', None)
    """
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def iso(at: datetime) -> str:
    """A time as the vendors' APIs take it: UTC, with Z.

    >>> iso(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
    '2026-03-01T09:30:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
