"""Laws of the short ways of reading: column by column gives what the obvious way gives, whatever stands in the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everyturn.model import Message, MessageRecords, ToolCall
from everyturn.readers import BadRecord, Context, datadog_spans, steps
from everyturn.readers.chat import READER as CHAT
from everyturn.readers.openai_messages import read_any_message, read_message
from everyturn.readers.tables import Tables, row_of
from reader_examples import NOW, messages_of, records_of

LATEST = NOW + timedelta(days=1)
quick = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
instants = st.integers(1_000_000_000_000_000, 1_790_000_000_000_000).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), texts),
    lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(texts, v, max_size=3)),
    max_leaves=8,
)
weird = st.one_of(
    st.none(), texts, st.integers(-1, 3), st.just([]), st.just({}), st.just("2026-03-01T09:30:00Z"), values
)
chat_calls = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just("t1") | weird,
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": texts | weird}, optional={"arguments": texts | weird}),
            "name": texts,
        },
    ),
    max_size=2,
)
roles = st.sampled_from(["system", "user", "Human", "assistant", "model", "tool"])
parts = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2)
usual_messages = st.fixed_dictionaries(
    {"role": roles, "content": st.none() | texts},
    optional={"at": instants.map(datetime.isoformat), "tool_calls": chat_calls, "tool_call_id": st.just("t1")},
)
chat_messages = usual_messages | st.fixed_dictionaries(
    {},
    optional={
        "role": roles | roles | weird,
        "content": texts | parts | weird,
        "at": instants.map(datetime.isoformat) | weird,
        "timestamp": weird,
        "tool_calls": chat_calls | weird,
        "tool_call_id": st.just("t1") | weird,
        "name": texts | weird,
        "refusal": texts | weird,
        "function_call": weird,
        "id": st.just("m1") | weird,
    },
)


def read_one_by_one(items: list, read=read_any_message) -> MessageRecords:
    """Each message by the function that knows no short ways."""
    found = MessageRecords("c", None, 0)
    for i, item in enumerate(items):
        try:
            for message, message_id in read(item):
                found.add(message, message_id)
        except BadRecord as bad:
            raise BadRecord(expected=f"messages[{i}].{bad.expected}", found=bad.found) from None
    return found


def read_at_once(items: list) -> MessageRecords:
    return next(iter(CHAT.read({"id": "c", "messages": items}, Context(0, "f", NOW))))


def outcome(read, items: list) -> MessageRecords | tuple[str, str]:
    try:
        return read(items)
    except BadRecord as bad:
        return bad.expected, bad.found


@given(st.lists(chat_messages | weird, min_size=1, max_size=4))
@settings(quick, max_examples=150)
def test_usual_messages_are_read_as_any_others(items):
    expected = outcome(read_one_by_one, items)
    assert outcome(read_at_once, items) == expected
    assert outcome(partial(read_one_by_one, read=read_message), items) == expected


def told_one_by_one(items: list) -> tuple[Message, ...]:
    """What a model call was given: no times, and a reply without a text is an empty one."""
    found = []
    for item in items:
        for message, _ in read_any_message(item):
            empty = None if message.tool_calls else ""
            content = message.content or empty if message.role == "assistant" else message.content
            found.append(replace(message, content=content, at=None))
    return tuple(found)


@given(st.lists(chat_messages, min_size=1, max_size=4))
@settings(quick, max_examples=150)
def test_a_history_is_read_at_once_or_left_to_the_long_way(items):
    is_openai = all(isinstance(item.get("role"), str) and "content" in item for item in items)
    expected = outcome(told_one_by_one, items) if is_openai else None
    is_refused = expected is not None and isinstance(expected[0], str)
    assert steps.history(items) == (None if is_refused else expected)


datadog_messages = st.fixed_dictionaries(
    {},
    optional={
        "role": roles | roles | weird,
        "content": texts | weird,
        "tool_calls": st.just([{"name": "find", "arguments": {"id": 7}, "tool_id": "t1"}]) | weird,
        "tool_results": st.just([{"result": "late", "tool_id": "t1"}]) | weird,
    },
)


@given(st.lists(datadog_messages | weird, max_size=4))
@settings(quick, max_examples=100)
def test_datadogs_usual_messages_are_read_as_any_others(items):
    def each(items: list) -> tuple[Message, ...]:
        return tuple(message for item in items for message in datadog_spans._message(item, {}))

    assert outcome(lambda items: datadog_spans._messages({"messages": items}, {}), items) == outcome(each, items)


# --- tables ---------------------------------------------------------------------------------------------------------

stored_messages = st.builds(
    Message,
    st.sampled_from(["user", "assistant"]),
    st.none() | texts,
    st.none() | instants,
    st.just(()) | st.just((ToolCall("t1", "find", {"id": 7}),)),
    st.none() | st.just("t1"),
    st.none() | texts,
)
stored_records = st.builds(
    lambda said, **about: records_of(*said, **about),
    st.lists(stored_messages, max_size=4),
    conversation_id=st.sampled_from(["c1", "c2"]),
    user_id=st.none() | st.just("u1"),
    position=st.sampled_from([None, 0, 3]),
    attributes=st.dictionaries(texts, texts, max_size=1),
    record=st.integers(0, 9),
)


@given(st.lists(stored_records, max_size=5))
@quick
def test_messages_by_columns_are_the_messages_row_by_row(given_records):
    """The table of many records against the obvious one, a row a message."""
    tables, expected = Tables(), []
    for number, records in enumerate(given_records):
        tables.add(*row_of(records, f"f:{number}", LATEST), f"f:{number}")
        about = {"conversation_id": records.conversation_id, "user_id": records.user_id, "record": records.record}
        for i, message in enumerate(messages_of(records)):
            position = None if records.position is None else records.position + i
            calls = '[{"id":"t1","name":"find","arguments":{"id":7}}]' if message.tool_calls else None
            own = {n: getattr(message, n) for n in ("role", "content", "at", "tool_call_id", "name")}
            attributes = orjson.dumps({} if i else records.attributes).decode()
            row = {"position": position, "message_id": None, "tool_calls": calls, "attributes": attributes}
            expected.append({**about, **own, **row, "where": f"f:{number}"})
    found, refused = tables.arrow()
    assert refused == []
    assert tables.length == len(expected)
    assert (found["messages"].to_pylist() if found else []) == expected
