"""Contexts planted in simulated outputs are told, those that only go along with one are not, and chance is told rarely."""

import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.contexts import contexts, say_context
from everyturn.stats import Estimate
from everyturn.stats.intervals import difference
from everyturn.stats.summaries import join, summarise_one

NAMES = [f"plan = p{i}" for i in range(40)]


def play(seed, *, effect=0.0, follower=False, users=200, outputs=900, intents=4):
    """Outputs of users with rates of their own; where context 0 of intent 0 holds, acceptance is lower by `effect`."""
    random = np.random.default_rng(seed)
    own = random.beta(0.7 * 9, 0.3 * 9, users)
    user, intent = random.integers(0, users, outputs), random.integers(0, intents, outputs)
    has = random.random((len(NAMES), outputs)) < 0.3
    if follower:  # context 1 mostly goes where context 0 goes, and does nothing itself
        has[1] = np.where(random.random(outputs) < 0.85, has[0], has[1])
    p = own[user] - effect * (has[0] & (intent == 0))
    return user, intent, has, (random.random(outputs) < np.clip(p, 0, 1)).astype(float)


def totals(world, *, beside=None, only=None):
    _user, intent, has, _y = world
    rows = []
    for k in sorted(set(intent.tolist())):
        if only is not None and only != f"i{k}":
            continue
        for held in (False, True) if beside is not None else (False,):
            rows += _rows(world, k, (intent == k) & (has[NAMES.index(beside[1])] == held if beside else True), held)
    return pa.Table.from_pylist(rows)


def _rows(world, k, here, held):
    user, _, has, y = world
    one = here.astype(float)
    for c, name in enumerate(NAMES):
        a, b = one * has[c], one * ~has[c]
        sides = {}
        for side, n in (("1", a), ("2", b)):
            s = summarise_one(user, n, n * y)
            sides |= {f"{f}{side}": getattr(s, f) for f in ("users", "n", "y", "nn", "ny", "yy")}
        j = join(user, (a, a * y), (b, b * y))
        cross = {"shared": j.users, "nn": j.nn, "ny": j.ny, "yn": j.yn, "yy": j.yy}
        yield {"intent_id": f"i{k}", "held": held, "kind": "attribute", "name": name, **sides, **cross}


def found(world):
    return contexts(
        totals(world),
        {"i0": "sql question"},
        signal="acceptance",
        better="higher",
        within=lambda intent, context: totals(world, beside=context, only=intent),
    )


@pytest.mark.statistics
def test_planted_changes_are_reported_and_their_side_effects_are_not():
    runs = 12
    told = [found(play(seed, effect=0.35, follower=True, outputs=1600)) for seed in range(runs)]
    names = [[(c.intent_id, c.name) for c in one] for one in told]
    assert sum(("i0", "plan = p0") in one for one in names) >= runs - 1
    assert sum(("i0", "plan = p1") in one for one in names) <= 2
    best = next(c for c in told[0] if c.name == "plan = p0")
    assert best.has
    assert best.sentence.startswith('"sql question" does worse where plan is "p0": ')
    planted = [c.change for one in told for c in one if c.name == "plan = p0"]
    # those told are the clearer ones of their kind, so that a little less than 95% of their ranges may hold
    assert sum(c.low < -0.35 < c.high for c in planted) >= 0.8 * len(planted)


@pytest.mark.statistics
def test_chance_rarely_makes_a_finding():
    runs = 20  # 160 comparisons each; at 5% of false discoveries about one run in twenty tells any
    assert sum(bool(found(play(100 + seed))) for seed in range(runs)) <= 4


def test_the_worse_side_is_reported_whichever_it_is():
    world = play(3, effect=-0.35)
    (told,) = [c for c in found(world) if (c.intent_id, c.name) == ("i0", "plan = p0")]
    assert not told.has
    assert told.words == 'plan is not "p0"'
    assert told.failing.value < told.rest.value
    user, intent, has, y = world
    here = intent == 0
    a, b = here & ~has[0], here & has[0]
    plain = difference(
        summarise_one(user, a.astype(float), a * y),
        summarise_one(user, b.astype(float), b * y),
        join(user, (a.astype(float), a * y), (b.astype(float), b * y)),
    )
    assert isinstance(plain, Estimate)
    assert told.change.value == pytest.approx(plain.value)
    assert (told.change.low, told.change.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize(
    "kind_and_name", [("message", "identifier"), ("place", "late"), ("tool", "lookup"), ("tool error", "lookup")]
)
def test_every_kind_has_words_for_both_sides(kind_and_name):
    has, lacks = (say_context(*kind_and_name, has=has) for has in (True, False))
    assert has != lacks
