"""Simulated products whose truth is known: what `watch` finds, and how often it finds what is not there.

12 weeks, 900 users, 800 answers a week, 10 intents x 4 cohorts, budget 12 a year. How often alarms are false over years, and how soon changes
are found, is measured in benchmarks/monitoring.
"""

import pytest

from everyturn.analysis.erosion import eroding_users
from simulated import COHORTS, World, panel_of, watched

pytestmark = pytest.mark.statistics


def found(world):
    return [f for f in watched(world.tables()).findings if f.kind != "gap" and f.tier == "page"]


def test_quiet_products_have_few_findings():
    runs = 16
    false = [len(found(World(seed=1000 + seed))) for seed in range(runs)]
    # 12 / 52 a run is promised, 0.08 was measured: seven or more would be a chance of 1 in 12 at the promise itself.
    assert sum(false) <= 6
    assert sum(n > 0 for n in false) <= 5


def test_a_new_intent_is_found_in_its_first_week_and_reported_once():
    for seed in range(6):
        told = found(World(seed=2000 + seed, new_intent=0.08))
        mine = [f for f in told if f.intent_id == "i10"]
        assert [f.kind for f in mine] == ["new_intent"]
        assert (mine[0].found_at - mine[0].since).days <= 9
        assert mine[0].size.low < 0.085
        assert mine[0].size.high > 0.07
        assert len(told) <= 3


def test_a_drop_hidden_in_one_cohort_is_found_there():
    hits = 0
    for seed in range(8):
        told = found(World(seed=3000 + seed, distrust=(2, 0.06)))
        mine = [f for f in told if f.cohort == COHORTS[2]]
        hits += bool(mine)
        assert len(mine) <= 2
        assert len(told) <= 4
    assert hits >= 7


def test_a_slide_is_found_at_its_intent_and_its_size_is_right():
    hits, inside = 0, 0
    for seed in range(8):
        tables = World(seed=4000 + seed, slide=(2, 0.2), weeks=16).tables()
        told = [f for f in watched(tables).findings if f.kind == "level"]
        mine = [f for f in told if f.intent_id == "i2" and f.signal == "acceptance"]
        hits += bool(mine)
        inside += any(f.size.low <= -0.17 and f.size.high >= -0.23 for f in mine)
        assert sum(f.tier == "page" for f in told) <= 2
    assert hits >= 6
    assert inside >= hits - 2


def test_eroding_users_are_found_and_few_others():
    right = wrong = 0
    for seed in range(8):
        world = World(seed=5000 + seed, eroding=(15, 4.0))
        tables = world.tables()
        panel = panel_of(tables)
        named = {panel.users[f.user] for f in eroding_users(panel, share=0.1)}
        right += len(named & set(world.truth["eroding"]))
        wrong += len(named - set(world.truth["eroding"]))
    assert right >= 0.35 * 8 * 15
    assert wrong <= 0.2 * (right + wrong)


def test_steady_users_are_hardly_ever_named():
    named = 0
    for seed in range(12):
        tables = World(seed=6000 + seed).tables()
        named += len(eroding_users(panel_of(tables), share=0.1))
    assert named <= 6
