"""How sure an assignment is: how often another discovery, of other texts, puts a text with most of its intent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from everyturn.intents.cluster import agreement, cuts, nearest_middle
from everyturn.intents.grid import Doubles, Floats, Labels, Vectors, directions, group_sums, on_grid
from everyturn.intents.membership import Odds, learn

_RESOLUTIONS = (0.5, 1, 2, 4, 8, 16, 32, 64)
_TEXTS = 10_000  # that are halved, once; fewer are halved twice
_COMPARED = 3_000  # texts on which two cuts are compared
_FEW = 20  # texts, below which a half says nothing
_LOST = 0.3  # share of the best agreement at whose loss a cut is found again no more
_PRIOR = 300  # an intent's own share is mixed with what the curve says, as if it had so many texts more
_LEAST_SLOPE = 0.5


def odds(vectors: Vectors, labels: Labels, familiar: Floats, *, seed: int) -> Odds:
    """What makes a chance of a margin, for the groups 0, 1, … in `labels` (-1 belongs to none).

    The chance is that of another discovery, made of texts that this one has not seen, putting the text with most of its
    group. Nothing tells how fine people would cut, so the other is as likely to cut coarser as finer, as far as is still
    found again.

    Method: two halves of the texts are each cut at resolutions from 0.5 to 64. One half is the discovery, at the
    resolution that comes nearest to the groups given; the texts of the other half come in as new ones do. The other half's
    cuts judge: a text is right where it lies with most of those the discovery puts with it, and with most of its group. A
    cut counts the less the less the two halves agree at its resolution (adjusted mutual information), from all at the best
    to nothing where three tenths are lost; coarser and finer cuts count half each. One logistic curve on the margin is
    fitted to the share of judges for whom a text is right (Platt 1999). A group of whose texts more are right than the
    curve says is as much firmer, one of whose texts fewer are is looser.
    """
    groups = int(labels.max(initial=-1)) + 1
    inside = np.flatnonzero(labels >= 0)
    random = np.random.default_rng(seed)
    # one text more on either side, at either end: even where all were right, none is certain
    seen = [_Judged(np.array([-1, -1]), np.array([0.0, 1.0]), np.array([0.0, 1.0]))]
    for _ in range(0 if len(inside) < 2 * _FEW else 2 if len(inside) < _TEXTS else 1):
        halves = np.array_split(random.permutation(inside)[:_TEXTS], 2)
        seen += _judged([_Half.of(vectors, labels, familiar, np.sort(rows), seed) for rows in halves], seed)
    rows = np.concatenate([one.rows for one in seen])
    margin = np.concatenate([one.margin for one in seen])
    right = np.concatenate([one.right for one in seen])
    curve = _curve(margin, right)
    firmness = _firmness(np.append(labels, -1)[rows], curve.chance(margin, rows), right, groups)
    return replace(curve, firmness=firmness)


@dataclass(frozen=True, slots=True)
class _Half:
    """Half of the texts: their vectors and groups, and the communities found in them at each resolution."""

    rows: Labels
    vectors: Vectors
    familiar: Floats
    labels: Labels
    cuts: list[Labels]

    @classmethod
    def of(cls, vectors: Vectors, labels: Labels, familiar: Floats, rows: Labels, seed: int) -> _Half:
        """The half that `rows` are."""
        own = vectors[rows]
        return cls(rows, own, familiar[rows], labels[rows], cuts(own, _RESOLUTIONS, seed=seed))

    def some(self) -> Labels:
        """Places of texts on which cuts are compared, spread over all."""
        return np.arange(0, len(self.rows), max(1, -(-len(self.rows) // _COMPARED)))


@dataclass(frozen=True, slots=True)
class _Judged:
    """Texts that came in as new ones: how far their group leads, and the share of judges for whom it is right."""

    rows: Labels
    margin: Doubles
    right: Doubles


def _judged(halves: list[_Half], seed: int) -> list[_Judged]:
    """Each half judging what the other discovers."""
    like = np.mean(
        [[agreement(half.labels[half.some()], cut[half.some()]) for cut in half.cuts] for half in halves], axis=0
    )
    own = int(np.round(like, 4).argmax())
    weights = _weights(np.mean([_found_again(*halves), _found_again(*reversed(halves))], axis=0), own)
    return [_judge(finder, judge, own, weights, seed) for finder, judge in (halves, halves[::-1])]


def _found_again(one: _Half, other: _Half) -> Doubles:
    """How much a half's texts, put to the nearest middles of the other half's, agree with its own cut, at each resolution."""
    some = other.some()
    rows = on_grid(other.vectors[some])
    found = []
    for cut, theirs in zip(one.cuts, other.cuts, strict=True):
        middles = directions(group_sums(one.vectors, cut))
        found.append(agreement(nearest_middle(rows, middles), theirs[some]))
    return np.array(found)


def _weights(stability: Doubles, own: int) -> Doubles:
    """How much each resolution counts: the stable ones, half of it for those as fine as the discovery's or coarser."""
    best = max(float(stability.max()), 1e-6)
    weights = np.clip(1 - (1 - stability / best) / _LOST, 0, 1)
    weights[own] = 1
    at = np.arange(len(weights))
    coarser, finer = weights * (at <= own), weights * (at >= own)
    return cast("Doubles", (coarser / coarser.sum() + finer / finer.sum()) / 2)


