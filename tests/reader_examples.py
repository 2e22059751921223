"""Every reader with its examples, which its contract suites share: the blocks of its docstring and the captures in tests/golden/."""

from __future__ import annotations

import inspect
import sys
import textwrap
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import orjson
import pytest

from everyturn import registry
from everyturn.errors import InputError
from everyturn.model import Message, MessageRecords
from everyturn.model.exchange import decode_tool_calls
from everyturn.readers import KINDS, Reader
from everyturn.readers.batches import Batch
from everyturn.readers.driver import read_paths
from everyturn.readers.tables import SCHEMAS

NOW = datetime(2027, 1, 1, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
READERS: dict[str, Reader] = registry.find("readers", "READER")

every_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


def docstring_blocks(reader: Reader) -> list[bytes]:
    """The indented blocks of the reader's module docstring that are data: JSON, or rows under a header."""
    module = sys.modules[reader.read.__module__]
    paragraphs = (inspect.getdoc(module) or "").split("\n\n")
    blocks = [textwrap.dedent(p).strip() for p in paragraphs if p.startswith(("    ", "{", "["))]
    data = [b for b in blocks if "…" not in b and (b[0] in "{[" or ("," in b and " " not in b.split("\n")[0]))]
    return [b.encode() for b in data]


@cache
def captures() -> dict[str, list[bytes]]:
    """The files under tests/golden by the format that the driver recognises them as."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(GOLDEN.rglob("*")):
        if path.is_file() and not path.name.startswith(("SOURCE", "README", "expected", ".")):
            found.setdefault(format_of(path), []).append(path.read_bytes())
    return found


def format_of(path: Path) -> str:
    """The format of the first kind of data that knows the file, or ""."""
    for kind in KINDS:
        with suppress(InputError):
            for batch in read_paths([path], kind=kind, now=NOW):
                return batch.files[-1].format or ""
    return ""


def examples(name: str) -> list[bytes]:
    return [*docstring_blocks(READERS[name]), *captures().get(name, [])]


def load(path: Path, reader: Reader, *, named: str | None = None) -> list[Batch]:
    return list(read_paths([path], kind=reader.kind, format=named, now=NOW))


def account(batches: list[Batch]) -> None:
    """Every input record is data, or rejected, or skipped with a reason; and what is stored can be stored."""
    counts = {f.path: f for b in batches for f in b.files}
    for f in counts.values():
        assert f.records == f.data + f.rejected + sum(f.skipped.values()), f
        assert all(f.skipped), "a skipped record has a reason"
    rejected = [r for b in batches for r in b.rejected]
    assert sum(f.rejected for f in counts.values()) <= len(rejected)
    assert all(r.where and r.expected for r in rejected)
    for batch in batches:
        for kind, table in batch.tables.items():
            assert table.schema.equals(SCHEMAS[kind])
            table.validate(full=True)


def words_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def repeats(said: str, text: str, length: int = 20) -> bool:
    """Whether a stretch of what was said stands in the text. Field names, which may be said, are shorter."""
    return any(said[i : i + length] in text for i in range(len(said) - length + 1))


def messages_of(records: MessageRecords) -> list[Message]:
    """The messages one by one, without their own ids."""
    found = []
    for i, (role, content) in enumerate(zip(records.roles, records.contents, strict=True)):
        at, calls, call_id, name = (records.few.get(c, {}).get(i) for c in ("at", "tool_calls", "tool_call_id", "name"))
        found.append(Message(role, content, at, decode_tool_calls(orjson.loads(calls or "[]")), call_id, name))
    return found


def records_of(*messages: Message, **about) -> MessageRecords:
    """The messages as a reader gives them."""
    records = MessageRecords(**about)
    for message in messages:
        records.add(message)
    return records
