"""When a text is inside a group: as like its members as they are like each other, not merely nearest to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from everyturn.intents.grid import GRID, Doubles, Floats, Labels, members, on_grid

PROTOTYPES = 512  # members kept of each group: with 64, a wide intent loses texts at its edge to narrow neighbours
_NEAREST = 3
_OUTSIDE = 0.03  # share of a group's own members that would be outside it
_PRIOR = 10  # a small group's cut is mixed with that of all groups, as if it had so many members more of theirs
_BATCH = 2048


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
        confidence, nearest, best = self.confidence(vectors, np.full(len(vectors), -1), familiar)
        return np.where(best >= np.append(self.cut, np.inf)[nearest], nearest, -1), confidence

    def confidence(
        self, vectors: Floats, labels: Labels, familiar: Floats | None = None, *, itself: Labels | None = None
    ) -> tuple[Doubles, Labels, Doubles]:
        """How sure it is that each row belongs to its group, or to the nearest where its label is -1; that group; its score.

        The group's score by the length (4-norm) of all groups' scores, so that others as near lower it, times the score by
        the members' middle one where it is lower. From 0 to 1.
        """
        confidence, best = np.zeros(len(vectors)), np.full(len(vectors), -1.0)
        groups = labels.copy()
        for start in range(0, len(vectors) if len(self.cut) else 0, _BATCH):
            rows = slice(start, start + _BATCH)
            some = None if familiar is None else familiar[rows]
            scores = self.scores(vectors[rows], some, itself=None if itself is None else itself[rows])
            groups[rows] = np.where(labels[rows] >= 0, labels[rows], scores.argmax(axis=1))
            best[rows] = scores[np.arange(len(scores)), groups[rows]]
            length = (np.maximum(scores, 0) ** 4).sum(axis=1) ** 0.25
            alike = np.minimum(best[rows] / np.maximum(self.typical[groups[rows]], 1e-6), 1)
            confidence[rows] = np.round(np.maximum(best[rows] / np.maximum(length, 1e-6) * alike, 0), 4)
        return confidence, groups, best

    def scores(
        self,
        vectors: Floats,
        familiar: Floats | None = None,
        *,
        itself: Labels | None = None,
        own: Labels | None = None,
    ) -> Doubles:
        """The score of each row in each group, or with `own` in that group only (-1 where it is -1), as one column.

        `itself` numbers the prototype that each row is, -1 for none, so that it is left out. -1 where nothing is left.
        """
        bounds = np.searchsorted(self.group, np.arange(len(self.cut) + 1))
        prototypes = on_grid(self.prototypes)
        scores = np.full((len(vectors), len(self.cut) if own is None else 1), -1.0)
        batches: Iterable[tuple[int | None, Labels]]
        if own is None:
            batches = ((None, np.arange(i, min(i + _BATCH, len(vectors)))) for i in range(0, len(vectors), _BATCH))
        else:
            batches = enumerate(members(own))
        for only, rows in batches:
            groups = range(len(self.cut)) if only is None else range(only, only + 1)
            first, last = bounds[groups.start], bounds[groups.stop]
            similarity = on_grid(vectors[rows]) @ prototypes[first:last].T / GRID**2
            if itself is not None:
                at = itself[rows] - first
                here = np.flatnonzero((at >= 0) & (at < last - first))
                similarity[here, at[here]] = -2
            for group in groups:
                part = similarity[:, bounds[group] - first : bounds[group + 1] - first]
                scores[rows, group if only is None else 0] = _mean_of_nearest(part)
        if familiar is not None:
            scores *= np.where(scores > 0, familiar[:, None], 1)
        return cast("Doubles", np.round(scores, 4))


def _mean_of_nearest(similarity: Floats | Doubles) -> Doubles:
    """Each row's mean over its three greatest, those of -2 left out; -1 where none is left."""
    n = similarity.shape[1]
    top = min(_NEAREST, n)
    if not top:
        return np.full(len(similarity), -1.0)
    nearest = np.partition(similarity, n - top, axis=1)[:, n - top :].astype(np.float64)
    counts = nearest > -2
    total = np.where(counts, nearest, 0).sum(axis=1)
    return np.where(counts.any(axis=1), total / np.maximum(counts.sum(axis=1), 1), -1.0)


@dataclass(frozen=True, slots=True)
class Learnt:
    """A membership, and the score of each row learnt from in its own group, without itself.

    `own` is -1 where the row is in no group, or alone in it with nothing to compare with. `itself` numbers the prototype
    that each row is, -1 for none.
    """

    membership: Membership
    own: Doubles
    itself: Labels


def learn(vectors: Floats, labels: Labels, familiar: Floats | None = None, *, seed: int) -> Learnt:
    """The membership of the groups 0, 1, … in `labels` (-1 belongs to none), calibrated on their own members.

    Method: each member is scored against the prototypes of its group without itself (leave-one-out); the cut lets 97 %
    of the members in (a conformal cut, Vovk et al. 2005).
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
    own = raw.scores(vectors, familiar, itself=itself, own=labels)[:, 0]
    cut, typical = _quantiles(own, labels, _OUTSIDE), _quantiles(own, labels, 0.5)
    return Learnt(replace(raw, cut=cut, typical=typical), own, itself)


def _quantiles(own: Doubles, labels: Labels, quantile: float) -> Doubles:
    """Each group's quantile of its members' scores, a small group's mixed with that of all."""
    compared = (labels >= 0) & (own > -1)
    everyone = float(np.quantile(own[compared], quantile)) if compared.any() else 0.0
    quantiles = np.full(int(labels.max(initial=-1)) + 1, everyone)
    for group, rows in enumerate(members(np.where(compared, labels, -1))):
        if len(rows):
            value = float(np.quantile(own[rows], quantile))
            quantiles[group] = (len(rows) * value + _PRIOR * everyone) / (len(rows) + _PRIOR)
    return cast("Doubles", np.round(quantiles, 4))
