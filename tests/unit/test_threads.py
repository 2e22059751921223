"""Traces without a conversation id: which go on where another ended."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.assemble import assemble, link, merge_spans, trace_conversations, trace_ends
from everyturn.engines import evidence
from everyturn.engines.link_traces import Threads
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.engines.rows import span_table
from everyturn.model import Message, Span
from everyturn.workspace.observing import how_texts_match

START = datetime(2026, 9, 7, 9, tzinfo=UTC)


def call(trace, minute, *texts, user=None, conversation=None, days=0):
    """A trace of one model call: texts alternate user and agent, the last is the reply."""
    messages = [Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts)]
    at = START + timedelta(days=days, minutes=minute)
    return Span(
        trace,
        "s",
        None,
        conversation,
        user,
        "chat",
        started_at=at,
        ended_at=at + timedelta(seconds=9),
        input=tuple(messages[:-1]),
        output=(messages[-1],),
    )


def told(spans):
    return {c.conversation_id: [m.content for m in c.messages] for c in assemble(spans, [])}


def stored(*loads):
    with Database(":memory:") as database:
        for spans in loads:
            loading = Loading(database)
            loading.stage("spans", span_table(spans))
            loading.merge(
                merge=merge_spans,
                resolve=trace_conversations,
                assemble=assemble,
                threads=Threads(trace_ends, link),
                matching=how_texts_match(),
            )
        names = database.rows("SELECT conversation_id FROM conversations")
        return {name: [m.content for m in evidence.several(database, [name])[name].messages] for (name,) in names}


CHAIN = [
    call("a", 0, "Hi", "Hello"),
    call("b", 1, "Hi", "Hello", "More", "Sure"),
    call("c", 2, *["Hi", "Hello", "More", "Sure", "Bye", "Bye"]),
]


def test_each_goes_on_where_the_one_before_ended():
    assert told(CHAIN) == {"a": ["Hi", "Hello", "More", "Sure", "Bye", "Bye"]}


@pytest.mark.parametrize("seed", range(3))
def test_they_are_found_in_whatever_order_they_are_stored_and_however_often(seed):
    others = [call("x", 0, "Hi", "Hello", user="u"), call("y", 3, "Hi", "Hello", "Why", "So", user="u")]
    spans = [*CHAIN, *others, *CHAIN[:1]]
    random.Random(seed).shuffle(spans)
    assert stored(*[[s] for s in spans]) == stored(spans) == told(spans)
    assert told(spans) == {"a": ["Hi", "Hello", "More", "Sure", "Bye", "Bye"], "x": ["Hi", "Hello", "Why", "So"]}


def test_greetings_that_are_alike_are_each_continued_once():
    spans = [
        call("a", 0, "Hi", "Hello"),
        call("b", 1, "Hi", "Hello"),
        call("c", 2, "Hi", "Hello", "One", "1"),
        call("d", 3, "Hi", "Hello", "Two", "2"),
    ]
    assert told(spans) == {"b": ["Hi", "Hello", "One", "1"], "a": ["Hi", "Hello", "Two", "2"]}


def test_a_second_answer_to_the_same_question_is_a_conversation_of_its_own():
    spans = [*CHAIN[:2], call("r", 2, "Hi", "Hello", "More", "Rather not")]
    assert told(spans) == {"a": ["Hi", "Hello", "More", "Sure"], "r": ["Hi", "Hello", "More", "Rather not"]}


@pytest.mark.parametrize(
    "later",
    [
        call("b", 1, "Hi", "Hello!", "More", "Sure"),  # another history
        call("b", 1, "Hi", "Hello", "More", "Sure", user="u"),  # another user
        call("b", 1, "Hi", "Hello", "More", "Sure", days=8),  # too late
        call("b", -1, "Hi", "Hello", "More", "Sure"),  # before it
        call("b", 1, "Hi", "Hello", "More", "Sure", conversation="c"),  # one with an id
    ],
)
def test_what_does_not_go_on_stands_by_itself(later):
    assert len(told([CHAIN[0], later])) == 2


def test_an_id_that_comes_late_takes_a_trace_out_again():
    late = Span("b", "root", None, "named", started_at=START, ended_at=START + timedelta(minutes=3))
    assert list(stored(CHAIN)) == ["a"]
    apart = {
        "a": ["Hi", "Hello"],
        "named": ["Hi", "Hello", "More", "Sure"],
        "c": ["Hi", "Hello", "More", "Sure", "Bye", "Bye"],
    }
    assert stored(CHAIN, [late]) == told([*CHAIN, late]) == apart
