"""The OTLP dialects, and the exports and ratings that go with them: what the captures do not show."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from everyturn.assemble import assemble
from everyturn.model import Feedback, FeedbackRecord, Message, Rejected, Span, ToolCall
from everyturn.model.exchange import encode_messages_utf8
from everyturn.readers import BadRecord, Context, ReadOptions, Skipped
from everyturn.readers.mlflow import READER as MLFLOW
from everyturn.readers.openai_agents import READER as AGENTS
from everyturn.readers.otlp import READER as OTLP
from everyturn.readers.phoenix_annotations import READER as PHOENIX
from everyturn.readers.tables import row_of
from everyturn.readers.traceloop_annotations import READER as TRACELOOP

NOW = datetime(2027, 1, 1, tzinfo=UTC)
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
TRACE_BYTES, SPAN_BYTES = (
    base64.b64encode(bytes.fromhex(TRACE)).decode(),
    base64.b64encode(bytes.fromhex(SPAN)).decode(),
)


def read(reader, record, options=None, endpoint=None):
    return list(reader.read(record, Context(0, "f:1", NOW, options or ReadOptions(), endpoint)))


def any_value(value):
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(v) for v in value]}}
    name = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {name: value}


def otlp(attributes, *, options=None, failed=False, name="x"):
    """What the OTLP reader makes of one span with these attributes."""
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": name,
        "startTimeUnixNano": "1772441400000000000",
        "endTimeUnixNano": "1772441402000000000",
        "status": {"code": 2, "message": "boom"} if failed else {},
        "attributes": [{"key": k, "value": any_value(v)} for k, v in attributes.items()],
    }
    return read(OTLP, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, options)


def one(attributes, **how):
    (span,) = otlp(attributes, **how)
    assert isinstance(span, Span)
    return span


def user(text):
    return Message("user", text)


def agent(text, *calls):
    return Message("assistant", text, None, calls)


LLM = {
    "openinference.span.kind": "LLM",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Hi",
    "llm.output_messages.0.message.role": "assistant",
}


class TestOpenInference:
    def test_of_two_families_on_one_span_one_is_read(self):
        genai = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi again"}]}])
        span = one({**LLM, "gen_ai.operation.name": "chat", "gen_ai.input.messages": genai})
        assert span.input == (user("Hi"),)

    def test_an_empty_reply_has_no_content_attribute(self):
        assert one(LLM).output == (agent(""),)

    def test_a_failed_call_gave_no_reply(self):
        span = one(LLM, failed=True)
        assert span.output is None
        assert span.error == "boom"

    def test_a_refusal_is_only_in_the_raw_response(self):
        raw = {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "I cannot."}}]}
        span = one({**LLM, "output.value": json.dumps(raw), "output.mime_type": "application/json"})
        assert span.output == (agent("I cannot."),)

    def test_a_call_whose_arguments_langchain_could_not_read_is_only_in_the_raw_response(self):
        bad = {"name": "find", "args": '{"id": ', "id": "c1", "type": "invalid_tool_call"}
        message = {"lc": 1, "id": ["AIMessage"], "kwargs": {"content": "", "invalid_tool_calls": [bad]}}
        raw = {"generations": [[{"text": "", "message": message}]]}
        span = one({**LLM, "output.value": json.dumps(raw), "output.mime_type": "application/json"})
        assert span.output == (agent(None, ToolCall("c1", "find", '{"id": ')),)

    def test_parts_and_more_than_nine_messages_stay_in_order(self):
        found = {"openinference.span.kind": "LLM"}
        for i in range(12):
            found[f"llm.input_messages.{i}.message.role"] = "user"
            found[f"llm.input_messages.{i}.message.contents.0.message_content.type"] = "text"
            found[f"llm.input_messages.{i}.message.contents.0.message_content.text"] = str(i)
        assert [m.content for m in one(found).input] == [str(i) for i in range(12)]

    def test_malformed_arguments_stay_the_text_they_are(self):
        begin = "llm.output_messages.0.message.tool_calls.0.tool_call."
        found = {f"{begin}id": "c1", f"{begin}function.name": "find", f"{begin}function.arguments": '{"id": '}
        assert one({**LLM, **found}).output == (agent(None, ToolCall("c1", "find", '{"id": ')),)

    def test_calls_that_a_history_lists_by_themselves_are_one_reply(self):
        found = {
            **LLM,
            "llm.input_messages.1.message.role": "assistant",
            "llm.input_messages.1.message.content": "Let me look.",
        }
        for i in (2, 3):
            begin = f"llm.input_messages.{i}.message"
            found[f"{begin}.role"] = "assistant"
            found[f"{begin}.tool_calls.0.tool_call.id"] = f"c{i}"
            found[f"{begin}.tool_calls.0.tool_call.function.name"] = "find"
        calls = (ToolCall("c2", "find", None), ToolCall("c3", "find", None))
        assert one(found).input == (user("Hi"), agent("Let me look.", *calls))

    def test_ids_in_the_metadata_alone_and_no_noise_of_the_library(self):
        metadata = {"user_id": "u1", "thread_id": "c1", "plan": "pro", "langgraph_step": 3, "ls_provider": "openai"}
        span = one({"openinference.span.kind": "CHAIN", "metadata": json.dumps(metadata)})
        assert (span.conversation_id, span.user_id, dict(span.attributes)) == ("c1", "u1", {"plan": "pro"})

    def test_the_state_of_a_graph_says_what_was_asked_and_answered(self):
        state = [{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Hello"}}]
        span = one({"openinference.span.kind": "CHAIN", "output.value": json.dumps({"messages": state})})
        assert span.output == (user("Hi"), agent("Hello"))

    @pytest.mark.parametrize(
        ("scope", "ids"), [("", (TRACE, SPAN)), ("trace.", (TRACE, None)), ("session.", (None, None))]
    )
    def test_a_rating_hangs_on_what_it_names_and_zero_is_a_thumbs_down(self, scope, ids):
        begin = f"{scope}annotations.0.annotation."
        found = {f"{begin}name": "thumbs", f"{begin}score": 0, f"{begin}annotator_kind": "HUMAN"}
        _, rating = otlp({"openinference.span.kind": "AGENT", "session.id": "c1", **found})
        assert (rating.trace_id, rating.span_id) == ids
        assert rating.conversation_id == ("c1" if scope == "session." else None)
        assert (rating.feedback.value, rating.feedback.source) == (0.0, "user")


class TestRepeats:
    def test_a_history_that_goes_on_gives_the_same_as_one_read_alone(self):
        def listed(texts):
            return json.dumps([{"role": "user", "parts": [{"type": "text", "content": t}]} for t in texts])

        def given(text, conversation):
            found = {
                "gen_ai.operation.name": "chat",
                "gen_ai.conversation.id": conversation,
                "gen_ai.input.messages": text,
            }
            return one(found)

        lists = [["a"], ["a", 'b"]'], ["a", 'b"]', "c"], ["a"], ["x", "y"], [], ["a", "c"], ["a"] * 3]
        for number, texts in enumerate(lists):
            going_on, alone = given(listed(texts), "goes on"), given(listed(texts), f"alone {number}")
            assert going_on.input == alone.input == tuple(map(user, texts))
            rows = [row_of(span, "f:1", NOW)[1][9] for span in (going_on, alone)]
            assert rows == [encode_messages_utf8(tuple(map(user, texts)))] * 2

    def test_a_text_cut_in_the_middle_behind_a_known_beginning_is_cut(self):
        whole = json.dumps([{"role": "user", "parts": [{"type": "text", "content": t}]} for t in ("a", "b")])
        begin = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "a"}]}])
        for text in (begin, whole[:-9]):
            span = one(
                {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": "cut", "gen_ai.input.messages": text}
            )
        assert span.input is None
        assert span.attributes["content"] == "cut"


class TestOpenLLMetry:
    def test_a_reply_that_looks_like_json_stays_a_text(self):
        found = {"traceloop.span.kind": "workflow", "traceloop.entity.output": json.dumps("[1] see the manual")}
        assert one(found).output == (agent("[1] see the manual"),)

    def test_numbered_messages_with_a_refusal_and_an_empty_reply(self):
        found = {"llm.request.type": "chat", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi"}
        refused = {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.refusal": "I cannot."}
        assert one({**found, **refused}).output == (agent("I cannot."),)
        assert one({**found, "gen_ai.completion.0.role": "assistant"}).output == (agent(""),)

    def test_a_users_json_is_a_text_and_parts_are_parts(self):
        def given(content):
            return one(
                {"llm.request.type": "chat", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": content}
            ).input

        assert given('{"id": 7}') == (user('{"id": 7}'),)
        assert given('[{"type": "text", "text": "Hi"}]') == (user("Hi"),)

    def test_an_embedding_is_no_words_to_the_user(self):
        assert one({"llm.request.type": "embedding", "gen_ai.prompt.0.role": "user"}).operation == "execute_tool"

    def test_ids_are_properties_and_other_properties_attributes(self):
        begin = "traceloop.association.properties."
        span = one({f"{begin}chat_id": "c1", f"{begin}user_id": "u1", f"{begin}plan": "pro"})
        assert (span.conversation_id, span.user_id, dict(span.attributes)) == ("c1", "u1", {"plan": "pro"})


class TestVercel:
    def test_arguments_and_results_of_either_major_version(self):
        def messages(call, result):
            listed = [
                {
                    "role": "assistant",
                    "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "find", **call}],
                },
                {
                    "role": "tool",
                    "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "find", **result}],
                },
            ]
            return one({"ai.operationId": "ai.streamText.doStream", "ai.prompt.messages": json.dumps(listed)}).input

        four = messages({"args": {"id": 7}}, {"result": {"ok": True}})
        five = messages({"input": {"id": 7}}, {"output": {"type": "json", "value": {"ok": True}}})
        assert (
            four
            == five
            == (agent(None, ToolCall("c1", "find", {"id": 7})), Message("tool", '{"ok":true}', None, (), "c1"))
        )

    def test_an_empty_reply_a_missing_one_and_a_failed_call(self):
        call = {"ai.operationId": "ai.generateText.doGenerate"}
        assert one({**call, "ai.response.finishReason": "stop"}).output == (agent(""),)
        assert one({**call, "ai.response.text": ""}).output == (agent(""),)
        assert one(call).output is None
        assert one({**call, "ai.response.text": ""}, failed=True).output is None

    def test_a_declared_name_in_the_metadata(self):
        found = {"ai.operationId": "ai.generateText", "ai.telemetry.metadata.room": "c1"}
        assert one(found, options=ReadOptions(conversation_id="room")).conversation_id == "c1"

    def test_a_bare_prompt_is_the_question(self):
        assert one({"ai.operationId": "ai.generateText", "ai.prompt": '{"prompt": "Hi"}'}).input == (user("Hi"),)


def mlflow(info=None, spans=(), **more):
    info = {"trace_id": f"tr-{TRACE}", "request_time": "2026-03-02T09:30:00Z", "trace_metadata": {}, **(info or {})}
    return read(MLFLOW, {"info": info, "data": {"spans": list(spans)}, **more})


class TestMlflow:
    def test_a_trace_without_spans_still_says_what_was_asked_and_answered(self):
        metadata = {
            "mlflow.traceInputs": '{"message": "Hi"}',
            "mlflow.traceOutputs": '"Hello"',
            "mlflow.trace.session": "c1",
        }
        (span,) = mlflow({"trace_metadata": metadata})
        assert (span.conversation_id, span.operation, span.input, span.output) == (
            *("c1", "invoke_agent"),
            *((user("Hi"),), (agent("Hello"),)),
        )

    def test_ids_are_those_of_otlp(self):
        _, span = mlflow(spans=[{"trace_id": TRACE_BYTES, "span_id": SPAN_BYTES, "name": "x", "attributes": {}}])
        assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, SPAN, TRACE)

    def test_what_mlflow_sets_itself_is_no_attribute(self):
        (span,) = mlflow(
            {"tags": {"mlflow.user": "root", "plan": "pro"}, "trace_metadata": {"mlflow.source.name": "x.py"}}
        )
        assert dict(span.attributes) == {"plan": "pro"}

    def test_expectations_and_assessments_taken_back_are_no_ratings(self):
        def assessment(**more):
            return {"assessment_id": "a", "assessment_name": "thumbs", "source": {"source_type": "HUMAN"}, **more}

        given = [
            assessment(feedback={"value": False}),
            assessment(expectation={"value": "x"}),
            assessment(feedback={"value": True}, valid=False),
        ]
        found = mlflow({"assessments": given})[1:]
        assert [type(f) for f in found] == [FeedbackRecord, Skipped, Skipped]
        assert found[0].feedback == Feedback("thumbs", 0.0)

    def test_a_bad_span_is_rejected_and_the_others_are_kept(self):
        found = mlflow(spans=[{"span_id": 7}, {"span_id": SPAN_BYTES}])
        assert [type(f) for f in found] == [Span, Rejected, Span]

    def test_a_row_of_a_table_of_traces(self):
        trace = json.dumps({"info": {"trace_id": f"tr-{TRACE}", "trace_metadata": {}}, "data": {"spans": []}})
        (span,) = read(MLFLOW, {"trace_id": f"tr-{TRACE}", "trace": trace})
        assert span.trace_id == TRACE


class TestAgents:
    def item(self, **data):
        return {
            "object": "trace.span",
            "id": "s1",
            "trace_id": "t1",
            "parent_id": None,
            "span_data": data,
            "error": None,
        }

    def test_a_response_has_an_id_and_no_words(self):
        (span,) = read(AGENTS, self.item(type="response", response_id="resp_1"))
        assert (span.operation, span.response_id, span.input, span.output) == ("chat", "resp_1", None, None)

    def test_a_bad_item_is_rejected_and_the_others_are_kept(self):
        found = read(AGENTS, {"data": [{"object": "trace"}, self.item(type="agent", name="a")]})
        assert [type(f) for f in found] == [Rejected, Span]

    def test_a_guardrail_speaks_to_nobody(self):
        (span,) = read(AGENTS, self.item(type="guardrail", name="g"))
        assert span.operation == "execute_tool"

    def test_the_group_is_the_conversation_and_the_rest_of_the_metadata_attributes(self):
        metadata = {"user_id": "u1", "plan": "pro"}
        trace = {"object": "trace", "id": "t1", "workflow_name": "w", "group_id": "c1", "metadata": metadata}
        (span,) = read(AGENTS, trace)
        assert (span.conversation_id, span.user_id, dict(span.attributes)) == ("c1", "u1", {"plan": "pro"})


class TestAnnotations:
    def test_an_annotation_of_a_span_alone_finds_its_turn(self):
        spans = [
            Span(
                "t", "a", operation="invoke_agent", conversation_id="c", input=(user("Hi"),), output=(agent("Hello"),)
            ),
            Span("t", "b", operation="invoke_agent", conversation_id="c", input=(user("Bye"),), output=(agent("Bye"),)),
        ]
        record = {"name": "thumbs", "annotator_kind": "HUMAN", "span_id": "a", "result": {"score": 0}}
        (conversation,) = assemble(spans, read(PHOENIX, record))
        assert conversation.feedback == (Feedback("thumbs", 0.0, turn=0),)

    def test_the_same_annotators_later_word_replaces_the_earlier(self):
        def given(score):
            return {
                "name": "thumbs",
                "annotator_kind": "HUMAN",
                "span_id": "a",
                "identifier": "u",
                "result": {"score": score},
            }

        (first,), (second,) = read(PHOENIX, given(0)), read(PHOENIX, given(1))
        assert first.feedback_id == second.feedback_id

    def test_a_bad_annotation_is_rejected_and_the_others_are_kept(self):
        good = {"name": "thumbs", "annotator_kind": "LLM", "trace_id": "t", "result": {"label": "ok"}}
        found = read(PHOENIX, {"data": [{"name": "thumbs", "result": 1}, good]})
        assert [type(f) for f in found] == [Rejected, FeedbackRecord]
        assert found[1].feedback.source == "judge"

    def test_each_tag_of_traceloops_is_a_rating(self):
        record = {
            "entity_instance_id": "c1",
            "tags": {"mood": "good", "stars": 2, "tones": ["calm", "kind"], "comment": "ok"},
        }
        found = read(TRACELOOP, record, endpoint="/v2/annotation-tasks/t/annotations")
        assert [(f.conversation_id, f.feedback.name, f.feedback.value, f.feedback.label) for f in found] == [
            ("c1", "mood", None, "good"),
            ("c1", "stars", 2.0, None),
            ("c1", "tones", None, "calm, kind"),
        ]
        assert {f.feedback.comment for f in found} == {"ok"}

    @pytest.mark.parametrize(
        "record", [{"tags": {}}, {"entity_instance_id": "", "tags": {}}, {"entity_instance_id": "c", "tags": []}]
    )
    def test_what_is_no_annotation_is_refused(self, record):
        with pytest.raises(BadRecord):
            read(TRACELOOP, record)


class TestOwnAttributes:
    def test_an_applications_attributes_are_kept_and_a_conventions_are_not(self):
        found = {
            "http.route": "/chat",
            "shop.country": "DE",
            "app.plan": "pro",
            "vip": True,
            "user_id": "u1",
            "dump": "x" * 501,
        }
        span = one(found)
        assert dict(span.attributes) == {"shop.country": "DE", "plan": "pro", "vip": "true"}
        assert span.user_id == "u1"
