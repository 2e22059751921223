"""Pulls ask what the vendors' own clients ask, and the rows the tests serve are what those clients' models hold.

The clients of Langfuse, LangSmith, Datadog and Braintrust, and the types of Phoenix's, are generated from the vendors' OpenAPI
descriptions. Each asks the same loopback server as the pull does. Of every request of the pull, the client must know the address and each
parameter; every reply must be one the client's models take, strictly.
"""

from __future__ import annotations

import sys
import typing
import uuid
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from everyturn.workspace import Workspace
from loopback import Vendor, serving
from vendors import NAMES, PROJECT, Braintrust, Datadog, Langfuse, LangSmith, OldLangSmith, Phoenix

LOW, HIGH = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)


def langfuse(url: str) -> None:
    from langfuse.api.client import LangfuseAPI

    api = LangfuseAPI(base_url=url, username="pk", password="sk")
    api.observations.get_many(
        fields="core,basic", limit=100, from_start_time=LOW, to_start_time=HIGH, expand_metadata="a", cursor="0"
    )
    api.scores.get_many(fields="details", limit=100, from_timestamp=LOW, to_timestamp=HIGH, cursor="0")
    api.dataset_items.list(page=1, limit=100)


def langsmith(url: str) -> None:
    from langsmith import Client
    from langsmith._client import Langsmith
    from langsmith.schemas import Feedback, TracerSession

    client = Client(api_url=f"{url}/api/v1", api_key="k", auto_batch_tracing=False)
    api = Langsmith(base_url=url, api_key="k", _strict_response_validation=True)
    selects = [
        "ID",
        "DOTTED_ORDER",
        "END_TIME",
        "ERROR",
        "EXTRA",
        "FEEDBACK_STATS",
        "INPUTS",
        "METADATA",
        "NAME",
        "OUTPUTS",
        "PARENT_RUN_IDS",
        "PROJECT_ID",
        "REFERENCE_EXAMPLE_ID",
        "RUN_TYPE",
        "START_TIME",
        "STATUS",
        "TAGS",
        "TRACE_ID",
    ]
    found = api.runs.query_v2(
        project_ids=[PROJECT], min_start_time=LOW, max_start_time=HIGH, selects=selects, page_size=100, cursor="0"
    )
    rated = [uuid.UUID(run.id) for run in found if run.feedback_stats]
    assert all(isinstance(f, Feedback) for f in client.list_feedback(run_ids=rated, offset=0))
    assert all(isinstance(p, TracerSession) for p in client.list_projects(name="support"))


def old_langsmith(url: str) -> None:
    from langsmith import Client

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client = Client(api_url=f"{url}/api/v1", api_key="k", auto_batch_tracing=False)
        select = [
            "id",
            "name",
            "inputs",
            "outputs",
            "trace_id",
            "dotted_order",
            "run_type",
            "start_time",
            "extra",
            "session_id",
        ]
        assert list(
            client.list_runs(
                project_id=PROJECT,
                start_time=LOW,
                filter=f'lt(start_time, "{HIGH.isoformat()}")',
                select=select,
                limit=100,
            )
        )


def datadog(url: str) -> None:
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v2.api import agent_observability_api

    configuration = Configuration(host=url, check_input_type=True)
    warnings.filterwarnings("ignore", "Using unstable operation")
    configuration.unstable_operations["list_llm_obs_spans"] = True
    configuration.api_key |= {"apiKeyAuth": "k", "appKeyAuth": "k"}
    with ApiClient(configuration) as client:
        api = agent_observability_api.AgentObservabilityApi(client)
        found = api.list_llm_obs_spans(
            filter_from=LOW.isoformat(), filter_to=HIGH.isoformat(), sort="timestamp", page_limit=500, page_cursor="0",
            include_attachments=True,
        )  # fmt: skip
        assert not any(span._unparsed for span in found.data)  # noqa: SLF001 - how it tells what it could not take


def braintrust(url: str) -> None:
    from braintrust_api import Braintrust as Client

    client = Client(base_url=url, api_key="k", _strict_response_validation=True)
    client.projects.list(limit=100, starting_after="p 0")
    client.datasets.list(limit=100, starting_after="d0")
    client.projects.logs.fetch_post("p%201", limit=100, cursor="0")
    client.datasets.fetch_post("d1", limit=100, cursor="0")


def phoenix(url: str) -> None:
    from phoenix.client import Client
    from phoenix.client.__generated__ import v1

    def are(kind: type, rows: list[dict]) -> None:
        assert rows
        for row in rows:
            assert kind.__required_keys__ <= row.keys() <= typing.get_type_hints(kind).keys(), (kind, row.keys())

    project = "UHJvamVjdDox"
    client = Client(base_url=url, api_key="k")
    spans = client.spans.get_spans(project_identifier=project, start_time=LOW, end_time=HIGH)
    are(v1.Span, spans)
    are(v1.Project, client.projects.list())
    are(v1.SpanAnnotation, client.spans.get_span_annotations(project_identifier=project, spans=spans))


CLIENTS: dict[type, Callable[[str], None]] = {
    Langfuse: langfuse,
    LangSmith: langsmith,
    OldLangSmith: old_langsmith,
    Datadog: datadog,
    Braintrust: braintrust,
    Phoenix: phoenix,
}


PROJECTS = "/v1/projects"
NOT_OFFERED = {  # by Phoenix's client, which knows these replies by their types alone
    ("phoenix", PROJECTS, "include_experiment_projects"),
    ("phoenix", PROJECTS, "limit"),
    *(
        ("phoenix", f"{PROJECTS}/UHJvamVjdDox/{on}_annotations", name)
        for on in ("trace", "session")
        for name in ("limit", f"{on}_ids")
    ),
}
Asked: TypeAlias = set[
    tuple[str, str, str]
]  # vendor, address, parameter, whether it stood in the address or in the body


def parameters(vendor: Vendor, name: str) -> Asked:
    """All that was asked for with each address."""
    return {(name, path, key) for _, path, query, _, body in vendor.asked for key in (*query, *(body or ()))}


def main() -> None:
    """Prints a line a vendor; ends with an error at the first request or reply that a client does not know."""
    ours: Asked = set()
    theirs: Asked = set()
    for kind, ask in CLIENTS.items():
        with serving(Vendor()) as vendor:
            kind(vendor)
            with Workspace(":memory:") as ws:
                ws.pull(NAMES[kind], since=LOW, environment={**kind.environment, kind.address: vendor.url})
            ours |= parameters(vendor, NAMES[kind])
            vendor.asked.clear()
            ask(vendor.url)
            theirs |= parameters(vendor, NAMES[kind])
        print(f"{kind.__name__}: its client takes every reply")
    assert ours - theirs == NOT_OFFERED, ours - theirs
    print(f"{len(ours)} parameters of the pulls, {len(NOT_OFFERED)} of which their clients do not offer")


if __name__ == "__main__":
    main()
