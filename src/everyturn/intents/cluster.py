"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from everyturn.intents import membership
from everyturn.intents.grid import GRID, Doubles, Floats, Labels, members, middles, on_grid
from everyturn.intents.neighbours import content_order, nearest

_RESOLUTIONS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_CLOSE = 0.95  # of the best stability, and of the best silhouette: what counts as equally good
_SAMPLE = 3_000  # rows a silhouette is measured on
_HALVES, _COMPARED = 3, 5_000  # halves that are to agree, and rows on which they are compared
_SAME = 0.9  # cosine from which two texts are variants of one wording
_ROUNDS, _FEW_LED = 4, 0.95  # times, while more than a twentieth is taken in
_NEIGHBOURS = (10, 20)
_FEW = 20
_DIRECT = 60_000  # rows up to which each resolution begins from single rows
_MANY, _SOME = 1 / 3, 0.1  # shares of a group's rows that make it continue a known one


def cluster(vectors: Floats, *, seed: int, finely: bool = False) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes rows of length 1 or 0, distinct. Every row takes part, whatever their number.

    Method: texts with a cosine of 0.9 count as one wording, so that a template sent a thousand times is no subject of its
    own; a graph of each wording's nearest neighbours by cosine (0.3·√n of them, held within 10 and 20), made symmetric by
    the maximum; Louvain communities (Blondel et al. 2008) at resolutions from 0.5 to 64, where 1 is that of modularity.
    How fine to cut: what is both compact and found again. Compact is the mean silhouette (Rousseeuw 1987), which alone
    would give each template a group; found again is the agreement of halves of the data (stability, Lange et al. 2004, by
    adjusted mutual information), which alone stays too coarse. The coarsest resolution whose product of both is within 5 %
    of the best.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) > 0)
    if len(rows):
        wording, near = wordings(vectors, rows)
        count = int(wording.max()) + 1
        firsts = vectors if count == len(vectors) else middles(vectors, wording, rows, groups=count)
        labels[rows] = (_communities(firsts, near, seed, finely=finely) if count > _FEW else _linked(firsts))[wording]
    return by_size(labels)


def extend(vectors: Floats, known: Labels, *, seed: int) -> Labels:
    """The `known` labels with each row at -1 in the known group it belongs to or in a new one, numbered after the others.

    A row already in a group stays there. Rows of no group are clustered together with those that stand for the known
    groups, in time that grows with what is new, and as finely as is still stable, so that what lies close beside a known
    group is told from it; a group found so continues known
    ones if a third of its rows are theirs, or if it holds half of one and a tenth of its rows are these. Its other rows join
    the known group they are inside of, or else the one it mostly continues. A group that continues none is new.
    """
    n_known = int(known.max(initial=-1)) + 1
    learnt = membership.learn(vectors, known, seed=seed)
    rows = np.flatnonzero((known < 0) | (learnt.itself >= 0))
    found, stands_for = cluster(vectors[rows], seed=seed, finely=True), known[rows]
    inside, _ = learnt.membership.place(vectors[rows])
    sizes = np.bincount(stands_for[stands_for >= 0], minlength=n_known)
    labels = known.copy()
    new = n_known
    for group in members(found):
        free = group[stands_for[group] < 0]
        theirs = np.bincount(stands_for[group[stands_for[group] >= 0]], minlength=n_known)
        is_home = (2 * theirs >= sizes) & (theirs >= _SOME * len(group)) & (sizes > 0)
        if theirs.sum() >= _MANY * len(group) or is_home.any():
            labels[rows[free]] = np.where(inside[free] >= 0, inside[free], theirs.argmax())
        elif len(free):
            labels[rows[free]] = new
            new += 1
    return labels


def by_size(labels: Labels) -> Labels:
    """Renumber so that 0 is the largest group; of equals the one met first. -1 stays."""
    groups, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    if not len(groups):
        return labels
    number = np.full(int(groups.max()) + 1, -1)
    number[groups[np.lexsort((first, -sizes))]] = np.arange(len(groups))
    return np.where(labels >= 0, number[labels], -1)


