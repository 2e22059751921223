"""Conversations to read: those of all intents at once are those of each intent by itself."""

import csv

import pytest

from everyturn.engines import evidence
from everyturn.workspace import Workspace

FIELDS = ("conversation_id", "user_id", "started_at", "intent", "accepted")


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    path = tmp_path_factory.mktemp("evidence") / "outcomes.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(FIELDS)
        for i in range(120):
            user = f"u{i % 11}" if i % 13 else ""
            day = f"2026-03-{1 + i % 5:02d}T00:00:00Z" if i % 17 else ""
            rows.writerow((f"c{i * 37 % 120:03d}", user, day, f"topic {i % 4}", int(i % 3 == 0 or i % 4 == 3)))
    with Workspace(":memory:") as workspace:
        workspace.load(path, as_="outcomes")
        workspace.gap()
        yield workspace


def test_all_intents_at_once_are_each_by_itself(ws):
    db = ws.database
    found = evidence.examples_by_intent(db, limit=3)
    intents = [row[0] for row in db.rows("SELECT DISTINCT intent_id FROM turn_intents ORDER BY intent_id")]
    assert len(intents) == 4
    for intent_id in intents:
        bad = {"intent_id": intent_id, "signal": "acceptance", "value": 0}
        assert found.get(intent_id, []) == evidence.examples(db, bad, limit=3)
    assert {len(ids) for ids in found.values()} == {3}
    assert len(found) == 3  # everyone accepted what they got of one topic
