"""Which goes first, trust or use: against the same comparison by hand, and where nothing can be said."""

import numpy as np
import pytest

from departing import Departing
from everyturn.analysis.departures import BEFORE, EARLIER, LATER, History, find_departures, mean_shift
from everyturn.analysis.leading import LEAST_WEEKS, leading_order
from everyturn.analysis.trust import trust_parts
from everyturn.stats import Estimate, NotEnough


@pytest.fixture(scope="module")
def panel():
    return Departing(seed=4, users=300).panel()


def by_user(panel, rows, weeks):
    """{user: [(n, y) by week]}, by hand."""
    found = {}
    for u, w, n, y in zip(rows.user, rows.week, rows.n, rows.y, strict=True):
        if w < weeks:
            was = found.setdefault(int(u), np.zeros((weeks, 2)))
            was[w] += n, y
    return found


def rate_change(history, week, window):
    end = week + EARLIER[0]
    before, now = history[max(end - BEFORE, 0) : end].sum(0), history[week + window[0] : week + window[1]].sum(0)
    if not before[0] or not now[0]:
        return None
    return now[1] / now[0] - before[1] / before[0], 1 / (1 / now[0] + 1 / before[0] + 0.1)


@pytest.mark.parametrize("window", [EARLIER, LATER])
def test_the_shift_equals_that_computed_user_by_user(panel, window):
    parts, weeks = trust_parts(panel)
    use = find_departures(panel, weeks)
    made = mean_shift(use, [History.of_answers(rows, use, len(panel.users)) for rows in parts.values()], None, window)
    assert (use.fell_at >= 0).sum() > 10
    parts_by_hand = []
    for rows in parts.values():
        histories = by_user(panel, rows, weeks)
        apart = []
        for k in np.flatnonzero(use.fell_at >= 0):
            week = int(use.fell_at[k])
            own = rate_change(histories[int(use.users[k])], week, window)
            alike = [
                change
                for j in np.flatnonzero(use.stays[:, week])
                if use.home[j] == use.home[k]
                and use.before[k, week] / 2 <= use.before[j, week] <= use.before[k, week] * 2
                if (change := rate_change(histories[int(use.users[j])], week, window)) is not None
            ]
            if own is None or not alike:
                continue
            changes, weights = np.array(alike).T
            apart.append((own[0] - changes @ weights / weights.sum(), own[1]))
        changes, weights = np.array(apart).T
        parts_by_hand.append(changes @ weights / weights.sum())
    assert made.value == pytest.approx(np.mean(parts_by_hand))


def test_who_left_and_when_is_found(panel):
    """A user's own weeks: eight before at a habit's pace, and from the week named on at most half of it."""
    _, weeks = trust_parts(panel)
    use = find_departures(panel, weeks)
    for k in np.flatnonzero(use.fell_at >= 0):
        at = int(use.fell_at[k])
        before, after = use.counts[k, at - 8 : at], use.counts[k, at : at + 8]
        assert before.sum() >= 8
        assert after.mean() <= before.mean() / 2
        assert not use.stays[k].any()


def test_nearly_nobody_seems_to_leave_where_nobody_does():
    panel = Departing(seed=5, going=0.0).panel()
    _, weeks = trust_parts(panel)
    use = find_departures(panel, weeks)
    regular = use.stays.any(1).sum()
    assert regular > 200
    assert (use.fell_at >= 0).sum() <= 0.03 * regular


def test_too_few_are_said_and_not_judged():
    (order,) = leading_order(Departing(seed=1, users=60).panel())
    assert order.first == "too few"
    assert isinstance(order.before, NotEnough)
    assert order.sentence.startswith("There are too few users to tell whether trust falls before use does: ")
    assert order.sentence.endswith("10 are needed.")


def test_too_few_weeks_are_said():
    (order,) = leading_order(Departing(seed=1, weeks=18).panel().recent(LEAST_WEEKS - 1))
    assert order.first == "too short"
    assert (
        order.sentence
        == "It takes 12 weeks of complete trust scores to tell whether trust falls before use does; there are 11 so far."
    )
    nobody = Departing(users=60).panel()
    assert leading_order(nobody.without(users=range(60)))[0].first == "too short"


def test_cohorts_with_enough_users_have_a_sentence_of_their_own():
    orders = leading_order(Departing(seed=4, users=800).panel())
    assert orders[0].cohort is None
    assert orders[0].first == "trust"
    assert "c0" in {order.cohort for order in orders[1:]}
    assert all(order.before.level == pytest.approx(1 - 0.05 / len(orders), abs=0.02) for order in orders)
    for order in orders:
        assert isinstance(order.before, Estimate)
        made = order.to_json()
        assert made["first"] in {"trust", "use", "together", "unclear"}
        assert made["sentence"]
