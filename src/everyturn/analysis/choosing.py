"""Which real requests to make eval cases of: those that stand for the most traffic and the most failures no case tests.

A request is stood for by a case of its own intent, the better the more alike they are worded. The value of a set of cases is
the sum over all requests of their weight times how well the best case stands for them (facility location, Cornuejols, Fisher
& Nemhauser 1977): monotone and submodular, so that taking the best next case again and again reaches at least 1 - 1/e (63%)
of what any set of that size could (Nemhauser, Wolsey & Fisher 1978). Gains only fall as cases are added, so a case whose old
gain is below the best new one need not be looked at again (lazy greedy, Minoux 1978).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from everyturn.stats.summaries import Codes, Floats

# How well any case of its intent stands for a request: half comes from the intent, half from the words.
_SAME_INTENT = 0.5
_BLOCK = 64  # candidates whose likeness to a whole intent is held at once


@dataclass(frozen=True, slots=True)
class Demand:
    """The requests of one intent: their words as rows of unit length, and their weights.

    `candidates` are the rows that may become cases; `tested` the words of the cases the intent has already.
    """

    words: sparse.csr_matrix
    weight: Floats
    candidates: Codes
    tested: sparse.csr_matrix | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A request chosen: its intent's place, its row there, and what it adds to the value of all before it."""

    intent: int
    row: int
    gain: float


def choose(demands: Sequence[Demand], count: int) -> list[Choice]:
    """The next `count` requests, the most valuable first; fewer where nothing more would add anything.

    Cost: one pass over candidates x requests of each intent, then one row for each look again; memory one block of it.
    """
    pools = [_Pool(demand) for demand in demands]
    queue = [
        (-round(gain, 12), intent, int(row))
        for intent, pool in enumerate(pools)
        for row, gain in zip(pool.demand.candidates, pool.first_gains(), strict=True)
    ]
    heapq.heapify(queue)
    fresh = [0] * len(pools)  # how many choices of its intent a gain was worked out after
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
    """One intent's requests and how well each is stood for so far."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.best: NDArray[np.float64] = np.zeros(demand.words.shape[0])
        if demand.tested is not None:
            for start in range(0, demand.tested.shape[0], _BLOCK):
                self.best = np.maximum(self.best, self._stands(demand.tested[start : start + _BLOCK]).max(axis=0))

    def first_gains(self) -> Floats:
        """Every candidate's gain before any choice."""
        rows, blocks = self.demand.candidates, []
        for start in range(0, len(rows), _BLOCK):
            stands = self._stands(self.demand.words[rows[start : start + _BLOCK]])
            blocks.append(np.maximum(stands - self.best, 0) @ self.demand.weight)
        return np.concatenate(blocks) if blocks else np.zeros(0)

    def gain(self, row: int) -> float:
        """What one candidate would add now."""
        stands = self._stands(self.demand.words[[row]])[0]
        return float(np.maximum(stands - self.best, 0) @ self.demand.weight)

    def take(self, row: int) -> None:
        """Makes a case of it."""
        self.best = np.maximum(self.best, self._stands(self.demand.words[[row]])[0])

    def _stands(self, cases: sparse.csr_matrix) -> Floats:
        """How well each of some cases stands for each request, from 0 to 1."""
        alike: Floats = (cases @ self.demand.words.T).toarray()
        return _SAME_INTENT + (1 - _SAME_INTENT) * np.clip(alike, 0, 1)
