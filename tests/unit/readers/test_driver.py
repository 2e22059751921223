"""The driver: what becomes of files good and bad."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from everyturn.errors import InputError, UnknownFormat, UnknownName
from everyturn.model import Message
from everyturn.readers import Context, Reader, ReadOptions, Sample, Skipped, recognise
from everyturn.readers.driver import read_paths
from reader_examples import records_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def chat(number: int, text: str = "hello", **more) -> bytes:
    record = {"conversation_id": f"c{number}", "user_id": "u1", "messages": [{"role": "user", "content": text}], **more}
    return orjson.dumps(record)


GOOD = chat(1) + b"\n" + chat(2) + b"\n"


class Loaded:
    """All batches of a load, joined."""

    def __init__(self, *paths, **options):
        self.batches = list(read_paths(paths, now=NOW, **options))
        self.rejected = [r for b in self.batches for r in b.rejected]
        self.files = {f.path: f for b in self.batches for f in b.files}
        tables = [b.tables["messages"] for b in self.batches if "messages" in b.tables]
        self.messages = pa.concat_tables(tables).to_pylist() if tables else []

    @property
    def ids(self):
        return [m["conversation_id"] for m in self.messages]

    @property
    def only_file(self):
        (file,) = self.files.values()
        assert file.records == file.data + file.rejected + sum(file.skipped.values())
        return file


@pytest.fixture
def file(tmp_path):
    def write(data: bytes, name: str = "f"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write


# --- what cannot be read at all ----------------------------------------------------------------------------------


def test_a_missing_path_is_said_before_anything_is_read(file, tmp_path):
    with pytest.raises(InputError, match="no such file") as error:
        Loaded(file(GOOD), tmp_path / "gone.jsonl")
    assert error.value.where == str(tmp_path / "gone.jsonl")


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", gzip.compress(b""), zstandard.compress(b"")])
def test_one_empty_file_is_an_error(file, data):
    with pytest.raises(InputError, match="the file is empty"):
        Loaded(file(data))


def test_an_empty_file_among_others_is_one_rejected_record(file):
    loaded = Loaded(file(b"", "a"), file(GOOD, "b"))
    assert loaded.ids == ["c1", "c2"]
    assert [(r.where[-1], r.expected, r.found) for r in loaded.rejected] == [
        ("a", "at least one record", "an empty file")
    ]


def test_one_file_of_unknown_format_says_what_is_known_and_what_to_try(file):
    path = file(b'{"data": {"secret words": 1}, "meta": 2}', "day1.json")
    with pytest.raises(UnknownFormat) as error:
        Loaded(path)
    assert "(40 bytes, an object with the keys data, meta)" in error.value.where
    assert "chat" in error.value.expected
    assert error.value.try_ == "everyturn list formats"


@pytest.mark.parametrize(
    "data",
    [
        b"A letter.\n\nDear reader,\n",
        b"Dear reader, how are you\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + bytes(50),
        b"a" * 3_000_000,
    ],
)
def test_text_and_bytes_without_records_are_of_unknown_format(file, data):
    with pytest.raises(UnknownFormat, match="cannot tell"):
        Loaded(file(data))


def test_the_error_for_an_unknown_layout_shows_the_layout_to_turn_it_into(file):
    with pytest.raises(UnknownFormat, match="cannot tell") as error:
        Loaded(file(b'{"chats": {"log": [{"from": "visitor", "body": "hello"}]}}'))
    assert error.value.expected.endswith(
        "CSV or JSON Lines with one row for each message: conversation_id, user_id, role, content, at"
    )
    assert error.value.try_ == "everyturn list formats"


def test_the_error_for_a_row_without_its_id_says_how_to_name_the_field_that_holds_it(file):
    (rejected,) = Loaded(file(b"session,user,role,text\ns1,u1,user,hello\n")).rejected
    assert rejected.expected == "conversation_id: an id; another field is named by --conversation-id FIELD"
    assert rejected.found == "an object with the keys session, user, role, text"


def test_records_of_another_kind_are_recognised_as_such(file):
    path = file(b"at,user_id,kind\n2026-01-01,u1,copied\n")
    with pytest.raises(UnknownFormat, match="these look like actions, not conversations") as error:
        Loaded(path)
    assert error.value.try_ == f"everyturn load {path} --as actions"


def test_a_folder_is_walked_in_order_without_hidden_files_and_unknown_ones_are_rejected(file, tmp_path):
    file(chat(3), "folder/b/x.log")
    file(chat(2), "folder/a.jsonl")
    file(chat(9), "folder/.hidden/x.jsonl")
    file(chat(9), "folder/.x.jsonl")
    file(b"A letter.\n", "folder/README.md")
    loaded = Loaded(tmp_path / "folder")
    assert loaded.ids == ["c2", "c3"]
    (rejected,) = loaded.rejected
    assert rejected.where.endswith("README.md")
    assert rejected.expected.startswith("a known format: ")
    assert [f.rejected for f in loaded.files.values()] == [1, 0, 0]


def test_a_file_met_twice_is_read_once(file, tmp_path):
    path = file(GOOD)
    (tmp_path / "link").symlink_to(path)
    assert Loaded(path, path, tmp_path, tmp_path / "link").ids == ["c1", "c2"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(file):
    path = file(GOOD)
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        Loaded(path)


def test_names_of_formats_are_checked(file):
    with pytest.raises(UnknownName) as error:
        Loaded(file(GOOD), format="chatt")
    assert error.value.try_ == "--format chat"
    with pytest.raises(InputError, match="gives actions, not conversations") as error:
        Loaded(file(GOOD), format="actions")
    assert error.value.try_ == "--as actions"


def test_the_format_given_overrides_the_content(file):
    loaded = Loaded(file(b'{"role": "user", "content": "hi", "conversation_id": "c1"}'), format="chat")
    assert loaded.only_file.format == "chat"
    assert [r.expected for r in loaded.rejected] == ["messages: a list of at least one message"]


# --- bad records among good ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (b'{"messages": [{"role": "us', "one whole JSON value"),
        (b'{"messages": secret words}', "one JSON value"),
        (b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}', "UTF-8 text"),
        (b"[" * 100_000, "JSON nested less than a thousand levels deep"),
        (b'{"a":' * 100_000, "JSON nested less than a thousand levels deep"),
        (b'"words"', "an object with a list of messages"),
        (b'{"messages": []}', "messages: a list of at least one message"),
        (b'{"messages": [{"role": "wizard", "content": "x"}]}', "messages[0].role: one of"),
        (b'{"messages": [{"role": "user", "content": 7}]}', "messages[0].content: a text, a list of parts or null"),
        (chat(7, created_at="2031-01-01"), "started_at: a time up to now"),
        (chat(7, created_at="01/02/2026"), "started_at: a time such as"),
        (chat(7, user_id={"id": [1]}), "user_id: an id"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_line_is_rejected_with_its_number_and_the_others_are_loaded(file, bad, expected, place):
    lines = [chat(1), chat(2)]
    lines.insert(place, bad)
    loaded = Loaded(file(b"\n".join(lines)))
    assert loaded.ids == ["c1", "c2"]
    (rejected,) = loaded.rejected
    assert rejected.where.endswith(f"f:{place + 1}")
    assert rejected.expected.startswith(expected)
    assert "words" not in rejected.found
    assert loaded.only_file.records == 3


def test_times_from_before_such_agents_existed_are_rejected(file):
    message = {"role": "user", "content": "x", "at": 12}
    loaded = Loaded(file(orjson.dumps({"conversation_id": "c1", "messages": [message, message]})))
    assert [(r.expected, r.found) for r in loaded.rejected] == [("at: a time since 1990", "1970-01-01T00:00:12+00:00")]
    assert loaded.messages == []


def test_a_clock_a_few_hours_ahead_is_believed(file):
    assert Loaded(file(chat(1, at="2026-06-01T20:00:00Z"))).ids == ["c1"]


def test_stop_ends_the_load_at_the_first_bad_record(file):
    with pytest.raises(InputError, match="could not be read") as error:
        Loaded(file(GOOD + b'{"messages": 1}\n'), options=ReadOptions(on_bad="stop"))
    assert error.value.where.endswith("f:3")
    assert error.value.expected == "messages: a list of at least one message (found: a number)"


def test_nan_lone_surrogates_and_nul_are_stored(file):
    line = b'{"conversation_id": "c1", "score": NaN, "big": 123456789012345678901234567890, "messages": [{"role": "user", "content": "a\\ud800b\\u0000c"}]}'
    loaded = Loaded(file(line))
    assert loaded.messages[0]["content"] == "a\ufffdb\x00c"
    assert orjson.loads(loaded.messages[0]["attributes"]) == {"big": "1.2345678901234568e+29"}


def test_values_too_deep_to_store_are_rejected(file):
    deep: object = "x"
    for _ in range(400):
        deep = {"a": deep}
    call = {"id": "t", "function": {"name": "f", "arguments": deep}}
    loaded = Loaded(
        file(
            orjson.dumps({"conversation_id": "c", "messages": []}).replace(b"[]", b"[%s]")
            % _dumps({"role": "assistant", "tool_calls": [call]})
        )
    )
    assert [r.expected for r in loaded.rejected] == ["values nested up to 250 levels deep"]


def _dumps(value) -> bytes:
    import json

    return json.dumps(value).encode()


def test_damaged_packing_keeps_what_could_be_unpacked(file):
    lines = b"\n".join(chat(i, "x" * 50) for i in range(2000)) + b"\n"
    for packed in (gzip.compress(lines), zstandard.compress(lines)):
        loaded = Loaded(file(packed[: len(packed) * 3 // 4]))
        assert loaded.rejected[-1].found == "compressed data that ends early"
        assert len(loaded.ids) > 900
        assert loaded.ids == [f"c{i}" for i in range(len(loaded.ids))]
        assert loaded.only_file.rejected == len(loaded.rejected)
    corrupt = bytearray(gzip.compress(random.Random(7).randbytes(50_000)))
    corrupt[20_000] ^= 0xFF
    with pytest.raises(InputError):
        Loaded(file(bytes(corrupt)))
    assert Loaded(file(b"\x1f\x8b" + b"junk" * 9)).rejected[0].found == "damaged compressed data"


# --- layouts -----------------------------------------------------------------------------------------------------


def test_a_cut_list_loads_its_whole_items_and_says_that_it_was_cut(file):
    data = b"[\n" + chat(1) + b",\n" + chat(2)
    between = Loaded(file(data + b","))
    assert between.ids == ["c1", "c2"]
    assert [(r.where[-2:], r.expected) for r in between.rejected] == [(":3", "] at the end of the list")]
    inside = Loaded(file(data + b',\n{"messages": [{"role": "user", "conte'))
    assert inside.ids == ["c1", "c2"]
    assert [(r.where[-9:], r.expected) for r in inside.rejected] == [(":4 item 3", "one whole JSON value")]


def test_a_bad_item_of_a_pretty_list_is_rejected_with_its_line(file):
    items = [chat(1), b'{\n  "messages": [\n   oops]\n}', chat(2)]
    loaded = Loaded(file(b"[\n  " + b",\n  ".join(items) + b"\n]\n"))
    assert loaded.ids == ["c1", "c2"]
    assert [r.where[-9:] for r in loaded.rejected] == [":3 item 2"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"data": [\n' + chat(1) + b",\n" + chat(2) + b"\n]}",
        b'{"data":\n[\n' + chat(1) + b"\n,\n" + chat(2) + b"\n]\n}\n",
        b"[" + chat(1) + b",\n" + chat(2) + b"]",
        b"[\n" + chat(1) + b"\n]\n[\n" + chat(2) + b"\n]",
        b"[" + chat(1) + b"]\n[" + chat(2) + b"]\n",
        b" \n\n" + chat(1) + b"\n \n" + chat(2),
        chat(1) + chat(2),
    ],
)
def test_records_may_be_laid_out_in_any_way(file, data):
    loaded = Loaded(file(data))
    assert loaded.ids == ["c1", "c2"]
    assert loaded.rejected == []


def test_a_file_that_begins_inside_a_record_is_read_from_the_next_on(file):
    assert Loaded(file(chat(9)[30:] + b"\n" + GOOD)).ids == ["c1", "c2"]
    assert Loaded(file(b'{"messages": [{"role": "user",\n' + GOOD)).ids == ["c1", "c2"]


def test_a_file_with_any_name_can_be_said(file, tmp_path):
    path = os.fsencode(tmp_path) + b"/day\xff"
    with open(path, "wb") as f:  # noqa: PTH123 - the name is no text
        f.write(GOOD + b"bad\n")
    loaded = Loaded(tmp_path)
    assert loaded.ids == ["c1", "c2"]
    assert loaded.rejected[0].where.endswith("day\\udcff:3")


def test_a_pipe_can_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["sh", "-c", 'printf "%s" "$0" > "$1"', GOOD.decode(), tmp_path / "pipe"])
    assert Loaded(tmp_path / "pipe").ids == ["c1", "c2"]
    assert writer.wait() == 0


def test_more_closing_brackets_than_opening_ones_end_the_reading_of_a_list(file):
    loaded = Loaded(file(b"[" + chat(1) + b"]\n]]]" + chat(2)))
    assert loaded.ids == ["c1"]
    assert len(loaded.rejected) == 1


@pytest.mark.parametrize(
    "data", [b"[]", b'{"data": []}', b'{"data": []}\n{"data": [], "page": 2}\n', b"at,user_id,kind\n", b"[\n]\n"]
)
def test_an_export_without_records_is_no_error(file, data):
    assert Loaded(file(data)).messages == []


def test_empty_pages_before_the_first_record_do_not_hide_it(file):
    loaded = Loaded(file(b'{"data": []}\n' * 30 + b'{"data": [' + chat(1) + b"]}\n"))
    assert loaded.ids == ["c1"]
    assert loaded.only_file.skipped == {"an empty page": 30}


def test_csv_rows_spread_over_lines_and_bad_ones_are_rejected_alone(file):
    rows = (
        'conversation_id,role,content\r\nc1,user,"one\ntwo, ""three"""\r\n\r\n'
        'c2,user\r\nc3,user,"never closed\r\nc4,user,five\r\nc5,user,\xff\r\nc6,user,six\r\n'
    ).encode("latin-1")
    loaded = Loaded(file(rows))
    assert [(m["conversation_id"], m["content"]) for m in loaded.messages] == [
        ("c1", 'one\ntwo, "three"'),
        ("c4", "five"),
        ("c6", "six"),
    ]
    assert [(r.where.rpartition(":")[2], r.expected) for r in loaded.rejected] == [
        ("5", "3 cells, as the header has"),
        ("6", "a CSV row with its quotes in pairs (RFC 4180)"),
        ("8", "UTF-8 text"),
    ]


