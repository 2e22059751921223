"""Vectors -> groups of texts that ask for the same thing, with no number of groups told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import scipy.sparse as sp

from everyturn.intents import membership
from everyturn.intents.grid import (
    GRID,
    Doubles,
    Floats,
    Labels,
    Vectors,
    directions,
    group_sums,
    members,
    middles,
    on_grid,
)
from everyturn.intents.neighbours import content_order, nearest

_RESOLUTIONS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_CLOSE, _STILL = (0.01, 0.02, 0.03), (0.1,)  # losses of agreement at which to stop: as good, and still found again
_SPLITS, _COMPARED = 8, 3_000  # times the rows are halved, and rows on which two halves are compared
_FIRST, _BEYOND = (
    2,
    0.04,
)  # the splits that look at every resolution, and how much worse than needed the others still look
_ROUNDS_SETTLED = 3  # times each row joins the nearest group
_RUNS, _LOOSE = 10, 0.05  # runs that vote on each edge, and what is left of the weight of one that none keeps
_NEIGHBOURLY = 0.35  # what having all one's neighbours in a group adds to the cosine with its middle
_BLOCK = 8_192  # rows compared with all middles at once
_SAME = 0.9  # cosine from which two texts are variants of one wording
_ROUNDS, _FEW_LED = 4, 0.95  # times, while more than a twentieth is taken in
_NEIGHBOURS = (10, 20)
_FEW = 20
_DIRECT = 60_000  # rows up to which each resolution begins from single rows
_MANY, _SOME = 1 / 3, 0.1  # shares of a group's texts that make it continue a known one


def cluster(vectors: Vectors, *, seed: int, finely: bool = False) -> Labels:
    """A group number for each row, 0 for the largest; -1 for rows of zeros, which say nothing.

    Assumes distinct rows. Every row takes part, whatever their number.

    Method: texts with a cosine of 0.9 count as one wording, so that a template sent a thousand times is no subject of its
    own; a graph of each wording's nearest neighbours by cosine (0.3·√n of them, held within 10 and 20), made symmetric by
    the maximum; Louvain communities (Blondel et al. 2008) of it at one resolution, where 1 is that of modularity: ten runs, each
    from another random order of the wordings, weigh every edge by the share of them that keeps its ends together, and a last
    run of that graph decides (as in ECG, Poulin and Théberge 2019). Then each wording joins the community it is nearest to,
    three times over: by the cosine with its middle and a third of the share of its neighbours, by weight, that are in it.

    How fine to cut: what is found again (stability, Lange et al. 2004). The wordings are halved at random eight times; the
    groups of either half, at resolutions from 0.5 to 64, take in the same sample by its nearest middles, and are compared by
    adjusted mutual information. From the resolution where halves agree best one goes finer until 1, 2 and 3 % of that
    agreement are lost, and takes the middle (geometric mean) of these three stops; `finely`, until 10 % are lost.
    """
    labels = np.full(len(vectors), -1)
    rows = np.flatnonzero(vectors.any(axis=1))
    if len(rows):
        wording, near = wordings(vectors, rows)
        count = int(wording.max()) + 1
        firsts = vectors if count == len(vectors) else middles(vectors, wording, rows, groups=count)
        labels[rows] = (_communities(firsts, near, seed, finely=finely) if count > _FEW else _linked(firsts))[wording]
    return by_size(labels)


def extend(vectors: Vectors, known: Labels, *, sizes: Labels, seed: int) -> Labels:
    """The `known` labels with each row at -1 in the known group it belongs to or in a new one, numbered after the others.

    A row already in a group stays there. Rows of no group are clustered together with those that stand for the known
    groups, in time that grows with what is new, and as finely as is still stable, so that what lies close beside a known
    group is told from it. A group found so continues known ones if a third of its texts are theirs, or if it holds half of
    one and a tenth of its texts are these, where each row that stands for a known group counts as many texts as it stands
    for; `sizes` are the numbers of texts in the known groups. Its other rows join the known group they are inside of, or else
    the one it mostly continues. A group that continues none is new.
    """
    n_known = int(known.max(initial=-1)) + 1
    learnt = membership.learn(vectors, known, seed=seed)
    rows = np.flatnonzero((known < 0) | (learnt.itself >= 0))
    found, stands_for = cluster(vectors[rows], seed=seed, finely=True), known[rows]
    inside, _ = learnt.membership.place(vectors[rows])
    standing = np.bincount(stands_for[stands_for >= 0], minlength=n_known)
    each = sizes / np.maximum(standing, 1)
    labels = known.copy()
    new = n_known
    for group in members(found):
        free = group[stands_for[group] < 0]
        theirs = np.bincount(stands_for[group[stands_for[group] >= 0]], minlength=n_known)
        texts = theirs * each
        all_texts = len(free) + texts.sum()
        is_home = (2 * theirs >= standing) & (texts >= _SOME * all_texts) & (standing > 0)
        if texts.sum() >= _MANY * all_texts or is_home.any():
            labels[rows[free]] = np.where(inside[free] >= 0, inside[free], texts.argmax())
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


def _linked(vectors: Vectors) -> Labels:
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


def wordings(vectors: Vectors, among: Labels) -> tuple[Labels, Near | None]:
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


def _communities(vectors: Vectors, near: Near | None, seed: int, *, finely: bool) -> Labels:
    """The communities at the resolution chosen, each row in the one it is nearest to."""
    graph = neighbour_graph(vectors, near)
    n = len(vectors)
    if graph.nnz == 0:
        return np.arange(n)
    finest = np.arange(n) if n <= _DIRECT else _louvain(graph, max(_RESOLUTIONS), seed)
    resolution = _resolution(vectors, graph, finest, seed, finely=finely)
    whole = graph if n <= _DIRECT else _joined(graph, finest, np.arange(n))
    return _settled(vectors, graph, _consensus(whole, resolution, seed)[finest])


def _resolution(vectors: Vectors, graph: sp.csr_matrix, finest: Labels, seed: int, *, finely: bool) -> float:
    """The resolution whose groups are found again in halves of the rows, as `cluster` describes."""
    sample = on_grid(vectors[content_order(vectors)[:_COMPARED]])
    random = np.random.default_rng(seed)
    losses = _STILL if finely else _CLOSE

    def agreements(places: Labels) -> Doubles:
        """How much two random halves agree at each of these resolutions; not a number at the others."""
        order = random.permutation(len(vectors))
        halves = [_Half.of(vectors, graph, finest, np.sort(rows)) for rows in np.array_split(order, 2)]
        found = np.full(len(_RESOLUTIONS), np.nan)
        for place in places:
            found[place] = agreement(*(half.groups(sample, _RESOLUTIONS[place], seed) for half in halves))
        return found

    looks = [agreements(np.arange(len(_RESOLUTIONS))) for _ in range(_FIRST)]
    stability = np.mean(looks, axis=0)
    near = np.flatnonzero(stability >= (1 - _BEYOND - max(losses)) * stability.max())
    looks += [agreements(near) for _ in range(_SPLITS - _FIRST)]
    stability = np.nanmean(looks, axis=0)
    if stability.max() <= 0:  # nothing is found again: as few groups as there are
        return _RESOLUTIONS[0]
    stops = [_finest_within(stability, loss) for loss in losses]
    return round(float(np.exp(np.mean(stops))), 3)


def _finest_within(stability: Doubles, loss: float) -> float:
    """The logarithm of the resolution, finer than the best one, at which that share of its stability is lost.

    On the curve smoothed over neighbours (¼, ½, ¼), and between its points on a straight line: an agreement that differs by
    a thousandth then moves the answer a little, and not by a whole step.
    """
    curve = np.convolve(np.pad(stability, 1, "edge"), (0.25, 0.5, 0.25), "valid")
    best = int(curve.argmax())
    least = (1 - loss) * curve[best]
    under = np.flatnonzero(curve[best:] < least)
    if not len(under):
        return float(np.log(_RESOLUTIONS[-1]))
    at = best + int(under[0])
    part = (curve[at - 1] - least) / (curve[at - 1] - curve[at])
    return float(np.interp(at - 1 + part, np.arange(len(curve)), np.log(_RESOLUTIONS)))


@dataclass(frozen=True, slots=True)
class _Half:
    """Half of the rows: the graph of their finest groups, and the sum of each of these."""

    graph: sp.csr_matrix
    sums: Doubles

    @classmethod
    def of(cls, vectors: Vectors, graph: sp.csr_matrix, finest: Labels, rows: Labels) -> _Half:
        """The half that `rows` are."""
        _, number = np.unique(finest[rows], return_inverse=True)
        among = np.full(len(finest), -1)
        among[rows] = number
        return cls(_joined(graph, among, rows), group_sums(vectors, number, rows))

    def groups(self, sample: Floats, resolution: float, seed: int) -> Labels:
        """For each row of the sample, on the grid, the half's group whose middle is nearest."""
        found = _louvain(self.graph, resolution, seed)
        member = sp.csr_matrix((np.ones(len(found)), (found, np.arange(len(found)))))
        return nearest_middle(sample, directions(member @ self.sums))


