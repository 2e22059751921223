"""How well intents are found on labelled sets, and how fast: `python benchmarks/intents.py DATA_DIR [options]`.

DATA_DIR holds NAME.tsv.gz files with a header line and `label<TAB>text` rows; the label "oos" marks texts of no intent. Every
text is one conversation of one user. Nothing is told how many intents there are. For each set and each `--embedder`:

discovery   NMI and ARI of the groups of all texts but "oos" against the labels (per cent); CPU seconds to embed and to group
bertopic    the same for BERTopic's defaults on the same vectors, noise counting as one group, with `--bertopic` (its package
            is wanted), twice in one process, as the first time it compiles itself; the last numbers are our CPU time as a
            share of its. Only the first set and embedder of a run show what compiling costs
plain       the same for a plain graph of nearest neighbours and Louvain on the same vectors, at the coarsest of 13 resolutions whose
            mean silhouette on 3,000 texts is within .01 of the best, and at whichever agrees best with the labels
oos         how well the likeness to the nearest intent tells "oos" from the rest, discovered on half of it (AUROC)
covered     a suite of 200 cases over a random half of the labels: how well the gap score tells the groups it covers (AUROC)
stable      ARI between discoveries on two random 80% samples, on the texts they share, three times over; and the share of old texts that
            change their intent when a tenth more is added
hidden      a fifth of the labels come only after the discovery: the share found as new intents (an intent born then holds most
            of the label's texts and the label is most of the intent), and the births that are of no hidden label
chance      how far the confidence of texts not seen in the discovery is from the share that is right (expected calibration
            error, ten bins; right = the label most of the intent has), how well it tells right from wrong (AUROC), and by tenths
            of confidence: mean confidence, share right, texts

`--a-label N` draws at most N texts of each label at random: groups agree more with labels where texts are few, so figures
compare only at like sizes. `--draw` numbers the draw. `--speed` measures embedding. Time and memory of many requests: `benchmarks/scale/measure.py`.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

from everyturn.intents import Discovery, discover
from everyturn.intents.cluster import cluster, neighbour_graph
from everyturn.intents.discovery import membership_of
from everyturn.intents.embedders import named, stored
from everyturn.intents.grid import GRID, on_grid
from everyturn.intents.neighbours import nearest
from everyturn.model.schemas import REQUEST_SCHEMA

OUT_OF_SCOPE = ("oos", "out_of_scope")


class Kept:
    """Vectors in a file, so that a slow model embeds each text once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._new = folder, 0
        self._vectors: dict[tuple[str, str], bytes] = {}
        if folder and (folder / "vectors.parquet").exists():
            import pyarrow.parquet as pq

            rows = pq.read_table(folder / "vectors.parquet").to_pydict()
            keys = zip(rows["embedder"], rows["digest"], strict=True)
            self._vectors = dict(zip(keys, rows["vector"], strict=True))

    def load(self, embedder: str, digests: Sequence[str]) -> Mapping[str, bytes]:
        return {d: self._vectors[embedder, d] for d in digests if (embedder, d) in self._vectors}

    def keep(self, embedder: str, vectors: Iterable[tuple[str, bytes]]) -> None:
        self._vectors |= {(embedder, d): vector for d, vector in vectors}
        self._new += 1
        if self._folder and self._new % 4 == 0:
            self.save()

    def save(self) -> None:
        import pyarrow.parquet as pq

        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            keys = list(self._vectors)
            columns = {"embedder": [k[0] for k in keys], "digest": [k[1] for k in keys]}
            pq.write_table(
                pa.table({**columns, "vector": list(self._vectors.values())}), self._folder / "vectors.parquet"
            )


def requests_of(texts: Sequence[str], *, first: int = 0) -> pa.Table:
    """Each text as the one request of its own conversation and user."""
    ids = [f"c{first + i:07d}" for i in range(len(texts))]
    start = datetime(2026, 1, 5, tzinfo=UTC)
    columns = {
        "conversation_id": ids,
        "request": [0] * len(ids),
        "turn": [0] * len(ids),
        "user_id": ids,
        "at": [start + timedelta(minutes=first + i) for i in range(len(ids))],
        "text": list(texts),
    }
    return pa.table(columns, schema=REQUEST_SCHEMA)


