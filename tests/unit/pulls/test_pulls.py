"""From each vendor's API, through trouble, to the very conversations that its export files give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from everyturn.errors import InputError, UnknownName
from everyturn.pulls import Start
from everyturn.pulls.api import Api
from everyturn.pulls.datadog import PULL as DATADOG
from everyturn.workspace import Workspace
from everyturn.workspace.pulling import _time
from loopback import GOLDEN
from vendors import NAMES, Braintrust, Datadog, Langfuse, LangSmith, Phoenix

TROUBLE = ["", "429", "500", "", "cut", "broken", "drop", "", "429"]
SINCE = "2026-11-23"


each_vendor = pytest.mark.parametrize("kind", list(NAMES), ids=lambda k: k.__name__)


def pull(ws, kind, vendor, *, since=SINCE):
    return ws.pull(NAMES[kind], since=since, environment={**kind.environment, kind.address: vendor.url})


def content(ws):
    """All that a workspace knows of what was said, done and thought of it."""
    tables = {
        name: sorted(ws.database.rows(f"SELECT {columns} FROM {name}"), key=repr)
        for name, columns in {
            "spans": "* EXCLUDE (attributes, parent_id)",  # a trace's id may stand for none
            "ratings": "*",
            "eval_cases": "*",
            "conversations": "conversation_id, user_id, started_at, attributes, turns",
            "messages": 'conversation_id, position, role, content, "at", tool_calls, tool_call_id, name',
            "feedback": "*",
            "eval_results": "*",
        }.items()
    }
    return {name: [tuple(map(repr, row)) for row in found] for name, found in tables.items()}


@pytest.fixture
def loaded(kind):
    with Workspace(":memory:") as ws:
        ws.load(*(GOLDEN / f for f in kind.files))
        yield content(ws)


# --- what every vendor must do -------------------------------------------------------------------------------------------


@each_vendor
def test_a_pull_gives_what_the_export_files_give(kind, vendor, loaded):
    kind(vendor)
    with Workspace(":memory:") as ws:
        result = pull(ws, kind, vendor)
        assert content(ws) == loaded
    assert len(loaded["conversations"]) == result["conversations"] == 4
    assert result["rejected"] == []
    assert result["requests"] == len(vendor.asked)


@each_vendor
def test_through_trouble_every_row_arrives_once(kind, vendor, loaded, slept):
    kind(vendor)
    vendor.trouble = TROUBLE * 3
    vendor.skew = timedelta(hours=5)
    with Workspace(":memory:") as ws:
        pull(ws, kind, vendor)
        assert content(ws) == loaded
    assert 7.0 in slept


@each_vendor
def test_a_second_pull_goes_on_from_the_mark_and_changes_nothing(kind, vendor, loaded):
    kind(vendor)
    with Workspace(":memory:") as ws:
        pull(ws, kind, vendor)
        first = len(vendor.asked)
        pull(ws, kind, vendor, since=None)
        assert content(ws) == loaded
        assert len(vendor.asked) - first <= first


@each_vendor
@pytest.mark.parametrize("after", [2, 7])
def test_a_pull_that_was_ended_in_the_middle_is_finished_by_the_next(kind, vendor, loaded, slept, after, tmp_path):
    kind(vendor)
    vendor.trouble = [""] * after + ["500"] * 8
    with Workspace(tmp_path / "a.db") as ws, pytest.raises(InputError, match="does not answer"):
        pull(ws, kind, vendor)
    with Workspace(tmp_path / "a.db") as ws:
        pull(ws, kind, vendor)
        assert content(ws) == loaded


@each_vendor
def test_keys_are_written_nowhere(kind, vendor, tmp_path, capfd):
    kind(vendor)
    with Workspace(tmp_path / "a.db") as ws:
        result = pull(ws, kind, vendor)
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    said = orjson.dumps(result, default=str).decode() + "".join(capfd.readouterr())
    for name, key in kind.environment.items():
        assert key.encode() not in written, name
        assert key not in said, name


@each_vendor
def test_keys_that_are_missing_are_named(kind, vendor):
    first = next(iter(kind.environment))
    if kind is Phoenix:
        pytest.skip("a Phoenix of one's own needs no key")
    with Workspace(":memory:") as ws, pytest.raises(InputError, match="not set") as error:
        ws.pull(NAMES[kind], since=SINCE, environment={})
    assert first in error.value.expected
    assert error.value.try_ == f"export {first}=…"


@each_vendor
def test_keys_that_are_refused_are_said(kind, vendor, slept):
    vendor.trouble = [401]
    with Workspace(":memory:") as ws, pytest.raises(InputError, match="refuses access"):
        pull(ws, kind, vendor)
    assert slept == []


# --- marks ----------------------------------------------------------------------------------------------------------


def test_the_first_pull_needs_a_time_and_an_earlier_one_reads_again(vendor):
    datadog = Datadog(vendor)
    with Workspace(":memory:") as ws:
        with pytest.raises(InputError, match="nothing has been pulled from datadog yet"):
            pull(ws, Datadog, vendor, since=None)
        late = datetime.fromisoformat(datadog.at(datadog.spans[30])).isoformat()
        pull(ws, Datadog, vendor, since=late)
        assert ws.database.scalar("SELECT count(*) FROM spans") == 24
        pull(ws, Datadog, vendor, since=late)
        assert ws.database.scalar("SELECT count(*) FROM spans") == 24
        pull(ws, Datadog, vendor, since=SINCE)
        assert ws.database.scalar("SELECT count(*) FROM spans") == 54


def test_rows_that_come_late_are_found_before_the_mark(vendor, monkeypatch):
    """A row of an hour ago appears after the pull that passed its time, while our clock is four hours ahead of the vendor's."""
    datadog = Datadog(vendor)
    spans, datadog.spans = datadog.spans, []
    vendor.skew = timedelta(hours=-4)
    now = datetime.now(UTC)
    with Workspace(":memory:") as ws:
        pull(ws, Datadog, vendor, since="2d")
        late = spans[0] | {
            "attributes": spans[0]["attributes"] | {"start_ns": int((now - timedelta(hours=5)).timestamp()) * 10**9}
        }
        datadog.spans = [late]
        pull(ws, Datadog, vendor, since=None)
        assert ws.database.scalar("SELECT count(*) FROM spans") == 1


