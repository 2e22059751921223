"""Conversations cut into fragments: each once, whole, in order; and answered alike in one process or several."""

import functools
import json
import operator

import pytest

from everyturn.engines import fragments as module
from everyturn.engines.fragments import fragments
from everyturn.workspace import Workspace, observing


@pytest.fixture
def ws(tmp_path):
    with (tmp_path / "chat.jsonl").open("w") as f:
        for i in range(150):
            turns = [
                [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n}"}]
                for n in range(i % 7)
            ]
            thanks = [{"role": "user", "content": "thanks, perfect" if i % 2 else "no, that is wrong"}]
            record = {
                "conversation_id": f"c{i:03}é",
                "user_id": f"u{i % 20}",
                "messages": functools.reduce(operator.iadd, turns, []) + thanks,
            }
            f.write(json.dumps({**record, "feedback": [{"name": "thumb", "value": i % 2, "turn": 0}]}) + "\n")
    with Workspace(tmp_path / "w.db") as workspace:
        workspace.load(tmp_path / "chat.jsonl")
        yield workspace


@pytest.mark.parametrize(("conversations", "messages"), [(2_000, 50_000), (10, 50_000), (2_000, 1), (1, 1), (40, 33)])
def test_every_conversation_comes_once_and_whole(ws, monkeypatch, conversations, messages):
    whole = [c for f in fragments(ws.database) for c in f.conversations()]
    monkeypatch.setattr(module, "CONVERSATIONS", conversations)
    monkeypatch.setattr(module, "MESSAGES", messages)
    cut = list(fragments(ws.database))
    assert [c for f in cut for c in f.conversations()] == whole
    assert all(len(f) <= conversations for f in cut)
    assert all(len(f) == 1 or f.messages.num_rows <= messages for f in cut)
    assert sum(f.messages.num_rows for f in cut) == ws.database.scalar("SELECT count(*) FROM messages")
    assert sum(f.feedback.num_rows for f in cut) == 150


def test_only_those_asked_for_come(ws):
    ws.database.run("CREATE TABLE wanted AS SELECT conversation_id FROM conversations WHERE conversation_id < 'c010'")
    assert [c.conversation_id for f in fragments(ws.database, among="wanted") for c in f.conversations()] == [
        f"c{i:03}é" for i in range(10)
    ]


def test_several_processes_give_what_one_gives(ws, monkeypatch):
    monkeypatch.setattr(module, "CONVERSATIONS", 20)
    names = ["acceptance", "complaint", "feedback"]
    alone = list(observing.ask_all(fragments(ws.database), names, total=150))
    monkeypatch.setattr(observing, "SPREAD", 40)
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    together = list(observing.ask_all(fragments(ws.database), names, total=150))
    assert len(alone) == 8
    assert together == alone