def agreement(one: Labels, other: Labels) -> float:
    """Adjusted mutual information; 0 where either says nothing, all rows being in one group or each in its own."""
    from sklearn.metrics import adjusted_mutual_info_score

    if {len(np.unique(one)), len(np.unique(other))} & {1, len(one)}:
        return 0.0
    return float(adjusted_mutual_info_score(one, other))


def _settled(vectors: Vectors, graph: sp.csr_matrix, labels: Labels) -> Labels:
    """The groups after each row, a few times over, joined the one it is nearest to: by its middle and by its neighbours."""
    weight = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-6)
    for _ in range(_ROUNDS_SETTLED):
        centres = on_grid(directions(group_sums(vectors, labels))).T
        into = sp.csr_matrix((np.ones(len(labels)), labels, np.arange(len(labels) + 1)), dtype=np.float32)
        settled = np.empty_like(labels)
        for at in range(0, len(vectors), _BLOCK):
            rows = slice(at, at + _BLOCK)
            theirs = (graph[rows] @ into).tocoo()
            share = theirs.data / weight[rows][theirs.row]
            near = on_grid(vectors[rows]) @ centres
            near[theirs.row, theirs.col] += np.round(_NEIGHBOURLY * GRID**2 * share)
            settled[rows] = near.argmax(axis=1)
        _, settled = np.unique(settled, return_inverse=True)
        if np.array_equal(settled, labels):
            break
        labels = settled
    return labels


