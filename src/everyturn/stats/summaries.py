"""From per-user totals to summaries: all groups in one pass, with no user counted twice within a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everyturn.stats import Summary

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Joint:
    """The cross totals of two groups over the users seen in both, from which a paired comparison is computed.

    `nn` = Σ n¹_u n²_u, `ny` = Σ n¹_u y²_u, `yn` = Σ y¹_u n²_u, `yy` = Σ y¹_u y²_u, where ¹ and ² are the two groups. Cross totals of
    disjoint sets of users can be added.
    """

    users: int
    nn: float
    ny: float
    yn: float
    yy: float

    def __add__(self, other: Joint) -> Joint:
        """The cross totals of both together. Assumes no user is in both."""
        return Joint(
            self.users + other.users,
            self.nn + other.nn,
            self.ny + other.ny,
            self.yn + other.yn,
            self.yy + other.yy,
        )


def sum_by(code: Codes, values: Floats, size: int) -> Floats:
    """The sum of `values` per code 0 … size-1.

    >>> sum_by(np.array([0, 2, 0]), np.array([1.0, 2.0, 4.0]), 3).tolist()
    [5.0, 0.0, 2.0]
    """
    sums: Floats = np.bincount(code, weights=values, minlength=size).astype(float, copy=False)
    return sums


def per_user(key: Sequence[int] | Codes, *values: Sequence[float] | Floats) -> tuple[Codes, list[Floats]]:
    """The distinct keys in ascending order, and each of `values` summed over the rows of one key.

    >>> keys, (n,) = per_user([7, 3, 7], [1.0, 2.0, 4.0])
    >>> keys.tolist(), n.tolist()
    ([3, 7], [2.0, 5.0])
    """
    keys, place = distinct(np.asarray(key, dtype=np.int64))
    return keys, [sum_by(place, np.asarray(v, dtype=float), len(keys)) for v in values]


def distinct(code: Codes) -> tuple[Codes, Codes]:
    """The distinct codes, which are 0 or more, in ascending order, and the place of each row's among them.

    >>> codes, place = distinct(np.array([7, 3, 7]))
    >>> codes.tolist(), place.tolist()
    ([3, 7], [1, 0, 1])
    """
    size = int(code.max()) + 1 if len(code) else 0
    if size > len(code):
        return np.unique(code, return_inverse=True)
    seen = np.zeros(
        size, dtype=bool
    )  # codes that lie close are marked, which takes a twentieth of the time of sorting them
    seen[code] = True
    codes = np.flatnonzero(seen)
    place = np.zeros(size, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    return codes, place[code]


def summarise(
    group: Sequence[int] | Codes,
    user: Sequence[int] | Codes,
    n: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    unknown: Sequence[float] | Floats | None = None,
    *,
    groups: int,
) -> list[Summary]:
    """One summary for each group code 0 … groups-1; there may be any number of rows per user and group.

    `user` holds codes from 0 on, `n`, `y` and `unknown` a row's number of known answers, their sum and the number of unknown ones. A
    user who has only unknown answers counts in `unknown` alone.

    >>> summarise([0, 0, 1], [0, 0, 1], [1, 2, 1], [1, 1, 0], groups=2)[0]
    Summary(users=1, n=3.0, y=2.0, nn=9.0, ny=6.0, yy=4.0, unknown=0)
    """
    user_codes = np.asarray(user, dtype=np.int64)
    width = int(user_codes.max()) + 1 if len(user_codes) else 1
    missing = np.zeros(len(user_codes)) if unknown is None else np.asarray(unknown, dtype=float)
    keys, (n_u, y_u, unknown_u) = per_user(np.asarray(group, dtype=np.int64) * width + user_codes, n, y, missing)
    of = keys // width
    totals = ((n_u > 0).astype(float), n_u, y_u, n_u * n_u, n_u * y_u, y_u * y_u, unknown_u)
    columns = [sum_by(of, values, groups).tolist() for values in totals]
    return [
        Summary(round(users), sn, sy, nn, ny, yy, round(missed))
        for users, sn, sy, nn, ny, yy, missed in zip(*columns, strict=True)
    ]


def summarise_one(
    user: Sequence[int] | Codes,
    n: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    unknown: Sequence[float] | Floats | None = None,
) -> Summary:
    """The summary of all the rows as one group.

    >>> summarise_one([0, 1], [2, 1], [1, 1]).effective_users
    1.8
    """
    return summarise(np.zeros(len(user), dtype=np.int64), user, n, y, unknown, groups=1)[0]


def join(user: Sequence[int] | Codes, current: tuple[Floats, Floats], baseline: tuple[Floats, Floats]) -> Joint:
    """The cross totals of two groups, from rows with the (n, y) of the current and of the baseline group.

    A row that belongs to one group only has zeros for the other. Rows of the same user are added up first.

    >>> zero, one = np.zeros(2), np.ones(2)
    >>> join([0, 0], (np.array([1.0, 0.0]), zero), (np.array([0.0, 2.0]), one))
    Joint(users=1, nn=2.0, ny=2.0, yn=0.0, yy=0.0)
    """
    _, (n1, y1, n2, y2) = per_user(user, *current, *baseline)
    return joint_of_users((n1, y1), (n2, y2))


def summary_of_users(n: Floats, y: Floats) -> Summary:
    """The summary of a group, from the number of answers of each user, 0 for one outside it, and their sum.

    >>> summary_of_users(np.array([2.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    Summary(users=2, n=3.0, y=2.0, nn=5.0, ny=3.0, yy=2.0, unknown=0)
    """
    return Summary(int(np.count_nonzero(n)), float(n.sum()), float(y.sum()), float(n @ n), float(n @ y), float(y @ y))


def joint_of_users(current: tuple[Floats, Floats], baseline: tuple[Floats, Floats]) -> Joint:
    """The cross totals of two groups, from (n, y) of the same users in each, in the same order; n is 0 for a user outside a group.

    >>> joint_of_users((np.array([1.0, 0.0]), np.zeros(2)), (np.array([2.0, 3.0]), np.ones(2)))
    Joint(users=1, nn=2.0, ny=1.0, yn=0.0, yy=0.0)
    """
    (n1, y1), (n2, y2) = current, baseline
    return Joint(
        int(np.count_nonzero((n1 > 0) & (n2 > 0))),
        float(n1 @ n2),
        float(n1 @ y2),
        float(y1 @ n2),
        float(y1 @ y2),
    )
