"""Captures of real clients, each of which played the same four conversations: these come back, once, whatever the client does.

`expected.json` was written from the script that was played, not from any client. What a client truly does not carry is listed in
`_cannot_carry` with the reason; everything else must be equal, and what is listed must really be missing.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from everyturn.assemble import assemble, trace_conversations
from everyturn.model import Conversation, EvalCase, Feedback, FeedbackRecord, Message, Span, ToolCall
from everyturn.model.exchange import decode_messages, decode_tool_calls
from everyturn.readers.driver import read_paths

HERE = Path(__file__).parent
NOW = datetime(2027, 1, 1, tzinfo=UTC)

CAPTURES = {
    "otel-genai/span": ("*.gz",),
    "otel-genai/event": ("*.gz",),
    "otel-genai/grpc": ("*.gz",),
    "otel-genai/nocontent": ("*.pb", "*.jsonl.gz"),
    "otel-openai-v2/2.4b0-span-gzip": ("*.pb.gz", "*.jsonl.gz"),
    "otel-openai-v2/2.4b0-legacy-events": ("*.gz",),
    "otel-openai-v2/2.0b0-legacy-events": ("*.gz",),
    "langfuse-otlp/v3": ("*.gz requests.jsonl",),
    "langfuse-otlp/v5": ("*.pb.gz requests.jsonl", "otlp.jsonl.gz requests.jsonl"),
    "langfuse/v2-ingestion": ("*.gz",),
    "langfuse/v3-export-models": ("*.json *.gz",),
    "langfuse/v5-export-models": ("*.json *.gz",),
    "datadog/agentless": ("*.gz",),
    "datadog/agent": ("*.msgpack.gz requests.jsonl.gz", "apm_traces.decoded.jsonl.gz requests.jsonl.gz"),
    "datadog/export": ("*.gz",),
    "opik/ingest": ("*.gz",),
    "opik/export": ("*.gz",),
    "model-calls/chat-completions": ("*.gz",),
    "model-calls/responses": ("*.gz",),
    "model-calls/messages": ("*.gz",),
    "langsmith/multipart": ("*.gz",),
    "langsmith/multipart-zstd": ("*",),
    "langsmith/langgraph-zstd": ("*.zst",),
    "langsmith/export-models": ("*",),
    "braintrust/logs3": ("*.gz",),
    "braintrust/export-rows": ("*",),
    "openinference/openai": ("*.gz",),
    "openinference/openai-dual-genai": ("*.gz",),
    "openinference/openai-agents-chat": ("*.gz",),
    "openinference/openai-agents-responses": ("*.gz",),
    "openinference/langgraph": ("*.pb.gz", "*.jsonl.gz"),
    "openinference/js-openai-otlp-json": ("*.gz",),
    "openinference/phoenix-annotations": ("*.gz",),
    "phoenix/api": ("*.json *.gz",),
    "phoenix/dataframe": ("*.parquet *.jsonl",),
    "openllmetry/0.62": ("*.gz",),
    "openllmetry/0.44-indexed-attributes": ("*.pb.gz", "*.jsonl.gz"),
    "vercel-ai-sdk/otlp-json": ("*.gz",),
    "mlflow/otlp": ("*.pb.gz", "*.jsonl.gz"),
    "mlflow/store": ("*.gz",),
    "openai-agents/native-chat": ("*.gz",),
    "openai-agents/native-responses": ("*.gz",),
}
EACH = [(mode, patterns) for mode, several in CAPTURES.items() for patterns in several]


# --- from files to conversations, without a database ------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    spans: list[Span]
    ratings: list[FeedbackRecord]
    cases: list[EvalCase]
    rejected: list[str]


@cache
def load(mode: str, patterns: str) -> Loaded:
    return load_files(sorted(f for pattern in patterns.split() for f in (HERE / mode).glob(pattern)))


def load_files(files: list[Path]) -> Loaded:
    assert files
    loaded = Loaded([], [], [], [])
    for batch in read_paths(files, now=NOW):
        loaded.spans.extend(map(span_of, rows(batch.tables.get("spans"))))
        loaded.ratings.extend(map(rating_of, rows(batch.tables.get("feedback"))))
        loaded.cases.extend(EvalCase(**r | {"attributes": {}}) for r in rows(batch.tables.get("eval_cases")))
        loaded.rejected.extend(f"{r.where} {r.expected} {r.found}" for r in batch.rejected)
    return loaded


def rows(table: pa.Table | None) -> Iterable[dict]:
    return table.to_pylist() if table is not None else []


def span_of(row: dict) -> Span:
    for name in ("input", "output"):
        row[name] = None if row[name] is None else decode_messages(row[name])
    row["tool_call"] = None if row["tool_call"] is None else decode_tool_calls([orjson.loads(row["tool_call"])])[0]
    row["attributes"] = orjson.loads(row["attributes"])
    return Span(**row)


def rating_of(row: dict) -> FeedbackRecord:
    rating = Feedback(**{name: row.pop(name) for name in Feedback.__dataclass_fields__})
    return FeedbackRecord(feedback=rating, **row)


# --- what was played -------------------------------------------------------------------------------------------------


def expected(mode: str) -> dict[str, Conversation]:
    played = orjson.loads((HERE / "expected.json").read_bytes())["conversations"]
    found = [_cannot_carry(_played(c, has_labels=mode.startswith("otel")), mode) for c in played]
    return {c.conversation_id: c for c in found}


def _played(c: dict, *, has_labels: bool) -> Conversation:
    last = c["user_turns"] - 1
    ratings = [_rating(f, has_labels=has_labels) for f in c["feedback"]]
    ratings += [
        Feedback(
            score["name"],
            score["score"],
            ("pass" if score["score"] >= 0.5 else "fail") if has_labels else None,
            score["reasoning"],
            last,
            "judge",
        )
        for score in c["eval_scores"]
    ]
    return Conversation(
        c["conversation_id"],
        c["user_id"],
        None,
        tuple(_message(m) for m in c["messages"]),
        {**c["metadata"], "tags": ", ".join(c["tags"]), "model": c["model_reported"], "environment": "production"},
        tuple(ratings),
    )


def _message(m: dict) -> Message:
    calls = tuple(ToolCall(t["id"], t["name"], t["arguments"]) for t in m.get("tool_calls", ()))
    content = m.get("content")
    if m["role"] == "tool":
        # A tool that failed: the application tells the model {"error": "Type: message"}, and no client carries it otherwise.
        content = orjson.dumps(m["result"] if "result" in m else {"error": m["error"]}).decode()
    return Message(m["role"], content, None, calls, m.get("tool_call_id"), m.get("name"))


def _rating(f: dict, *, has_labels: bool) -> Feedback:
    if f["kind"] == "category":
        return Feedback(f["name"], None, f["value"], f["comment"], f["turn"])
    label = ("thumbs_up" if f["value"] else "thumbs_down") if has_labels and f["kind"] == "thumb" else None
    return Feedback(f["name"], float(f["value"]), label, f["comment"], f["turn"])


def _cannot_carry(c: Conversation, mode: str) -> Conversation:
    """The conversation without what the client of this mode does not record."""
    messages, ratings, attributes = list(c.messages), list(c.feedback), dict(c.attributes)
    has_agent_output = mode.startswith(SHOWS_AGENT_OUTPUT) and mode not in AGENTS_SDK
    if c.conversation_id == "conv-77aa-double-charge" and not has_agent_output:
        # After the model's error the application answered on its own. Only the agent's span could tell, and here it has no content;
        # there is no later call whose history would show it.
        del messages[-1]
    if mode == "otel-genai/nocontent":
        # Content capture is off, the client's default: who spoke and which tools were called is all there is.
        messages = [
            replace(m, content=None, tool_calls=tuple(replace(t, arguments=None) for t in m.tool_calls))
            for m in messages
        ]
        attributes["content"] = "absent"
    if mode.startswith("langfuse"):
        if mode == "langfuse/v2-ingestion":
            del attributes["environment"]  # SDK 2 knows no environments
        if mode == "langfuse/v3-export-models":
            # The older API gives the scores of a trace with it, and those of sessions in no export that has messages.
            ratings = [f for f in ratings if f.name != "csat"]
    if mode.startswith("datadog"):
        # Datadog's tags have one value a name; the application put its list under a tag of its own.
        attributes["topic"] = attributes.pop("tags").replace(", ", ",")
        if mode == "datadog/export":
            ratings = []  # the export API gives spans alone
        else:
            # The application sent one more score here, for the whole session.
            is_answered = c.conversation_id != "conv-9b10-size-help"
            ratings.append(Feedback("answered", float(is_answered), None, None, len(c.turns) - 1, "judge"))
            # An assessment beside a value is its label.
            ratings = [replace(f, label=_assessed(f)) for f in ratings]
    found = replace(c, messages=tuple(messages), feedback=tuple(ratings), attributes=attributes)
    if mode.startswith("langsmith"):
        return _in_langsmith(found, is_langgraph=mode == "langsmith/langgraph-zstd")
    if mode.startswith("braintrust"):
        return _in_braintrust(found)
    return _without_attributes(_without_ratings(_without_words(found, mode), mode), mode)


def _in_langsmith(c: Conversation, *, is_langgraph: bool) -> Conversation:
    attributes = dict(c.attributes)
    del attributes["environment"]  # the application named none, and the client has no place of its own for it
    # The SDK keeps tags as a set where a run inherits some: their order is any.
    attributes["tags"] = _SETS_OF_TAGS[is_langgraph].get(c.conversation_id, attributes["tags"])
    # What the application showed for a thumb stands in `value`, the number in `score`. In LangGraph none were given.
    ratings = () if is_langgraph else tuple(map(_thumb, c.feedback))
    messages = c.messages
    if is_langgraph:
        # LangGraph tells the model what a tool raised as a text, not as the object that the application made of it elsewhere.
        messages = tuple(
            replace(m, content=orjson.dumps(orjson.loads(m.content)["error"]).decode())
            if m.role == "tool" and m.content.startswith('{"error":"TimeoutError')
            else m
            for m in messages
        )
    return replace(c, messages=messages, feedback=ratings, attributes=attributes)


def _in_braintrust(c: Conversation) -> Conversation:
    attributes = dict(c.attributes)
    del attributes["environment"]  # the application named none, and the client has no place of its own for it
    # The model as it was requested, not as the provider reported it.
    attributes["model"] = attributes["model"].removesuffix("-2024-07-18").removesuffix("-2025-04-14")
    # A score is a number from 0 to 1 without a comment; the application rated 2 of 5.
    ratings = [replace(f, comment=None) if f.source == "judge" else f for f in c.feedback]
    ratings = [replace(f, value=0.4) if f.name == "csat" else f for f in ratings]
    return replace(c, feedback=tuple(ratings), attributes=attributes)


_SETS_OF_TAGS = (
    {"conv-9b10-size-help": "sizing, support"},
    {
        "conv-2f7c-order-late": "orders, support",
        "conv-9b10-size-help": "sizing, support",
        "conv-77aa-double-charge": "billing, support",
    },
)


def _thumb(f: Feedback) -> Feedback:
    label = "thumbs_up" if f.value else "thumbs_down"
    return replace(f, label=label) if f.name == "user_feedback" else f


SHOWS_AGENT_OUTPUT = (
    *("otel-genai/span", "otel-genai/grpc", "langfuse", "datadog", "opik", "braintrust", "openllmetry", "mlflow"),
    *("langsmith/multipart", "langsmith/export"),
    *("openinference/openai", "openinference/js-openai-otlp-json", "openinference/phoenix-annotations", "phoenix"),
)
FIRST_TRACES = {
    "conv-2f7c-order-late": "338f08cb5772531268d36ab4aa88795c",
    "conv-9b10-size-help": "20075ecc2b5437013a9a7970e9118e6b",
    "conv-c3d4-return-two": "c6e749e61538de624376210160d64f08",
    "conv-77aa-double-charge": "f053ee53a87de4db6556f14919fe2bb9",
}
AGENTS_SDK = {
    "openinference/openai-agents-chat",
    "openinference/openai-agents-responses",
    "openai-agents/native-chat",
    "openai-agents/native-responses",
}


def _without_words(c: Conversation, mode: str) -> Conversation:
    """The same for the messages of the OTLP dialects and the Agents SDK."""
    messages = list(c.messages)
    for i, m in enumerate(messages):
        if m.role != "tool" or '{"error":"TimeoutError' not in (m.content or ""):
            continue
        if mode in AGENTS_SDK:  # the SDK redacts why a tool failed, to the model too
            messages[i] = replace(m, content="An error occurred while running the tool. Please try again.")
        elif mode in {"openinference/langgraph", "vercel-ai-sdk/otlp-json"}:  # these tell the model the bare reason
            messages[i] = replace(m, content="TimeoutError: order service did not answer in 3.0 s")
    if mode == "openinference/openai-agents-responses" and c.conversation_id == "conv-77aa-double-charge":
        del messages[-1]  # what a Responses API call was given is recorded when it ends well, and only there
    if mode == "openai-agents/native-responses":
        # `response` spans hold an id and counts. Turns, and tools without the ids of their calls, are all there is.
        messages = [
            replace(
                m,
                content=m.content if m.role == "tool" else None,
                tool_calls=tuple(replace(t, id=None) for t in m.tool_calls),
                tool_call_id=None,
            )
            for m in messages
        ]
    return replace(c, messages=tuple(messages))


def _without_ratings(c: Conversation, mode: str) -> Conversation:
    """The same for the ratings."""
    ratings = list(c.feedback)
    if mode in {"openinference/openai", "openinference/openai-dual-genai"} or "phoenix" in mode:
        thumbs = ("thumbs-down", "thumbs-up")  # this application labels its thumbs
        ratings = [replace(f, label=thumbs[int(f.value)]) if f.name == "user_feedback" else f for f in ratings]
    elif mode == "openllmetry/0.62":
        # User feedback alone has a way out, and it hangs on the session: its turn is the last.
        last = len(c.turns) - 1
        ratings = [replace(f, turn=last) for f in ratings if f.source == "user"]
    elif mode in AGENTS_SDK or mode.startswith(
        ("openinference", "openllmetry", "vercel-ai-sdk", "mlflow/otlp", "model-calls")
    ):
        ratings = []  # these clients have no ratings, or none that this application sent
    return replace(c, feedback=tuple(ratings))


def _without_attributes(c: Conversation, mode: str) -> Conversation:
    """The same for the attributes."""
    attributes = dict(c.attributes)
    without_environment = ("opik", "model-calls", "openinference", "phoenix", "mlflow", "openai-agents")
    if mode.startswith(without_environment) and "js-" not in mode:
        del attributes["environment"]  # the application set none here, and these clients set none themselves
    if mode.startswith("openllmetry"):
        # Properties are texts: the application joined its list.
        attributes["tags"] = attributes["tags"].replace(", ", ",")
    if mode == "mlflow/store":
        attributes["topic"] = attributes.pop("tags").replace(", ", ",")  # MLflow's tags are pairs: it chose a name
    if mode == "openinference/langgraph" or mode.startswith(("openai-agents", "model-calls")):
        del attributes["tags"]  # no place for tags, or the application logged none
    requested = {"gpt-4o-mini-2024-07-18": "gpt-4o-mini", "gpt-4.1-mini-2025-04-14": "gpt-4.1-mini"}
    if mode in {"openinference/openai-agents-chat", "openai-agents/native-chat"}:
        attributes["model"] = requested[attributes["model"]]  # the model that was asked for, not the one that answered
    is_streamed = c.conversation_id == "conv-c3d4-return-two"
    if mode in {"openinference/langgraph", "openinference/js-openai-otlp-json"} and is_streamed:
        attributes["model"] = requested[attributes["model"]]  # the same for streamed replies
    if mode == "mlflow/otlp":
        # Its OTLP exporter sends spans alone, and session, user and tags belong to MLflow's traces. That the traces of a conversation belong
        # together is told by the history they repeat; it is named by the first of them.
        name = FIRST_TRACES[c.conversation_id]
        return replace(c, conversation_id=name, user_id=None, attributes={"model": attributes["model"]})
    if mode == "openai-agents/native-responses":
        del attributes["model"]
        attributes["content"] = "absent"
    return replace(c, attributes=attributes)


def _assessed(f: Feedback) -> str | None:
    """The label that the application gave a rating in Datadog: pass or fail, for thumbs and the goal."""
    if f.name not in {"user_feedback", "goal_reached"}:
        return f.label
    return "pass" if f.value >= 0.5 else "fail"


def compared(c: Conversation) -> dict:
    """A conversation as it is compared: tool results as JSON values, ratings in any order, times on their own."""
    return {
        "id": c.conversation_id,
        "user": c.user_id,
        "messages": [
            (
                m.role,
                _value(m.content) if m.role == "tool" and m.content else m.content,
                m.tool_calls,
                m.tool_call_id,
                m.name,
            )
            for m in c.messages
        ],
        "attributes": dict(c.attributes),
        "feedback": sorted((replace(f, at=None) for f in c.feedback), key=lambda f: f.name),
    }


def _value(text: str) -> object:
    """The JSON value of a text; a text that is none is one itself."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(text)
    return text