def nearest_middle(rows: Floats, centres: Floats) -> Labels:
    """For each row, on the grid, the number of the nearest middle; of equals the first."""
    return cast("Labels", (rows @ on_grid(centres).T).argmax(axis=1))


def neighbour_graph(vectors: Vectors, near: Near | None) -> sp.csr_matrix:
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


def _consensus(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    """Communities on which several runs agree: each edge weighed by the share of runs that keep its ends together."""
    edges = graph.tocoo()
    together = np.zeros(edges.nnz, np.int64)
    for run in range(_RUNS):
        found = _louvain(graph, resolution, seed + run)
        together += found[edges.row] == found[edges.col]
    kept = _LOOSE + (1 - _LOOSE) * together / _RUNS
    agreed = sp.csr_matrix((edges.data * kept, (edges.row, edges.col)), shape=graph.shape)
    return _louvain(agreed, resolution, seed)


def _louvain(graph: sp.csr_matrix, resolution: float, seed: int) -> Labels:
    """Communities found from the rows in a random order: one that means something, as an alphabet does, costs quality."""
    from sknetwork.clustering import Louvain

    louvain = Louvain(
        resolution=resolution, shuffle_nodes=True, random_state=seed, return_probs=False, return_aggregate=False
    )
    return cast("Labels", louvain.fit_predict(graph).astype(np.int64))


def cuts(vectors: Vectors, resolutions: Sequence[float], *, seed: int) -> list[Labels]:
    """The communities of the rows' nearest neighbours at each of these resolutions, by one run each."""
    graph = neighbour_graph(vectors, None)
    if graph.nnz == 0:
        return [np.arange(len(vectors)) for _ in resolutions]
    return [_louvain(graph, resolution, seed) for resolution in resolutions]


def _joined(graph: sp.csr_matrix, labels: Labels, rows: Labels) -> sp.csr_matrix:
    """The graph of the groups, of those `rows` alone: edges inside a group stay as one to itself."""
    groups = int(labels[rows].max()) + 1
    member = sp.csr_matrix((np.ones(len(rows)), (rows, labels[rows])), shape=(len(labels), groups))
    return cast("sp.csr_matrix", (member.T @ graph @ member).tocsr())
