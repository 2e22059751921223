"""Laws of intents: no text breaks them, order changes nothing, known requests stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.intents import discover
from everyturn.intents.embedders.lexical import Lexical
from everyturn.intents.identify import match
from everyturn.intents.novelty import began
from everyturn.intents.requests import extract
from everyturn.intents.words import tokens
from everyturn.model import Conversation, Message
from everyturn.model.schemas import ASSIGNMENT_SCHEMA, REQUEST_SCHEMA

START = datetime(2026, 3, 2, tzinfo=UTC)
law = settings(max_examples=40, deadline=None)  # other work on the machine is no error

odd_texts = st.text(max_size=60) | st.sampled_from(
    ["hi", "thanks!", "where is my order NW-1?", "also, reset my password", "> quoted\nmine", "```code", "no", "12"]
)
messages = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "system", "tool"]),
    st.none() | odd_texts,
    st.none() | st.integers(0, 10_000).map(lambda minutes: START + timedelta(minutes=minutes)),
)
conversations = st.lists(messages, max_size=8).map(lambda all_: Conversation("c1", "u1", START, tuple(all_)))


@law
@given(conversations)
def test_requests_are_numbered_in_the_order_of_their_turns(conversation):
    table = extract([conversation])
    assert table.schema == REQUEST_SCHEMA
    rows = table.to_pylist()
    assert [row["request"] for row in rows] == list(range(len(rows)))
    turns = [row["turn"] for row in rows]
    assert turns == sorted(set(turns))
    assert set(turns) <= set(range(len(conversation.turns)))
    spoke = any(turn.user.content is not None for turn in conversation.turns)
    assert bool(rows) == spoke
    assert all(row["text"] for row in rows) or len(rows) == 1


@law
@given(st.text(max_size=200))
def test_tokens_hold_no_digit_and_are_their_own_tokens(text):
    words = tokens(text)
    assert all(word == "0" or not any(letter.isdecimal() for letter in word) for word in words)
    assert tokens(" ".join(words)) == words


@law
@given(st.lists(odd_texts, min_size=1, max_size=30))
def test_any_texts_can_be_learnt_and_encoded(texts):
    if not any(tokens(text) for text in texts):
        return
    lexical = Lexical()
    lexical.fit(texts)
    rows = lexical.encode(texts)
    assert np.isfinite(rows).all()
    assert (np.linalg.norm(rows, axis=1) < 1.001).all()


subject_words = ("refund money order", "password login account", "parcel courier late", "invoice tax receipt")


@st.composite
def request_tables(draw):
    """Up to sixty requests on four subjects and some noise, of a dozen users."""
    n = draw(st.integers(1, 60))
    rows = []
    for i in range(n):
        words = draw(st.sampled_from(subject_words)).split()
        text = draw(
            st.sampled_from([" ".join(words), f"my {words[0]} {words[1]}", f"{words[2]} {words[0]}", "", "zzz 1"])
        )
        user = draw(st.none() | st.integers(0, 11).map(lambda u: f"u{u:02d}"))
        at = draw(st.none() | st.just(START + timedelta(days=i)))
        rows.append({"conversation_id": f"c{i}", "request": 0, "turn": 0, "user_id": user, "at": at, "text": text})
    return pa.Table.from_pylist(rows, REQUEST_SCHEMA)


@settings(max_examples=15, deadline=None)
@given(request_tables(), st.randoms(use_true_random=False))
def test_every_request_is_assigned_once_in_any_order_and_again(table, random):
    found = discover(table, known=None, minimum_users=2)
    assert found.assignments.schema == ASSIGNMENT_SCHEMA
    assert found.assignments["conversation_id"].to_pylist() == table["conversation_id"].to_pylist()
    ids = {intent.intent_id for intent in found.intents}
    given_ids = found.assignments["intent_id"].to_pylist()
    assert set(given_ids) - {None} == ids
    assert sum(intent.size for intent in found.intents) == len(given_ids) - given_ids.count(None)
    assert len({intent.label for intent in found.intents}) == len(ids)
    order = random.sample(range(table.num_rows), table.num_rows)
    again = discover(table.take(order), known=None, minimum_users=2)
    assert again.assignments["intent_id"].to_pylist() == [given_ids[i] for i in order]
    assert again.intents == found.intents
    assert discover(table, known=found, minimum_users=2) is found


@settings(max_examples=10, deadline=None)
@given(request_tables(), st.integers(1, 60))
def test_what_was_assigned_stays_when_a_little_is_added(table, n):
    first = discover(table.slice(0, n), known=None, minimum_users=2)
    both = discover(table, known=first, minimum_users=2)
    if both.compared != first.compared:  # the texts doubled: the groups were found anew
        return
    before = first.assignments["intent_id"].to_pylist()
    after = both.assignments["intent_id"].to_pylist()
    assert all(a == b for a, b in zip(before, after, strict=False) if a is not None)


@law
@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=5))
def test_no_intent_continues_in_two_groups(rows):
    overlap = np.array(rows)
    matched = match(overlap, overlap.sum(axis=0), overlap.sum(axis=1))
    taken = matched[matched >= 0].tolist()
    assert len(set(taken)) == len(taken)
    assert all(overlap[group, intent] > 0 for group, intent in enumerate(matched) if intent >= 0)


@law
@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.integers(1, 50))
def test_an_intent_begins_in_a_week_in_which_somebody_asked(counts, more):
    intent = np.array(counts)
    week = began(intent, intent + more)
    assert (week is None) == (intent.sum() == 0)
    assert week is None or intent[week] > 0
