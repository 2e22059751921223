"""Trust, i.e. how far users rely on the answers: by user, by cohort and week, and how far it fell in a cohort."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from everyturn.analysis import Weekly, weekly_json
from everyturn.analysis.panel import Mask, Panel, Rows
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.intervals import NEEDED_USERS, half_width, rate
from everyturn.stats.summaries import Codes, Floats, per_user, sum_by, summarise_one

PARTS: Mapping[str, tuple[str, ...]] = {
    "unmodified acceptance": ("acceptance",),
    "depth of edits": ("edit_share", "edits"),
    "verification": ("complaint",),
    "rework": ("rework",),
}
"""The parts of trust and the signal each is read from, the first one present; all but acceptance count as 1 - rate."""

PRIOR_OUTPUTS = 9.0  # a user's own answers weigh as much as the cohort's at nine: 1/correlation - 1 at .10, as measured
# Half ranges by which the range of a fall must stay below 0: several cohorts are tested, and a change of one intent affects each.
_SURER = 0.2


@dataclass(frozen=True, slots=True)
class UserTrust:
    """One user's trust: the mean of the available parts, each between 0 and 1 (more is better) and shrunk towards the user's cohort."""

    user_id: str
    cohort: str
    outputs: int
    trust: float
    low: float
    high: float
    parts: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "user_id": self.user_id,
            "cohort": self.cohort,
            "outputs": self.outputs,
            "trust": round(self.trust, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "parts": {name: round(value, 6) for name, value in self.parts.items()},
        }


@dataclass(frozen=True, slots=True)
class CohortTrust:
    """A cohort's trust, in which each user counts once: over all complete weeks, by week, and its parts."""

    cohort: str
    trust: Estimate | NotEnough
    parts: Mapping[str, Estimate | NotEnough]
    weekly: tuple[Weekly, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "cohort": self.cohort,
            "trust": self.trust.to_json(),
            "parts": {name: part.to_json() for name, part in self.parts.items()},
            "trust_weekly": weekly_json(self.weekly),
        }


@dataclass(frozen=True, slots=True)
class TrustDrop:
    """A fall of a cohort's trust.

    `since` is the week of the panel in which it began. `change` is trust from that week on minus `baseline`, the trust before; `parts` holds
    the changes of its parts, `others` that of all other cohorts together, `total` that of the whole product.
    """

    cohort: int
    since: int
    found_at: date
    baseline: Estimate
    change: Estimate
    parts: Mapping[str, Estimate]
    others: Estimate | None
    total: Estimate | None


def trust_parts(
    panel: Panel, *, weeks: int | None = None, only: Collection[str] = tuple(PARTS)
) -> tuple[dict[str, Rows], int]:
    """The available parts of trust, as rows in which `y` counts good answers, and the number of complete weeks in which all are known.

    `weeks` looks at the panel as if only so many weeks had passed; `only` selects parts.
    """
    found = {}
    for name, signals in PARTS.items():
        signal = next((s for s in signals if panel.rows(s).n.any()), None)  # one that knows nothing is no part
        if signal is not None and name in only:
            rows, count = panel.trend(signal, weeks=weeks)
            good = rows.y if signal == "acceptance" else rows.n - rows.y
            found[name] = (replace(rows, y=good), count)
    count = min((count for _, count in found.values()), default=0)
    return {name: rows.take(rows.week < count) for name, (rows, _) in found.items()}, count


def user_trust(panel: Panel) -> list[UserTrust]:
    """The trust of every user over the complete weeks, in the order of their ids.

    Each part is (y + 9 m)/(n + 9): the user's own answers and nine imagined ones at the cohort's rate m. A part without answers of a user
    is the cohort's. The 95% range is that of the corresponding beta distributions; the parts are assumed to vary together, which makes it
    rather too wide. A user in several cohorts counts in the one where most of their outputs are.
    """
    parts, _ = trust_parts(panel)
    if not any(len(rows) for rows in parts.values()):
        return []
    users, cohorts = len(panel.users), len(panel.cohorts)
    asked, home = home_cohorts(panel)
    values, errors = [], []
    for rows in parts.values():
        n, y = sum_by(rows.user, rows.n, users), sum_by(rows.user, rows.y, users)
        known = sum_by(home, n, cohorts)
        overall = y.sum() / max(n.sum(), 1e-300)
        level = np.where(known > 0, sum_by(home, y, cohorts) / np.maximum(known, 1e-300), overall)
        shrunk = (y + PRIOR_OUTPUTS * level[home]) / (n + PRIOR_OUTPUTS)
        values.append(shrunk)
        errors.append(np.sqrt(shrunk * (1 - shrunk) / (n + PRIOR_OUTPUTS + 1)))
    trust, half = np.mean(values, axis=0), 1.96 * np.mean(errors, axis=0)
    return [
        UserTrust(
            user_id=panel.users[int(u)],
            cohort=panel.cohorts[int(home[u])],
            outputs=int(asked[u]),
            trust=float(trust[u]),
            low=float(max(trust[u] - half[u], 0.0)),
            high=float(min(trust[u] + half[u], 1.0)),
            parts={name: float(value[u]) for name, value in zip(parts, values, strict=True)},
        )
        for u in np.flatnonzero(asked > 0)
    ]


