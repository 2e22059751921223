import pyarrow as pa
import pytest

from everyturn.analysis.drift import Node, describe, nodes, read_answers
from everyturn.analysis.incidents import group_alarms
from simulated import World, listen, panel_of

BIG = World(per_week=2400, users=1500, weeks=12, start=7)


def changes(world, budget=12.0):
    """Every incident of rates that is told, in the order it rang."""
    tables = world.tables()
    panel = panel_of(tables)
    answers = read_answers(panel, tables["totals"])
    incidents = group_alarms(listen(tables, budget=budget).alarms)
    found = (describe(panel, answers, i) for i in incidents if i.first.signal != "share")
    return panel, [change for change in found if change is not None and change.tier == "page"]


def test_a_slide_of_one_intent_is_named_there_and_the_rest_is_quiet():
    panel, found = changes(BIG.but(slide=(1, 0.3), seed=1))
    assert {c.node for c in found if c.is_worse} == {Node(intent=panel.intents.index("i1"))}
    first = found[0]
    assert first.rest_z < 2
    assert abs((first.since - panel.weeks[7]).days) <= 14
    assert first.since <= first.found <= first.until
    assert first.split.within.low < -0.2
    assert first.split.within.high < 0
    assert first.baseline == pytest.approx(0.72, abs=0.08)


def test_signals_that_move_together_in_a_cohort_come_to_the_same_place():
    panel, found = changes(BIG.but(distrust=(0, 0.12), seed=2))
    cohort = Node(cohort=panel.cohorts.index("Agents"))
    assert {"acceptance", "complaint", "edit_share"} & {c.signal for c in found if c.node == cohort}
    assert all(cohort.contains(c.node) or c.node.contains(cohort) for c in found)


def test_a_new_mix_is_no_change_of_rate():
    assert changes(BIG.but(mix=0.9, seed=3))[1] == []


def test_nothing_is_found_where_nothing_changed():
    assert changes(BIG.but(seed=4))[1] == []


def test_a_rise_of_rework_is_found_when_its_windows_close():
    panel, found = changes(BIG.but(rework_rise=(0, 0.3), seed=5))
    change = found[0]
    assert (change.signal, change.node) == ("rework", Node(intent=panel.intents.index("i0")))
    assert change.split.within.value == pytest.approx(0.24, abs=0.08)


def test_everything_sliding_is_the_total():
    tables = BIG.but(seed=6).tables()
    totals = tables["totals"].to_pydict()
    start = min(totals["block"]) + 7 * 7 * 4
    totals["y"] = [
        max(y - 0.2 * n, 0.0) if s == "acceptance@1" and b >= start else y
        for s, b, n, y in zip(totals["signal"], totals["block"], totals["n"], totals["y"], strict=True)
    ]
    totals = pa.table(totals)
    panel = panel_of(tables)
    incident = group_alarms(listen(tables | {"totals": totals}).alarms)[0]
    first = describe(panel, read_answers(panel, totals), incident)
    assert (first.signal, first.node) == ("acceptance", Node())


def test_one_busy_user_does_not_speak_for_all():
    tables = World(per_week=700, users=500, weeks=12, seed=7).tables()
    totals = tables["totals"].to_pydict()
    first = min(totals["block"])
    bot = {
        (first + day * 4 + k): (14.0, 14.0 if day < 56 else 0.0) for day in range(82) for k in range(4)
    }  # half of all traffic
    mine = {"signal": "acceptance@1", "user_id": "u0001", "cohort": "Agents", "intent_id": "i0"}
    for block, (n, y) in bot.items():
        for name, value in {"given": block, "block": block, "n": n, "y": y, **mine}.items():
            totals[name].append(value)
    totals = pa.table(totals)
    panel = panel_of(tables)
    answers = read_answers(panel, totals)
    incidents = group_alarms(listen(tables | {"totals": totals}).alarms)
    told = [describe(panel, answers, i) for i in incidents if i.first.signal == "acceptance"]
    assert incidents
    assert [c for c in told if c is not None and c.tier == "page"] == []


def test_nodes_reach_every_level_but_unclear_requests_have_none():
    panel = panel_of(World(per_week=200, users=100, weeks=4).tables())
    found = list(nodes(panel, panel.rows("acceptance")))
    assert [sum(n.level == k for n in found) for k in range(4)] == [1, 4, 10, len(found) - 15]
    assert Node().contains(Node(1, 2))
    assert not Node(1).contains(Node(2, 2))
