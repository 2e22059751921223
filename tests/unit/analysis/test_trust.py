from datetime import date

import numpy as np
import pytest

from everyturn.analysis.erosion import eroding_users
from everyturn.analysis.trust import PRIOR_OUTPUTS, cohort_trust, trust_drop, trust_parts, user_trust
from everyturn.stats import Estimate, NotEnough
from simulated import World, panel_of


@pytest.fixture(scope="module")
def panel():
    return panel_of(World(users=150, per_week=300, weeks=6, seed=1).tables())


def good_shares(panel, keep):
    """Per part: {user: (n, good)} over the finished weeks in which every part is known, by hand."""
    found = {}
    for part, signal in (("unmodified acceptance", "acceptance"), ("depth of edits", "edit_share"),
                         ("verification", "complaint"), ("rework", "rework")):  # fmt: skip
        rows = panel.rows(signal)
        found[part] = {}
        for u, c, w, n, y in zip(rows.user, rows.cohort, rows.week, rows.n, rows.y, strict=True):
            if n > 0 and w < 5 and keep(c, w):  # the sixth week's rework is still open
                was = found[part].get(u, (0.0, 0.0))
                found[part][u] = (was[0] + n, was[1] + (y if signal == "acceptance" else n - y))
    return found


def test_a_cohort_is_the_mean_over_its_users_part_by_part(panel):
    made = {c.cohort: c for c in cohort_trust(panel)}
    for code, name in enumerate(panel.cohorts):
        by_hand = good_shares(panel, lambda c, _, code=code: c == code)
        means = {part: np.mean([good / n for n, good in users.values()]) for part, users in by_hand.items()}
        assert made[name].trust.value == pytest.approx(np.mean(list(means.values())))
        assert {p: e.value for p, e in made[name].parts.items()} == pytest.approx(means)
        assert made[name].trust.low < made[name].trust.value < made[name].trust.high
        week = good_shares(panel, lambda c, w, code=code: c == code and w == 2)
        _, third = made[name].weekly[2]
        if isinstance(third, Estimate):
            assert third.value == pytest.approx(
                np.mean([np.mean([g / n for n, g in u.values()]) for u in week.values()])
            )
    assert len(made["Agents"].weekly) == 5


def test_a_user_is_shrunk_to_the_cohort_by_the_stated_weight(panel):
    made = {u.user_id: u for u in user_trust(panel)}
    assert list(made) == sorted(made)
    own = good_shares(panel, lambda *_: True)
    homes = {u.user_id: u.cohort for u in made.values()}
    user = next(u for u, (n, _) in own["rework"].items() if n >= 3)
    name = panel.users[user]
    for part, users in own.items():
        inside = [v for u, v in users.items() if homes[panel.users[u]] == homes[name]]
        level = sum(g for _, g in inside) / sum(n for n, _ in inside)
        n, good = users.get(user, (0.0, 0.0))
        assert made[name].parts[part] == pytest.approx((good + PRIOR_OUTPUTS * level) / (n + PRIOR_OUTPUTS))
    assert made[name].trust == pytest.approx(np.mean(list(made[name].parts.values())))
    assert all(0 <= u.low <= u.trust <= u.high <= 1 and u.high - u.low > 0.01 for u in made.values())


def test_few_outputs_stay_near_the_cohort_and_have_wide_ranges(panel):
    made = user_trust(panel)
    few = [u for u in made if u.outputs <= 2]
    many = [u for u in made if u.outputs >= 40]
    assert np.std([u.trust for u in few]) < np.std([u.trust for u in many])
    assert min(u.high - u.low for u in few) > max(u.high - u.low for u in many)


def test_parts_that_were_never_asked_are_left_out(panel):
    only = panel.but({s: np.zeros(len(panel.rows(s)), dtype=bool) for s in panel.signals if s != "acceptance"})
    parts, weeks = trust_parts(only)
    assert set(parts) == {"unmodified acceptance"}
    assert weeks == 6
    assert {p for u in user_trust(only) for p in u.parts} == {"unmodified acceptance"}
    silent = panel.but({s: np.zeros(len(panel.rows(s)), dtype=bool) for s in panel.signals})
    assert user_trust(silent) == cohort_trust(silent) == []
    assert trust_drop(silent, 0, since=3, found_at=date(2026, 3, 2)) is None


def test_a_drop_in_one_cohort_is_measured_behind_a_steady_total():
    panel = panel_of(World(seed=2, distrust=(2, 0.1)).tables())
    code = panel.cohorts.index("Managers")
    drop = trust_drop(panel, code, since=6, found_at=date(2026, 3, 2))
    assert drop.change.low < -0.06 < drop.change.high + 0.07
    assert drop.change.high < 0
    assert drop.others.low <= 0 <= drop.others.high
    assert set(drop.parts) == {"unmodified acceptance", "depth of edits", "verification", "rework"}
    assert trust_drop(panel, code, since=0, found_at=date(2026, 3, 2)) is None


def test_a_steady_cohort_has_no_drop():
    panel = panel_of(World(seed=3).tables())
    drops = [trust_drop(panel, c, since=6, found_at=date(2026, 3, 2)) for c in range(4)]
    assert sum(drop is not None for drop in drops) <= 1


def test_too_few_users_give_no_trust():
    small = panel_of(World(users=12, per_week=20, weeks=5).tables())
    assert all(isinstance(c.trust, NotEnough) for c in cohort_trust(small))


def test_eroding_users_are_named_and_others_hardly():
    world = World(seed=4, eroding=(15, 5.0))
    panel = panel_of(world.tables())
    found = eroding_users(panel, share=0.1)
    named, truth = {panel.users[f.user] for f in found}, set(world.truth["eroding"])
    assert len(named & truth) >= 8
    assert len(named - truth) <= 2
    assert all(f.accepted_since < f.accepted_before for f in found)
    assert all(f.weekly_since > 0.5 * f.weekly_before for f in found)
    assert found == eroding_users(panel, share=0.1)
    assert len(eroding_users(panel, share=0.1, today=7)) < len(found)


def test_a_slide_for_everyone_names_nobody():
    panel = panel_of(World(seed=5, slide=(0, 0.4), distrust=(0, 0.15)).tables())
    assert len(eroding_users(panel, share=0.1)) <= 2