def _linked(vectors: Floats) -> Labels:
    """Groups of a few rows, too few for halves to agree on: average linkage, cut where cosines fall below a half."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    distance = 1 - np.round((on_grid(vectors) @ on_grid(vectors).T).astype(np.float64) / GRID**2, 4)
    upper = distance[np.triu_indices(len(vectors), 1)]
    return cast("Labels", fcluster(linkage(upper, "average"), 0.5, "distance").astype(np.int64) - 1)


Near: TypeAlias = tuple[
    Labels, Floats
]  # each row's nearest others and their cosines, as `neighbours.nearest` gives them


def wordings(vectors: Floats, among: Labels) -> tuple[Labels, Near | None]:
    """The wording each of the rows `among` is a variant of, and the wordings' neighbours where they are known by the way.

    Method: of rows alike, the first in an order by content leads and takes in its neighbours (a maximal independent set,
    Luby 1986), again among what is left, until little is taken in.
    """
    wording = np.arange(len(among))
    leaders = among
    for _ in range(_ROUNDS):
        if len(leaders) < 2:
            break
        column, weight = nearest(vectors, min(_NEIGHBOURS[1], len(leaders) - 1), leaders)
        into = _led(column, weight, content_order(vectors, leaders))
        wording = into[wording]
        kept, wording = np.unique(wording, return_inverse=True)
        few = len(kept) > _FEW_LED * len(leaders)
        leaders = leaders[kept]
        if few:
            number = np.append(
                np.where(into == np.arange(len(into)), np.cumsum(into == np.arange(len(into))) - 1, -1), -1
            )
            return wording, (number[column[kept]], weight[kept])
    return wording, None


def _led(column: Labels, weight: Floats, order: Labels) -> Labels:
    """For each row the row that leads it: itself, or a neighbour alike that nobody leads; `order` says who goes first."""
    n = len(column)
    alike = (weight >= _SAME) & (column >= 0)
    row = np.repeat(np.arange(n), alike.sum(axis=1))
    graph = sp.csr_matrix((np.ones(len(row), bool), (row, column[alike])), shape=(n, n))
    one, other = (graph + graph.T).nonzero()
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    leader, is_free = np.arange(n), np.ones(n, bool)
    while True:
        both = is_free[one] & is_free[other]
        one, other = one[both], other[both]
        if not len(one):
            return leader
        lowest = np.full(n, n)
        np.minimum.at(lowest, one, rank[other])
        leads = is_free & (rank < lowest)
        led = leads[other]
        # of several leaders the one of the lowest rank
        best = np.full(n, n)
        np.minimum.at(best, one[led], rank[other[led]])
        taken = np.flatnonzero(best < n)
        leader[taken] = order[best[taken]]
        is_free[leads] = False
        is_free[taken] = False


def _communities(vectors: Floats, near: Near | None, seed: int, *, finely: bool) -> Labels:
    """The communities at the resolution chosen."""
    graph = neighbour_graph(vectors, near)
    n = len(vectors)
    if graph.nnz == 0:
        return np.arange(n)
    order = content_order(vectors)
    sample = order[:_SAMPLE]
    similarity = (on_grid(vectors[sample]) @ on_grid(vectors[sample]).T / GRID**2).astype(np.float64)
    finest = np.arange(n) if n <= _DIRECT else _louvain(graph, max(_RESOLUTIONS), seed)
    whole = graph if n <= _DIRECT else _joined(graph, finest, np.ones(n, bool))
    random = np.random.default_rng(seed)
    halves = []
    for _ in range(_HALVES):
        half = np.zeros(n, bool)
        half[random.permutation(n)[: (n + 1) // 2]] = True
        halves.append((half, _joined(graph, finest, half)))
    tried, stability, compactness = [], [], []
    for resolution in _RESOLUTIONS:
        tried.append(_louvain(whole, resolution, seed)[finest])
        parts = [(half, _louvain(part, resolution, seed + i)[finest]) for i, (half, part) in enumerate(halves)]
        stability.append(_agreement(parts, order))
        compactness.append(silhouette(similarity, tried[-1][sample]))
    stable = [i for i, value in enumerate(stability) if value >= _CLOSE * max(stability)]
    enough = _CLOSE * max(compactness[i] for i in stable)
    return tried[next(i for i in (stable[::-1] if finely else stable) if compactness[i] >= enough)]


def _agreement(parts: list[tuple[npt.NDArray[np.bool_], Labels]], order: Labels) -> float:
    """How far groups found in halves of the rows agree on the rows that two halves share."""
    from sklearn.metrics import adjusted_mutual_info_score

    found = []
    for i, (half, labels) in enumerate(parts):
        for other_half, other in parts[:i]:
            both = order[(half & other_half)[order]][:_COMPARED]
            groups = {len(np.unique(labels[both])), len(np.unique(other[both]))}
            # each by itself, or all in one, is found again whatever the data
            says_nothing = not len(both) or groups & {1, len(both)}
            found.append(0.0 if says_nothing else adjusted_mutual_info_score(labels[both], other[both]))
    return round(float(np.mean(found)), 4)


def neighbour_graph(vectors: Floats, near: Near | None) -> sp.csr_matrix:
    """Each row's nearest neighbours, weighted by cosine, symmetric; those `near` where they are as many as are wanted."""
    n = len(vectors)
    k = min(int(np.clip(0.3 * np.sqrt(n), *_NEIGHBOURS)), n - 1)
    if k < 1:
        return sp.csr_matrix((n, n))
    column, weight = near if near is not None and near[0].shape[1] == k else nearest(vectors, k)
    row = np.repeat(np.arange(n, dtype=np.int32), k)
    is_there = (column >= 0).ravel()
    value = np.maximum(weight.ravel()[is_there], 1e-6)
    graph = sp.csr_matrix((value, (row[is_there], column.ravel()[is_there].astype(np.int32))), shape=(n, n))
    return cast("sp.csr_matrix", graph.maximum(graph.T).tocsr())


