import numpy as np
import pytest

from everyturn.analysis.drift import Node, day_after, nodes, rate_changes
from everyturn.analysis.panel import read_panel
from simulated import World

BIG = World(per_week=1600, users=1200, weeks=10, start=5)


def panel_of(world):
    tables = world.tables()
    return read_panel(tables["cells"], tables["weeks_complete"])


def changes(world, share=0.05):
    return rate_changes(panel_of(world), share=share, needed=10)


def test_a_slide_of_one_intent_is_named_once_and_the_rest_is_quiet():
    panel = panel_of(BIG.but(slide=(1, 0.3), seed=1))
    first, *others = rate_changes(panel, share=0.05, needed=10)
    assert first.node == Node(intent=panel.intents.index("i1"))
    assert first.rest_z < 2
    assert abs(first.since - 5) <= 2
    assert first.split.within.low < -0.2 < first.split.within.high + 0.15
    assert first.first <= first.since <= first.last
    assert first.since < first.found_week <= 10
    assert day_after(panel, first.found_week) > panel.weeks[first.since]
    assert not [o for o in others if o.node.contains(first.node) or first.node.contains(o.node)]


def test_signals_that_move_together_are_one_incident():
    (change,) = changes(BIG.but(distrust=(0, 0.12), seed=2))
    assert change.node.level == 1
    signals = {change.signal, *(a.signal for a in change.also)}
    assert {"complaint", "edit_share"} <= signals
    assert all(a.node == change.node for a in change.also)
    assert len(signals) == 1 + len(change.also)


def test_a_new_mix_is_no_change_of_rate():
    assert changes(BIG.but(mix=0.9, seed=3)) == []


def test_nothing_is_found_where_nothing_changed():
    assert changes(BIG.but(seed=4)) == []


def test_a_rise_of_rework_is_found_though_the_last_week_is_open():
    panel = panel_of(BIG.but(rework_rise=(0, 0.3), seed=5))
    (change,) = rate_changes(panel, share=0.05, needed=10)
    assert (change.signal, change.node) == ("rework", Node(intent=panel.intents.index("i0")))
    assert change.split.within.value == pytest.approx(0.24, abs=0.08)
    assert change.found_week <= panel.complete


def test_everything_sliding_is_the_total():
    tables = BIG.but(seed=6).tables()
    cells = tables["cells"]
    signal, week = cells["signal"].to_numpy(zero_copy_only=False), cells["week"].to_numpy()
    y = cells["y"].to_numpy().copy()
    late = (signal == "acceptance") & (week >= np.unique(week)[5])
    y[late] = np.round(y[late] * np.random.default_rng(0).choice([0.0, 1.0], late.sum(), p=[0.25, 0.75]))
    cells = cells.set_column(cells.column_names.index("y"), "y", [y])
    panel = read_panel(cells, tables["weeks_complete"])
    first = rate_changes(panel, share=0.05, needed=10)[0]
    assert (first.signal, first.node) == ("acceptance", Node())


def test_nodes_reach_every_level_but_unclear_requests_have_none():
    panel = panel_of(World(per_week=200, users=100, weeks=4))
    found = list(nodes(panel, panel.rows("acceptance")))
    assert [sum(n.level == k for n in found) for k in range(4)] == [1, 4, 10, len(found) - 15]
    assert Node().contains(Node(1, 2))
    assert not Node(1).contains(Node(2, 2))