def test_parquet_rows_of_every_type_and_a_damaged_file(file, tmp_path):
    path = tmp_path / "p"
    table = pa.table(
        {
            "conversation_id": pa.array([1, 2], pa.int64()),
            "role": pa.array(["user", "user"]).dictionary_encode(),
            "content": ["a", "b"],
            "at": pa.array([1_750_000_000_123_456_789, None], pa.timestamp("ns")),
            "price": pa.array([1.5, float("nan")]),
            "labels": pa.array([{"k": "v"}, None], pa.map_(pa.string(), pa.string())),
            "tags": pa.array([["x", "y"], []]),
            "raw": pa.array([b"ok", b"\xff"]),
        }
    )
    pq.write_table(table, path)
    loaded = Loaded(path)
    (message,) = loaded.messages
    assert message["conversation_id"] == "1"
    assert message["at"] == datetime(2025, 6, 15, 15, 6, 40, 123456, tzinfo=UTC)
    assert orjson.loads(message["attributes"]) == {"price": "1.5", "tags": '["x","y"]', "raw": "ok"}
    assert [(r.where[-5:], r.expected) for r in loaded.rejected] == [("row 2", "UTF-8 text")]
    broken = Loaded(file(path.read_bytes()[:-20]))
    assert [r.expected for r in broken.rejected] == ["a whole Parquet file"]


