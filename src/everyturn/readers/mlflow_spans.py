"""MLflow's span attributes, in OTLP and in its own trace JSON: `mlflow.spanType` tells what a span is.

Every value is JSON text, a text too. Over OTLP the ids of session and user are not sent, since they belong to MLflow's trace and not to
a span: there each trace is a conversation of its own unless a span says `session.id`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everyturn.model import Json, Operation, Span
from everyturn.readers import ReadOptions, fields, steps
from everyturn.readers.attributes import with_common
from everyturn.readers.genai import conversation_id, environment, error_of, user_id
from everyturn.readers.otlp_wire import OtlpSpan

_TYPE = "mlflow.spanType"
_OPERATIONS: Mapping[str, Operation] = {
    "CHAT_MODEL": "chat",
    "LLM": "chat",
    "AGENT": "invoke_agent",
    "TOOL": "execute_tool",
    "EMBEDDING": "execute_tool",
    "EVALUATOR": "execute_tool",
    "GUARDRAIL": "execute_tool",
    "MEMORY": "execute_tool",
    "PARSER": "execute_tool",
    "RERANKER": "execute_tool",
    "RETRIEVER": "execute_tool",
}
_CONVERSATION_IDS = ("mlflow.trace.session", "session.id", "gen_ai.conversation.id")
_USER_IDS = ("mlflow.trace.user", "user.id")


def is_mlflow(names: Collection[str]) -> bool:
    """Whether attributes are MLflow's."""
    return _TYPE in names


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with MLflow's attributes."""
    found = {name: fields.decoded(value) for name, value in span.attributes.items() if name.startswith("mlflow.")}
    kind = str(found.get(_TYPE)).upper()
    operation = _OPERATIONS.get(kind, "other")
    given, made = found.get("mlflow.spanInputs"), found.get("mlflow.spanOutputs")
    is_call, is_tool = operation == "chat", kind == "TOOL"
    ids = {**span.attributes, **found}
    model = found.get("mlflow.llm.model") or (given.get("model") if is_call and isinstance(given, dict) else None)
    return span.as_span(
        operation,
        conversation_id(ids, span.resource, options, _CONVERSATION_IDS),
        user_id(ids, span.resource, options, _USER_IDS),
        input=None if operation == "execute_tool" else steps.given(given) if is_call else steps.asked(given),
        output=None if operation == "execute_tool" else steps.made(made) if is_call else steps.answered(made),
        tool_call=steps.tool_call(span.name, _as_arguments(given)) if is_tool else None,
        tool_result=fields.text_of(made) if is_tool else None,
        error=error_of(span),
        response_id=fields.identifier(made.get("id"), "id") if is_call and isinstance(made, dict) else None,
        attributes=with_common({}, model=model, environment=environment(span.resource)),
    )


def _as_arguments(given: Json) -> Json:
    """A tool's inputs as the arguments of its function, by name."""
    return {"args": [], "kwargs": given} if isinstance(given, dict) else given
