"""What the monitor listens to."""

import orjson

from everyturn import Workspace
from everyturn.analysis.panel import WORSE
from everyturn.workspace.hearing import hear


def test_only_signals_with_findings_of_their_own_are_monitored(tmp_path):
    said = ["no, that is wrong", "great, thanks", "you said that already, I give up"]
    rows = [
        {"conversation_id": f"c{i}", "user_id": f"u{i % 15}", "messages": [
            {"role": "user", "content": "where is my parcel", "at": f"2026-0{8 + i % 2}-{1 + i % 28:02d}T08:00:00Z"},
            {"role": "assistant", "content": "It is on its way to you, as I said.", "at": f"2026-0{8 + i % 2}-{1 + i % 28:02d}T08:00:02Z"},
            {"role": "user", "content": said[i % 3], "at": f"2026-0{8 + i % 2}-{1 + i % 28:02d}T08:01:00Z"},
            {"role": "assistant", "content": "It is on its way to you, as I said.", "at": f"2026-0{8 + i % 2}-{1 + i % 28:02d}T08:01:02Z"}]}
        for i in range(60)
    ]  # fmt: skip
    (tmp_path / "c.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with Workspace(":memory:") as ws:
        ws.load(tmp_path / "c.jsonl")
        ws.watch()
        observed = {row[0] for row in ws.database.rows("SELECT DISTINCT signal FROM observations")}
        heard = {name.split("@")[0] for name in hear(ws.database).answers["signal"].to_pylist()}
    assert observed > set(WORSE) & observed
    assert heard
    assert heard <= set(WORSE)