def test_messages_may_stand_as_text_in_a_table(file):
    rows = b'id,user,messages\nc1,u1,"[{""role"":""user"",""content"":""hi""}]"\n'
    assert Loaded(file(rows)).messages[0]["content"] == "hi"


# --- counting ----------------------------------------------------------------------------------------------------


def test_record_numbers_rise_over_all_files(file):
    loaded = Loaded(file(chat(1) + b"\nbad\n" + chat(2), "a"), file(chat(3), "b"))
    assert [m["record"] for m in loaded.messages] == [0, 2, 3]
    assert [m["where"].rpartition("/")[2] for m in loaded.messages] == ["a:1", "a:3", "b:1"]


def test_batches_are_bounded_and_the_latest_count_is_the_whole(file):
    lines = b"\n".join(chat(i, "x" * 100_000) for i in range(200))
    loaded = Loaded(file(lines))
    assert len(loaded.batches) >= 2
    assert all(b.tables["messages"].nbytes < 10_000_000 for b in loaded.batches)
    assert loaded.only_file.data == 200
    assert loaded.only_file.bytes_read == len(lines)
    read = [b.files[0].bytes_read for b in loaded.batches]
    assert read == sorted(read)


def test_nothing_is_unread_when_a_reader_gives_odd_things(file, monkeypatch):
    def read(record, context: Context):
        if record["n"] == 0:
            raise KeyError("secret words")
        if record["n"] == 1:
            yield Skipped("a part")
        if record["n"] == 2:
            yield records_of(Message("user", "x"), conversation_id=7)  # an id of the wrong type
        if record["n"] == 3:
            yield records_of(Message("user", "x\ud800"), conversation_id="c")
        if record["n"] == 4:
            yield records_of(Message("user", "never counted"), conversation_id="c")
            raise RecursionError

    odd = Reader("odd", "conversations", "", lambda sample: float(isinstance(sample.records[0], dict)), read)
    monkeypatch.setattr(recognise.registry, "find", lambda *_: {"odd": odd})
    loaded = Loaded(file(b"\n".join(b'{"n": %d}' % i for i in range(6))))
    assert [m["content"] for m in loaded.messages] == ["x\ufffd"]
    assert [(r.where[-2:], r.found) for r in loaded.rejected] == [
        (":1", "reader failed (KeyError)"),
        (":5", "deeper nesting"),
        (":3", "reader failed (ArrowTypeError)"),
    ]
    assert loaded.only_file.skipped == {"a part": 1, "nothing to read in it": 1}


