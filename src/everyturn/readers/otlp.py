r"""OpenTelemetry's OTLP: traces and logs, as protobuf bodies or in the JSON form, one Export…ServiceRequest (or file) a record.

    {"resourceSpans": [{"scopeSpans": [{"spans": [{
      "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat",
      "startTimeUnixNano": "1772441400000000000", "endTimeUnixNano": "1772441402000000000", "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.conversation.id", "value": {"stringValue": "c1"}},
        {"key": "user.id", "value": {"stringValue": "u0412"}},
        {"key": "gen_ai.input.messages", "value": {"stringValue":
          "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Where is my order?\"}]}]"}}]}]}]}]}

Every span is kept. What its attributes mean depends on the client; `_DIALECTS` lists the known ones in the order in which they are
tried, because one span may carry the attributes of two. Of logs, the GenAI events are read: content of model calls and ratings.
Metrics, and log records that are no GenAI events, are skipped and counted. Attributes of no known convention are the application's own and
become attributes of the conversation.

| client | told by | conversation and user | words | ratings | what it cannot carry |
|---|---|---|---|---|---|
| OpenTelemetry GenAI | `gen_ai.operation.name` | `gen_ai.conversation.id` or `session.id`, `user.id`, on any span of the trace | on spans, on log events, or nowhere: off unless switched on | `gen_ai.evaluation.result` events | tags; the application's own replies, unless an agent span has them |
| OpenInference | `openinference.span.kind` | `session.id`, `user.id`, or in `metadata` | numbered attributes; `output.value` for refusals | on spans; Phoenix annotations by themselves | why a tool failed, with the Agents SDK; the question of a failed Responses API call |
| OpenLLMetry | `traceloop.*`, `llm.request.type` | association properties, under usual names | GenAI's; numbered before release 0.50 | Traceloop annotations by themselves, of the whole session | lists (properties are texts); ratings before release 0.50 |
| Vercel AI SDK | `ai.operationId` | `ai.telemetry.metadata.*`, under usual names | `ai.prompt.messages`, `ai.response.text` | none | ratings; the application's own replies |
| MLflow | `mlflow.spanType` | in its trace JSON; none over OTLP | `mlflow.spanInputs`, `.spanOutputs` | in its trace JSON | over OTLP: ids, tags and ratings |
| Langfuse | `langfuse.observation.type` | `session.id`, `user.id` | `langfuse.observation.input`, `.output` | scores by themselves | |

"Usual names" are conversation_id, session_id, thread_id, chat_id and user_id, user, customer_id, in either spelling. Any other is declared with
`--conversation-id` and `--user-id`.

Traces without any conversation id are told together where one was given, word for word, what an earlier one of the same user ended with; else
each is a conversation of its own. `load` says how many conversations lack an id. A model call without any content keeps its turn and its
tools, and `load` says how many there were.

A conversation that several clients recorded, each in traces of its own, is told once where its calls were given earlier answers or have tool calls, whose ids
tell that they are the same. A turn without either (a first question answered at once, a call that failed) may stand twice: a user may have asked it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from everyturn.model import FeedbackRecord, Json, Rejected, Span
from everyturn.readers import (
    BadRecord,
    Context,
    Reader,
    ReadOptions,
    Sample,
    Skipped,
    SkipRecord,
    fields,
    genai,
    openinference,
    openllmetry,
    otlp_json,
    vercel,
)
from everyturn.readers import langfuse_observations as langfuse
from everyturn.readers import mlflow_spans as mlflow
from everyturn.readers.otlp_wire import OtlpLog, OtlpSpan, Signal, binary_signal

_HAS_MAGIC = 0.95


class Dialect(NamedTuple):
    """One client's way of writing things as span attributes."""

    name: str
    is_spoken_by: Callable[[Collection[str]], bool]
    read: Callable[[OtlpSpan, ReadOptions], Span]
    ratings: Callable[[OtlpSpan, Span], Iterable[FeedbackRecord]] | None = None


