from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.demand import mix_shift, new_intents, read_asked, share_changes
from everyturn.analysis.incidents import group_alarms
from everyturn.analysis.tickets import queue_growth, tickets_by_intent
from simulated import MONDAY, World, listen, panel_of


def made(world):
    tables = world.tables()
    return panel_of(tables), tables


def heard(tables, asked=None):
    """The panel, who asked for what, and what rang."""
    asked = tables["asked"] if asked is None else asked
    panel = panel_of(tables)
    return panel, read_asked(panel, asked), group_alarms(listen(tables | {"asked": asked}).alarms)


def arrivals(tables, asked=None):
    panel, rows, incidents = heard(tables, asked)
    return panel, new_intents(panel, rows, incidents)


def moved(tables, asked):
    panel, rows, incidents = heard(tables, asked)
    return panel, share_changes(panel, rows, incidents, explained=[])


def with_more(asked, intent, keep, seed=0):
    """The days with some of the others' days turned into days of `intent`, or (keep < 1) some of its own into others'."""
    rows = asked.to_pydict()
    late = min(rows["day"]) + 42
    rng = np.random.default_rng(seed)
    draw = rng.random(len(rows["day"]))
    rows["intent_id"] = [
        i if d < late else intent if keep > 1 and x < keep - 1 else "i0" if i == intent and x > keep else i
        for i, d, x in zip(rows["intent_id"], rows["day"], draw, strict=True)
    ]
    return pa.table(rows).group_by(["day", "user_id", "cohort", "intent_id"]).aggregate([])


def test_an_intent_that_arrives_is_found_within_days():
    panel, (found,) = arrivals(World(seed=1, new_intent=0.08).tables())
    assert panel.intents[found.intent] == "i10"
    assert found.since == 6
    assert MONDAY + timedelta(weeks=6) <= found.found_at <= MONDAY + timedelta(weeks=7)
    assert found.share.low < 0.085
    assert found.share.high > 0.07
    assert found.users >= 5


def test_strays_before_do_not_hide_an_arrival():
    tables = World(seed=2, new_intent=0.08).tables()
    asked = tables["asked"]
    strays = [asked.slice(k * 97, 1).to_pylist()[0] | {"intent_id": "i10"} for k in range(3)]
    asked = pa.concat_tables([asked, pa.Table.from_pylist(strays, schema=asked.schema)])
    _, (found,) = arrivals(tables, asked)
    assert found.since == 6


def test_old_intents_and_warm_up_weeks_bring_nothing_new():
    assert arrivals(World(seed=3).tables())[1] == []
    assert arrivals(World(seed=3, new_intent=0.1, start=1, weeks=6).tables())[1] == []


def test_one_persons_new_interest_is_no_intent():
    tables = World(seed=4).tables()
    asked, cells = tables["asked"], tables["cells"]
    first = min(asked["day"].to_pylist())
    mine = [{"day": first + d, "user_id": "u0001", "cohort": "Agents", "intent_id": "odd"} for d in range(42, 84)]
    row = cells.slice(0, 1).to_pylist()[0] | {"user_id": "u0001", "intent_id": "odd"}
    tables["cells"] = pa.concat_tables([cells, pa.Table.from_pylist([row], schema=cells.schema)])
    assert arrivals(tables, pa.concat_tables([asked, pa.Table.from_pylist(mine, schema=asked.schema)]))[1] == []


def test_more_demand_is_told_and_what_gave_way_is_not():
    tables = World(seed=5, per_week=1600).tables()
    panel, (found,) = moved(tables, with_more(tables["asked"], "i4", 1.12))
    assert panel.intents[found.intent] == "i4"
    assert found.change.low > 0.03
    assert abs(found.since - 6) <= 2


def test_less_demand_is_told_where_nothing_rose():
    tables = World(seed=6, per_week=1600).tables()
    asked = with_more(tables["asked"], "i4", 0.1)
    panel, found = moved(tables, asked)
    falls = [f for f in found if panel.intents[f.intent] == "i4"]
    rises = [f for f in found if panel.intents[f.intent] == "i0"]
    assert rises or falls[0].change.high < 0


def test_a_new_mix_is_measured_and_a_steady_one_is_not():
    panel, tables = made(World(seed=7, per_week=1600))
    assert mix_shift(panel) is None
    rows = tables["cells"].to_pydict()
    worse = [  # the two intents accepted least are asked three times as often in the last four weeks
        i in {"i0", "i1"} and w >= MONDAY + timedelta(weeks=8)
        for i, w in zip(rows["intent_id"], rows["week"], strict=True)
    ]
    low = {"acceptance"}
    for name in ("n", "y"):
        rows[name] = [v * 4 if x else v for v, x in zip(rows[name], worse, strict=True)]
    rows["y"] = [
        v * 0.5 if i in {"i0", "i1"} and s in low else v
        for v, i, s in zip(rows["y"], rows["intent_id"], rows["signal"], strict=True)
    ]
    panel = panel_of(tables | {"cells": pa.table(rows, schema=tables["cells"].schema)})
    split = mix_shift(panel)
    assert split.mix.high < -0.01
    assert split.mix.value + split.within.value == pytest.approx(split.total.value)


def tickets(counts, intent=None):
    return pa.table(
        {
            "week": pa.array([MONDAY + timedelta(weeks=w) for w in range(len(counts))], pa.date32()),
            "intent_id": pa.array([intent] * len(counts), pa.string()),
            "n": counts,
        }
    )


def test_a_growing_queue_is_found_with_its_source():
    panel, _ = made(World(seed=8))
    grown = pa.concat_tables([tickets([20] * 12), tickets([2] * 7 + [25] * 5, "i3")])
    growth = queue_growth(panel, grown, share=0.02)
    assert abs(growth.since - 7) <= 1
    assert growth.low > 0
    assert growth.low < growth.after.value - growth.before.value < growth.high
    assert panel.intents[growth.added[0][0]] == "i3"
    assert growth.added[0][1] == pytest.approx(23, abs=3)


def test_a_steady_queue_a_short_one_and_none_are_nothing():
    panel, tables = made(World(seed=9))
    assert queue_growth(panel, tables["tickets"], share=0.02) is None
    assert queue_growth(panel, tickets([]), share=0.02) is None
    assert queue_growth(panel.recent(5), tickets([1, 1, 1, 50, 90]), share=0.02) is None


def test_tickets_without_an_intent_go_where_conversations_were_handed_over():
    panel, _ = made(World(seed=10))
    rows = panel.rows("escalation")
    handed = sum(
        y for i, w, y in zip(rows.intent, rows.week, rows.y, strict=True) if panel.intents[i] == "i3" and w == 4
    )
    found = tickets_by_intent(panel, pa.concat_tables([tickets([500] * 12), tickets([7] * 12, "i4")]))
    assert found[panel.intents.index("i3"), 4] == handed
    assert found.sum(0).tolist() == pytest.approx([507] * 12)
    scarce = tickets_by_intent(panel, tickets([1] * 12))
    assert scarce.sum(0).tolist() == pytest.approx([1] * 12)
    assert (scarce >= 0).all()


def test_what_a_new_intent_brings_is_no_growth_of_the_rest():
    panel, _ = made(World(seed=11, new_intent=0.1))
    code = panel.intents.index("i10")
    brought = pa.concat_tables([tickets([20] * 12), tickets([0] * 6 + [30] * 6, "i10")])
    assert queue_growth(panel, brought, share=0.02) is not None
    assert queue_growth(panel, brought, share=0.02, explained=[code]) is None
