"""What people say about intents holds, whatever is found later."""

from __future__ import annotations

import pytest

from everyturn.errors import InputError
from everyturn.intents import discover
from everyturn.intents.taxonomy import EXAMPLE, Taxonomy, to_yaml
from request_world import discovered, subject_of, world


@pytest.fixture(scope="module")
def requests():
    return world()


@pytest.fixture(scope="module")
def found():
    return discovered()


def id_of(discovery, subject):
    """The intent most requests of a subject are in."""
    held = [
        row["intent_id"]
        for row in discovery.assignments.to_pylist()
        if subject_of(row["conversation_id"]) == subject and row["intent_id"]
    ]
    return max(set(held), key=held.count)


def say(text):
    return Taxonomy.parse(text)


def test_the_example_says_all_there_is_to_say():
    taxonomy = Taxonomy.parse(EXAMPLE)
    assert taxonomy.words[0].name == "Charged twice"
    assert taxonomy.words[1].parts[1].like == ("can I still return this after 40 days",)
    assert Taxonomy.parse(taxonomy.to_yaml()) == taxonomy


@pytest.fixture(scope="module")
def little():
    """A discovery of the first two weeks: with all six the texts double, and the groups are found from scratch."""
    return discovered(2)


def test_a_given_name_stays_and_the_found_one_is_still_shown(requests, little):
    one = id_of(little, "refund")
    named = discover(
        world(weeks=2), known=little, taxonomy=say(f"intents: [{{id: {one}, name: Money back, under: Payments}}]")
    )
    (intent,) = (i for i in named.intents if i.intent_id == one)
    assert (intent.label, intent.path) == ("Money back", ("Payments",))
    assert intent.found_label == next(i.label for i in little.intents if i.intent_id == one)
    again = discover(requests, known=named)  # nothing said any more: it holds
    assert again.compared > named.compared
    assert next(i.label for i in again.intents if i.intent_id == one) == "Money back"
    assert "Money back" in to_yaml(again)


def test_merged_intents_are_one_from_then_on(requests, little):
    one, other = id_of(little, "refund"), id_of(little, "report")
    merged = discover(world(weeks=2), known=little, taxonomy=say(f"intents: [{{id: {one}, merge: [{other}]}}]"))
    assert other not in {i.intent_id for i in merged.intents}
    assert id_of(merged, "refund") == id_of(merged, "report") == one
    assert [(e.kind, e.other) for e in merged.events if e.intent_id == other][-1] == ("merged", one)
    # from scratch they would come apart: the word holds
    later = discover(requests, known=merged)
    assert later.compared > merged.compared
    assert id_of(later, "refund") == id_of(later, "report") == one


def test_a_split_intent_is_divided_by_its_examples(requests, found):
    one = id_of(found, "shipping")
    text = f"""
intents:
  - id: {one}
    split:
      - name: Where it is
        like: ["my tracking number is wrong since the delivery changed"]
      - name: Courier
        like: ["I need courier today, shipment is missing", "courier does not work with late parcel"]
"""
    split = discover(requests, known=found, taxonomy=say(text))
    labels = {i.label: i for i in split.intents}
    assert {"Where it is", "Courier"} <= labels.keys()
    assert one not in {i.intent_id for i in split.intents}
    before = next(i.size for i in found.intents if i.intent_id == one)
    assert abs(labels["Where it is"].size + labels["Courier"].size - before) <= 0.1 * before
    assert {e.kind for e in split.events if e.intent_id == labels["Courier"].intent_id} == {"split"}
    again = discover(requests, known=split, taxonomy=say(text))
    assert again is split


def test_what_is_exported_can_be_given_back_unchanged(requests, found):
    one = id_of(found, "refund")
    named = discover(requests, known=found, taxonomy=say(f"intents: [{{id: {one}, name: Money back, pin: true}}]"))
    text = to_yaml(named)
    assert all(i.intent_id in text and i.found_label in text for i in named.intents)
    assert discover(requests, known=named, taxonomy=say(text)).assignments.equals(named.assignments)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("intents: [", "not YAML"),
        ("[1, 2]", "no list of intents"),
        ("version: 9\nintents: []", "version 9"),
        ("intents: [{name: x}]", "no id"),
        ("intents: [{id: i-1, nmae: x}]", "unknown"),
        ("intents: [{id: i-1, name: [x]}]", "not a text"),
        ("intents: [{id: i-1, merge: i-2}]", "not a list of ids"),
        ("intents: [{id: i-1, merge: [i-1]}]", "cannot be merged"),
        ("intents: [{id: i-1, merge: [i-2]}, {id: i-2, merge: [i-3]}]", "has others merged into it"),
        ("intents: [{id: i-1, pin: maybe}]", "neither true nor false"),
        ("intents: [{id: i-1, split: [{name: x, like: [y]}]}]", "not a list of parts"),
        ("intents: [{id: i-1, split: [{name: x}, {name: y, like: [z]}]}]", "lacks a name or examples"),
        ("intents: [{id: i-1}, {id: i-1}]", "two entries"),
        ("intents: [{id: i-1, name: x}, {id: i-2, name: x}]", "two intents are called"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_where(text, told):
    with pytest.raises(InputError, match=told) as error:
        Taxonomy.parse(text, where="words.yaml")
    assert "words.yaml" in str(error.value)


def test_an_id_that_never_was_is_an_error(requests, found):
    with pytest.raises(InputError, match="no intent has the id"):
        discover(requests, known=found, taxonomy=say("intents: [{id: i-000000, name: x}]"))
