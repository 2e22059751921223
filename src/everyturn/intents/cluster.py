"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from everyturn.intents.embed import Floats

Labels: TypeAlias = npt.NDArray[np.int64]

RESOLUTIONS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_SILHOUETTE_SAMPLE = 3_000


def cluster(vectors: Floats, *, seed: int) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes rows of length 1 or 0. Compares every row with every other in blocks: give it at most some 30,000.
    Method: a graph of nearest neighbours by cosine, made symmetric by the maximum; Louvain communities (Blondel et al.
    2008) at growing resolutions; of these the coarsest whose mean silhouette (Rousseeuw 1987, by mean cosine distance
    to a group, on a seeded sample of 3,000) is close to the best; then groups as close to each other as to themselves
    are joined. Every similarity is a sum of whole numbers, so that any machine finds the same neighbours.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) > 0)
    if len(rows) < 3:
        labels[rows] = 0
        return labels
    grid = on_grid(vectors[rows])
    graph = _graph(grid)
    sample = np.random.default_rng(seed).permutation(len(rows))[:_SILHOUETTE_SAMPLE]
    partitions = [_communities(graph, resolution, seed) for resolution in RESOLUTIONS]
    scores = [round(_silhouette(grid, partition, sample), 4) for partition in partitions]
    enough = CLOSE * max(scores)
    chosen = next(p for p, score in zip(partitions, scores, strict=True) if score >= enough)
    labels[rows] = _by_size(_joined(grid, chosen))
    return labels


CLOSE = 0.9  # of the best silhouette
ALIKE = 0.55


def on_grid(vectors: Floats) -> Floats:
    """The vectors in whole steps of 1/4000. A product of two sums to less than 2^24, so float32 holds it exactly and no
    order of summing, number of cores or kind of processor changes it."""
    return cast(Floats, np.round(vectors * GRID).astype(np.float32))


GRID = 4000


def _graph(grid: Floats) -> sp.csr_matrix:
    n = len(grid)
    k = min(int(np.clip(0.3 * np.sqrt(n), 10, 20)), n - 1)
    column = np.empty((n, k), np.int64)
    weight = np.empty((n, k), np.float32)
    block = max(1, 40_000_000 // n)  # 160 MB of similarities at a time
    for start in range(0, n, block):
        similarity = grid[start : start + block] @ grid.T
        here = np.arange(len(similarity))
        similarity[here, start + here] = -np.inf
        # of equals the first: the place breaks ties, since a partition alone would leave them to chance
        threshold = np.partition(similarity, n - k, axis=1)[:, n - k, None]
        for i, (row, cut) in enumerate(zip(similarity, threshold[:, 0], strict=True)):
            above = np.flatnonzero(row > cut)
            nearest = np.concatenate([above, np.flatnonzero(row == cut)[: k - len(above)]])
            column[start + i], weight[start + i] = nearest, row[nearest]
    value = np.maximum(weight.ravel() / GRID**2, 1e-6)
    graph = sp.csr_matrix((value, (np.repeat(np.arange(n), k), column.ravel())), shape=(n, n))
    return cast(sp.csr_matrix, graph.maximum(graph.T).tocsr())


def _communities(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    from sknetwork.clustering import Louvain

    return cast(Labels, Louvain(resolution=resolution, random_state=seed).fit_predict(graph).astype(np.int64))


def _sums(grid: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    """The sum of each group's rows: whole numbers, so exact."""
    member = sp.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    return cast(npt.NDArray[np.float64], member @ grid.astype(np.float64))


def _silhouette(grid: Floats, labels: Labels, sample: npt.NDArray[np.int64]) -> float:
    sums, sizes = _sums(grid, labels), np.bincount(labels)
    if len(sizes) < 2:
        return 0.0
    similarity = grid[sample].astype(np.float64) @ sums.T / GRID**2
    own, at = labels[sample], np.arange(len(sample))
    itself = np.einsum("ij,ij->i", grid[sample], grid[sample]) / GRID**2
    others = np.maximum(sizes[own] - 1, 1)
    within = 1 - (similarity[at, own] - itself) / others
    distance = 1 - similarity / sizes
    distance[at, own] = np.inf
    nearest = distance.min(axis=1)
    value = (nearest - within) / np.maximum(np.maximum(within, nearest), 1e-9)
    return float(np.where(sizes[own] > 1, value, 0).mean())


def _joined(grid: Floats, labels: Labels) -> Labels:
    """Join the two groups most alike, again and again, while their mean similarity is `ALIKE` of that within them."""
    products = (sums := _sums(grid, labels)) @ sums.T / GRID**2
    sizes = np.bincount(labels).astype(np.float64)
    into = np.arange(len(sizes))
    alive = np.ones(len(sizes), bool)
    while alive.sum() > 1:
        pairs = np.maximum(sizes * (sizes - 1), 1)
        within = np.maximum((np.diag(products) - sizes) / pairs, 0)
        scale = np.sqrt(np.outer(within, within))
        ratio = np.where(scale > 0, products / np.outer(sizes, sizes) / np.where(scale > 0, scale, 1), -1)
        ratio[~alive], ratio[:, ~alive] = -1, -1
        np.fill_diagonal(ratio, -1)
        a, b = sorted(divmod(int(np.round(ratio, 6).argmax()), len(sizes)))
        if ratio[a, b] < ALIKE:
            break
        products[a] += products[b]
        products[:, a] += products[:, b]
        sizes[a] += sizes[b]
        alive[b], into[into == b] = False, a
    return cast(Labels, np.unique(into[labels], return_inverse=True)[1].astype(np.int64))


def _by_size(labels: Labels) -> Labels:
    """Renumber so that 0 is the largest group; of equals the one met first."""
    groups, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    number = np.empty(len(groups), np.int64)
    number[order] = np.arange(len(groups))
    return cast(Labels, number[labels])
