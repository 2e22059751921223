"""The vendors on loopback, as they document their lists, with the rows of recorded exports: what pulls are tried against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

from everyturn.pulls import iso
from loopback import Vendor, between, paged, rows

LISTED = {"limit": 100, "totalItems": 3}
EXPERIMENT, TENANT = "c6f1d6c2-53a7-4f4e-8d5b-0f6f5c3a9e11", "1d1c6f0e-7c6b-4a55-9c0e-2a3b4c5d6e7f"
PROJECT = "beaa88b5-3c96-5902-be65-8140bb69557c"


def utc(text):
    """A time without a zone as the UTC it is."""
    return text if text.endswith(("Z", "+00:00")) else f"{text}+00:00"


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
            "/api/public/dataset-items": lambda q, _: rows(items)[0] | {"meta": {"page": 1, "totalPages": 1} | LISTED},
        }

    def page(self, found, time, query, name):
        found = [r for r in found if between(r[time], query.get(f"from{name}"), query.get(f"to{name}"))]
        found.sort(key=lambda r: r[time], reverse=True)
        data, cursor = paged(found, query.get("cursor"), 7, repeats=2)
        return {"data": data, "meta": {"limit": int(query["limit"])} | ({"cursor": cursor} if cursor else {})}


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
        meta = {"elapsed": 1, "request_id": "r", "status": "done", "page": {"after": cursor} if cursor else {}}
        return {"data": data, "meta": meta}


class LangSmith:
    """Two projects, one of them an experiment's; runs newest first, in the API's second form; feedback by run from a position on."""

    files = ("langsmith/export-models/runs.jsonl.gz", "langsmith/export-models/feedback.jsonl")
    environment: ClassVar = {"LANGSMITH_API_KEY": "lsv2-1"}
    address = "LANGSMITH_ENDPOINT"
    runs_path = "/api/v2/runs/query"

    def __init__(self, vendor: Vendor) -> None:
        runs, feedback = self.files
        self.feedback = rows(feedback)
        rated = {f["run_id"] for f in self.feedback}
        self.runs = [r | {"feedback_stats": {"n": 1} if r["id"] in rated else {}} for r in rows(runs)]
        self.runs.sort(key=lambda r: r["start_time"], reverse=True)
        project = {"id": PROJECT, "name": "support", "tenant_id": TENANT, "reference_dataset_id": None}
        projects = [project, project | {"id": EXPERIMENT, "reference_dataset_id": TENANT}]
        vendor.routes |= {
            "/api/v1/sessions": lambda q, _: projects[int(q["offset"]) :],
            self.runs_path: self.page,
            "/api/v1/feedback": self.of_runs,
        }

    def page(self, _, body):
        assert body["project_ids"] == [PROJECT]
        low = body.get("min_start_time") or iso(datetime.now(UTC) - timedelta(days=1))
        high = body.get("max_start_time") or iso(datetime.now(UTC))
        found = [r for r in self.runs if between(utc(r["start_time"]), low, high)]
        data, cursor = paged(found, body.get("cursor"), 8, repeats=2)
        select = {name.lower() for name in body.get("selects", ["ID"])}
        items = [{k: v for k, v in second_form(r).items() if k in select} for r in data]
        return {"items": items, "next_cursor": cursor}

    def of_runs(self, query, _):
        asked = query["run"] if isinstance(query["run"], list) else [query["run"]]
        return [f for f in self.feedback if f["run_id"] in asked][int(query["offset"]) :][: int(query["limit"])]


def second_form(run):
    """A run as the API's second version gives it: its project and ancestors under other names, metadata at the top."""
    parents = [step[-36:] for step in run["dotted_order"].split(".")[:-1]]
    metadata = run["extra"].get("metadata", {})
    renamed = {"run_type": run["run_type"].upper(), "status": run["status"].upper(), "metadata": metadata}
    stats = {"user_feedback": run["feedback_stats"]} if run["feedback_stats"] else {}
    return run | renamed | {"project_id": PROJECT, "parent_run_ids": parents, "feedback_stats": stats}


class OldLangSmith(LangSmith):
    """A server of one's own that does not know the second version yet."""

    address = "LANGSMITH_ENDPOINT"
    runs_path = "/api/v1/runs/query"

    def page(self, _, body):
        assert body["session"] == [PROJECT]
        high = body["filter"].split('"')[1] if "filter" in body else None
        found = [r for r in self.runs if between(utc(r["start_time"]), body["start_time"], high)]
        data, cursor = paged(found, body.get("cursor"), 8, repeats=2)
        select = set(body["select"])
        return {"runs": [{k: v for k, v in r.items() if k in select} for r in data], "cursors": {"next": cursor}}


class Braintrust:
    """Rows by transaction, the latest first; a later page repeats a row in an older version."""

    files = ("braintrust/export-rows/project_logs_rows.jsonl.gz", "braintrust/export-rows/dataset_rows.jsonl")
    environment: ClassVar = {"BRAINTRUST_API_KEY": "sk-bt-1"}
    address = "BRAINTRUST_API_URL"

    def __init__(self, vendor: Vendor) -> None:
        self.logs, self.dataset = ([self.dated(r) for r in rows(f)] for f in self.files)
        vendor.routes |= {
            "/v1/project": lambda *_: {"objects": [{"id": "p 1", "name": "support", "org_id": TENANT}]},
            "/v1/dataset": lambda *_: {"objects": [{"id": "d1", "name": "cases", "project_id": "p 1"}]},
            "/v1/project_logs/p%201/fetch": lambda _, b: self.page(self.logs, b),
            "/v1/dataset/d1/fetch": lambda _, b: self.page(self.dataset, b),
        }

    def dated(self, row):
        seconds = int(datetime.fromisoformat(row["created"]).timestamp())
        own = {"org_id": TENANT, "project_id": "p 1", "span_id": row["id"], "root_span_id": row["id"]}
        return own | row | {"_xact_id": str(0x0DE1 << 48 | seconds << 16 | 7)}

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
            "data": [{"id": "UHJvamVjdDox", "name": "default", "description": None}],
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
    OldLangSmith: "langsmith",
    Braintrust: "braintrust",
    Phoenix: "phoenix",
}
VENDORS = list(NAMES)
