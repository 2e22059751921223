"""Laws of assembling: order, repetition and partition of records change nothing; a played conversation comes back as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.assemble import assemble, merge_spans, trace_conversations
from everyturn.assemble.history import Match, Transcript, key
from everyturn.model import Conversation, Feedback, FeedbackRecord, Message, Span, ToolCall

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SYSTEM = Message("system", "Be brief.")
law = settings(max_examples=50, deadline=None)  # other work on the machine is no error

# --- a conversation, and how an application may play it ------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One model call: a text, or tools called (each with its result), or a failure."""

    text: str | None
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Played:
    question: str
    steps: tuple[Step, ...]
    fallback: str | None  # what the application said in the place of a reply that failed


@dataclass(frozen=True)
class Style:
    """What the application sends and what its client records."""

    is_one_trace: bool
    anchor: str  # agent | application | bare: who stands above the model calls
    has_anchor_text: bool
    history: str  # full | without_tools | window | summary | none
    loses_calls: bool  # the output of a streamed call lacks ids of tool calls
    has_tool_spans: bool
    side_call: str  # none | classify | echo | title: what else the application asks a model in each turn
    has_retries: bool


words = st.sampled_from(["ok", "yes", "Where is my order?", "no, the other one", "thanks", '{"a": 1}'])
replies = st.sampled_from(["Sure.", "It is on its way.", "", "Anything else?", "42"])
tool_steps = st.builds(
    Step,
    st.sampled_from([None, "Let me look."]),
    st.tuples(st.sampled_from(["find", "pay"])) | st.just(("find", "find")),
)
turns = st.builds(
    lambda question, tools, reply, fallback: Played(question, (*tools, Step(reply)), fallback),
    words,
    st.lists(tool_steps, max_size=2),
    replies | st.none(),
    st.sampled_from([None, "Sorry, try again."]),
)
scripts = st.lists(turns, min_size=1, max_size=5)
full_styles = st.builds(
    Style,
    st.booleans(),
    st.sampled_from(["agent", "application", "bare"]),
    st.booleans(),
    st.just("full"),
    st.booleans(),
    st.booleans(),
    st.just("none"),
    st.booleans(),
)
busy_styles = st.builds(
    replace,
    full_styles,
    anchor=st.just("agent"),
    has_anchor_text=st.just(True),
    side_call=st.sampled_from(["classify", "echo", "title"]),
) | st.builds(replace, full_styles, side_call=st.just("classify"))
lossy_styles = st.builds(replace, full_styles, history=st.sampled_from(["without_tools", "window", "summary", "none"]))


def told_apart(script: list[Played]) -> list[Played]:
    """The script with every text used once, for histories that leave things out."""
    return [
        replace(
            turn,
            question=f"{turn.question} (question {i})",
            steps=tuple(
                replace(s, text=f"{s.text} (step {i}.{j})" if s.text or not s.tools else s.text)
                if s.text is not None
                else s
                for j, s in enumerate(turn.steps)
            ),
            fallback=turn.fallback and f"{turn.fallback} (turn {i})",
        )
        for i, turn in enumerate(script)
    ]


@dataclass
class Recording:
    spans: list[Span]
    heard: list[Message]  # what was said, without times and without what the client could not record


