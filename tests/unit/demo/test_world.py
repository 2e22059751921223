import ast
import csv
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import everyturn.demo
from everyturn.demo import write_chat, write_world
from everyturn.errors import InputError


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def mean(values):
    return sum(values) / len(values)


# --- the story comes true ------------------------------------------------------------------------------------


def test_size_of_the_world(world):
    assert world.realised["conversations"] == 9_000
    assert 800 <= world.realised["users"] <= 900
    assert [week.weekday() for week in world.mondays] == [0] * 10
    assert world.mondays[-1] == datetime(2026, 11, 9, tzinfo=UTC)
    assert world.billing_since == datetime(2026, 9, 28, tzinfo=UTC)


def test_everything_looks_healthy(world):
    assert world.realised["latency_seconds"] == pytest.approx(1.8, abs=0.03)
    assert world.realised["error_rate"] == pytest.approx(0.003, abs=0.0003)
    assert world.realised["completion"] == 1.0


def test_billing_begins_on_its_monday_and_is_hardly_ever_accepted(world):
    weeks = world.realised["intents_by_week"]["billing"]
    assert weeks[:3] == [0, 0, 0]
    assert weeks[3] >= 45
    assert 0.08 <= weeks[9] / 900 <= 0.11
    assert 0.02 <= world.realised["acceptance"]["billing"] <= 0.06
    assert world.realised["billing"]["users_in_first_week"] >= 35
    assert world.realised["billing"]["tickets"] >= 150


def test_human_queue_grows_22_percent_in_two_weeks(world):
    assert world.realised["ticket_growth"] == pytest.approx(0.22, abs=0.02)


def test_one_intent_slides_from_72_to_58(world):
    weekly = world.realised["acceptance_by_week"][world.sliding_intent]
    assert mean(weekly[:6]) == pytest.approx(0.72, abs=0.01)
    assert weekly[6:] == pytest.approx([0.685, 0.65, 0.615, 0.58], abs=0.015)


def test_other_intents_stay_where_they_were(world):
    for intent in ("refund", "password", "account", "returns", "reply", "description", "discount", "inventory"):
        weekly = world.realised["acceptance_by_week"][intent]
        assert 0.68 <= world.realised["acceptance"][intent] <= 0.76, intent
        assert mean(weekly[6:]) - mean(weekly[:6]) == pytest.approx(0, abs=0.05), intent


def test_one_cohort_drops_6_points_behind_a_larger_steady_one(world):
    trust = world.realised["cohort_trust"]
    change = {cohort: row["change_apart_from_billing_and_slide"] for cohort, row in trust.items()}
    assert world.dropping_cohort == "agencies"
    assert world.steady_cohort == "shops"
    assert world.planted["drop"] == pytest.approx(-0.06, abs=0.005)
    assert change["agencies"] == pytest.approx(world.planted["drop"], abs=0.02)
    assert change["shops"] == pytest.approx(0, abs=0.02)
    assert change["all"] == pytest.approx(-0.015, abs=0.015)
    assert trust["shops"]["users"] > 2 * trust["agencies"]["users"] > 200


def test_31_percent_of_accepted_drafts_are_more_than_half_redone(world):
    assert world.realised["rework_of_drafts"] == pytest.approx(0.31, abs=0.015)


def test_some_users_lose_trust_and_keep_coming(world):
    assert 12 <= len(world.eroding_users) <= 20
    assert set(world.realised["eroding_users"]) == set(world.eroding_users)
    weeks = list(zip(*world.realised["eroding_users"].values(), strict=True))
    early = [rate for week in weeks[:5] for rate in week if rate is not None]
    last = [rate for rate in weeks[9] if rate is not None]
    assert mean(early) == pytest.approx(0.85, abs=0.04)
    assert mean(last) == pytest.approx(0.30, abs=0.08)
    assert all(rate is not None for week in weeks for rate in week)


def test_roughly_a_quarter_of_outputs_have_no_known_outcome(world):
    assert 0.2 <= world.realised["unknown_outputs"] / world.realised["outputs"] <= 0.3


@pytest.mark.statistics
@pytest.mark.parametrize("seed", [1, 2])
def test_story_holds_for_other_seeds(tmp_path, seed):
    realised = write_world(tmp_path, seed=seed).realised
    assert realised["ticket_growth"] == pytest.approx(0.22, abs=0.03)
    assert realised["slide"][-1] == pytest.approx(0.58, abs=0.02)
    assert realised["cohort_trust"]["agencies"]["change_apart_from_billing_and_slide"] == pytest.approx(
        -0.06, abs=0.025
    )
    assert realised["rework_of_drafts"] == pytest.approx(0.31, abs=0.02)


# --- the same arguments, the same bytes ------------------------------------------------------------------------


def test_same_seed_same_bytes(small, tmp_path):
    again = write_world(tmp_path, conversations=600, seed=3)
    assert contents(again.folder) == contents(small.folder)


def test_another_seed_another_world(small, tmp_path):
    other = write_world(tmp_path, conversations=600, seed=4)
    assert dict.fromkeys(contents(other.folder)) == dict.fromkeys(contents(small.folder))
    assert all(other_bytes != contents(small.folder)[path] for path, other_bytes in contents(other.folder).items())


def test_folder_may_be_named_by_text(tmp_path):
    assert write_world(str(tmp_path / "deep" / "er"), conversations=200).truth.is_file()


def test_now_moves_the_calendar_to_the_last_full_week(tmp_path):
    world = write_world(tmp_path, conversations=200, now=datetime(2026, 3, 4, 9, tzinfo=UTC))
    assert world.mondays[-1] == datetime(2026, 2, 23, tzinfo=UTC)
    assert world.billing_since == world.mondays[0] + timedelta(weeks=3)


def test_nothing_happens_after_the_last_sunday(small):
    end = "2026-11-16"
    with small.actions[1].open(encoding="utf-8", newline="") as file:
        assert all(row["at"] < end for row in csv.DictReader(file))


def test_too_small_a_world_is_refused(tmp_path):
    with pytest.raises(InputError) as error:
        write_world(tmp_path, conversations=50)
    assert error.value.try_ == "conversations=200"
    with pytest.raises(InputError):
        write_chat(tmp_path / "chat.jsonl", conversations=50)


# --- the simulator stands alone --------------------------------------------------------------------------------


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_simulator_knows_nothing_of_the_analysis():
    folder = Path(everyturn.demo.__file__).parent
    simulator = [
        path for path in folder.glob("*.py") if path.name != "play.py"
    ]  # play.py is the one that loads the files
    found = set(itertools.chain.from_iterable(imports(path) for path in simulator))
    assert {name for name in found if name.startswith("everyturn")} <= {
        "everyturn.errors",
        "everyturn.demo",
        *(f"everyturn.demo.{path.stem}" for path in simulator),
    }
