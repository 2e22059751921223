"""Requests that are no requests, too many of one, or too few: defined, and never slow."""

from __future__ import annotations

import base64
import json
import time

import numpy as np
import pyarrow as pa
import pytest

from everyturn.intents import assign, discover
from everyturn.intents.requests import extract
from everyturn.model import Conversation, Message
from everyturn.model.schemas import REQUEST_SCHEMA
from request_world import requests_of, subject_of, world

ODD = {
    "empty": "",
    "space": " \n\t ",
    "one word": "refund",
    "emoji": "😀🎉😀",
    "number": "4711",
    "code": "def f(x):\n    return [i ** 2 for i in range(x) if i % 3]\n" * 20,
    "json": json.dumps({"order": {"id": 4711, "items": [{"sku": "A-1", "qty": 2}] * 50}}),
    "base64": base64.b64encode(bytes(range(256)) * 400).decode(),
    "one long word": "a" * 1_000_000,
    "a megabyte": "please refund my order because it is late " * 24_000,
    "languages": "Bitte refund ma commande 我的包裹 por favor срочно",
    "brackets": "{{[[<<" * 10_000,
}


@pytest.fixture(scope="module")
def mixed():
    """Five subjects, with every odd text asked by seven people."""
    rows = [(f"odd-{name}-{i}", text, f"o{i}", None) for name, text in ODD.items() for i in range(7)]
    started = time.process_time()
    table = pa.concat_tables([world(), requests_of(rows)])
    found = discover(table, known=None)
    return found, time.process_time() - started


def test_odd_texts_do_not_disturb_the_subjects(mixed):
    found, _ = mixed
    given = {row["conversation_id"]: row["intent_id"] for row in found.assignments.to_pylist()}
    assert len(given) == found.assignments.num_rows
    for subject in ("refund", "password", "report"):
        own = [one for c, one in given.items() if subject_of(c) == subject and one]
        assert len(own) > 60
        assert max(own.count(one) for one in set(own)) > 0.8 * len(own)


def test_what_says_nothing_is_unclear(mixed):
    found, _ = mixed
    given = {row["conversation_id"]: row for row in found.assignments.to_pylist()}
    for name in ("empty", "space", "emoji", "number"):
        assert given[f"odd-{name}-0"]["intent_id"] is None
        assert given[f"odd-{name}-0"]["confidence"] == 0


def test_a_megabyte_is_read_in_seconds(mixed):
    assert mixed[1] < 60
    ids, confidence = assign(list(ODD.values()), mixed[0])
    assert len(ids) == len(confidence) == len(ODD)
    assert np.isfinite(confidence).all()


@pytest.mark.parametrize("name", ODD)
def test_extraction_keeps_what_a_person_may_have_typed(name):
    messages = (Message("user", ODD[name]), Message("assistant", "How can I help?"))
    started = time.process_time()
    (row,) = extract([Conversation("c", "u", None, messages)]).to_pylist()
    assert time.process_time() - started < 5
    assert len(row["text"]) <= 1_000


def test_a_million_times_the_same_text_is_one_intent():
    n = 1_000_000  # some seconds: work that grew with the square would not end
    number = np.arange(n)
    columns = {
        "conversation_id": pa.array(number).cast(pa.string()),
        "request": pa.array(np.zeros(n, np.int32)),
        "turn": pa.array(np.zeros(n, np.int32)),
        "user_id": pa.array(number % 1000).cast(pa.string()),
        "at": pa.nulls(n, REQUEST_SCHEMA.field("at").type),
        "text": pa.repeat("where is my parcel", n),
    }
    found = discover(pa.table(columns, schema=REQUEST_SCHEMA), known=None)
    assert [(i.size, i.users) for i in found.intents] == [(n, 1000)]


@pytest.mark.parametrize("n", [1, 2, 4])
def test_fewer_people_than_an_intent_needs_make_none(n):
    found = discover(
        requests_of([(f"c{i}", f"refund order now {'x' * i}", f"u{i}", None) for i in range(n)]), known=None
    )
    assert found.intents == ()
    assert found.assignments["intent_id"].null_count == n
