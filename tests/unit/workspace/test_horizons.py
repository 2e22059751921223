import csv
import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from everyturn.analysis.monitor import Monitor
from everyturn.engines import horizons
from everyturn.engines.tables import VIEWS
from everyturn.outputs.text_numbers import draw_measure
from everyturn.workspace import Workspace
from everyturn.workspace.hearing import hear

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 70


def outcomes(path, *, late, timed, per_day=30, days=DAYS, rate=lambda day: 0.7):
    """A team's own outcomes up to `days`: what was accepted is known at once, the rest up to `late` days later."""
    rng = random.Random(3)
    until = START + timedelta(days=days)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["conversation_id", "user_id", "started_at", "accepted", *(["known_at"] if timed else [])])
        for day in range(days):
            for k in range(per_day):
                at = START + timedelta(days=day, hours=rng.random() * 23.9)
                accepted = rng.random() < rate(day)
                known = at + timedelta(days=0 if accepted else late * rng.random())
                seen = known < until
                row = [f"c{day}-{k}", f"u{rng.randrange(120)}", at.isoformat(), int(accepted) if seen else ""]
                writer.writerow([*row, *([known.isoformat() if seen else ""] if timed else [])])
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["timed", "untimed"])
def late(request, tmp_path_factory):
    path = outcomes(tmp_path_factory.mktemp("late") / "o.csv", late=14, timed=request.param)
    with Workspace(":memory:") as ws:
        ws.load(path, as_="outcomes")
        yield ws


def test_the_last_weeks_do_not_look_too_good(late):
    result = late.measure("acceptance", by="week")
    assert result["horizon_days"] == pytest.approx(13, abs=2)
    for row in result["rows"]:
        assert "value" not in row or row["value"] == pytest.approx(0.7, abs=4 * (0.21 / row["n"]) ** 0.5)
    assert [row.get("coming", 0) > 100 for row in result["rows"]] == [False] * 8 + [True, True]
    assert "value" not in result["rows"][-1]
    last = " ".join(str(part) for part in draw_measure(result))
    assert "may still come in: answers count once their outputs are 1" in last


def test_the_whole_counts_what_is_still_coming_as_unknown(late):
    row = late.measure("acceptance")["rows"][0]
    assert row["value"] == pytest.approx(0.7, abs=0.04)
    assert row["n"] + row["unknown"] == 30 * DAYS
    assert 0 < row["coming"] <= row["unknown"]
    known = late.database.scalar(
        "SELECT avg(value) FROM observations WHERE signal = 'acceptance' AND value IS NOT NULL"
    )
    assert known > row["value"] + 0.015  # what counting all that is known would have said


def test_watch_says_what_it_cannot_judge_yet(late):
    days = late.measure("acceptance")["horizon_days"]
    assert late.watch()["sentence"].endswith(f" Acceptance of the last {days} days is still coming in.")


def test_a_check_compares_the_last_weeks_that_are_known(late, tmp_path):
    (tmp_path / "settings.toml").write_text("")
    checked = late.check(config=tmp_path / "settings.toml", worse=True)["checks"]
    assert {check["name"]: check["verdict"] for check in checked}["acceptance not worse"] == "passed"


def test_where_nothing_is_late_nothing_waits(tmp_path):
    with Workspace(":memory:") as ws:
        ws.load(outcomes(tmp_path / "o.csv", late=0, timed=True, days=40), as_="outcomes")
        result = ws.measure("acceptance", by="week")
        assert "horizon_days" not in result
        assert not any("coming" in row for row in result["rows"])
        assert sum(row["n"] for row in result["rows"]) == 30 * 40


def test_an_output_is_as_old_as_its_turn(tmp_path):
    def turn(day):
        at = START + timedelta(days=day)
        said = [("user", "where is my parcel"), ("assistant", "It left Lyon today and arrives on Friday.")]
        return [{"role": role, "content": text, "at": at.isoformat()} for role, text in said]

    rows = [
        {"conversation_id": "long", "user_id": "u1", "messages": [*turn(0), *turn(9)], "feedback": [
            {"name": "thumbs", "value": 0.0, "turn": 1, "at": (START + timedelta(days=12)).isoformat()}]},
        {"conversation_id": "last", "user_id": "u2", "messages": turn(30)},
    ]  # fmt: skip
    (tmp_path / "c.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    with Workspace(":memory:") as ws:
        ws.load(tmp_path / "c.jsonl")
        ws.measure("acceptance")
        found = {(r["signal"], r["known"] - r["given"]) for r in horizons.lags(ws.database).to_pylist()}
        assert {lag for signal, lag in found if signal == "acceptance"} == {3, 9}  # the first turn was asked again


def test_a_file_of_before_learns_what_is_still_coming(tmp_path):
    with Workspace(tmp_path / "old.db") as ws:
        ws.database.run("CREATE OR REPLACE VIEW facts AS SELECT 1 AS value")
        ws.database.run("DELETE FROM meta WHERE key = 'views'")
    with Workspace(tmp_path / "old.db") as ws:
        revision = ws.database.meta("revision")
    with Workspace(tmp_path / "old.db") as ws:
        assert ws.database.meta("revision") == revision  # once
        ws.load(outcomes(tmp_path / "o.csv", late=14, timed=True), as_="outcomes")
        assert ws.measure("acceptance")["horizon_days"] > 10
    assert "is_coming" in VIEWS["facts"]


def test_a_history_that_came_in_pieces_rings_as_in_one(tmp_path, monkeypatch):
    falls = {"late": 10, "timed": True, "per_day": 50, "rate": lambda day: 0.75 if day < 50 else 0.35}
    whole = outcomes(tmp_path / "whole.csv", days=84, **falls)
    with Workspace(":memory:") as ws:
        ws.load(whole, as_="outcomes")
        batch = hear(ws.database)
    assert [a.tier for a in batch.alarms if a.signal == "acceptance"]
    with Workspace(":memory:") as ws:
        for days in (20, 45, 63, 84):
            ws.load(outcomes(tmp_path / f"{days}.csv", days=days, **falls), as_="outcomes")
            pieces = hear(ws.database)
            if days >= 45:  # four weeks and more: from now on the kept state goes on
                monkeypatch.setattr("everyturn.workspace.hearing.Monitor", KeptOn)
    assert pieces.alarms == batch.alarms
    assert pieces.answers.equals(batch.answers)


class KeptOn(Monitor):
    """A monitor that may be read from its state, but never begun anew."""

    def fold(self, totals, *, until):
        assert self.through >= 0
        super().fold(totals, until=until)


def test_the_page_says_what_is_still_coming_in(late, tmp_path):
    told = late.report(tmp_path / "page.html")
    note = next(note for note in told["notes"] if "still coming in" in note)
    coming = late.measure("acceptance")["rows"][0]["coming"]
    assert note.startswith(f"{coming:,} of these are still coming in: outputs count once they are 1")
    assert "still coming in" in (tmp_path / "page.html").read_text()
