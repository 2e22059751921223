"""When a text is inside a group: as like its members as they are like each other, not merely nearest to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
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

    def place(self, vectors: Floats, familiar: Floats | None = None) -> tuple[Labels, Doubles]:
        """For each row the group it is inside of or -1, and its confidence in the nearest group."""
        scores = self.scores(vectors, familiar)
        if not scores.shape[1]:
            return np.full(len(vectors), -1), np.zeros(len(vectors))
        nearest = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), nearest]
        return np.where(best >= self.cut[nearest], nearest, -1), self.confidence(scores, nearest)

    def confidence(self, scores: Doubles, groups: Labels) -> Doubles:
        """How sure it is that each row of `scores` belongs to its group, 0 to 1.

        The group's score by the length (4-norm) of all groups' scores, so that others as near lower it, times the score by
        the members' middle one where it is lower.
        """
        positive = np.maximum(scores, 0)
        score = positive[np.arange(len(scores)), groups]
        length = (positive**4).sum(axis=1) ** 0.25
        alike = np.minimum(score / np.maximum(self.typical[groups], 1e-6), 1)
        return cast("Doubles", np.round(score / np.maximum(length, 1e-6) * alike, 4))

    def scores(self, vectors: Floats, familiar: Floats | None = None, *, itself: Labels | None = None) -> Doubles:
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
        return cast("Doubles", np.round(scores, 4))


@dataclass(frozen=True, slots=True)
class Learnt:
    """A membership, and the members' own scores: `scores` has a row for each row learnt from, without itself."""

    membership: Membership
    scores: Doubles
    own: Doubles


def learn(vectors: Floats, labels: Labels, familiar: Floats | None = None, *, seed: int) -> Learnt:
    """The membership of the groups 0, 1, … in `labels` (-1 belongs to none), calibrated on their own members.

    Method: each member is scored against the prototypes of its group without itself (leave-one-out); the cut lets 97 %
    of the members in (a conformal cut, Vovk et al. 2005). `own` is the score in the row's own group; in a group of one,
    which has nothing to compare with, and where the label is -1, it is -1.
    """
    groups = int(labels.max(initial=-1)) + 1
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_group = shuffled[np.argsort(labels[shuffled], kind="stable")]
    by_group = by_group[labels[by_group] >= 0]
    rank = np.arange(len(by_group)) - np.searchsorted(labels[by_group], labels[by_group])
    chosen = by_group[rank < PROTOTYPES]
    itself = np.full(len(labels), -1)
    itself[chosen] = np.arange(len(chosen))
    prototypes = vectors[chosen].astype(np.float16).astype(np.float32)
    raw = Membership(prototypes, labels[chosen], np.zeros(groups), np.zeros(groups))
    scores = raw.scores(vectors, familiar, itself=itself)
    own = np.full(len(labels), -1.0)
    members = np.flatnonzero(labels >= 0)
    own[members] = scores[members, labels[members]]
    return Learnt(
        replace(raw, cut=_quantiles(own, labels, _OUTSIDE), typical=_quantiles(own, labels, 0.5)), scores, own
    )


def _quantiles(own: Doubles, labels: Labels, quantile: float) -> Doubles:
    """Each group's quantile of its members' scores, a small group's mixed with that of all."""
    compared = (labels >= 0) & (own > -1)
    everyone = float(np.quantile(own[compared], quantile)) if compared.any() else 0.0
    quantiles = np.full(int(labels.max(initial=-1)) + 1, everyone)
    order = np.flatnonzero(compared)
    order = order[np.argsort(labels[order], kind="stable")]
    bounds = np.searchsorted(labels[order], np.arange(len(quantiles) + 1))
    for group, (start, end) in enumerate(pairwise(bounds.tolist())):
        if end > start:
            value = float(np.quantile(own[order[start:end]], quantile))
            quantiles[group] = ((end - start) * value + _PRIOR * everyone) / (end - start + _PRIOR)
    return cast("Doubles", np.round(quantiles, 4))
