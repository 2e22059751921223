"""Logged calls of model APIs in their many forms."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from everyturn.assemble import assemble
from everyturn.model import Message, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample
from everyturn.readers.model_calls import READER
from everyturn.readers.recognise import readers, recognise

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ASK = {"model": "m", "messages": [{"role": "user", "content": "Where is it?"}]}


def read(record, **options):
    (found,) = READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options)))
    return found


def chat(text="Today.", **values):
    return {
        "id": "r1",
        "created": int(AT.timestamp()),
        "choices": [{"message": {"role": "assistant", "content": text}}],
        **values,
    }


def call(request=ASK, response=None, **values):
    return {"request": request, "response": chat() if response is None else response, **values}


@pytest.mark.parametrize(
    "record",
    [
        call(),
        {"request_body": orjson.dumps(ASK).decode(), "response_body": orjson.dumps(chat()).decode()},
        {"request": {"method": "POST", "body": ASK}, "response": {"status": 200, "body": orjson.dumps(chat()).decode()}},
        {**ASK, "response": chat()},
        {"input": ASK, "output": chat()},
        call({"model": "m", "prompt": "Where is it?"}, {"id": "r1", "created": AT.timestamp(), "choices": [{"text": "Today."}]}),
        call({"model": "m", "input": "Where is it?"}, {"id": "r1", "created_at": AT.timestamp(), "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Today."}]}]}),
        call(ASK, {"id": "r1", "role": "assistant", "type": "message", "content": [{"type": "text", "text": "Today."}]}, at=AT.isoformat()),
    ],
    ids=["objects", "texts", "http", "flat", "input", "completions", "responses", "messages"],
)  # fmt: skip
def test_the_same_call_in_many_forms(record):
    assert READER.looks_like(Sample((record,))) > 0.5
    found = read(record)
    assert found.input == (Message("user", "Where is it?"),)
    assert [(m.role, m.content) for m in found.output] == [("assistant", "Today.")]
    assert (found.operation, found.span_id, found.started_at) == ("chat", "r1", AT)


@pytest.mark.parametrize(
    ("record", "ids"),
    [
        (call(conversation_id="c", user_id="u"), ("c", "u")),
        (call(metadata={"session_id": "c", "user": "u"}), ("c", "u")),
        (call({**ASK, "user": "u", "metadata": {"thread_id": "c"}}), ("c", "u")),
        (call({**ASK, "conversation": {"id": "c"}, "safety_identifier": "u"}), ("c", "u")),
    ],
)
def test_where_ids_stand(record, ids):
    found = read(record)
    assert (found.conversation_id, found.user_id) == ids


def test_ids_can_be_declared_and_other_fields_are_attributes():
    found = read(
        call(chat_ref="c9", who={"id": "u9"}, plan="pro", latency_ms=3), conversation_id="chat_ref", user_id="who.id"
    )
    assert (found.conversation_id, found.user_id, found.attributes) == ("c9", "u9", {"plan": "pro", "model": "m"})


def test_what_was_said_and_called_at_once_is_one_message():
    request = {"model": "m", "instructions": "Be brief.", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Both?"}, {"type": "input_image", "image_url": "x"}]},
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"id":1}'},
        {"type": "function_call", "call_id": "c2", "name": "find", "arguments": "{broken"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
    ]}  # fmt: skip
    found = read(call(request, {"id": "r", "output": [{"type": "web_search_call", "id": "w"}]}))
    assert found.input == (
        Message("system", "Be brief."),
        Message("user", "Both?\n[input_image]"),
        Message(
            "assistant", "Let me look.", None, (ToolCall("c1", "find", {"id": 1}), ToolCall("c2", "find", "{broken"))
        ),
        Message("tool", "one", None, (), "c1"),
        Message("tool", "two", None, (), "c2"),
    )
    assert found.output == (Message("assistant", ""),)  # an empty reply is a failed turn, not a missing one


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (call(response={"error": {"message": "overloaded", "type": "api_error"}}), "overloaded"),
        (call(response={"error": "no"}), "no"),
        (call(status_code=503), "status 503"),
    ],
)
def test_a_call_that_failed_has_no_reply(record, error):
    found = read(record)
    assert (found.output, found.error) == (None, error)


def test_without_ids_two_conversations_that_begin_alike_stay_apart():
    def turn(reply, *more):
        messages = [*ASK["messages"], *more]
        return read(call({"model": "m", "messages": messages}, chat(reply, id=reply + str(len(more)))))

    said = {"role": "assistant", "content": "Today."}
    calls = [turn("Today."), turn("Sure.", said, {"role": "user", "content": "Thanks"}), turn("Tomorrow.")]
    found = assemble(calls, [])
    assert sorted(len(c.messages) for c in found) == [2, 4]


@pytest.mark.parametrize("record", [call({"model": "m"}), {"request": ASK}, call({"model": "m", "messages": []}), call(response={"choices": [7]}), call(response={"error": None, "id": "r"}), call({"model": "m", "messages": [7]})])  # fmt: skip
def test_what_is_no_call_is_refused(record):
    with pytest.raises(BadRecord):
        read(record)


def test_traces_that_hold_requests_are_the_traces_they_are():
    conversations = readers("conversations").values()
    span = {
        "id": "s",
        "trace_id": "t",
        "start_time": AT.isoformat(),
        "type": "llm",
        "project_name": "p",
        "input": ASK,
        "output": chat(),
    }
    observation = {
        "id": "o",
        "traceId": "t",
        "type": "GENERATION",
        "startTime": AT.isoformat(),
        "input": ASK,
        "output": chat(),
    }
    assert recognise(Sample((span,)), conversations).name == "opik"
    assert recognise(Sample((observation,)), conversations).name == "langfuse"
    assert recognise(Sample(({"conversation_id": "c", **ASK},)), conversations).name == "chat"
