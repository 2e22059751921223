"""Tables as files: JSON Lines, Parquet or CSV, chosen by the name's ending, streamed batch by batch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.errors import UnknownName
from everyturn.outputs.places import appearing

Target: TypeAlias = str | Path

_TO_STDOUT = "-"


def write_table(batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Target) -> int:
    """Writes the batches and gives the number of rows; `-` is standard output, as JSON Lines.

    The ending decides: `.jsonl` (times as RFC 3339, nested values nested), `.parquet` (types kept, zstd) or `.csv`
    (nested values as JSON text; nothing between two commas is null, `""` an empty text). A column of Arrow's JSON type
    holds ready JSON: it is nested as it stands in JSON Lines and text elsewhere. CSV cells are the data unchanged, so a
    text that begins with `=` is still one when a spreadsheet opens it. Memory is that of one batch.

    An ending that is none of these is an `UnknownName`; whatever fails leaves the target as it was.
    """
    if str(target) == _TO_STDOUT:
        rows = _write_jsonl(batches, schema, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return rows
    path = Path(target)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise UnknownName.among(
            "kind of table file", path.suffix or path.name, _WRITERS, example=f"--to {path.stem}{{}}"
        )
    with appearing(path) as file:
        return write(batches, schema, file)


def write_text(text: str, target: Target) -> None:
    """Writes a text as it is, to a file of any name or standard output for `-`."""
    if str(target) == _TO_STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with appearing(Path(target)) as file:
        file.write(text.encode())


def write_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], target: Target) -> int:
    """Writes a few objects of texts as a table of these columns, as `write_table` does; a missing field is null."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    cells = [{column: None if row.get(column) is None else str(row[column]) for column in columns} for row in rows]
    return write_table([pa.RecordBatch.from_pylist(cells, schema=schema)], schema, target)


def _write_jsonl(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> int:
    written = 0
    ready = [name for name, kind in zip(schema.names, schema.types, strict=True) if _is_json(kind)]
    for batch in batches:
        rows = _rows(batch)
        for row in rows:
            for name in ready:
                row[name] = None if row[name] is None else orjson.Fragment(row[name])
        file.writelines(_dump(row, orjson.OPT_APPEND_NEWLINE) for row in rows)
        written += len(rows)
    return written


def _write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> int:
    from pyarrow import parquet

    written = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            written += batch.num_rows
    return written


def _write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> int:
    from pyarrow import csv

    written = 0
    flat = pa.schema([(name, _flat_type(kind)) for name, kind in zip(schema.names, schema.types, strict=True)])
    with csv.CSVWriter(file, flat) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays([_flat(column) for column in batch.columns], schema=flat))
            written += batch.num_rows
    return written


_WRITERS: dict[str, Callable[[Iterable[pa.RecordBatch], pa.Schema, IO[bytes]], int]] = {
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
    ".csv": _write_csv,
}


def _flat_type(kind: pa.DataType) -> pa.DataType:
    """What a column of this type is in CSV: times and what nests are text."""
    return pa.string() if pa.types.is_nested(kind) or pa.types.is_timestamp(kind) or _is_json(kind) else kind


def _flat(column: pa.Array) -> pa.Array:
    kind = column.type
    if _is_json(kind):
        return column.storage.cast(pa.string())
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ" if kind.tz else "%Y-%m-%dT%H:%M:%S")
    if pa.types.is_nested(kind):
        values = _rows(pa.RecordBatch.from_arrays([column], names=["value"]))
        return pa.array([None if row["value"] is None else _dump(row["value"]).decode() for row in values], pa.string())
    return column


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
    return rows


def _dump(value: Any, option: int = 0) -> bytes:
    return orjson.dumps(value, option=option | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _is_json(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.JsonType)
