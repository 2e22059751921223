"""Similarities that are the same on every machine: vectors in whole steps, so that float sums are exact."""

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

GRID = 4000
_BATCH = 65_536


def on_grid(vectors: Floats) -> Floats:
    """The vectors, of length 1, in whole steps of 1/4000.

    A product of two sums to less than 2^24, so float32 holds every partial sum exactly, and no order of summing, number
    of cores or kind of processor changes it.

    >>> on_grid(np.array([[0.6, 0.8]], np.float32)).tolist()
    [[2400.0, 3200.0]]
    """
    return cast("Floats", np.round(vectors * GRID).astype(np.float32))


def group_sums(vectors: Floats, labels: Labels) -> Doubles:
    """The sum of each group's rows on the grid (rows labelled -1 are in none): whole numbers, so exact."""
    groups = int(labels.max(initial=-1)) + 1
    sums = np.zeros((groups, vectors.shape[1]))
    for start in range(0, len(vectors), _BATCH):
        some = labels[start : start + _BATCH]
        rows = np.flatnonzero(some >= 0)
        member = sp.csr_matrix((np.ones(len(rows)), (some[rows], rows)), shape=(groups, len(some)))
        sums += member @ on_grid(vectors[start : start + _BATCH]).astype(np.float64)
    return sums


def directions(sums: Doubles) -> Floats:
    """The rows at length 1; rows of zeros stay."""
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return cast("Floats", (sums / np.where(length > 0, length, 1)[:, None]).astype(np.float32))


def members(groups: Labels) -> Iterator[Labels]:
    """The places of each group's members, group by group."""
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(int(groups.max(initial=-1)) + 2))
    for start, end in pairwise(bounds.tolist()):
        yield order[start:end]