# --- tests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "patterns"), EACH)
def test_the_conversations_come_back_and_nothing_else(mode, patterns):
    loaded = load(mode, patterns)
    found = assemble(loaded.spans, loaded.ratings)
    assert loaded.rejected == []
    assert sorted(c.conversation_id for c in found) == sorted(expected(mode))
    for conversation in found:
        assert compared(conversation) == compared(expected(mode)[conversation.conversation_id])


def test_a_conversation_recorded_by_several_clients_is_counted_once():
    modes = [mode for mode in CAPTURES if mode.startswith("openinference/")]
    loaded = [load(mode, CAPTURES[mode][0]) for mode in modes]
    found = assemble([s for one in loaded for s in one.spans], [])
    once = {name: len(c.messages) for name, c in expected("openinference/openai").items()}
    # Its last question was answered by the application after the model had failed: no call tells that it is the same.
    told = {**once, "conv-77aa-double-charge": once["conv-77aa-double-charge"] + 2}
    assert {c.conversation_id: len(c.messages) for c in found} == told


def test_calls_without_any_id_are_joined_by_how_their_conversation_begins():
    loaded = load("model-calls/chat-completions-without-ids", "*.gz")
    found, played = assemble(loaded.spans, loaded.ratings), expected("model-calls/chat-completions")
    assert all(c.conversation_id.startswith("calls-") for c in found)

    def told(conversations):
        return sorted((c | {"id": None} for c in map(compared, conversations)), key=repr)

    assert told(found) == told(played.values())


