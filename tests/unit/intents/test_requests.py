"""From a conversation to the requests in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everyturn.intents.requests import extract
from everyturn.model import Conversation, Message
from everyturn.model.schemas import REQUEST_SCHEMA

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def requests_in(*texts, user="u0001"):
    """The requests of a conversation in which user and agent take turns, the user first."""
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text, START + timedelta(minutes=i)) for i, text in enumerate(texts))
    return extract([Conversation("c1", user, START, messages)]).to_pylist()


def texts_in(*texts):
    return [row["text"] for row in requests_in(*texts)]


def test_a_request_comes_with_its_turn_its_user_and_its_time():
    table = extract([Conversation("c1", "u0001", START, (Message("user", "Reset my password", START),))])
    assert table.schema == REQUEST_SCHEMA
    (row,) = table.to_pylist()
    assert row == {
        "conversation_id": "c1",
        "request": 0,
        "turn": 0,
        "user_id": "u0001",
        "at": START,
        "text": "Reset my password",
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Hi there, how do I export a report? Thanks!", "how do I export a report?"),
        ("good morning! my parcel is late, please help", "my parcel is late"),
        ("Guten Tag, wo ist mein Paket? Vielen Dank", "wo ist mein Paket?"),
        ("also known as tax, thanks for nothing new", "also known as tax, thanks for nothing new"),
        ("the webhook so far fails", "the webhook so far fails"),
    ],
)
def test_greeting_and_closing_are_set_aside_and_words_stay_whole(said, kept):
    assert texts_in(said) == [kept]


@pytest.mark.parametrize("said", ["hi", "Hello!", "thanks a lot!", "ok", "12345", "a@b.example", "👍", "?", ""])
def test_nothing_of_substance_is_one_empty_request(said):
    assert texts_in(said, "How can I help?") == [""]


def test_a_conversation_known_by_structure_only_has_none():
    messages = (Message("user", None), Message("assistant", None))
    assert extract([Conversation("c1", None, START, messages)]).num_rows == 0
    assert extract([Conversation("c2", None, START, (Message("assistant", "Hi, I am new here"),))]).num_rows == 0


def test_a_request_begins_at_the_turn_that_says_it():
    rows = requests_in("hi", "Hello! What can I do for you?", "I want to cancel my subscription")
    assert [(row["turn"], row["text"]) for row in rows] == [(1, "I want to cancel my subscription")]
    assert rows[0]["at"] == START + timedelta(minutes=2)


def test_verdicts_answers_and_calls_for_a_person_are_no_request():
    first = "I was charged twice for my subscription"
    for reply in ("that's wrong", "no, not what I asked", "thanks, that worked", "can I talk to a human please"):
        assert texts_in(first, "Your plan is active.", reply) == [first]
    assert texts_in(first, "Which card was it?", "visa, the one ending 4411") == [first]


def test_what_elaborates_is_joined():
    (text,) = texts_in("My invoice is wrong", "The invoice is correct.", "no, the tax number on the invoice is missing")
    assert text == "My invoice is wrong \nno, the tax number on the invoice is missing"


def test_a_vague_opening_takes_its_subject_from_the_answer():
    (text,) = texts_in("I have a problem with my order", "What is wrong with it?", "the vase arrived broken")
    assert "vase arrived broken" in text


def test_another_matter_begins_another_request():
    first, second = requests_in(
        "Where is parcel NW-1?",
        "It arrives tomorrow. Anything else?",
        "Also, how do I add a colleague to my workspace?",
    )
    assert (first["request"], first["turn"]) == (0, 0)
    assert (second["request"], second["turn"]) == (1, 1)
    assert second["text"] == "how do I add a colleague to my workspace?"
    assert len(requests_in("Where is parcel NW-1?", "Tomorrow.", "please export last quarter's sales statistics")) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("It arrives tomorrow.", "can it be delivered to another street instead?"),  # points back
        ("It arrives tomorrow.", "no, the tracking website shows another country entirely"),  # objects
        ("What colour and size did you choose?", "navy blue linen, large, twelve pieces"),  # answers
        ("Your courier left it at the depot.", "when does the depot open?"),  # speaks of what was said
    ],
)
def test_what_belongs_to_a_request_begins_none(reply, said):
    assert len(requests_in("Where is my parcel?", reply, said)) == 1


def test_pasted_documents_are_set_aside():
    letter = "Dear customer, " + "we regret to inform you about the delay of everything. " * 40
    assert texts_in(f"Please shorten this letter:\n{letter}\nand make it friendly") == [
        "shorten this letter: \nand make it friendly"
    ]
    assert texts_in(f"why does this fail?\n```python\n{letter}\n```") == ["why does this fail?"]
    assert texts_in(f"> {letter}\nis this true?") == ["is this true?"]
    (whole,) = texts_in(letter)
    assert whole.startswith("Dear customer")
    assert len(whole) < 500
    log = "\n".join(f"error in module alpha at line {i}" for i in range(200))
    (many,) = texts_in(f"my export crashes\n{log}\nwhat can I do about these crashes")
    assert many.startswith("my export crashes")
    assert many.endswith("what can I do about these crashes")
    assert len(many) < 600


def test_rows_follow_the_conversations():
    conversations = [
        Conversation(f"c{i}", None, START, (Message("user", f"question about topic{'x' * i}"),)) for i in range(5)
    ]
    table = extract(conversations)
    assert table["conversation_id"].to_pylist() == [f"c{i}" for i in range(5)]
    assert set(table["at"].to_pylist()) == {START}  # messages without a time take the conversation's
