"""Groups intents into themes, and themes into areas, by the intents' mean vectors."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from everyturn.intents.grid import Doubles, Floats, Labels, directions

_FEW = 8  # intents, or themes; so few need no level above them


def themes(centroids: Floats) -> Labels:
    """The theme of each intent, numbered from 0; empty if there are too few intents to need themes.

    Method: Ward's linkage (1963) of the intents' mean vectors minus their overall mean, at length 1; without the subtraction, what all
    intents share would draw most of them into one theme. Of the divisions into a quarter to a half as many themes as intents, the one with
    the best silhouette (by cosine) is taken.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(centroids)
    if n <= _FEW:
        return np.empty(0, np.int64)
    apart = directions(centroids.astype(np.float64) - centroids.mean(axis=0, dtype=np.float64)).astype(np.float64)
    cosine = np.round(apart @ apart.T, 4)
    cosine = np.clip((cosine + cosine.T) / 2, -1, 1)
    distance = np.sqrt(2 - 2 * cosine)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "ward")
    cuts = [
        fcluster(tree, count, "maxclust").astype(np.int64) - 1 for count in range(max(2, n // 4), max(3, n // 2 + 1))
    ]
    quality = [round(silhouette(cosine, labels), 3) for labels in cuts]
    best = cuts[int(np.argmax(quality))]
    _, first, numbered = np.unique(best, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[numbered]


def levels(centroids: Floats, sizes: Labels) -> list[Labels]:
    """The levels above the intents, the finest first: for each level the number of each intent's group. There are up to two levels."""
    first = themes(centroids)
    if not len(first):
        return []
    count = int(first.max()) + 1
    sums = np.zeros((count, centroids.shape[1]))
    np.add.at(sums, first, centroids * sizes[:, None])
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    second = themes((sums / np.where(length > 0, length, 1)).astype(np.float32)) if count > 2 * _FEW else first[:0]
    return [first] if not len(second) else [first, second[first]]


def silhouette(similarity: Doubles, labels: Labels) -> float:
    """The mean silhouette by cosine distance; 0 for a row that is alone in its group, and 0 overall if there is one group.

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
