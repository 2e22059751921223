"""The verb `compare`: the difference of a signal between two sets of conversations."""

from __future__ import annotations

from everyturn.analysis.comparison import Comparison, compare_sides
from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.signals import Signal
from everyturn.stats.intervals import rate


def compare_sets(db: Database, signal: Signal, *, current: str, baseline: str) -> Comparison:
    """Compares a signal between two sets of answers, adjusted for the mix of intents. Intents must have been found."""
    sides = metrics.sides(db, signal.name, current=current, baseline=baseline)
    return compare_sides(sides, signal=signal.name, better=signal.better)


def compared_json(made: Comparison, *, current: str, baseline: str) -> dict[str, Json]:
    """A comparison as fields of a result; `current` and `baseline` are the conditions that define the two sets."""
    return {
        "current": {"where": current, **rate(made.current).to_json()},
        "baseline": {"where": baseline, **rate(made.baseline).to_json()},
        "effect": made.effect.to_json(),
        "mix": made.mix.to_json() if made.mix else None,
        "within": made.within.to_json() if made.within else None,
        "verdict": made.verdict,
        "smallest_change": made.smallest_change,
        "sentence": made.sentence,
    }
