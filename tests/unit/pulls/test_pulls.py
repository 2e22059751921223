"""From each vendor's API, through trouble, to the very conversations that its export files give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import ClassVar

import orjson
import pytest

from everyturn.errors import InputError, UnknownName
from everyturn.pulls import Start
from everyturn.pulls.api import Api
from everyturn.pulls.datadog import PULL as DATADOG
from everyturn.workspace import Workspace
from everyturn.workspace.pulling import _time
from loopback import GOLDEN, Vendor, between, paged, rows

TROUBLE = ["", "429", "500", "", "cut", "broken", "drop", "", "429"]
SINCE = "2026-11-23"


# --- the vendors, as they document their lists -------------------------------------------------------------------------


class Langfuse:
    """The newer lists, newest rows first, seven to a page, each page beginning with two rows of the page before."""

    files = ("langfuse/v5-export-models/v2_observations.jsonl.gz", "langfuse/v5-export-models/v3_scores_page.json",
             "langfuse/v5-export-models/dataset_items_page.json")  # fmt: skip
    environment: ClassVar = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-2"}
    address = "LANGFUSE_BASE_URL"

    def __init__(self, vendor: Vendor) -> None:
        observations, scores, items = self.files
        self.observations = [row for page in rows(observations) for row in page.get("data", [page])]
        self.scores = rows(scores)[0]["data"]
        vendor.routes |= {
            "/api/public/v2/observations": lambda q, _: self.page(self.observations, "startTime", q, "StartTime"),
            "/api/public/v3/scores": lambda q, _: self.page(self.scores, "timestamp", q, "Timestamp"),
            "/api/public/dataset-items": lambda q, _: rows(items)[0] | {"meta": {"page": 1, "totalPages": 1}},
        }

    def page(self, found, time, query, name):
        found = [r for r in found if between(r[time], query.get(f"from{name}"), query.get(f"to{name}"))]
        found.sort(key=lambda r: r[time], reverse=True)
        data, cursor = paged(found, query.get("cursor"), 7, repeats=2)
        return {"data": data, "meta": {"cursor": cursor} if cursor else {}}


class OldLangfuse:
    """The older, numbered lists, on a server that has no newer ones."""

    files = ("langfuse/v3-export-models/v1_traces.jsonl.gz",)
    environment: ClassVar = Langfuse.environment
    address = "LANGFUSE_HOST"

    def __init__(self, vendor: Vendor) -> None:
        traces = rows(*self.files)
        self.traces = [t | {"observations": [o["id"] for o in t["observations"]], "scores": [s["id"] for s in t["scores"]]} for t in traces]  # fmt: skip
        self.observations = [o | {"traceId": t["id"]} for t in traces for o in t["observations"]]
        self.scores = [s for t in traces for s in t["scores"]]
        vendor.routes |= {
            "/api/public/traces": lambda q, _: self.page(self.traces, "timestamp", q, "Timestamp"),
            "/api/public/observations": lambda q, _: self.page(self.observations, "startTime", q, "StartTime"),
            "/api/public/v2/scores": lambda q, _: self.page(self.scores, "timestamp", q, "Timestamp"),
            "/api/public/dataset-items": lambda q, _: {"data": [], "meta": {"page": 1, "totalPages": 0}},
        }

    def page(self, found, time, query, name):
        found = [r for r in found if between(r[time], query.get(f"from{name}"), query.get(f"to{name}"))]
        start = (int(query["page"]) - 1) * 5
        return {
            "data": found[start : start + 5],
            "meta": {"page": int(query["page"]), "totalPages": -(-len(found) // 5)},
        }


class Datadog:
    files = ("datadog/export/spans_events.jsonl.gz",)
    environment: ClassVar = {"DD_API_KEY": "dd-api-1", "DD_APP_KEY": "dd-app-2"}
    address = "DD_LLMOBS_OVERRIDE_ORIGIN"

    def __init__(self, vendor: Vendor) -> None:
        self.spans = sorted((i for page in rows(*self.files) for i in page["data"]), key=self.at)
        vendor.routes["/api/v2/llm-obs/v1/spans/events"] = self.page

    def at(self, item):
        return datetime.fromtimestamp(item["attributes"]["start_ns"] / 1e9, UTC).isoformat()

    def page(self, query, _):
        found = [s for s in self.spans if between(self.at(s), query["filter[from]"], query["filter[to]"])]
        data, cursor = paged(found, query.get("page[cursor]"), 9, repeats=1)
        return {"data": data, "meta": {"page": {"after": cursor} if cursor else {}}}


class LangSmith:
    """Two projects, one of them an experiment's; runs newest first, feedback by run from a position on."""

    files = ("langsmith/export-models/runs.jsonl.gz", "langsmith/export-models/feedback.jsonl")
    environment: ClassVar = {"LANGSMITH_API_KEY": "lsv2-1"}
    address = "LANGSMITH_ENDPOINT"

    def __init__(self, vendor: Vendor) -> None:
        runs, feedback = self.files
        self.feedback = rows(feedback)
        rated = {f["run_id"] for f in self.feedback}
        self.runs = [r | {"feedback_stats": {"n": 1} if r["id"] in rated else {}} for r in rows(runs)]
        self.runs.sort(key=lambda r: r["start_time"], reverse=True)
        vendor.routes |= {
            "/sessions": lambda q, _: [{"id": "p1", "name": "support"}, {"id": "p2", "reference_dataset_id": "d"}][int(q["offset"]) :],
            "/runs/query": self.page,
            "/feedback": self.of_runs,
        }  # fmt: skip

    def page(self, _, body):
        assert body["session"] == ["p1"]
        high = body["filter"].split('"')[1] if "filter" in body else None
        found = [r for r in self.runs if between(utc(r["start_time"]), body["start_time"], high)]
        data, cursor = paged(found, body.get("cursor"), 8, repeats=2)
        select = set(body["select"])
        return {"runs": [{k: v for k, v in r.items() if k in select} for r in data], "cursors": {"next": cursor}}

    def of_runs(self, query, _):
        asked = query["run"] if isinstance(query["run"], list) else [query["run"]]
        return [f for f in self.feedback if f["run_id"] in asked][int(query["offset"]) :][: int(query["limit"])]


