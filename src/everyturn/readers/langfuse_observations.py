"""Langfuse's observations -> spans, whichever way they come: OTLP attributes, ingestion events or exports.

A generation is a model call, an agent a whole turn, a tool a tool's step; spans, chains and events are the application's. Evaluators,
guardrails, retrievers and embeddings count as tool steps without a call, so that model calls made inside them are not taken for words to
the user. A trace stands as a span with the trace's own id, the parent of all observations that name none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from everyturn.model import Json, Operation, Span
from everyturn.readers import ReadOptions, fields, steps
from everyturn.readers.attributes import attribute_text, is_plain, with_common
from everyturn.readers.genai import conversation_id, error_of, user_id
from everyturn.readers.otlp_wire import OtlpSpan

_OPERATIONS: Mapping[str, Operation] = {
    "GENERATION": "chat",
    "AGENT": "invoke_agent",
    "TOOL": "execute_tool",
    "EVALUATOR": "execute_tool",
    "GUARDRAIL": "execute_tool",
    "RETRIEVER": "execute_tool",
    "EMBEDDING": "execute_tool",
}
_EVALUATION_ENVIRONMENTS = (
    "sdk-experiment",
    "langfuse-",
)  # the second begins those Langfuse reserves for its own judges
SCOPE = "langfuse-sdk"
_TRACE = "langfuse.trace."
_METADATA = "langfuse.trace.metadata."


@dataclass(slots=True)
class Observation:
    """One observation, or what one event says of it; None where it does not say."""

    trace_id: str
    id: str
    parent_id: str | None = None
    type: str = "SPAN"
    name: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    input: Json = None
    output: Json = None
    error: str | None = None
    model: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    tags: Json = None
    version: str | None = None
    environment: str | None = None
    is_evaluation: bool = False

    def span(self) -> Span:
        """The observation as a span."""
        operation = _OPERATIONS.get(self.type.upper(), "other")
        is_tool = self.type.upper() == "TOOL"
        is_call = operation == "chat"
        given = made = None
        if operation != "execute_tool":
            given = steps.given(self.input) if is_call else steps.asked(self.input)
            made = steps.made(self.output) if is_call else steps.answered(self.output)
        return Span(
            trace_id=self.trace_id,
            span_id=self.id,
            parent_id=self.parent_id,
            conversation_id=self.conversation_id,
            user_id=self.user_id,
            operation=operation,
            name=self.name,
            started_at=self.started_at,
            ended_at=self.ended_at,
            input=given,
            output=made,
            tool_call=steps.tool_call(self.name, self.input) if is_tool and self.name else None,
            tool_result=fields.text_of(self.output) if is_tool else None,
            error=self.error,
            attributes=self._attributes(),
            is_evaluation=self.is_evaluation
            or (self.environment or "").startswith(_EVALUATION_ENVIRONMENTS)
            or {"dataset_item_id", "dataset_id"} <= self.metadata.keys(),
        )

    def _attributes(self) -> dict[str, str]:
        found = {name: attribute_text(value) for name, value in self.metadata.items() if is_plain(value)}
        return with_common(
            found, tags=self.tags, model=self.model, environment=self.environment, agent_version=self.version
        )


# --- as OTLP attributes -------------------------------------------------------------------------------------------


def is_langfuse(names: Collection[str]) -> bool:
    """Whether attributes are those of Langfuse's SDK."""
    return "langfuse.observation.type" in names


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with Langfuse's attributes. Of a trace's own input and output, its root span has them."""
    found = span.attributes
    is_root = span.parent_id is None
    names = ("session.id", "langfuse.session.id", "gen_ai.conversation.id")
    # Newer releases encode each value as JSON.
    metadata = {name: fields.decoded(value) for name, value in fields.prefixed(found, _METADATA).items()}
    return Observation(
        trace_id=span.trace_id,
        id=span.span_id,
        parent_id=span.parent_id,
        type=_text(found, "langfuse.observation.type") or "SPAN",
        name=span.name or None,
        started_at=span.started_at,
        ended_at=span.ended_at,
        input=fields.first(found, ("langfuse.observation.input", *[f"{_TRACE}input"] * is_root)),
        output=_output(found, is_root=is_root),
        error=_text(found, "langfuse.observation.status_message") or error_of(span) if _has_failed(span) else None,
        model=_text(found, "langfuse.observation.model.name"),
        conversation_id=conversation_id(found, span.resource, options, names),
        user_id=user_id(found, span.resource, options, ("user.id", "langfuse.user.id")),
        metadata=metadata,
        tags=found.get(f"{_TRACE}tags"),
        version=_text(found, "langfuse.version"),
        environment=_text(found, "langfuse.environment"),
        is_evaluation=any(name.startswith("langfuse.experiment.") for name in found),
    ).span()


def _output(found: Mapping[str, Json], *, is_root: bool) -> Json:
    """What the observation gave; an empty text is something it gave."""
    value = found.get("langfuse.observation.output")
    return found.get(f"{_TRACE}output") if value is None and is_root else value


def _has_failed(span: OtlpSpan) -> bool:
    return span.error is not None or span.attributes.get("langfuse.observation.level") == "ERROR"


def _text(found: Mapping[str, Json], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and value else None
