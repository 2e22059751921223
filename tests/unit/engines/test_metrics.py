"""The SQL behind the numbers against a slow, obvious reference; and what a condition may say."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from everyturn.engines import horizons, metrics
from everyturn.engines.local import Database
from everyturn.errors import BadExpression, UnknownName
from plain_totals import plain_totals

START = datetime(2026, 9, 7, tzinfo=UTC)
PLANS = ['{"plan":"free"}', '{"plan":"pro"}', r'{"plan":"it\'s \"big\""}'.replace("\\'", "'")]


@pytest.fixture(scope="module")
def world():
    """A database of random observations, and the same rows as plain dicts."""
    rng = random.Random(11)
    conversations, observations = [], []
    for i in range(400):
        conversation = {
            "conversation_id": f"c{i}",
            "user_id": f"u{rng.randrange(60)}" if rng.random() > 0.05 else None,
            "started_at": START + timedelta(hours=rng.randrange(24 * 28)),
            "attributes": rng.choice(PLANS),
        }
        conversations.append(conversation)
        for turn in range(rng.randrange(1, 4)):
            value = rng.choice([None, 0.0, 1.0, 0.25, 1 / 3])
            final = START + timedelta(days=rng.choice([0, 400]))  # 400 days: still open
            observations.append(
                {"conversation_id": conversation["conversation_id"], "turn": turn, "signal": "acceptance", "version": 1,
                 "value": value, "final_at": final, "detail": "likely: one cue" if i % 3 else None}
            )  # fmt: skip
    database = Database(":memory:")
    database.insert("conversations", pa.Table.from_pylist(conversations))
    database.insert("observations", pa.Table.from_pylist(observations))
    database.set_meta("seen_until", "2026-12-01 00:00:00")
    horizons.keep(
        database, {"acceptance": 64, "rework": 400}, open_days=0
    )  # outputs from 28 September on are too young
    by_id = {c["conversation_id"]: c for c in conversations}
    rows = [
        {
            **o,
            **by_id[o["conversation_id"]],
            "value": None if is_coming else o["value"],
            "is_coming": is_coming,
        }
        for o in observations
        for is_coming in [
            o["final_at"] > START + timedelta(days=300)
            or by_id[o["conversation_id"]]["started_at"] > datetime(2026, 9, 28, tzinfo=UTC)
        ]
    ]
    yield database, rows
    database.close()


def reference(rows):
    """The six totals, user by user and answer by answer."""
    people = defaultdict(list)
    unknown = coming = without_user = 0
    for row in rows:
        if row["user_id"] is None:
            without_user += 1
        elif row["value"] is None:
            unknown += 1
            coming += row["is_coming"]
        else:
            people[row["user_id"]].append(round(row["value"], 6))
    n = {u: len(v) for u, v in people.items()}
    y = {u: sum(v) for u, v in people.items()}
    return {
        "users": len(people),
        "n": sum(n.values()),
        "y": sum(y.values()),
        "nn": sum(k * k for k in n.values()),
        "ny": sum(n[u] * y[u] for u in people),
        "yy": sum(k * k for k in y.values()),
        "unknown": unknown,
        "coming": coming,
        "without_user": without_user,
    }


def test_totals_are_those_of_the_reference(world):
    database, rows = world
    assert metrics.summarise(database, "acceptance").to_pylist() == [pytest.approx(reference(rows))]


def test_groups_are_those_of_the_reference(world):
    database, rows = world
    table = metrics.summarise(database, "acceptance", by=["plan", "week"], where="plan <> 'free'")
    expected = defaultdict(list)
    for row in rows:
        plan = {'{"plan":"free"}': "free", '{"plan":"pro"}': "pro"}.get(row["attributes"], 'it\'s "big"')
        if plan != "free":
            day = row["started_at"].date()
            expected[plan, day - timedelta(days=day.weekday())].append(row)
    got = {(r.pop("plan"), r.pop("week")): r for r in table.to_pylist()}
    assert got == {key: pytest.approx(reference(group)) for key, group in expected.items()}


def test_summaries_of_disjoint_users_add_up(world):
    database, _ = world
    whole = metrics.summarise(database, "acceptance").to_pylist()[0]
    parts = [
        metrics.summarise(database, "acceptance", where=f"user {sign} 'u3'").to_pylist()[0] for sign in ("<", ">=")
    ]
    for name in ("users", "n", "y", "nn", "ny", "yy", "unknown"):
        assert parts[0][name] + parts[1][name] == pytest.approx(whole[name])


def test_comparison_totals_are_those_of_the_reference(world):
    database, rows = world
    row = plain_totals(database, "acceptance", current="plan = 'pro'", baseline="plan = 'free'")
    now = [r for r in rows if r["attributes"] == '{"plan":"pro"}']
    then = [r for r in rows if r["attributes"] == '{"plan":"free"}']
    for side, group in (("1", now), ("2", then)):
        expected = reference(group)
        for name in ("users", "n", "y", "nn", "ny", "yy", "unknown"):
            assert row[name + side] == pytest.approx(expected[name]), name + side
    sums = []
    for group in (now, then):
        people = defaultdict(lambda: [0, 0.0])
        for r in group:
            if r["user_id"] is not None and r["value"] is not None:
                people[r["user_id"]][0] += 1
                people[r["user_id"]][1] += r["value"]
        sums.append(people)
    both = sums[0].keys() & sums[1].keys()
    assert row["shared"] == len(both)
    for name, i, j in (("nn", 0, 0), ("ny", 0, 1), ("yn", 1, 0), ("yy", 1, 1)):
        assert row[name] == pytest.approx(sum(sums[0][u][i] * sums[1][u][j] for u in both), rel=1e-5), name


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("where", [None, "plan = 'pro'"])
def test_the_worst_answered_are_those_of_the_reference(world, better, where):
    database, rows = world
    sign = 1 if better == "higher" else -1
    told = defaultdict(list)
    for row in rows:
        if row["value"] is not None and (where is None or row["attributes"] == PLANS[1]):
            told[row["conversation_id"]].append(row)
    keys = {}
    for conversation_id, answers in told.items():
        first = answers[0]
        is_likely = all(row["detail"] for row in answers)
        key = (min(sign * round(row["value"], 6) for row in answers), is_likely, -first["started_at"].timestamp())
        keys.setdefault(first["user_id"] or conversation_id, []).append((*key, conversation_id))
    expected = [key[-1] for key in sorted(min(of_one) for of_one in keys.values())]
    assert metrics.answered_badly(database, "acceptance", better=better, where=where, limit=12) == expected[:12]


def test_cells_hold_the_same_totals(world):
    database, rows = world
    cells = metrics.cells(database)
    whole = reference(rows)
    assert sum(cells["n"].to_pylist()) == whole["n"]
    assert sum(cells["y"].to_pylist()) == pytest.approx(whole["y"])
    assert set(cells["cohort"].to_pylist()) == {"free", "pro", 'it\'s "big"'}  # plan divides where no cohort is given


@pytest.mark.parametrize(
    "text",
    ["1", "plan", "drop table messages", "plan = (select 1)", "version() = 'x'", "plan = 'a'; select 1", "((((",
     "plan::int = 3", "plan = upper('x')", "plan in (select 1)", "messages.content = 'x'", "", "plan = 'a' -- x\n; drop table x"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(world, text):
    with pytest.raises(BadExpression):
        metrics.condition(text, metrics.dimensions(world[0]))


def test_an_unknown_column_is_named_with_its_neighbours(world):
    with pytest.raises(UnknownName) as error:
        metrics.condition("plam = 'a'", metrics.dimensions(world[0]))
    assert error.value.try_ == '"plan"'


def test_a_quote_in_a_value_stays_in_the_value(world):
    database, _ = world
    table = metrics.summarise(database, "acceptance", where="""plan = 'it''s "big"' OR plan = 'x'' OR true --'""")
    alone = metrics.summarise(database, "acceptance", where="""plan = 'it''s "big"'""")
    assert table.equals(alone)
