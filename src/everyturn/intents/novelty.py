"""When an intent began: the first week from which it holds, not the first stray text."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents.grid import Labels

WEEKLY_SCHEMA = pa.schema([("intent_id", pa.string()), ("week", pa.date32()), ("requests", pa.int64()), ("users", pa.int64())])

_STRAY = 0.1  # of an intent's later share of requests, below which a week's texts are taken for strays


def weekly(assignments: pa.Table, requests: pa.Table) -> pa.Table:
    """Requests and distinct users by intent and week (its Monday); intent null is unclear. Requests without a time are out.

    Columns intent_id, week, requests, users, in order of intent and week.
    """
    joined = _with_intents(assignments, requests)
    joined = joined.filter(pc.is_valid(joined["at"]))
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


def _with_intents(assignments: pa.Table, requests: pa.Table) -> pa.Table:
    keys = ["conversation_id", "request"]
    right = assignments.select([*keys, "intent_id"])
    return requests.select([*keys, "user_id", "at"]).join(right, keys=keys, join_type="inner")


def count_weeks(codes: Labels, times: pa.ChunkedArray, groups: int) -> tuple[Labels, list[Any]]:
    """Requests by group (rows) and week (columns, every week from the first to the last), and the weeks' Mondays."""
    days = cast("np.ndarray[Any, Any]", monday(times).combine_chunks().cast(pa.int32()).to_numpy(zero_copy_only=False))
    known = np.flatnonzero(~np.isnan(days.astype(np.float64)))
    if not len(known):
        return np.zeros((groups, 0), np.int64), []
    number = ((days[known] - days[known].min()) // 7).astype(np.int64)
    weeks = int(number.max()) + 1
    counts = np.zeros((groups + 1, weeks), np.int64)
    np.add.at(counts, (np.where(codes[known] >= 0, codes[known], groups), number), 1)
    first = int(days[known].min())
    return counts, [first + 7 * week for week in range(weeks)]
