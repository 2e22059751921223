"""The map: alike stands near, known places stay; and themes above many intents."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from everyturn.intents.embedders import stored
from everyturn.intents.hierarchy import levels, themes
from everyturn.intents.layout import POINT_SCHEMA, nearest, places, points
from request_world import discovered, world


def middles(groups=4, each=5, seed=3):
    random = np.random.default_rng(seed)
    centre = np.repeat(random.standard_normal((groups, 40)), each, axis=0)
    rows = centre + 0.5 * random.standard_normal(centre.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_intents_alike_stand_near():
    at = np.array(places(middles(), [None] * 20))
    gap = np.linalg.norm(at[:, None] - at[None], axis=2)
    same = np.repeat(np.arange(4), 5)[:, None] == np.repeat(np.arange(4), 5)[None]
    assert gap[same & ~np.eye(20, dtype=bool)].mean() < 0.5 * gap[~same].mean()


def test_known_places_stay_and_a_new_one_comes_beside_its_like():
    centroids = middles()
    known = places(centroids[:19], [None] * 19)
    at = places(centroids, [*known, None])
    assert at[:19] == known
    gap = np.linalg.norm(np.array(at[:19]) - np.array(at[19]), axis=1)
    assert gap[15:].mean() < gap[:15].mean()
    assert places(centroids[:1], [None]) == [(0.0, 0.0)]
    assert places(centroids[:0], []) == []


def test_each_request_has_a_point_that_is_the_same_again():
    requests = world(weeks=2)
    found = discovered(2)
    embedder = stored(found.embedder_name, found.embedder_state)
    vectors = embedder.encode(requests["text"].to_pylist())
    table = points(found, requests, vectors)
    assert table.schema == POINT_SCHEMA
    assert table["conversation_id"].to_pylist() == requests["conversation_id"].to_pylist()
    assert table["intent_id"].to_pylist() == found.assignments["intent_id"].to_pylist()
    assert np.isfinite(table["x"].to_numpy()).all()
    order = np.random.default_rng(1).permutation(requests.num_rows)
    assert points(found, requests.take(pa.array(order)), vectors[order]).equals(table.take(pa.array(order)))


def test_the_nearest_are_those_whose_middles_are_most_alike():
    found = discovered(2)
    one = found.intents[0]
    near = nearest(found, one.intent_id, count=2)
    likeness = {
        other.intent_id: float(
            one.centroid @ other.centroid / np.linalg.norm(one.centroid) / np.linalg.norm(other.centroid)
        )
        for other in found.intents[1:]
    }
    assert [other.intent_id for other, _ in near] == sorted(likeness, key=likeness.__getitem__, reverse=True)[:2]
    assert all(abs(value - likeness[other.intent_id]) < 1e-3 for other, value in near)
    assert nearest(found, "i-none") == []


def test_themes_hold_intents_alike_and_few_intents_have_none():
    assert len(themes(middles(1, 6))) == 0
    found = themes(middles(5, 4))
    assert all(len(set(found[i : i + 4])) == 1 for i in range(0, 20, 4))
    two = levels(middles(24, 4), np.ones(96, np.int64))
    assert len(two) == 2
    # an area is made of whole themes
    assert all(len(set(two[1][two[0] == theme])) == 1 for theme in set(two[0]))


def test_what_all_intents_share_makes_no_theme_of_most():
    # every request is about one shop: twenty subjects of five areas share more than tells them apart
    random = np.random.default_rng(5)
    own = np.repeat(random.standard_normal((5, 40)), 4, axis=0) + 0.5 * random.standard_normal((20, 40))
    near = own / np.linalg.norm(own, axis=1, keepdims=True) + 2 * np.eye(40)[0]
    near[:4] *= -1  # and one area speaks otherwise
    found = themes((near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32))
    assert np.bincount(found).max() <= 5
    assert all(len(set(found[i : i + 4])) <= 2 for i in range(0, 20, 4))
