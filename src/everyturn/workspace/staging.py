"""A batch of records, masked and put where the next merge finds it."""

from __future__ import annotations

from everyturn.engines.loading import Loading
from everyturn.readers.driver import Batch
from everyturn.redact import redact


def stage_batch(loading: Loading, batch: Batch, *, salt: str, keep_personal_data: bool) -> None:
    """Stages a batch's tables. A team's own eval cases are no personal data of a user; all else is masked first."""
    for kind, table in batch.tables.items():
        masked = table if keep_personal_data or kind.startswith("eval") else redact(table, salt=salt)
        loading.stage(kind, masked)
