"""Counts how often each digest has occurred, which distinguishes equal records without an id."""

from __future__ import annotations

import numpy as np


class Occurrences:
    """Counts of digests; exact, with 8 bytes for each of the many digests that occur only once."""

    def __init__(self) -> None:
        self._old = np.empty(0, np.uint64)
        self._new: set[int] = set()
        self._more: dict[int, int] = {}

    def __call__(self, digest: str) -> int:
        """How often the digest has occurred before."""
        key = int(digest[:16], 16)
        if key in self._more:
            self._more[key] += 1
            return self._more[key]
        if key in self._new or self._is_old(key):
            self._more[key] = 1
            return 1
        self._new.add(key)
        if len(self._new) > max(65_536, len(self._old) // 8):  # growing, so that all merges together cost O(n log n)
            self._old = np.union1d(self._old, np.fromiter(self._new, np.uint64, len(self._new)))
            self._new.clear()
        return 0

    def _is_old(self, key: int) -> bool:
        i = int(np.searchsorted(self._old, np.uint64(key)))
        return i < len(self._old) and int(self._old[i]) == key
