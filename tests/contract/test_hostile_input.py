"""What no reader may do whatever it is given: fail, lose a record, or repeat a text. The damage is listed, not drawn, and the same each run.

Each reader faces its smallest example cut at every byte, and those of its other shapes (a table, a page, bytes packed or not) cut at
`_SOME` places; the same with bits flipped; and its records with wrong, huge and nested values at every field, with fields
left out and unknown ones added. Where a list is longer than its bound, evenly spaced members stand for all.
"""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from everyturn.readers import BadRecord, Context, Reader, ReadOptions, SkipRecord
from everyturn.readers.batches import Batch
from everyturn.readers.driver import read_paths, read_record
from everyturn.readers.framing import text_records
from everyturn.readers.otlp import READER as OTLP
from everyturn.readers.recognise import recognise_records
from everyturn.readers.source import Source
from reader_examples import NOW, account, every_reader, examples, repeats, words_of

_MOST = 1_200  # damaged files of the smallest example, and of each other
_SOME = 200
_MOST_FIELDS = 250  # of one reader's examples together; their kinds repeat in longer ones
_LARGEST = 12_000  # bytes of an example that is read so often

Path_ = tuple[str | int, ...]
_NOTHING = object()

WRONG = (
    *(
        None,
        True,
        -1,
        0,
        1.5,
        2**63 - 1,
        -(2**63),
        1e308,
        "",
        "x",
        "2026-13-45T99:99:99Z",
        "1e400",
        "\x00",
        "🎒",
        [],
        {},
    ),
    *([None], [[]], [{}], {"": ""}, {"a": 1}, [1, "a", None], '{"a": [', "[1, 2", "9" * 40, "x" * 600),
)


# --- examples ---------------------------------------------------------------------------------------------------------


def unpacked(data: bytes) -> bytes:
    source = Source(io.BytesIO(data))
    out = b""
    while chunk := source.read():
        out += chunk
    return out


def smallest(reader: Reader) -> list[bytes]:
    """The reader's smallest example of each shape: JSON, a table, bytes that are neither, and packed ones as they are."""
    found: dict[object, bytes] = {}
    for example in sorted(examples(reader.name), key=len):
        plain = unpacked(example)
        if len(plain) > _LARGEST:
            continue
        shape = plain[:1] if plain[:1] in b"{[" else "table" if plain[:1].isalpha() else "bytes"
        found.setdefault(shape, plain)
        if plain != example:
            found.setdefault(example[:2], example)
    return list(found.values())


def values_of(reader: Reader) -> list:
    """The decoded records of its examples, pages taken apart, one of each set of fields, the small ones first."""
    found: dict[object, object] = {}
    for example in sorted(examples(reader.name), key=len):
        source = Source(io.BytesIO(example))
        frames = None if source.is_parquet or not source.head else text_records(source)
        some = [f.value for _, f in zip(range(64), frames or (), strict=False) if f.bad is None]
        known, envelope = recognise_records(some[:16], [reader]) if some else (None, None)
        if known is None:
            continue
        items = [i for v in some for i in (v.get(envelope) or () if envelope else [v])]
        for item in items:
            shape = tuple(sorted(item)) if isinstance(item, dict) else type(item)
            if len(orjson.dumps(item)) <= _LARGEST:
                found.setdefault(shape, item)
    return list(found.values())


def spread(items: list, most: int) -> list:
    """Evenly spaced members, at most so many."""
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


# --- bytes ------------------------------------------------------------------------------------------------------------


def load_all(files: list[bytes], reader: Reader, folder: Path) -> list[Batch]:
    for i, data in enumerate(files):
        (folder / f"{i:05}").write_bytes(data)
    return list(read_paths([folder], kind=reader.kind, now=NOW))


def judge(batches: list[Batch], text: str) -> None:
    account(batches)
    rejected = {(r.expected, r.found) for b in batches for r in b.rejected}
    assert [r for r in rejected if "reader failed" in r[1]] == []
    said = {found for _, found in rejected if not found.startswith("an object with the keys")}  # names of fields alone
    assert [found for found in said if repeats(found, text)] == []