_DIALECTS = (
    Dialect("langfuse", langfuse.is_langfuse, langfuse.read_span),
    Dialect("openinference", openinference.is_openinference, openinference.read_span, openinference.ratings),
    Dialect("mlflow", mlflow.is_mlflow, mlflow.read_span),
    Dialect("vercel", vercel.is_vercel, vercel.read_span),
    Dialect("openllmetry", openllmetry.is_openllmetry, openllmetry.read_span),
    Dialect("genai", lambda _: True, genai.read_span),  # an application's own span too
)


def _read(record: Json, context: Context) -> Iterator[Span | FeedbackRecord | Rejected | Skipped]:
    signal, form = _form(record)
    if signal == "metrics":
        raise SkipRecord("metrics")
    if signal is None:
        raise BadRecord(expected="resourceSpans or resourceLogs", found=fields.describe(record))
    options = context.options
    found = read_spans(form.spans(record), options) if signal == "traces" else _read_logs(form.logs(record), options)
    for part in found:
        yield Rejected(context.where, part.expected, part.found) if isinstance(part, BadRecord) else part


def _form(record: Json) -> tuple[Signal | None, ModuleType]:
    """What a record carries, and the module that reads its form."""
    if isinstance(record, dict):
        return otlp_json.signal_of(record), otlp_json
    if record is None or isinstance(record, str | int | float | list):
        return None, otlp_json
    from everyturn.readers import otlp_binary  # protobuf's classes take a while to load

    return otlp_binary.signal_of(record), otlp_binary


def read_spans(
    found: Iterable[OtlpSpan | BadRecord], options: ReadOptions
) -> Iterator[Span | FeedbackRecord | BadRecord]:
    """Each span, read by the first dialect that knows it, and the ratings on it; for a bad span, why it is bad instead."""
    for span in found:
        if isinstance(span, BadRecord):
            yield span
            continue
        try:
            dialect = _dialect(span)
            read = dialect.read(span, options)
            yield read
            if dialect.ratings is not None:
                yield from dialect.ratings(span, read)
        except BadRecord as bad:
            yield bad


def _dialect(span: OtlpSpan) -> Dialect:
    """The dialect that a span speaks, by the names of its attributes; Langfuse's SDK also says so by its scope."""
    return _DIALECTS[0] if span.scope == langfuse.SCOPE else span.names.derive(_spoken)


def _spoken(names: Collection[str]) -> Dialect:
    """The first dialect that has such names; the last dialect accepts any."""
    return next(dialect for dialect in _DIALECTS if dialect.is_spoken_by(names))


def _read_logs(
    found: Iterable[OtlpLog | BadRecord], options: ReadOptions
) -> Iterator[Span | FeedbackRecord | Skipped | BadRecord]:
    messages: list[OtlpLog] = []
    for log in found:
        if isinstance(log, BadRecord):
            yield log
        elif log.event in genai.MESSAGE_EVENTS:
            messages.append(log)
        elif log.event in {genai.DETAILS, genai.EVALUATION}:
            try:
                yield (genai.evaluation if log.event == genai.EVALUATION else genai.details_span)(log, options)
            except BadRecord as bad:
                yield bad
        else:
            yield Skipped("log records that are no GenAI events")
    yield from genai.message_spans(messages, options)


def _looks_like(sample: Sample) -> float:
    """How many of the records are OTLP requests; for bytes, whether they nest as OTLP does."""
    if sample.records:
        return sample.share(lambda record: isinstance(record, dict) and otlp_json.signal_of(record) is not None)
    return _HAS_MAGIC if binary_signal(sample.head) is not None else 0.0


def _decode(data: bytes) -> Iterable[Json]:
    from everyturn.readers import otlp_binary

    return [otlp_binary.decode(data)]


READER = Reader(
    name="otlp",
    kind="conversations",
    description="OpenTelemetry traces and logs (OTLP, protobuf or JSON) of GenAI, OpenInference, OpenLLMetry, Vercel AI SDK, MLflow and Langfuse",
    looks_like=_looks_like,
    read=_read,
    decode=_decode,
)
