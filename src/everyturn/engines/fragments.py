"""Whole conversations as Arrow tables, up to two thousand at a time: the unit of work that is sent to other processes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from everyturn.engines.links import noise_floor
from everyturn.engines.local import Database
from everyturn.engines.rows import conversations_of
from everyturn.model import NO_NOISE, Conversation, NoiseFloor

CONVERSATIONS = 2_000  # in one fragment; about 10 MB of ordinary talk
MESSAGES = 50_000  # in one fragment, unless a single conversation has more


@dataclass(frozen=True, slots=True)
class Fragment:
    """Whole conversations, ordered by id, with all that belongs to them; the tables' columns are those of `rows.conversations_of`."""

    headers: pa.Table
    messages: pa.Table
    feedback: pa.Table
    actions: pa.Table
    noise_floor: NoiseFloor = NO_NOISE

    def __len__(self) -> int:
        """How many conversations it holds."""
        rows: int = self.headers.num_rows
        return rows

    def conversations(self) -> Iterator[Conversation]:
        """The conversations, built one at a time."""
        yield from conversations_of(
            *(table.to_batches() for table in (self.headers, self.messages, self.feedback, self.actions)),
            noise_floor=self.noise_floor,
        )


def fragments(database: Database, *, among: str | None = None) -> Iterator[Fragment]:
    """All conversations, ordered by id, in fragments of at most 2,000; one fragment is in memory at a time.

    With `among`, the name of one of our tables with a column `conversation_id` (such as "pending"), only those in it. Conversations
    that are known only from a team's table of outcomes have no messages and are left out.
    """
    only = f"SEMI JOIN {among} p ON p.conversation_id = x.conversation_id" if among else ""
    few = among and database.scalar(f"SELECT count(*) FROM {among}") <= CONVERSATIONS
    # To find the rows of a few conversations first, and then to read these alone, takes a quarter of the time of one query.
    theirs = f"WHERE x.rowid IN (SELECT x.rowid FROM messages x {only})" if few else only
    messages, feedback, actions = (
        _Sorted(database.batches(sql))
        for sql in (
            (
                f'SELECT x.conversation_id, role, content, "at", tool_calls, tool_call_id, name FROM messages x {theirs}'
                " ORDER BY x.conversation_id, position"
            ),
            (
                f'SELECT x.conversation_id, name, value, label, comment, turn, source, "at" FROM feedback x {only}'
                " ORDER BY x.conversation_id, turn, name, value, label, comment"
            ),
            (
                'SELECT x.conversation_id, a.action_id, a."at" AS happened_at, a.user_id, a.kind,'
                " a.conversation_id AS named, coalesce(a.turn, x.turn) AS turn, a.artefact, a.before, a.attributes"
                f" FROM action_links x {only} JOIN actions a USING (action_id)"
                " UNION ALL SELECT conversation_id, 'return ' || by_conversation, \"at\", user_id, 'returned', NULL, NULL, NULL, NULL,"
                f" json_object('channel', channel)::VARCHAR FROM returns x {only}"
                " ORDER BY conversation_id, happened_at, action_id"
            ),
        )
    )
    headers = database.batches(
        "SELECT x.conversation_id, user_id, started_at, attributes, x.messages FROM conversations x"
        f" {only} WHERE origin <> 'outcomes' ORDER BY x.conversation_id",
    )
    floor = noise_floor(database)
    for some in _cut(headers):
        last: str = some["conversation_id"][-1].as_py()
        yield Fragment(some, messages.up_to(last), feedback.up_to(last), actions.up_to(last), floor)


def _cut(headers: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The headers in slices of at most `CONVERSATIONS` rows and `MESSAGES` messages; a single row may have more."""
    for batch in headers:
        running = pc.cumulative_sum(pc.fill_null(batch["messages"], 0).cast(pa.int64())).to_pylist()
        table = pa.Table.from_batches([batch]).drop_columns(["messages"])
        start = before = 0
        while start < batch.num_rows:
            end = bisect_right(running, before + MESSAGES, lo=start)
            end = min(max(end, start + 1), start + CONVERSATIONS, batch.num_rows)
            yield table.slice(start, end - start)
            start, before = end, running[end - 1]


class _Sorted:
    """A stream of batches ordered by conversation id (in byte order), consumed range by range."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = next(batches, None)
        self._schema = self._rest.schema if self._rest is not None else pa.schema([("conversation_id", pa.string())])

    def up_to(self, last: str) -> pa.Table:
        """The rows up to and including the id `last` that have not been taken yet."""
        taken = []
        while self._rest is not None:
            ids = self._rest["conversation_id"]
            cut = bisect_right(range(len(ids)), last, key=lambda row: ids[row].as_py())
            taken.append(self._rest.slice(0, cut))
            if cut < len(ids):
                self._rest = self._rest.slice(cut)
                break
            self._rest = next(self._batches, None)
        return pa.Table.from_batches(taken, self._schema)