@every_reader
def test_cut_anywhere(reader, tmp_path):
    for number, example in enumerate(smallest(reader)):
        folder = tmp_path / str(number)
        folder.mkdir()
        cuts = [example[:at] for at in spread(list(range(len(example))), _SOME if number else _MOST)]
        judge(load_all(cuts, reader, folder), words_of(unpacked(example)))


@every_reader
def test_bits_flipped(reader, tmp_path):
    for number, example in enumerate(smallest(reader)):
        folder = tmp_path / str(number)
        folder.mkdir()
        flipped = []
        for bit in spread(list(range(8 * len(example))), (_SOME if number else _MOST) // 2):
            data = bytearray(example)
            data[bit // 8] ^= 1 << (bit * 5 % 8)  # neighbours differ in the bit too, where the list is spread
            flipped.append(bytes(data))
        judge(load_all(flipped, reader, folder), words_of(unpacked(example)))


# --- values -----------------------------------------------------------------------------------------------------------


def fields_of(value: object, path: Path_ = ()) -> Iterator[Path_]:
    """The paths of all values within one, itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from fields_of(inner, (*path, name))


def with_value(record: object, path: Path_, value: object) -> object:
    """A copy of the record with another value at the path; without any for `_NOTHING`."""
    out = copy.copy(record)
    if len(path) > 1:
        out[path[0]] = with_value(record[path[0]], path[1:], value)
    elif value is _NOTHING:
        del out[path[0]]
    else:
        out[path[0]] = value
    return out


def load_records(reader: Reader, records: list[bytes], file: Path) -> list[Batch]:
    file.write_bytes(b"\n".join(records))
    return list(read_paths([file], kind=reader.kind, format=reader.name, now=NOW))


def encoded(value: object) -> bytes:
    return orjson.dumps(value, default=str)


def mutants(reader: Reader, values: tuple, most: int = _MOST_FIELDS) -> tuple[list[Path_], list[bytes]]:
    """Records with one value changed, and where; each is otherwise as good as its example."""
    places = spread([(record, path) for record in values_of(reader) for path in fields_of(record)], most)
    paths = [path for _, path in places for _ in values]
    return paths, [encoded(with_value(record, path, value)) for record, path in places for value in values]


def judge_records(reader: Reader, lines: list[bytes], file: Path) -> list[Batch]:
    """The batches, after checking that each line was accounted for."""
    if not lines:
        pytest.skip(f"the examples of {reader.name} are bytes; test_cut_anywhere and test_bits_flipped are for them")
    batches = load_records(reader, lines, file)
    judge(batches, words_of(b"\n".join(map(encoded, values_of(reader)))))
    assert batches[-1].files[-1].records >= len(lines)
    return batches


_NAMED = re.compile(r"[\w\[\].@$ -]{1,80}: ")
_DEEP = "values nested up to 250 levels deep"


@every_reader
def test_wrong_values_are_refused_with_the_field_named(reader, tmp_path):
    """Or, where the value told what the record is, with the fields that the record has."""
    values = (*WRONG, _NOTHING)
    paths, lines = mutants(reader, values)
    file = tmp_path / "wrong.jsonl"
    unnamed = set()
    for batch in judge_records(reader, lines, file):
        for r in batch.rejected:
            number = int(re.match(r":(\d+)", r.where[len(str(file)) :])[1]) - 1
            path = paths[number]
            is_item = isinstance(values[number % len(values)], list) or isinstance(path[-1], int)
            tells_fields = r.found.startswith(("an object", "an empty object")) or r.expected == _DEEP
            if not _NAMED.match(r.expected) and not (is_item or tells_fields):
                unnamed.add((path, r.expected, r.found))
    assert unnamed == set()


@every_reader
def test_huge_and_nested_values_at_every_field(reader, tmp_path):
    _, lines = mutants(reader, ("x" * 100_000, list(range(5_000)), {f"k{i}": i for i in range(2_000)}, "BOMB"), most=40)
    bomb = b"[" * 300 + b"]" * 300  # orjson encodes 254 levels and decodes 1024
    deeper = b'{"a":' * 900 + b"1" + b"}" * 900
    lines += [line.replace(b'"BOMB"', deeper) for line in lines if b'"BOMB"' in line]
    judge_records(reader, [line.replace(b'"BOMB"', bomb) for line in lines], tmp_path / "huge.jsonl")


@every_reader
def test_an_unknown_field_is_no_reason_to_refuse(reader, tmp_path):
    records = values_of(reader)
    lines = [encoded(r) for r in records]
    more = []
    for record in records:
        objects = [()] * isinstance(record, dict) + [p for p in fields_of(record) if isinstance(at(record, p), dict)]
        more += [encoded(with_value(record, (*path, "zz_new"), 1)) for path in spread(objects, _MOST_FIELDS)]
    known = judge_records(reader, lines, tmp_path / "known.jsonl")
    found = judge_records(reader, more, tmp_path / "more.jsonl") if more else known
    assert [r for b in known for r in b.rejected] == []
    assert {(r.where, r.expected, r.found) for b in found for r in b.rejected} == set()


def at(value: object, path: Path_) -> object:
    for name in path:
        value = value[name]
    return value


# --- JSON within texts ----------------------------------------------------------------------------------------------

CALL = {"id": "t", "function": {"name": "find", "arguments": "{}"}}
OPENAI = [
    {"role": "user", "content": [{"type": "text", "text": "a"}]},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
]
PARTS = [
    {"role": "user", "name": "bo", "parts": [{"type": "text", "content": "a"}, {"type": "reasoning", "content": "b"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "t", "name": "find", "arguments": {"id": 1}}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t", "response": {"a": 1}}]},
    *OPENAI,
]
SDK = [
    {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "t", "toolName": "find", "args": {"a": 1}}]},
    {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "t", "result": {"type": "json", "value": 1}}]},
]
LANGCHAIN = [[{"lc": 1, "type": "constructor", "id": ["HumanMessage"], "kwargs": {"content": "Hi"}}]]
DECORATED = {"args": ['{"a": 1}'], "kwargs": {"b": 1}}
PLACES = [
    ({"gen_ai.operation.name": "chat"}, "gen_ai.input.messages", PARTS),
    ({"gen_ai.operation.name": "chat"}, "gen_ai.output.messages", PARTS),
    ({"openinference.span.kind": "LLM"}, "input.value", {"messages": OPENAI}),
    ({"openinference.span.kind": "LLM"}, "output.value", {"choices": [{"message": OPENAI[1]}]}),
    ({"openinference.span.kind": "AGENT"}, "input.value", {"messages": LANGCHAIN}),
    ({"openinference.span.kind": "CHAIN"}, "metadata", {"session_id": "c", "plan": ["a"]}),
    ({"openinference.span.kind": "TOOL"}, "output.value", {"role": "tool", "content": "a", "tool_call_id": "t"}),
    ({"ai.operationId": "ai.generateText.doGenerate"}, "ai.prompt.messages", SDK),
    ({"ai.operationId": "ai.generateText.doGenerate"}, "ai.response.toolCalls", [{"toolCallId": "t", "args": {}}]),
    ({"mlflow.spanType": '"CHAT_MODEL"'}, "mlflow.spanInputs", {"messages": OPENAI, "model": "m"}),
    ({"mlflow.spanType": '"CHAT_MODEL"'}, "mlflow.spanOutputs", {"id": "r", "choices": [{"message": OPENAI[1]}]}),
    ({"traceloop.span.kind": "workflow"}, "traceloop.entity.input", DECORATED),
    ({"traceloop.span.kind": "tool", "traceloop.entity.name": "x"}, "traceloop.entity.input", DECORATED),
    ({"langfuse.observation.type": "generation"}, "langfuse.observation.input", {"messages": OPENAI}),
    ({"langfuse.observation.type": "generation"}, "langfuse.observation.output", OPENAI[1]),
]


@pytest.mark.parametrize(("others", "name", "value"), PLACES, ids=lambda found: found if isinstance(found, str) else "")
def test_wrong_values_within_an_attribute_are_no_failure(others, name, value):
    changed = [*WRONG, *(with_value(value, path, wrong) for path in fields_of(value) for wrong in (*WRONG, _NOTHING))]
    for found in changed:
        attributes = {**others, name: orjson.dumps(found).decode()}
        listed = [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]
        span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "attributes": listed}
        record = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        try:
            parts = read_record(OTLP, record, Context(0, "f", NOW, ReadOptions()), NOW)
        except (BadRecord, SkipRecord) as refused:
            pytest.fail(f"{found!r}: {refused.args}")
        assert len(parts.rows) + len(parts.rejected) == 1
