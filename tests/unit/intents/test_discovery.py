"""Discovery over weeks: when intents begin, what stays when data grows, what is told of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from everyturn.errors import InputError, WorkspaceError
from everyturn.intents import Discovery, assign, discover
from request_world import START, SUBJECTS, discovered, requests_of, subject_of, world


@pytest.fixture(scope="module")
def requests():
    return world()


@pytest.fixture(scope="module")
def found():
    return discovered()


def subjects(discovery):
    """The commonest subject of each intent, and how many of its requests are of it."""
    counts = {}
    for row in discovery.assignments.to_pylist():
        counts.setdefault(row["intent_id"], Counter())[subject_of(row["conversation_id"])] += 1
    return {intent: count.most_common(1)[0] for intent, count in counts.items() if intent is not None}


def until(requests, week):
    return requests.filter(pc.less(requests["at"], pa.scalar(START + timedelta(weeks=week), requests["at"].type)))


def test_an_intent_began_in_the_week_its_subject_did(found):
    told = subjects(found)
    began = {told[intent.intent_id][0]: intent.first_seen for intent in found.intents}
    assert began == {subject: START + timedelta(weeks=3 if subject == "invoice" else 0) for subject in SUBJECTS}
    assert {event.kind for event in found.events} == {"born"}


def test_sizes_users_and_examples_are_those_of_the_assignments(found, requests):
    users = dict(zip(requests["conversation_id"].to_pylist(), requests["user_id"].to_pylist(), strict=True))
    for intent in found.intents:
        own = [r["conversation_id"] for r in found.assignments.to_pylist() if r["intent_id"] == intent.intent_id]
        assert intent.size == len(own)
        assert intent.users == len({users[conversation] for conversation in own})
        assert {conversation for conversation, _ in intent.examples} <= set(own)
        assert len(intent.examples) == len(set(intent.examples)) == 5
        assert len({users[conversation] for conversation, _ in intent.examples}) == 5


def test_labels_are_the_words_of_the_subject(found):
    told = subjects(found)
    for intent in found.intents:
        words = set(SUBJECTS[told[intent.intent_id][0]].replace("|", " ").split())
        assert set(intent.label.replace("/", "").split()) <= words


def test_week_by_week_every_assignment_stays_and_the_new_subject_is_born_once(requests):
    known = None
    for week in (3, 4, 5):
        now = discover(until(requests, week), known=known)
        if known is not None:
            before = dict(
                zip(
                    known.assignments["conversation_id"].to_pylist(),
                    known.assignments["intent_id"].to_pylist(),
                    strict=True,
                )
            )
            after = dict(
                zip(
                    now.assignments["conversation_id"].to_pylist(),
                    now.assignments["intent_id"].to_pylist(),
                    strict=True,
                )
            )
            assert all(after[c] == intent for c, intent in before.items() if intent is not None)
            labels = {intent.intent_id: intent.label for intent in now.intents}
            assert all(labels[intent.intent_id] == intent.label for intent in known.intents)
        known = now
    told = subjects(known)
    (invoice,) = [intent for intent, (subject, _) in told.items() if subject == "invoice"]
    (born,) = [event for event in known.events if event.intent_id == invoice]
    assert (born.kind, born.at) == ("born", START + timedelta(weeks=3))


def test_when_the_texts_double_the_groups_are_found_anew_and_the_ids_stay(requests):
    little = discovered(2)
    much = discover(requests, known=little)
    assert much.compared > little.compared
    old, new = subjects(little), subjects(much)
    assert {subject: intent for intent, (subject, _) in old.items()}.items() <= {
        subject: intent for intent, (subject, _) in new.items()
    }.items()


def test_intents_outlive_the_requests_they_were_found_in(found):
    other = world(weeks=6, seed=2)
    ids = [f"x-{c}" for c in other["conversation_id"].to_pylist()]
    renamed = other.set_column(0, "conversation_id", pa.array(ids))
    again = discover(renamed, known=found)
    kept = {intent.intent_id for intent in again.intents} & {intent.intent_id for intent in found.intents}
    assert len(kept) >= 4


def test_an_intent_nobody_asks_for_any_more_fades(requests):
    quiet = requests.filter(
        pc.or_(
            pc.invert(pc.starts_with(requests["conversation_id"], "report")),
            pc.less(requests["at"], pa.scalar(START + timedelta(weeks=1), requests["at"].type)),
        )
    )
    found = discover(quiet, known=None)
    (report,) = [intent for intent, (subject, _) in subjects(found).items() if subject == "report"]
    assert [event.kind for event in found.events if event.intent_id == report] == ["born", "faded"]


def test_requests_without_user_or_time_are_found_too(requests):
    bare = requests.set_column(3, "user_id", pa.nulls(requests.num_rows, pa.string()))
    bare = bare.set_column(4, "at", pa.nulls(requests.num_rows, bare.schema.field("at").type))
    found = discover(bare, known=None)
    assert len(found.intents) == 5
    assert all(intent.first_seen is None and intent.users == intent.size for intent in found.intents)


def test_a_few_buttons_pressed_by_many_are_an_intent_each():
    buttons = ("Track my parcel", "Talk to sales", "Reset password", "Opening hours", "Cancel subscription")
    at = datetime(2026, 3, 2, tzinfo=UTC)
    rows = [(f"c{i}-{j}", text, f"u{i}", at) for i in range(10) for j, text in enumerate(buttons)]
    found = discover(requests_of(rows), known=None)
    assert [intent.size for intent in found.intents] == [10] * 5


def test_requests_without_words_are_unclear():
    rows = [("c1", "", "u1", None), ("c2", "12345", "u2", None), ("c3", None, "u3", None)]
    found = discover(requests_of(rows), known=None)
    assert found.assignments["intent_id"].null_count == 3
    assert assign(["refund"], found)[0] == [None]


def test_a_discovery_of_another_version_is_refused(found):
    tables = found.to_tables()
    tables["state"] = tables["state"].set_column(0, "version", pa.array([99], pa.int32()))
    with pytest.raises(WorkspaceError) as error:
        Discovery.from_tables(tables)
    assert "everyturn discover" in str(error.value)
    tables = found.to_tables()
    tables["state"] = tables["state"].set_column(1, "embedder_name", pa.array(["other/1"]))
    with pytest.raises(InputError):
        assign(["refund"], Discovery.from_tables(tables))
