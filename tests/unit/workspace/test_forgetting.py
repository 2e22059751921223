"""What `forget` takes away, and what it says where there is nobody to forget."""

import json

import pytest

from everyturn.errors import UnknownName
from everyturn.workspace import Workspace

ADDRESS = "jo@shop.example"
TABLES = ("conversations", "messages", "requests", "observations", "assignments")


def chat(path):
    """Two users, one of them called by an address."""
    rows = [
        {"conversation_id": f"c{i}", "user_id": user, "messages": [
            {"role": "user", "content": f"where is parcel {i}", "at": f"2026-03-0{i + 1}T09:00:00Z"},
            {"role": "assistant", "content": "On its way.", "at": f"2026-03-0{i + 1}T09:00:05Z"}]}
        for i, user in enumerate((ADDRESS, ADDRESS, "u1"))
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("is_kept", [False, True], ids=["masked", "kept"])
def test_a_user_is_found_by_the_id_that_was_loaded(tmp_path, is_kept):
    with Workspace(":memory:") as ws:
        ws.load(chat(tmp_path / "c.jsonl"), keep_personal_data=is_kept)
        ws.discover()
        told = ws.forget(ADDRESS)
        assert (told["conversations"], told["user"] == ADDRESS) == (2, is_kept)
        left = [ws.database.rows(f"SELECT DISTINCT conversation_id FROM {name}") for name in TABLES]
        assert left == [[("c2",)]] * len(TABLES)


def test_where_nobody_has_the_id_it_says_so_and_keeps_all(tmp_path):
    with Workspace(":memory:") as ws:
        ws.load(chat(tmp_path / "c.jsonl"))
        ws.forget("u1")
        for unknown in ("u1", "nobody@shop.example"):
            with pytest.raises(UnknownName, match="no user of that id") as error:
                ws.forget(unknown)
            assert unknown not in str(error.value)
        assert ws.database.scalar("SELECT count(*) FROM conversations") == 2