def test_feedback_that_comes_after_its_run_was_pulled(vendor):
    """LangSmith's runs of thirty days ago and Braintrust's of any time are asked again for what users thought of them."""
    langsmith, braintrust = LangSmith(vendor), Braintrust(vendor)
    given, langsmith.feedback = langsmith.feedback, []
    rated = {r["id"] for r in braintrust.logs if r.get("scores")}
    scored = braintrust.logs
    braintrust.logs = [r if r["id"] not in rated else {k: v for k, v in r.items() if k != "scores"} for r in scored]
    with Workspace(":memory:") as ws:
        for kind in (LangSmith, Braintrust):
            pull(ws, kind, vendor)
        before = ws.database.scalar("SELECT count(*) FROM ratings")  # a category, which Braintrust keeps as a tag
        langsmith.feedback = given
        later = 0x0DE1 << 48 | int(datetime(2026, 11, 26, tzinfo=UTC).timestamp()) << 16
        braintrust.logs = [r | {"_xact_id": str(later + i)} if r["id"] in rated else r for i, r in enumerate(scored)]
        asked = len(vendor.asked)
        pull(ws, LangSmith, vendor, since=None)
        first = ws.database.scalar("SELECT count(*) FROM ratings")
        assert first - before >= len({f["run_id"] for f in given}) / 2
        pull(ws, Braintrust, vendor, since=None)
        assert ws.database.scalar("SELECT count(*) FROM ratings") >= first + len(rated)
        assert len(vendor.asked) > asked


def test_a_second_pull_of_braintrust_ends_where_nothing_is_new(vendor):
    braintrust = Braintrust(vendor)
    braintrust.logs = [
        r | {"_xact_id": str(0x0DE1 << 48 | (1795420000 + 7200 * i) << 16)} for i, r in enumerate(braintrust.logs)
    ]
    fetch = "/v1/project_logs/p%201/fetch"
    with Workspace(":memory:") as ws:
        pull(ws, Braintrust, vendor)
        first = vendor.served.count(fetch)
        pull(ws, Braintrust, vendor, since=None)
        assert (first, vendor.served.count(fetch) - first) == (6, 2)


def test_long_metadata_of_langfuse_comes_whole(vendor):
    """The newer list cuts values at 200 characters, save those that are named."""
    note = "long " * 100
    langfuse = Langfuse(vendor)
    served = vendor.routes["/api/public/v2/observations"]

    def cut(query, body):
        page = served(query, body)
        whole = (query.get("expandMetadata") or "").split(",")
        rows = [r | {"metadata": {"note": note if "note" in whole else note[:200]}} for r in page["data"]]
        return page | {"data": rows}

    vendor.routes["/api/public/v2/observations"] = cut
    with Workspace(":memory:") as ws:
        pull(ws, Langfuse, vendor)
        attributes = [orjson.loads(a) for (a,) in ws.database.rows("SELECT attributes FROM conversations")]
    assert [a["note"] for a in attributes] == [note] * 4
    assert len(langfuse.observations) > 7  # several pages


def test_phoenix_servers_that_know_annotations_of_spans_alone(vendor):
    Phoenix(vendor)
    for target in ("trace", "session"):
        del vendor.routes[f"/v1/projects/UHJvamVjdDox/{target}_annotations"]
    with Workspace(":memory:") as ws:
        result = pull(ws, Phoenix, vendor)
        assert (result["conversations"], result["rejected"]) == (4, [])
        assert ws.database.scalar("SELECT count(*) FROM feedback") == 3


@pytest.mark.parametrize(
    ("since", "hours"), [("12h", 12), ("7d", 168), ("4 weeks", 672), ("2026-03-01", None), (date(2026, 3, 1), None)]
)
def test_since(since, hours):
    now = datetime(2026, 3, 8, tzinfo=UTC)
    expected = datetime(2026, 3, 1, tzinfo=UTC) if hours is None else now - timedelta(hours=hours)
    assert _time(since, now) == expected


@pytest.mark.parametrize("since", ["soon", "7 moons", "", "99999999999999d"])
def test_a_time_that_is_none(since, vendor):
    with Workspace(":memory:") as ws, pytest.raises(InputError, match="no time"):
        pull(ws, Datadog, vendor, since=since)


def test_an_unknown_vendor():
    with Workspace(":memory:") as ws, pytest.raises(UnknownName, match="no vendor"):
        ws.pull("langfuze", environment={})


def test_a_cursor_that_comes_back_ends_the_list(vendor):
    vendor.routes["/api/v2/llm-obs/v1/spans/events"] = lambda _q, _b: {"data": [], "meta": {"page": {"after": "again"}}}
    with Api("datadog", vendor.url, {}) as api:
        (stream,) = DATADOG.streams(api, {})
        assert len(list(stream.read(api, Start(datetime.now(UTC))))) == 3
