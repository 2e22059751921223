"""Compares a signal between two sets of answers, and separates a different mix of requests from a change at the same requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from everyturn.analysis.words import counted, from_to, moved, points
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.compare import split_difference
from everyturn.stats.intervals import difference
from everyturn.stats.summaries import join, summarise_one

Verdict: TypeAlias = Literal["better", "worse", "no clear change", "not enough data"]

_SEEN = (1.96 + 0.84) / 1.96  # half ranges: a true change of this size is detected with a probability of 80%


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two sets of answers, split by intent.

    `effect` is the current rate minus the baseline's. `mix` is the part of it that comes from a different mix of requests, `within` the
    part at the same requests. `verdict` is about `within`, because a different mix of requests makes an agent neither better nor worse.
    `smallest_change` is the smallest change at the same requests that these sets would have shown with a probability of 80%. `mix`,
    `within` and `smallest_change` are None if there is not enough data.
    """

    signal: str
    current: Summary
    baseline: Summary
    effect: Estimate | NotEnough
    mix: Estimate | None
    within: Estimate | None
    verdict: Verdict
    smallest_change: float | None

    @property
    def sentence(self) -> str:
        """The result in words."""
        if isinstance(self.effect, NotEnough):
            return f"Not enough data: {counted(self.effect.users, 'user')} on one side, {self.effect.needed} needed."
        assert self.within is not None
        assert self.mix is not None
        assert self.smallest_change is not None
        seen = f"With this much data, a change of {points(self.smallest_change).lstrip('+')} would be seen four times out of five."
        at_same = moved(self.within.value, self.within.low, self.within.high)
        went = from_to(self.baseline.y / self.baseline.n, self.effect.value)
        if self.verdict == "no clear change":
            return f"No clear change of {self.signal} for the same requests: {at_same}. {seen}"
        by_mix = f"; a different mix of requests adds {points(self.mix.value)}" if abs(self.mix.value) >= 0.005 else ""
        return f"{self.signal.capitalize()} is {self.verdict}: {went}. For the same requests, {at_same}{by_mix}."


def compare_sides(sides: pa.Table, *, signal: str, better: Literal["higher", "lower"]) -> Comparison:
    """Compares the two sides of a table with a row per user, intent and side: user_id, intent_id, is_current, n, y, unknown.

    Assumes: users are independent; a user on both sides is paired with themselves.
    Method: symmetric Kitagawa split over intents (`stats.compare.split_difference`); `effect` as `stats.intervals.difference`.
    """
    user = _codes(sides["user_id"])
    intent = _codes(sides["intent_id"])
    is_current = sides["is_current"].to_numpy().astype(bool)
    n, y, unknown = (sides[name].to_numpy() for name in ("n", "y", "unknown"))
    now, then = (summarise_one(user[s], n[s], y[s], unknown[s]) for s in (is_current, ~is_current))
    shared = join(user, (n * is_current, y * is_current), (n * ~is_current, y * ~is_current)) if len(n) else None
    effect = difference(now, then, shared)
    if isinstance(effect, NotEnough):
        return Comparison(
            signal=signal,
            current=now,
            baseline=then,
            effect=effect,
            mix=None,
            within=None,
            verdict="not enough data",
            smallest_change=None,
        )
    split = split_difference(user, intent, is_current, n, y)
    sign = 1 if better == "higher" else -1
    low, high = sorted((sign * split.within.low, sign * split.within.high))
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no clear change"
    least = (split.within.high - split.within.low) / 2 * _SEEN
    return Comparison(
        signal=signal,
        current=now,
        baseline=then,
        effect=effect,
        mix=split.mix,
        within=split.within,
        verdict=verdict,
        smallest_change=min(least, 1.0),
    )


def _codes(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Each value's code, from 0 on; null has a code of its own."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    codes: np.ndarray[Any, np.dtype[np.int64]] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes
