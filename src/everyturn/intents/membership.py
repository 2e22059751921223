"""When a text is inside a group: as like its members as they are like each other, not merely nearest to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from everyturn.intents.grid import GRID, Doubles, Floats, Labels, Vectors, directions, group_sums, members, on_grid

PROTOTYPES = 512  # members kept of each group: with 64, a wide intent loses texts at its edge to narrow neighbours
_ALL_PROTOTYPES = 60_000  # of all groups together, about: thousands of groups keep fewer members each
_NEAREST = 3
_OUTSIDE = 0.03  # share of a group's own members that would be outside it
_PRIOR = 10  # a small group's cut is mixed with that of all groups, as if it had so many members more of theirs
_BATCH = 8192
_COMPARED = 8  # groups, nearest by their middle, whose members a text is compared with


@dataclass(frozen=True, slots=True)
class Scores:
    """For each row the groups it was compared with (-1 fills up) and its score in each, the same columns."""

    groups: Labels
    scores: Doubles


@dataclass(frozen=True, slots=True)
class Odds:
    """What makes a chance of a margin: the log-odds at 0, what they grow by, and what each group's differ by.

    `firmness` holds a number for each group, or for none of them: then they are alike. See `certainty.odds`.
    """

    middle: float = 0.0
    slope: float = 1.0
    firmness: Doubles = field(default_factory=lambda: np.zeros(0))

    def chance(self, margin: Doubles, groups: Labels) -> Doubles:
        """The chance at each margin, in its group."""
        firmness = self.firmness[groups] if len(self.firmness) else 0
        return 1 / (1 + np.exp(-np.clip(self.slope * margin + self.middle + firmness, -30, 30)))


@dataclass(frozen=True, slots=True)
class Membership:
    """What decides whether a text is inside a group.

    `prototypes` are members of the groups, `group` says of which (ascending), `cut` is the least score inside each group
    and `typical` its members' middle score. A text's score is the mean cosine to the three nearest prototypes, times
    how much of the text the embedder can see. `odds` make a chance of a margin.
    """

    prototypes: Floats
    group: Labels
    cut: Doubles
    typical: Doubles
    odds: Odds = field(default_factory=Odds)

    def place(self, vectors: Vectors, familiar: Floats | None = None) -> tuple[Labels, Doubles]:
        """For each row the group it is inside of or -1, and its confidence in the nearest group."""
        confidence, nearest, best = self.confidence(vectors, np.full(len(vectors), -1), familiar)
        return np.where(best >= np.append(self.cut, np.inf)[nearest], nearest, -1), confidence

    def confidence(
        self, vectors: Vectors, labels: Labels, familiar: Floats | None = None, *, itself: Labels | None = None
    ) -> tuple[Doubles, Labels, Doubles]:
        """The chance that each row belongs to its group, or to the nearest where its label is -1; that group; its score.

        The chance grows with the margin (see `margins`), by the `odds`. From 0 to 1.
        """
        groups, best, margin = self.margins(vectors, labels, familiar, itself=itself)
        chance = self.odds.chance(margin, groups)
        return np.round(np.where(best > 0, chance, 0.0), 4).astype(np.float64), groups, best

    def margins(
        self, vectors: Vectors, labels: Labels, familiar: Floats | None = None, *, itself: Labels | None = None
    ) -> tuple[Labels, Doubles, Doubles]:
        """Each row's group (the nearest where its label is -1), its score there, and how far the group leads.

        The lead: the score by the length (4-norm) of all scores, so that others as near lower it, times the score by the
        members' middle one where it is lower.
        """
        n = len(vectors)
        if not n or not len(self.cut):
            return labels.copy(), np.full(n, -1.0), np.zeros(n)
        found = self.scores(vectors, familiar, itself=itself, own=labels)
        here = np.arange(n)
        column = np.where(labels >= 0, 0, found.scores.argmax(axis=1))  # its own group is compared first
        groups, best = found.groups[here, column], found.scores[here, column]
        length = (np.maximum(found.scores, 0) ** 4).sum(axis=1) ** 0.25
        alike = np.minimum(best / np.maximum(self.typical[groups], 1e-6), 1)
        return groups, best, np.round(np.maximum(best / np.maximum(length, 1e-6) * alike, 0), 6)

    def scores(
        self,
        vectors: Vectors,
        familiar: Floats | None = None,
        *,
        itself: Labels | None = None,
        own: Labels | None = None,
    ) -> Scores:
        """The score of each row in the groups whose middles are nearest, its `own` first where it has one.

        `itself` numbers the prototype that each row is, -1 for none, so that it is left out. -1 where nothing is left.
        """
        compared = self._compared(vectors, own)
        scores = np.full(compared.shape, -1.0)
        bounds = np.searchsorted(self.group, np.arange(len(self.cut) + 1))
        # pairs of a row and a group, group by group: one product of matrices each
        for group, places in enumerate(members(compared.ravel())):
            prototypes = on_grid(self.prototypes[bounds[group] : bounds[group + 1]])
            for start in range(0, len(places), _BATCH):
                some = places[start : start + _BATCH]
                rows = some // compared.shape[1]
                similarity = on_grid(vectors[rows]) @ prototypes.T / GRID**2
                if itself is not None:
                    at = itself[rows] - bounds[group]
                    here = np.flatnonzero((at >= 0) & (at < len(prototypes)))
                    similarity[here, at[here]] = -2
                scores.ravel()[some] = _mean_of_nearest(similarity)
        if familiar is not None:
            scores *= np.where(scores > 0, familiar[:, None], 1)
        return Scores(compared, np.round(scores, 4))

    def _compared(self, vectors: Vectors, own: Labels | None) -> Labels:
        groups = len(self.cut)
        middles = on_grid(directions(group_sums(self.prototypes, self.group)))
        count = min(_COMPARED, groups)
        compared = np.empty((len(vectors), count), np.int64)
        for start in range(0, len(vectors), _BATCH):
            rows = slice(start, start + _BATCH)
            similarity = on_grid(vectors[rows]) @ middles.T
            if own is not None:
                labelled = np.flatnonzero(own[rows] >= 0)
                similarity[labelled, own[rows][labelled]] = np.inf
            compared[rows] = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
        return compared


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

    def sure(self, odds: Odds) -> Learnt:
        """The same, with these odds."""
        return replace(self, membership=replace(self.membership, odds=odds))


def learn(vectors: Vectors, labels: Labels, familiar: Floats | None = None, *, seed: int) -> Learnt:
    """The membership of the groups 0, 1, … in `labels` (-1 belongs to none), calibrated on their own members.

    Method: each member is scored against the prototypes of its group without itself (leave-one-out); the cut lets 97 %
    of the members in (a conformal cut, Vovk et al. 2005). The odds are not learnt here (see `certainty`).
    """
    groups = int(labels.max(initial=-1)) + 1
    chosen = _drawn(labels, seed)
    itself = np.full(len(labels), -1)
    itself[chosen] = np.arange(len(chosen))
    prototypes = (on_grid(vectors[chosen]) / np.float32(GRID)).astype(np.float16).astype(np.float32)
    raw = Membership(prototypes, labels[chosen], np.zeros(groups), np.ones(groups))
    own = _own_scores(raw, vectors, labels, itself, familiar)
    cut, typical = _quantiles(own, labels, _OUTSIDE), _quantiles(own, labels, 0.5)
    return Learnt(replace(raw, cut=cut, typical=typical), own, itself)


def standing(labels: Labels, *, seed: int) -> Labels:
    """The rows that stand for all members of their groups where one is added to: twice as many as its prototypes, at most."""
    return _drawn(labels, seed, times=2)


def _drawn(labels: Labels, seed: int, *, times: int = 1) -> Labels:
    """Of each group as many members as it has prototypes, or so many times more; group by group, drawn by the seed."""
    groups = int(labels.max(initial=-1)) + 1
    most = times * min(PROTOTYPES, max(_ALL_PROTOTYPES // max(groups, 1), 64))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_group = shuffled[np.argsort(labels[shuffled], kind="stable")]
    by_group = by_group[labels[by_group] >= 0]
    rank = np.arange(len(by_group)) - np.searchsorted(labels[by_group], labels[by_group])
    return by_group[rank < most]


def _own_scores(raw: Membership, vectors: Vectors, labels: Labels, itself: Labels, familiar: Floats | None) -> Doubles:
    """Each row's score in its own group, without itself."""
    bounds = np.searchsorted(raw.group, np.arange(len(raw.cut) + 1))
    scores = np.full(len(labels), -1.0)
    for group, places in enumerate(members(labels)):
        prototypes = on_grid(raw.prototypes[bounds[group] : bounds[group + 1]])
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            similarity = on_grid(vectors[some]) @ prototypes.T / GRID**2
            at = itself[some] - bounds[group]
            here = np.flatnonzero((at >= 0) & (at < len(prototypes)))
            similarity[here, at[here]] = -2
            scores[some] = _mean_of_nearest(similarity)
    if familiar is not None:
        scores *= np.where(scores > 0, familiar, 1)
    return np.round(scores, 4)


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
