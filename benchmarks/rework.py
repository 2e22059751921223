"""How fast later texts are traced to the outputs they came from, and in how much memory: `python benchmarks/rework.py 10000 100000 1000000`.

For each size a workspace file is filled with as many accepted outputs and as many texts their users saved within the week, none of which
names its conversation. Half of the texts are edited outputs, a quarter hold a third of one, a quarter were written by the user. What is
timed is `link_actions`, the part of a load that joins them: reading both sides from the file, the noise floor, the join, storing the
links. It is checked: every text that came from an output must be linked to that output and no other.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from everyturn.engines.links import link_actions
from everyturn.engines.local import Database
from everyturn.workspace.observing import how_texts_match

SEED = 7
WORDS = 130  # a text of some 900 characters
BY_USER = 20  # outputs of one user, in four weeks
BATCH = 20_000
START = 1_772_442_000_000_000  # microseconds: a Monday of March 2026
WEEK = 7 * 86_400_000_000


def vocabulary(draw: np.random.Generator) -> np.ndarray:
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    weights = 1 / np.arange(1, 27)
    words = ["".join(draw.choice(letters, n, p=weights / weights.sum())) for n in draw.integers(2, 11, 6_000)]
    return np.array(words, dtype=object)


def texts(draw: np.random.Generator, words: np.ndarray, count: int) -> list[str]:
    picked = words[
        np.minimum(draw.zipf(1.3, (count, WORDS)) - 1 + draw.integers(0, 400, (count, WORDS)), len(words) - 1)
    ]
    return [" ".join(row) for row in picked]


def fill(database: Database, size: int) -> None:
    draw = np.random.default_rng(SEED)
    words = vocabulary(draw)
    for first in range(0, size, BATCH):
        numbers = np.arange(first, min(first + BATCH, size))
        count = len(numbers)
        users = [f"u{number // BY_USER}" for number in numbers]
        given = START + draw.integers(0, 4 * WEEK, count)
        outputs = texts(draw, words, count)
        own = texts(draw, words, count)
        ids = [f"c{number}" for number in numbers]
        kinds = numbers % 4
        saved = []
        for output, other, kind in zip(outputs, own, kinds.tolist(), strict=True):
            split = output.split(" ")
            saved.append(
                other if kind == 3 else " ".join([*split[: WORDS // 3], *other.split(" ")[WORDS // 3 :]]) if kind == 2
                else " ".join([*split[:40], "changed", "here", *split[42:]])
            )  # fmt: skip
        at = pa.array(given).cast(pa.timestamp("us"))
        database.insert("conversations", pa.table({"conversation_id": ids, "user_id": users, "started_at": at, "ended_at": at,
            "attributes": ["{}"] * count, "origin": ["messages"] * count, "messages": pa.array([2] * count, pa.int32())}))  # fmt: skip
        for position, (role, content) in enumerate((("user", ["write it"] * count), ("assistant", outputs))):
            database.insert("messages", pa.table({"conversation_id": ids, "position": pa.array([position] * count, pa.int32()),
                "turn": pa.array([0] * count, pa.int32()), "role": [role] * count, "content": content, "at": at}))  # fmt: skip
        later = pa.array(given + draw.integers(1, WEEK, count)).cast(pa.timestamp("us"))
        database.insert("actions", pa.table({"action_id": [f"a{number}" for number in numbers], "at": later, "user_id": users,
            "kind": ["saved"] * count, "artefact": saved, "attributes": ["{}"] * count}))  # fmt: skip


def filled(folder: Path, size: int) -> Path:
    """The workspace file of that size, made where it is not there yet."""
    path = folder / f"rework-{size}.db"
    if not path.exists():
        with Database(path.with_suffix(".part")) as database:
            fill(database, size)
        path.with_suffix(".part").rename(path)
    return path


def measure(size: int, folder: Path) -> None:
    path = filled(folder, size)
    with Database(path) as database:
        before = peak()
        begun, spent = time.monotonic(), time.process_time()
        with database.transaction():
            database.run("CREATE TEMP TABLE touched AS SELECT conversation_id FROM conversations")
            link_actions(database, how_texts_match(), staged="actions")
        seconds, spent = time.monotonic() - begun, time.process_time() - spent
        right, wrong, missing, strangers = database.rows(
            """
            SELECT count(*) FILTER (n % 4 < 3 AND l.conversation_id = 'c' || n), count(*) FILTER (n % 4 < 3 AND l.conversation_id <> 'c' || n),
              count(*) FILTER (n % 4 < 3 AND l.conversation_id IS NULL), count(*) FILTER (n % 4 = 3 AND l.conversation_id IS NOT NULL)
            FROM (SELECT action_id, substr(action_id, 2)::BIGINT AS n FROM actions) LEFT JOIN action_links l USING (action_id)
            """
        )[0]
        print(
            f"{size:>9,} outputs and texts: {seconds:6.1f} s ({spent:.1f} s of processor), {size / seconds:,.0f} texts/s; "
            f"peak {peak():,.0f} MB ({before:,.0f} MB before the join); of texts from an output {right:,} linked right, {wrong:,} wrong, "
            f"{missing:,} not; of the users' own {strangers:,} linked; file {path.stat().st_size / 2**20:,.0f} MB",
            flush=True,
        )


def peak() -> float:
    """The most memory the process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="+", type=int)
    parser.add_argument("--folder", type=Path, help="keep the filled files there, and use those that are")
    parser.add_argument("--fill", action="store_true", help="only fill them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.folder or Path(temporary)
        if options.fill:
            for size in options.sizes:
                filled(place, size)
        elif len(options.sizes) == 1:
            measure(options.sizes[0], place)
        else:  # each in a process of its own, or the peak of one would be the next one's
            for size in options.sizes:
                command = [sys.executable, __file__, str(size), "--folder", str(place)]
                subprocess.run(command, check=True, env=os.environ)
