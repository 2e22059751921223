"""Blind spots: cohorts and intents with so few answers that a fall that matters could go unseen for four weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everyturn.analysis.panel import Panel
from everyturn.analysis.words import counted, listed, percent, quoted
from everyturn.stats import Summary
from everyturn.stats.intervals import NEEDED_USERS, smallest_change
from everyturn.stats.summaries import summarise

WORTH = 0.1  # of acceptance, i.e. 10 points: a fall nobody would want to miss
_NAMED = 4


@dataclass(frozen=True, slots=True)
class BlindSpots:
    """The cohorts, or the intents, in which a fall of `WORTH` could go unseen for four weeks; those with most answers come first.

    `slices` holds their names and the smallest change that four weeks would probably show, None if they would show none. `of` is the
    number of all cohorts or intents, `unnamed` the number of blind ones with too few people to be named, and `share` the blind ones'
    share of all answers.
    """

    kind: str
    slices: tuple[tuple[str, float | None], ...]
    unnamed: int
    of: int
    share: float

    @property
    def sentence(self) -> str:
        """The blind spots in words: what to know if nothing was found.

        >>> print(BlindSpots("cohort", (("Support", 0.18), ("Admins", None)), 0, 5, 0.07).sentence)
        In 2 of 5 cohorts (7.0% of answers), acceptance could fall by 10 points without it showing within four weeks. The smallest fall that would probably show: Support 18 points, Admins none.
        """
        worth = f"{WORTH * 100:.0f} points"
        blind = len(self.slices) + self.unnamed
        if not blind:
            return f"If acceptance fell by {worth} in any {self.kind}, it would probably show within four weeks."
        quote = quoted if self.kind == "intent" else str
        named = [f"{quote(name)} {_change(least)}" for name, least in self.slices[:_NAMED]]
        more = blind - len(named)
        rest = [f"{more} more"] if more else []
        told = f"The smallest fall that would probably show: {_listed([*named, *rest])}."
        if not named:
            told = f"All have fewer than {NEEDED_USERS} people."
        return (
            f"In {blind} of {counted(self.of, self.kind)} ({percent(self.share)} of answers), acceptance could fall by {worth}"
            f" without it showing within four weeks. {told}"
        )

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "kind": self.kind,
            "slices": [{self.kind: name, "smallest_change": least} for name, least in self.slices],
            "unnamed": self.unnamed,
            "of": self.of,
            "share": round(self.share, 6),
            "sentence": self.sentence,
        }


def least_change(total: Summary, weeks: int) -> float | None:
    """The smallest change that four more weeks would probably show, as a share; None if they would show none.

    `total` holds all known answers of a slice, `weeks` is the number of weeks with a known answer in the whole product (`weeks_known`).
    """
    least = smallest_change(total, weeks=max(weeks, 1))
    return round(least, 6) if isinstance(least, float) and least < 1 else None


def blind_spots(panel: Panel, names: Mapping[str, str]) -> tuple[BlindSpots, ...]:
    """The blind spots of the cohorts, if there are several, and of the intents; empty without any answer."""
    rows, weeks = panel.rows("acceptance"), panel.weeks_known("acceptance")
    found = []
    intents = [None if i is None else names.get(i, i) for i in panel.intents]
    for kind, code, labels in (("cohort", rows.cohort, panel.cohorts), ("intent", rows.intent, intents)):
        totals = summarise(code, rows.user, rows.n, rows.y, groups=len(labels))
        there = [(name, total) for name, total in zip(labels, totals, strict=True) if name is not None and total.n > 0]
        least_many = 2 if kind == "cohort" else 1  # a single cohort is everyone
        if len(there) < least_many:
            continue
        blind, unnamed, answers = [], 0, 0.0
        for name, total in sorted(there, key=lambda each: (-each[1].n, each[0])):
            least = least_change(total, weeks)
            if least is not None and round(least, 2) <= WORTH:
                continue
            answers += total.n
            if total.users < NEEDED_USERS:
                unnamed += 1
            else:
                blind.append((name, least))
        found.append(BlindSpots(kind, tuple(blind), unnamed, len(there), answers / float(rows.n.sum())))
    return tuple(found)


def _change(least: float | None) -> str:
    return "none" if least is None else f"{least * 100:.0f} points"


def _listed(parts: list[str]) -> str:
    return ", ".join(parts) if not parts[-1].endswith(" more") else listed(parts)
