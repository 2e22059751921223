"""`watch` on a workspace: increments, late and repeated outcomes, renamed cohorts, wrong clocks, marks."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from everyturn.errors import InputError, UnknownName
from everyturn.workspace import Workspace, looking
from everyturn.workspace.hearing import hear

START = datetime(2026, 1, 5, tzinfo=UTC)
NAMES = ("conversation_id", "user_id", "started_at", "cohort", "intent", "accepted", "edit_share", "reworked")


def outcomes(seed=0, days=84, per_day=60, drop=56):
    """A product in which one cohort accepts 30 points less from a day on."""
    rng = np.random.default_rng(seed)
    taste = rng.beta(7, 3, 120)
    rows = []
    for day in range(days):
        for k in range(rng.poisson(per_day)):
            user = int(rng.integers(120))
            cohort = ("free", "pro", "team")[user % 3]
            p = taste[user] - (0.3 if cohort == "team" and day >= drop else 0)
            at = START + timedelta(days=day, seconds=int(rng.integers(86_400)))
            accepted = int(rng.random() < p)
            rows.append((f"c{day:03d}-{k:03d}", f"u{user:03d}", at.isoformat(), cohort, f"topic {rng.integers(3)}",
                         accepted, round(float(rng.random() * 0.4) * (1 - accepted), 3), int(rng.random() < 0.1) if accepted else ""))  # fmt: skip
    return rows


def load(ws, path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])
    return ws.load(path, as_="outcomes")


@pytest.fixture(scope="module")
def rows():
    return outcomes()


@pytest.fixture(scope="module")
def watched(rows, tmp_path_factory):
    with Workspace(":memory:") as ws:
        load(ws, tmp_path_factory.mktemp("all") / "all.csv", rows)
        yield ws, ws.watch()


def findings(result):
    return [{k: f[k] for k in ("id", "since", "found_at", "size", "sentence")} for f in result["findings"]]


def test_the_drop_is_reported_once_and_for_its_cohort(watched):
    _, result = watched
    told = [f for f in result["findings"] if f["kind"] == "level"]
    assert {f["cohort"] for f in told} == {"team"}
    assert told[0]["low"] <= told[0]["size"] <= told[0]["high"] < 0
    onset = START.date() + timedelta(days=56)
    assert abs((datetime.fromisoformat(told[0]["since"]).date() - onset).days) <= 7
    assert (datetime.fromisoformat(told[0]["found_at"]).date() - onset).days <= 10


def test_until_gives_the_findings_of_that_day(watched):
    ws, result = watched
    before = (START + timedelta(days=55)).date()
    assert not [f for f in ws.watch(until=before)["findings"] if f["kind"] == "level"]
    rang = datetime.fromisoformat(result["findings"][0]["found_at"]).date()
    assert [f for f in ws.watch(until=rang)["findings"] if f["cohort"] == "team"]
    assert not [f for f in ws.watch(until=rang - timedelta(days=1))["findings"] if f["kind"] == "level"]


def test_a_further_look_reads_nothing_again_until_a_mark_or_data_come(rows, tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(looking, "hear", lambda *given, **named: looks.append(1) or hear(*given, **named))
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "a.csv", rows[:-500])
        first = ws.watch()
        assert ws.watch() == first
        assert len(looks) == 1
        ws.mark("holiday", "2026-02-02")
        ws.watch()
        assert len(looks) == 2
        load(ws, tmp_path / "b.csv", rows[-500:])
        ws.watch()
        assert len(looks) == 3


def test_increments_and_repeats_give_what_one_load_gives(rows, watched, tmp_path):
    _, batch = watched
    with Workspace(":memory:") as ws:
        for i in range(0, 84, 12):
            part = [r for r in rows if i <= int(r[0][1:4]) < i + 12]
            load(ws, tmp_path / f"{i}.csv", part)
            ws.watch()
        kept = ws.database.blob("monitor")
        load(ws, tmp_path / "again.csv", part)
        again = ws.watch()
        assert ws.database.blob("monitor") == kept
    assert findings(again) == findings(batch)


def test_late_outcomes_fold_the_days_they_belong_to_anew(rows, watched, tmp_path):
    _, batch = watched
    late = [r for r in rows if r[0].endswith("7")]
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "early.csv", [r for r in rows if r not in late])
        ws.watch()
        load(ws, tmp_path / "late.csv", late)
        assert findings(ws.watch()) == findings(batch)


def test_users_that_merge_and_cohorts_renamed_are_what_they_are_now(rows, tmp_path):
    renamed = [
        (c, "u000" if u == "u003" else u, at, "crew" if k == "team" else k, *rest) for c, u, at, k, *rest in rows
    ]
    with Workspace(":memory:") as ws, Workspace(":memory:") as fresh:
        load(ws, tmp_path / "a.csv", rows)
        ws.watch()
        load(ws, tmp_path / "b.csv", renamed)
        load(fresh, tmp_path / "c.csv", renamed)
        assert findings(ws.watch()) == findings(fresh.watch())
        assert {f["cohort"] for f in ws.watch()["findings"] if f["kind"] == "level"} == {"crew"}


def test_a_clock_that_is_years_off_stretches_nothing(rows, watched, tmp_path):
    _, batch = watched
    odd = [(f"odd{k}", f"u{k:03d}", at, "free", "topic 1", 1, 0.0, 0)
           for k, at in enumerate(("1970-01-02T00:00:00Z", "2031-05-05T00:00:00Z"))]  # fmt: skip
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "a.csv", [*rows, *odd])
        alarms = hear(ws.database).alarms
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "b.csv", rows)
        plain = hear(ws.database).alarms
    last = max(a.block for a in plain)
    assert [a for a in alarms if a.block <= last] == plain
    assert batch["findings"]


@pytest.mark.parametrize("version", [0, 7])
def test_a_signal_that_changes_its_version_is_split_and_never_joined(version, tmp_path):
    """From day 50 on the new version counts fewer answers as accepted; were it the same version, that would be a fall."""
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "a.csv", outcomes(5, drop=999))
        assert not [f for f in ws.watch()["findings"] if f["kind"] == "level"]
        with ws.database.transaction():
            ws.database.run(
                "UPDATE observations SET version = ?, value = CASE WHEN hash(conversation_id) % 10 < 3 THEN 0 ELSE value END"
                " WHERE signal = 'acceptance' AND conversation_id >= 'c050'",
                [version],
            )
        found = [f["signal"] for f in ws.watch()["findings"] if f["kind"] == "level"]
        assert bool(found) == (version == 0)


def test_a_muted_finding_is_counted_and_not_shown(watched):
    ws, result = watched
    first = result["findings"][0]["id"]
    assert ws.mark("mute", first)["muted"] == [first]
    quiet = ws.watch()
    assert first not in {f["id"] for f in quiet["findings"]}
    assert quiet["muted"] == 1
    assert quiet["sentence"].endswith(" 1 of them is muted and not shown.")
    assert ws.mark("mute", first, remove=True)["muted"] == []
    with pytest.raises(UnknownName):
        ws.mark("mute", "nothing")


def test_releases_and_new_normals_are_marks_and_fold_anew(watched):
    ws, result = watched
    assert ws.mark("release", "2026-03-02")["releases"] == ["2026-03-02"]
    sooner = ws.watch()["findings"][0]["found_at"]
    assert sooner <= result["findings"][0]["found_at"]
    ws.mark("release", "2026-03-02", remove=True)
    marked = ws.mark("normal", result["findings"][0]["id"])["normals"]
    assert {n["cohort"] for n in marked} == {"team"}
    ws.mark("normal", result["findings"][0]["id"], remove=True)
    assert ws.mark()["normals"] == []
    with pytest.raises(InputError):
        ws.mark("holiday", "Christmas")


def test_no_false_alarm_at_all_cannot_be_asked_for(watched):
    ws, _ = watched
    with pytest.raises(InputError, match="above 0"):
        ws.watch(budget=0)


def test_a_signal_whose_bad_direction_is_not_known_is_not_watched(watched):
    ws, _ = watched
    heard = hear(ws.database).answers
    assert {s.partition("@")[0] for s in heard["signal"].unique().to_pylist()} == {"acceptance", "edit_share", "rework"}
    db = ws.database
    db.run(
        "INSERT INTO observations BY NAME SELECT conversation_id, turn, 'mood' AS signal, 1 AS version, 1.0 AS value FROM observations"
    )
    try:
        assert hear(db).answers.num_rows == heard.num_rows
    finally:
        db.run("DELETE FROM observations WHERE signal = 'mood'")


def test_forgetting_a_user_forgets_them_in_the_state(rows, tmp_path):
    with Workspace(":memory:") as ws:
        load(ws, tmp_path / "a.csv", rows)
        ws.watch()
        ws.forget("u005")
        assert ws.database.blob("monitor") is None
        ws.watch()
        assert b"u005" not in (ws.database.blob("monitor") or b"")
