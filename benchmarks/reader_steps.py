"""The made-up conversations as the steps of an application, one a row, in the formats that keep such rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import ormsgpack
from reader_messages import CONVERSATIONS_A_REQUEST, START, SYSTEM, conversation, openinference


@dataclass(frozen=True, slots=True)
class Step:
    """One turn, model call or tool of a conversation; what it was given and gave are messages in OpenAI's form."""

    kind: str  # turn, llm or tool
    conversation: int
    trace_id: str
    span_id: str
    parent_id: str | None
    at: datetime
    given: list[dict]
    made: dict

    @property
    def messages(self) -> int:
        return len(self.given) + 1

    @property
    def metadata(self) -> dict:
        """What the application says of the conversation."""
        number = self.conversation
        return {"session_id": f"c{number}", "user_id": f"u{number % 997}", "plan": ("free", "pro")[number % 2]}


def steps(conversations: int) -> Iterator[Step]:
    """The steps, a turn before its model calls and tools."""
    rng = random.Random(7)
    for number in range(conversations):
        history = [{"role": "system", "content": SYSTEM}]
        at = START + timedelta(minutes=number)
        for turn in conversation(rng):
            trace_id, root = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(63):016x}"
            yield Step("turn", number, trace_id, root, None, at, turn[:1], turn[-1])
            for i, message in enumerate(turn):
                at += timedelta(seconds=1)
                if message["role"] == "assistant":
                    yield Step("llm", number, trace_id, f"{rng.getrandbits(63):016x}", root, at, history, message)
                elif message["role"] == "tool":
                    span_id = f"{rng.getrandbits(63):016x}"
                    yield Step("tool", number, trace_id, span_id, root, at, [turn[i - 1]], message)
                history = [*history, message]


def arguments(step: Step) -> dict:
    """What a tool was called with."""
    return json.loads(step.given[0]["tool_calls"][0]["function"]["arguments"])


def completion(step: Step) -> dict:
    """The response of a model."""
    usage = {"prompt_tokens": 431, "completion_tokens": 67, "total_tokens": 498}
    choice = {"index": 0, "finish_reason": "stop", "message": step.made}
    return {"id": f"chatcmpl-{step.span_id}", "choices": [choice], "model": "gpt-4o-mini-2024-07-18", "usage": usage}


def uuid(step_id: str, trace_id: str) -> str:
    digits = step_id.rjust(16, "0") + trace_id[:16]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def langsmith(step: Step) -> dict:
    """A run of an export."""
    trace_id, run_id = uuid(step.trace_id[16:], step.trace_id), uuid(step.span_id, step.trace_id)
    kind, inputs, outputs = "chain", {"message": step.given[0]["content"]}, {"answer": step.made["content"]}
    if step.kind == "llm":
        kind, inputs, outputs = "llm", {"messages": step.given, "model": "gpt-4o-mini"}, completion(step)
    elif step.kind == "tool":
        kind, inputs, outputs = "tool", arguments(step), {"output": step.made["content"]}
    runtime = {"sdk": "langsmith-py", "sdk_version": "0.15.0", "library": "langsmith", "platform": "Linux"}
    run = {
        "id": trace_id if step.parent_id is None else run_id,
        "name": step.kind,
        "run_type": kind,
        "start_time": step.at.isoformat(),
        "end_time": (step.at + timedelta(seconds=1)).isoformat(),
        "extra": {"metadata": step.metadata, "runtime": runtime},
        "inputs": inputs,
        "outputs": outputs,
        "tags": ["support"],
        "session_id": "beaa88b5-3c96-5902-be65-8140bb69557c",
        "status": "success",
        "trace_id": trace_id,
        "dotted_order": f"{step.at:%Y%m%dT%H%M%S%f}Z{trace_id}",
    }
    if step.parent_id is not None:
        run["parent_run_id"] = trace_id
        run["dotted_order"] += f".{step.at:%Y%m%dT%H%M%S%f}Z{run_id}"
    return run


def braintrust(step: Step) -> dict:
    """A row of a project's logs."""
    kind, given, made, metadata = "task", step.given[0]["content"], step.made["content"], step.metadata
    if step.kind == "llm":
        kind, given, made = "llm", step.given, completion(step)["choices"]
        metadata = {"model": "gpt-4o-mini", "provider": "openai", "temperature": 0.2}
    elif step.kind == "tool":
        kind, given, metadata = "tool", arguments(step), {}
    return {
        "id": uuid(step.span_id, step.trace_id),
        "project_id": "9aad4e79-faa0-5d09-916f-42f4c99d522c",
        "log_id": "g",
        "created": step.at.isoformat(),
        "span_id": step.span_id,
        "root_span_id": step.trace_id,
        "span_parents": None if step.parent_id is None else [step.parent_id],
        "span_attributes": {"name": step.kind, "type": kind},
        "metadata": metadata,
        "metrics": {"start": step.at.timestamp(), "end": step.at.timestamp() + 1, "prompt_tokens": 431, "tokens": 498},
        "input": given,
        "output": made,
    }


