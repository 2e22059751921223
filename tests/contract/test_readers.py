"""What every reader must do. A new reader is found here by itself; its examples are its docstring's blocks and the captures in tests/golden/."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everyturn.errors import InputError
from everyturn.readers import BadRecord, Context, Sample, SkipRecord
from reader_examples import NOW, account, every_reader, examples, load, repeats, words_of


@every_reader
def test_has_an_example(reader):
    assert examples(reader.name), (
        f"add a capture of {reader.name} to tests/golden/, or a block of data to its docstring"
    )


@every_reader
def test_every_record_of_its_examples_is_read(reader, tmp_path):
    for i, example in enumerate(examples(reader.name)):
        path = tmp_path / f"{i}"
        path.write_bytes(example)
        batches = load(path, reader)
        account(batches)
        assert [r for b in batches for r in b.rejected] == []
        assert {f.format for b in batches for f in b.files} <= {reader.name, "capture"}
        assert any(f.data or f.skipped for b in batches for f in b.files) or reader.name == "capture"


@every_reader
def test_the_same_bytes_give_the_same_tables(reader, tmp_path):
    for i, example in enumerate(examples(reader.name)):
        path = tmp_path / f"{i}"
        path.write_bytes(example)
        first, second = load(path, reader), load(path, reader)
        assert [b.tables for b in first] == [b.tables for b in second]


@every_reader
@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "x", [], [[]], [None], {}, {"messages": 1}, {"data": {}}, {"a": {"b": [1, "c"]}}]
)
def test_odd_values_are_refused_with_words(reader, value, tmp_path):
    assert 0 <= reader.looks_like(Sample((value,))) <= 1
    assert 0 <= reader.looks_like(Sample((value,), endpoint="/v1/traces")) <= 1
    path = tmp_path / "odd.jsonl"
    path.write_bytes(orjson.dumps(value) + b'\n{"role": 7}\n')
    batches = load(path, reader, named=reader.name)
    account(batches)
    assert all("reader failed" not in r.found for b in batches for r in b.rejected), batches[0].rejected


@every_reader
def test_nothing_to_judge_by_is_no_format(reader):
    assert reader.looks_like(Sample(())) < 0.5
    assert reader.looks_like(Sample((), b"\x00\xff\x00 plain nonsense \x01", is_whole=True)) < 0.5


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """The data cut, with bytes changed, stretches doubled or dropped."""
    out = bytearray(data[:20_000])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(out) - 1)))
        match draw(st.sampled_from(["cut", "flip", "drop", "double", "insert"])):
            case "cut":
                del out[at:]
            case "flip" if out:
                out[at] = draw(st.integers(0, 255))
            case "drop":
                del out[at : at + draw(st.integers(1, 40))]
            case "double":
                out[at:at] = out[at : at + draw(st.integers(1, 200))]
            case _:
                out[at:at] = draw(
                    st.sampled_from(
                        [b"\n", b'"', b"\\", b"{", b"]", b",", b"\x00", b"\xff", b"NaN", b'"\\ud800"', b"\xef\xbb\xbf"]
                    )
                )
    return bytes(out)


@every_reader
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_hostile_bytes_are_accounted_for_and_never_repeated(reader, data, tmp_path_factory):
    original = data.draw(st.sampled_from(examples(reader.name) or [b"{}"]))
    bad = data.draw(st.one_of(damaged(original), st.binary(max_size=300)))
    path = tmp_path_factory.mktemp("hostile") / "f"
    path.write_bytes(bad)
    text = words_of(bad)
    for named in (None, reader.name):
        try:
            batches = load(path, reader, named=named)
            said = []
        except InputError as error:
            batches, said = [], [error.what]
        account(batches)
        rejected = [r for b in batches for r in b.rejected]
        assert [r for r in rejected if "reader failed" in r.found] == []
        assert [s for s in (*said, *(r.found for r in rejected)) if repeats(s, text)] == []


@every_reader
def test_reading_is_pure(reader, tmp_path):
    """One decoded record gives the same records whenever it is read, and is left as it was."""
    for example in examples(reader.name):
        try:
            value = orjson.loads(example)
        except orjson.JSONDecodeError:
            continue
        before = orjson.dumps(value)
        context = Context(0, "f:1", NOW)
        with suppress(BadRecord, SkipRecord):  # a page or a list is no record; the driver takes it apart
            assert list(reader.read(value, context)) == list(reader.read(value, context))
        assert orjson.dumps(value) == before