class Player:
    """Plays a script in a style: records the spans, and remembers what was said."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.now = START
        self.spans: list[Span] = []
        self.said: list[Message] = []
        self.unseen: set[int] = set()  # replies that no model call gave
        self.calls = 0
        self.trace_id, self.above = "t", None
        if style.is_one_trace:
            self.spans.append(Span("t", "root", started_at=self.now, ended_at=self.now + timedelta(days=1)))

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def record(self, span_id: str, **values) -> None:
        self.spans.append(
            Span(self.trace_id, span_id, self.above, started_at=self.tick(), ended_at=self.tick(), **values)
        )

    def history(self) -> tuple[Message, ...]:
        return (SYSTEM, *told(self.said, self.style))

    def ask_aside(self, name: str, given: list[Message], answer: str) -> None:
        given = [Message("system", "You serve the application."), *given]
        self.record(name, operation="chat", input=tuple(given), output=(Message("assistant", answer),))

    def play(self, number: int, turn: Played) -> None:
        style, root = self.style, "root" if self.style.is_one_trace else None
        self.trace_id = "t" if style.is_one_trace else f"t{number}"
        self.above = root if style.anchor == "bare" else f"a{number}"
        begun = self.tick()
        self.said.append(Message("user", turn.question))
        if style.side_call == "classify":
            question = Message("user", f"Name the topic of: {turn.question}")
            self.ask_aside(f"s{number}.classify", [question], "Topic: orders")
        elif style.side_call == "echo":
            self.ask_aside(f"s{number}.echo", told(self.said, style), "Topic: orders")
        reply = None
        for j, step in enumerate(turn.steps):
            reply = self.step(f"{number}.{j}", step)
        if reply is None and turn.fallback is not None:
            reply = turn.fallback
            self.unseen.add(len(self.said))
            self.said.append(Message("assistant", reply))
        if style.side_call == "title":
            asked = Message("user", "Give this conversation a title.")
            self.ask_aside(f"s{number}.title", [*told(self.said, style), asked], "Title: orders")
        if style.anchor != "bare":
            self.above = root
            self.record(f"a{number}", **self.anchor(turn, reply))
            self.spans[-1] = replace(self.spans[-1], started_at=begun)

    def anchor(self, turn: Played, reply: str | None) -> dict:
        texts = {}
        if self.style.has_anchor_text:
            texts["input"] = (Message("user", turn.question),)
            texts["output"] = None if reply is None else (Message("assistant", reply),)
        return {
            "conversation_id": "c",
            "operation": "invoke_agent" if self.style.anchor == "agent" else "other",
            **texts,
        }

    def step(self, name: str, step: Step) -> str | None:
        """One model call with its tools; gives its text where it calls none."""
        if self.style.has_retries:
            self.record(f"r{name}", operation="chat", input=self.history(), error="RateLimitError")
        if step.text is None and not step.tools:
            self.record(f"c{name}", operation="chat", input=self.history(), error="APIError")
            return None
        calls = tuple(
            ToolCall(f"call_{self.calls + n}", tool, {"n": self.calls + n}) for n, tool in enumerate(step.tools)
        )
        self.calls += len(calls)
        made = Message("assistant", step.text, None, calls)
        shown = tuple(replace(c, id=None) for c in calls) if self.style.loses_calls else calls
        self.record(f"c{name}", operation="chat", input=self.history(), output=(replace(made, tool_calls=shown),))
        self.said.append(made)
        for call in calls:
            result = f'{{"n":{call.arguments["n"]}}}'
            if self.style.has_tool_spans:
                self.record(f"x{call.id}", operation="execute_tool", tool_call=call, tool_result=result)
            self.said.append(Message("tool", result, None, (), call.id, call.name))
        return None if calls else step.text


def play(script: list[Played], style: Style) -> Recording:
    """The spans of a script played in a style, and what was said."""
    player = Player(style)
    for number, turn in enumerate(script):
        player.play(number, turn)
    is_shown = style.anchor != "bare" and style.has_anchor_text
    unseen = set() if is_shown else player.unseen if style.history == "none" else player.unseen & {len(player.said) - 1}
    heard = [m for i, m in enumerate(player.said) if i not in unseen]
    spans = [replace(s, conversation_id="c") for s in player.spans] if style.anchor == "bare" else player.spans
    return Recording(spans, heard)


def told(said: list[Message], style: Style) -> list[Message]:
    """The history as the application sends it with the next model call."""
    last = max(i for i, m in enumerate(said) if m.role == "user")
    past, turn = said[:last], said[last:]
    if style.history == "without_tools":
        past = [m for m in past if m.role != "tool" and not m.tool_calls]
    elif style.history == "window":
        past = past[-2:]
    elif style.history == "none":
        past = []
    elif style.history == "summary" and len(past) > 3:
        past = [Message("assistant", f"Summary of {len(past)} messages."), *past[-2:]]
    return [replace(m, name=None) for m in (*past, *turn)]


def messages_of(conversation: Conversation) -> list[Message]:
    return [replace(m, at=None) for m in conversation.messages]


# --- what was said comes back --------------------------------------------------------------------------------------


@law
@given(scripts, full_styles)
def test_a_conversation_whose_history_is_sent_whole_comes_back(script, style):
    recording = play(script, style)
    found = assemble(recording.spans, [])
    assert [c.conversation_id for c in found] == ["c"]
    assert messages_of(found[0]) == recording.heard


@law
@given(scripts.map(told_apart), lossy_styles)
def test_a_conversation_whose_history_is_cut_or_rewritten_comes_back_once(script, style):
    recording = play(script, style)
    assert messages_of(assemble(recording.spans, [])[0]) == recording.heard


@law
@given(scripts.map(told_apart), busy_styles)
def test_model_calls_that_do_not_speak_to_the_user_are_left_out(script, style):
    if style.side_call == "echo":  # asked the very same as the user: only what the agent answered tells the two apart
        script = [
            replace(turn, fallback=turn.fallback or f"Sorry, nothing. (turn {i})") for i, turn in enumerate(script)
        ]
    recording = play(script, style)
    assert messages_of(assemble(recording.spans, [])[0]) == recording.heard


@law
@given(scripts, full_styles)
def test_every_rating_finds_its_turn(script, style):
    recording = play(script, style)
    spans = [s for s in recording.spans if s.operation == "chat" or s.span_id.startswith("a")]
    ratings = [
        FeedbackRecord(
            s.span_id, Feedback(s.span_id, 1.0, comment=s.span_id[1:].partition(".")[0]), None, s.trace_id, s.span_id
        )
        for s in spans
    ]
    found = assemble(recording.spans, ratings)[0].feedback
    assert len(found) == len(ratings)
    assert all(f.turn == int(f.comment or "") for f in found)
    assert len(assemble(recording.spans, ratings)[0].turns) == len(script)


@law
@given(scripts, full_styles, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(script, style, random):
    recording = play(script, style)
    once = assemble(recording.spans, [])
    spans = recording.spans * 2
    random.shuffle(spans)
    assert assemble(spans, []) == once
    assert trace_conversations(spans) == trace_conversations(recording.spans)


@law
@given(scripts, full_styles, st.randoms(use_true_random=False))
def test_a_span_told_in_parts_is_the_same_span(script, style, random):
    recording = play(script, style)
    parts = []
    for span in recording.spans:
        identity = Span(span.trace_id, span.span_id)
        empty = {f: getattr(identity, f) for f in Span.__dataclass_fields__}
        given_fields = [field for field in empty if getattr(span, field) != empty[field]]
        parts += [identity, *(replace(identity, **{field: getattr(span, field)}) for field in given_fields)]
    random.shuffle(parts)
    assert assemble(parts, []) == assemble(recording.spans, [])


@law
@given(scripts, full_styles)
def test_the_last_call_alone_tells_as_much_as_all(script, style):
    script = [replace(turn, steps=tuple(s for s in turn.steps if s.text is not None or s.tools)) for turn in script]
    if not script[-1].steps or script[-1].steps[-1].tools:
        return
    style = replace(style, anchor="bare", has_tool_spans=False, loses_calls=False)
    recording = play(script, style)
    calls = [s for s in recording.spans if s.operation == "chat"]
    assert messages_of(assemble(calls[-1:], [])[0]) == messages_of(assemble(recording.spans, [])[0])


# --- merging -------------------------------------------------------------------------------------------------------

times = st.sampled_from([START, START + timedelta(seconds=1), START + timedelta(seconds=2)])
texts = st.sampled_from(["", "a", "b", "bb"])
calls = st.builds(
    ToolCall, st.none() | texts, texts, st.none() | texts | st.dictionaries(texts, st.integers(0, 2), max_size=2)
)
plain_messages = st.builds(Message, st.sampled_from(["user", "assistant"]), st.none() | texts)
event_messages = st.builds(Message, st.sampled_from(["user", "assistant"]), st.none() | texts, times)
lists = (
    st.none()
    | st.lists(plain_messages, max_size=3).map(tuple)
    | st.lists(event_messages, max_size=3, unique_by=lambda m: m.at).map(
        lambda found: tuple(sorted(found, key=lambda m: m.at))
    )
)
some_text = st.none() | texts
spans = st.builds(
    Span,
    st.just("t"),
    st.just("s"),
    parent_id=st.none() | st.sampled_from(["t", "p", "pp"]),
    conversation_id=some_text,
    user_id=some_text,
    operation=st.sampled_from(["chat", "invoke_agent", "execute_tool", "other"]),
    name=some_text,
    started_at=st.none() | times,
    ended_at=st.none() | times,
    input=lists,
    output=lists,
    tool_call=st.none() | calls,
    tool_result=some_text,
    error=some_text,
    response_id=some_text,
    attributes=st.dictionaries(texts, texts, max_size=2),
    is_evaluation=st.booleans(),
)


@law
@given(spans, spans, spans)
def test_merging_is_a_join(a, b, c):
    assert merge_spans(a, b) == merge_spans(b, a)
    assert merge_spans(merge_spans(a, b), c) == merge_spans(a, merge_spans(b, c))
    assert merge_spans(a, a) == a
    assert merge_spans(merge_spans(a, b), b) == merge_spans(a, b)


# --- the match, against a slow and obvious one ---------------------------------------------------------------------

short_lists = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), st.sampled_from("abc")), max_size=6)


def slow_match(ours: list[Message], theirs: list[Message]) -> Match | None:
    if not ours or not theirs:
        return Match(0, 0)
    same = max(n for n in range(min(len(ours), len(theirs)) + 1) if ours[:n] == theirs[:n])
    if same in {len(ours), len(theirs)}:
        return Match(same, same)
    meetings = []
    for known in range(same, len(ours)):
        for given_ in range(same, len(theirs)):
            before = [
                n
                for n in range(1, min(known, given_) + 2)
                if ours[known - n + 1 : known + 1] == theirs[given_ - n + 1 : given_ + 1]
            ]
            if before:
                meetings.append((known, max(before), given_))
    if meetings:
        known, _, given_ = max(meetings)
        return Match(known + 1, given_ + 1)
    return Match(same, same) if same else None


@settings(max_examples=300, deadline=None)
@given(short_lists, short_lists)
def test_the_match_is_the_obvious_one(ours, theirs):
    assert Transcript(ours).match([key(m) for m in theirs]) == slow_match(ours, theirs)
