"""The week a gap opened: rarely named where nothing changed, and near the truth where something did."""

import numpy as np
import pytest

from everyturn.analysis.evals import read_evals
from everyturn.analysis.gap import measure_gap
from simulated import World, panel_of

pytestmark = pytest.mark.statistics
SEEDS = range(12)


def opened(world: World):
    tables = world.tables()
    panel = panel_of(tables)
    rows = measure_gap(panel, read_evals(tables["evals"]), {}).rows
    return panel, {row.intent_id: row.opened for row in rows if row.opened}


def test_where_nothing_changed_no_start_is_named():
    named, worlds, gaps = 0, 0, 0
    for seed in SEEDS:
        _, found = opened(World(seed=seed, users=400, per_week=400.0))
        named += any(o.by == "users" for o in found.values())
        worlds += 1
        gaps += len(found)
    assert gaps > 3 * worlds  # the evals of this world promise more than its users accept
    assert named <= 3  # 5% of 12 worlds is 0.6; four or more has a chance of 1 in 500


def test_a_planted_fall_is_dated():
    held, errors, missed = 0, [], 0
    for seed in SEEDS:
        panel, found = opened(World(seed=seed, users=400, per_week=400.0, slide=(2, 0.5), start=6, weeks=12))
        o = found.get("i2")
        if o is None or o.by != "users":
            missed += 1
            continue
        errors.append(panel.weeks.index(o.week) - 6)
        held += panel.weeks.index(o.first) <= 6 <= panel.weeks.index(o.last)
    assert missed <= 2
    assert held >= 0.6 * len(
        errors
    )  # 87% on 80 other worlds (68 of 78, 2 missed); fewer than 60% of 12 happens once in 50
    assert np.median(np.abs(errors)) <= 2  # the fall itself takes four weeks, and its beginning is faint