def home_cohorts(panel: Panel) -> tuple[Floats, Codes]:
    """The number of outputs of each user, and the code of the cohort in which most of them are."""
    rows, cohorts = panel.traffic, len(panel.cohorts)
    keys, (asked,) = per_user(rows.user * cohorts + rows.cohort, rows.n)
    user, cohort = np.divmod(keys, cohorts)
    home = np.zeros(len(panel.users), dtype=np.int64)
    order = np.argsort(asked, kind="stable")
    home[user[order]] = cohort[order]  # the last write wins: the cohort asked most
    return sum_by(user, asked, len(panel.users)), home


def cohort_trust(panel: Panel) -> list[CohortTrust]:
    """The trust of every cohort, in alphabetical order; cohorts of which nothing is known are left out."""
    parts, weeks = trust_parts(panel)
    found = []
    for code, name in enumerate(panel.cohorts):
        own = [rows.take(rows.cohort == code) for rows in parts.values()]
        if not any(map(len, own)):
            continue
        found.append(
            CohortTrust(
                name,
                _mean(panel, own).level(),
                {part: _mean(panel, [rows]).level() for part, rows in zip(parts, own, strict=True)},
                tuple(
                    (panel.weeks[week], _mean(panel, [rows.take(rows.week == week) for rows in own]).level())
                    for week in range(weeks)
                ),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Mean:
    """The mean over parts of each part's mean over users, each user's influence on it, and which users are in it."""

    value: float
    influence: Floats
    people: Mask

    def level(self) -> Estimate | NotEnough:
        count = int(self.people.sum())
        if count < NEEDED_USERS:
            return NotEnough(count, NEEDED_USERS)
        # Spread around the mean as `count` people of equal weight, so the common range for rates applies.
        scores = self.value + self.influence[self.people] * count
        estimate = rate(summarise_one(np.arange(count), np.ones(count), scores))
        if isinstance(estimate, NotEnough):
            return estimate
        return Estimate(self.value, estimate.low, estimate.high, count, count, method="mean over users")

    def above(self, baseline: _Mean) -> Estimate | None:
        if min(self.people.sum(), baseline.people.sum()) < NEEDED_USERS:
            return None
        value, half = self.value - baseline.value, half_width(self.influence - baseline.influence)
        people = int((self.people | baseline.people).sum())
        return Estimate(value, value - half, value + half, people, people, method="mean over users, paired")


def _mean(panel: Panel, parts: Iterable[Rows]) -> _Mean:
    users = len(panel.users)
    influence, people, means = np.zeros(users), np.zeros(users, dtype=bool), []
    for rows in parts:
        who, (n, y) = per_user(rows.user, rows.n, rows.y)
        if not len(who):
            return _Mean(
                0.0, influence, np.zeros(users, dtype=bool)
            )  # a mean without one of the parts would be another number
        share = y / n
        means.append(float(share.mean()))
        influence[who] += (share - share.mean()) / len(who)
        people[who] = True
    return _Mean(float(np.mean(means)), influence / len(means), people)


def trust_drop(panel: Panel, cohort: int, *, since: int, found_at: date) -> TrustDrop | None:
    """How far a cohort's trust fell from the weeks before `since` to those from it on; None if there is no clear fall.

    Method: means over users, part by part, each user paired with themselves.
    """
    parts, weeks = trust_parts(panel)
    if not 0 < since < weeks:
        return None

    def change(names: Iterable[str], keep: Mask | None = None) -> tuple[_Mean, Estimate | None]:
        before, after = [], []
        for name in names:
            rows = parts[name]
            inside = np.ones(len(rows), dtype=bool) if keep is None else keep[rows.cohort]
            before.append(rows.take(inside & (rows.week < since)))
            after.append(rows.take(inside & (rows.week >= since)))
        baseline = _mean(panel, before)
        return baseline, _mean(panel, after).above(baseline)

    own = np.arange(len(panel.cohorts)) == cohort
    baseline, fell = change(parts, own)
    level = baseline.level()
    if fell is None or fell.high + _SURER * (fell.high - fell.value) >= 0 or isinstance(level, NotEnough):
        return None
    return TrustDrop(
        cohort=cohort,
        since=since,
        found_at=found_at,
        baseline=level,
        change=fell,
        parts={name: part for name in parts if (part := change([name], own)[1]) is not None},
        others=change(parts, ~own)[1],
        total=change(parts)[1],
    )
