"""The chat format: every shape of message that counts, and what must not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everyturn.model import Feedback, Message, MessageRecords, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample
from everyturn.readers.chat import READER
from reader_examples import messages_of, records_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ASK = {"role": "user", "content": "Where is my order?"}


def read(record, **options):
    return list(READER.read(record, Context(5, "f:6", NOW, ReadOptions(**options))))


def messages(*items):
    (found,) = read({"id": "c", "messages": list(items)})
    return messages_of(found)


def test_a_conversation_has_its_ids_its_attributes_and_its_record():
    (found,) = read(
        {
            "conversation_id": "c",
            "user_id": 7,
            "plan": "pro",
            "messages": [ASK, {"role": "assistant", "content": "Here."}],
        }
    )
    about = {"conversation_id": "c", "user_id": "7", "position": 0, "attributes": {"plan": "pro"}, "record": 5}
    assert found == records_of(Message("user", "Where is my order?"), Message("assistant", "Here."), **about)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("developer", "system"),
        ("function", "tool"),
        ("model", "assistant"),
        ("ai", "assistant"),
        ("bot", "assistant"),
        ("Human", "user"),
    ],
)
def test_roles_by_their_other_names(name, role):
    assert messages({"role": name, "content": "x"})[0].role == role


def test_tool_calls_in_every_form():
    expected = (ToolCall("t1", "find", {"id": 7}),)
    for calls in (
        [{"id": "t1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}],
        [{"id": "t1", "name": "find", "arguments": {"id": 7}}],
        '[{"id": "t1", "name": "find", "arguments": {"id": 7}}]',
        [{"id": "t1", "type": "custom", "custom": {"name": "find", "input": '{"id": 7}'}}],
    ):
        assert messages({"role": "assistant", "content": None, "tool_calls": calls})[0].tool_calls == expected
    old = {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": '{"id": 7}'}}
    assert messages(old)[0].tool_calls == (ToolCall(None, "find", {"id": 7}),)


@pytest.mark.parametrize("arguments", ['{"id": ', "7", "", "[1]", '"x"'])
def test_arguments_that_are_no_object_stay_the_text_they_are(arguments):
    call = {"id": "t1", "function": {"name": "find", "arguments": arguments}}
    assert messages({"role": "assistant", "tool_calls": [call]})[0].tool_calls[0].arguments == arguments


def test_no_content_and_empty_content_differ():
    assert messages(
        {"role": "assistant"}, {"role": "assistant", "content": None}, {"role": "assistant", "content": ""}
    ) == [
        Message("assistant", None),
        Message("assistant", None),
        Message("assistant", ""),
    ]


def test_parts_are_joined_and_those_without_text_named():
    parts = [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "input_text", "text": "this"},
        "and this",
    ]
    assert messages({"role": "user", "content": parts})[0].content == "See\n[image_url]\nthis\nand this"
    assert messages({"role": "user", "content": [{"type": "Dear reader, a type"}]})[0].content == "[part]"
    assert messages({"role": "user", "content": []})[0].content == ""
    assert messages({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]})[0].content == "No."
    assert messages({"role": "assistant", "content": None, "refusal": "No."})[0].content == "No."


def test_parts_that_are_tool_calls_and_results():
    use = {"type": "tool_use", "id": "t1", "name": "find", "input": {"id": 7}}
    thinking = {"type": "thinking", "thinking": "never shown"}
    assert messages({"role": "assistant", "content": [thinking, {"type": "text", "text": "Let me look."}, use]}) == [
        Message("assistant", "Let me look.", tool_calls=(ToolCall("t1", "find", {"id": 7}),))
    ]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "late"}]}
    assert messages({"role": "user", "content": [result]}) == [Message("tool", "late", tool_call_id="t1")]
    assert messages({"role": "user", "content": [result, {"type": "text", "text": "thanks"}]}) == [
        Message("tool", "late", tool_call_id="t1"),
        Message("user", "thanks"),
    ]


def test_a_tool_may_answer_with_any_value():
    assert messages({"role": "tool", "content": {"status": "late"}})[0].content == '{"status":"late"}'
    assert messages({"role": "tool", "content": [{"type": "text", "text": "late"}]})[0].content == "late"
    assert messages({"role": "tool", "content": [{"sku": 1}]})[0].content == '[{"sku":1}]'


def test_the_start_is_kept_where_the_messages_do_not_tell_it():
    timed = {**ASK, "at": "2026-03-01T09:30:00Z"}
    assert read({"id": "c", "created": 1772357400, "messages": [ASK]})[0].attributes == {
        "started_at": "2026-03-01T09:30:00+00:00"
    }
    assert read({"id": "c", "started_at": "2026-03-01T09:30:00Z", "messages": [timed]})[0].attributes == {}
    assert messages(timed)[0].at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_metadata_gives_ids_and_attributes():
    record = {
        "messages": [ASK],
        "metadata": {"user_id": "u1", "session_id": "s1", "plan": "pro", "tags": ["a"], "nested": {"k": 1}},
    }
    (found,) = read(record)
    assert (found.user_id, found.conversation_id) == ("u1", "s1")
    assert found.attributes == {"plan": "pro", "tags": '["a"]', "nested": '{"k":1}'}


def test_other_plain_fields_are_attributes_and_definitions_are_not():
    record = {
        "id": "c",
        "messages": [ASK],
        "model": "m1",
        "seats": 3,
        "beta": True,
        "none": None,
        "tags": ["a"],
        "tools": [{"name": "f"}],
        "raw": {},
    }
    assert read(record)[0].attributes == {"model": "m1", "seats": "3", "beta": "true", "tags": '["a"]'}


def test_declared_ids_win():
    record = {"id": "c", "user": "u", "messages": [ASK], "metadata": {"account": "a1", "ticket": "t9", "plan": "pro"}}
    (found,) = read(record, user_id="metadata.account", conversation_id="metadata.ticket")
    assert (found.user_id, found.conversation_id, dict(found.attributes)) == ("a1", "t9", {"plan": "pro"})


def test_an_id_made_from_the_content_is_stable():
    context = Context(0, "f:1", NOW, occurrence=lambda digest: 2)
    made = next(iter(READER.read({"messages": [ASK]}, context))).conversation_id
    assert made == read({"messages": [ASK]})[0].conversation_id[:-1] + "2"
    assert made.startswith("chat-")
    assert len(made) == len("chat-") + 16 + 2


def test_feedback_in_every_form():
    record = {
        "id": "c",
        "messages": [ASK],
        "feedback": [
            {"name": "thumbs", "value": 1, "label": None, "comment": "fine", "turn": 0},
            {"key": "rating", "score": "2"},
            {"value": "bad"},
            {"name": "judge", "value": 0.2, "source": "judge", "at": "2026-03-01"},
            True,
            "great",
        ],
    }
    given = [r for r in read(record) if not isinstance(r, MessageRecords)]
    assert [r.feedback for r in given] == [
        Feedback("thumbs", 1.0, None, "fine", 0),
        Feedback("rating", 2.0),
        Feedback("feedback", None, "bad"),
        Feedback("judge", 0.2, source="judge", at=datetime(2026, 3, 1, tzinfo=UTC)),
        Feedback("feedback", 1.0),
        Feedback("feedback", None, "great"),
    ]
    assert len({r.feedback_id for r in given}) == len(given)
    assert {r.conversation_id for r in given} == {"c"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ([], "an object with a list of messages"),
        ({"messages": "x"}, "messages: a list"),
        ({"messages": [ASK, {"role": "user", "content": {"a": 1}}]}, "messages[1].content: a text"),
        ({"messages": ["x"]}, "messages[0].role: an object"),
        ({"messages": [{"content": "x"}]}, "messages[0].role: one of system, developer"),
        ({"messages": [{**ASK, "at": "soon"}]}, "messages[0].at: a time"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]},
            "messages[0].tool_calls: objects with a name",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": {"name": "f"}}]}, "messages[0].tool_calls: a list"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content: parts with a type"),
        ({"messages": [ASK], "metadata": [1]}, "metadata: an object"),
        ({"messages": [ASK], "feedback": [{"name": "thumbs", "value": [1]}]}, "feedback[0].value: a number"),
        ({"messages": [ASK], "feedback": [{"source": "dog"}]}, "feedback[0].source: user or judge"),
        ({"messages": [ASK], "created_at": "2030-01-01"}, "started_at: a time up to now"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(record, expected):
    with pytest.raises(BadRecord) as error:
        read(record)
    assert error.value.expected.startswith(expected)
    assert "order" not in error.value.found


def test_a_call_of_a_model_is_no_conversation():
    body = {"model": "m", "messages": [ASK]}
    assert READER.looks_like(Sample((body,), endpoint="/v1/chat/completions")) == 0
    assert READER.looks_like(Sample((body,), endpoint="/load")) > 0.5
