"""The workspace file: a DuckDB database that one process has open, with a fixed memory limit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from everyturn.engines.tables import SCHEMA_VERSION, TABLES, VIEWS
from everyturn.errors import WorkspaceError
from everyturn.model import Json

MEMORY_LIMIT = "800MB"  # enough for ten million turns: DuckDB spills to disk beside the file
_VIEWS = sha256("".join(VIEWS.values()).encode()).hexdigest()  # an older file whose views differ gets the current ones


class Database:
    """An open workspace file, and the statements that are run on it.

    No other process can open the file until it is closed; use it as a context manager.

    >>> with Database(":memory:") as database:
    ...     database.scalar("SELECT count(*) FROM conversations")
    0
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        # DuckDB would also open a CSV or JSON file, as a view on it; a database file has DUCK after its first eight bytes.
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                head = file.read(12)
            if head and head[8:] != b"DUCK":
                raise _not_a_workspace(self.path)
        try:
            self.connection = duckdb.connect(self.path, config={"memory_limit": MEMORY_LIMIT})
        except duckdb.Error as error:
            raise _cannot_open(self.path, error) from None
        # No extension is downloaded at run time, and all times are UTC.
        for setting in ("TimeZone='UTC'", "autoinstall_known_extensions=false", "enable_progress_bar=false"):
            self.connection.execute(f"SET {setting}")
        self._prepare()

    def _prepare(self) -> None:
        existing = {row[0] for row in self.rows("SELECT table_name FROM duckdb_tables() WHERE NOT internal")}
        if existing and "meta" not in existing:
            self.close()
            raise _not_a_workspace(self.path)
        if existing:
            version = self.meta("schema_version")
            if version != str(SCHEMA_VERSION):
                self.close()
                raise WorkspaceError(
                    "another version of Everyturn wrote this workspace",
                    where=f"{self.path}, schema version {version}",
                    expected=f"schema version {SCHEMA_VERSION}",
                    try_="load the sources into a new file with --db",
                )
            if self.meta("views") != _VIEWS:
                with self.transaction():
                    self._make_views()
            return
        with self.transaction():
            for name, columns in TABLES.items():
                self.run(f"CREATE TABLE {name} ({columns})")
            self._make_views()
            self.set_meta("schema_version", str(SCHEMA_VERSION))
            self.set_meta("salt", secrets.token_hex(16))

    def _make_views(self) -> None:
        for name, query in VIEWS.items():
            self.run(f"CREATE OR REPLACE VIEW {name} AS {query}")
        self.set_meta("views", _VIEWS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; further use is an error."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Runs the statements inside as one transaction and, by raising the data's revision, invalidates what `kept` has cached."""
        self.run("BEGIN")
        try:
            yield
            self.set_meta("revision", str(int(self.meta("revision") or 0) + 1))
        except BaseException:
            with suppress(duckdb.Error):  # the statement that failed may have ended the transaction already
                self.connection.execute("ROLLBACK")
            raise
        self.run("COMMIT")

    def run(self, sql: str, parameters: Sequence[Json] = ()) -> None:
        """Runs one statement."""
        try:
            self.connection.execute(sql, parameters)
        except duckdb.Error as error:
            if _FULL not in str(error):
                raise
            raise _disk_full(self.path) from error

    def rows(self, sql: str, parameters: Sequence[Json] = ()) -> list[tuple[Json, ...]]:
        """All rows of a query."""
        return self.connection.execute(sql, parameters).fetchall()

    def scalar(self, sql: str, parameters: Sequence[Json] = ()) -> Json:
        """The first column of the first row, None if there is no row."""
        rows = self.rows(sql, parameters)  # reads all rows, because an open result would block the next query
        return rows[0][0] if rows else None

    def table(self, sql: str, parameters: Sequence[Json] = ()) -> pa.Table:
        """A query's result as one Arrow table."""
        return self.connection.sql(sql, params=list(parameters)).to_arrow_table()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A query's result in Arrow batches. Each call has its own cursor, so several results can be read side by side."""
        cursor = self.connection.cursor()
        try:
            cursor.execute("SET TimeZone='UTC'")
            yield from cursor.sql(sql).to_arrow_reader(50_000)
        finally:
            cursor.close()

    def insert(self, name: str, data: pa.Table | Iterable[pa.RecordBatch]) -> None:
        """Appends Arrow data to a table by column name."""
        table = data if isinstance(data, pa.Table) else pa.Table.from_batches(list(data))
        if not table.num_rows:
            return
        self.connection.register("arrow_data", table)
        columns = ", ".join(f'"{c}"' for c in table.column_names)
        self.run(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM arrow_data")
        self.connection.unregister("arrow_data")

    def meta(self, key: str) -> str | None:
        """The value stored under a key of the table `meta`, None if there is none."""
        value: str | None = self.scalar("SELECT value FROM meta WHERE key = ?", [key])
        return value

    def set_meta(self, key: str, value: str) -> None:
        """Stores a value under a key of the table `meta`."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def blob(self, name: str) -> bytes | None:
        """The bytes stored under a name, None if there are none."""
        value: bytes | None = self.scalar("SELECT value FROM blobs WHERE name = ?", [name])
        return value

    def set_blob(self, name: str, value: bytes) -> None:
        """Stores bytes under a name."""
        self.run("INSERT OR REPLACE INTO blobs VALUES (?, ?)", [name, value])


_FULL = "No space left"


def _disk_full(path: str) -> WorkspaceError:
    return WorkspaceError(
        "the disk is full",
        where=path,
        expected="room for the workspace and, beside it, for what is being worked on",
        try_="the same command once there is room; what was stored before is still there",
    )


def _cannot_open(path: str, error: duckdb.Error) -> WorkspaceError:
    text = str(error)
    if _FULL in text:
        return _disk_full(path)
    if "lock" in text.lower():
        return WorkspaceError(
            "another process has this workspace open",
            where=path,
            expected="one process at a time",
            try_="close the other process, or name another file with --db",
        )
    if "does not exist" in text or "No such file" in text or "Cannot open file" in text:
        return WorkspaceError(
            "the workspace file cannot be written there",
            where=path,
            expected="a file in a folder that exists and may be written",
            try_="everyturn --db everyturn.db load …",
        )
    return _not_a_workspace(path)


def _not_a_workspace(path: str) -> WorkspaceError:
    return WorkspaceError(
        "this file is not a workspace",
        where=path,
        expected="a file that `everyturn load` made, or a path where none exists yet",
        try_="everyturn --db everyturn.db load …",
    )
