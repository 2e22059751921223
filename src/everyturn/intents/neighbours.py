"""Each row's nearest others by cosine: exact for thousands of rows, by cells for millions, the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np

from everyturn.intents.grid import GRID, Floats, Labels, members, on_grid

EXACT = 30_000  # rows up to which each is compared with each

_CELL = 512  # rows a cell holds on average
_LOOKED_AT = 16  # cells a row's neighbours are looked for in
_BLOCK = 20_000_000  # similarities held at once, by each thread


def nearest(vectors: Floats, k: int) -> tuple[Labels, Floats]:
    """The numbers of each row's `k` nearest others and their cosines, in order of number; needs more than `k` rows.

    Up to 30,000 rows every pair is compared. Of more, every 512th is a centre; each row belongs to the cell of its nearest
    centre, and its neighbours are looked for in the 16 cells nearest to the rows of its own: an inverted file (Sivic and
    Zisserman 2003) whose centres are rows chosen by content. Pairs compared grow with the rows, and centres with their
    square by 1/512. -1 and a cosine of 0 fill up where the cells hold fewer than `k`.

    Similarities are sums of whole numbers and of equals the first is taken, so nothing depends on the machine.
    """
    if len(vectors) <= EXACT:
        return _exact(vectors, k)
    return _by_cells(vectors, k)


def content_order(vectors: Floats) -> Labels:
    """The rows in an order that comes from their content and is spread evenly: a sample for those who want one."""
    factors = np.random.default_rng(0).integers(0, 2**63, vectors.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    number = np.empty(len(vectors), np.uint64)
    for start in range(0, len(vectors), 65_536):
        whole = on_grid(vectors[start : start + 65_536]).astype(np.int64).astype(np.uint64)
        mixed = (whole * factors).sum(axis=1, dtype=np.uint64)
        number[start : start + 65_536] = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(number, kind="stable")


def _exact(vectors: Floats, k: int) -> tuple[Labels, Floats]:
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


def _by_cells(vectors: Floats, k: int) -> tuple[Labels, Floats]:
    n = len(vectors)
    centres = content_order(vectors)[: n // _CELL]
    near = _near_centres(vectors, on_grid(vectors[centres]))
    cells = list(members(near[:, 0]))
    column, weight = np.full((n, k), -1), np.zeros((n, k), np.float32)

    def fill(cell: int) -> None:
        own = cells[cell]
        met = np.bincount(near[own].ravel(), minlength=len(cells))
        looked_at = np.argsort(-met, kind="stable")[:_LOOKED_AT]
        looked_at = looked_at[met[looked_at] > 0]
        candidates = np.sort(np.concatenate([cells[number] for number in looked_at]))
        grid = on_grid(vectors[candidates]).T
        block = max(1, _BLOCK // len(candidates))
        for start in range(0, len(own), block):
            rows = own[start : start + block]
            similarity = on_grid(vectors[rows]) @ grid
            place = np.minimum(np.searchsorted(candidates, rows), len(candidates) - 1)
            here = np.flatnonzero(candidates[place] == rows)
            similarity[here, place[here]] = -np.inf
            enough = min(k, len(candidates) - 1)
            if enough:
                found, value = _greatest(similarity, enough)
                column[rows, :enough], weight[rows, :enough] = candidates[found], value

    _each(fill, [number for number, own in enumerate(cells) if len(own)])
    return column, weight / np.float32(GRID**2)


def _near_centres(vectors: Floats, centres: Floats) -> Labels:
    """The numbers of the centres nearest to each row, the nearest first."""
    count = min(_LOOKED_AT // 2, len(centres))
    near = np.empty((len(vectors), count), np.int64)

    def fill(start: int) -> None:
        similarity = on_grid(vectors[start : start + block]) @ centres.T
        found, value = _greatest(similarity, count)
        order = np.argsort(-value, axis=1, kind="stable")
        near[start : start + block] = np.take_along_axis(found, order, axis=1)

    block = max(1, _BLOCK // len(centres))
    _each(fill, range(0, len(vectors), block))
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
    """Every item on its own thread, as many at once as there are processors, each with one thread of linear algebra."""
    from threadpoolctl import threadpool_limits

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass
