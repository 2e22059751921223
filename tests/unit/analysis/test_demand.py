from datetime import timedelta

import pyarrow as pa
import pytest

from everyturn.analysis.demand import mix_shift, new_intents, share_changes
from everyturn.analysis.panel import read_panel
from everyturn.analysis.tickets import queue_growth, tickets_by_intent
from simulated import MONDAY, World


def made(world):
    tables = world.tables()
    return read_panel(tables["cells"], tables["weeks_complete"]), tables


def test_an_intent_that_arrives_is_found_within_days_by_the_day():
    panel, tables = made(World(seed=1, new_intent=0.08))
    (daily,) = new_intents(panel, tables["days"], patience_days=300)
    (weekly,) = new_intents(panel, None, patience_days=300)
    assert panel.intents[daily.intent] == "i10"
    assert daily.since == weekly.since == 6
    assert MONDAY + timedelta(weeks=6) <= daily.found_at < weekly.found_at
    assert daily.found_at <= MONDAY + timedelta(weeks=7)
    assert daily.share.low < 0.08 < daily.share.high + 0.01
    assert daily.users >= 5


def test_strays_before_do_not_hide_an_arrival():
    _, tables = made(World(seed=2, new_intent=0.08))
    cells = tables["cells"]
    stray = cells.slice(0, 1).to_pylist()[0] | {"intent_id": "i10", "week": MONDAY + timedelta(weeks=1)}
    cells = pa.concat_tables([cells, pa.Table.from_pylist([stray], schema=cells.schema)])
    (found,) = new_intents(read_panel(cells, tables["weeks_complete"]), None, patience_days=300)
    assert found.since == 6


def test_old_intents_and_warm_up_weeks_bring_nothing_new():
    panel, tables = made(World(seed=3))
    assert new_intents(panel, tables["days"], patience_days=300) == []
    panel, tables = made(World(seed=3, new_intent=0.1, start=1, weeks=6))
    assert new_intents(panel, tables["days"], patience_days=300) == []


def test_one_persons_new_interest_is_no_intent():
    panel, tables = made(World(seed=4))
    mine = [
        {"user_id": "u0001", "cohort": "Agents", "intent_id": "odd", "week": MONDAY + timedelta(weeks=w),
         "signal": "acceptance", "n": 30.0, "y": 10.0, "unknown": 0}
        for w in range(6, 12)
    ]  # fmt: skip
    cells = pa.concat_tables([tables["cells"], pa.Table.from_pylist(mine, schema=tables["cells"].schema)])
    panel = read_panel(cells, tables["weeks_complete"])
    assert new_intents(panel, None, patience_days=300) == []


def shifted(seed, factor):
    """A world in which twice as often (or half as often) is asked for i4 from week 6 on."""
    _, tables = made(World(seed=seed, per_week=1600))
    cells = tables["cells"]
    rows = cells.to_pydict()
    late = [
        i == "i4" and w >= MONDAY + timedelta(weeks=6) for i, w in zip(rows["intent_id"], rows["week"], strict=True)
    ]
    for name in ("n", "y"):
        rows[name] = [v * factor if x else v for v, x in zip(rows[name], late, strict=True)]
    rows["unknown"] = [round(v * factor) if x else v for v, x in zip(rows["unknown"], late, strict=True)]
    return read_panel(pa.table(rows, schema=cells.schema), tables["weeks_complete"])


def test_more_demand_is_told_and_what_gave_way_is_not():
    panel = shifted(5, 3.0)
    (found,) = share_changes(panel, share=0.05, needed=10)
    assert panel.intents[found.intent] == "i4"
    assert found.change.low > 0.03
    assert abs(found.since - 6) <= 2


def test_less_demand_is_told_where_nothing_rose():
    panel = shifted(6, 0.1)
    found = share_changes(panel, share=0.02, needed=10)
    assert panel.intents[found[0].intent] == "i4"
    assert found[0].change.high < 0


def test_a_new_mix_is_measured_and_a_steady_one_is_not():
    panel, tables = made(World(seed=7, per_week=1600))
    assert mix_shift(panel, needed=10) is None
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
    panel = read_panel(pa.table(rows, schema=tables["cells"].schema), tables["weeks_complete"])
    split = mix_shift(panel, needed=10)
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
    assert queue_growth(panel, None, share=0.02) is None
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
