"""Messages read per second and core, beside the bare decoder of the same bytes: how much reading costs over decoding.

    python benchmarks/readers.py [CONVERSATIONS] [FORMAT]

"Reading" is everything `load` does before storing: finding the format, decoding, mapping, checking, and the Arrow tables. "Decoding" is
`orjson.loads` of every line, `csv.DictReader`, `ormsgpack.unpackb` of every body and of what is packed in its spans, or protobuf's
`FromString` of every body, and nothing else; it leaves the messages inside OTLP's attributes as the JSON texts they are. Each model call
repeats the conversation so far, as real ones do: messages are counted as they stand in the bytes. FORMAT is the beginning of a format's
name. Times are CPU seconds of one process, the best of three runs, without the search for reference cycles, which takes the bare decoder
up to four times as long by what else is in memory; `load` does without it too.

`FromString` makes no Python values. "Touching" it is what every Python reader has to do besides: to ask for each span's ids, times and
name and for the name and the text of each of its attributes, once.
"""

from __future__ import annotations

import csv
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import ormsgpack
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from reader_messages import (
    TURNS,
    genai,
    openinference,
    write_chat,
    write_csv,
    write_otlp_json,
    write_otlp_protobuf,
    write_plain,
)
from reader_steps import braintrust, langfuse, langsmith, phoenix, write_datadog, write_rows

from everyturn.readers.driver import read_paths
from everyturn.readers.uncollected import uncollected

RUNS = 3
FORMATS: dict[str, Callable[[Path, int], int]] = {
    "chat JSONL": write_chat,
    "plain rows, JSONL": write_plain,
    "plain rows, CSV": write_csv,
    "OTLP JSON, GenAI": partial(write_otlp_json, attributes=genai),
    "OTLP protobuf, GenAI": partial(write_otlp_protobuf, attributes=genai),
    "OTLP JSON, OpenInference": partial(write_otlp_json, attributes=openinference),
    "OTLP protobuf, OpenInference": partial(write_otlp_protobuf, attributes=openinference),
    "LangSmith runs": partial(write_rows, row=langsmith),
    "Braintrust rows": partial(write_rows, row=braintrust),
    "Langfuse observations": partial(write_rows, row=langfuse),
    "Phoenix spans": partial(write_rows, row=phoenix),
    "Datadog msgpack": write_datadog,
}


def read(folder: Path) -> int:
    """Reads all files as `load` does; gives the number of rows."""
    batches = read_paths([folder], now=datetime(2027, 1, 1, tzinfo=UTC))
    return sum(table.num_rows for batch in batches for table in batch.tables.values())


def decode(folder: Path) -> int:
    """Decodes the same bytes and does nothing with them."""
    return sum(DECODERS[path.suffix](path) for path in sorted(folder.iterdir()))


def decode_lines(path: Path) -> int:
    return sum(len(orjson.loads(line)) for line in path.read_bytes().splitlines())


def decode_table(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(len(row) for row in csv.DictReader(file))


def decode_protobuf(path: Path) -> int:
    return len(TracesData.FromString(path.read_bytes()).resource_spans)


def decode_msgpack(path: Path) -> int:
    traces = ormsgpack.unpackb(path.read_bytes())
    return sum(len(ormsgpack.unpackb(span["meta_struct"]["_llmobs"])) for trace in traces for span in trace)


def touch(folder: Path) -> int:
    """Decodes the protobuf bodies of a folder and asks for every value of their spans once."""
    return sum(map(touch_protobuf, sorted(folder.iterdir())))


def touch_protobuf(path: Path) -> int:
    characters = 0
    for resource in TracesData.FromString(path.read_bytes()).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                characters += len(span.trace_id) + len(span.span_id) + len(span.parent_span_id) + len(span.name)
                characters += span.end_time_unix_nano - span.start_time_unix_nano + span.status.code + len(span.events)
                for pair in span.attributes:
                    characters += len(pair.key) + len(pair.value.string_value)
    return characters


DECODERS: dict[str, Callable[[Path], int]] = {
    ".jsonl": decode_lines,
    ".csv": decode_table,
    ".pb": decode_protobuf,
    ".msgpack": decode_msgpack,
}


def seconds(work: Callable[[Path], int], folder: Path) -> float:
    """The CPU time of the best run."""
    best = float("inf")
    gc.collect()
    with uncollected():
        for _ in range(RUNS):
            start = time.process_time()
            work(folder)
            best = min(best, time.process_time() - start)
    return best


def main(conversations: int, beginning: str) -> None:
    """Prints one row a format."""
    print(f"{conversations:,} conversations of {TURNS} turns; messages a second and core")
    print(
        f"{'format':<30}{'messages':>10}{'MB':>8}{'reading':>11}{'decoding':>12}{'times':>8}{'touching':>12}{'times':>8}"
    )
    for name, write in FORMATS.items():
        if not name.startswith(beginning):
            continue
        with tempfile.TemporaryDirectory() as folder:
            messages = write(Path(folder), conversations)
            size = sum(p.stat().st_size for p in Path(folder).iterdir()) / 1e6
            reading, decoding = seconds(read, Path(folder)), seconds(decode, Path(folder))
            touching = seconds(touch, Path(folder)) if "protobuf" in name else None
        row = f"{name:<30}{messages:>10,}{size:>8.1f}{messages / reading:>11,.0f}{messages / decoding:>12,.0f}{reading / decoding:>8.1f}"
        print(
            row if touching is None else f"{row}{messages / touching:>12,.0f}{reading / touching:>8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2] if len(sys.argv) > 2 else "")
