"""Records under natural keys: order, repetition and conflict."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from everyturn.engines import evidence
from everyturn.engines.inputs import dashboard
from everyturn.engines.link_traces import Threads
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.model.schemas import ACTION_SCHEMA, EVAL_CASE_SCHEMA, EVAL_RESULT_SCHEMA, MESSAGE_SCHEMA
from everyturn.workspace import Workspace
from everyturn.workspace.observing import how_texts_match

START = datetime(2026, 9, 7, 9, tzinfo=UTC)


def no_spans(*_):
    raise AssertionError("no spans were loaded")


def rows(*messages, path="a.jsonl"):
    """Plain rows: (conversation, role, content, minutes or None, extra…)."""
    table = []
    for line, (conversation, role, content, minutes, *extra) in enumerate(messages):
        table.append(
            {
                "conversation_id": conversation,
                "user_id": "u1" if role == "user" else None,
                "role": role,
                "content": content,
                "at": START + timedelta(minutes=minutes) if minutes is not None else None,
                "attributes": "{}",
                "record": line,
                "where": f"{path}:{line + 1}",
                **(extra[0] if extra else {}),
            }
        )
    return pa.Table.from_pylist(table, MESSAGE_SCHEMA)


def whole(conversation, *contents, record=0, path="a.jsonl", attributes="{}"):
    """A conversation given whole: contents alternate user and assistant."""
    return pa.Table.from_pylist(
        [
            {
                "conversation_id": conversation,
                "user_id": "u1",
                "position": i,
                "role": ("user", "assistant")[i % 2],
                "content": content,
                "attributes": attributes,
                "record": record,
                "where": f"{path}:{record + 1}",
            }
            for i, content in enumerate(contents)
        ],
        MESSAGE_SCHEMA,
    )


@pytest.fixture
def database():
    with Database(":memory:") as database:
        yield database


def load(database, *tables, kind="messages"):
    loading = Loading(database)
    for table in tables:
        loading.stage(kind, table)
    return loading.merge(
        merge=no_spans,
        resolve=no_spans,
        assemble=no_spans,
        threads=Threads(no_spans, no_spans),
        matching=how_texts_match(),
    )


def contents(database, conversation_id):
    return [m.content for m in evidence.several(database, [conversation_id])[conversation_id].messages]


def test_rows_are_ordered_by_time_whatever_the_file_order(database):
    load(database, rows(("c", "assistant", "hello", 2), ("c", "user", "hi", 1), ("c", "user", "bye", 3)))
    assert contents(database, "c") == ["hi", "hello", "bye"]
    assert database.rows('SELECT "position", turn FROM messages ORDER BY "position"') == [(0, 0), (1, 0), (2, 1)]


def test_loading_twice_changes_nothing(database):
    table = rows(("c", "user", "ok", None), ("c", "assistant", "fine", None), ("c", "user", "ok", None))
    for _ in range(2):
        merged = load(database, table)
        assert (merged.conversations, merged.users, merged.rejected) == (1, 1, [])
        assert contents(database, "c") == ["ok", "fine", "ok"]


def test_the_same_rows_in_two_files_of_one_load_count_once(database):
    first = rows(("c", "user", "ok", 1), ("c", "user", "ok", 1))
    again = rows(("c", "user", "ok", 1), ("c", "user", "ok", 1), path="b.jsonl")
    load(database, first, again)
    assert contents(database, "c") == ["ok", "ok"]


def test_a_longer_list_continues_a_shorter_one_in_either_order(database):
    load(database, whole("c", "hi", "hello", "more", "sure"))
    load(database, whole("c", "hi", "hello"))
    assert contents(database, "c") == ["hi", "hello", "more", "sure"]
    load(database, whole("d", "hi", "hello"))
    load(database, whole("d", "hi", "hello", "more"))
    assert contents(database, "d") == ["hi", "hello", "more"]


def test_a_second_content_under_one_id_is_refused_and_named(database):
    merged = load(
        database, whole("c", "hi", "hello"), whole("c", "hi", "other", record=4), whole("d", "x", "y", record=5)
    )
    assert [(r.where, r.found) for r in merged.rejected] == [("a.jsonl:5", "a different message at position 1")]
    assert contents(database, "c") == ["hi", "hello"]
    assert contents(database, "d") == ["x", "y"]


def test_records_that_disagree_only_beyond_the_first_are_told_apart(database):
    merged = load(
        database, whole("c", "hi"), whole("c", "hi", "a", record=1), whole("c", "hi", "b", record=2), whole("c", "hi", "a", "z", record=3)
    )  # fmt: skip
    assert [r.where for r in merged.rejected] == ["a.jsonl:3"]
    assert contents(database, "c") == ["hi", "a", "z"]


def test_attributes_of_several_rows_are_joined_the_first_value_stands(database):
    load(
        database,
        rows(("c", "user", "hi", 1, {"attributes": '{"plan":"pro"}'}), ("c", "assistant", "yo", 2, {"attributes": '{"plan":"x","locale":"de"}'})),
    )  # fmt: skip
    load(database, rows(("c", "user", "more", 3, {"attributes": '{"channel":"web"}'}), path="b.jsonl"))
    assert evidence.several(database, ["c"])["c"].attributes == {"plan": "pro", "locale": "de", "channel": "web"}


def test_an_action_belongs_to_one_conversation(database):
    load(database, rows(("c", "user", "hi", 1), ("d", "user", "again", 60)))
    actions = pa.Table.from_pylist(
        [
            {"action_id": "named", "at": START + timedelta(hours=5), "user_id": "u1", "kind": "copied",
             "conversation_id": "c", "attributes": "{}"},
            {"action_id": "latest", "at": START + timedelta(hours=5), "user_id": "u1", "kind": "saved", "attributes": "{}"},
            {"action_id": "late", "at": START + timedelta(days=9), "user_id": "u1", "kind": "saved", "attributes": "{}"},
            {"action_id": "other", "at": START + timedelta(hours=5), "user_id": "u2", "kind": "saved", "attributes": "{}"},
        ],
        ACTION_SCHEMA,
    )  # fmt: skip
    merged = load(database, actions, kind="actions")
    assert merged.conversations == 2
    assert [a.action_id for a in evidence.several(database, ["c"])["c"].actions] == ["named"]
    assert [a.action_id for a in evidence.several(database, ["d"])["d"].actions] == ["latest"]
    assert database.scalar("SELECT count(*) FROM actions") == 4


def test_everything_of_a_failed_load_is_undone(database):
    loading = Loading(database)
    loading.stage("messages", rows(("c", "user", "hi", 1)))
    loading.stage("ratings", pa.table({"feedback_id": ["x"]}))  # lacks columns, so merging must fail
    with pytest.raises(Exception, match="not found in FROM clause"):
        loading.merge(
            merge=no_spans,
            resolve=no_spans,
            assemble=no_spans,
            threads=Threads(no_spans, no_spans),
            matching=how_texts_match(),
        )
    assert database.scalar("SELECT count(*) FROM messages") == 0


def cases(*keys):
    rows = [{"suite": suite, "case_id": case_id, "input": "q", "attributes": "{}"} for suite, case_id in keys]
    return pa.Table.from_pylist(rows, EVAL_CASE_SCHEMA)


def scores(*keys):
    rows = [
        {"suite": suite, "case_id": case_id, "run_id": "r", "metric": "m", "score": score}
        for suite, case_id, score in keys
    ]
    return pa.Table.from_pylist(rows, EVAL_RESULT_SCHEMA)


@pytest.mark.parametrize("cases_first", [True, False])
def test_results_without_a_suite_belong_to_the_only_one_that_has_their_case(database, cases_first):
    loads = [("eval_cases", cases(("s", "1"), ("s", "2"))), ("eval_results", scores(("default", "1", 0.5)))]
    for kind, table in (loads if cases_first else loads[::-1]) * 2:
        load(database, table, kind=kind)
    assert database.rows("SELECT suite, case_id, score FROM eval_results") == [("s", "1", 0.5)]


def test_results_of_a_case_that_several_suites_or_none_have_stay_without():
    with Database(":memory:") as database:
        load(database, cases(("s", "1"), ("t", "1"), ("default", "3")), kind="eval_cases")
        load(
            database,
            scores(("default", "1", 0.5), ("default", "2", 1.0), ("default", "3", 0.0), ("s", "1", 0.2)),
            kind="eval_results",
        )
        found = database.rows("SELECT suite, case_id FROM eval_results ORDER BY ALL")
    assert found == [("default", "1"), ("default", "2"), ("default", "3"), ("s", "1")]


def test_a_question_and_its_answer_of_one_row_stand_in_that_order_and_took_no_known_time(tmp_path):
    rows = [
        f"c{c},u{c},2026-03-0{turn}T09:00:00Z,question {c} {turn},answer {c} {turn}"
        for c in range(5)
        for turn in (1, 2, 3)
    ]
    path = tmp_path / "log.csv"
    path.write_text("session_id,user_id,time,prompt,response\n" + "\n".join(rows) + "\n")
    with Workspace(":memory:") as ws:
        ws.load(path)
        ws.load(path)
        told = ws.database.rows(
            "SELECT conversation_id, role, content FROM messages ORDER BY conversation_id, position"
        )
        assert told == [
            (f"c{c}", role, f"{word} {c} {turn}")
            for c in range(5)
            for turn in (1, 2, 3)
            for role, word in (("user", "question"), ("assistant", "answer"))
        ]
        assert dashboard(ws.database)["latency_seconds"] is None