def _louvain(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    from sknetwork.clustering import Louvain

    return cast("Labels", Louvain(resolution=resolution, random_state=seed).fit_predict(graph).astype(np.int64))


def _joined(graph: sp.csr_matrix, labels: Labels, among: npt.NDArray[np.bool_]) -> sp.csr_matrix:
    """The graph of the groups, of the rows `among` alone: edges inside a group stay as one to itself."""
    rows = np.flatnonzero(among)
    member = sp.csr_matrix((np.ones(len(rows)), (rows, labels[rows])), shape=(len(labels), int(labels.max()) + 1))
    return cast("sp.csr_matrix", (member.T @ graph @ member).tocsr())


def silhouette(similarity: Doubles, labels: Labels) -> float:
    """The mean silhouette by cosine distance; 0 for a row alone in its group, and in all where there is one group.

    >>> round(silhouette(np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]), np.array([0, 0, 1])), 4)
    0.5926
    """
    _, labels = np.unique(labels, return_inverse=True)
    sizes = np.bincount(labels)
    n, groups = len(labels), len(sizes)
    if groups < 2:
        return 0.0
    member = sp.csr_matrix((np.ones(n), labels, np.arange(n + 1)), shape=(n, groups))
    sums = (1 - similarity) @ member
    here = np.arange(n)
    own = sums[here, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[here, labels] = np.inf
    nearest_other = others.min(axis=1)
    scale = np.maximum(own, nearest_other)
    score = np.where((sizes[labels] > 1) & (scale > 0), (nearest_other - own) / np.where(scale > 0, scale, 1), 0)
    return round(float(score.mean()), 6)
