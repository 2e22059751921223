"""LangSmith's runs -> spans, whichever way they come: ingestion, the API (both versions) or the bulk export's rows.

An llm run is a model call, a tool run a tool's step; chains and prompts are the application's. Retrievers, embeddings and parsers count as
tool steps without a call. The steps of a LangGraph graph repeat its whole state, which the graph's own run and the model calls have
already: of them only the ids are kept.

The conversation is the thread, under one of three names in the run's metadata; the run's own `session_id` is the project. A run
of an experiment or of an evaluator is marked as an evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from everyturn.model import DEFAULT_SUITE, EvalResult, Json, Message, Operation, Span
from everyturn.readers import ReadOptions, fields, steps
from everyturn.readers.attributes import attribute_text, is_plain, with_common
from everyturn.readers.failures import failure
from everyturn.readers.forms import as_openai, reply

_OPERATIONS: Mapping[str, Operation] = {
    "llm": "chat",
    "tool": "execute_tool",
    "retriever": "execute_tool",
    "embedding": "execute_tool",
    "parser": "execute_tool",
}
_THREAD_NAMES = ("thread_id", "session_id", "conversation_id")
_GIVEN_NAMES = ("messages", "prompts", "prompt", "input", "contents", "role", "content")
_NOISE = ("ls_", "__", "langgraph_", "LANGSMITH_", "LANGCHAIN_", "checkpoint_")
_NOT_ATTRIBUTES = frozenset(
    {
        *_THREAD_NAMES,
        *fields.USER_ID_NAMES,
        "assistant_id",
        "example_version",
        "experiment",
        "git",
        "graph_id",
        "num_repetitions",
        "reference_example_id",
        "reference_run_id",
        "revision_id",
        "run_attempt",
        "run_id",
        "target_run_id",
        "usage_metadata",
    }
)
_STEP_TAG = re.compile(r"(?:graph|seq|map|branch|condition):")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_EVALUATORS = "evaluators"  # the project the SDK's evaluators are traced to


def metadata_of(run: Mapping[str, Json]) -> Mapping[str, Json]:
    """The run's metadata: under `extra`, or in the API's second version at the top."""
    extra = fields.json_value(run.get("extra"))
    found = fields.json_value(extra.get("metadata")) if isinstance(extra, dict) else None
    return found if isinstance(found, dict) else fields.object_of(run.get("metadata"))


def read_run(run: Mapping[str, Json], options: ReadOptions) -> Span:
    """The span of a run, or of what one request says of it."""
    run_id = fields.required_id(run.get("id"), "id")
    trace_id = fields.identifier(run.get("trace_id"), "trace_id") or next(iter(_path(run)), run_id)
    metadata = metadata_of(run)
    kind = (fields.text(run.get("run_type"), "run_type") or "chain").lower()
    operation = _OPERATIONS.get(kind, "other")
    error = failure(run.get("error"))
    inputs, outputs = _carried(run, "inputs"), _carried(run, "outputs")
    name = fields.text(run.get("name"), "name")
    given = made = None
    if operation == "chat":
        given, made = _given(inputs), _made(outputs, has_failed=error is not None)
    elif operation == "other" and "langgraph_node" not in metadata:
        said = (
            {**outputs, "output": _whole(outputs["output"])}
            if isinstance(outputs, dict) and "output" in outputs
            else outputs
        )
        given, made = steps.asked(as_openai(inputs)), steps.answered(as_openai(said))
    return Span(
        trace_id=trace_id,
        span_id=run_id,
        parent_id=_parent(run),
        conversation_id=_thread(run, metadata, options),
        user_id=_user(metadata, run, options),
        operation=operation,
        name=name,
        started_at=fields.time(run.get("start_time"), "start_time"),
        ended_at=fields.time(run.get("end_time"), "end_time"),
        input=given,
        output=made,
        tool_call=steps.step_call(name, inputs) if kind == "tool" and name and inputs is not None else None,
        tool_result=_result(outputs) if kind == "tool" else None,
        error=error,
        response_id=run_id,  # feedback may name the run alone
        attributes=_attributes(run, metadata, outputs, is_call=operation == "chat"),
        is_evaluation=_is_evaluation(run, metadata),
    )


def run_results(run: Mapping[str, Json]) -> list[EvalResult]:
    """The scores an experiment's run has (as the API gives them, by key), or an evaluator's run gave."""
    metadata = metadata_of(run)
    case_id = fields.identifier(
        run.get("reference_example_id") or metadata.get("reference_example_id"), "reference_example_id"
    )
    if case_id is None:
        return []
    suite = fields.identifier(run.get("reference_dataset_id"), "reference_dataset_id") or DEFAULT_SUITE
    project = fields.first(run, ("session_name", "session_id", "project_id"))
    run_id = fields.identifier(metadata.get("experiment") or project, "experiment") or "default"
    at = fields.time(fields.first(run, ("end_time", "start_time")), "end_time")
    outputs = fields.json_value(run.get("outputs"))
    if "reference_run_id" in metadata and isinstance(outputs, dict) and isinstance(outputs.get("key"), str):
        scores = {outputs["key"]: outputs.get("score")}
    else:
        stats = fields.object_of(run.get("feedback_stats"))
        scores = {str(key): value.get("avg") for key, value in stats.items() if isinstance(value, dict)}
    return [
        EvalResult(suite, case_id, run_id, key, score, at)
        for key, value in scores.items()
        if (score := fields.number(value, "score")) is not None
    ]


# --- where it belongs -------------------------------------------------------------------------------------------


def _path(run: Mapping[str, Json]) -> list[str]:
    """The ids from the trace's root down to the run, as its `dotted_order` tells: "<time>Z<id>.<time>Z<id>"."""
    dotted_order = run.get("dotted_order")
    if not isinstance(dotted_order, str):
        return []
    found = [_UUID.search(step) for step in dotted_order.split(".")]
    return [match[0] for match in found if match is not None]


