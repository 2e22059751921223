"""Records as rows: nothing is lost on the way, and no time beyond belief gets in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from everyturn.model import (
    Action,
    EvalCase,
    EvalResult,
    Feedback,
    FeedbackRecord,
    Message,
    MessageRecords,
    OutcomeRecord,
    Span,
    ToolCall,
)
from everyturn.model.exchange import decode_messages, decode_tool_calls
from everyturn.readers import BadRecord
from everyturn.readers.tables import SCHEMAS, Tables, row_of
from reader_examples import records_of

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LATEST = AT + timedelta(days=1)


def stored(record):
    kind, row = row_of(record, "f:1", LATEST)
    tables = Tables()
    tables.add(kind, row, "f:1")
    made, refused = tables.arrow()
    assert refused == []
    assert list(made) == [kind]
    assert made[kind].schema.equals(SCHEMAS[kind])
    return kind, made[kind].to_pylist()[0]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda at: records_of(Message("user", "x", at), conversation_id="c"), "at"),
        (lambda at: Span("t", "s", started_at=at), "started_at"),
        (lambda at: Span("t", "s", ended_at=at), "ended_at"),
        (lambda at: FeedbackRecord("f", Feedback("thumbs", at=at)), "at"),
        (lambda at: Action("a", at, "u", "copied"), "at"),
        (lambda at: EvalResult("s", "c", "r", "m", 0.5, at), "at"),
        (lambda at: OutcomeRecord("c", "u", at), "started_at"),
        (lambda at: OutcomeRecord("c", "u", None, known_at=at), "known_at"),
    ],
)
def test_every_time_is_checked(make, name):
    assert stored(make(AT))[1][name] == AT
    assert stored(make(LATEST))[1][name] == LATEST
    for at, bound in ((LATEST + timedelta(seconds=1), "up to now"), (AT - timedelta(days=40 * 365), "since 1990")):
        with pytest.raises(BadRecord) as error:
            row_of(make(at), "f:1", LATEST)
        assert error.value.expected == f"{name}: a time {bound}"
        assert error.value.found == at.isoformat(timespec="seconds")


def test_scores_beyond_their_scale_are_refused():
    for score in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadRecord, match="a score from 0 to 1"):
            row_of(EvalResult("s", "c", "r", "m", score), "f:1", LATEST)


def test_a_span_keeps_its_messages_and_calls():
    call = ToolCall("t1", "find", {"id": 7})
    messages = (Message("user", None, AT), Message("assistant", "", tool_calls=(call,)))
    kind, row = stored(
        Span("t", "s", input=messages, output=(), tool_call=call, attributes={"plan": "pro"}, is_evaluation=True)
    )
    assert kind == "spans"
    assert decode_messages(row["input"]) == messages
    assert decode_messages(row["output"]) == ()
    assert decode_tool_calls([orjson.loads(row["tool_call"])]) == (call,)
    assert orjson.loads(row["attributes"]) == {"plan": "pro"}
    assert row["is_evaluation"] is True
    assert stored(Span("t", "s"))[1]["input"] is None


def test_a_message_keeps_its_place():
    calls = (ToolCall(None, "find", '{"broken'),)
    records = MessageRecords("c", "u", 4, {"plan": "pro"}, 9)
    records.add(Message("assistant", None, AT, calls, "t", "n"), "m")
    _, row = stored(records)
    assert decode_tool_calls(orjson.loads(row.pop("tool_calls"))) == calls
    assert row == {
        "conversation_id": "c",
        "user_id": "u",
        "position": 4,
        "message_id": "m",
        "role": "assistant",
        "content": None,
        "at": AT,
        "tool_call_id": "t",
        "name": "n",
        "attributes": '{"plan":"pro"}',
        "record": 9,
        "where": "f:1",
    }


def test_the_other_kinds_keep_their_fields():
    rating = Feedback("thumbs", 0.0, "down", "", 2, "judge", AT)
    assert stored(FeedbackRecord("f", rating, "c", "t", "s", "r"))[1] == {
        "feedback_id": "f",
        "conversation_id": "c",
        "trace_id": "t",
        "span_id": "s",
        "response_id": "r",
        "turn": 2,
        "name": "thumbs",
        "value": 0.0,
        "label": "down",
        "comment": "",
        "source": "judge",
        "at": AT,
    }
    assert list(stored(Action("a", AT, None, "saved", "c", 0, "", None))[1].values()) == [
        "a",
        AT,
        None,
        "saved",
        "c",
        0,
        "",
        None,
        "{}",
    ]
    assert list(stored(EvalCase("s", "c", "in", None, {"k": "v"}))[1].values()) == ["s", "c", "in", None, '{"k":"v"}']
    outcome = OutcomeRecord("c", None, AT, "pro", None, 1.0, None, 0.0, AT)
    assert list(stored(outcome)[1].values()) == ["c", None, AT, "pro", None, 1.0, None, 0.0, AT, "{}"]
