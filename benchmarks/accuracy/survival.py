"""How well survival tells what was kept, on public data: `python benchmarks/accuracy/survival.py DATA_DIR`.

DATA_DIR holds `devgptiplus.dev.jsonl.gz` (answers with code, and the commits of the issues they were given for) and `mlqe.dev.jsonl.gz`
(machine translations and what people made of them), one conversation a line: {id, group, messages, gold, artefact, items?}.

The groups (repositories, sentences) are parted in two by a hash. Nothing here is fitted to either; the choice between ways of measuring code was
made with both in sight, so both parts are shown. Ranges are 95% bootstraps over groups.

Prose grades were chosen on keystroke logs that are not part of this data. What can be measured without them: edits planted in real
sentences, whose share kept is known by construction, and sentences that people corrected, for which only the edit distance is known.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, roc_auc_score

from everyturn.signals.origins import Texts, find_origins
from everyturn.signals.survival import HEAVY, survival

SEED = 7
SHORTEST = (
    200  # characters of a snippet and of what it is looked for in; shorter ones are single calls that strangers share
)
STRANGERS = (
    5  # set against each snippet, each from another repository; one alone would make the figure a matter of luck
)
PARTS = ("first", "second")


class Snippet(NamedTuple):
    language: str
    text: str
    artefact: str
    group: str


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / f"{name}.dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def part(group: str) -> str:
    return PARTS[int(hashlib.sha256(f"split{group}".encode()).hexdigest(), 16) % 2]


def by_part(groups: Sequence[str]) -> dict[str, np.ndarray]:
    parts = np.array([part(group) for group in groups])
    return {"all": np.ones(len(groups), dtype=bool), **{name: parts == name for name in PARTS}}


# --- code: an own artefact against strangers' ----------------------------------------------------------------------


def snippets(folder: Path, *, same_language: bool) -> list[Snippet]:
    found = []
    for row in rows(folder, "devgptiplus"):
        files = [file for commit in row["artefact"]["commits"].values() for file in commit.items()]
        for item in row["items"]:
            language = item["name"].rsplit(".", 1)[-1]
            artefact = "\n".join(t for name, t in files if not same_language or name.rsplit(".", 1)[-1] == language)
            if min(len(item["text"].strip()), len(artefact)) >= SHORTEST:
                found.append(Snippet(language, item["text"], artefact, row["group"]))
    return found


def strangers_of(one: Snippet, among: Sequence[Snippet]) -> list[str]:
    """What the nearest in size of other repositories, of the same language, made of theirs; one of each repository."""
    others = sorted((o for o in among if o.language == one.language and o.group != one.group),
                    key=lambda o: (abs(len(o.artefact) - len(one.artefact)), o.group))  # fmt: skip
    found: dict[str, str] = {}
    for other in others:
        found.setdefault(other.group, other.artefact)
    return list(found.values())[:STRANGERS]


def matched(text: str, artefact: str) -> float:
    """What the join goes by: the share of the output's fingerprints the artefact holds."""
    at = np.zeros(1, dtype=np.int64)
    return float(find_origins(Texts(at, at, [text]), Texts(at, at, [artefact]), window=0).shares[0])


def own_and_stranger(folder: Path) -> None:
    for same_language in (True, False):
        among = snippets(folder, same_language=same_language)
        pairs = [(one, strangers_of(one, among)) for one in among]
        pairs = [(one, others) for one, others in pairs if others]
        masks = by_part([one.group for one, _ in pairs])
        for name, measure in (("survival", survival), ("share matched by the join", matched)):
            own = np.array([measure(one.text, one.artefact) for one, _ in pairs])
            strange = [np.array([measure(one.text, other) for other in others]) for one, others in pairs]
            files = "files of its language" if same_language else "all files"
            for mask, picked in masks.items():
                index = np.flatnonzero(picked)
                print(f"own or stranger's, {files}, {name}, {mask}: n {len(index)}, AUC {auc_range(index, own, strange, [p[0].group for p in pairs])}, "
                      f"mean kept {own[index].mean():.2f}, noise {np.mean([strange[i].mean() for i in index]):.3f}")  # fmt: skip


def auc(index: Sequence[int], own: np.ndarray, strange: Sequence[np.ndarray]) -> float:
    """Each snippet counts once, and its strangers together once."""
    truth = [1] * len(index) + [0] * sum(len(strange[i]) for i in index)
    score = np.concatenate([own[list(index)], *(strange[i] for i in index)])
    weight = np.concatenate([np.ones(len(index)), *(np.full(len(strange[i]), 1 / len(strange[i])) for i in index)])
    return float(roc_auc_score(truth, score, sample_weight=weight))


