"""Laws of reading: the packing, layout and container of the same records change nothing, and no byte is lost or counted twice."""

from __future__ import annotations

import csv
import gzip
import io
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from everyturn.model.exchange import decode_tool_calls
from everyturn.readers import BadRecord, Context, ReadOptions, fields
from everyturn.readers.chat import READER as CHAT
from everyturn.readers.driver import read_paths
from everyturn.readers.framing import _json_lines
from everyturn.readers.json_values import _Brackets, decode_json, json_values
from everyturn.readers.occurrences import Occurrences

NOW = datetime(2027, 1, 1, tzinfo=UTC)
quick = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars, lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(texts, v, max_size=4)), max_leaves=12
)
objects = st.dictionaries(texts, values, min_size=1, max_size=4)


instants = st.integers(1_000_000_000_000_000, 1_790_000_000_000_000).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)


class Pieces:
    """A source that hands out the bytes in pieces of the given size."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.at = data, size, 0

    def read(self) -> bytes:
        piece = self.data[self.at : self.at + self.size]
        self.at += self.size
        return piece


def layouts(records: list[dict]) -> dict[str, bytes]:
    return {
        "list": orjson.dumps(records),
        "pretty list": orjson.dumps(records, option=orjson.OPT_INDENT_2),
        "spaced list": json.dumps(records, ensure_ascii=True, separators=(" ,\r\n", " : ")).encode(),
        "values": b"\n".join(orjson.dumps(r, option=orjson.OPT_INDENT_2) for r in records),
        "values in a row": b"".join(orjson.dumps(r) for r in records),
    }


@given(st.lists(objects, min_size=1, max_size=3), st.integers(1, 40))
@settings(quick, max_examples=40)
def test_a_stream_of_json_is_cut_into_the_values_it_holds(records, size):
    for name, data in layouts(records).items():
        frames = list(json_values(Pieces(data, size)))
        assert [f.bad for f in frames] == [None] * len(records), name
        assert [f.value for f in frames] == orjson.loads(orjson.dumps(records)), name


@given(st.lists(values, max_size=6), st.integers(1, 40))
@quick
def test_a_list_may_hold_any_values(items, size):
    assert [f.value for f in json_values(Pieces(orjson.dumps(items), size))] == orjson.loads(orjson.dumps(items))


@given(st.lists(objects, min_size=1, max_size=6), st.integers(1, 40))
@quick
def test_lines_do_not_depend_on_the_size_of_the_pieces(records, size):
    data = b"\r\n\n".join(orjson.dumps(r) for r in records)
    frames = list(_json_lines(Pieces(data, size)))
    assert [f.value for f in frames] == orjson.loads(orjson.dumps(records))
    assert [f.place for f in frames] == [f":{1 + 2 * i}" for i in range(len(records))]


@given(st.binary(max_size=200) | st.text('[]{}",\\ a1\n', max_size=200).map(str.encode), st.integers(1, 30))
@quick
def test_any_bytes_are_cut_the_same_way_whatever_the_pieces(data, size):
    whole = [(f.place, f.value, str(f.bad)) for f in json_values(Pieces(data, 10**6))]
    pieces = [(f.place, f.value, str(f.bad)) for f in json_values(Pieces(data, size))]
    assert whole == pieces


@given(st.text('[]{}",\\ a', min_size=1, max_size=60))
@quick
def test_brackets_agree_with_a_plain_walk(text):
    """The vectorised scan against the obvious one, byte by byte."""
    depth, inside, escaped, expected = 0, False, False, []
    for i, c in enumerate(text):
        if c == '"' and not escaped:
            inside = not inside
        escaped = c == "\\" and not escaped
        if inside or c == '"':
            continue
        if c in "[{":
            depth += 1
        elif c in "]}":
            depth -= 1
        elif c != ",":
            continue
        if depth <= 0 or (depth == 1 and c not in "]}"):
            expected.append((i, ord(c), depth))
    assert list(_Brackets().feed(text.encode())) == expected


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
@quick
def test_any_bytes_are_json_or_a_bad_record(data):
    with suppress(BadRecord):
        orjson.dumps(decode_json(data))  # what is let through can be stored


def read(path, **options):
    return list(read_paths([path], now=NOW, **options))


def tables(batches, without=("where",)):
    out = {}
    for batch in batches:
        for kind, table in batch.tables.items():
            keep = table.select([n for n in table.schema.names if n not in without])
            out[kind] = pa.concat_tables([out[kind], keep]) if kind in out else keep
    return out


conversations = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u1", "u2", None]),
            "messages": st.lists(
                st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": texts}),
                min_size=1,
                max_size=4,
            ),
        },
        optional={"plan": st.sampled_from(["pro", "free"])},
    ),
    min_size=1,
    max_size=5,
)


@given(conversations)
@quick
def test_packing_changes_nothing(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("packing")
    lines = b"\n".join(orjson.dumps(r) for r in records)
    text = lines.decode()
    packings = {
        "plain": lines,
        "bom": b"\xef\xbb\xbf" + lines,
        "utf-16": text.encode("utf-16"),
        "utf-16-be": "\ufeff".encode("utf-16-be") + text.encode("utf-16-be"),
        "utf-32": text.encode("utf-32"),
        "gzip": gzip.compress(lines),
        "two gzips": gzip.compress(lines[:20]) + gzip.compress(lines[20:]),
        "zstd": zstandard.compress(lines),
        "two zstds": zstandard.compress(lines[:20]) + zstandard.compress(lines[20:]),
        "utf-16 in gzip": gzip.compress(text.encode("utf-16")),
        "list": orjson.dumps(records),
        "pretty": orjson.dumps(records, option=orjson.OPT_INDENT_2),
        "envelope": orjson.dumps({"data": records, "meta": {"page": 1}}),
        "pretty envelope": orjson.dumps({"data": records}, option=orjson.OPT_INDENT_2),
        "lines of lists": b"\n".join(orjson.dumps([r]) for r in records) + b"\n",
    }
    expected = None
    for name, data in packings.items():
        path = folder / name
        path.write_bytes(data)
        found = tables(read(path))
        expected = expected or found
        assert found == expected, name


rows = st.lists(
    st.fixed_dictionaries(
        {
            "conversation_id": st.sampled_from(["c1", "c2"]),
            "user_id": st.sampled_from(["u1", "u2", ""]),
            "role": st.sampled_from(["user", "assistant"]),
            "content": st.text(
                st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1, max_size=20
            ),
            "at": instants.map(lambda t: t.isoformat()),
            "plan": st.sampled_from(["pro", "free", ""]),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(rows)
@quick
def test_the_container_of_rows_changes_nothing(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("container")
    missing = [{k: v or None for k, v in r.items()} for r in records]
    (folder / "lines").write_bytes(b"\n".join(orjson.dumps(r) for r in missing))
    pq.write_table(
        pa.Table.from_pylist(missing, schema=pa.schema([(k, pa.string()) for k in records[0]])), folder / "parquet"
    )
    for name, dialect in (
        ("csv", {"delimiter": ","}),
        ("tsv", {"delimiter": "\t"}),
        ("quoted", {"quoting": csv.QUOTE_ALL}),
    ):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]), **dialect)
            writer.writeheader()
            writer.writerows(records)
    expected = tables(read(folder / "lines"))
    for name in ("parquet", "csv", "tsv", "quoted"):
        assert tables(read(folder / name)) == expected, name


# --- the export form ---------------------------------------------------------------------------------------------

arguments = st.one_of(st.dictionaries(texts, values, max_size=3), st.sampled_from(['{"broken": ', "", "[1]"]))
exported_calls = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["t1", None]), "name": st.text(min_size=1, max_size=5), "arguments": arguments}
    ),
    min_size=1,
    max_size=2,
)
exported_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": st.none() | texts},
    optional={"at": instants, "tool_calls": exported_calls, "tool_call_id": st.just("t1")},
)
exports = st.fixed_dictionaries(
    {
        "conversation_id": st.text(min_size=1, max_size=9),
        "user_id": st.none() | st.just("u1"),
        "started_at": st.none() | instants,
        "attributes": st.dictionaries(texts.filter(lambda k: k != "started_at"), texts, max_size=3),
        "messages": st.lists(exported_messages, min_size=1, max_size=4),
        "feedback": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.text(min_size=1, max_size=5),
                    "value": st.none() | st.floats(-5, 5),
                    "label": st.none() | texts,
                    "comment": st.none() | texts,
                    "turn": st.none() | st.integers(0, 3),
                }
            ),
            max_size=2,
        ),
    }
)


@given(exports)
@quick
def test_what_export_writes_is_read_back_as_it_was(tmp_path_factory, export):
    exported = orjson.loads(orjson.dumps(export, option=orjson.OPT_UTC_Z))
    path = tmp_path_factory.mktemp("export") / "f"
    path.write_bytes(orjson.dumps(exported))
    batches = read(path)
    assert [r for b in batches for r in b.rejected] == []
    found = tables(batches)
    messages = found["messages"].sort_by("position").to_pylist()
    attributes = {k: v for m in messages for k, v in orjson.loads(m["attributes"]).items()}
    times = [m["at"] for m in messages if m["at"]]
    started_at = attributes.pop("started_at", None)
    feedback = found["feedback"].to_pylist() if "feedback" in found else []
    again = {
        "conversation_id": messages[0]["conversation_id"],
        "user_id": messages[0]["user_id"],
        "started_at": (started_at and datetime.fromisoformat(started_at)) or min(times, default=None)
        if export["started_at"]
        else None,
        "attributes": attributes,
        "messages": [
            {k: m[k] for k in ("role", "content")}
            | ({"at": m["at"]} if m["at"] else {})
            | (
                {"tool_calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in calls]}
                if (calls := decode_tool_calls(orjson.loads(m["tool_calls"] or "null")))
                else {}
            )
            | ({"tool_call_id": m["tool_call_id"]} if m["tool_call_id"] else {})
            for m in messages
        ],
        "feedback": [{k: f[k] for k in ("name", "value", "label", "comment", "turn")} for f in feedback],
    }
    assert orjson.loads(orjson.dumps(again, option=orjson.OPT_UTC_Z)) == exported


@given(st.lists(objects, max_size=6))
@settings(quick, max_examples=30)
def test_conversations_without_ids_get_the_same_ids_in_every_load_and_different_ones_within(records):
    messages = [{"messages": [{"role": "user", "content": json.dumps(r)}]} for r in records]

    def ids() -> list[str]:
        seen = Occurrences()
        contexts = (Context(i, "f", NOW, ReadOptions(), None, seen) for i in range(len(messages)))
        return [next(iter(CHAT.read(m, c))).conversation_id for m, c in zip(messages, contexts, strict=True)]

    assert ids() == ids()
    assert len(set(ids())) == len(messages)


@given(st.lists(st.integers(0, 40), max_size=300))
@quick
def test_occurrences_count_exactly_however_they_are_kept(keys):
    seen, plain = Occurrences(), {}
    for i, key in enumerate(keys):
        digest = f"{key * 0x9E3779B97F4A7C15 % 2**64:016x}"
        assert seen(digest) == plain.get(key, 0)
        plain[key] = plain.get(key, 0) + 1
        if i % 7 == 0 and seen._new:  # as a merge does when the set has grown
            import numpy as np

            seen._old = np.union1d(seen._old, np.fromiter(seen._new, np.uint64, len(seen._new)))
            seen._new.clear()


# --- fields ------------------------------------------------------------------------------------------------------


@given(instants, st.sampled_from(["iso", "z", "space", "offset", "s", "ms", "us", "ns", "text ms", "datetime"]))
@quick
def test_a_time_is_the_same_in_every_form(at, form):
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assume(form not in {"s", "ms", "text ms"} or micros % 1_000_000 == 0 or at.microsecond % 1000 == 0)
    written = {
        "iso": at.isoformat(),
        "z": at.replace(tzinfo=None).isoformat() + "Z",
        "space": at.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
        "offset": (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00",
        "s": micros // 1_000_000,
        "ms": micros // 1000,
        "us": micros,
        "ns": micros * 1000,
        "text ms": str(micros // 1000),
        "datetime": at.replace(tzinfo=None),
    }[form]
    exact = {"s": at.replace(microsecond=0), "ms": at.replace(microsecond=at.microsecond // 1000 * 1000)}
    exact["text ms"] = exact["ms"]
    assert fields.time(written, "at") == exact.get(form, at)


@given(values)
@quick
def test_every_field_function_gives_a_value_or_says_what_it_wanted(value):
    functions = (fields.identifier, fields.text, fields.time, fields.number, fields.boolean, fields.share, fields.count)
    for function in functions:
        try:
            function(value, "f")
            said = BadRecord(expected="f: ")
        except BadRecord as bad:
            said = bad
        assert said.expected.startswith("f: ")
        assert not (isinstance(value, str) and len(value) > 3 and value in said.found)
    fields.describe(value)
    fields.plain_text(value)
    fields.json_value(value)
    io.StringIO(fields.plain_text(value))
