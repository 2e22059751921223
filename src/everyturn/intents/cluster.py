"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.sparse as sp

from everyturn.intents import membership
from everyturn.intents.grid import GRID, Doubles, Floats, Labels, members, on_grid
from everyturn.intents.neighbours import content_order, nearest

_RESOLUTIONS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_CLOSE = 0.01  # of silhouette: what counts as equally good
_SAMPLE = 3_000  # rows a silhouette is measured on
_DIRECT = 60_000  # rows up to which each resolution begins from single rows
_MANY, _SOME = 1 / 3, 0.1  # shares of a group's rows that make it continue a known one


def cluster(vectors: Floats, *, seed: int) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes rows of length 1 or 0, distinct. Every row takes part, whatever their number.

    Method: a graph of each row's nearest neighbours by cosine (0.3·√n of them, held within 10 and 20), made symmetric by
    the maximum; Louvain communities (Blondel et al. 2008) at resolutions from 1, that of modularity, to 64. How fine to
    cut: the coarsest resolution whose mean silhouette (Rousseeuw 1987) is within .01 of the best.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) > 0)
    if len(rows):
        given = vectors if len(rows) == len(vectors) else vectors[rows]
        labels[rows] = _communities(given, seed)
    return by_size(labels)


def extend(vectors: Floats, known: Labels, *, seed: int) -> Labels:
    """The `known` labels with each row at -1 in the known group it belongs to or in a new one, numbered after the others.

    A row already in a group stays there. Rows of no group are clustered together with those that stand for the known
    groups, so that new groups are as coarse as these, in time that grows with what is new; a group found so continues known
    ones if a third of its rows are theirs, or if it holds half of one and a tenth of its rows are these. Its other rows join
    the known group they are inside of, or else the one it mostly continues. A group that continues none is new.
    """
    n_known = int(known.max(initial=-1)) + 1
    learnt = membership.learn(vectors, known, seed=seed)
    rows = np.flatnonzero((known < 0) | (learnt.itself >= 0))
    found, stands_for = cluster(vectors[rows], seed=seed), known[rows]
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


def _communities(vectors: Floats, seed: int) -> Labels:
    """The communities at the resolution chosen."""
    graph = neighbour_graph(vectors)
    if graph.nnz == 0:
        return np.arange(len(vectors))
    sample = content_order(vectors)[:_SAMPLE]
    similarity = (on_grid(vectors[sample]) @ on_grid(vectors[sample]).T / GRID**2).astype(np.float64)
    finest = np.arange(len(vectors)) if len(vectors) <= _DIRECT else _louvain(graph, max(_RESOLUTIONS), seed)
    if len(vectors) > _DIRECT:
        graph = _joined(graph, finest)
    tried = [_louvain(graph, resolution, seed)[finest] for resolution in _RESOLUTIONS]
    quality = [silhouette(similarity, labels[sample]) for labels in tried]
    enough = max(quality) - _CLOSE
    return next(labels for labels, value in zip(tried, quality, strict=True) if value >= enough)


def neighbour_graph(vectors: Floats) -> sp.csr_matrix:
    """Each row's nearest neighbours, weighted by cosine, symmetric."""
    n = len(vectors)
    k = min(int(np.clip(0.3 * np.sqrt(n), 10, 20)), n - 1)
    if k < 1:
        return sp.csr_matrix((n, n))
    column, weight = nearest(vectors, k)
    row = np.repeat(np.arange(n, dtype=np.int32), k)
    is_there = (column >= 0).ravel()
    value = np.maximum(weight.ravel()[is_there], 1e-6)
    graph = sp.csr_matrix((value, (row[is_there], column.ravel()[is_there].astype(np.int32))), shape=(n, n))
    return cast("sp.csr_matrix", graph.maximum(graph.T).tocsr())


def _louvain(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    from sknetwork.clustering import Louvain

    return cast("Labels", Louvain(resolution=resolution, random_state=seed).fit_predict(graph).astype(np.int64))


def _joined(graph: sp.csr_matrix, labels: Labels) -> sp.csr_matrix:
    """The graph of the groups: what is inside one is an edge to itself, so that nothing is lost to modularity."""
    shape = (len(labels), int(labels.max()) + 1)
    member = sp.csr_matrix((np.ones(len(labels)), labels, np.arange(len(labels) + 1)), shape=shape)
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
