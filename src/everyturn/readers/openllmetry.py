"""OpenLLMetry's attributes (traceloop-sdk and its instrumentations), the numbered ones of its releases before 0.50 and GenAI's of those since.

`traceloop.span.kind` tells the application's own spans: workflow, task, agent, tool. What they were given and gave stands as JSON in
`traceloop.entity.input` and `.output`. Ids and everything else that tells conversations apart are association properties, under
names that the application chose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from everyturn.model import Json, Message, Operation, Span
from everyturn.readers import ReadOptions, fields, steps
from everyturn.readers.attributes import own_attributes, with_common
from everyturn.readers.genai import environment, ids_of
from everyturn.readers.genai import read_span as read_genai_span
from everyturn.readers.genai_messages import one_reply
from everyturn.readers.openai_messages import openai_messages
from everyturn.readers.otlp_wire import Attributes, OtlpSpan

_ASSOCIATED = "traceloop.association.properties."
_OPERATIONS: Mapping[str, Operation] = {"agent": "invoke_agent", "tool": "execute_tool"}
_REQUESTS: Mapping[str, Operation] = {
    "chat": "chat",
    "completion": "chat",
    "embedding": "execute_tool",
    "rerank": "execute_tool",
}
_MARKS = frozenset({"llm.request.type", "gen_ai.prompt.0.role", "gen_ai.completion.0.role", "traceloop.span.kind"})


def is_openllmetry(names: Collection[str]) -> bool:
    """Whether attributes are those of an OpenLLMetry instrumentation or decorator."""
    return not _MARKS.isdisjoint(names) or any(name.startswith("traceloop.") for name in names)


def read_span(span: OtlpSpan, options: ReadOptions) -> Span:
    """A span with OpenLLMetry's attributes."""
    found = span.attributes
    properties = fields.prefixed(found, _ASSOCIATED)
    conversation_id, user_id = ids_of(span, options, properties)
    plain = replace(
        read_genai_span(span, options),
        conversation_id=conversation_id,
        user_id=user_id,
        attributes=_conversation_attributes(span, properties, options),
    )
    kind = found.get("traceloop.span.kind")
    if isinstance(kind, str):
        return _application_span(plain, found, _OPERATIONS.get(kind, "other"))
    if plain.operation == "other":
        plain = replace(plain, operation=_REQUESTS.get(str(found.get("llm.request.type")), "other"))
    if plain.operation != "chat":
        return plain
    made = plain.output or one_reply(_numbered(found, "gen_ai.completion."))
    if span.error is not None and made and not (made[0].content or made[0].tool_calls):
        made = None
    return replace(plain, input=plain.input or _numbered(found, "gen_ai.prompt."), output=made)


def _application_span(span: Span, found: Attributes, operation: Operation) -> Span:
    # A decorated function's input and output are always JSON, even where they are a text.
    given, made = (fields.decoded(found.get(f"traceloop.entity.{side}")) for side in ("input", "output"))
    name = found.get("traceloop.entity.name")
    if operation == "execute_tool":
        call = steps.tool_call(str(name), _decoded_arguments(given)) if name else None
        return replace(span, operation=operation, tool_call=call, tool_result=fields.text_of(made))
    return replace(span, operation=operation, input=steps.asked(given), output=steps.answered(made))


def _decoded_arguments(given: Json) -> Json:
    """The arguments of a tool's function. One that takes the model's JSON unparsed has an object inside a text."""
    if isinstance(given, dict) and isinstance(given.get("args"), list):
        return {**given, "args": [fields.json_value(a) for a in given["args"]]}
    return given


def _conversation_attributes(span: OtlpSpan, properties: Mapping[str, Json], options: ReadOptions) -> dict[str, str]:
    found = span.attributes
    attributes = own_attributes(found, options, span.names) | own_attributes(properties, options)
    model = fields.first(found, ("gen_ai.response.model", "gen_ai.request.model"))
    return with_common(attributes, tags=properties.get("tags"), model=model, environment=environment(span.resource))


def _numbered(found: Attributes, prefix: str) -> tuple[Message, ...] | None:
    """The messages of numbered attributes, in the order of their numbers."""
    items: dict[int, dict[str, Json]] = {}
    for name, value in found.items():
        if not name.startswith(prefix):
            continue
        number, _, path = name[len(prefix) :].partition(".")
        if not number.isdecimal():
            continue
        item = items.setdefault(int(number), {})
        field, _, rest = path.partition(".")
        if field == "tool_calls":
            at, _, part = rest.partition(".")
            if at.isdecimal():
                item.setdefault(field, {}).setdefault(int(at), {})[part] = value
        else:
            item[path] = value
    messages: list[Message] = []
    for _, item in sorted(items.items()):
        if "role" not in item:
            continue
        calls = [
            {**call, "name": str(call.get("name") or "")} for _, call in sorted(item.pop("tool_calls", {}).items())
        ]
        content = item.get("content")
        messages += openai_messages({**item, "content": _parts(content), **({"tool_calls": calls} if calls else {})})
    return tuple(messages) if messages else None


def _parts(content: Json) -> Json:
    """The parts of a content that is a JSON list of such; a text that only looks like JSON stays a text."""
    parts = fields.json_value(content)
    is_parts = isinstance(parts, list) and parts and all(isinstance(p, dict) and "type" in p for p in parts)
    return parts if is_parts else content
