"""The same captures through the workspace, as a user loads them: a folder, again, and file by file in any order."""

from __future__ import annotations

import random

import pytest

from everyturn.engines import evidence
from everyturn.workspace import Workspace

from .test_clients import HERE, NOW, compared, expected

MODES = [
    "openinference/phoenix-annotations",
    "openllmetry/0.62",
    "vercel-ai-sdk/otlp-json",
    "mlflow/store",
    "mlflow/otlp",
    "openai-agents/native-chat",
]


_IDS = "SELECT conversation_id FROM conversations"


def stored(ws):
    return {name: compared(evidence.several(ws.database, [name])[name]) for (name,) in ws.database.rows(_IDS)}


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_loads_once_however_often_and_in_whatever_order(mode):
    played = {name: compared(c) for name, c in expected(mode).items()}
    with Workspace(":memory:") as ws:
        for _ in range(2):
            result = ws.load(HERE / mode, now=NOW, keep_personal_data=True)
            assert (result["rejected"], result["conversations"]) == ([], 4)
            assert stored(ws) == played
    files = sorted((HERE / mode).iterdir(), reverse=True)
    random.Random(7).shuffle(files)
    with Workspace(":memory:") as ws:
        for file in files:
            ws.load(file, now=NOW, keep_personal_data=True)
        assert stored(ws) == played


@pytest.mark.parametrize(
    ("mode", "calls", "wordless", "without_id"),
    [
        ("otel-genai/nocontent", 23, 23, 0),
        ("otel-genai/event", 23, 0, 0),
        ("openai-agents/native-responses", 23, 23, 0),
        ("mlflow/otlp", 23, 0, 4),
    ],
)
def test_a_load_says_what_the_spans_lack(mode, calls, wordless, without_id):
    with Workspace(":memory:") as ws:
        result = ws.load(HERE / mode, now=NOW)
    assert (result["model_calls"], result["without_content"], result["without_conversation_id"]) == (
        *(calls, wordless),
        without_id,
    )
