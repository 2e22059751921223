"""Laws of reading OTLP: each short way gives what the long way gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.model import Rejected
from everyturn.model.exchange import encode_messages_utf8
from everyturn.readers import BadRecord, Context, ReadOptions
from everyturn.readers.otlp import READER
from everyturn.readers.otlp_json import _attributes, _attributes_of_any
from everyturn.readers.otlp_wire import instant
from everyturn.readers.tables import row_of

NOW = datetime(2027, 1, 1, tzinfo=UTC)
law = settings(max_examples=150, deadline=None)
fresh = count()


def outcome(function, *args):
    try:
        return function(*args)
    except BadRecord as bad:
        return bad.expected, bad.found


# --- attributes ------------------------------------------------------------------------------------------------------

odd = st.sampled_from([None, True, 0, 1.5, "", "x", "stringValue", [], {}, ["stringValue"], {"stringValue": 1}])
names = st.sampled_from(["a", "b", "gen_ai.usage.input_tokens", "", "key"])
values = st.one_of(
    odd,
    st.text(max_size=4).map(lambda text: {"stringValue": text}),
    st.sampled_from([{"intValue": "7"}, {"intValue": "x"}, {"doubleValue": 0.5}, {"boolValue": False}]),
    st.just({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}}),
    st.just({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}, {"key": "k"}]}}),
)
pairs = st.one_of(
    st.fixed_dictionaries({}, optional={"key": names | odd, "value": values}),
    st.fixed_dictionaries({"key": names, "value": values}),
    odd,
)


@law
@given(st.lists(pairs, max_size=5))
def test_attributes_read_at_once_are_those_read_one_by_one(found):
    assert outcome(_attributes, found) == outcome(_attributes_of_any, found)


@law
@given(st.integers(1, 2 * 4_000_000_000 * 10**9))
def test_an_instant_keeps_each_microsecond(nanoseconds):
    assert instant(nanoseconds) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


# --- histories -------------------------------------------------------------------------------------------------------


def read(attributes, conversation):
    """The span of a model call and its stored input, or what was wrong with it."""
    found = {"gen_ai.conversation.id": conversation, "session.id": conversation, **attributes}
    kinds = {bool: "boolValue", int: "intValue", str: "stringValue"}
    listed = [{"key": name, "value": {kinds[type(value)]: value}} for name, value in found.items()]
    span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "attributes": listed}
    record = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (made,) = READER.read(record, Context(0, "f:1", NOW, ReadOptions()))
    if isinstance(made, Rejected):
        return made
    stored = row_of(made, "f:1", NOW)[1][9]
    assert stored == (None if made.input is None else encode_messages_utf8(made.input))
    return made.input, stored


def read_on_and_alone(calls, attributes):
    """Each call as one of its conversation, whose history it repeats, and as if it were alone."""
    conversation = f"on {next(fresh)}"
    for call in calls:
        found = attributes(call)
        assert read(found, conversation) == read(found, f"alone {next(fresh)}")


texts = st.sampled_from(["a", "b", 'c"]', "ä\n", "", "]", ","])
roles = st.sampled_from(["user", "assistant", "system", "tool"])
contents = st.fixed_dictionaries({"message.role": roles, "message.content": texts})
called = {"message.tool_calls.0.tool_call.function.name": "find", "message.tool_calls.0.tool_call.id": "t"}
calls = st.sampled_from(['{"id": 1}', "{", "[1]", "x"]).map(
    lambda arguments: {
        "message.role": "assistant",
        **called,
        "message.tool_calls.0.tool_call.function.arguments": arguments,
    }
)
odd_messages = st.sampled_from(
    [
        {"message.role": "tool", "message.content": True},
        {"message.role": "tool", "message.content": 1},
        {"message.content": "a"},
        {"message.content": "", "message.role": "user"},
        {"message.role": "narrator", "message.content": "a"},
        {"message.role": 7},
        {"message.role": "user", "message.contents.0.message_content.text": "a"},
    ]
)
numbered = st.lists(st.one_of(contents, contents, calls, odd_messages), max_size=6)


def histories(messages):
    """Lists of which many go on where an earlier one ended: pieces of one list, and of one that turns off from it."""
    ends = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=6)
    return st.tuples(messages, messages, ends).map(
        lambda drawn: [(drawn[0][:end] + drawn[1][:2] if turns_off else drawn[0][:end]) for end, turns_off in drawn[2]]
    )


@law
@given(histories(numbered))
def test_numbered_messages_that_go_on_are_read_as_if_alone(calls):
    def attributes(messages):
        named = {f"llm.input_messages.{i}.{k}": v for i, message in enumerate(messages) for k, v in message.items()}
        return {"openinference.span.kind": "LLM", **named}

    read_on_and_alone(calls, attributes)


text_parts = texts.map(lambda text: {"type": "text", "content": text})
other_parts = st.sampled_from(
    [
        {"type": "tool_call", "id": "t", "name": "find", "arguments": {"id": 1}},
        {"type": "tool_call", "id": "t", "name": "find", "arguments": "{"},
        {"type": "tool_call_response", "id": "t", "response": {"a": 1}},
        {"type": "reasoning", "content": "hm"},
        {"type": "image"},
        "plain",
        {"type": 7},
    ]
)
in_parts = st.fixed_dictionaries(
    {"role": roles, "parts": st.lists(text_parts | other_parts, max_size=2)}, optional={"name": st.just("bo")}
)
listed = st.lists(st.one_of(in_parts, in_parts, st.fixed_dictionaries({"role": roles, "content": texts})), max_size=5)


@law
@given(histories(listed), st.sampled_from([None, (",", ":")]), st.integers(0, 30))
def test_messages_in_parts_that_go_on_are_read_as_if_alone(calls, separators, cut):
    def attributes(messages):
        text = json.dumps(messages, separators=separators)
        return {"gen_ai.operation.name": "chat", "gen_ai.input.messages": text[:-cut] if cut % 5 == 1 else text}

    read_on_and_alone(calls, attributes)
