import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from everyturn.analysis.coverage import measure_coverage
from everyturn.analysis.evals import read_evals
from everyturn.analysis.gap import EVALS_ONLY, NO_CASES, USERS_ONLY, intent_names, measure_gap
from everyturn.stats import Estimate, NotEnough
from simulated import World, panel_of, watched


@pytest.fixture(scope="module")
def product():
    tables = World(seed=1, new_intent=0.08, slide=(2, 0.5), start=1, weeks=8).tables()
    return tables, panel_of(tables), read_evals(tables["evals"])


@pytest.fixture(scope="module")
def gap(product):
    tables, panel, evals = product
    return measure_gap(panel, evals, intent_names(tables["intents"]))


def rows_of(tables, **where):
    cells = tables["cells"]
    for name, value in where.items():
        cells = cells.filter(pc.equal(cells[name], value))
    return cells


def test_a_row_is_what_its_totals_say(product, gap):
    tables, _, _ = product
    row = next(r for r in gap.rows if r.intent_id == "i4")
    cells = rows_of(tables, signal="acceptance", intent_id="i4")
    n, y = pc.sum(cells["n"]).as_py(), pc.sum(cells["y"]).as_py()
    assert row.acceptance.value == pytest.approx(y / n)
    assert row.acceptance.unknown == pc.sum(cells["unknown"]).as_py()
    assert row.users == len(pc.unique(rows_of(tables, intent_id="i4")["user_id"]))
    assert sum(n for _, n in row.weekly) == row.volume
    assert row.cases == 20
    scores = tables["evals"].filter(pc.equal(tables["evals"]["intent_id"], "i4"))
    last = scores.filter(pc.equal(scores["run_id"], max(scores["run_id"].to_pylist())))
    assert row.eval_score.value == pytest.approx(pc.mean(last["score"]).as_py())
    assert row.distance.value == pytest.approx(row.eval_score.value - row.acceptance.value)
    assert row.distance.low < row.distance.value < row.distance.high
    assert len(row.runs) == 4


def test_no_cases_means_no_score_and_no_distance(gap):
    for intent in ("i7", "i10"):
        row = next(r for r in gap.rows if r.intent_id == intent)
        assert row.cases == 0
        assert isinstance(row.eval_score, NotEnough)
        assert row.distance is None
        assert NO_CASES in row.status
        made = row.to_json()
        assert (made["eval_score"], made["distance"], made["low"], made["high"]) == (None,) * 4
    assert gap.rows[0].intent_id == "i10"  # the intent nobody is served in comes first, tested or not


def test_evals_that_say_good_where_users_do_not_are_marked(gap):
    row = next(r for r in gap.rows if r.intent_id == "i2")
    assert EVALS_ONLY in row.status
    assert row.lost > 100
    assert sum(EVALS_ONLY in r.status for r in gap.rows) == 1


def test_the_headline_multiplies_acceptance_and_what_stands(product, gap):
    tables, _, _ = product
    head = gap.headline
    rework = rows_of(tables, signal="rework")
    stands = 1 - pc.sum(rework["y"]).as_py() / pc.sum(rework["n"]).as_py()
    assert head.kept.value == pytest.approx(head.acceptance.value * stands)
    assert head.kept.low < head.kept.value < head.kept.high < head.acceptance.high
    assert head.acceptance_bounds[0] < head.acceptance.value < head.acceptance_bounds[1]
    assert head.distance.value == pytest.approx(head.eval_score.value - head.kept.value)


def test_what_lost_most_comes_first(gap):
    lost = [row.lost for row in gap.rows]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 0


def test_few_cases_make_a_wide_distance(product):
    tables, panel, evals = product
    row = next(r for r in measure_gap(panel, evals, {}).rows if r.intent_id == "i4")
    cases = tables["evals"].filter(pc.equal(tables["evals"]["intent_id"], "i4"))
    some = sorted(set(cases["case_id"].to_pylist()))[:3]
    few = cases.filter(pc.is_in(cases["case_id"], value_set=pa.array(some)))
    narrow = next(r for r in measure_gap(panel, read_evals(few), {}).rows if r.intent_id == "i4")
    assert narrow.cases == 3
    assert narrow.acceptance == row.acceptance
    assert narrow.distance.high - narrow.distance.low > 2 * (row.distance.high - row.distance.low)