@pytest.mark.parametrize(("mode", "patterns"), EACH)
def test_messages_have_times_in_order(mode, patterns):
    loaded = load(mode, patterns)
    for conversation in assemble(loaded.spans, loaded.ratings):
        times = [m.at for m in conversation.messages]
        assert None not in times
        assert times == sorted(times)
        assert conversation.started_at == times[0]


@pytest.mark.parametrize(("mode", "patterns"), EACH)
def test_any_order_and_everything_twice_gives_the_same(mode, patterns):
    loaded = load(mode, patterns)
    once = assemble(loaded.spans, loaded.ratings)
    for seed in range(3):
        spans, ratings = loaded.spans * 2, loaded.ratings * 2
        random.Random(seed).shuffle(spans)
        random.Random(seed).shuffle(ratings)
        assert assemble(spans, ratings) == once
        assert trace_conversations(spans) == trace_conversations(loaded.spans)


@pytest.mark.parametrize("mode", [m for m, several in CAPTURES.items() if len(several) > 1])
def test_protobuf_and_json_say_the_same(mode):
    first, second = (load(mode, patterns) for patterns in CAPTURES[mode])
    assert assemble(first.spans, first.ratings) == assemble(second.spans, second.ratings)


@pytest.mark.parametrize(
    "mode",
    [
        "langfuse-otlp/v3",
        "langfuse-otlp/v5",
        "langfuse/v3-export-models",
        "langfuse/v5-export-models",
        "datadog/agentless",
        "datadog/export",
    ],
)
def test_traces_of_experiments_are_no_conversations(mode):
    spans = load(mode, CAPTURES[mode][0]).spans
    assert list(trace_conversations(spans).values()).count(frozenset()) in {2, 3}


