"""A two-dimensional map of intents: similar intents are near each other, and known ones stay in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.intents import Discovery, Intent
from everyturn.intents.corpus import key_of
from everyturn.intents.grid import GRID, Doubles, Floats, Vectors, on_grid

POINT_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("request", pa.int32()),
        ("intent_id", pa.string()),
        ("x", pa.float64()),
        ("y", pa.float64()),
    ]
)
_ROUNDS = 120
_NEAR = 3  # intents that say where a request stands
_SHARP = 12.0
_SPREAD = 0.06  # how far a request stands from there, of the map's size
_BATCH = 8192


def places(centroids: Floats, known: Sequence[tuple[float, float] | None]) -> list[tuple[float, float]]:
    """The place of each intent, with coordinates from about -1 to 1; intents with a `known` place keep it.

    Method: stress majorisation weighted by distance (Gansner, Koren and North 2005), starting from the two principal directions or, for a
    new intent, from its nearest known ones; only new intents move.
    """
    n = len(centroids)
    if not n:
        return []
    cosine = np.clip(np.round(centroids.astype(np.float64) @ centroids.T.astype(np.float64), 4), -1, 1)
    wanted = np.sqrt(np.maximum(1 - cosine, 0))
    np.fill_diagonal(wanted, 0)
    is_fixed = np.array([place is not None for place in known])
    at = _begin(centroids, cosine, known)
    weight = 1 / np.maximum(wanted, 0.05) ** 2
    np.fill_diagonal(weight, 0)
    free = np.flatnonzero(~is_fixed)
    for _ in range(_ROUNDS if n > 1 else 0):
        gap = at[free, None, :] - at[None, :, :]
        length = np.sqrt((gap**2).sum(axis=2))
        pull = at[None, :, :] + gap * (wanted[free] / np.maximum(length, 1e-9))[..., None]
        at[free] = (weight[free][..., None] * pull).sum(axis=1) / weight[free].sum(axis=1)[:, None]
    return [(float(x), float(y)) for x, y in np.round(at, 4)]


def _begin(centroids: Floats, cosine: Doubles, known: Sequence[tuple[float, float] | None]) -> Doubles:
    n = len(centroids)
    fixed = np.array([i for i, place in enumerate(known) if place is not None], np.int64)
    if not len(fixed):
        values, directions = np.linalg.eigh(cosine - cosine.mean(axis=0) - cosine.mean(axis=1)[:, None] + cosine.mean())
        at = directions[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 1e-9))
        at = np.hstack([at, np.zeros((n, 2 - at.shape[1]))])
        largest = np.abs(np.round(at, 6)).argmax(axis=0)
        return cast("Doubles", at * np.where(at[largest, [0, 1]] < 0, -1, 1))
    at = np.zeros((n, 2))
    at[fixed] = [place for place in known if place is not None]
    for new in sorted(set(range(n)) - set(fixed.tolist())):
        near = fixed[np.argsort(-cosine[new, fixed], kind="stable")[:_NEAR]]
        # a little beside, so that two new ones do not stand on each other
        at[new] = at[near].mean(axis=0) + 0.01 * np.array([np.cos(new), np.sin(new)])
    return at


def points(discovery: Discovery, requests: pa.Table, vectors: Vectors) -> pa.Table:
    """The place of each request, as `POINT_SCHEMA`: near the intents it is most similar to, and the same in every run.

    `requests` are those of the discovery, `vectors` the embeddings of their texts. Unclear requests have a place but no intent. The table
    is empty if there are no intents.
    """
    intents = discovery.intents
    if not intents:
        return POINT_SCHEMA.empty_table()
    at = np.array([intent.place for intent in intents])
    centroids = np.stack([intent.centroid for intent in intents])
    aside = np.random.default_rng(0).standard_normal((vectors.shape[1], 2)) / np.sqrt(2)
    found = np.zeros((len(vectors), 2))
    for start in range(0, len(vectors), _BATCH):
        rows = slice(start, start + _BATCH)
        own = on_grid(vectors[rows]) / np.float32(GRID)
        cosine = np.round(own @ centroids.T, 4).astype(np.float64)
        near = np.argsort(-cosine, axis=1, kind="stable")[:, :_NEAR]
        height = np.take_along_axis(cosine, near, axis=1)
        share = np.exp(_SHARP * (height - height[:, :1]))
        share /= share.sum(axis=1, keepdims=True)
        rest = own - centroids[near[:, 0]]
        found[rows] = (share[..., None] * at[near]).sum(axis=1) + _SPREAD * (rest @ aside)
    told = requests.select(["conversation_id", "request"])
    ids = discovery.assignments["intent_id"].take(pc.index_in(key_of(told), key_of(discovery.assignments)))
    x, y = np.round(found, 4).T
    return pa.table([*told.columns, ids, x, y], names=POINT_SCHEMA.names).cast(POINT_SCHEMA)


def nearest(discovery: Discovery, intent_id: str, *, count: int = 3) -> list[tuple[Intent, float]]:
    """The most similar other intents, the most similar first, each with its similarity; empty for an unknown intent.

    The similarity is the cosine of the two mean vectors. It is not measured on the map, which has only two dimensions, so a neighbour here
    may be some way off there.
    """
    place = next((i for i, intent in enumerate(discovery.intents) if intent.intent_id == intent_id), None)
    if place is None:
        return []
    centroids = np.stack([intent.centroid for intent in discovery.intents]).astype(np.float64)
    length = np.linalg.norm(centroids, axis=1)
    cosine = np.round(centroids @ centroids[place] / np.maximum(length * length[place], 1e-12), 4)
    order = [int(i) for i in np.argsort(-cosine, kind="stable") if i != place]
    return [(discovery.intents[i], float(cosine[i])) for i in order[:count]]
