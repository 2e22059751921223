"""The formats of one thing a row: plain messages, actions, evals, outcomes, captured requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everyturn.model import (
    Action,
    EvalCase,
    EvalResult,
    FeedbackRecord,
    Message,
    MessageRecords,
    OutcomeRecord,
    ToolCall,
)
from everyturn.readers import BadRecord, Context, Reader, ReadOptions, Sample, SkipRecord, recognise
from everyturn.readers.actions import KINDS, action_kind
from everyturn.readers.actions import READER as ACTIONS
from everyturn.readers.capture import READER as CAPTURE
from everyturn.readers.evals import READER as EVALS
from everyturn.readers.outcomes import READER as OUTCOMES
from everyturn.readers.plain import READER as PLAIN
from reader_examples import messages_of, records_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def read(reader: Reader, record, **options):
    return list(reader.read(record, Context(3, "f:4", NOW, ReadOptions(**options))))


def bad(reader: Reader, record, **options) -> str:
    with pytest.raises(BadRecord) as error:
        read(reader, record, **options)
    return error.value.expected


# --- plain -------------------------------------------------------------------------------------------------------


def test_a_plain_row_under_its_usual_and_its_other_names():
    expected = MessageRecords("c1", "u1", None, {"plan": "pro"}, 3)
    expected.add(Message("user", "hi", AT), "m1")
    usual = {
        "conversation_id": "c1",
        "user_id": "u1",
        "role": "user",
        "content": "hi",
        "at": "2026-03-01T09:30:00Z",
        "message_id": "m1",
        "plan": "pro",
    }
    other = {
        "thread_id": "c1",
        "customer_id": "u1",
        "sender": "customer",
        "text": "hi",
        "timestamp": 1772357400,
        "id": "m1",
        "plan": "pro",
    }
    assert read(PLAIN, usual) == read(PLAIN, other) == [expected]


def test_a_plain_row_may_carry_tool_calls_and_a_position():
    row = {
        "session_id": "c",
        "role": "assistant",
        "tool_calls": '[{"id":"t","name":"f","arguments":"{}"}]',
        "position": "2",
    }
    (found,) = read(PLAIN, row)
    assert messages_of(found) == [Message("assistant", None, tool_calls=(ToolCall("t", "f", {}),))]
    assert found.position == 2


def test_a_question_with_its_answer_in_one_row_is_two_messages_of_one_time():
    row = {
        "session_id": "c",
        "user": "u1",
        "time": "2026-03-01T09:30:00Z",
        "id": "7",
        "prompt": "Where is it?",
        "response": "On its way.",
        "plan": "pro",
    }
    (found,) = read(PLAIN, row)
    assert messages_of(found) == [Message("user", "Where is it?", AT), Message("assistant", "On its way.", AT)]
    assert (found.conversation_id, found.user_id, found.attributes) == ("c", "u1", {"plan": "pro"})
    assert found.few["message_id"] == {0: "7", 1: "7:answer"}
    (asked,) = read(PLAIN, {"session_id": "c", "question": "Is anyone there?"})
    assert messages_of(asked) == [Message("user", "Is anyone there?")]


def test_questions_with_answers_are_distinguished_from_eval_cases_and_from_messages():
    def likeness(*records):
        return PLAIN.looks_like(Sample(records))

    asked = {"session_id": "c", "question": "Where is it?"}
    assert likeness(asked | {"answer": "Here."}, asked, asked) > 0.5
    assert likeness(asked) < 0.5
    assert likeness(asked | {"answer": "Here.", "expected": "There."}) < 0.5
    assert likeness({"session_id": "c", "role": "user", "content": "x", "prompt": "greeting"}) > 0.5
    (message,) = read(PLAIN, {"session_id": "c", "role": "user", "content": "x", "prompt": "greeting"})
    assert (messages_of(message), message.attributes) == ([Message("user", "x")], {"prompt": "greeting"})


def test_plain_rows_that_are_none():
    row = {"conversation_id": "c", "role": "user", "content": "x"}
    assert (
        bad(PLAIN, {**row, "conversation_id": None})
        == "conversation_id: an id; another field is named by --conversation-id FIELD"
    )
    assert bad(PLAIN, row, conversation_id="ticket") == "ticket: an id"
    assert bad(PLAIN, {**row, "content": None}) == "content: a text"
    assert bad(PLAIN, {**row, "role": "x"}).startswith("role: one of")
    assert bad(PLAIN, {**row, "at": "x"}).startswith("at: a time")
    assert read(PLAIN, {**row, "content": ""})[0].contents == [""]


# --- actions -----------------------------------------------------------------------------------------------------


def test_an_action_row():
    row = {
        "at": "2026-03-01T09:30:00Z",
        "user_id": "u1",
        "kind": "Saved",
        "conversation_id": "c1",
        "turn": "0",
        "artefact": "text",
        "action_id": "a1",
        "tool": "desk",
    }
    assert read(ACTIONS, row) == [Action("a1", AT, "u1", "saved", "c1", 0, "text", None, {"tool": "desk"})]


def test_the_same_row_is_the_same_action_and_another_is_not():
    row = {"at": "2026-03-01", "user_id": "u1", "kind": "copied"}
    assert read(ACTIONS, row) == read(ACTIONS, dict(reversed(row.items())))
    assert read(ACTIONS, row)[0].action_id != read(ACTIONS, {**row, "turn": 1})[0].action_id


def test_a_cloud_event():
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/desk",
        "type": "com.example.ticket.opened",
        "time": "2026-03-01T09:30:00Z",
        "subject": "u1",
        "datacontenttype": "application/json",
        "channel": "mail",
        "data": {"conversation_id": "c1", "queue": "refunds"},
    }
    (found,) = read(ACTIONS, event)
    assert (found.kind, found.user_id, found.conversation_id, found.at) == ("ticket_opened", "u1", "c1", AT)
    assert found.attributes == {"channel": "mail", "source": "/desk", "queue": "refunds"}
    (again,) = read(ACTIONS, {**event, "data": {**event["data"], "kind": "Thumbs-Up", "userId": "u2"}})
    assert (again.kind, again.user_id, again.action_id) == ("thumbs_up", "u2", found.action_id)
    (elsewhere,) = read(ACTIONS, {**event, "source": "/mail"})
    assert elsewhere.action_id != found.action_id


@pytest.mark.parametrize(
    ("name", "kind"),
    [("accept", "accepted"), ("ticket_created", "ticket_opened"), ("ticket.opened", "ticket_opened"), ("copy", "copied"), ("ThumbsUp", "thumbs_up"),
     ("thumbs_up", "thumbs_up"), ("Reached Out", "reached_out"), ("undo", "undone")],
)  # fmt: skip
def test_kinds_are_put_into_one_spelling(name, kind):
    assert action_kind(name) == kind


def test_kinds_and_their_other_spellings_do_not_overlap():
    spellings = [s for others in KINDS.values() for s in others]
    assert len(spellings) == len(set(spellings))
    assert not set(spellings) & set(KINDS)
    assert all(action_kind(kind) == kind for kind in KINDS)


def test_actions_that_are_none():
    row = {"at": "2026-03-01", "user_id": "u1", "kind": "copied"}
    assert bad(ACTIONS, {**row, "at": None}) == "at: a time"
    assert bad(ACTIONS, {**row, "user_id": ""}) == "user_id or conversation_id: an id"
    assert bad(ACTIONS, {**row, "kind": None}).startswith("kind: a word such as")
    assert bad(ACTIONS, {**row, "kind": "a whole sentence " * 10}).startswith("kind: a word such as")
    assert bad(ACTIONS, {**row, "turn": -1}) == "turn: a whole number from 0"
    assert bad(ACTIONS, {"specversion": "1.0", "type": "x", "time": "2026-03-01", "data": "text"}) == "data: an object"


# --- evals -------------------------------------------------------------------------------------------------------


def test_a_case_and_a_result_and_both_in_one():
    case = {
        "suite": "refunds",
        "case_id": "r1",
        "input": "Can I?",
        "expected": "Yes.",
        "level": 2,
        "metadata": {"split": "test"},
    }
    result = {
        "suite": "refunds",
        "case_id": "r1",
        "run_id": "v2",
        "metric": "correct",
        "score": "0.9",
        "at": "2026-03-01T09:30:00Z",
    }
    read_case = EvalCase("refunds", "r1", "Can I?", "Yes.", {"level": "2", "split": "test"})
    read_result = EvalResult("refunds", "r1", "v2", "correct", 0.9, AT)
    assert read(EVALS, case) == [read_case]
    assert read(EVALS, result) == [read_result]
    assert read(EVALS, case | result) == [read_case, read_result]


@pytest.mark.parametrize(
    "asked",
    [
        "Where is it?",
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": "Who asks?"},
        ],
        '[{"role": "user", "content": "Where is it?"}]',
        {"messages": [{"role": "user", "content": "Where is it?"}]},
        {"question": "Where is it?"},
        [{"type": "human", "content": "Where is it?"}, {"type": "ai", "content": "Late."}],
    ],
)
def test_what_a_case_asks_in_every_form(asked):
    (case,) = read(EVALS, {"input": asked, "ideal": ["Late."]})
    assert (case.suite, case.input, case.expected) == ("default", "Where is it?", "Late.")
    assert case.case_id == read(EVALS, {"input": "Where is it?"})[0].case_id


def test_scores_in_every_form():
    assert read(EVALS, {"id": 7, "passed": "yes"}) == [EvalResult("default", "7", "default", "score", 1.0)]
    assert read(EVALS, {"id": 7, "deploy": "d1", "scores": {"a": 0.5, "b": None, "c": True}}) == [
        EvalResult("default", "7", "d1", "a", 0.5),
        EvalResult("default", "7", "d1", "c", 1.0),
    ]


def test_evals_that_are_none():
    assert bad(EVALS, {"id": 1, "score": 85}) == "score: a score from 0 to 1"
    assert bad(EVALS, {"id": 1, "scores": {"a": -1}}) == "scores.a: a score from 0 to 1"
    assert bad(EVALS, {"id": 1}) == "input or score: one of the two"
    assert bad(EVALS, {"score": 1}) == "input or case_id: one of the two"
    assert bad(EVALS, {"input": [{"role": "system", "content": ""}]}) == "input: at least one message with a text"


# --- outcomes ----------------------------------------------------------------------------------------------------


def test_an_outcome_row_and_its_unknowns():
    row = {
        "conversation_id": "c1",
        "user_id": "u1",
        "started_at": "2026-03-01T09:30:00Z",
        "cohort": "pro",
        "intent": "refund",
        "accepted": "1",
        "edit_share": 0.2,
        "team": "a",
        "known_at": "2026-03-04T09:30:00Z",
    }
    expected = OutcomeRecord("c1", "u1", AT, "pro", "refund", 1.0, 0.2, None, AT + timedelta(days=3), {"team": "a"})
    assert read(OUTCOMES, row) == [expected]


def test_outcomes_that_are_none():
    assert bad(OUTCOMES, {"accepted": 1}) == "conversation_id: an id"
    assert bad(OUTCOMES, {"conversation_id": "c", "accepted": 1, "known_at": "soon"}).startswith("known_at")
    assert bad(OUTCOMES, {"conversation_id": "c", "accepted": 7}) == "accepted: a number from 0 to 1"
    assert OUTCOMES.looks_like(Sample(({"conversation_id": "c", "role": "user", "accepted": 1},))) == 0


# --- capture -----------------------------------------------------------------------------------------------------


def request(body=None, path="/load?x=1", **more):
    return {"seq": 1, "method": "POST", "path": path, "headers": {}, **({} if body is None else {"body": body}), **more}


CHAT = {"id": "c1", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("body", [CHAT, [CHAT], '{"id": "c1", "messages": [{"role": "user", "content": "hi"}]}'])
def test_a_body_is_read_by_the_format_that_knows_it(body):
    (found,) = read(CAPTURE, request(body))
    assert found == records_of(Message("user", "hi"), conversation_id="c1", position=0, record=3)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (request(), "a request without a body"),
        (request(file="001.pb"), "a request whose body is a file of its own"),
        (request({"name": "project"}), "a request whose body is of no known format"),
        (request(CHAT, path="/v1/chat/completions"), "a request whose body is of no known format"),
        (request([]), "a request whose body is of no known format"),
    ],
)
def test_what_carries_no_conversation_is_skipped_with_its_reason(record, reason):
    with pytest.raises(SkipRecord) as skip:
        read(CAPTURE, record)
    assert skip.value.reason == reason


def test_a_reader_is_told_the_path_of_the_request(monkeypatch):
    def scores(sample: Sample) -> float:
        return float(sample.endpoint == "/api/scores" and isinstance(sample.records[0], list))

    def read_scores(body, context):
        yield FeedbackRecord(context.endpoint, body[0], trace_id=context.where)

    known = {"scores": Reader("scores", "conversations", "", scores, read_scores), "capture": CAPTURE}
    monkeypatch.setattr(recognise.registry, "find", lambda *_: known)
    assert read(CAPTURE, request(["body"], path="/api/scores")) == [
        FeedbackRecord("/api/scores", "body", trace_id="f:4")
    ]
