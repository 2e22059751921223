"""Finds each row's nearest neighbours by cosine: exactly for thousands of rows, with cells for millions; the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from everyturn.intents.grid import GRID, Floats, Labels, Vectors, in_steps, members, middles, on_grid

EXACT = 30_000  # rows up to which each is compared with each

_CELL = 512  # mean number of rows in a cell
_LOOKED_AT = 8  # cells in which a row's neighbours are searched
_LEARNT_ON, _ROUNDS = 64, 3  # sample rows per centre, and rounds, with which centres are learnt
_AT_ONCE = 131_072  # rows whose results are held until all their cells have been searched; bounds memory
_TOO_MANY = 8  # a cell with this many times the mean number of rows is divided
_JOINED = 8192  # rows whose results are combined at once
_BLOCK = 20_000_000  # similarities held at once by each thread; bounds memory


def nearest(vectors: Vectors, k: int, among: Labels | None = None) -> tuple[Labels, Floats]:
    """The numbers of each row's `k` nearest neighbours and their cosines (both rows x k), ordered by number; needs more than `k` rows.

    `among` selects the rows of `vectors` that take part (default: all); numbers are indices into it.

    Up to 30,000 rows, all pairs are compared. Above that, there is one cell for every 512 rows. The cells' centres start as rows chosen by
    content and are moved to the mean of the rows nearest to them (Lloyd 1982, on a sample). Each row belongs to the cell of its nearest
    centre, and its neighbours are searched in the cells of its 8 nearest centres: an inverted file (Sivic and Zisserman 2003). If these
    cells have fewer than `k` rows, the rest is filled with -1 and a cosine of 0.

    Similarities are sums of whole numbers, and of equal ones the first is taken, so nothing depends on the machine.
    """
    among = np.arange(len(vectors)) if among is None else among
    if len(among) <= EXACT:
        return _exact(vectors if len(among) == len(vectors) else vectors[among], k)
    return _by_cells(vectors, k, among)


def content_order(vectors: Vectors, among: Labels | None = None) -> Labels:
    """The rows in a pseudo-random order that depends only on their content, so that the first ones are a sample of all."""
    among = np.arange(len(vectors)) if among is None else among
    factors = np.random.default_rng(0).integers(0, 2**63, vectors.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    number = np.empty(len(among), np.uint64)
    for start in range(0, len(among), 65_536):
        whole = on_grid(vectors[among[start : start + 65_536]]).astype(np.int64).astype(np.uint64)
        mixed = (whole * factors).sum(axis=1, dtype=np.uint64)
        number[start : start + 65_536] = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(number, kind="stable")


def _exact(vectors: Vectors, k: int) -> tuple[Labels, Floats]:
    n = len(vectors)
    grid = on_grid(vectors)
    column, weight = np.empty((n, k), np.int64), np.empty((n, k), np.float32)

    def fill(start: int) -> None:
        similarity = grid[start : start + block] @ grid.T
        here = np.arange(len(similarity))
        similarity[here, start + here] = -np.inf
        column[start : start + block], weight[start : start + block] = _greatest(similarity, k)

    block = max(1, _BLOCK // n)
    _each(fill, range(0, n, block))
    return column, weight / np.float32(GRID**2)


def _by_cells(vectors: Vectors, k: int, among: Labels) -> tuple[Labels, Floats]:
    order = content_order(vectors, among)
    near = _near_centres(vectors, among, _centres(vectors, among[order]), _LOOKED_AT)
    near = _parted(near, order)
    file = _Cells(vectors, among, near, list(members(near[:, 0])))
    column, weight = np.empty((len(among), k), np.int64), np.empty((len(among), k), np.float32)
    by_cell = np.concatenate(file.cells)
    for start in range(0, len(among), _AT_ONCE):
        rows = by_cell[start : start + _AT_ONCE]
        column[rows], weight[rows] = file.nearest(rows, k)
    return column, weight / np.float32(GRID**2)


def _parted(near: Labels, order: Labels) -> Labels:
    """Divides cells with far too many rows into equal parts, so that the work stays bounded if many texts are alike."""
    sizes = np.bincount(near[:, 0], minlength=int(near.max()) + 1)
    parts = np.maximum(-(-sizes // (_TOO_MANY * _CELL)), 1)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return cast("Labels", (np.cumsum(parts) - parts)[near] + rank[:, None] % parts[near])


@dataclass(frozen=True, slots=True)
class _Cells:
    """The rows `among` of the vectors by cells, and which cells each is `near`."""

    vectors: Vectors
    among: Labels
    near: Labels
    cells: list[Labels]

    def nearest(self, rows: Labels, k: int) -> tuple[Labels, Floats]:
        """The `k` nearest of each of the `rows`, found in the cells it is near."""
        looks = self.near.shape[1]
        found = np.full((len(rows) * looks, k), -1, np.int32)
        value = np.full((len(rows) * looks, k), -np.inf, np.float32)
        looked = list(members(self.near[rows].ravel()))

        def look(cell: int) -> None:
            own = self.cells[cell]
            grid = on_grid(self.vectors[self.among[own]]).T
            enough = min(k, len(own))
            block = max(1, _BLOCK // 8 // len(own))
            for start in range(0, len(looked[cell]), block):
                places = looked[cell][start : start + block]
                those = rows[places // looks]
                similarity = on_grid(self.vectors[self.among[those]]) @ grid
                itself = np.minimum(np.searchsorted(own, those), len(own) - 1)
                here = np.flatnonzero(np.equal(own[itself], those))
                similarity[here, itself[here]] = -np.inf
                place, value[places, :enough] = _greatest(similarity, enough)
                found[places, :enough] = own[place]

        full = min(len(looked), len(self.cells))
        _each(look, [cell for cell in range(full) if len(looked[cell]) and len(self.cells[cell])])
        return _joined(found.reshape(len(rows), -1), value.reshape(len(rows), -1), k)


def _joined(found: npt.NDArray[np.int32], value: Floats, k: int) -> tuple[Labels, Floats]:
    """The `k` greatest similarities found for each row; -1 and 0 if there are fewer."""
    column, weight = np.empty((len(found), k), np.int64), np.empty((len(found), k), np.float32)

    def join(start: int) -> None:
        some = slice(start, start + _JOINED)
        order = np.argsort(found[some], axis=1)
        place, best = _greatest(np.take_along_axis(value[some], order, axis=1), k)
        numbers = np.take_along_axis(np.take_along_axis(found[some], order, axis=1), place, axis=1)
        is_there = best > -np.inf
        column[some], weight[some] = np.where(is_there, numbers, -1), np.where(is_there, best, 0)

    _each(join, range(0, len(found), _JOINED))
    return column, weight


def _centres(vectors: Vectors, ordered: Labels) -> Floats:
    """A centre for every 512 of the rows `ordered` by content, on the grid."""
    count = max(1, len(ordered) // _CELL)
    centres, sample = in_steps(vectors[ordered[:count]]), ordered[: count * _LEARNT_ON]
    for _ in range(_ROUNDS):
        nearest_centre = _near_centres(vectors, sample, on_grid(centres), 1)[:, 0]
        moved = middles(vectors, nearest_centre, sample, groups=count)
        centres = np.where(moved.any(axis=1, keepdims=True), moved, centres)
    return on_grid(centres)


def _near_centres(vectors: Vectors, among: Labels, centres: Floats, count: int) -> Labels:
    """The numbers of the `count` centres nearest to each row, the nearest first."""
    count = min(count, len(centres))
    near = np.empty((len(among), count), np.int64)

    def fill(start: int) -> None:
        similarity = on_grid(vectors[among[start : start + block]]) @ centres.T
        found, value = _greatest(similarity, count)
        order = np.argsort(-value, axis=1, kind="stable")
        near[start : start + block] = np.take_along_axis(found, order, axis=1)

    block = max(1, _BLOCK // 4 // len(centres))
    _each(fill, range(0, len(among), block))
    return near


def _greatest(similarity: Floats, k: int) -> tuple[Labels, Floats]:
    """Each row's `k` greatest values and where they stand, in order of place; of equals the first ones."""
    n = similarity.shape[1]
    cut = np.partition(similarity, n - k, axis=1)[:, n - k]
    chosen = similarity >= cut[:, None]
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > k):
        equal = np.flatnonzero(similarity[row] == cut[row])
        above = int(np.count_nonzero(similarity[row] > cut[row]))
        chosen[row, equal[k - above :]] = False
    place = np.nonzero(chosen)[1].reshape(len(similarity), k)
    return place, cast("Floats", np.take_along_axis(similarity, place, axis=1))


def _each(work: Callable[[int], None], items: Iterable[int]) -> None:
    """Calls the function for every item, in as many threads as there are processors, each with single-threaded linear algebra."""
    from threadpoolctl import threadpool_limits

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass
