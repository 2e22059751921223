"""Chooses real requests to turn into eval cases: those that represent the most traffic and the most failures no case tests yet.

A case represents the requests of its own intent, and the better the more similar their wording is. The value of a set of cases is the sum,
over all requests, of the request's weight times how well the best case represents it (facility location, Cornuejols, Fisher & Nemhauser
1977). This function is monotone and submodular, so repeatedly taking the best next case reaches at least 1 - 1/e (63%) of the value of
any set of that size (Nemhauser, Wolsey & Fisher 1978). Gains can only fall as cases are added, so a case whose earlier gain is below the
best current one need not be evaluated again (lazy greedy, Minoux 1978).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from everyturn.stats.summaries import Codes, Floats

# How well a case represents a request of its intent: half comes from the intent, half from the similarity of words.
_SAME_INTENT = 0.5
_BLOCK = 64  # candidates compared with a whole intent at once; bounds memory


@dataclass(frozen=True, slots=True)
class Demand:
    """The requests of one intent: their words as rows of unit length, and their weights.

    `candidates` are the numbers of the rows that may become cases, `tested` the words of the cases the intent already has.
    """

    words: sparse.csr_matrix
    weight: Floats
    candidates: Codes
    tested: sparse.csr_matrix | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen request: the number of its intent, its row there, and what it adds to the value of those chosen before."""

    intent: int
    row: int
    gain: float


def choose(demands: Sequence[Demand], count: int) -> list[Choice]:
    """The next `count` requests to make cases of, the most valuable first; fewer if no further one would add anything.

    Cost: one pass over candidates x requests of each intent, then one row for each gain computed again.
    """
    pools = [_Pool(demand) for demand in demands]
    queue = [
        (-round(gain, 12), intent, int(row))
        for intent, pool in enumerate(pools)
        for row, gain in zip(pool.demand.candidates, pool.first_gains(), strict=True)
    ]
    heapq.heapify(queue)
    fresh = [0] * len(pools)  # the number of choices so far in each intent; a gain computed after fewer is out of date
    seen: dict[tuple[int, int], int] = {}
    chosen: list[Choice] = []
    while queue and len(chosen) < count:
        bound, intent, row = heapq.heappop(queue)
        if bound >= 0:
            break
        if seen.get((intent, row), 0) < fresh[intent]:
            seen[intent, row] = fresh[intent]
            heapq.heappush(queue, (-round(pools[intent].gain(row), 12), intent, row))
            continue
        pools[intent].take(row)
        fresh[intent] += 1
        chosen.append(Choice(intent, row, float(-bound)))
    return chosen


class _Pool:
    """One intent's requests, and how well each is represented by the cases so far."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        own = np.unique(demand.words.indices)  # of all words those of this intent
        self.words = demand.words[:, own]
        self.requests = (
            self.words.T.tocsr()
        )  # per word, the requests it occurs in: only those of its own words meet a case
        self.best: NDArray[np.float64] = np.zeros(demand.words.shape[0])
        if demand.tested is not None:
            tested = demand.tested[:, own]
            for start in range(0, tested.shape[0], _BLOCK):
                self.best = np.maximum(self.best, self._stands(tested[start : start + _BLOCK]).max(axis=0))

    def first_gains(self) -> Floats:
        """The gain of every candidate before anything is chosen."""
        rows, blocks = self.demand.candidates, []
        for start in range(0, len(rows), _BLOCK):
            stands = self._stands(self.words[rows[start : start + _BLOCK]])
            blocks.append(np.maximum(stands - self.best, 0) @ self.demand.weight)
        return np.concatenate(blocks) if blocks else np.zeros(0)

    def gain(self, row: int) -> float:
        """The current gain of one candidate."""
        stands = self._stands(self.words[[row]])[0]
        return float(np.maximum(stands - self.best, 0) @ self.demand.weight)

    def take(self, row: int) -> None:
        """Adds a case made of the request in this row."""
        self.best = np.maximum(self.best, self._stands(self.words[[row]])[0])

    def _stands(self, cases: sparse.csr_matrix) -> Floats:
        """How well each of these cases represents each request, 0 to 1 (cases x requests)."""
        alike: Floats = (cases @ self.requests).toarray()
        return _SAME_INTENT + (1 - _SAME_INTENT) * np.clip(alike, 0, 1)