def _parent(run: Mapping[str, Json]) -> str | None:
    found = fields.identifier(run.get("parent_run_id"), "parent_run_id")
    if found is not None:
        return found
    path, above = _path(run), run.get("parent_run_ids")
    if len(path) > 1:
        return path[-2]
    return fields.identifier(above[-1], "parent_run_ids") if isinstance(above, list) and above else None


def _thread(run: Mapping[str, Json], metadata: Mapping[str, Json], options: ReadOptions) -> str | None:
    if options.conversation_id is not None:
        found = fields.at_path(metadata, options.conversation_id)
        return fields.conversation_id(run, options) if found is None else fields.identifier(found, "conversation id")
    return fields.identifier(fields.first(metadata, _THREAD_NAMES) or run.get("thread_id"), "thread_id")


def _user(metadata: Mapping[str, Json], run: Mapping[str, Json], options: ReadOptions) -> str | None:
    if options.user_id is not None:
        found = fields.at_path(metadata, options.user_id)
        return fields.user_id(run, options) if found is None else fields.identifier(found, "user id")
    return fields.user_id(metadata, options)


def _is_evaluation(run: Mapping[str, Json], metadata: Mapping[str, Json]) -> bool:
    return (
        run.get("reference_example_id") is not None
        or run.get("session_name") == _EVALUATORS
        or not metadata.keys().isdisjoint({"reference_example_id", "reference_run_id", "__ls_runner"})
    )


# --- what it holds ----------------------------------------------------------------------------------------------


def _carried(run: Mapping[str, Json], name: str) -> Json:
    """The inputs or outputs; None for the empty object that the SDK sends until there are any."""
    found = fields.json_value(run.get(name))
    return None if found == {} else found