@pytest.mark.parametrize(
    ("mode", "ids"),
    [("langfuse-otlp/v3", 2), ("langfuse-otlp/v5", 3), ("langfuse/v5-export-models", 3), ("datadog/agentless", 3)],
)
def test_dataset_items_are_eval_cases(mode, ids):
    cases = load(mode, CAPTURES[mode][0]).cases
    assert [c.suite for c in cases] == ["support-golden"] * ids
    assert cases[0].input == "Yes please. Shipping was 7.90."
    assert cases[0].expected == '{"intent":"orders"}'


def test_dataset_items_load_as_evals():
    page = HERE / "langfuse/v5-export-models/dataset_items_page.json"
    (batch,) = read_paths([page], kind="evals", now=NOW)
    assert [f.format for f in batch.files] == ["langfuse-datasets"]
    assert batch.tables["eval_cases"].num_rows == 3


@pytest.mark.parametrize("mode", ["langsmith/multipart", "langsmith/export-models", "braintrust/export-rows"])
def test_runs_of_experiments_and_their_scorers_are_no_conversations(mode):
    spans = load(mode, CAPTURES[mode][0]).spans
    assert list(trace_conversations(spans).values()).count(frozenset()) in {3, 6}


@pytest.mark.parametrize(
    ("mode", "reader", "cases"),
    [
        ("langsmith/export-models/dataset_examples.jsonl", "langsmith-datasets", 3),
        ("langsmith/export-models/evaluate_rows.json", "langsmith-datasets", 3),
        ("braintrust/export-rows/dataset_rows.jsonl", "braintrust-datasets", 3),
        ("braintrust/export-rows/experiment_rows.jsonl", "braintrust-datasets", 3),
    ],
)
def test_datasets_and_experiments_load_as_evals(mode, reader, cases):
    (batch,) = read_paths([HERE / mode], kind="evals", now=NOW)
    assert [f.format for f in batch.files] == [reader]
    assert batch.rejected == ()
    found = batch.tables["eval_cases"].to_pylist()
    assert len(found) == cases
    assert found[0]["input"] == "Yes please. Shipping was 7.90."
    assert found[0]["expected"] == '{"intent":"orders"}'
    if "evaluate" in mode or "experiment" in mode:
        results = batch.tables["eval_results"].to_pylist()
        assert [(r["suite"], r["case_id"]) for r in results] == [(c["suite"], c["case_id"]) for c in found]
        assert [(r["metric"], r["score"]) for r in results] == [("has_answer", s) for s in (0.0, 1.0, 0.0)]