def test_a_reader_that_fails_on_a_sample_does_not_know_it(monkeypatch):
    bad = Reader("bad", "conversations", "", lambda sample: 1 / 0, lambda record, context: ())
    assert recognise.recognise(Sample(({},)), [bad]) is None


def test_a_binary_format_is_decoded_whole(file, monkeypatch):
    def looks_like(sample: Sample) -> float:
        return float(sample.head.startswith(b"\x00BIN"))

    def decode(data: bytes):
        return [{"text": part.decode()} for part in data[4:].split(b"\x00")]

    def read(record, context):
        yield records_of(Message("user", record["text"]), conversation_id="c")

    monkeypatch.setattr(
        recognise.registry, "find", lambda *_: {"bin": Reader("bin", "conversations", "", looks_like, read, decode)}
    )
    for data in (b"\x00BINa\x00b", gzip.compress(b"\x00BINa\x00b")):
        loaded = Loaded(file(data))
        assert [m["content"] for m in loaded.messages] == ["a", "b"]
        assert loaded.only_file.format == "bin"
    assert [r.found for r in Loaded(file(b"\x00BIN\xff")).rejected] == ["reader failed (UnicodeDecodeError)"]
    monkeypatch.setattr(recognise, "RECORD_LIMIT", 10)
    assert [r.found for r in Loaded(file(b"\x00BIN" + bytes(50))).rejected] == ["one of 54 bytes"]


