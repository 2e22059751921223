"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from everyturn.intents import membership
from everyturn.intents.grid import GRID, Floats, Labels, directions, group_sums, members, on_grid

CORE = 30_000  # rows compared each with each; of more rows so many are, and the others are placed beside them

_RESOLUTIONS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_SAME = 0.9  # cosine from which two texts are variants of one wording
_HALVES = 4
_CLOSE, _FALL = 0.01, 0.02  # of stability: what counts as equal, what as past the peak
_ALIKE = 0.55  # similarity between two groups, of that within them, from which they are one
_MANY, _SOME = 1 / 3, 0.1  # shares of a group's rows that make it continue a known one
_BETTER = 1.1  # how much better another group must fit for a text to move to it


def cluster(vectors: Floats, *, seed: int) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes rows of length 1 or 0, distinct. Up to 30,000 rows are compared each with each. Of more, 30,000 chosen by
    their content are; the others join the groups they are inside of, and what is left is clustered in turn. So no row is
    sampled away, and time grows with the rows times the groups.

    Method: texts with a cosine of 0.9 or more count as one wording, so that a template sent a thousand times is no
    subject of its own; a graph of each wording's nearest neighbours, made symmetric by the maximum; Louvain communities
    (Blondel et al. 2008) at resolutions from 0.5 to 64, where 1 is that of greatest modularity. How fine to cut is decided by what
    halves of the data agree on (stability, Lange et al. 2004, by adjusted mutual information): the coarsest resolution
    at the first peak. Every similarity is a sum of whole numbers, so that any machine finds the same neighbours.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) > 0)
    if len(rows) > CORE:
        core = rows[np.argsort(_content(vectors[rows]), kind="stable")[:CORE]]
        labels[core] = _compare_all(vectors[core], seed)
        labels = _spread(vectors, labels, np.setdiff1d(rows, core), seed)
    elif len(rows):
        labels[rows] = _compare_all(vectors[rows], seed)
    return _by_size(labels)


def extend(vectors: Floats, known: Labels, *, seed: int) -> Labels:
    """The `known` labels with each row at -1 in the known group it belongs to or in a new one, numbered after the others.

    A row already in a group stays there. All rows are clustered together, so that new groups are as coarse as the known
    ones; a group found so continues known ones if a third of its rows are theirs, or if it holds half of one and a tenth
    of its rows are these. Its other rows join the known group they are inside of, or else the one it mostly continues. A
    group that continues none is new.
    """
    n_known = int(known.max(initial=-1)) + 1
    found = cluster(vectors, seed=seed)
    inside, _ = membership.learn(vectors, known, seed=seed).membership.place(vectors)
    sizes = np.bincount(known[known >= 0], minlength=n_known)
    labels = known.copy()
    new = n_known
    for rows in members(found):
        free = rows[known[rows] < 0]
        theirs = np.bincount(known[rows[known[rows] >= 0]], minlength=n_known)
        is_home = (2 * theirs >= sizes) & (theirs >= _SOME * len(rows)) & (sizes > 0)
        if theirs.sum() >= _MANY * len(rows) or is_home.any():
            labels[free] = np.where(inside[free] >= 0, inside[free], theirs.argmax())
        elif len(free):
            labels[free] = new
            new += 1
    return labels


def _spread(vectors: Floats, labels: Labels, rows: Labels, seed: int) -> Labels:
    """The labels with each of `rows` in the group it is inside of; what is inside none is clustered by itself.

    A group found so that is as like another as that is to itself joins it, the others are numbered after those there were.
    """
    labels = labels.copy()
    labels[rows], _ = membership.learn(vectors, labels, seed=seed).membership.place(vectors[rows])
    rows = rows[labels[rows] < 0]
    n_groups = int(labels.max(initial=-1)) + 1
    found = cluster(vectors[rows], seed=seed)
    labels[rows] = np.where(found >= 0, found + n_groups, -1)
    return _join_alike(on_grid(vectors), labels, n_groups) if len(rows) else labels


