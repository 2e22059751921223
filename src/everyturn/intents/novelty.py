"""When an intent began, not the first stray text; and how far texts are from the cases of a suite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents.grid import GRID, Doubles, Floats, Labels, on_grid
from everyturn.intents.neighbours import nearest

WEEKLY_SCHEMA = pa.schema(
    [("intent_id", pa.string()), ("week", pa.date32()), ("requests", pa.int64()), ("users", pa.int64())]
)

_BATCH = 8192
_STRAY = 0.1  # of an intent's later share of requests, below which a week's texts are taken for strays


def weekly(assignments: pa.Table, requests: pa.Table) -> pa.Table:
    """Requests and distinct users by intent and week (its Monday); intent null is unclear. Requests without a time are out.

    Columns intent_id, week, requests, users, in order of intent and week.
    """
    keys = ["conversation_id", "request"]
    timed = requests.select([*keys, "user_id", "at"]).filter(pc.is_valid(requests["at"]))
    joined = timed.join(assignments.select([*keys, "intent_id"]), keys=keys, join_type="inner")
    weeks = monday(joined["at"])
    table = pa.table({"intent_id": joined["intent_id"], "week": weeks, "user_id": joined["user_id"]})
    grouped = table.group_by(["intent_id", "week"]).aggregate([([], "count_all"), ("user_id", "count_distinct")])
    grouped = grouped.sort_by([("intent_id", "ascending"), ("week", "ascending")])
    columns = ["intent_id", "week", "count_all", "user_id_count_distinct"]
    return grouped.select(columns).rename_columns(WEEKLY_SCHEMA.names).cast(WEEKLY_SCHEMA)


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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def gaps(vectors: Floats, groups: Labels, cases: Floats) -> Doubles:
    """How far each text is from all `cases`, beyond how far such texts are from each other: high where no case is like it.

    The cosine distance to the nearest case minus that to the nearest other texts (ten, or fewer where there are fewer),
    averaged over the text's group, plus half the text's own difference: so neither a tight subject nor a single odd message
    decides. Texts in no group (-1) count for themselves.
    """
    near = nearest(vectors, min(10, len(vectors) - 1))[1].mean(axis=1) if len(vectors) > 1 else np.zeros(len(vectors))
    to_case = np.full(len(vectors), -1.0)
    grid = on_grid(cases).T
    for start in range(0, len(vectors) if len(cases) else 0, _BATCH):
        rows = slice(start, start + _BATCH)
        to_case[rows] = (on_grid(vectors[rows]) @ grid).max(axis=1) / GRID**2
    own = (1 - to_case) - (1 - near.astype(np.float64))
    sizes = np.bincount(groups[groups >= 0])
    means = np.bincount(groups[groups >= 0], own[groups >= 0]) / np.maximum(sizes, 1)
    return np.round(np.append(means, 0.0)[groups] * (groups >= 0) + np.where(groups >= 0, 0.5, 1.0) * own, 6)