# --- bounds ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_long_lines_bombs_and_endless_quotes_cost_no_memory(tmp_path):
    """Peak memory of a process that reads each, against one that reads nothing."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from datetime import UTC, datetime
        from everyturn.readers.driver import read_paths
        for batch in read_paths(sys.argv[1:], now=datetime(2026, 6, 1, tzinfo=UTC)):
            print(*(f"{r.where.rpartition('/')[2]} {r.found}" for r in batch.rejected), sep="\\n")
            print(sum(f.data for f in batch.files), "read")
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        print(int(peak.split()[1]) // 1024)
        """
    )
    good = chat(1) + b"\n" + chat(2) + b"\n"
    (tmp_path / "0").write_bytes(good)
    with (tmp_path / "line").open("wb") as f:
        f.write(good + b'{"messages": "')
        for _ in range(100):
            f.write(b"a" * 1_000_000)
        f.write(b'"}\n' + chat(3) + b"\n")
    with gzip.open(tmp_path / "bomb", "wb", compresslevel=1) as f:
        f.write(good + b'{"messages": "')
        for _ in range(10):
            f.write(b"a" * 10_000_000)
    with (tmp_path / "list").open("wb") as f:
        f.write(b"[" + chat(1) + b",")
        f.write(b"[" * 70_000_000)
        f.write(b"\n" + chat(2) + b"\n" + chat(3))
    with (tmp_path / "csv").open("wb") as f:
        f.write(b'conversation_id,role,content\nc1,user,hi\nc2,user,"')
        for _ in range(700):
            f.write(b"a" * 100_000 + b"\n")
        f.write(b"c3,user,good\n")

    def run(name):
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / name], capture_output=True, text=True, check=True
        )
        *said, peak = done.stdout.split()
        return " ".join(said), int(peak)

    _, usual = run("0")
    for name, words, limit in (
        ("line", "line:3 one of 100,000,016 bytes 3 read", 110),
        ("bomb", "bomb:3 one of 100,000,014 bytes 2 read", 110),
        ("list", "list:1 item 2 deeper nesting 3 read", 110),
        ("csv", "csv:3 one without csv:4 1 cells", 400),  # the parser holds 4 bytes a character
    ):
        said, peak = run(name)
        assert said.startswith(words), said
        assert peak - usual < limit, f"{name} took {peak - usual} MiB"