def test_a_gap_opened_when_users_began_to_lose(product, gap):
    _, panel, _ = product
    row = next(r for r in gap.rows if r.intent_id == "i2")  # slides over four weeks from week 1 on
    assert row.opened.first <= panel.weeks[3]
    late = World(seed=3, slide=(2, 0.5), start=6, weeks=12).tables()
    made_of = panel_of(late)
    found = next(r for r in measure_gap(made_of, read_evals(late["evals"]), {}).rows if r.intent_id == "i2").opened
    assert found.by == "users"
    assert found.first <= made_of.weeks[6] + timedelta(weeks=1)
    assert found.last >= made_of.weeks[6]
    others = [r.opened for r in gap.rows if r.intent_id not in {"i2", "i10"} and r.opened]
    assert {o.by for o in others} <= {"all along", "evals"}


def test_a_gap_without_a_promise_has_no_week(gap):
    assert all(r.opened is None for r in gap.rows if r.distance is None or r.distance.low <= 0)


def test_the_trend_is_of_the_share_of_all_outputs(product, gap):
    new = next(r for r in gap.rows if r.intent_id == "i10")  # planted as new and growing
    assert new.trend.low > 0
    flat = [r.trend for r in gap.rows if r.intent_id != "i10"]
    assert all(t.low < t.value < t.high for t in flat)
    _, panel, evals = product
    assert measure_gap(panel.recent(5), evals, {}).rows[0].trend is None


def test_evals_that_fail_where_users_are_content_are_reported(product):
    tables, panel, _ = product
    scores = tables["evals"]
    low = pc.if_else(pc.equal(scores["intent_id"], "i4"), 0.1, scores["score"])
    evals = scores.set_column(scores.column_names.index("score"), "score", low)
    row = next(r for r in measure_gap(panel, read_evals(evals), {}).rows if r.intent_id == "i4")
    assert row.status == (USERS_ONLY,)
    told = watched(tables | {"evals": evals}).findings
    (finding,) = [f for f in told if f.kind == "gap" and f.intent_id == "i4"]
    assert finding.size.high < 0
    assert "may test something users do not need" in finding.sentence


def test_without_actions_what_users_kept_is_what_they_accepted(product):
    tables, _, evals = product
    cells = tables["cells"].filter(pc.not_equal(tables["cells"]["signal"], "rework"))
    made = measure_gap(panel_of(tables | {"cells": cells}), evals, {}).headline
    assert made.rework is None
    assert made.kept == made.acceptance


def test_json_has_the_agreed_fields_and_no_nan(gap):
    made = json.loads(json.dumps(gap.to_json(), allow_nan=False))
    assert {"intent", "volume", "cases", "eval_score", "acceptance", "distance", "low", "high"} <= set(made["rows"][0])
    assert made["headline"]["eval_runs"][0]["cases"] == 180


def test_coverage_is_the_tested_share_of_traffic(product):
    tables, panel, evals = product
    made = measure_coverage(panel, evals, intent_names(tables["intents"]))
    volume = {i: pc.sum(pc.add(c["n"], c["unknown"])).as_py() for i in panel.intents
              if (c := rows_of(tables, signal="acceptance", intent_id=i)).num_rows}  # fmt: skip
    tested = sum(v for i, v in volume.items() if i not in {"i7", "i10"})
    assert made.traffic.value == pytest.approx(tested / sum(volume.values()))
    assert made.traffic.low < made.traffic.value < made.traffic.high
    assert {u.intent for u in made.uncovered} == {"intent 7", "billing address"}
    assert [u.outputs for u in made.uncovered] == sorted((volume["i7"], volume["i10"]), reverse=True)
    failed = {i: pc.sum(pc.subtract(c["n"], c["y"])).as_py() for i in volume
              if (c := rows_of(tables, signal="acceptance", intent_id=i)).num_rows}  # fmt: skip
    missed = (failed["i7"] + failed["i10"]) / sum(failed.values())
    assert made.of_failures.value == pytest.approx(1 - missed)
    shape = made.to_json()
    assert {"coverage", "low", "high", "uncovered"} <= set(shape)
    assert {"intent", "share", "acceptance"} <= set(shape["uncovered"][0])


