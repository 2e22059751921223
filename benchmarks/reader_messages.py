"""The same made-up conversations as the records of each format, which `readers.py` times reading of.

Each model call repeats the conversation so far, as real ones do. The definitions of tools, which real calls carry as well and a reader
passes over, are left out: with them the bare decoder would look slower.
"""

from __future__ import annotations

import base64
import csv
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

TURNS = 4
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CONVERSATIONS_A_REQUEST = 16
SYSTEM = "You are the support agent of an outdoor shop. Be brief, check facts with the tools, never promise what they do not confirm."
WORDS = ["order", "tent", "refund", "late", "parcel", "size", "boots", "stove", "warranty", "card", "charge", "twice", "friday", "please", "still", "thanks", "where", "is", "my", "the", "a", "not", "and", "you", "can", "it", "of", "to", "for", "with", "größe", "größer", "café", "naïve", "42.5", "NW-48213", "shipping", "credit", "policy", "account", "password", "invoice", "tax"]  # fmt: skip


def text(rng: random.Random, low: int, high: int) -> str:
    """Some words, now and then on two lines or with a quote."""
    words = rng.choices(WORDS, k=rng.randint(low, high))
    if rng.random() < 0.2:
        words[len(words) // 2] = '"' + words[len(words) // 2] + '"\n\n'
    return " ".join(words)


def conversation(rng: random.Random) -> list[list[dict]]:
    """The turns, each a list of messages in OpenAI's form; every other one calls a tool."""
    turns = []
    for _ in range(TURNS):
        turn: list[dict] = [{"role": "user", "content": text(rng, 5, 30)}]
        if rng.random() < 0.5:
            call_id = f"call_{rng.getrandbits(96):024x}"
            arguments = json.dumps({"order_id": f"NW-{rng.randint(10000, 99999)}", "top_k": 3})
            function = {"name": "get_order", "arguments": arguments}
            turn += [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": call_id, "type": "function", "function": function}],
                },
                {
                    "role": "tool",
                    "tool_call_id": call_id,
                    "content": json.dumps({"status": "late", "note": text(rng, 5, 20)}),
                },
            ]
        turn.append({"role": "assistant", "content": text(rng, 15, 60)})
        turns.append(turn)
    return turns


# --- the same conversations in each format --------------------------------------------------------------------------


def parts(message: dict) -> dict:
    """A message in GenAI's parts."""
    if message["role"] == "tool":
        part = {"type": "tool_call_response", "id": message["tool_call_id"], "response": json.loads(message["content"])}
        return {"role": "tool", "parts": [part]}
    found = [{"type": "text", "content": message["content"]}] if message["content"] is not None else []
    for call in message.get("tool_calls", ()):
        function = call["function"]
        arguments = json.loads(function["arguments"])
        found.append({"type": "tool_call", "id": call["id"], "name": function["name"], "arguments": arguments})
    return {"role": message["role"], "parts": found}


def genai(given: list[dict], made: dict) -> dict:
    """The attributes of a model call by OpenTelemetry's GenAI conventions."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{len(given)}",
        "gen_ai.usage.input_tokens": 431,
        "gen_ai.usage.output_tokens": 67,
        "gen_ai.input.messages": json.dumps([parts(m) for m in given]),
        "gen_ai.output.messages": json.dumps([{**parts(made), "finish_reason": "stop"}]),
    }


def openinference(given: list[dict], made: dict) -> dict:
    """The same by OpenInference's: numbered attributes, and the whole request and response once more."""
    found = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini-2024-07-18",
        "llm.token_count.prompt": 431,
        "llm.token_count.completion": 67,
        "input.mime_type": "application/json",
        "input.value": json.dumps({"model": "gpt-4o-mini", "messages": given}),
        "output.mime_type": "application/json",
        "output.value": json.dumps({"choices": [{"message": made}]}),
    }
    for prefix, messages in (("llm.input_messages", given), ("llm.output_messages", [made])):
        for i, message in enumerate(messages):
            begin = f"{prefix}.{i}.message"
            found[f"{begin}.role"] = message["role"]
            if message["content"] is not None:
                found[f"{begin}.content"] = message["content"]
            if "tool_call_id" in message:
                found[f"{begin}.tool_call_id"] = message["tool_call_id"]
            for n, call in enumerate(message.get("tool_calls", ())):
                found[f"{begin}.tool_calls.{n}.tool_call.id"] = call["id"]
                found[f"{begin}.tool_calls.{n}.tool_call.function.name"] = call["function"]["name"]
                found[f"{begin}.tool_calls.{n}.tool_call.function.arguments"] = call["function"]["arguments"]
    return found


