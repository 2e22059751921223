"""The same captures with other words in them: what was said may be empty, long, repeated, in any script, or look like JSON.

The words are put in wherever the client recorded the old ones, in texts that hold JSON too. Captures that are bytes (protobuf, multipart)
are left out; what they carry is recorded as JSON in another.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

import golden.test_clients as clients
from everyturn.assemble import assemble
from everyturn.readers import BadRecord
from everyturn.readers.json_values import decode_json

OTHER_WORDS = {
    "Perfect, thanks a lot!": '{"text": "hi", "role": "user"}',
    "You are welcome! Enjoy the new tent.": "",
    "Our boots follow EU sizing. Please see the size chart on the product page.": "",
    "This is useless. Can I talk to a person?": "please " * 3_000,
    "Hi, my order NW-48213 should have been here on Friday. Where is it?": 'Où est-il? 在哪里\u2028 🎒\n\n<b>"q"</b> \\ ',
    "ok will do later": "Hmm. The stove in NW-50002 never worked though. Surely that is a warranty case?",
    "19 November, both on the same day.": '["a", {"content": "b"}]',
}


def records_of(file: Path) -> list | None:
    """The JSON values of a capture, whole or one a line; None for other bytes."""
    data = file.read_bytes()
    data = gzip.decompress(data) if file.suffix == ".gz" else data
    for texts in ([data], data.splitlines()):
        try:
            return [decode_json(text) for text in texts if text.strip()]
        except BadRecord:
            continue
    return None


def reworded(value: object) -> object:
    if isinstance(value, str):
        if value in OTHER_WORDS:
            return OTHER_WORDS[value]
        if value[:1] not in {"{", "[", '"'}:
            return value
        try:
            inner = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
        new = reworded(inner)
        return value if new == inner else orjson.dumps(new).decode()
    if isinstance(value, list):
        return [reworded(v) for v in value]
    return {k: reworded(v) for k, v in value.items()} if isinstance(value, dict) else value


def json_captures() -> dict[str, list[Path]]:
    found = {}
    for mode, several in clients.CAPTURES.items():
        for patterns in several:
            files = sorted(f for pattern in patterns.split() for f in (clients.HERE / mode).glob(pattern))
            if mode not in found and all(records_of(f) is not None for f in files):
                found[mode] = files
    return found


CAPTURES = json_captures()


def test_most_clients_are_here():
    assert len(CAPTURES) >= 20


@pytest.mark.parametrize("mode", CAPTURES)
def test_other_words_come_back_as_they_are(mode, tmp_path):
    files = []
    for file in CAPTURES[mode]:
        files.append(tmp_path / file.name.removesuffix(".gz"))
        files[-1].write_bytes(b"\n".join(orjson.dumps(reworded(record)) for record in records_of(file)))
    loaded = clients.load_files(files)
    assert loaded.rejected == []
    found = {c.conversation_id: c for c in assemble(loaded.spans, loaded.ratings)}
    expected = clients.expected(mode)
    assert sorted(found) == sorted(expected)
    for name, conversation in expected.items():
        said = [(m.role, OTHER_WORDS.get(m.content, m.content)) for m in conversation.messages if m.role != "tool"]
        assert [(m.role, m.content) for m in found[name].messages if m.role != "tool"] == said
