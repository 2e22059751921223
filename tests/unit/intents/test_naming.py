"""Names by a language model: asked once an intent, below people's own, never taken where they are no names."""

from __future__ import annotations

import json

import pytest

from everyturn.errors import InputError
from everyturn.intents import discover
from everyturn.intents.naming import name_with
from everyturn.intents.remote import Remote
from everyturn.intents.taxonomy import Taxonomy
from request_world import discovered, world


class Model(Remote):
    """Answers like an endpoint, and remembers what it was asked."""

    def __init__(self, answers):
        super().__init__("https://llm.example/v1#small")
        self.answers, self.asked = answers, []

    def post(self, path, body):
        assert path == "chat/completions"
        self.asked.append(json.loads(body["messages"][1]["content"]))
        return {"choices": [{"message": {"content": self.answers[(len(self.asked) - 1) % len(self.answers)]}}]}


@pytest.fixture(scope="module")
def requests():
    return world(weeks=3)


@pytest.fixture(scope="module")
def found():
    return discovered(3)


def test_each_intent_is_named_once_ever(found, requests):
    answers = [json.dumps({"name": f"ask about thing {c}", "description": "They ask."}) for c in "abcdefghij"]
    model = Model(answers)
    named, names = name_with(model, found, requests, known={})
    assert {i.label for i in named.intents} == {f"ask about thing {c}" for c in "abcdefghij"[: len(found.intents)]}
    assert all(asked["examples"] and asked["phrases"] for asked in model.asked)
    again, same = name_with(model, found, requests, known=names)
    assert again.intents == named.intents
    assert same == names
    assert len(model.asked) == len(found.intents)
    assert name_with(None, found, requests, known=names)[0].intents == named.intents


@pytest.mark.parametrize(
    "answer", ["no json", "{}", '{"name": ""}', '{"name": "order 4711"}', json.dumps({"name": "x" * 61})]
)
def test_an_answer_that_is_no_name_leaves_the_name_there_was(found, requests, answer):
    named, names = name_with(Model([answer]), found, requests, known={})
    assert named.intents == found.intents
    assert names == {}


def test_peoples_names_stand_above_it(found, requests):
    one = found.intents[0].intent_id
    said = discover(requests, known=found, taxonomy=Taxonomy.parse(f"intents: [{{id: {one}, name: Ours}}]"))
    named, _ = name_with(Model(['{"name": "theirs"}']), said, requests, known={})
    assert next(i.label for i in named.intents if i.intent_id == one) == "Ours"


def test_an_endpoint_without_a_message_is_an_error(found, requests):
    model = Model([""])
    model.post = lambda *_: {"error": "no such model"}
    with pytest.raises(InputError, match="no message"):
        name_with(model, found, requests, known={})