def read(path: Path) -> tuple[list[str], np.ndarray]:
    """The texts and labels of one set, each text once."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t", 1) for line in lines][1:]
    by_text = {text: label for label, text in rows}
    return list(by_text), np.array(list(by_text.values()))


def drawn(texts: list[str], labels: np.ndarray, most: int, draw: int) -> tuple[list[str], np.ndarray]:
    """At most so many texts of each label, in random order."""
    random = np.random.default_rng(draw)
    rows = [random.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)]
    chosen = random.permutation(np.concatenate(rows))
    return [texts[i] for i in chosen], labels[chosen]


def ids_of(found: Discovery) -> np.ndarray:
    return np.array([one or "unclear" for one in found.assignments["intent_id"].to_pylist()])


def scores(labels: np.ndarray, found: np.ndarray) -> str:
    return f"{100 * normalized_mutual_info_score(labels, found):.1f} / {100 * adjusted_rand_score(labels, found):.1f}"


def gaps(vectors: np.ndarray, groups: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """How far each text is from all cases, beyond how far such texts are from each other: high where no case is like it.

    The cosine distance to the nearest case less that to the nearest ten other texts, averaged over the text's group, plus
    half the text's own difference.
    """
    near = nearest(vectors, min(10, len(vectors) - 1))[1].mean(axis=1).astype(np.float64)
    to_case = np.concatenate([(on_grid(some) @ on_grid(cases).T).max(axis=1) for some in np.array_split(vectors, 8)])
    own = near - to_case / GRID**2
    mean = np.bincount(groups + 1, own) / np.maximum(np.bincount(groups + 1), 1)
    return mean[groups + 1] + 0.5 * own


class Measured:
    """One set with one embedder."""

    def __init__(self, texts: list[str], labels: np.ndarray, embedder: str, store: Kept) -> None:
        self.texts, self.labels, self.embedder, self.store = texts, labels, embedder, store
        self.random = np.random.default_rng(7)
        self.scope = np.flatnonzero(~np.isin(labels, OUT_OF_SCOPE))

    def of(self, rows: np.ndarray) -> list[str]:
        return [self.texts[i] for i in rows]

    def discover(self, rows: np.ndarray, known: Discovery | None = None, requests: pa.Table | None = None) -> Discovery:
        table = requests_of(self.of(rows)) if requests is None else requests
        return discover(table, known=known, embedder=named(self.embedder, self.store), minimum_users=5)

    def discovery(self, *, bertopic: bool) -> None:
        texts, labels = self.of(self.scope), self.labels[self.scope]
        embedder = named(self.embedder, self.store)
        times = [time.process_time()]
        embedder.fit(texts)
        times.append(time.process_time())
        vectors = embedder.encode(texts)
        times.append(time.process_time())
        groups = cluster(vectors, seed=7)
        times.append(time.process_time())
        fit, embed, group = np.diff(times)
        print(f"  discovery  {scores(labels, groups)}   {groups.max() + 1} groups of {len(set(labels))}; CPU seconds:"
              f" fit {fit:.1f}, embed {embed:.1f}, group {group:.1f} ({len(texts) / group:.0f} texts/s)", flush=True)  # fmt: skip
        if bertopic:
            self.bertopic(texts, labels, vectors, group)

    def plain(self) -> None:
        from sklearn.metrics import silhouette_score
        from sknetwork.clustering import Louvain

        texts, labels = self.of(self.scope), self.labels[self.scope]
        embedder = named(self.embedder, self.store)
        embedder.fit(texts)
        vectors = embedder.encode(texts)
        graph = neighbour_graph(vectors, None)
        sample = self.random.choice(len(texts), min(3_000, len(texts)), replace=False)
        found = [
            Louvain(resolution=r, shuffle_nodes=True, random_state=7).fit_predict(graph)
            for r in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
        ]
        clear = np.array([silhouette_score(vectors[sample], groups[sample], metric="cosine") for groups in found])
        chosen = found[int((clear >= clear.max() - 0.01).argmax())]
        best = max(found, key=lambda groups: adjusted_rand_score(labels, groups))
        print(f"  plain      {scores(labels, chosen)}   {chosen.max() + 1} groups by silhouette;"
              f" {scores(labels, best)} ({best.max() + 1}) where it agrees best with the labels", flush=True)  # fmt: skip

    def bertopic(self, texts: list[str], labels: np.ndarray, vectors: np.ndarray, ours: float) -> None:
        from bertopic import BERTopic

        theirs = []
        for _ in range(2):  # much of the first run is compiling
            started = time.process_time()
            topics, _ = BERTopic().fit_transform(texts, vectors)
            theirs.append(time.process_time() - started)
        found = np.array(topics)
        print(f"  bertopic   {scores(labels, found)}   {len(set(topics)) - 1} groups, {100 * (found == -1).mean():.1f}% noise;"
              f" CPU seconds {theirs[0]:.1f} from the start, {theirs[1]:.1f} again; ours is {ours / theirs[0]:.2f} and"
              f" {ours / theirs[1]:.2f} of it", flush=True)  # fmt: skip

    def oos(self) -> None:
        outside = np.flatnonzero(np.isin(self.labels, OUT_OF_SCOPE))
        if not len(outside):
            return
        mixed = self.random.permutation(self.scope)
        known, other = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        likeness = self.likeness(self.discover(known), np.concatenate([other, outside]))
        is_inside = np.r_[np.ones(len(other)), np.zeros(len(outside))]
        print(f"  oos        {100 * roc_auc_score(is_inside, likeness):.1f}", flush=True)

    def likeness(self, found: Discovery, rows: np.ndarray) -> np.ndarray:
        embedder = stored(found.embedder_name, found.embedder_state, self.store)
        texts = self.of(rows)
        nowhere = np.full(len(rows), -1)
        return membership_of(found).margins(embedder.encode(texts), nowhere, embedder.familiar(texts))[1]

    def covered(self) -> None:
        names = np.array(sorted(set(self.labels[self.scope])))
        areas = []
        for _ in range(3):
            half = set(self.random.permutation(names)[: len(names) // 2].tolist())
            among = self.scope[np.isin(self.labels[self.scope], list(half))]
            suite = self.random.permutation(among)[:200]
            stream = np.setdiff1d(self.scope, suite)
            embedder = named(self.embedder, self.store)
            embedder.fit(self.of(stream))
            vectors = embedder.encode(self.of(stream))
            groups = cluster(vectors, seed=7)
            score = gaps(vectors, groups, embedder.encode(self.of(suite)))
            is_covered = np.isin(self.labels[stream], list(half))
            by_group = [
                (score[groups == g].mean(), is_covered[groups == g].mean(), (groups == g).sum()) for g in set(groups)
            ]
            mean, share, size = (np.array(column) for column in zip(*by_group, strict=True))
            areas.append(roc_auc_score(share < 0.5, mean, sample_weight=size))
        print(f"  covered    {100 * np.mean(areas):.1f}", flush=True)

    def stable(self) -> None:
        rows = self.scope
        pairs = []
        for _ in range(3):
            samples = [np.sort(self.random.permutation(rows)[: int(0.8 * len(rows))]) for _ in range(2)]
            found = [dict(zip(sample.tolist(), ids_of(self.discover(sample)), strict=True)) for sample in samples]
            both = np.intersect1d(*samples).tolist()
            pairs.append(adjusted_rand_score([found[0][i] for i in both], [found[1][i] for i in both]))
        order = self.random.permutation(rows)
        old = order[: int(len(order) / 1.1)]
        first = self.discover(old)
        second = self.discover(order, known=first)
        before, after = ids_of(first), ids_of(second)[: len(old)]
        held = before != "unclear"
        print(f"  stable     ARI {' '.join(f'{pair:.3f}' for pair in pairs)} on pairs of 80% samples; a tenth more changes {100 * (before != after)[held].mean():.2f}%"
              f" of the assigned, {100 * (before != after).mean():.2f}% of all; unclear {100 * (~held).mean():.1f}%", flush=True)  # fmt: skip

    def hidden(self) -> None:
        names = np.array(sorted(set(self.labels[self.scope])))
        late = set(self.random.permutation(names)[: max(1, len(names) // 5)].tolist())
        is_late = np.isin(self.labels[self.scope], list(late))
        mixed = self.random.permutation(self.scope[~is_late])
        old, new = mixed[: len(mixed) * 3 // 4], np.concatenate([mixed[len(mixed) * 3 // 4 :], self.scope[is_late]])
        new = self.random.permutation(new)
        first = self.discover(old)
        second = self.discover(np.concatenate([old, new]), known=first)
        ids, labels = ids_of(second), self.labels[np.concatenate([old, new])]
        born = {i.intent_id for i in second.intents} - {i.intent_id for i in first.intents}
        mostly = {one: Counter(labels[ids == one]).most_common(1)[0][0] for one in born}
        found = [
            n for n in late if Counter(ids[labels == n]).most_common(1)[0][0] in {o for o in born if mostly[o] == n}
        ]
        false = [one for one in born if mostly[one] not in late]
        told = len(set(mostly.values()) & late)
        print(f"  hidden     {100 * len(found) / len(late):.0f}% of {len(late)} held by a new intent of their own"
              f" ({told} have one of at least a part); {len(born)} born, {len(false)} of them false", flush=True)  # fmt: skip

    def chance(self) -> None:
        mixed = self.random.permutation(self.scope)
        known, other = mixed[: len(mixed) * 3 // 4], mixed[len(mixed) * 3 // 4 :]
        found = self.discover(known)
        ids = ids_of(found)
        mostly = [Counter(self.labels[known][ids == i.intent_id]).most_common(1)[0][0] for i in found.intents]
        embedder = stored(found.embedder_name, found.embedder_state, self.store)
        texts = self.of(other)
        sure, nearest, _ = membership_of(found).confidence(
            embedder.encode(texts), np.full(len(other), -1), embedder.familiar(texts)
        )
        right = np.array([mostly[i] for i in nearest]) == self.labels[other]
        edge = np.minimum((sure * 10).astype(int), 9)
        bins = [(sure[edge == b].mean(), right[edge == b].mean(), int((edge == b).sum())) for b in sorted(set(edge))]
        error = sum(abs(mean - share) * n for mean, share, n in bins) / len(sure)
        print(f"  chance     expected calibration error {error:.3f}; {100 * right.mean():.1f}% right, mean confidence"
              f" {100 * sure.mean():.1f}%; AUROC {100 * roc_auc_score(right, sure):.1f}", flush=True)  # fmt: skip
        print("             " + "  ".join(f"{100 * mean:.0f}: {100 * share:.0f} ({n:,})" for mean, share, n in bins))


def measure_speed(texts: list[str], name: str) -> None:
    embedder = named(name)
    embedder.fit(texts)
    embedder.encode(texts[:2000])
    started = time.process_time()
    embedder.encode(texts)
    print(f"  embedding  {len(texts) / (time.process_time() - started):,.0f} texts per CPU second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--embedder", action="append")
    parser.add_argument("--set", action="append", dest="sets")
    parser.add_argument("--only", action="append", help="discovery, plain, oos, covered, stable, hidden or chance")
    parser.add_argument("--bertopic", action="store_true")
    parser.add_argument("--a-label", type=int, help="texts of each label, at most")
    parser.add_argument("--draw", type=int, default=0, help="which of the random draws")
    parser.add_argument("--vectors", type=Path, help="a folder that keeps the vectors of slow models")
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    store = Kept(given.vectors)
    for path in sorted(given.data.glob("*.tsv.gz")):
        name = path.name.removesuffix(".tsv.gz")
        if given.sets and name not in given.sets:
            continue
        texts, labels = read(path)
        if given.a_label:
            texts, labels = drawn(texts, labels, given.a_label, given.draw)
        for embedder in given.embedder or ["default"]:
            print(f"{name}, {embedder}", flush=True)
            if given.speed:
                measure_speed(texts, embedder)
                continue
            measured = Measured(texts, labels, embedder, store)
            for what in given.only or ("discovery", "plain", "oos", "covered", "stable", "hidden", "chance"):
                getattr(measured, what)(**({"bertopic": given.bertopic} if what == "discovery" else {}))
            store.save()


if __name__ == "__main__":
    main()
