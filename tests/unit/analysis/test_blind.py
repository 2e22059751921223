"""Where a fall could go unseen: which slices are told as blind, and in what words."""

import numpy as np
import pytest

from everyturn.analysis.blind import WORTH, BlindSpots, blind_spots, least_change
from everyturn.analysis.gap import intent_names
from everyturn.stats.summaries import summarise_one
from simulated import World, panel_of, watched


@pytest.fixture(scope="module")
def product():
    tables = World(users=400, per_week=900, weeks=8, seed=2).tables()
    return tables, panel_of(tables)


def test_the_blind_are_those_whose_own_answers_show_no_such_fall(product):
    tables, panel = product
    cohorts, intents = blind_spots(panel, intent_names(tables["intents"]))
    rows, weeks = panel.rows("acceptance"), panel.weeks_known("acceptance")
    for spots, codes, labels in ((cohorts, rows.cohort, panel.cohorts), (intents, rows.intent, panel.intents)):
        blind, answers = {}, 0.0
        for code, label in enumerate(labels):
            own = codes == code
            least = least_change(summarise_one(rows.user[own], rows.n[own], rows.y[own]), weeks)
            if least is None or round(least, 2) > WORTH:
                name = label if spots.kind == "cohort" else f"intent {label[1:]}"
                blind[name], answers = least, answers + rows.n[own].sum()
        assert dict(spots.slices) == blind
        assert spots.of == len(labels)
        assert spots.share == pytest.approx(answers / rows.n.sum())
    assert 0 < len(cohorts.slices) < 4  # the world has both kinds


def test_watch_says_it_beside_what_it_found(product):
    tables, panel = product
    told = watched(tables).to_json()["blind_spots"]
    assert [spots["kind"] for spots in told] == ["cohort", "intent"]
    assert f"of {len(panel.cohorts)} cohorts" in told[0]["sentence"]
    assert told[0]["slices"][0]["cohort"] in told[0]["sentence"]


def test_few_people_are_counted_and_not_named(product):
    _, panel = product
    few = panel.without(users=list(np.arange(12, len(panel.users))))
    cohorts, _ = blind_spots(few, {})
    assert cohorts.slices == ()
    assert cohorts.unnamed == cohorts.of > 1
    assert cohorts.sentence.endswith("All have fewer than 10 people.")
    assert not any(name in cohorts.sentence for name in panel.cohorts)


def test_nothing_yet_is_no_sentence(product):
    _, panel = product
    assert blind_spots(panel.without(users=range(len(panel.users))), {}) == ()


def test_where_all_is_seen_it_says_so():
    assert BlindSpots("cohort", (), 0, 3, 0.0).sentence == (
        "If acceptance fell by 10 points in any cohort, it would probably show within four weeks."
    )


def test_many_are_cut_and_counted():
    spots = BlindSpots("intent", tuple((f"i{k}", 0.2) for k in range(7)), 2, 12, 0.5)
    assert spots.sentence.endswith('"i0" 20 points, "i1" 20 points, "i2" 20 points, "i3" 20 points and 5 more.')
