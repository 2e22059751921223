"""When a text is inside a group: as like its members as they are like each other, not merely nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from everyturn.intents.grid import GRID, Doubles, Floats, Labels, on_grid

PROTOTYPES = 64  # members kept of each group
_NEAREST = 3
_OUTSIDE = 0.03  # share of a group's own members that would be outside it
_PRIOR = 10  # a small group's cut is mixed with that of all groups, as if it had so many members more of theirs
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Membership:
    """What decides whether a text is inside a group.

    `prototypes` are members of the groups, `group` says of which (ascending), `cut` is the least score inside each group
    and `typical` its members' middle score. A text's score is the mean cosine to the three nearest prototypes, times
    how much of the text the embedder can see.
    """

    prototypes: Floats
    group: Labels
    cut: Doubles
    typical: Doubles

    def place(self, vectors: Floats, familiar: Floats | None = None) -> tuple[Labels, Labels, Doubles]:
        """For each row the group it is inside of or -1, the nearest group, and a confidence from 0 to 1.

        The confidence is the nearest group's part of all groups' scores to the fourth power, so a second group as near
        halves it, times the score by the members' middle one where it is lower.
        """
        scores = self.scores(vectors, familiar)
        nearest = scores.argmax(axis=1).astype(np.int64) if scores.shape[1] else np.full(len(vectors), -1)
        if not scores.shape[1]:
            return nearest, nearest.copy(), np.zeros(len(vectors))
        best = scores[np.arange(len(scores)), nearest]
        powers = np.maximum(scores, 0) ** 4
        apart = powers[np.arange(len(scores)), nearest] / np.maximum(powers.sum(axis=1), 1e-12)
        alike = np.clip(best / np.maximum(self.typical[nearest], 1e-6), 0, 1)
        inside = np.where(best >= self.cut[nearest], nearest, -1)
        return inside, nearest, np.round(apart * alike, 4)

    def scores(
        self, vectors: Floats, familiar: Floats | None = None, *, itself: Labels | None = None
    ) -> Doubles:
        """Rows by groups. `itself` numbers the prototype that each row is, -1 for none, so that it is left out."""
        groups = len(self.cut)
        starts = np.searchsorted(self.group, np.arange(groups + 1))
        scores = np.full((len(vectors), groups), -1.0)
        for first in range(0, len(vectors), _BATCH):
            rows = slice(first, first + _BATCH)
            similarity = on_grid(vectors[rows]) @ on_grid(self.prototypes).T / GRID**2
            if itself is not None:
                own = np.flatnonzero(itself[rows] >= 0)
                similarity[own, itself[rows][own]] = -2
            for g in range(groups):
                part = similarity[:, starts[g] : starts[g + 1]]
                top = min(_NEAREST, part.shape[1])
                if top:
                    part = -np.partition(-part, top - 1, axis=1)[:, :top]
                    is_other = part > -2
                    total = np.where(is_other, part, 0).sum(axis=1)
                    scores[rows, g] = np.where(is_other.any(axis=1), total / np.maximum(is_other.sum(axis=1), 1), -1)
        if familiar is not None:
            scores *= np.where(scores > 0, familiar[:, None], 1)
        return cast(Doubles, np.round(scores, 4))


def learn(vectors: Floats, labels: Labels, familiar: Floats | None = None, *, seed: int = 7) -> Membership:
    """The membership of the groups 0, 1, … in `labels` (-1 belongs to none), calibrated on their own members.

    Method: each member is scored against the prototypes of its group without itself (leave-one-out); the cut lets 97 %
    of the members in (Lei et al. 2018 call such a cut conformal).
    """
    groups = int(labels.max(initial=-1)) + 1
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_group = shuffled[np.argsort(labels[shuffled], kind="stable")]
    by_group = by_group[labels[by_group] >= 0]
    rank = np.arange(len(by_group)) - np.searchsorted(labels[by_group], labels[by_group])
    chosen = by_group[rank < PROTOTYPES]
    itself = np.full(len(labels), -1)
    itself[chosen] = np.arange(len(chosen))
    empty = np.zeros(groups)
    membership = Membership(vectors[chosen].astype(np.float16).astype(np.float32), labels[chosen], empty, empty)
    members = np.flatnonzero(labels >= 0)
    scores = membership.scores(vectors[members], None if familiar is None else familiar[members], itself=itself[members])
    own = scores[np.arange(len(members)), labels[members]]
    known = own > -1  # a group of one has nothing to compare with
    cut, typical = np.zeros(groups), np.zeros(groups)
    for quantile, into in ((_OUTSIDE, cut), (0.5, typical)):
        everyone = float(np.quantile(own[known], quantile)) if known.any() else 0.0
        for g in range(groups):
            mine = own[known & (labels[members] == g)]
            value = float(np.quantile(mine, quantile)) if len(mine) else 0.0
            into[g] = round((len(mine) * value + _PRIOR * everyone) / (len(mine) + _PRIOR), 4)
    return Membership(membership.prototypes, membership.group, cut, typical)
