"""Tells a span's attributes apart: those of a convention (`http.route`, `llm.model_name`) and the application's own (`plan`, `shop.country`).

Conventions name theirs under a first word; those of OpenTelemetry's registry and of the known instrumentations are listed. Whatever is
under none of them the application set itself. `app.plan` is `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from everyturn.model import Json

_CONVENTIONS = frozenset(
    [
        "agent",
        "ai",
        "android",
        "annotations",
        "artifact",
        "aspnetcore",
        "audio",
        "aws",
        "az",
        "azure",
        "browser",
        "cassandra",
        "cicd",
        "client",
        "cloud",
        "cloudevents",
        "cloudfoundry",
        "code",
        "container",
        "cpu",
        "cpython",
        "dapr",
        "db",
        "deployment",
        "destination",
        "device",
        "disk",
        "dns",
        "document",
        "dotnet",
        "elasticsearch",
        "embedding",
        "enduser",
        "error",
        "evaluations",
        "event",
        "exception",
        "exporter",
        "faas",
        "feature_flag",
        "file",
        "gcp",
        "gen_ai",
        "geo",
        "go",
        "graph",
        "graphql",
        "hardware",
        "heroku",
        "host",
        "http",
        "hw",
        "image",
        "input",
        "ios",
        "jvm",
        "k8s",
        "langfuse",
        "langgraph",
        "langsmith",
        "linux",
        "llm",
        "log",
        "logfire",
        "mainframe",
        "mcp",
        "message",
        "messaging",
        "metadata",
        "mlflow",
        "net",
        "network",
        "nfs",
        "nodejs",
        "oci",
        "onc_rpc",
        "openai",
        "openinference",
        "openshift",
        "opentracing",
        "operation",
        "oracle_cloud",
        "os",
        "otel",
        "output",
        "peer",
        "pprof",
        "process",
        "profile",
        "prompt",
        "reranker",
        "resource",
        "retrieval",
        "rpc",
        "security_rule",
        "server",
        "service",
        "session",
        "signalr",
        "source",
        "system",
        "tag",
        "telemetry",
        "test",
        "thread",
        "tls",
        "tool",
        "trace",
        "traceloop",
        "url",
        "user",
        "user_agent",
        "v8js",
        "vcs",
        "webengine",
        "zos",
    ]
)


_MOST_NAMES = 300  # of one set that is remembered

T = TypeVar("T")


class Names:
    """The names of a span's attributes, in their order.

    Most spans have the very names that others had: what names tell without their values is found out once for each set.
    """

    __slots__ = ("_derived", "all")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.all = names
        self._derived: dict[Callable[[tuple[str, ...]], object], object] = {}

    @staticmethod
    def of(found: Mapping[str, Json]) -> Names:
        """The names of the attributes."""
        names = tuple(found)
        return _remembered(names) if len(names) <= _MOST_NAMES else Names(names)

    def derive(self, what: Callable[[tuple[str, ...]], T]) -> T:
        """What a function of the names alone finds, found once.

        >>> Names.of({"a": 1, "b": 2}).derive(len)
        2
        """
        found = self._derived.get(what)
        if found is None:
            found = self._derived[what] = what(self.all)
        return found  # type: ignore[return-value]  # each function's own


@lru_cache(1024)
def _remembered(names: tuple[str, ...]) -> Names:
    return Names(names)


def own_names(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The application's own among the names, each with what it is called."""
    return tuple((name, own) for name in names if (own := _own_name(name)) is not None)


def _own_name(name: str) -> str | None:
    """What an attribute of the application's own is called; None for a convention's."""
    first, dot, rest = name.partition(".")
    if (dot and first in _CONVENTIONS) or name == "metadata":
        return None
    return rest if first == "app" and rest else name
