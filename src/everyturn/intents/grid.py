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


def on_grid(vectors: Floats) -> Floats:
    """The vectors, of length 1, in whole steps of 1/4000.

    A product of two sums to less than 2^24, so float32 holds every partial sum exactly, and no order of summing, number
    of cores or kind of processor changes it.

    >>> on_grid(np.array([[0.6, 0.8]], np.float32)).tolist()
    [[2400.0, 3200.0]]
    """
    return cast("Floats", np.round(vectors * GRID).astype(np.float32))


def group_sums(grid: Floats, labels: Labels) -> Doubles:
    """The sum of each group's rows (rows labelled -1 are in none): whole numbers, so exact."""
    rows = np.flatnonzero(labels >= 0)
    shape = (int(labels.max(initial=-1)) + 1, len(labels))
    member = sp.csr_matrix((np.ones(len(rows)), (labels[rows], rows)), shape=shape)
    return cast("Doubles", member @ grid.astype(np.float64))


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