def any_value(value: str | int) -> dict:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def requests(
    rng: random.Random, conversations: int, attributes: Callable[[list[dict], dict], dict]
) -> Iterator[tuple[dict, int]]:
    """Export requests with the number of messages in each."""
    ids = {"genai": "gen_ai.conversation.id"}.get(attributes.__name__, "session.id")
    for start in range(0, conversations, CONVERSATIONS_A_REQUEST):
        spans: list[dict] = []
        count = 0
        for number in range(start, min(start + CONVERSATIONS_A_REQUEST, conversations)):
            history = [{"role": "system", "content": SYSTEM}]
            at = 1_772_441_400_000_000_000 + number * 60_000_000_000
            for turn in conversation(rng):
                trace_id, root = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"
                span = {"traceId": trace_id, "kind": 3, "status": {}}
                for message in turn:
                    if message["role"] == "assistant":
                        found = {**attributes(history, message), ids: f"c{number}", "user.id": f"u{number % 997}"}
                        listed = [{"key": k, "value": any_value(v)} for k, v in found.items()]
                        times = {"startTimeUnixNano": str(at), "endTimeUnixNano": str(at + 900_000_000)}
                        more = {"spanId": f"{rng.getrandbits(64):016x}", "parentSpanId": root, "name": "chat", **times}
                        spans.append({**span, **more, "attributes": listed})
                        count += len(history) + 1
                        at += 1_000_000_000
                    history = [*history, message]
                times = {"startTimeUnixNano": str(at - 3_000_000_000), "endTimeUnixNano": str(at)}
                own = [{"key": "app.plan", "value": any_value(("free", "pro")[number % 2])}]
                spans.append({**span, "spanId": root, "name": "turn", **times, "attributes": own})
        resource = {"attributes": [{"key": "service.name", "value": any_value("support")}]}
        yield (
            {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "bench"}, "spans": spans}]}]},
            count,
        )


def write_otlp_json(folder: Path, conversations: int, attributes: Callable[[list[dict], dict], dict]) -> int:
    messages = 0
    with (folder / "otlp.jsonl").open("wb") as out:
        for request, count in requests(random.Random(7), conversations, attributes):
            out.write(orjson.dumps(request) + b"\n")
            messages += count
    return messages


def write_otlp_protobuf(folder: Path, conversations: int, attributes: Callable[[list[dict], dict], dict]) -> int:
    """One body a file, as clients send them. Ids are base64 in protobuf's own JSON form, hex in OTLP's."""
    messages = 0
    for i, (request, count) in enumerate(requests(random.Random(7), conversations, attributes)):
        for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        (folder / f"{i:06}.pb").write_bytes(json_format.ParseDict(request, TracesData()).SerializeToString())
        messages += count
    return messages


def write_chat(folder: Path, conversations: int) -> int:
    rng = random.Random(7)
    messages = 0
    with (folder / "chat.jsonl").open("wb") as out:
        for number in range(conversations):
            listed = [m for turn in conversation(rng) for m in turn]
            ids = {"conversation_id": f"c{number}", "user_id": f"u{number % 997}", "started_at": "2026-03-01T09:30:00Z"}
            out.write(orjson.dumps({**ids, "plan": ("free", "pro")[number % 2], "messages": listed}) + b"\n")
            messages += len(listed)
    return messages


def write_plain(folder: Path, conversations: int) -> int:
    """One message a row, JSON Lines."""
    with (folder / "plain.jsonl").open("wb") as out:
        return sum(out.write(orjson.dumps(row) + b"\n") and 1 for row in plain_rows(conversations))


def write_csv(folder: Path, conversations: int) -> int:
    rows = list(plain_rows(conversations))
    with (folder / "plain.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def plain_rows(conversations: int) -> Iterator[dict]:
    rng = random.Random(7)
    for number in range(conversations):
        at = START + timedelta(minutes=number)
        for turn in conversation(rng):
            for message in turn:
                if message["content"] is not None:
                    at += timedelta(seconds=2)
                    ids = {"conversation_id": f"c{number}", "user_id": f"u{number % 997}"}
                    said = {"role": message["role"], "content": message["content"], "at": at.isoformat()}
                    yield {**ids, **said, "plan": ("free", "pro")[number % 2]}