def settle(vectors: Floats, labels: Labels, *, seed: int) -> Labels:
    """The labels after each row has moved to the group that fits it clearly better than its own, if there is one."""
    learnt = membership.learn(vectors, labels, seed=seed)
    scores = learnt.membership.scores(vectors, itself=learnt.itself)
    rows = np.flatnonzero(labels >= 0)
    best = scores[rows].argmax(axis=1)
    better = scores[rows, best] > np.maximum(_BETTER * learnt.own[rows], 0)
    settled = labels.copy()
    settled[rows[better]] = best[better]
    return settled


def _compare_all(vectors: Floats, seed: int) -> Labels:
    wording = _wordings(on_grid(vectors))
    graph = _graph(on_grid(directions(group_sums(on_grid(vectors), wording))))
    labels = _communities(graph, _resolution(graph, seed), seed)[wording]
    return settle(vectors, labels, seed=seed)


def _wordings(grid: Floats) -> Labels:
    """The wording each row is a variant of."""
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
    return wording


def _graph(grid: Floats) -> sp.csr_matrix:
    """Each row's nearest neighbours, weighted by cosine, symmetric."""
    n = len(grid)
    k = min(int(np.clip(0.3 * np.sqrt(n), 10, 40)), n - 1)
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
    return cast("sp.csr_matrix", graph.maximum(graph.T).tocsr())


def _communities(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    from sknetwork.clustering import Louvain

    if graph.nnz == 0:
        return np.arange(graph.shape[0])
    return cast("Labels", Louvain(resolution=resolution, random_state=seed).fit_predict(graph).astype(np.int64))


def _resolution(graph: sp.csr_matrix, seed: int) -> float:
    """The coarsest resolution at the first peak of stability.

    Going finer, the agreement between halves rises while different subjects come apart, and falls once a subject is cut
    at random. Where texts are made from templates it rises again, up to one group a template: hence the first peak and
    not the highest.
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
                agreements.append(adjusted_mutual_info_score(one[both], other[both]) if len(both) else 1.0)
        stability.append(round(float(np.mean(agreements)), 4))
        if stability[-1] < max(stability) - _FALL:
            break
    enough = max(stability) - _CLOSE
    return next(r for r, value in zip(_RESOLUTIONS, stability, strict=False) if value >= enough)


def _join_alike(grid: Floats, labels: Labels, known: int) -> Labels:
    """Put each group from number `known` on into the earlier group it is most like, if it is alike; renumber the rest."""
    sums, sizes = group_sums(grid, labels), np.bincount(labels[labels >= 0]).astype(np.float64)
    products = sums @ sums.T / GRID**2
    within = np.maximum((np.diag(products) - sizes) / np.maximum(sizes * (sizes - 1), 1), 0)
    into = np.arange(len(sizes))
    new = known
    for group in range(known, len(sizes)):
        scale = np.sqrt(within[:known] * within[group])
        between = products[group, :known] / np.maximum(sizes[:known] * sizes[group], 1)
        ratio = np.round(between / np.where(scale > 0, scale, np.inf), 6)
        if ratio.max(initial=0.0) >= _ALIKE:
            into[group] = ratio.argmax()
        else:
            into[group] = new
            new += 1
    return cast("Labels", np.where(labels >= 0, into[labels], -1))


def _content(vectors: Floats) -> Labels:
    """A number from each row's content, the same wherever the row stands, spread evenly."""
    whole = np.round(vectors * GRID).astype(np.int64).astype(np.uint64)
    # odd factors from a fixed stream, so that each step of each number moves the sum
    factors = np.random.default_rng(0).integers(0, 2**63, vectors.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    mixed = cast("npt.NDArray[np.uint64]", (whole * factors).sum(axis=1, dtype=np.uint64))
    return cast(
        "Labels", ((mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB) >> np.uint64(1)).astype(np.int64)
    )


def _by_size(labels: Labels) -> Labels:
    """Renumber so that 0 is the largest group; of equals the one met first. -1 stays."""
    groups, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    if not len(groups):
        return labels
    number = np.full(int(groups.max()) + 1, -1)
    number[groups[np.lexsort((first, -sizes))]] = np.arange(len(groups))
    return np.where(labels >= 0, number[labels], -1)
