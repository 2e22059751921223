"""Pulls: from a vendor's API to pages of rows. One file per vendor, each ending in `PULL = Pull(…)`.

A pull knows what to request and how the API divides lists into pages. It converts nothing: the rows of each page go to the reader of the
same format, like the rows of a file. Retries, waiting and error messages are the task of `Api`; the workspace stores what has been read.

A list is read from its mark on, i.e. from the place up to which an earlier pull has stored everything, in the vendor's own order (the time of
the last change if the API can filter by it, else the time of the start). A stretch before the mark is read again, because clocks differ and
rows arrive late; rows that come twice change nothing. A page with a `mark` says that everything up to there has been returned, so that an
interrupted pull continues from its last mark.
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
    """Rows as the API returned them, the size of the reply in bytes, and the mark that is reached with them, if any."""

    rows: list[Json]
    size: int = 0
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: at the time the user gave, or at the mark that an earlier pull reached."""

    since: datetime
    mark: str | None = None

    def before(self, overlap: timedelta) -> datetime:
        """The time to read from if marks are times: `overlap` before the mark, but not before `since`.

        >>> Start(datetime(2026, 3, 1, tzinfo=UTC), "2026-03-02T12:00:00+00:00").before(timedelta(hours=1)).isoformat()
        '2026-03-02T11:00:00+00:00'
        """
        if self.mark is None:
            return self.since
        return max(self.since, datetime.fromisoformat(self.mark) - overlap)


@dataclass(frozen=True, slots=True)
class Stream:
    """One of a vendor's lists. `format` is the reader of its rows; `read` returns its pages from a start on."""

    name: str
    format: str
    read: Callable[[Api, Start], Iterator[Page]]


@dataclass(frozen=True, slots=True)
class Connection:
    """The API's address and headers; `account` identifies the project to which marks belong, and contains no secret."""

    base_url: str
    headers: Mapping[str, str]
    account: str

    def __repr__(self) -> str:
        """Only the address, because the headers contain the keys."""
        return f"Connection({self.base_url!r})"


@dataclass(frozen=True, slots=True)
class Pull:
    """One vendor.

    `needs` are the vendor's environment variables that must be set, `takes` those that may be. `connect` makes a connection from them;
    `streams` returns the lists there are, and may use the API to find them.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    connect: Callable[[Environment], Connection]
    streams: Callable[[Api, Environment], list[Stream]]


def slices(low: datetime, api: Api) -> Iterator[tuple[datetime, datetime | None]]:
    """The days from a time until now (by the server's clock), as pairs of start and end; the last has no end.

    A day is short enough to be read again after an interruption, and long enough to fill pages. Rows of the last day may have times in the
    future, because clocks differ.
    """
    while low + SLICE < api.now():
        yield low, low + SLICE
        low += SLICE
    yield low, None


def by_time(
    overlap: timedelta, pages: Callable[[Api, datetime, datetime | None], Iterator[Page]]
) -> Callable[[Api, Start], Iterator[Page]]:
    """A `read` function for a list that can be filtered by time: reads day by day, with a mark after each day."""

    def read(api: Api, start: Start) -> Iterator[Page]:
        for low, high in slices(start.before(overlap), api):
            yield from pages(api, low, high)
            yield Page([], mark=(high or api.now()).isoformat())

    return read


def by_cursor(ask: Callable[[str | None], tuple[list[Json], int, str | None]]) -> Iterator[Page]:
    """The pages of a list with cursors; `ask` returns the rows at a cursor, the reply's size and the next cursor.

    If a cursor comes a second time, the list ends there, because it would otherwise never end.
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
    """The rows in a field of a reply; empty if there are none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def under(value: Json, *path: str) -> Any:
    """The value at a path of a reply, or None.

    >>> under({"meta": {"page": {"after": "x"}}}, "meta", "page", "after"), under({"meta": None}, "meta", "page")
    ('x', None)
    """
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def iso(at: datetime) -> str:
    """A time in the form the vendors' APIs accept: in UTC, with Z.

    >>> iso(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
    '2026-03-01T09:30:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