def test_an_intent_of_few_cases_is_covered_in_name_only(product):
    tables, panel, _ = product
    scores = tables["evals"]
    few = pc.or_(
        pc.not_equal(scores["intent_id"], "i2"),
        pc.is_in(scores["case_id"], pa.array(["case 2-0", "case 2-1", "case 2-2"])),
    )
    more = pa.concat_tables(
        [scores, scores.set_column(1, "case_id", pc.binary_join_element_wise(scores["case_id"], "twin", " "))]
    )
    names = intent_names(tables["intents"])
    made = measure_coverage(
        panel,
        read_evals(
            more.filter(
                pc.fill_null(
                    pc.or_(pc.not_equal(more["intent_id"], "i2"), pc.is_in(more["case_id"], pa.array(["case 2-0"]))),
                    True,
                )
            )
        ),
        names,
    )
    assert [(t.intent, t.cases, t.smallest_fall) for t in made.thin] == [("intent 2", 1, None)]
    assert made.in_depth.value == pytest.approx(made.traffic.value - made.thin[0].share.value)
    # Twenty cases an intent tell a fall of about 30 points: all are in name only, and three cases tell nothing at all.
    thin = measure_coverage(panel, read_evals(scores.filter(few)), names)
    assert thin.in_depth.value < 0.5 * thin.traffic.value
    least = {t.intent: t.smallest_fall for t in thin.thin}
    assert least["intent 2"] is None
    assert all(0.25 < fall < 0.4 for name, fall in least.items() if name != "intent 2")
    # With thirty cases more it is as deep as any.
    then = measure_coverage(panel, read_evals(scores.filter(few)), names, also={"i2": 30})
    assert "intent 2" not in {t.intent for t in then.thin}
    assert then.in_depth.value > thin.in_depth.value


def test_without_scores_nothing_is_said_of_depth(product):
    tables, panel, _ = product
    none = tables["evals"].set_column(5, "score", pa.nulls(tables["evals"].num_rows, pa.float64()))
    made = measure_coverage(panel, read_evals(none), {})
    assert made.traffic.value > 0.5
    assert made.in_depth is None
    assert made.thin == ()
    assert made.to_json()["in_depth"] is None


def test_unclear_requests_are_neither_covered_nor_uncovered(product):
    tables, _, evals = product
    cells = tables["cells"]
    unclear = pc.if_else(pc.equal(cells["intent_id"], "i0"), None, cells["intent_id"])
    panel = panel_of(tables | {"cells": cells.set_column(2, "intent_id", unclear)})
    made = measure_coverage(panel, evals, {})
    assert 0.1 < made.unclear < 0.4
    assert {u.intent_id for u in made.uncovered} == {"i7", "i10"}
    assert isinstance(made.traffic, Estimate)


def test_without_evals_nothing_is_covered_and_nothing_is_said_of_distance(product):
    tables, panel, _ = product
    none = read_evals(tables["evals"].slice(0, 0))
    assert measure_coverage(panel, none, {}).traffic.value == 0
    made = measure_gap(panel, none, {})
    assert made.headline.distance is None
    assert all(row.distance is None and not row.status for row in made.rows)


def test_few_users_give_no_rate(product):
    _, panel, evals = product
    one = panel.without(users=list(np.arange(5, len(panel.users))))
    assert all(isinstance(row.acceptance, NotEnough) for row in measure_gap(one, evals, {}).rows)
    assert isinstance(measure_coverage(one, evals, {}).traffic, NotEnough)
