import random

import pytest

from everyturn.demo.people import DROPPING, people, written
from everyturn.demo.steer import BILLING, DRAFTS, EROSION, LEVELS, SLIDE, SLIDING, Account, Steering, accepted_rate


@pytest.fixture(scope="module")
def crowd():
    return people(random.Random(5), count=400, eroding=6)


def test_account_keeps_to_its_rates():
    draw = random.Random(1).random
    account = Account([0.0, 0.0, 0.0])
    counts = [0, 0, 0]
    for number in range(1, 501):
        counts[account.draw((0.6, 0.3, 0.1), draw)] += 1
        assert all(abs(count - rate * number) < 3 for count, rate in zip(counts, (0.6, 0.3, 0.1), strict=True))


def test_push_moves_who_and_not_how_many():
    draw = random.Random(2).random
    account = Account([0.0, 0.0])
    hits = {True: 0, False: 0}
    for number in range(4000):
        keen = number % 2 == 0
        hits[keen] += account.draw((0.5, 0.5), draw, push=0.3 if keen else -0.3) == 0
    assert sum(hits.values()) == pytest.approx(2000, abs=3)
    assert hits[True] - hits[False] > 400


def test_settled_outcomes_are_made_up_for():
    draw = random.Random(3).random
    account = Account([0.0, 0.0])
    for _ in range(10):
        account.settle((0.5, 0.5), 0)
    assert sum(account.draw((0.5, 0.5), draw) == 0 for _ in range(30)) < 13


def test_planned_rates():
    assert accepted_rate(BILLING, "shops", 5) < 0.06
    assert [accepted_rate(SLIDING, DROPPING, week) for week in range(10)] == list(SLIDE)
    assert accepted_rate("refund", DROPPING, 6) < accepted_rate("refund", DROPPING, 5) - 0.05
    assert accepted_rate("refund", "shops", 6) == pytest.approx(accepted_rate("refund", "shops", 5), abs=0.01)
    assert [EROSION[week] for week in (0, 4, 9)] == [0.85, 0.85, 0.30]


@pytest.mark.parametrize("intent", [*sorted(set(LEVELS) - {"other"}), SLIDING, BILLING])
def test_fates_come_at_the_planned_rate(crowd, intent):
    steering = Steering(random.Random(4).random)
    shops = [person for person in crowd if person.cohort == "shops" and not person.eroding]
    fates = [steering.fate(intent, shops[at % len(shops)], 4) for at in range(600)]
    accepted = sum(fate in {"as_is", "rewritten"} for fate in fates) / len(fates)
    assert accepted == pytest.approx(accepted_rate(intent, "shops", 4), abs=0.01)
    assert ("edited" in fates) == (intent in DRAFTS)


def test_leaning_shows_per_person(crowd):
    steering = Steering(random.Random(6).random)
    shops = sorted((p for p in crowd if p.cohort == "shops" and not p.eroding), key=lambda person: person.leaning)
    chosen = shops[:20] + shops[-20:]
    hits = [sum(steering.fate("refund", person, 4) == "as_is" for _ in range(20)) for person in chosen]
    assert sum(hits[20:]) > sum(hits[:20])


def test_eroding_users_are_in_no_dropping_cohort(crowd):
    worn = [person for person in crowd if person.eroding]
    assert len(worn) == 6
    assert all(person.cohort != DROPPING and not person.billed_wrong for person in worn)


def test_cohorts_have_their_shares(crowd):
    assert sum(person.cohort == "shops" for person in crowd) == 248
    assert sum(person.cohort == DROPPING for person in crowd) == 72
    assert len({person.user_id for person in crowd}) == 400


def test_codes_survive_typing(crowd):
    draw = random.Random(7).random
    for person in crowd:
        typed = written("where is order TW-58213, bought by hello@fern.example.com for $49.90?", person, draw)
        assert "58213" in typed
        assert "hello@fern.example.com" in typed.lower()
        assert "$49.90" in typed


def test_people_write_differently(crowd):
    draw = random.Random(8).random
    typed = {written("my customer doesn't know where the parcel went", person, draw) for person in crowd}
    assert 10 < len(typed) < 200
