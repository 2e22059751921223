"""How well survival agrees with labelled public data: `python benchmarks/outcomes.py DATA_DIR`.

DATA_DIR holds `NAME.dev.jsonl.gz`, one conversation a line: {id, group, messages, gold, artefact?, items?}. Nothing here is
fitted, so all rows are reported; ranges are 95 % bootstraps over groups, so that one group's rows count once.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from everyturn.model import Conversation, Message, ToolCall
from everyturn.signals.survival import survival

SEED = 7
SHORTEST = 200  # characters of a snippet; shorter ones are single calls that strangers share
_SIGN = re.compile(r"###\w+###")  # how the simulated users of tau end a conversation


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / f"{name}.dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def conversation_of(row: dict[str, Any]) -> Conversation:
    messages = tuple(
        Message(
            each["role"],
            _SIGN.sub("", each["content"]).strip() if each["role"] == "user" else each["content"],
            tool_calls=tuple(ToolCall(None, call["name"], call.get("args")) for call in each.get("tool_calls") or ()),
        )
        for each in row["messages"]
    )
    return Conversation(row["id"], None, None, messages)


def auc_range(truth: Sequence[int], score: Sequence[float], groups: Sequence[str]) -> str:
    by_group: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_group[group].append(index)
    names = sorted(by_group)
    y, s = np.array(truth), np.array(score)
    draw = np.random.default_rng(SEED)
    drawn = []
    for _ in range(300):
        picked = np.concatenate([by_group[names[i]] for i in draw.integers(0, len(names), len(names))])
        if 0 < y[picked].mean() < 1:
            drawn.append(roc_auc_score(y[picked], s[picked]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"AUC {roc_auc_score(y, s):.3f} [{low:.3f}, {high:.3f}]"


def own_and_stranger(folder: Path) -> None:
    pairs = []
    for row in rows(folder, "devgptiplus"):
        artefact = "\n".join(text for files in row["artefact"]["commits"].values() for text in files.values())
        long = [item for item in row["items"] if min(len(item["text"].strip()), len(artefact)) >= SHORTEST]
        pairs += [(item["name"].rsplit(".", 1)[-1], item["text"], artefact, row["group"]) for item in long]
    truth, score, groups = [], [], []
    for language, text, artefact, group in pairs:
        others = [pair for pair in pairs if pair[0] == language and pair[3] != group]
        if not others:
            continue
        stranger = min(others, key=lambda pair: (abs(len(pair[2]) - len(artefact)), pair[3]))[2]
        truth += [1, 0]
        score += [survival(text, artefact), survival(text, stranger)]
        groups += [group, group]
    own = np.array(score)[np.array(truth) == 1]
    strange = np.array(score)[np.array(truth) == 0]
    print(
        f"{'devgptiplus: own or a stranger':<34} pairs {len(own):>4}  {auc_range(truth, score, groups)}  mean kept {own.mean():.2f}"
        f"  noise {strange.mean():.3f}   (research winnowing, dev: .953; noise .01)"
    )
    planted([(text, group) for _, text, _, group in pairs], [(artefact, group) for _, _, artefact, group in pairs])


def planted(snippets: Sequence[tuple[str, str]], files: Sequence[tuple[str, str]]) -> None:
    """Random three-line blocks of a snippet, kept and buried in a stranger's file; the share kept is known."""
    draw = random.Random(SEED)
    errors: dict[str, list[float]] = defaultdict(list)
    truths, scores = [], []
    usable = [(text, group) for text, group in snippets if len(text.splitlines()) >= 9]
    for number in range(1200):
        text, group = draw.choice(usable)
        file = draw.choice([artefact for artefact, other in files if other != group]).splitlines()
        lines = [line for line in text.splitlines() if line.strip()]
        blocks = [lines[start : start + 3] for start in range(0, len(lines), 3)]
        kept = sorted(draw.sample(range(len(blocks)), draw.randint(0, len(blocks))))
        how = ("plain", "renamed", "re-indented", "shuffled")[number % 4]
        if how == "shuffled":
            draw.shuffle(kept)
        planted_lines = [line for index in kept for line in blocks[index]]
        body = "\n".join(planted_lines)
        if how == "re-indented":
            body = "\n".join("    " + line for line in planted_lines)
        if how == "renamed" and (names := sorted(set(re.findall(r"\b[a-z]\w{3,}\b", body)))):
            body = re.sub(rf"\b{draw.choice(names)}\b", "renamed_thing", body)
        where = draw.randint(0, len(file))
        artefact = "\n".join([*file[:where], body, *file[where:]])
        true = sum(len(line) for line in planted_lines) / sum(map(len, lines))
        measured = survival(text, artefact)
        truths.append(true)
        scores.append(measured)
        errors[how].append(abs(true - measured))
    overall = float(np.mean([error for each in errors.values() for error in each]))
    parts = ", ".join(f"{how} {np.mean(each):.3f}" for how, each in errors.items())
    print(
        f"{'planted blocks':<34} n {len(truths)}  MAE {overall:.3f} ({parts})  Spearman {spearmanr(truths, scores).statistic:.3f}"
        "   (research winnowing: .044, renamed .06, shuffled .05, Spearman .98)"
    )


def post_edits(folder: Path) -> None:
    by_pair: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows(folder, "mlqe"):
        kept = survival(row["messages"][0]["content"], row["artefact"]["final"])
        by_pair[row["gold"]["pair"]].append((kept, row["gold"]["quality"]))
    parts = []
    for pair, each in sorted(by_pair.items()):
        kept, quality = zip(*each, strict=True)
        parts.append(f"{pair} {spearmanr(kept, quality).statistic:.2f} (n {len(each)})")
    print(f"{'mlqe: kept and quality, Spearman':<34} {', '.join(parts)}")
    print(f"{'':<34} (research, Levenshtein held: en-de .23, et-en .56, ne-en .39, ro-en .52, ru-en .52, si-en .33)")


def speed() -> None:
    snippet = " ".join(f"word{number % 97}" for number in range(300))
    artefact = " ".join(f"word{number % 101}" for number in range(6000))
    start = time.process_time()
    for _ in range(50):
        survival(snippet, artefact)
    print(f"{'survival, 2k in 40k characters':<34} {50 / (time.process_time() - start):,.0f} pairs/s")


if __name__ == "__main__":
    data = Path(sys.argv[1])
    own_and_stranger(data)
    post_edits(data)
    speed()
