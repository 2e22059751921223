"""How well intents are found, on labelled sets, and how fast: `python benchmarks/intents.py DATA_DIR [--texts N]`.

DATA_DIR holds NAME.tsv.gz files with a header line and `label<TAB>text` rows; the label "oos" marks texts of no intent.
For each set two experiments, every text being one conversation of one user:

- discovery of all texts but the "oos" ones: NMI and ARI against the labels, unclear counting as one group;
- novelty: a quarter of the labels (and "oos") and a quarter of the other texts are kept out of the discovery and then
  assigned: how well the confidence tells new subjects from known ones (AUROC), and what share of either is inside an intent.

`--texts N` measures time and memory on N generated requests in place of the sets.
"""

from __future__ import annotations

import gzip
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

from everyturn.intents import Discovery, assign, discover
from everyturn.model import REQUEST_SCHEMA

OUT_OF_SCOPE = frozenset({"oos", "out_of_scope"})


def requests_of(texts: list[str]) -> pa.Table:
    """Each text as the one request of its own conversation and user."""
    n = len(texts)
    ids = [f"c{i:07d}" for i in range(n)]
    start = datetime(2026, 1, 5, tzinfo=UTC)
    columns = {
        "conversation_id": ids,
        "request": [0] * n,
        "turn": [0] * n,
        "user_id": ids,
        "at": [start + timedelta(minutes=i % 100_000) for i in range(n)],
        "text": texts,
    }
    return pa.table(columns, schema=REQUEST_SCHEMA)


def read(path: Path) -> tuple[list[str], npt.NDArray[np.str_]]:
    """The texts and labels of one set."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t", 1) for line in lines][1:]
    return [text for _, text in rows], np.array([label for label, _ in rows])


def measure_discovery(texts: list[str], labels: npt.NDArray[np.str_]) -> str:
    """One table row: how the intents found agree with the labels."""
    started = time.process_time()
    found = discover(requests_of(texts), known=None)
    seconds = time.process_time() - started
    given = [intent or "unclear" for intent in found.assignments["intent_id"].to_pylist()]
    return (
        f"{100 * normalized_mutual_info_score(labels, given):5.1f} {100 * adjusted_rand_score(labels, given):5.1f}"
        f" {len(found.intents):5d} {len(set(labels)):5d} {100 * given.count('unclear') / len(given):5.1f}"
        f" {len(texts) / seconds:7.0f}"
    )


def measure_novelty(texts: list[str], labels: npt.NDArray[np.str_], *, only_out_of_scope: bool) -> str:
    """One table row: how well texts of subjects not discovered are told from the others."""
    random = np.random.default_rng(7)
    names = np.array(sorted(set(labels.tolist()) - OUT_OF_SCOPE))
    hidden = OUT_OF_SCOPE if only_out_of_scope else {str(n) for n in random.permutation(names)[: len(names) // 4]}
    is_new = np.isin(labels, list(hidden))
    is_test = is_new | (random.random(len(labels)) < 0.25)
    if not only_out_of_scope:
        is_test &= ~np.isin(labels, list(OUT_OF_SCOPE))
    used = ~is_test & ~np.isin(labels, list(OUT_OF_SCOPE))
    known = discover(requests_of([texts[i] for i in np.flatnonzero(used)]), known=None)
    rows = np.flatnonzero(is_test)
    ids, confidence = assign([texts[i] for i in rows], known)
    inside = np.array([intent is not None for intent in ids])
    new = is_new[rows]
    return (
        f"{100 * roc_auc_score(~new, confidence):5.1f} {100 * inside[~new].mean():5.1f} {100 * inside[new].mean():5.1f}"
    )


def generated(n: int) -> list[str]:
    """Requests made of 60 subjects' own words, shared verbs and numbers: sizes as in life, a few subjects large."""
    random = np.random.default_rng(3)
    verbs = [
        "change",
        "cancel",
        "find",
        "check",
        "update",
        "explain",
        "send",
        "fix",
        "compare",
        "open",
        "close",
        "move",
    ]
    frames = [
        "how do I {v} {a} {b}",
        "{a} {b} {v} please",
        "{v} the {a} for my {b} {c}",
        "my {a} is {c} and I want to {v} {b}",
    ]
    syllables = [x + y for x in "bdfgklmnprstvz" for y in ("a", "e", "i", "o", "u")]
    words = [["".join(random.choice(syllables, 3)) for _ in range(14)] for _ in range(60)]
    share = 1 / np.arange(1, 61)
    subjects = random.choice(60, n, p=share / share.sum())
    texts = []
    for subject in subjects:
        a, b, c = random.choice(words[subject], 3)
        frame = frames[random.integers(len(frames))]
        texts.append(f"{frame.format(v=verbs[random.integers(len(verbs))], a=a, b=b, c=c)} {random.integers(10**6)}")
    return texts


def measure_speed(n: int) -> str:
    """Seconds and peak memory of a discovery, of one with a tenth more requests, and of assigning 1,000 texts."""
    texts = generated(n + n // 10)
    all_requests = requests_of(texts)
    first = all_requests.slice(0, n)
    times: list[float] = []

    def timed(known: Discovery | None, requests: pa.Table) -> Discovery:
        started = time.process_time()
        found = discover(requests, known=known)
        times.append(time.process_time() - started)
        return found

    known = timed(None, first)
    further = timed(known, all_requests)
    timed(further, all_requests)
    started = time.process_time()
    assign(texts[:1000], further)
    times.append(time.process_time() - started)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{n:,} requests: {times[0]:.1f} CPU seconds, {len(known.intents)} intents (60 made); a tenth more: {times[1]:.1f};"
        f" the same again: {times[2]:.1f}; 1,000 texts assigned: {times[3]:.1f}; peak {memory:,} MB"
    )


def main(arguments: list[str]) -> None:
    """Print the tables."""
    if "--texts" in arguments:
        print(measure_speed(int(arguments[arguments.index("--texts") + 1])))
        return
    print(
        "set              NMI   ARI found  true unclear texts/CPU-s | hidden AUROC inside(known) inside(new) | oos ..."
    )
    for path in sorted(Path(arguments[0]).glob("*.tsv.gz")):
        texts, labels = read(path)
        in_scope = np.flatnonzero(~np.isin(labels, list(OUT_OF_SCOPE)))
        row = measure_discovery([texts[i] for i in in_scope], labels[in_scope])
        row += " | " + measure_novelty(texts, labels, only_out_of_scope=False)
        if len(in_scope) < len(texts):
            row += " | " + measure_novelty(texts, labels, only_out_of_scope=True)
        print(f"{path.name.removesuffix('.tsv.gz'):14s} {row}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
