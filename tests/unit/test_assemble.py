"""Spans to conversations: ids, exchanges, what was said by whom, ratings, and traces without content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everyturn.assemble import assemble, merge_spans, trace_conversations
from everyturn.assemble.history import Transcript
from everyturn.model import Feedback, FeedbackRecord, Message, Span, ToolCall

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def span(span_id: str, begin: float, end: float, trace_id: str = "t", **values) -> Span:
    return Span(trace_id, span_id, started_at=at(begin), ended_at=at(end), **values)


def call(span_id: str, begin: float, end: float, given, made=None, trace_id: str = "t", **values) -> Span:
    output = None if made is None else (made,) if isinstance(made, Message) else (agent(made),)
    return span(span_id, begin, end, trace_id, operation="chat", input=tuple(given), output=output, **values)


def user(text: str | None) -> Message:
    return Message("user", text)


def agent(text: str | None, *calls: ToolCall) -> Message:
    return Message("assistant", text, None, calls)


def result(call_id: str, text: str) -> Message:
    return Message("tool", text, None, (), call_id)


FIND = ToolCall("c1", "find", {"id": 7})


def said(spans, feedback=()) -> list[tuple]:
    (conversation,) = assemble(spans, list(feedback))
    return [(m.role, m.content) for m in conversation.messages]


# --- whose spans ---------------------------------------------------------------------------------------------------


def test_an_id_on_any_span_is_the_traces_id():
    spans = [span("a", 0, 9), span("b", 1, 2, parent_id="a", conversation_id="c", user_id="u"), span("d", 3, 4)]
    assert trace_conversations(spans) == {"t": frozenset({"c"})}


def test_two_ids_in_one_trace_split_it_by_subtree():
    spans = [
        span("job", 0, 99, user_id="worker", attributes={"queue": "night"}),
        span("a", 1, 5, parent_id="job", conversation_id="c1"),
        call("a1", 2, 3, [user("one")], "1", parent_id="a"),
        span("b", 6, 9, parent_id="job"),
        call("b1", 7, 8, [user("two")], "2", parent_id="b", conversation_id="c2"),
        span("b2", 8, 9, parent_id="b", operation="execute_tool"),
    ]
    assert trace_conversations(spans) == {"t": frozenset({"c1", "c2"})}
    one, two = assemble(spans, [])
    assert ([m.content for m in one.messages], [m.content for m in two.messages]) == (["one", "1"], ["two", "2"])
    assert one.user_id == two.user_id == "worker"
    assert two.attributes == {"queue": "night"}


def test_a_model_call_without_an_id_between_two_ids_is_its_own_conversation():
    spans = [
        call("a", 0, 1, [user("one")], "1", conversation_id="c1"),
        call("b", 2, 3, [user("two")], "2", conversation_id="c2"),
        call("d", 4, 5, [user("three")], "3"),
        span("e", 6, 7),
    ]
    assert trace_conversations(spans) == {"t": frozenset({"c1", "c2", "t"})}
    assert [c.conversation_id for c in assemble(spans, [])] == ["c1", "c2", "t"]


def test_an_evaluations_trace_is_no_conversation():
    spans = [call("a", 0, 1, [user("hi")], "hello", conversation_id="c"), Span("t", "t", is_evaluation=True)]
    assert trace_conversations(spans) == {"t": frozenset()}
    assert assemble(spans, []) == []


def test_an_applications_own_trace_is_no_conversation():
    assert assemble([span("a", 0, 1, name="GET /"), span("b", 0, 1, parent_id="a", name="SELECT")], []) == []


def test_circles_of_parents_lose_nothing():
    spans = [
        call("a", 0, 1, [user("hi")], "hello", parent_id="b"),
        span("b", 0, 2, parent_id="a"),
        call("d", 3, 4, [user("hi"), agent("hello"), user("bye")], "later", parent_id="d"),
    ]
    assert [text for _, text in said(spans)] == ["hi", "hello", "bye", "later"]


def test_user_and_attributes_come_from_any_span_and_the_model_from_a_call():
    spans = [
        span("a", 0, 9, operation="invoke_agent", attributes={"model": "asked", "plan": "pro", "turn_index": "0"}),
        call("b", 1, 2, [user("hi")], "hello", parent_id="a", user_id="u", attributes={"model": "answered"}),
        span("e", 3, 4, parent_id="a", attributes={"plan": "free"}),
    ]
    (conversation,) = assemble(spans, [])
    assert conversation.user_id == "u"
    assert conversation.attributes == {"model": "answered", "plan": "pro"}


# --- what was said -------------------------------------------------------------------------------------------------


def test_times_of_user_agent_and_tool():
    spans = [
        span("turn", 0, 9, operation="invoke_agent"),
        call("b", 1, 2, [user("where?")], agent(None, FIND), parent_id="turn"),
        span("x", 3, 4, operation="execute_tool", tool_call=FIND, parent_id="turn"),
        call("d", 5, 6, [user("where?"), agent(None, FIND), result("c1", "late")], "Late.", parent_id="turn"),
    ]
    (conversation,) = assemble(spans, [])
    assert [m.at for m in conversation.messages] == [at(0), at(2), at(4), at(6)]
    assert conversation.messages[2].name == "find"


def test_user_messages_of_one_long_trace_have_the_times_of_their_own_spans():
    spans = [
        span("session", 0, 99),
        span("turn1", 1, 5, parent_id="session"),
        call("b", 2, 3, [user("hi")], "hello", parent_id="turn1"),
        span("turn2", 50, 59, parent_id="session"),
        call("d", 52, 53, [user("hi"), agent("hello"), user("bye")], "later", parent_id="turn2"),
    ]
    assert [m.at for m in assemble(spans, [])[0].messages] == [at(0), at(3), at(50), at(53)]


def test_system_prompts_are_no_messages():
    assert said([call("a", 0, 1, [Message("system", "Be brief."), user("hi")], "hello")]) == [
        ("user", "hi"),
        ("assistant", "hello"),
    ]


def test_a_fallback_after_a_models_error_is_taken_from_the_agent():
    spans = [
        span("turn", 0, 9, operation="invoke_agent", input=(user("hi"),), output=(agent("Sorry."),)),
        call("b", 1, 2, [user("hi")], None, parent_id="turn", error="500"),
    ]
    assert said(spans) == [("user", "hi"), ("assistant", "Sorry.")]
    assert assemble(spans, [])[0].messages[1].at == at(9)


def test_a_fallback_is_taken_from_the_next_calls_history():
    spans = [
        call("b", 1, 2, [user("hi")], None, error="500", conversation_id="c"),
        call("d", 5, 6, [user("hi"), agent("Sorry."), user("again")], "hello", trace_id="t2", conversation_id="c"),
    ]
    assert said(spans) == [("user", "hi"), ("assistant", "Sorry."), ("user", "again"), ("assistant", "hello")]
    assert assemble(spans, [])[0].messages[1].at == at(2)


def test_what_the_agent_gave_replaces_what_its_model_said():
    spans = [
        span("turn", 0, 9, operation="invoke_agent", input=(user("hi"),), output=(agent("I may not say."),)),
        call("b", 1, 2, [user("hi")], "The secret is 42.", parent_id="turn"),
    ]
    assert said(spans) == [("user", "hi"), ("assistant", "I may not say.")]


def test_what_an_application_returns_does_not():
    spans = [
        span("request", 0, 9, input=(user("hi"),), output=(agent("done"),)),
        call("b", 1, 2, [user("hi")], "hello", parent_id="request"),
    ]
    assert said(spans) == [("user", "hi"), ("assistant", "hello")]


def test_an_empty_reply_is_a_reply_and_a_fallback_for_it_wins():
    bare = call("b", 1, 2, [user("hi")], "", parent_id="request")
    assert said([bare]) == [("user", "hi"), ("assistant", "")]
    assert said([bare, span("request", 0, 9, output=(agent("Sorry."),))]) == [("user", "hi"), ("assistant", "Sorry.")]


def test_an_answer_without_any_model_call():
    spans = [span("turn", 0, 9, operation="invoke_agent", input=(user("opening hours?"),), output=(agent("9 to 5"),))]
    assert said(spans) == [("user", "opening hours?"), ("assistant", "9 to 5")]


def test_an_agents_state_given_back_whole_is_not_said_twice():
    state = (user("hi"), agent(None, FIND), result("c1", "late"), agent("Late."))
    spans = [span("turn", 0, 9, operation="invoke_agent", input=state[:1], output=state)]
    assert [text for _, text in said(spans)] == ["hi", None, "late", "Late."]


@pytest.mark.parametrize("history", [[user("why?")], [user("Passages: …\nQuestion: why?")]])
def test_a_question_with_passages_put_around_it_is_the_question(history):
    stuffed = user("Passages: …\nQuestion: why?")
    first = [
        span("t1", 0, 5, "a", operation="invoke_agent", input=(user("why?"),), conversation_id="c"),
        call("b", 1, 2, [stuffed], "Because.", "a", parent_id="t1"),
    ]
    second = call("d", 7, 8, [*history, agent("Because."), user("I see")], "Good.", "b", conversation_id="c")
    assert [text for _, text in said([*first, second])] == ["why?", "Because.", "I see", "Good."]


def test_a_later_history_shows_the_plain_question():
    spans = [
        call("b", 1, 2, [user("Passages: …\nQuestion: why?")], "Because.", conversation_id="c"),
        call("d", 7, 8, [user("why?"), agent("Because."), user("I see")], "Good.", "t2", conversation_id="c"),
    ]
    assert [text for _, text in said(spans)] == ["why?", "Because.", "I see", "Good."]


def test_calls_lost_in_streaming_are_taken_from_the_next_history():
    for lost in (agent("Let me look."), agent("Let me look.", replace(FIND, id=None))):
        spans = [
            call("b", 1, 2, [user("where?")], lost),
            call("d", 3, 4, [user("where?"), agent("Let me look.", FIND), result("c1", "late")], "Late."),
        ]
        assert assemble(spans, [])[0].messages[1].tool_calls == (FIND,)
        assert len(said(spans)) == 4


def test_a_result_that_no_history_shows_is_taken_from_the_tools_step():
    spans = [
        call("b", 1, 2, [user("where?")], agent(None, FIND)),
        span("x", 3, 4, operation="execute_tool", tool_call=FIND, tool_result="late"),
    ]
    assert said(spans) == [("user", "where?"), ("assistant", None), ("tool", "late")]
    spans[1] = replace(spans[1], tool_result=None, error="TimeoutError: too slow")
    assert said(spans)[-1] == ("tool", '{"error":"TimeoutError: too slow"}')


def test_the_same_question_again_is_a_new_turn_and_a_retry_is_not():
    first = call("b", 0, 1, [user("hi")], "hello", "a", conversation_id="c")
    again = call("d", 5, 6, [user("hi")], "hello you", "b", conversation_id="c")
    assert [text for _, text in said([first, again])] == ["hi", "hello", "hi", "hello you"]
    failed = replace(first, output=None, error="500")
    assert [text for _, text in said([failed, again])] == ["hi", "hello you"]
    in_one_trace = replace(again, trace_id="a")
    assert [text for _, text in said([first, in_one_trace])] == ["hi", "hello you"]


@pytest.mark.parametrize(("call_id", "is_told_once"), [("call_3f94327956d1", True), ("call_0", False)])
def test_a_turn_with_the_very_call_that_is_known_was_recorded_by_two_clients(call_id, is_told_once):
    find = replace(FIND, id=call_id)
    spans = []
    for trace_id, begin in (("a", 0), ("b", 60)):  # the application keeps no history
        asked = [user("where?")]
        spans += [
            call(f"{trace_id}1", begin, begin + 1, asked, agent(None, find), trace_id, conversation_id="c"),
            call(
                f"{trace_id}2",
                begin + 2,
                begin + 3,
                [*asked, agent(None, find), result(call_id, "late")],
                "It is late.",
                trace_id,
                conversation_id="c",
            ),
        ]
    once = [("user", "where?"), ("assistant", None), ("tool", "late"), ("assistant", "It is late.")]
    assert said(spans) == (once if is_told_once else once * 2)


def test_an_edited_message_starts_a_branch_and_repeats_nothing():
    spans = [
        call("b", 0, 1, [user("a")], "1", "t1", conversation_id="c"),
        call("d", 2, 3, [user("a"), agent("1"), user("b")], "2", "t2", conversation_id="c"),
        call("e", 4, 5, [user("a"), agent("1"), user("B")], "3", "t3", conversation_id="c"),
    ]
    assert [text for _, text in said(spans)] == ["a", "1", "b", "2", "B", "3"]


def test_turns_that_were_not_recorded_are_taken_from_history():
    spans = [
        call("b", 0, 1, [user("a")], "1", "t1", conversation_id="c"),
        call("d", 4, 5, [user("a"), agent("1"), user("b"), agent("2"), user("c")], "3", "t3", conversation_id="c"),
    ]
    assert [text for _, text in said(spans)] == ["a", "1", "b", "2", "c", "3"]


def test_a_trace_whose_clock_is_behind_adds_nothing_twice():
    spans = [
        call("d", 4, 5, [user("a"), agent("1"), user("b")], "2", "t2", conversation_id="c"),
        call("b", 60, 61, [user("a")], "1", "t1", conversation_id="c"),
    ]
    (conversation,) = assemble(spans, [])
    assert [m.content for m in conversation.messages] == ["a", "1", "b", "2"]
    assert [m.at for m in conversation.messages] == [at(60), at(61), at(4), at(5)]


def test_model_calls_inside_a_tool_do_not_speak():
    spans = [
        span("turn", 0, 9, operation="invoke_agent"),
        call("b", 1, 2, [user("where?")], agent(None, FIND), parent_id="turn"),
        span("x", 3, 4, operation="execute_tool", tool_call=FIND, parent_id="turn"),
        call("inner", 3, 4, [user("Rank these passages.")], "2, 1", parent_id="x"),
        call("d", 5, 6, [user("where?"), agent(None, FIND), result("c1", "late")], "Late.", parent_id="turn"),
    ]
    assert [text for _, text in said(spans)] == ["where?", None, "late", "Late."]


def test_parallel_calls_on_one_history_are_one_answer():
    spans = [
        span("turn", 0, 9, operation="invoke_agent", input=(user("hi"),), output=(agent("B"),)),
        *(call(name, 1, 2, [user("hi")], name, parent_id="turn") for name in "ABC"),
    ]
    assert said(spans) == [("user", "hi"), ("assistant", "B")]


def test_questions_of_a_batch_without_history_are_all_kept():
    spans = [
        span("job", 0, 999),
        *(call(f"c{i}", i, i + 0.5, [user(f"number {i:03}")], f"<{i}>", parent_id="job") for i in range(40)),
    ]
    assert len(said(spans)) == 80


# --- traces without content ----------------------------------------------------------------------------------------


def test_without_content_the_structure_is_shown_and_says_so():
    spans = [
        span("turn", 0, 9, operation="invoke_agent"),
        span("b", 1, 2, operation="chat", parent_id="turn"),
        span(
            "x", 3, 4, operation="execute_tool", tool_call=replace(FIND, arguments=None), parent_id="turn", error="no"
        ),
        span("d", 5, 6, operation="chat", parent_id="turn"),
        span("turn2", 10, 19, "t2", operation="invoke_agent"),
        span("e", 11, 12, "t2", operation="chat", parent_id="turn2", error="500"),
    ]
    (conversation,) = assemble([replace(s, conversation_id="c") for s in spans], [])
    assert [(m.role, m.content, m.at) for m in conversation.messages] == [
        ("user", None, at(0)),
        ("assistant", None, at(2)),
        ("tool", None, at(4)),
        ("assistant", None, at(6)),
        ("user", None, at(10)),
    ]
    assert conversation.messages[1].tool_calls == (ToolCall("c1", "find", None),)
    assert conversation.attributes == {"content": "absent"}
    assert len(conversation.turns) == 2


# --- ratings -------------------------------------------------------------------------------------------------------

TWO_TURNS = [
    span("root", 0, 99, conversation_id="c"),
    span("t0", 1, 9, operation="invoke_agent", parent_id="root"),
    call("c0", 2, 3, [user("a")], "1", parent_id="t0", response_id="r0"),
    span("t1", 11, 19, operation="invoke_agent", parent_id="root"),
    call("c1", 12, 13, [user("a"), agent("1"), user("b")], "2", parent_id="t1", response_id="r1"),
]


def rating(feedback_id="f", value=1.0, **target) -> FeedbackRecord:
    return FeedbackRecord(feedback_id, Feedback("thumbs", value), **target)


@pytest.mark.parametrize(
    ("target", "turn"),
    [
        ({"trace_id": "t", "span_id": "c0"}, 0),
        ({"trace_id": "t", "span_id": "t1"}, 1),
        ({"trace_id": "t", "span_id": "root"}, 1),
        ({"trace_id": "t"}, 1),
        ({"span_id": "c0"}, 0),
        ({"response_id": "r1"}, 1),
        ({"conversation_id": "c"}, 1),
        ({"trace_id": "t", "span_id": "unknown"}, 1),
        ({"trace_id": "unknown", "conversation_id": "c"}, 1),
    ],
)
def test_a_rating_hangs_on_the_turn_of_its_target(target, turn):
    (conversation,) = assemble(TWO_TURNS, [rating(**target)])
    assert [f.turn for f in conversation.feedback] == [turn]


def test_a_rating_of_several_turns_is_of_the_last_one_asked_by_then():
    asked_late = [
        *TWO_TURNS[:-1],
        call("c1", 12, 13, [user("a"), agent("1"), Message("user", "b", at(12))], "2", parent_id="t1"),
    ]
    early, late = (
        replace(r, feedback=replace(r.feedback, at=at(when)))
        for r, when in ((rating("f", trace_id="t"), 8), (rating("g", conversation_id="c"), 50))
    )
    (conversation,) = assemble(asked_late, [early, late])
    assert [f.turn for f in conversation.feedback] == [0, 1]


def test_a_rating_of_a_trace_with_one_turn_is_that_turns():
    later = call("d", 20, 21, [user("a"), agent("1"), user("b"), agent("2"), user("c")], "3", "t2", conversation_id="c")
    (conversation,) = assemble([*TWO_TURNS, later], [rating(trace_id="t2")])
    assert conversation.feedback[0].turn == 2


def test_ratings_of_something_else_are_left_out_and_one_id_counts_once():
    late, early = rating(value=0.0, trace_id="t"), rating(value=1.0, trace_id="t")
    late = replace(late, feedback=replace(late.feedback, at=at(5)))
    (conversation,) = assemble(TWO_TURNS, [late, early, late, rating("g", trace_id="elsewhere"), rating("h")])
    assert [f.value for f in conversation.feedback] == [0.0]


def test_ratings_stand_in_order_of_turn_and_name():
    records = [
        FeedbackRecord(name + str(i), Feedback(name, 1.0), None, "t", f"c{i}") for name in ("b", "a") for i in (1, 0)
    ]
    (conversation,) = assemble(TWO_TURNS, [*records, rating(conversation_id="c")])
    assert [(f.turn, f.name) for f in conversation.feedback] == [
        (0, "a"),
        (0, "b"),
        (1, "a"),
        (1, "b"),
        (1, "thumbs"),  # of the whole conversation: it stands at what the rater had just seen
    ]


# --- merging and transcripts ---------------------------------------------------------------------------------------


def test_events_with_one_message_each_are_joined_in_order_of_time():
    parts = [Span("t", "s", input=(Message("user", text, at(i)),)) for i, text in enumerate("abc")]
    merged = merge_spans(parts[2], merge_spans(parts[0], parts[1]))
    assert [m.content for m in merged.input or ()] == ["a", "b", "c"]
    whole = Span("t", "s", input=(user("a"), user("b"), user("c")))
    assert merge_spans(merged, whole).input == whole.input


def test_merging_takes_the_earlier_start_the_later_end_and_the_real_parent():
    a = Span("t", "s", parent_id="t", started_at=at(1), ended_at=at(2), attributes={"model": "m-4"})
    b = Span("t", "s", parent_id="p", started_at=at(0), ended_at=at(3), attributes={"model": "m-4-2026", "plan": "pro"})
    assert merge_spans(a, b) == replace(b, operation="other")


def test_a_tools_old_result_may_be_shortened_in_a_history():
    transcript = Transcript([user("a"), agent(None, FIND), result("c1", "long " * 50), agent("1")])
    transcript.extend(
        [user("a"), agent(None, FIND), result("c1", "[cut]"), agent("1"), user("b")], history=5, is_spoken=False
    )
    assert [m.content for m in transcript.messages][2:] == ["long " * 50, "1", "b"]


def test_tool_messages_in_another_order_are_not_repeated():
    both = agent(None, FIND, ToolCall("c2", "find", {}))
    transcript = Transcript([user("a"), both, result("c2", "y"), result("c1", "x")])
    transcript.extend([user("a"), both, result("c1", "x"), result("c2", "y"), agent("1")], history=4, is_spoken=False)
    assert [m.content for m in transcript.messages] == ["a", None, "y", "x", "1"]


def test_a_long_conversation_in_one_trace_is_assembled_in_time():
    history, spans = [], []
    for i in range(150):
        history.append(user(f"question {i}"))
        spans.append(call(f"c{i}", i, i + 0.5, history, f"answer {i}"))
        history.append(agent(f"answer {i}"))
    assert len(said(spans)) == 300


def test_a_turn_recorded_under_two_traces_is_one_where_its_history_tells():
    history = [user("a"), agent("1"), user("thanks")]
    spans = [
        call("s", 10 * i, 10 * i + 1, history, "Welcome.", trace_id=f"t{i}", conversation_id="c") for i in range(2)
    ]
    assert said(spans) == [("user", "a"), ("assistant", "1"), ("user", "thanks"), ("assistant", "Welcome.")]


def test_the_same_question_without_any_history_is_asked_again():
    spans = [
        call("s", 10 * i, 10 * i + 1, [user("again")], "Yes.", trace_id=f"t{i}", conversation_id="c") for i in range(2)
    ]
    assert said(spans) == [("user", "again"), ("assistant", "Yes.")] * 2


# --- comments apart from their ratings ------------------------------------------------------------------------------


def rated(*feedback: Feedback, response_id="r") -> tuple:
    records = [FeedbackRecord(f"f{i}", f, response_id=response_id) for i, f in enumerate(feedback)]
    (conversation,) = assemble([call("s", 0, 1, [user("a")], "1", response_id="r")], records)
    return conversation.feedback


COMMENT = Feedback("comment", comment="too slow", at=at(9))


def test_a_comment_by_itself_belongs_to_the_users_only_rating_there():
    thumb, score = Feedback("thumb", 0.0), Feedback("goal", 1.0, source="judge")
    found = Feedback("thumb", 0.0, comment="too slow", turn=0, at=at(9))
    assert rated(thumb, score, COMMENT) == rated(COMMENT, score, thumb) == (replace(score, turn=0), found)


def test_a_comment_without_one_rating_to_belong_to_stays_by_itself():
    alone = replace(COMMENT, turn=0)
    assert rated(COMMENT) == (alone,)
    assert alone in rated(Feedback("thumb", 1.0), Feedback("stars", 2.0), COMMENT)
    assert alone in rated(Feedback("thumb", 1.0, comment="fine"), COMMENT)


def test_a_rating_recorded_twice_is_one_and_another_opinion_is_another():
    found = rated(
        Feedback("thumb", 1.0, at=at(9)),
        Feedback("thumb", 1.0, at=at(3)),
        Feedback("thumb", 0.0),
        Feedback("star", 1.0),
    )
    assert [(f.name, f.value, f.at) for f in found] == [
        ("star", 1.0, None),
        ("thumb", 0.0, None),
        ("thumb", 1.0, at(3)),
    ]
