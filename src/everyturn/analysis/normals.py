"""A new normal: from a day on, the level of one node is learnt anew within days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from everyturn.analysis.ledger import COHORTS, INTENTS

if TYPE_CHECKING:
    from everyturn.analysis.monitor import Monitor


def renew_node(monitor: Monitor, signal: int, cohort: str | None, intent: str | None) -> None:
    """Lowers what a node's level rests on to 50 answers, and forgets what its streams had gathered."""
    c, k = monitor.cohorts.codes.get(cohort) if cohort else None, monitor.intents.codes.get(intent) if intent else None
    for level, part in enumerate(monitor.parts[:4]):
        keys = part.slots.keys()
        if level == 0:
            hit = (keys == signal) & (cohort is None and intent is None)
        elif level == 1:
            hit = (keys // COHORTS == signal) & ((c is None and intent is None) | (keys % COHORTS == c))
        elif level == 2:
            hit = (keys // INTENTS == signal) & ((k is None and cohort is None) | (keys % INTENTS == k))
        else:
            cell = keys % (COHORTS * INTENTS)
            hit = keys // (COHORTS * INTENTS) == signal
            hit &= (c is None) | (cell // INTENTS == c)
            hit &= (k is None) | (cell % INTENTS == k)
        own = np.flatnonzero(hit)
        part.n[own] = np.minimum(part.n[own], 50.0)
    keys = monitor.stream_keys()
    hit = (keys >> 28) // 4 == signal
    hit &= (c is None) | ((keys >> 16) % COHORTS == (c or 0) + 1)
    hit &= (k is None) | (keys % INTENTS == (k or 0) + 1)
    monitor.product[: len(keys)][hit] = 0.0
    monitor.score[: len(keys)][hit] = 0.0
