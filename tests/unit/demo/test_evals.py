import json
from collections import Counter, defaultdict

import pytest

SUBJECTS = {"refunds", "shipping", "password resets", "account changes"}


@pytest.fixture(scope="session")
def cases(world):
    return [json.loads(line) for line in world.evals[0].read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def results(world):
    return [json.loads(line) for line in world.evals[1].read_text(encoding="utf-8").splitlines()]


def test_200_cases_over_exactly_four_subjects(cases):
    assert len(cases) == 200
    assert Counter(case["metadata"]["subject"] for case in cases) == dict.fromkeys(SUBJECTS, 50)
    assert len({case["input"] for case in cases}) == 200
    assert len({case["case_id"] for case in cases}) == 200
    assert all(case["expected"] for case in cases)


def test_no_case_is_about_billing(cases):
    assert not [
        case for case in cases if any(word in case["input"].lower() for word in ("charged", "billed", "my bill"))
    ]


def test_every_deploy_scores_94_percent(cases, results, world):
    runs = defaultdict(dict)
    for result in results:
        runs[result["run_id"]][result["case_id"]] = result["score"]
    assert len(runs) == len(world.mondays)
    for scores in runs.values():
        assert set(scores) == {case["case_id"] for case in cases}
        assert sum(scores.values()) / len(scores) == pytest.approx(0.94)
    failures = {frozenset(case for case, score in scores.items() if not score) for scores in runs.values()}
    assert len(failures) == len(runs), "the failing cases vary"


def test_deploys_go_out_on_mondays(results, world):
    assert sorted({result["at"][:10] for result in results}) == [str(monday.date()) for monday in world.mondays]
