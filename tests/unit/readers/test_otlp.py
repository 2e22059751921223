"""OTLP in both forms, and the GenAI attributes in all the places where clients put them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from everyturn.assemble import merge_spans
from everyturn.model import FeedbackRecord, Message, Rejected, Span, ToolCall
from everyturn.readers import BadRecord, Context, ReadOptions, Sample, Skipped, SkipRecord
from everyturn.readers.feedback_names import source_of
from everyturn.readers.otlp import READER

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
NANOSECONDS = 1_772_441_400_000_000_000
AT = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


def value(found):
    if isinstance(found, bool):
        return {"boolValue": found}
    if isinstance(found, int):
        return {"intValue": str(found)}
    if isinstance(found, float):
        return {"doubleValue": found}
    if isinstance(found, list):
        return {"arrayValue": {"values": [value(v) for v in found]}}
    if isinstance(found, dict):
        return {"kvlistValue": {"values": attributes(found)}}
    return {"stringValue": found} if found is not None else {}


def attributes(found):
    return [{"key": k, "value": value(v)} for k, v in found.items()]


def span(found=(), **fields):
    return (
        {"traceId": TRACE, "spanId": SPAN, "name": "x", "startTimeUnixNano": str(NANOSECONDS)}
        | fields
        | {"attributes": attributes(dict(found))}
    )


def spans(*items, resource=()):
    return {
        "resourceSpans": [
            {"resource": {"attributes": attributes(dict(resource))}, "scopeSpans": [{"spans": list(items)}]}
        ]
    }


def log(event, body=None, nanoseconds=NANOSECONDS, *, in_attribute=False, **found):
    name = {} if in_attribute else {"eventName": event}
    found = {k.replace("__", "."): v for k, v in found.items()} | ({"event.name": event} if in_attribute else {})
    return name | {
        "traceId": TRACE,
        "spanId": SPAN,
        "timeUnixNano": str(nanoseconds),
        "body": value(body),
        "attributes": attributes(found),
    }


def logs(*items):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(items)}]}]}


def read(record, **options):
    return list(READER.read(record, Context(0, "f:1", NOW, ReadOptions(**options))))


def one(record, **options):
    (found,) = read(record, **options)
    return found


def chat(given=None, made=None, **more):
    found = {"gen_ai.operation.name": "chat"}
    for name, messages in (("input", given), ("output", made)):
        if messages is not None:
            found[f"gen_ai.{name}.messages"] = (
                messages if isinstance(messages, str) else orjson.dumps(messages).decode()
            )
    return one(spans(span(found | more)))


def said(role, *parts):
    return {"role": role, "parts": [{"type": "text", "content": p} if isinstance(p, str) else p for p in parts]}


# --- the wire --------------------------------------------------------------------------------------------------------


def binary_traces() -> TracesData:
    data = TracesData()
    scope = data.resource_spans.add().scope_spans.add()
    found = scope.spans.add(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), name="x", start_time_unix_nano=NANOSECONDS
    )
    found.attributes.add(key="app.seats").value.int_value = 7
    found.attributes.add(key="app.tags").value.array_value.values.add().string_value = "a"
    found.attributes.add(key="app.empty").value.string_value = ""
    return data


def binary_logs() -> LogsData:
    data = LogsData()
    data.resource_logs.add().scope_logs.add().log_records.add(observed_time_unix_nano=NANOSECONDS, event_name="login")
    return data


def binary_metrics() -> MetricsData:
    data = MetricsData()
    data.resource_metrics.add().scope_metrics.add().metrics.add(name="d", unit="s").sum.data_points.add(as_int=1)
    return data


@pytest.mark.parametrize("make", [binary_traces, binary_logs, binary_metrics])
def test_protobuf_is_known_by_its_content(make):
    data = make().SerializeToString()
    assert READER.looks_like(Sample((), data, is_whole=True)) > 0.9
    assert READER.looks_like(Sample((), data[: len(data) * 2 // 3])) > 0.9
    assert [type(m) for m in READER.decode(data)] == [type(make())]


def test_protobuf_and_json_give_the_same_span():
    (message,) = READER.decode(binary_traces().SerializeToString())
    assert one(message) == one(spans(span({"app.seats": 7, "app.tags": ["a"], "app.empty": ""})))
    assert one(message) == Span(
        TRACE, SPAN, name="x", started_at=AT, attributes={"seats": "7", "tags": "a", "empty": ""}
    )


@pytest.mark.parametrize(
    "data", [b"\n", b"\x0a\x03abc", b"\x00" * 50, b"\x1f\x8b\x08", b"\xff" * 50, orjson.dumps(spans(span()))]
)
def test_other_bytes_are_not(data):
    assert READER.looks_like(Sample((), data, is_whole=True)) == 0
    with pytest.raises(BadRecord):
        list(READER.decode(data))


def test_a_broken_body_is_refused():
    with pytest.raises(BadRecord, match="whole"):
        list(READER.decode(binary_traces().SerializeToString()[:-3]))


def test_metrics_and_other_logs_are_skipped():
    with pytest.raises(SkipRecord, match="metrics"):
        read({"resourceMetrics": []})
    with pytest.raises(SkipRecord, match="metrics"):
        read(binary_metrics())
    assert one(logs(log("user.login"))) == Skipped("log records that are no GenAI events")


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [(TRACE.upper(), SPAN), ("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ=")],  # base64: generic protobuf writers
)
def test_ids_in_json(trace_id, span_id):
    found = one(spans(span(traceId=trace_id, spanId=span_id, parentSpanId="0" * 16)))
    assert (found.trace_id, found.span_id, found.parent_id) == (TRACE, SPAN, None)


def test_one_bad_span_leaves_the_others():
    found = read(spans(span(traceId="short"), span(), span(spanId=None), "x", span(startTimeUnixNano="soon")))
    assert [type(f) for f in found] == [Rejected, Span, Rejected, Rejected, Rejected]
    assert found[0] == Rejected("f:1", "trace_id: 32 hex digits", "a text of 5 characters")


def test_field_names_may_have_underscores():
    record = {
        "resource_spans": [
            {"scope_spans": [{"spans": [{"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": NANOSECONDS}]}]}
        ]
    }
    assert one(record).started_at == AT


def test_an_error_has_its_type_in_front():
    failed = {"status": {"code": "STATUS_CODE_ERROR", "message": "too slow"}}
    event = {
        "name": "exception",
        "attributes": attributes({"exception.type": "builtins.TimeoutError", "exception.message": "late"}),
    }
    assert one(spans(span(**failed))).error == "too slow"
    assert (
        one(spans(span({"error.type": "openai.InternalServerError"}, **failed))).error
        == "InternalServerError: too slow"
    )
    assert one(spans(span(status={"code": 2}, events=[event]))).error == "TimeoutError: late"
    assert one(spans(span(status={"code": 1}, events=[event]))).error is None


# --- ids and attributes ----------------------------------------------------------------------------------------------


def test_ids_come_from_the_usual_attributes_or_the_declared_ones():
    found = {"gen_ai.conversation.id": "c", "session.id": "s", "user.id": "u", "app.account": "a"}
    assert (one(spans(span(found))).conversation_id, one(spans(span(found))).user_id) == ("c", "u")
    assert one(spans(span({"session.id": "s"}))).conversation_id == "s"
    declared = one(spans(span(found)), conversation_id="session.id", user_id="app.account")
    assert (declared.conversation_id, declared.user_id) == ("s", "a")
    assert one(spans(span(found)), user_id="app.missing").user_id is None
    assert one(spans(span(), resource={"tenant": "t"}), user_id="tenant").user_id == "t"


def test_conversation_attributes_are_the_applications_and_no_noise():
    found = one(
        spans(
            span(
                {
                    "app.plan": "pro",
                    "app.tags": ["a", "b"],
                    "gen_ai.agent.version": "2",
                    "http.route": "/",
                    "app.deep": {"a": 1},
                }
            ),
            resource={"deployment.environment.name": "production", "service.name": "x", "host.name": "h"},
        )
    )
    assert found.attributes == {"plan": "pro", "tags": "a, b", "agent_version": "2", "environment": "production"}


# --- messages --------------------------------------------------------------------------------------------------------


def test_messages_in_parts():
    found = chat(
        [said("system", "Be brief."), said("user", '{"a": 1}')],
        [said("assistant", "", {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"id": 7}})],
    )
    assert found.operation == "chat"
    assert found.input == (Message("system", "Be brief."), Message("user", '{"a": 1}'))
    assert found.output == (Message("assistant", None, None, (ToolCall("c1", "find", {"id": 7}),)),)


def test_tool_results_in_parts_are_tool_messages():
    response = {"type": "tool_call_response", "id": "c1"}
    found = chat([said("tool", response | {"response": "late"}), said("tool", response | {"response": {"ok": False}})])
    assert found.input == (
        Message("tool", "late", None, (), "c1"),
        Message("tool", '{"ok":false}', None, (), "c1"),
    )


def test_malformed_arguments_stay_text():
    calls = [
        {"type": "tool_call", "id": "c1", "name": "find", "arguments": text}
        for text in ('{"id": 7', '{"id": 7}', "[7]")
    ]
    assert [c.arguments for c in chat(made=[said("assistant", *calls)]).output[0].tool_calls] == [
        '{"id": 7',
        {"id": 7},
        "[7]",
    ]


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([], ""),
        ([""], ""),
        ([{"type": "refusal", "content": "I may not."}], "I may not."),
        ([{"type": "reasoning", "content": "Hm."}, "Yes."], "Yes."),
        (["one", {"type": "uri", "uri": "s3://x"}], "one\n[uri]"),
    ],
)
def test_replies_of_every_sort(parts, content):
    assert chat(made=[said("assistant", *parts)]).output == (Message("assistant", content),)


def test_of_several_choices_the_first_counts_and_of_several_messages_all():
    choices = [said("assistant", "one"), said("assistant", "two")]
    assert [m.content for m in chat(made=choices).output] == ["one"]
    call = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {}}
    (reply,) = chat(made=[said("assistant", "Let me look."), said("assistant", call)]).output
    assert (reply.content, [c.id for c in reply.tool_calls]) == ("Let me look.", ["c1"])


def test_what_a_length_limit_cut_is_kept_up_to_there_and_said():
    text = orjson.dumps([said("assistant", "It is on its way and will arrive tomorrow.")]).decode()
    found = chat(made=text[:70])
    assert found.output == (Message("assistant", "It is on its w"),)
    assert found.attributes == {"content": "cut"}
    assert chat(given=text[:70]).input is None  # what is missing is the user's last message
    assert chat(made=text[:20]).output is None


def test_tools():
    found = one(
        spans(
            span(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "find",
                    "gen_ai.tool.call.id": "c1",
                    "gen_ai.tool.call.arguments": '{"id": 7}',
                    "gen_ai.tool.call.result": '{"late": true}',
                }
            )
        )
    )
    assert (found.tool_call, found.tool_result) == (ToolCall("c1", "find", {"id": 7}), '{"late": true}')


# --- events ----------------------------------------------------------------------------------------------------------


def test_the_details_event_gives_the_same_as_the_span():
    messages = [
        said("user", "hi"),
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"n": 7}}]},
    ]
    event = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages}
    part = one(
        logs(log("gen_ai.client.inference.operation.details", **{k.replace(".", "__"): v for k, v in event.items()}))
    )
    whole = chat(messages)
    assert part.input == whole.input
    assert merge_spans(whole, part).input == whole.input


@pytest.mark.parametrize("in_attribute", [False, True])
def test_message_events_are_one_part_of_their_span(in_attribute):
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
    items = [
        ("gen_ai.system.message", {"content": "Be brief."}),
        ("gen_ai.user.message", {"content": "[1]"}),
        ("gen_ai.assistant.message", {"tool_calls": [call]}),
        ("gen_ai.tool.message", {"content": '{"late": true}', "id": "c1"}),
        ("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "Late."}}),
        ("gen_ai.choice", {"index": 1, "message": {"role": "assistant", "content": "Later."}}),
    ]
    found = one(logs(*(log(name, body, in_attribute=in_attribute) for name, body in items)))
    assert [(m.role, m.content, m.tool_call_id) for m in found.input] == [
        ("system", "Be brief.", None),
        ("user", "[1]", None),
        ("assistant", None, None),
        ("tool", '{"late": true}', "c1"),
    ]
    assert found.input[2].tool_calls == (ToolCall("c1", "find", {"id": 7}),)
    assert [m.content for m in found.output] == ["Late."]
    microsecond = timedelta(microseconds=1)
    assert [m.at for m in (*found.input, *found.output)] == [AT + i * microsecond for i in range(5)]


def test_message_events_without_content_give_none():
    found = one(
        logs(log("gen_ai.user.message", {}), log("gen_ai.choice", {"index": 0, "message": {"role": "assistant"}}))
    )
    assert (found.input, [m.content for m in found.output]) == (None, [""])


def test_an_event_that_names_no_span_is_refused():
    for name in ("gen_ai.user.message", "gen_ai.client.inference.operation.details"):
        assert isinstance(one(logs(log(name, {"content": "hi"}) | {"spanId": ""})), Rejected)


def test_ratings():
    found = one(
        logs(
            log(
                "gen_ai.evaluation.result",
                gen_ai__evaluation__name="thumbs",
                gen_ai__evaluation__score__value=0,
                gen_ai__evaluation__score__label="thumbs_down",
                gen_ai__evaluation__explanation="went in circles",
                gen_ai__response__id="r1",
            )
        )
    )
    assert isinstance(found, FeedbackRecord)
    assert (found.trace_id, found.span_id, found.response_id) == (TRACE, SPAN, "r1")
    rating = found.feedback
    assert (rating.value, rating.label, rating.comment, rating.source) == (
        0.0,
        "thumbs_down",
        "went in circles",
        "user",
    )
    assert rating.at == AT


def test_a_rating_with_a_user_is_a_persons_and_one_without_a_name_is_refused():
    judged = log("gen_ai.evaluation.result", gen_ai__evaluation__name="correct", gen_ai__evaluation__score__value=1.0)
    assert one(logs(judged)).feedback.source == "judge"
    by_user = log("gen_ai.evaluation.result", gen_ai__evaluation__name="correct", user__id="u")
    assert one(logs(by_user)).feedback.source == "user"
    assert isinstance(one(logs(log("gen_ai.evaluation.result"))), Rejected)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("csat", "user"),
        ("NPS score", "user"),
        ("user-rating", "user"),
        ("was_helpful", "user"),
        ("resolved", "user"),
        ("like", "user"),
        ("hallucination", "judge"),
        ("unlikely", "judge"),
        ("answer_relevancy", "judge"),
    ],
)
def test_a_name_tells_who_rated(name, source):
    assert source_of(name) == source
