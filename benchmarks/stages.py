"""Seconds, CPU seconds, peak memory and bytes on disk of every command, at the sizes named.

    python benchmarks/stages.py 10000 100000 [1000000] [--keep FOLDER]

Each command runs in a process of its own, as from a shell; its peak is the most memory it and the processes it started held
at one time. "growth" is its CPU time per conversation against the size before: 1.0 is linear. Only discovery may exceed it.
The last day of the history is kept back, and comes after everything else has been asked: what a day more costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHAT, DAY, SUITE = "chat.jsonl", "day.jsonl", "suite.jsonl"
_CASES = 50
_TICK = os.sysconf("SC_CLK_TCK")


def commands(folder: Path) -> dict[str, list[str]]:
    """What is run, in this order: the arguments of `everyturn`."""
    chat = [str(folder / CHAT)]
    events = ["--as", "actions", str(folder / "chat.actions.jsonl")]
    report = ["report", str(folder / "page.html")]
    return {
        "load": ["load", *chat],
        "load actions": ["load", *events],
        "load again": ["load", *chat],
        "actions again": ["load", *events],
        "observe": ["measure", "acceptance"],
        "discover": ["discover"],
        "measure": ["measure", "acceptance", "--by", "intent,week,cohort"],
        "gap": ["gap"],
        "watch": ["watch"],
        "watch again": ["watch"],
        "cohorts": ["cohorts"],
        "load a suite": ["load", "--as", "evals", str(folder / SUITE)],
        "cover": ["cover"],
        "cover: cases": ["cover", "--write", str(folder / "cases.jsonl")],
        "report": report,
        "show intent": ["show", "intent", "{intent}"],
        "show user": ["show", "user", "{user}"],
        "show conversation": ["show", "conversation", "{conversation}"],
        "show acceptance": ["show", "acceptance"],
        "day: load": ["load", str(folder / DAY)],
        "day: observe": ["measure", "acceptance"],
        "day: discover": ["discover"],
        "day: gap": ["gap"],
        "day: watch": ["watch"],
        "day: cohorts": ["cohorts"],
        "day: cover": ["cover"],
        "day: show intent": ["show", "intent", "{intent}"],
        "day: report": report,
    }


def write(folder: Path, conversations: int) -> None:
    """The sample world, its last day apart, and a suite of what some of its users asked first."""
    from everyturn.demo import write_chat

    write_chat(folder / "all.jsonl", conversations=conversations, seed=7)
    (folder / "all.actions.jsonl").rename(folder / "chat.actions.jsonl")
    with (folder / "all.jsonl").open("rb") as lines:
        last = max(json.loads(line)["created_at"][:10] for line in lines)
        lines.seek(0)
        with (
            (folder / CHAT).open("wb") as before,
            (folder / DAY).open("wb") as day,
            (folder / SUITE).open("w") as suite,
        ):
            for number, line in enumerate(lines):
                record = json.loads(line)
                (day if record["created_at"][:10] >= last else before).write(line)
                if number % max(conversations // _CASES, 1) == 0:
                    asked = next(message for message in record["messages"] if message["role"] == "user")
                    suite.write(json.dumps({"input": [asked], "ideal": "an answer"}) + "\n")
    (folder / "all.jsonl").unlink()


def named(folder: Path) -> dict[str, str]:
    """Something of each kind to look up: what is in the middle of the list."""
    import duckdb

    with duckdb.connect(folder / "bench.db", read_only=True) as db:
        middle = "SELECT {0} FROM {1} ORDER BY {0} OFFSET (SELECT count(*) // 2 FROM {1}) LIMIT 1"
        wanted = {"conversation": "conversations", "user": "conversations", "intent": "intents"}
        found = {name: db.execute(middle.format(f"{name}_id", table)).fetchone() for name, table in wanted.items()}
    return {name: row[0] if row else "none" for name, row in found.items()}


def measured(command: list[str]) -> dict[str, float]:
    """Runs a command; its seconds, and the CPU seconds and the memory of it and of all it started."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        cpu: dict[int, float] = {}
        peak = 0.0
        while process.poll() is None:
            held = 0.0
            for pid in _family(process.pid):
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICK
                    held += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
                except (FileNotFoundError, ProcessLookupError, IndexError):
                    continue  # it ended while we looked
            peak = max(peak, held)
            time.sleep(0.1)
        assert process.stderr is not None
        told = process.stderr.read()
    if process.returncode not in {0, 3}:  # 3: not enough data, at small sizes
        raise SystemExit(f"{' '.join(command)}\n{told}")
    return {"seconds": time.perf_counter() - start, "cpu": sum(cpu.values()), "peak_mb": peak}


def _family(pid: int) -> Iterator[int]:
    """A process and all that it and its children started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            yield from _family(int(child))


def run(folder: Path, size: int, before: dict[str, float]) -> None:
    """Prints one size's table; `before` holds each command's CPU seconds per conversation at the size before."""
    print(f"\n{size:,} conversations")
    print(f"{'command':<18}{'seconds':>9}{'CPU':>9}{'peak MB':>10}{'disk MB':>10}{'growth':>8}")
    steps = {"write": [sys.executable, __file__, "--write", str(folder), str(size)]}
    main = [sys.executable, "-c", "from everyturn.cli import main; main()", "--db", str(folder / "bench.db")]
    steps |= {name: [*main, *arguments] for name, arguments in commands(folder).items()}
    found: dict[str, str] = {}
    for name, command in steps.items():
        if "{" in " ".join(command) and not found:
            found = named(folder)
        result = measured([part.format(**found) if part[:1] == "{" else part for part in command])
        each = result["cpu"] / size
        growth = f"{each / before[name]:.2f}" if name in before else ""
        before[name] = each
        disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20
        print(
            f"{name:<18}{result['seconds']:>9.1f}{result['cpu']:>9.1f}{result['peak_mb']:>10,.0f}{disk:>10,.0f}{growth:>8}",
            flush=True,
        )
    page = (folder / "page.html").stat().st_size / 2**20
    workspace = (folder / "bench.db").stat().st_size / 2**20
    with (folder / DAY).open("rb") as lines:
        day = sum(1 for _ in lines)
    print(f"page {page:.1f} MB  workspace {workspace:,.0f} MB  the last day {day:,} conversations", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--keep", type=Path, help="leave the files of each size in this folder")
    parser.add_argument("--write", type=Path, help="only write the files of one size to this folder")
    given = parser.parse_args()
    if given.write:
        write(given.write, given.sizes[0])
        return
    before: dict[str, float] = {}
    for size in given.sizes:
        if given.keep:
            folder = given.keep / str(size)
            folder.mkdir(parents=True)
            run(folder, size, before)
        else:
            with tempfile.TemporaryDirectory() as name:
                run(Path(name), size, before)


if __name__ == "__main__":
    main()