def test_the_bulk_export_gives_the_same_conversations(tmp_path):
    """LangSmith's Parquet layout as it is documented: one run a row, its inputs, outputs and extra as JSON texts."""
    runs = map(
        orjson.loads, gzip.decompress((HERE / "langsmith/export-models/runs.jsonl.gz").read_bytes()).splitlines()
    )
    for name in ("inputs", "outputs", "extra", "events"):
        runs = [{**run, name: orjson.dumps(run[name]).decode()} for run in runs]
    for run in runs:
        run |= {name: datetime.fromisoformat(run[name]) for name in ("start_time", "end_time")}
        run["parent_run_ids"] = [run.pop("parent_run_id")] if "parent_run_id" in run else []
        run.pop("attachments"), run.pop("serialized", None)
    folder = tmp_path / "export_id=e" / "session_id=s" / "runs" / "year=2026" / "month=11" / "day=23"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(runs, pa.schema([(n, _kind(n)) for n in sorted({n for run in runs for n in run})]))
    pq.write_table(table, folder / "part-0.parquet", compression="zstd")
    feedback = HERE / "langsmith/export-models/feedback.jsonl"
    exported = load_files([tmp_path, feedback])
    plain = load("langsmith/export-models", "*")
    assert exported.rejected == []
    assert assemble(exported.spans, exported.ratings) == assemble(plain.spans, plain.ratings)


def _kind(name: str) -> pa.DataType:
    if name in {"start_time", "end_time"}:
        return pa.timestamp("us", tz="UTC")
    return pa.list_(pa.string()) if name in {"tags", "parent_run_ids"} else pa.string()
