"""The week an intent began: the first in which it was asked for in earnest, not that of a stray early text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents.grid import Labels

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRAY = 0.1  # of an intent's later share of requests, below which a week's texts are taken for strays


def monday(times: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The Monday of each time's week, in UTC."""
    return pc.floor_temporal(times, 1, unit="week", week_starts_monday=True).cast(pa.date32())


def began(intent: Labels, everything: Labels) -> int | None:
    """The number of the week from which an intent holds, None where it has no request.

    `intent` counts its requests by week, `everything` all requests. It holds in a week when its share of all requests is a
    tenth of what it is later, and from its first week on when that is so in most of the next four. So neither a few early
    strays nor a growing number of requests in all move the date.

    >>> began(np.array([1, 0, 0, 9, 12, 10, 11]), np.array([100, 100, 100, 100, 100, 100, 100]))
    3
    >>> began(np.array([2, 2, 3, 2]), np.array([10, 12, 11, 9]))
    0
    """
    present = np.flatnonzero(intent)
    if not len(present):
        return None
    share = intent / np.maximum(everything, 1)
    later = share[present][len(present) // 2 :]
    level = float(np.median(later))
    expected = _STRAY * level * everything
    holds = intent >= np.maximum(expected, 1)
    for week in present:
        following = holds[week : week + 5]
        if following[0] and following.mean() > 0.5:
            return int(week)
    return int(present[0])


def first_weeks(groups: Labels, times: pa.ChunkedArray) -> list[datetime | None]:
    """For each group the start of the week from which it holds (see `began`), given each request's group and time."""
    days = times.combine_chunks().cast(pa.timestamp("us"))
    weeks = monday(days).cast(pa.int32())
    is_dated = pc.is_valid(weeks).to_numpy(zero_copy_only=False)
    n_groups = int(groups.max(initial=-1)) + 1
    if not is_dated.any():
        return [None] * n_groups
    mondays = weeks.fill_null(0).to_numpy().astype(np.int64)
    first = int(mondays[is_dated].min())
    number = (mondays[is_dated] - first) // 7
    counts = np.zeros((n_groups + 1, int(number.max()) + 1), np.int64)
    np.add.at(counts, (np.where(groups[is_dated] >= 0, groups[is_dated], n_groups), number), 1)
    everything = counts.sum(axis=0)
    starts = [began(counts[group], everything) for group in range(n_groups)]
    return [None if week is None else _EPOCH + timedelta(days=first + 7 * week) for week in starts]
