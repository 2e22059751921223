"""The workspace file when the machine fails it."""

import duckdb
import pytest

from everyturn.engines.local import Database
from everyturn.errors import WorkspaceError


class FullDisk:
    """A connection whose COMMIT finds no room, which ends the transaction too."""

    def execute(self, sql, _parameters=()):
        if sql == "COMMIT":
            raise duckdb.IOException("Could not write file: No space left on device")
        if sql == "ROLLBACK":
            raise duckdb.TransactionException("no transaction is active")
        return self

    def fetchall(self):
        return []

    def close(self):
        pass


@pytest.fixture
def database():
    with Database(":memory:") as opened:
        yield opened


def test_a_full_disk_is_reported_as_a_full_disk(database, monkeypatch):
    monkeypatch.setattr(database, "connection", FullDisk())
    with pytest.raises(WorkspaceError, match="the disk is full"), database.transaction():
        database.run("INSERT")


def test_an_error_inside_is_raised_even_if_the_transaction_is_gone(database, monkeypatch):
    monkeypatch.setattr(database, "connection", FullDisk())
    with pytest.raises(ZeroDivisionError), database.transaction():
        raise ZeroDivisionError


def half_done(database):
    with database.transaction():
        database.set_meta("half", "done")
        raise ZeroDivisionError


def test_what_fails_is_undone(database):
    with pytest.raises(ZeroDivisionError):
        half_done(database)
    assert database.meta("half") is None