def phoenix(step: Step) -> dict:
    """A span of Phoenix's API: OpenInference's attributes."""
    kind, found = "AGENT", {"input.value": step.given[0]["content"], "output.value": step.made["content"]}
    if step.kind == "llm":
        kind, found = "LLM", openinference(step.given, step.made)
    elif step.kind == "tool":
        kind, found = "TOOL", {"input.value": json.dumps(arguments(step)), "output.value": step.made["content"]}
    ids = {"session.id": step.metadata["session_id"], "user.id": step.metadata["user_id"]}
    return {
        "name": step.kind,
        "span_kind": kind,
        "context": {"trace_id": step.trace_id, "span_id": step.span_id},
        "parent_id": step.parent_id,
        "start_time": step.at.isoformat(),
        "end_time": (step.at + timedelta(seconds=1)).isoformat(),
        "status_code": "OK",
        "status_message": "",
        "attributes": {**found, **ids, "metadata.plan": step.metadata["plan"]},
        "events": [],
    }


def langfuse(step: Step) -> dict:
    """An observation of Langfuse's API."""
    kind, given, made = "AGENT", {"message": step.given[0]["content"]}, step.made["content"]
    if step.kind == "llm":
        kind, given, made = "GENERATION", {"messages": step.given}, step.made
    elif step.kind == "tool":
        kind, given = "TOOL", arguments(step)
    return {
        "id": step.span_id,
        "traceId": step.trace_id,
        "parentObservationId": step.parent_id,
        "type": kind,
        "name": step.kind,
        "startTime": step.at.isoformat(),
        "endTime": (step.at + timedelta(seconds=1)).isoformat(),
        "model": "gpt-4o-mini" if step.kind == "llm" else None,
        "sessionId": step.metadata["session_id"],
        "userId": step.metadata["user_id"],
        "metadata": {"plan": step.metadata["plan"]},
        "input": given,
        "output": made,
        "usage": {"input": 431, "output": 67, "total": 498, "unit": "TOKENS"},
        "level": "DEFAULT",
        "environment": "production",
    }


def datadog_message(message: dict) -> dict:
    found = {"role": message["role"], "content": message["content"] or ""}
    if "tool_call_id" in message:
        result = {"name": "", "result": found["content"], "tool_id": message["tool_call_id"], "type": "tool_result"}
        return {"role": "tool", "content": "", "tool_results": [result]}
    if "tool_calls" in message:
        found["tool_calls"] = [
            {"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"]), "tool_id": c["id"], "type": "function"}
            for c in message["tool_calls"]
        ]  # fmt: skip
    return found


def datadog(step: Step) -> dict:
    """A span of an agent's trace, with its LLM data packed within, as the SDK sends it."""
    kind, given, made = "agent", {"value": step.given[0]["content"]}, {"value": step.made["content"]}
    if step.kind == "llm":
        kind, given = "llm", {"messages": [datadog_message(m) for m in step.given]}
        made = {"messages": [datadog_message(step.made)]}
    elif step.kind == "tool":
        kind, given = "tool", {"value": json.dumps(arguments(step))}
    parent = "undefined" if step.parent_id is None else str(int(step.parent_id, 16))
    found = {
        "meta": {"input": given, "output": made, "span": {"kind": kind}, "metadata": {"temperature": 0.2}},
        "tags": {"ml_app": "support", "env": "production", "language": "python", **step.metadata},
        "name": step.kind,
        "parent_id": parent,
        "trace_id": step.trace_id,
        "session_id": step.metadata["session_id"],
    }
    return {
        "service": "support",
        "name": step.kind,
        "resource": step.kind,
        "trace_id": int(step.trace_id[16:], 16),
        "span_id": int(step.span_id, 16),
        "start": int(step.at.timestamp()) * 1_000_000_000,
        "duration": 1_000_000_000,
        "meta": {"env": "production", "language": "python", "gen_ai.operation.name": kind},
        "metrics": {"process_id": 18226.0},
        "type": "llm",
        "meta_struct": {"_llmobs": ormsgpack.packb(found)},
    }


def write_rows(folder: Path, conversations: int, row: Callable[[Step], dict]) -> int:
    """One step a line."""
    messages = 0
    with (folder / "rows.jsonl").open("wb") as out:
        for step in steps(conversations):
            out.write(orjson.dumps(row(step)) + b"\n")
            messages += step.messages
    return messages


def write_datadog(folder: Path, conversations: int) -> int:
    """One request a file, each with the traces of some conversations."""
    messages = 0
    requests: dict[int, dict[str, list[dict]]] = {}
    for step in steps(conversations):
        request = requests.setdefault(step.conversation // CONVERSATIONS_A_REQUEST, {})
        request.setdefault(step.trace_id, []).append(datadog(step))
        messages += step.messages
    for number, traces in requests.items():
        (folder / f"{number:06}.msgpack").write_bytes(ormsgpack.packb(list(traces.values())))
    return messages
