"""Answers kept until the data change."""

import duckdb
import pytest

from everyturn.engines.kept import forget, kept
from everyturn.engines.local import Database


@pytest.fixture
def db():
    with Database(":memory:") as database:
        yield database


def test_an_answer_is_made_once_while_nothing_changes(db):
    made = []
    answers = [kept(db, "sum", lambda: made.append(1) or b"7") for _ in range(3)]
    assert answers == [b"7", b"7", b"7"]
    assert len(made) == 1
    assert kept(db, "other", lambda: b"8") == b"8"
    assert kept(db, "sum", lambda: b"9") == b"7"


def test_it_is_made_anew_once_anything_was_stored(db):
    kept(db, "sum", lambda: b"7")
    with db.transaction():
        db.run("INSERT INTO pending VALUES ('c1')")
    assert kept(db, "sum", lambda: b"8") == b"8"


def test_what_was_rolled_back_changes_nothing(db):
    kept(db, "sum", lambda: b"7")
    with pytest.raises(duckdb.Error), db.transaction():
        db.run("INSERT INTO nowhere VALUES ('c1')")
    assert kept(db, "sum", lambda: b"8") == b"7"


def test_it_is_made_anew_where_users_are_divided_otherwise(db):
    kept(db, "sum", lambda: b"7")
    db.set_meta("cohort_attribute", "plan")
    assert kept(db, "sum", lambda: b"8") == b"8"


def test_it_is_computed_again_when_what_it_depends_on_changes(db):
    assert kept(db, "sum", lambda: b"7", depends_on="a holiday") == b"7"
    assert kept(db, "sum", lambda: b"8", depends_on="a holiday") == b"7"
    assert kept(db, "sum", lambda: b"9", depends_on="none") == b"9"


def test_nothing_is_left_of_what_is_forgotten(db):
    kept(db, "sum", lambda: b"7")
    forget(db)
    assert db.rows("SELECT name FROM blobs") == []
