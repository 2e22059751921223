"""Seconds, memory and quality of finding the intents of many requests, stage by stage.

    python benchmarks/scale/measure.py 10000 100000 1000000    generated requests, as texts (`intents.discover`)
    python benchmarks/scale/measure.py --stored 10000           the same as conversations: loaded, observed and discovered
    python benchmarks/scale/measure.py --grown 1000000          the last tenth of them added to nine tenths that are known
    python benchmarks/scale/measure.py --same 1000000           one text, so many times

Each size runs in a process of its own, so that its peak memory is its own. A stage's seconds are its own, those of the
stages within it taken out; "peak" is the most memory the process held during it. Quality is told against the intent behind
each request: NMI and ARI of all requests, unclear counting as one group, those that nobody else makes left out; the share
of these that is unclear; and, of 1,000 rows, how many of the truly nearest ten are among the neighbours found.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))

from world import asked

from everyturn.model.schemas import REQUEST_SCHEMA

_START = datetime(2026, 1, 5, tzinfo=UTC)


class Stages:
    """Whose time it is: a stack of the stages begun, the last one paying, and the memory held meanwhile."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.peak: defaultdict[str, float] = defaultdict(float)
        self._stack, self._since = ["other"], (time.perf_counter(), time.process_time())
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def _look(self) -> None:
        while not self._is_over.wait(0.02):
            held = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**30
            stage = self._stack[-1]
            self.peak[stage] = max(self.peak[stage], held)

    def _pay(self) -> None:
        now = (time.perf_counter(), time.process_time())
        self.wall[self._stack[-1]] += now[0] - self._since[0]
        self.cpu[self._stack[-1]] += now[1] - self._since[1]
        self._since = now

    def of(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted as that stage's."""

        @functools.wraps(work)
        def timed(*given: object, **named: object) -> object:
            self._pay()
            self._stack.append(name)
            try:
                return work(*given, **named)
            finally:
                self._pay()
                self._stack.pop()

        return timed

    def wrap(self, owner: object, **stages: str) -> None:
        """Count the functions of a module or a class, by name, as these stages."""
        for function, stage in stages.items():
            found = vars(owner)[function]
            made = self.of(stage, found.__func__ if isinstance(found, classmethod) else found)
            setattr(owner, function, classmethod(made) if isinstance(found, classmethod) else made)

    def told(self) -> dict[str, Any]:
        """Seconds, CPU seconds and peak memory by stage."""
        self._pay()
        self._is_over.set()
        self._watch.join()
        stages = [{"stage": n, "seconds": w, "cpu": self.cpu[n], "gb": self.peak[n]} for n, w in self.wall.items()]
        return {"stages": stages, "seconds": sum(self.wall.values()), "gb": max(self.peak.values())}


def watched() -> Stages:
    """All that a discovery is made of, under watch."""
    from everyturn.intents import certainty, cluster, described, discovery, membership
    from everyturn.intents.embedders.joined import Joined

    stages = Stages()
    stages.wrap(discovery.Corpus, of="distinct texts")
    stages.wrap(Joined, fit="learn words", encode="embed", familiar="embed")
    stages.wrap(cluster, wordings="wordings", nearest="neighbours", neighbour_graph="graph", _louvain="communities")
    stages.wrap(cluster, _communities="choice")
    stages.wrap(discovery, cluster="other groups", extend="other groups", learn="membership")
    stages.wrap(certainty, odds="how sure", cuts="how sure", _judge="how sure")
    stages.wrap(membership.Membership, confidence="membership")
    stages.wrap(discovery, _continued="identity", _overlap="identity", _events="identity", _assignments="assignments")
    stages.wrap(discovery.Description, __init__="examples", intents="examples")
    stages.wrap(described, levels="hierarchy", name_groups="naming", places="layout")
    return stages


def generated(n: int, same: str | None = None) -> tuple[pa.Table, np.ndarray]:
    """The requests as a table, each of its own conversation, and the intents behind them."""
    texts, intents = zip(*(asked(n) if same is None else ((same, 0) for _ in range(n))), strict=True)
    ids = [f"c{i:07d}" for i in range(n)]
    columns = {
        "conversation_id": ids,
        "request": np.zeros(n, np.int32),
        "turn": np.zeros(n, np.int32),
        "user_id": [f"u{i % max(n // 4, 1)}" for i in range(n)],
        "at": [_START + timedelta(seconds=20 * i) for i in range(n)],
        "text": texts,
    }
    return pa.table(columns, schema=REQUEST_SCHEMA), np.array(intents)


def quality(found: pa.Table, intents: np.ndarray) -> dict[str, Any]:
    """How well the assignments, in the order of the requests, tell the intents apart."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    groups = found["intent_id"].fill_null("unclear").to_numpy()
    is_known = intents >= 0
    return {
        "intents": len(set(groups) - {"unclear"}),
        "nmi": 100 * normalized_mutual_info_score(intents[is_known], groups[is_known]),
        "ari": 100 * adjusted_rand_score(intents[is_known], groups[is_known]),
        "unclear": float((groups[is_known] == "unclear").mean()),
        "strays_unclear": float((groups[~is_known] == "unclear").mean()) if (~is_known).any() else None,
    }


def grown(n: int) -> dict[str, Any]:
    """The second of two discoveries: a tenth of the requests is new, the others are known."""
    from everyturn.intents import discover

    requests, intents = generated(n)
    old = n - n // 10
    known = discover(requests.slice(0, old), known=None)
    stages = watched()
    found = discover(requests, known=known)
    told = stages.told() | quality(found.assignments, intents) | {"requests": n, "distinct": n - old}
    before, after = known.assignments["intent_id"], found.assignments["intent_id"].slice(0, old)
    moved = pa.compute.sum(pa.compute.and_(pa.compute.is_valid(before), pa.compute.not_equal(before, after)))
    return told | {"moved": moved.as_py() or 0, "of_new": quality(found.assignments.slice(old), intents[old:])["nmi"]}


def texts(n: int, same: str | None) -> dict[str, Any]:
    """One discovery of generated requests."""
    from everyturn.intents import cluster, discover

    requests, intents = generated(n, same)
    graphs: list[tuple[Any, Any]] = []
    built = cluster.neighbour_graph
    cluster.neighbour_graph = lambda vectors, near: graphs.append((vectors, built(vectors, near))) or graphs[-1][1]
    stages = watched()
    found = discover(requests, known=None)
    told = stages.told() | quality(found.assignments, intents)
    told |= {"requests": n, "distinct": found.compared}
    return told | ({"recall": recall(*graphs[0])} if graphs else {})


def recall(vectors: np.ndarray, graph: Any) -> float:
    """Of 1,000 rows' ten truly nearest others the share that the graph has."""
    from everyturn.intents.grid import on_grid

    rows = np.random.default_rng(1).permutation(len(vectors))[:1000]
    best = np.empty((len(rows), 0))
    number = np.empty((len(rows), 0), np.int64)
    for start in range(0, len(vectors), 20_000):
        likeness = on_grid(vectors[rows]) @ on_grid(vectors[start : start + 20_000]).T
        likeness[rows[:, None] == np.arange(start, start + likeness.shape[1])] = -np.inf
        best = np.hstack([best, likeness])
        number = np.hstack([number, np.broadcast_to(np.arange(start, start + likeness.shape[1]), likeness.shape)])
        top = np.argpartition(-best, 9, axis=1)[:, :10]
        best, number = np.take_along_axis(best, top, axis=1), np.take_along_axis(number, top, axis=1)
    there = [len(set(graph[row].indices) & set(ten)) / 10 for row, ten in zip(rows, number.tolist(), strict=True)]
    return float(np.mean(there))


def written(n: int, known: Path, new: Path, old: int) -> np.ndarray:
    """The requests as conversations of two messages, the first `old` apart from the others; the intents behind them."""
    import orjson

    intents = np.empty(n, np.int64)
    with known.open("wb") as first, new.open("wb") as second:
        for i, (text, intents[i]) in enumerate(asked(n)):
            at = (_START + timedelta(seconds=20 * i)).isoformat()
            said = [
                {"role": "user", "content": text, "at": at},
                {"role": "assistant", "content": "Done.", "at": at},
            ]
            one = {"conversation_id": f"c{i:07d}", "user_id": f"u{i % max(n // 4, 1)}", "started_at": at}
            (first if i < old else second).write(orjson.dumps(one | {"messages": said}) + b"\n")
    return intents


def stored(n: int, *, is_grown: bool) -> dict[str, Any]:
    """The same requests through the workspace; where it has grown, what the last tenth cost."""
    from everyturn.engines.local import Database
    from everyturn.workspace import Workspace, discovering

    old = n - n // 10 if is_grown else 0
    with tempfile.TemporaryDirectory() as name:
        known, new = Path(name) / "known.jsonl", Path(name) / "new.jsonl"
        intents = written(n, known, new, old)
        with Workspace(Path(name) / "scale.db") as ws:
            if is_grown:
                ws.load(known)
                ws.discover()
            started = time.perf_counter()
            ws.load(new)
            loaded = time.perf_counter() - started
            stages = watched()
            stages.wrap(discovering, observe="observe", stored_requests="read", discover="other", settle="settle")
            stages.wrap(discovering, _store="storage")
            ws.discover()
            told = stages.told() | {"loaded": loaded}
        with Database(Path(name) / "scale.db") as db:
            found = discovering.known(db)
        rows = found.assignments.filter(pa.compute.equal(found.assignments["request"], 0)).sort_by("conversation_id")
    return told | {"requests": len(found.assignments), "distinct": found.compared} | quality(rows, intents)


def show(told: dict[str, Any]) -> None:
    """One size, as a table and a line."""
    print(f"\n{told['requests']:,} requests, {told['distinct']:,} of them different")
    print(f"{'stage':<16}{'seconds':>9}{'CPU':>9}{'peak GB':>9}")
    for row in [*told["stages"], {"stage": "all", "seconds": told["seconds"], "cpu": sum(r["cpu"] for r in told["stages"]), "gb": told["gb"]}]:  # fmt: skip
        print(f"{row['stage']:<16}{row['seconds']:>9.1f}{row['cpu']:>9.1f}{row['gb']:>9.2f}")
    rest = {k: v for k, v in told.items() if k not in {"stages", "seconds", "gb", "requests", "distinct"}}
    print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in rest.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--grown", action="store_true")
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--here", action="store_true", help="one size in this process, told as JSON")
    given = parser.parse_args()
    if given.here:
        size = given.sizes[0]
        if given.stored:
            told = stored(size, is_grown=given.grown)
        elif given.grown:
            told = grown(size)
        else:
            told = texts(size, "where is my parcel" if given.same else None)
        print(json.dumps(told))
        return
    modes: Iterable[str] = [f"--{mode}" for mode in ("stored", "grown", "same") if getattr(given, mode)]
    for size in given.sizes:
        command = [sys.executable, __file__, "--here", *modes, str(size)]
        show(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
