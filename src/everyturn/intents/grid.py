"""Similarities that are the same on every machine: vectors are rounded to whole steps, so that sums of floats are exact."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int64]
Steps: TypeAlias = npt.NDArray[np.int16]
Vectors: TypeAlias = (
    Floats | Steps
)  # rows of length 1, as such or in whole steps of 1/4000; a row of zeros says nothing

GRID = 4000
_BATCH = 16_384
_GROUPS = 16_384


def in_steps(vectors: Vectors) -> Steps:
    """The same vectors as whole numbers of steps, in 16 bits each: half the memory of floats."""
    if vectors.dtype == np.int16:
        return cast("Steps", vectors)
    return np.round(vectors * GRID).astype(np.int16)


def on_grid(vectors: Vectors) -> Floats:
    """Vectors of length 1, rounded to whole numbers of steps of 1/4000, to be multiplied.

    Every partial sum of a dot product of two of them is below 2^24 and so exact in float32. The result therefore depends neither on the
    order of summation nor on the number of cores or the processor.

    >>> on_grid(np.array([[0.6, 0.8]], np.float32)).tolist()
    [[2400.0, 3200.0]]
    """
    if vectors.dtype == np.int16:
        return vectors.astype(np.float32)
    return cast("Floats", np.round(vectors * GRID).astype(np.float32, copy=False))


def group_sums(vectors: Vectors, labels: Labels, among: Labels | None = None) -> Doubles:
    """The sum of each group's rows on the grid, which is exact; rows labelled -1 are in no group.

    `labels` are those of all rows, or of the rows `among`.
    """
    sums = np.zeros((int(labels.max(initial=-1)) + 1, vectors.shape[1]))
    _add(sums, vectors, np.arange(len(vectors)) if among is None else among, labels)
    return sums


def middles(vectors: Vectors, labels: Labels, among: Labels, *, groups: int) -> Steps:
    """The mean direction of each group in whole steps, given the group of each of the rows `among`; zeros for an empty group.

    Groups are processed in batches, because there may be as many groups as rows.
    """
    found = np.empty((groups, vectors.shape[1]), np.int16)
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    for start in range(0, groups, _GROUPS):
        sums = np.zeros((min(_GROUPS, groups - start), vectors.shape[1]))
        some = slice(*np.searchsorted(ordered, [start, start + _GROUPS]).tolist())
        _add(sums, vectors, among[order[some]], ordered[some] - start)
        found[start : start + _GROUPS] = in_steps(directions(sums))
    return found


def _add(sums: Doubles, vectors: Vectors, among: Labels, labels: Labels) -> None:
    """Adds each of the rows `among` to the sum of its group."""
    for start in range(0, len(among), _BATCH):
        some = labels[start : start + _BATCH]
        rows = np.flatnonzero(some >= 0)
        member = sp.csr_matrix((np.ones(len(rows)), (some[rows], rows)), shape=(len(sums), len(some)))
        sums += member @ on_grid(vectors[among[start : start + _BATCH]]).astype(np.float64)


def directions(sums: Doubles) -> Floats:
    """The rows at length 1; rows of zeros stay."""
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return cast("Floats", (sums / np.where(length > 0, length, 1)[:, None]).astype(np.float32))


def members(groups: Labels) -> Iterator[Labels]:
    """For each group the row numbers of its members."""
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(int(groups.max(initial=-1)) + 2))
    for start, end in pairwise(bounds.tolist()):
        yield order[start:end]
