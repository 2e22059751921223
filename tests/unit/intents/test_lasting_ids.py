"""Discovery on small made-up requests: what is found, what stays, what is unclear."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from everyturn.intents import Discovery, assign, discover, discovery, membership
from everyturn.intents.embedders import stored
from everyturn.intents.embedders.lexical import Lexical
from everyturn.model.schemas import ASSIGNMENT_SCHEMA, REQUEST_SCHEMA

START = datetime(2026, 9, 7, tzinfo=UTC)
SUBJECTS = {
    "refund": ("I want my money back for the {}", "please refund the {}", "how do I get a refund for a {}", "refund {} now"),
    "password": ("I cannot log in, reset my password on the {}", "forgot my password for {}", "password reset link {} is dead"),
    "parcel": ("where is my parcel with the {}", "tracking says the {} parcel is stuck", "parcel {} has not arrived, delivery late"),
    "invoice": ("I was charged twice on the {} invoice", "invoice {} is higher than quoted", "why was I billed for {} again"),
}  # fmt: skip
THINGS = ("blue lamp", "red chair", "kettle", "walnut desk", "linen sheet", "garden hose", "bike", "tent", "mug", "rug")
EXTRA = ("", " please", " asap", " thanks in advance", " since last week", " can you help", " again", " today")


def requests(subjects, *, count=60, users=20, first_day=0, prefix="c"):
    """A table of requests on the subjects, spread over four weeks from a day on; and the subject of each."""
    rng = random.Random(f"{subjects}{count}{prefix}")
    rows, truth = [], []
    for subject in subjects:
        for i in range(count):
            text = rng.choice(SUBJECTS[subject]).format(rng.choice(THINGS)) + rng.choice(EXTRA)
            rows.append(
                {"conversation_id": f"{prefix}-{subject}-{i}", "request": 0, "turn": 0, "user_id": f"u{rng.randrange(users)}",
                 "at": START + timedelta(days=first_day + i * 28 / count), "text": text}
            )  # fmt: skip
            truth.append(subject)
    return pa.Table.from_pylist(rows, REQUEST_SCHEMA), truth


@pytest.fixture(scope="module")
def three():
    table, truth = requests(["refund", "password", "parcel"])
    return table, truth, discover(table, known=None)


def purity(found, truth):
    """The share of assigned requests that are with the commonest subject of their intent, and the share assigned."""
    by_intent = {}
    for intent, subject in zip(found.assignments["intent_id"].to_pylist(), truth, strict=True):
        by_intent.setdefault(intent, []).append(subject)
    by_intent.pop(None, None)
    held = sum(len(v) for v in by_intent.values())
    return sum(max(v.count(s) for s in set(v)) for v in by_intent.values()) / held, held / len(truth)


def test_subjects_are_separated_without_knowing_how_many_there_are(three):
    _, truth, found = three
    pure, held = purity(found, truth)
    assert pure >= 0.9
    assert held >= 0.9
    assert 3 <= len(found.intents) <= 13  # eleven frames: at worst each its own
    assert found.assignments.schema == ASSIGNMENT_SCHEMA
    labels = [i.label for i in found.intents]
    assert len(set(labels)) == len(labels)


def test_the_same_requests_in_any_order_give_the_same_intents(three):
    table, _, found = three
    order = np.random.default_rng(3).permutation(table.num_rows)
    again = discover(table.take(order), known=None)
    assert [(i.intent_id, i.label, i.size) for i in again.intents] == [
        (i.intent_id, i.label, i.size) for i in found.intents
    ]
    assert again.assignments.take(np.argsort(order)).equals(found.assignments)


def test_running_again_changes_nothing(three):
    table, _, found = three
    again = discover(table, known=found)
    assert again.assignments.equals(found.assignments)
    assert [i.intent_id for i in again.intents] == [i.intent_id for i in found.intents]


def test_ids_survive_new_data_and_a_new_subject_becomes_an_intent_of_its_own(three):
    table, truth, found = three
    more, more_truth = requests(["invoice"], first_day=20, prefix="d")
    grown = discover(pa.concat_tables([table, more]), known=found)
    assert {i.intent_id for i in found.intents} <= {i.intent_id for i in grown.intents}
    before = found.assignments["intent_id"].to_pylist()
    after = grown.assignments["intent_id"].to_pylist()
    kept = [a == b for a, b in zip(before, after[: len(before)], strict=True) if a is not None]
    assert np.mean(kept) >= 0.98
    new = {i for i in after[len(before) :] if i is not None} - {i.intent_id for i in found.intents}
    assert new
    assert purity(grown, truth + more_truth)[0] >= 0.9
    assert {e.kind for e in grown.events if e.intent_id in new} >= {"born"}
    assert all(i.first_seen >= START + timedelta(days=14) for i in grown.intents if i.intent_id in new)


def test_growing_reads_what_is_new_and_what_stands_for_the_rest(three, monkeypatch):
    table, truth, _ = three
    more, more_truth = requests(["invoice"], first_day=20, prefix="d")
    together = pa.concat_tables([table, more])
    read = []

    class Noted(Lexical):
        def encode(self, texts):
            read.append(set(texts))
            return super().encode(texts)

    known = discover(table, known=None, embedder=Noted())
    monkeypatch.setattr(membership, "PROTOTYPES", 4)  # eight texts stand for each intent
    read.clear()
    grown = discover(together, known=known, embedder=Noted())
    unclear = set(table.filter(pa.compute.is_null(known.assignments["intent_id"]))["text"].to_pylist())
    new = set(more["text"].to_pylist())
    everything = set.union(*read)
    assert new <= everything
    assert len(everything - new - unclear) <= 8 * len(known.intents) < len(set(table["text"].to_pylist())) / 2
    before, after = known.assignments, grown.assignments.slice(0, len(table))
    is_placed = pa.compute.is_valid(before["intent_id"])
    assert after.filter(is_placed).equals(before.filter(is_placed))  # how sure it was stays too
    assert purity(grown, truth + more_truth)[0] >= 0.9
    assert {i for i in grown.assignments["intent_id"].to_pylist()[len(table) :] if i} - {
        i.intent_id for i in known.intents
    }
    assert {i.size for i in grown.intents} == set(
        pa.compute.value_counts(grown.assignments["intent_id"].drop_null()).field("counts").to_pylist()
    )


def test_a_discovery_outlives_its_process(three):
    _, _, found = three
    stored_tables = {name: pa.ipc.open_stream(_bytes(t)).read_all() for name, t in found.to_tables().items()}
    again = Discovery.from_tables(stored_tables)
    texts = ["please refund the kettle", "my password does not work", "do you sell unicorns on mars"]
    assert assign(texts, again)[0] == assign(texts, found)[0]
    assert again.assignments.equals(found.assignments)
    assert assign(texts, again)[1].tolist() == assign(texts, found)[1].tolist()


def test_known_intents_keep_their_odds_and_new_ones_are_as_firm_as_all(three):
    table, _, found = three
    assert all(intent.firmness is not None for intent in found.intents)
    grown = discover(pa.concat_tables([table, requests(["invoice"], first_day=20, prefix="d")[0]]), known=found)
    assert grown.odds == found.odds
    known = {intent.intent_id: intent.firmness for intent in found.intents}
    assert {i.intent_id: i.firmness for i in grown.intents} == {
        i.intent_id: known.get(i.intent_id, 0.0) for i in grown.intents
    }
    assert len(grown.intents) > len(found.intents)


def test_how_sure_a_discovery_of_the_form_before_was_is_learnt_anew(three):
    table, _, found = three
    tables = found.to_tables()
    before = {
        "intents": tables["intents"].drop_columns(["firmness"]),
        "assignments": tables["assignments"].set_column(4, "confidence", pa.array([1.0] * table.num_rows)),
        "state": tables["state"].set_column(0, "version", pa.array([2], pa.int32())),
    }
    again = discover(table, known=Discovery.from_tables(tables | before))
    assert pa.compute.max(again.assignments["confidence"]).as_py() < 1
    assert all(intent.firmness is not None for intent in again.intents)
    was, now = (one.assignments["intent_id"].to_pylist() for one in (found, again))
    assert all(new == old for old, new in zip(was, now, strict=True) if old)


def test_how_sure_texts_are_does_not_depend_on_how_many_are_asked_about_together(three, monkeypatch):
    table, _, found = three
    monkeypatch.setattr(discovery, "_AT_ONCE", 7)
    assert discover(table, known=None).assignments.equals(found.assignments)


def _bytes(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_a_text_is_inside_its_intent_and_a_strange_one_inside_none(three):
    _, truth, found = three
    ids, confidence = assign(["refund the walnut desk please", "quantum chromodynamics lecture notes", ""], found)
    refunds = {i for i, s in zip(found.assignments["intent_id"].to_pylist(), truth, strict=True) if s == "refund"}
    assert ids[0] in refunds
    assert ids[1:] == [None, None]
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_what_too_few_people_ask_is_not_named():
    table, _ = requests(["refund", "password"])
    few, _ = requests(["invoice"], count=30, users=3, prefix="few")
    found = discover(pa.concat_tables([table, few]), known=None)
    assert all(i.users >= 5 for i in found.intents)
    held = found.assignments["intent_id"].to_pylist()[table.num_rows :]
    assert sum(i is not None for i in held) <= 8
    assert sum(g.size for g in found.gatherings) >= 20


def test_nothing_gives_nothing():
    found = discover(REQUEST_SCHEMA.empty_table(), known=None)
    assert found.intents == ()
    assert assign(["anything"], found)[0] == [None]
    blank = pa.Table.from_pylist([{"conversation_id": "c", "request": 0, "turn": 0, "text": ""}], REQUEST_SCHEMA)
    assert discover(blank, known=None).assignments["intent_id"].to_pylist() == [None]


def test_a_fitted_embedder_gives_the_same_vectors_after_storing():
    texts = requests(["refund", "parcel"])[0]["text"].to_pylist()
    embedder = Lexical()
    embedder.fit(texts)
    vectors = embedder.encode(texts)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
    again = stored(embedder.name, embedder.to_bytes())
    assert np.array_equal(again.encode(texts), vectors)