def auc_range(index: np.ndarray, own: np.ndarray, strange: Sequence[np.ndarray], groups: Sequence[str]) -> str:
    members = defaultdict(list)
    for i in index.tolist():
        members[groups[i]].append(i)
    names, draw = sorted(members), np.random.default_rng(SEED)
    drawn = [
        auc([i for n in draw.integers(0, len(names), len(names)) for i in members[names[n]]], own, strange)
        for _ in range(300)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{auc(index.tolist(), own, strange):.3f} [{low:.3f}, {high:.3f}]"


# --- code: planted blocks -------------------------------------------------------------------------------------------


def planted_code(folder: Path) -> None:
    """Random three-line blocks of a snippet, kept and buried in a stranger's file; the share kept is known."""
    among = snippets(folder, same_language=False)
    for name, picked in by_part([one.group for one in among]).items():
        own = [one for one, is_in in zip(among, picked, strict=True) if is_in]
        usable = [one for one in own if len(one.text.splitlines()) >= 9]
        draw = random.Random(SEED)
        errors: dict[str, list[float]] = defaultdict(list)
        truths, shares = [], []
        for number in range(1200):
            one = draw.choice(usable)
            file = draw.choice([other.artefact for other in own if other.group != one.group]).splitlines()
            how = ("plain", "renamed", "re-indented", "shuffled")[number % 4]
            body, true = kept_blocks(one.text, how, draw)
            where = draw.randint(0, len(file))
            share = survival(one.text, "\n".join([*file[:where], body, *file[where:]])) or 0.0
            truths.append(true)
            shares.append(share)
            errors[how].append(abs(true - share))
        told = ", ".join(f"{how} {np.mean(each):.3f}" for how, each in errors.items())
        overall = np.mean([error for each in errors.values() for error in each])
        print(
            f"planted code, {name}: n {len(truths)}, mean absolute error {overall:.3f} ({told}), Spearman {spearmanr(truths, shares).statistic:.3f}"
        )


def kept_blocks(text: str, how: str, draw: random.Random) -> tuple[str, float]:
    lines = [line for line in text.splitlines() if line.strip()]
    blocks = [lines[start : start + 3] for start in range(0, len(lines), 3)]
    kept = sorted(draw.sample(range(len(blocks)), draw.randint(0, len(blocks))))
    if how == "shuffled":
        draw.shuffle(kept)
    chosen = [line for index in kept for line in blocks[index]]
    body = "\n".join("    " + line if how == "re-indented" else line for line in chosen)
    if how == "renamed" and (names := sorted(set(re.findall(r"\b[a-z]\w{3,}\b", body)))):
        body = re.sub(rf"\b{draw.choice(names)}\b", "renamed_thing", body)
    return body, sum(map(len, chosen)) / sum(map(len, lines))


# --- prose ----------------------------------------------------------------------------------------------------------


def class_of(share: float, half: float) -> str:
    return "as-is" if share >= 1.0 else "edited" if share >= half else "mostly gone"


# Of the classes that occur in truth: of edits that all keep most there is no "mostly gone" to tell.
def macro_f1(truths: Sequence[float], shares: Sequence[float], half: float) -> float:
    true, told = [class_of(t, half) for t in truths], [class_of(s, HEAVY) for s in shares]
    return float(f1_score(true, told, average="macro", labels=sorted(set(true))))


def planted_prose(folder: Path) -> None:
    """Paragraphs of six real sentences, edited in ways whose share kept is known, and set into a stranger's text."""
    sentences = [(row["messages"][0]["content"], row["group"]) for row in rows(folder, "mlqe")]
    for name, picked in by_part([group for _, group in sentences]).items():
        own = [text for (text, _), is_in in zip(sentences, picked, strict=True) if is_in]
        draw = random.Random(SEED)
        errors: dict[str, list[float]] = defaultdict(list)
        truths: dict[str, list[float]] = defaultdict(list)
        shares: dict[str, list[float]] = defaultdict(list)
        ways: dict[str, Callable[[list[str], list[str], random.Random], tuple[str, float]]] = {
            "sentences cut or replaced": by_sentence, "phrases replaced": by_phrase, "single words replaced": by_word}  # fmt: skip
        for number in range(1500):
            paragraph, others = draw.sample(own, 6), draw.sample(own, 8)
            how = list(ways)[number % 3]
            body, true = (" ".join(paragraph), 1.0) if number % 4 == 0 else ways[how](paragraph, others, draw)
            share = survival(" ".join(paragraph), f"{others[6]} {body} {others[7]}") or 0.0
            truths[how].append(true)
            shares[how].append(share)
            errors[how].append(abs(true - share))
        told = ", ".join(
            f"{how} {np.mean(errors[how]):.3f} / {macro_f1(truths[how], shares[how], 0.5):.2f}" for how in ways
        )
        flat = [list(chain.from_iterable(each.values())) for each in (truths, shares)]
        overall = np.mean(list(chain.from_iterable(errors.values())))
        print(f"planted prose, {name}: n {len(flat[0])}, mean absolute error {overall:.3f}, macro-F1 of as-is / half or more / less {macro_f1(*flat, 0.5):.3f} "
              f"(error / F1: {told})")  # fmt: skip


def by_sentence(paragraph: list[str], others: list[str], draw: random.Random) -> tuple[str, float]:
    gone = set(draw.sample(range(6), draw.randint(1, 6)))
    body = [others[i] if draw.random() < 0.5 else "" for i in gone]
    kept = [text for i, text in enumerate(paragraph) if i not in gone]
    return " ".join([*kept, *body]), letters(" ".join(kept)) / letters(" ".join(paragraph))


def by_phrase(paragraph: list[str], others: list[str], draw: random.Random) -> tuple[str, float]:
    return replaced(paragraph, others, draw, length=8)


def by_word(paragraph: list[str], others: list[str], draw: random.Random) -> tuple[str, float]:
    return replaced(paragraph, others, draw, length=1)


def replaced(paragraph: list[str], others: list[str], draw: random.Random, *, length: int) -> tuple[str, float]:
    """One to as many spans as there is room for replaced by words of others, all of the same length."""
    words, other = " ".join(paragraph).split(), " ".join(others).split()
    spans = [range(start, min(start + length, len(words))) for start in range(0, len(words), length)]
    most = (
        len(spans) if length > 1 else max(1, len(spans) // 8)
    )  # of single words every eighth at most: more is no edit but another text
    gone = {index for span in draw.sample(spans, draw.randint(1, most)) for index in span}
    body = [draw.choice(other) if index in gone else word for index, word in enumerate(words)]
    return " ".join(body), letters(" ".join(w for i, w in enumerate(words) if i not in gone)) / letters(" ".join(words))


def letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def post_edits(folder: Path) -> None:
    """Single sentences that people corrected: survival beside the edit rate and the quality raters gave."""
    pairs: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for row in rows(folder, "mlqe"):
        share = survival(row["messages"][0]["content"], row["artefact"]["final"]) or 0.0
        pairs[row["gold"]["pair"]].append((share, row["gold"]["hter"], row["gold"]["quality"]))
    for pair, each in sorted(pairs.items()):
        share, hter, quality = (np.array(column) for column in zip(*each, strict=True))
        f1 = macro_f1((1 - np.minimum(hter, 1)).tolist(), share.tolist(), 0.5)
        print(f"post-edited sentences, {pair}: n {len(each)}, Spearman with 1 - HTER {spearmanr(share, 1 - hter).statistic:.2f}, with quality "
              f"{spearmanr(share, quality).statistic:.2f}, macro-F1 of no edit / HTER up to half / more {f1:.2f}")  # fmt: skip


# --- speed ----------------------------------------------------------------------------------------------------------


def speed() -> None:
    """Outputs of 2,000 characters looked for in artefacts of 2,000 to 2,500 they were edited into, none of them indexed before."""
    draw = random.Random(SEED)
    prose = [" ".join(f"word{draw.randint(0, 999)}" for _ in range(260))[:2000] for _ in range(400)]
    code = [
        "\n".join(f"    value_{draw.randint(0, 99)} = compute(value_{n}, {draw.randint(0, 99)})" for n in range(60))[
            :2000
        ]
        for _ in range(400)
    ]
    for name, texts in (("prose", prose), ("code", code)):
        for share in (0.0, 0.5, 1.0):
            cut = int(len(texts[0]) * share)
            artefacts = [
                text[:cut] + other[: 2250 - cut] for text, other in zip(texts, texts[1:] + texts[:1], strict=True)
            ]
            start = time.process_time()
            for text, artefact in zip(texts, artefacts, strict=True):
                survival(text, artefact)
            print(
                f"speed, {name}, {share:.0%} kept: {len(texts) / (time.process_time() - start):,.0f} pairs/s of one core"
            )


if __name__ == "__main__":
    data = Path(sys.argv[1])
    own_and_stranger(data)
    planted_code(data)
    planted_prose(data)
    post_edits(data)
    speed()
