"""Intents under themes, themes under areas: what stands beside what, from the intents' own middles."""

from __future__ import annotations

import numpy as np

from everyturn.intents.cluster import silhouette
from everyturn.intents.grid import Floats, Labels

_FEW = 8  # intents, or themes, that need no level above them


def themes(centroids: Floats) -> Labels:
    """The theme of each intent, numbered from 0; empty where the intents are too few to need themes.

    Method: average linkage of the middles by cosine; of the cuts into a quarter to a half as many themes as intents, the
    one with the best silhouette.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(centroids)
    if n <= _FEW:
        return np.empty(0, np.int64)
    cosine = np.round(centroids.astype(np.float64) @ centroids.T.astype(np.float64), 4)
    cosine = np.clip((cosine + cosine.T) / 2, -1, 1)
    distance = 1 - cosine
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
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
    """For each level above the intents, the finest first, the number of each intent's group: none, one or two levels."""
    first = themes(centroids)
    if not len(first):
        return []
    count = int(first.max()) + 1
    sums = np.zeros((count, centroids.shape[1]))
    np.add.at(sums, first, centroids * sizes[:, None])
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    second = themes((sums / np.where(length > 0, length, 1)).astype(np.float32)) if count > 2 * _FEW else first[:0]
    return [first] if not len(second) else [first, second[first]]
