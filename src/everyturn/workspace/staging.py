"""Masks and stages batches of records, and merges what has been staged."""

from __future__ import annotations

from everyturn.assemble import assemble, link, merge_spans, trace_conversations, trace_ends
from everyturn.engines.link_traces import Threads
from everyturn.engines.loading import Loading, Merged
from everyturn.readers.batches import Batch
from everyturn.redact import redact
from everyturn.workspace.observing import how_texts_match


def stage_batch(loading: Loading, batch: Batch, *, salt: str, keep_personal_data: bool) -> None:
    """Stages a batch's tables. All but a team's own eval cases are masked first, unless `keep_personal_data` is set."""
    for kind, table in batch.tables.items():
        masked = table if keep_personal_data or kind.startswith("eval") else redact(table, salt=salt)
        loading.stage(kind, masked)


def merge_staged(loading: Loading) -> Merged:
    """Stores what has been staged: merges spans, assembles conversations, and links users' actions to outputs."""
    return loading.merge(
        merge=merge_spans,
        resolve=trace_conversations,
        assemble=assemble,
        threads=Threads(trace_ends, link),
        matching=how_texts_match(),
    )
