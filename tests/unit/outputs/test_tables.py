from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from everyturn.errors import UnknownName
from everyturn.outputs.tables import write_rows, write_table

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("share", pa.float64()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("arguments", pa.json_()),
    ]
)
ROWS = [
    {
        "id": 'c-1, "quoted"\nline',
        "at": datetime(2025, 3, 3, 10, 0, 0, 250000, tzinfo=UTC),
        "share": 0.5,
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}],
        "attributes": {"plan": "pro"},
        "arguments": '{"deep": [1, {"x": null}]}',
    },
    {"id": "", "at": None, "share": None, "messages": None, "attributes": None, "arguments": None},
]
PLAIN = [{**ROWS[0], "at": "2025-03-03T10:00:00.250000Z", "arguments": {"deep": [1, {"x": None}]}}, ROWS[1]]


def batches():
    for row in ROWS:
        arrays = [
            pa.array(
                [json.dumps(json.loads(row[f.name])) if f.name == "arguments" and row[f.name] else row[f.name]], f.type
            )
            for f in SCHEMA
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def test_json_lines_nest_what_nests(tmp_path) -> None:
    target = tmp_path / "out.jsonl"
    assert write_table(batches(), SCHEMA, target) == 2
    assert [json.loads(line) for line in target.read_text().splitlines()] == PLAIN


def test_parquet_keeps_types_and_values(tmp_path) -> None:
    target = tmp_path / "out.parquet"
    assert write_table(batches(), SCHEMA, target) == 2
    table = parquet.read_table(target)
    assert table.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert table["messages"].to_pylist() == [ROWS[0]["messages"], None]


def test_csv_holds_nested_values_as_json_text_and_tells_empty_from_null(tmp_path) -> None:
    target = tmp_path / "out.csv"
    assert write_table(batches(), SCHEMA, target) == 2
    with target.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["id"] == ROWS[0]["id"]
    assert first["at"] == "2025-03-03T10:00:00.250000Z"
    assert json.loads(first["messages"]) == ROWS[0]["messages"]
    assert json.loads(first["attributes"]) == {"plan": "pro"}
    assert json.loads(first["arguments"]) == PLAIN[0]["arguments"]
    assert set(second.values()) == {""}
    assert target.read_text().endswith('\n"",,,,,\n')


def test_a_dash_writes_json_lines_to_standard_output(capfdbinary) -> None:
    assert write_table(batches(), SCHEMA, "-") == 2
    assert [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()] == PLAIN


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_an_empty_table_is_a_file(tmp_path, ending: str) -> None:
    target = tmp_path / f"out.{ending}"
    assert write_table([], SCHEMA, target) == 0
    assert target.exists()
    if ending == "csv":
        assert target.read_text() == '"id","at","share","messages","attributes","arguments"\n'


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_a_failure_leaves_what_was_there_and_no_rest(tmp_path, ending: str) -> None:
    target = tmp_path / f"out.{ending}"
    target.write_text("before")

    def failing():
        yield next(batches())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(failing(), SCHEMA, target)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "before"


def test_an_unknown_ending_names_the_known_ones(tmp_path) -> None:
    with pytest.raises(UnknownName) as error:
        write_table(batches(), SCHEMA, tmp_path / "out.jsnl")
    assert (
        str(error.value)
        == 'no kind of table file named ".jsnl"\n  expected .csv, .jsonl, .parquet\n  try      --to out.jsonl'
    )
    assert not list(tmp_path.iterdir())


def test_rows_are_written_as_text_columns(tmp_path) -> None:
    target = tmp_path / "rejected.csv"
    assert write_rows([{"where": "line 3", "found": 7}], ("where", "expected", "found"), target) == 1
    assert target.read_text() == '"where","expected","found"\n"line 3",,"7"\n'
