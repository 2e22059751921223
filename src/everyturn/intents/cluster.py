"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from everyturn.intents.embed import Floats

Labels: TypeAlias = npt.NDArray[np.int64]

GRID = 4000
_RESOLUTIONS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_SAME = 0.9  # cosine from which two texts are variants of one wording
_HALVES = 6
_CLOSE, _FALL = 0.01, 0.02


def cluster(vectors: Floats, *, seed: int) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes rows of length 1 or 0. Compares every row with every other in blocks: give it at most some 30,000.

    Method: texts with a cosine of 0.9 or more count as one wording, so that a template sent a thousand times is no
    subject of its own; a graph of each wording's nearest neighbours, made symmetric by the maximum; Louvain communities
    (Blondel et al. 2008) at resolutions from 1, where modularity is greatest, upwards. How fine to cut is decided by what
    halves of the data agree on (stability, Lange et al. 2004, by adjusted mutual information): the coarsest resolution
    at the first peak. Every similarity is a sum of whole numbers, so that any machine finds the same neighbours.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) > 0)
    if len(rows) < 3:
        labels[rows] = 0
        return labels
    wording, means = _wordings(on_grid(vectors[rows]))
    graph = _graph(on_grid(means))
    labels[rows] = _by_size(_communities(graph, _resolution(graph, seed), seed)[wording])
    return labels


def on_grid(vectors: Floats) -> Floats:
    """The vectors in whole steps of 1/4000. A product of two sums to less than 2^24, so float32 holds it exactly and no
    order of summing, number of cores or kind of processor changes it."""
    return cast(Floats, np.round(vectors * GRID).astype(np.float32))


def _wordings(grid: Floats) -> tuple[Labels, Floats]:
    """The wording each row is a variant of, and each wording's mean direction."""
    wording = np.full(len(grid), -1)
    firsts = 0
    left = np.arange(len(grid))
    while len(left):
        batch = left[:512]
        alike = grid[batch] @ grid.T >= _SAME * GRID**2
        for row, variants in zip(batch, alike, strict=True):
            if wording[row] < 0:  # the first of a wording not met before takes all its variants still free
                wording[variants & (wording < 0)] = firsts
                wording[row] = firsts
                firsts += 1
        left = left[wording[left] < 0]
    sums = _sums(grid, wording)
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return wording, (sums / np.maximum(length, 1)[:, None]).astype(np.float32)


def _graph(grid: Floats) -> sp.csr_matrix:
    """Each row's nearest neighbours, weighted by cosine, symmetric."""
    n = len(grid)
    k = min(int(np.clip(0.3 * np.sqrt(n), 10, 20)), n - 1)
    if k < 1:
        return sp.csr_matrix((n, n))
    column = np.empty((n, k), np.int64)
    weight = np.empty((n, k), np.float32)
    block = max(1, 40_000_000 // n)  # 160 MB of similarities at a time
    for start in range(0, n, block):
        similarity = grid[start : start + block] @ grid.T
        here = np.arange(len(similarity))
        similarity[here, start + here] = -np.inf
        cuts = np.partition(similarity, n - k, axis=1)[:, n - k]
        for i, (row, cut) in enumerate(zip(similarity, cuts, strict=True)):
            # of equals the first: a partition alone would leave ties to chance
            above = np.flatnonzero(row > cut)
            nearest = np.concatenate([above, np.flatnonzero(row == cut)[: k - len(above)]])
            column[start + i], weight[start + i] = nearest, row[nearest]
    value = np.maximum(weight.ravel() / GRID**2, 1e-6)
    graph = sp.csr_matrix((value, (np.repeat(np.arange(n), k), column.ravel())), shape=(n, n))
    return cast(sp.csr_matrix, graph.maximum(graph.T).tocsr())


def _communities(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    from sknetwork.clustering import Louvain

    if graph.nnz == 0:
        return np.arange(graph.shape[0])
    return cast(Labels, Louvain(resolution=resolution, random_state=seed).fit_predict(graph).astype(np.int64))


def _resolution(graph: sp.csr_matrix, seed: int) -> float:
    """The coarsest resolution at the first peak of stability.

    Going finer, the agreement between halves rises while groups of different subjects come apart, and falls once a
    subject is cut at random. Where texts are made from templates it rises again, up to one group a template: hence the
    first peak and not the highest.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    n = graph.shape[0]
    random = np.random.default_rng(seed)
    halves = [np.sort(random.permutation(n)[: n // 2]) for _ in range(_HALVES)]
    graphs = [graph[half][:, half].tocsr() for half in halves]
    stability: list[float] = []
    for resolution in _RESOLUTIONS:
        partitions = []
        for number, (half, part) in enumerate(zip(halves, graphs, strict=True)):
            labels = np.full(n, -1)
            labels[half] = _communities(part, resolution, seed + number)
            partitions.append(labels)
        agreements = []
        for i, one in enumerate(partitions):
            for other in partitions[:i]:
                both = np.flatnonzero((one >= 0) & (other >= 0))
                agreements.append(adjusted_mutual_info_score(one[both], other[both]))
        stability.append(round(float(np.mean(agreements)), 4))
        if stability[-1] < max(stability) - _FALL:
            break
    enough = max(stability) - _CLOSE
    return next(r for r, value in zip(_RESOLUTIONS, stability, strict=False) if value >= enough)


def _sums(grid: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    """The sum of each group's rows: whole numbers, so exact."""
    member = sp.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    return cast(npt.NDArray[np.float64], member @ grid.astype(np.float64))


def _by_size(labels: Labels) -> Labels:
    """Renumber so that 0 is the largest group; of equals the one met first."""
    groups, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    number = np.empty(len(groups), np.int64)
    number[order] = np.arange(len(groups))
    return cast(Labels, number[np.searchsorted(groups, labels)])
