"""How well words tell what people judged: `python benchmarks/accuracy/words.py DATA_DIR`.

DATA_DIR holds `NAME.*.jsonl.gz`, one conversation a line: {id, group, messages, gold}; a file that is not there is left out. Two
parts of each are reported apart, split by a hash of the group: phrases and weights may have been chosen with the "tuning" part in
view, the "reporting" part was only ever measured. "untrained" is the word rule; "fitted" scores each row by a model that never saw
its group. Ranges are 95% bootstraps over groups.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from everyturn.model import Conversation, Message, ToolCall
from everyturn.signals.cues import read as read_cues
from everyturn.signals.fitted import Row, fit, out_of_fold, rows_of
from everyturn.signals.replies import words_of

PARTS = ("tuning", "reporting", "all")
_SIGN = re.compile(r"###\w+###")  # how the simulated users of tau end a conversation

Case = tuple[Row, bool, str]


def part_of(group: str) -> str:
    return "tuning" if hashlib.sha256(f"tuning {group}".encode()).digest()[0] % 2 == 0 else "reporting"


def read(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"{name}.*jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
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


def area(truth: Sequence[bool], score: Sequence[float], groups: Sequence[str]) -> str:
    by_group: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_group[group].append(index)
    names = sorted(by_group)
    y, s = np.array(truth), np.array(score)
    if y.all() or not y.any():
        return "one class only"
    draw = np.random.default_rng(7)
    drawn = []
    for _ in range(300):
        picked = np.concatenate([by_group[names[i]] for i in draw.integers(0, len(names), len(names))])
        if 0 < y[picked].mean() < 1:
            drawn.append(roc_auc_score(y[picked], s[picked]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"AUC {roc_auc_score(y, s):.3f} [{low:.3f}, {high:.3f}]"


def labelled_turns(folder: Path, name: str, label: Callable[[dict[str, Any]], bool | None]) -> list[Case]:
    """Each labelled output that the user replied to. `label` reads one assistant message."""
    cases: list[Case] = []
    for row in read(folder, name):
        conversation = conversation_of(row)
        labels: list[bool | None] = []
        for position, message in enumerate(row["messages"]):
            if message["role"] == "user":
                labels.append(None)
            elif message["role"] == "assistant" and labels:
                following = row["messages"][position - 1]["role"] == "user"
                labels[-1] = label(message) if following else None  # several messages are no one output
        for each in rows_of(conversation):
            truth = labels[each.turn]
            if truth is not None:
                cases.append((each, truth, row["group"]))
    return cases


def report_turns(name: str, cases: list[Case]) -> None:
    for part in PARTS:
        chosen = [case for case in cases if part in ("all", part_of(case[2]))]
        if not chosen:
            continue
        rows, truth, groups = (list(each) for each in zip(*chosen, strict=True))
        rule = [row.score for row in rows]
        line = f"{name:<30} {part:<10} n {len(rows):>5}  positive {np.mean(truth):.2f}  untrained {area(truth, rule, groups)}"
        scores = out_of_fold(rows, np.array(truth), np.array(groups))
        print(line + (f"  fitted {area(truth, scores.tolist(), groups)}" if scores is not None else ""), flush=True)
    rows, truth, groups = (list(each) for each in zip(*cases, strict=True))
    found = fit(rows, truth, groups)
    print(
        f"{'':<30} on the quarter held back: rule {found.rule}, fitted {found.fitted}, gain {found.gain} [{found.low}, {found.high}]"
        f" -> {found.method}{f' ({found.why})' if found.why else ''}"
    )


def report_runs(folder: Path) -> None:
    """tau: whether the run failed, from the mean score of its replies. Words are not expected to tell."""
    cases = []
    for row in read(folder, "tau"):
        replies = [reply for reply in words_of(conversation_of(row)).replies if reply]
        score = float(np.mean([reply.score for reply in replies])) if replies else 0.0
        cases.append((not row["gold"]["success"], score, row["group"]))
    for part in PARTS:
        chosen = [case for case in cases if part in ("all", part_of(case[2]))]
        truth, score, groups = zip(*chosen, strict=True)
        print(
            f"{'tau: run failed':<30} {part:<10} n {len(chosen):>5}  positive {np.mean(truth):.2f}  untrained {area(truth, score, groups)}"
        )


def report_calls(folder: Path) -> None:
    """betold: hang-up or hand-over, from intents instead of words: counts of a few plain ones, and a model of all."""
    rows = list(read(folder, "betold"))
    texts = [
        " ".join(f"{m['role'][0]}_{word}" for m in row["messages"] for word in (m["content"] or "").split())
        for row in rows
    ]
    truth = np.array([bool(next(v for v in row["gold"].values() if isinstance(v, bool | int))) for row in rows])
    groups = [row["group"] for row in rows]
    plain = [
        len(re.findall(r"u_(?:negate|request_agent|operator|repeat)|a_(?:rephrase|repeat|fallback)\w*", text))
        for text in texts
    ]
    scores = np.zeros(len(rows))
    for seen, unseen in GroupKFold(5).split(texts, truth, groups):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\S+")
        model = LogisticRegression(max_iter=2000, C=3).fit(words.fit_transform([texts[i] for i in seen]), truth[seen])
        scores[unseen] = model.decision_function(words.transform([texts[i] for i in unseen]))
    for part in PARTS:
        chosen = [i for i, group in enumerate(groups) if part in ("all", part_of(group))]
        y, g = [bool(truth[i]) for i in chosen], [groups[i] for i in chosen]
        print(
            f"{'betold: hung up or handed over':<30} {part:<10} n {len(chosen):>5}  positive {np.mean(y):.2f}"
            f"  untrained {area(y, [plain[i] for i in chosen], g)}  fitted {area(y, [float(scores[i]) for i in chosen], g)}"
        )


def report_speed(folder: Path) -> None:
    """Messages read a second on one core, of the users' own in all files, once the lists are compiled."""
    texts = [
        m["content"]
        for name in ("tau", "dbdc", "rhe")
        for row in read(folder, name)
        for m in row["messages"]
        if m["role"] == "user"
    ]
    texts = [text for text in texts if text]
    for text in texts:
        read_cues(text)
    start = time.process_time()
    for text in texts:
        read_cues(text)
    rate = len(texts) / (time.process_time() - start)
    print(
        f"cues: {rate:,.0f} messages a second on one core ({len(texts):,} messages, mean {np.mean([len(t) for t in texts]):.0f} characters)"
    )


def _broke(message: dict[str, Any]) -> bool | None:
    labels = message.get("labels")
    return labels["p_break"] > 0.5 if labels else None


def _not_copied(message: dict[str, Any]) -> bool | None:
    labels = message.get("labels")
    return not labels["copied"] if labels else None


if __name__ == "__main__":
    data = Path(sys.argv[1])
    for name, title, label in (
        ("dbdc", "dbdc: judged a breakdown", _broke),
        ("rhe", "rhe: code not copied", _not_copied),
    ):
        if cases := labelled_turns(data, name, label):
            report_turns(title, cases)
    if any(data.glob("tau.*jsonl.gz")):
        report_runs(data)
    if any(data.glob("betold.*jsonl.gz")):
        report_calls(data)
    report_speed(data)