def _judge(finder: _Half, judge: _Half, own: int, weights: Doubles, seed: int) -> _Judged:
    """The judge's texts under the groups found in the other half, and whether the judge's own cuts put them so."""
    membership = learn(finder.vectors, finder.cuts[own], finder.familiar, seed=seed).membership
    group, _, margin = membership.margins(judge.vectors, np.full(len(judge.rows), -1), judge.familiar)
    right = np.zeros(len(group))
    for cut, weight in zip(judge.cuts, weights, strict=True):
        if weight > 0:
            right += weight * (_with_most(group, cut) & _with_most(judge.labels, cut))
    return _Judged(judge.rows, margin, np.minimum(right, 1))


def _with_most(group: Labels, cut: Labels) -> npt.NDArray[np.bool_]:
    """Whether each text is where most of the others of its group are, in that cut; of as many either will do."""
    count = np.zeros((int(group.max()) + 1, int(cut.max()) + 2), np.int64)  # a column more, so that there are two
    np.add.at(count, (group, cut), 1)
    first, second = np.partition(count, -2, axis=1)[:, [-1, -2]].T
    with_it = count[group, cut]
    rival = np.where(with_it == first[group], second[group], first[group])
    return cast("npt.NDArray[np.bool_]", (with_it > 1) & (with_it - 1 >= rival))


def _curve(margin: Doubles, right: Doubles) -> Odds:
    """The odds of being right, by the margin; the slope is never below a little."""
    from sklearn.linear_model import LogisticRegression

    twice = np.concatenate([margin, margin])[:, None]
    is_right = np.repeat([1, 0], len(margin))
    fitted = LogisticRegression(C=10.0).fit(twice, is_right, sample_weight=np.concatenate([right, 1 - right]))
    middle, slope = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
    if slope < _LEAST_SLOPE:
        slope = _LEAST_SLOPE
        for _ in range(20):  # Newton's steps to the intercept that then gives as many right as there are
            chance = 1 / (1 + np.exp(-np.clip(middle + slope * margin, -30, 30)))
            middle += float((right - chance).sum() / (chance * (1 - chance)).sum())
    return Odds(round(middle, 4), round(slope, 4))


def _firmness(labels: Labels, told: Doubles, right: Doubles, groups: int) -> Doubles:
    """How much greater each group's log-odds of being right are than the curve told; 0 where nothing is known."""
    inside = labels >= 0
    n = np.bincount(labels[inside], minlength=groups)
    mean = np.bincount(labels[inside], told[inside], groups) / np.maximum(n, 1)
    share = (np.bincount(labels[inside], right[inside], groups) + _PRIOR * mean) / (n + _PRIOR)
    known = n > 0
    firmness = np.zeros(groups)
    firmness[known] = np.log(share[known] / (1 - share[known])) - np.log(mean[known] / (1 - mean[known]))
    return cast("Doubles", np.round(firmness, 4))