class Braintrust:
    """Rows by transaction, the latest first; a later page repeats a row in an older version."""

    files = ("braintrust/export-rows/project_logs_rows.jsonl.gz", "braintrust/export-rows/dataset_rows.jsonl")
    environment: ClassVar = {"BRAINTRUST_API_KEY": "sk-bt-1"}
    address = "BRAINTRUST_API_URL"

    def __init__(self, vendor: Vendor) -> None:
        self.logs, self.dataset = ([self.dated(r) for r in rows(f)] for f in self.files)
        vendor.routes |= {
            "/v1/project": lambda *_: {"objects": [{"id": "p 1"}]},
            "/v1/dataset": lambda *_: {"objects": [{"id": "d1"}]},
            "/v1/project_logs/p%201/fetch": lambda _, b: self.page(self.logs, b),
            "/v1/dataset/d1/fetch": lambda _, b: self.page(self.dataset, b),
        }

    def dated(self, row):
        seconds = int(datetime.fromisoformat(row["created"]).timestamp())
        return row | {"_xact_id": str(0x0DE1 << 48 | seconds << 16 | 7)}

    def page(self, found, body):
        found = sorted(found, key=lambda r: int(r["_xact_id"]), reverse=True)
        data, cursor = paged(found, body.get("cursor"), 9)
        stale = {"scores": {"user_feedback": 0.25}, "output": None, "_xact_id": data[-1]["_xact_id"]}
        older = [found[0] | stale] if body.get("cursor") else []
        return {"events": data + older, "cursor": cursor}


class Phoenix:
    files = ("phoenix/api/spans.jsonl.gz", "phoenix/api/annotations.json")
    environment: ClassVar = {"PHOENIX_API_KEY": "px-1"}
    address = "PHOENIX_COLLECTOR_ENDPOINT"

    def __init__(self, vendor: Vendor) -> None:
        spans, annotations = self.files
        self.spans = [s for page in rows(spans) for s in page["data"]]
        self.annotations = rows(annotations)[0]["data"]
        vendor.routes["/v1/projects"] = lambda *_: {
            "data": [{"id": "UHJvamVjdDox", "name": "default"}],
            "next_cursor": None,
        }
        vendor.routes["/v1/projects/UHJvamVjdDox/spans"] = self.page
        for target in ("span", "trace", "session"):
            vendor.routes[f"/v1/projects/UHJvamVjdDox/{target}_annotations"] = partial(self.of_targets, target)

    def page(self, query, _):
        found = [s for s in self.spans if between(s["start_time"], query["start_time"], query.get("end_time"))]
        data, cursor = paged(found, query.get("cursor"), 11, repeats=1)
        return {"data": data, "next_cursor": cursor}

    def of_targets(self, target, query, _):
        asked = query[f"{target}_ids"]
        asked = asked if isinstance(asked, list) else [asked]
        return {"data": [a for a in self.annotations if a.get(f"{target}_id") in asked], "next_cursor": None}


NAMES = {
    Langfuse: "langfuse",
    OldLangfuse: "langfuse",
    Datadog: "datadog",
    LangSmith: "langsmith",
    Braintrust: "braintrust",
    Phoenix: "phoenix",
}
VENDORS = list(NAMES)


def utc(text):
    """A time without a zone as the UTC it is."""
    return text if text.endswith(("Z", "+00:00")) else f"{text}+00:00"


each_vendor = pytest.mark.parametrize("kind", VENDORS, ids=lambda k: k.__name__)


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
    with Workspace(tmp_path / "a.db") as ws, pytest.raises(InputError, match="does not give"):
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
    with Workspace(":memory:") as ws, pytest.raises(InputError, match="let us in"):
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