def _given(inputs: Json) -> tuple[Message, ...] | None:
    """What a model call was given; of a batch the first."""
    if not isinstance(inputs, dict):
        return steps.given(inputs)
    if "prompts" not in inputs and (messages := steps.history(inputs.get("messages"))) is not None:
        return messages
    found = {name: as_openai(inputs[name]) for name in _GIVEN_NAMES if name in inputs}
    for name in ("messages", "prompts"):
        listed = found.get(name)
        if isinstance(listed, list) and listed and isinstance(listed[0], list):
            found[name] = listed[0]
    if isinstance(found.get("prompts"), list) and found["prompts"]:
        return steps.given({"prompt": found["prompts"][0]})
    if "messages" not in found and "input" in found:
        found["messages"] = found["input"]
    return steps.given(found)


def _made(outputs: Json, *, has_failed: bool) -> tuple[Message, ...] | None:
    """What a model call gave; what a failed one left behind, an empty reply, was never given."""
    if outputs is None:
        return None
    found = reply(outputs)
    if isinstance(found, dict) and found.keys().isdisjoint({"choices", "role", "content", "tool_calls"}):
        inner = _whole(found.get("output"))
        message = as_openai(inner)
        if inner is None and "output" in found:
            return None
        if isinstance(message, str):
            return (Message("assistant", message),)
        said = steps.answered(message if isinstance(message, dict) else found)
        return said if said is not None else steps.made(inner if inner is not None else found)
    said = steps.made(found)
    is_empty = said is not None and not any(m.content or m.tool_calls for m in said)
    return None if has_failed and is_empty else said


def _whole(output: Json) -> Json:
    """What a generator gave, piece by piece, as one text."""
    is_stream = isinstance(output, list) and bool(output) and all(isinstance(piece, str) for piece in output)
    return "".join(output) if is_stream else output


def _result(outputs: Json) -> str | None:
    """What a tool gave: the value itself, or a tool message's content."""
    if isinstance(outputs, dict) and outputs.keys() == {"output"}:
        outputs = outputs["output"]
    message = as_openai(outputs)
    if isinstance(message, dict) and message.get("role") == "tool":
        outputs = message.get("content")
    return fields.text_of(outputs)


def _attributes(
    run: Mapping[str, Json], metadata: Mapping[str, Json], outputs: Json, *, is_call: bool
) -> dict[str, str]:
    """The metadata without what the SDK and LangGraph add to it, the tags without those of graph steps, and the model."""
    # LangChain adds a call's settings to its metadata.
    settings = fields.object_of(run.get("extra")).get("invocation_params") if is_call else None
    left_out = _NOT_ATTRIBUTES.union(settings) if isinstance(settings, dict) else _NOT_ATTRIBUTES
    found = {
        str(name): attribute_text(value)
        for name, value in metadata.items()
        if name not in left_out and is_plain(value) and not str(name).startswith(_NOISE)
    }
    tags = fields.json_value(run.get("tags"))
    own = [t for t in tags if isinstance(t, str) and not _STEP_TAG.match(t)] if isinstance(tags, list) else []
    with_common(found, tags=own, model=(_model(outputs) or metadata.get("ls_model_name")) if is_call else None)
    if _is_elsewhere(run, "inputs") or _is_elsewhere(run, "outputs"):
        found["content"] = "cut"
    return found


def _is_elsewhere(run: Mapping[str, Json], name: str) -> bool:
    """Whether the record holds a link or the beginning in place of the content."""
    return run.get(name) is None and bool(run.get(f"{name}_s3_urls") or run.get(f"{name}_preview"))


def _model(outputs: Json) -> str | None:
    """The model that answered, as the provider reported it."""
    if not isinstance(outputs, dict):
        return None
    for path in ("model", "model_name", "llm_output.model_name"):
        if isinstance(found := fields.at_path(outputs, path), str) and found:
            return found
    generations = outputs.get("generations")
    while isinstance(generations, list) and generations:
        generations = generations[0]
    for path in ("message.kwargs.response_metadata.model_name", "generation_info.model_name"):
        if isinstance(found := fields.at_path(generations, path), str) and found:
            return found
    return None
