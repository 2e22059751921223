"""One exchange's spans -> the messages it was made of.

Not every model call speaks to the user: applications also classify, rewrite, judge and plan. Calls that continue each other's
history form a chain; the chain that gave what the whole exchange gave is the one the user saw.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import orjson

from everyturn.assemble.history import Match, Transcript, key
from everyturn.assemble.traces import Exchange, in_order
from everyturn.model import Message, Span, ToolCall

_RECENT = 8  # a call continues one of the latest so many chains; keeps a trace of many unrelated calls linear
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Dialogue:
    """The messages of an exchange. The first `history` were given to its first model call, the rest was made in it.

    `calls` holds each model call's span id and the number of user messages up to its end. `is_spoken`: the exchange itself, not
    only its model calls, says what was answered.
    """

    messages: list[Message]
    history: int
    calls: list[tuple[str, int]] = field(default_factory=list)
    is_spoken: bool = False


@dataclass(slots=True)
class _Chain:
    """Model calls each of which was given what the one before was given and answered."""

    transcript: Transcript
    history: int
    calls: list[tuple[str, int]] = field(default_factory=list)
    ended_at: datetime = _LONG_AGO

    @property
    def question(self) -> str:
        """The text of the last user message given to the first call."""
        return next(
            (m.content or "" for m in reversed(self.transcript.messages[: self.history]) if m.role == "user"), ""
        )

    @property
    def reply(self) -> str | None:
        """The last text that calls no tool, if the chain ends with it."""
        last = self.transcript.messages[-1] if len(self.transcript.messages) > self.history else None
        return last.content if last is not None and _is_reply(last) else None


def spoken(messages: Iterable[Message] | None) -> list[Message]:
    """The messages without system prompts, which are no part of a conversation."""
    return [m for m in messages or () if m.role != "system"]


def dialogues(exchange: Exchange, so_far: Transcript) -> list[Dialogue]:
    """The messages of an exchange: one dialogue, or one for each question where its trace does not tell exchanges apart."""
    question = next((m for m in reversed(spoken(_anchor_input(exchange))) if m.role == "user"), None)
    answer = next((m for m in reversed(spoken(_anchor_output(exchange))) if _is_reply(m)), None)
    chains = _chains(exchange)
    if not chains:
        return _anchor_dialogue(exchange)
    found = []
    for chain in _chosen(chains, question, answer, so_far):
        dialogue = Dialogue(chain.transcript.messages, chain.history, chain.calls, is_spoken=answer is not None)
        if question is not None:
            _ask(dialogue, question, answer)
        if answer is not None:
            _answer(dialogue, answer, exchange)
        elif question is not None and _is_agent(exchange):
            _end_unanswered(dialogue)
        _settle_tools(dialogue, exchange)
        found.append(dialogue)
    return found


def outline(exchange: Exchange) -> list[Message]:
    """The messages of an exchange of which no content was recorded: who spoke when and which tools were called.

    A model call that failed gave no message. Tools belong to the model call before them.
    """
    messages = [Message("user", None, exchange.started_at)]
    if not exchange.calls and exchange.anchor is not None and exchange.anchor.error is None:
        messages.append(Message("assistant", None, exchange.ended_at))
    results: list[Message] = []
    for step in sorted([*exchange.calls, *exchange.tools], key=in_order):
        if step.operation == "chat" and step.error is None:
            messages += [*results, Message("assistant", None, step.ended_at)]
            results = []
        elif step.tool_call is not None and messages[-1].role == "assistant":
            messages[-1] = replace(messages[-1], tool_calls=(*messages[-1].tool_calls, step.tool_call))
            results.append(replace(_tool_message(step, step.tool_call), content=step.tool_result))
    return messages + results


def _anchor_input(exchange: Exchange) -> tuple[Message, ...] | None:
    return exchange.anchor.input if exchange.anchor is not None else None


def _anchor_output(exchange: Exchange) -> tuple[Message, ...] | None:
    return exchange.anchor.output if exchange.anchor is not None else None


def _anchor_dialogue(exchange: Exchange) -> list[Dialogue]:
    """What the anchor itself carries, for exchanges whose model calls carry nothing or that made none."""
    given, made = spoken(_anchor_input(exchange)), spoken(_anchor_output(exchange))
    if not given and not made:
        return []
    if given and [key(m) for m in made[: len(given)]] == [key(m) for m in given]:
        made = made[len(given) :]  # an agent's state, given back whole
    for position in range(len(given) - 1, -1, -1):
        if given[position].role == "user":
            given[position] = _at(given[position], exchange.started_at)
            break
    dialogue = Dialogue(given + [_at(m, exchange.ended_at) for m in made], len(given), is_spoken=True)
    _settle_tools(dialogue, exchange)
    return [dialogue]


# --- chains ---------------------------------------------------------------------------------------------------


def _chains(exchange: Exchange) -> list[_Chain]:
    """The calls of an exchange joined by their histories, in the order of their first calls.

    A call whose history leaves a chain before its end (a retry, a parallel call) starts a chain of its own from there.
    """
    chains: list[_Chain] = []
    latest: datetime | None = None
    for call in exchange.calls:
        given, made = spoken(call.input), spoken(call.output)
        if not given and not made:
            continue
        keys = [key(m) for m in given]
        best: tuple[int, _Chain, Match, int] | None = (
            None  # how much of the chain is covered, the chain, match and pairs
        )
        for candidate in chains[-_RECENT:]:
            match = candidate.transcript.match(keys) if given else None
            if match is None:
                continue
            pairs = candidate.transcript.paired(match, given)
            if best is None or match.known + pairs >= best[0]:
                best = match.known + pairs, candidate, match, pairs
        asked_at = exchange.started_at if latest is None else _asked_at(call, exchange, latest)
        if best is None:
            chain, known = _Chain(Transcript(), len(given)), 0
            chains.append(chain)
            _stamp_first(given, asked_at, call)
        else:
            covered, chain, match, pairs = best
            known = match.given + pairs
            if covered < len(chain.transcript.messages):
                start = Transcript(chain.transcript.messages[:covered], chain.transcript.keys[:covered])
                chain = _Chain(start, covered + len(given) - known)
                chains.append(chain)
            chain.transcript.enrich(match, given, pairs)
            _stamp_later(given, known, asked_at, call)
        for message in given[known:]:
            chain.transcript.append(message)
        for message in made:
            chain.transcript.append(_at(message, call.ended_at))
        chain.calls.append((call.span_id, chain.transcript.users))
        chain.ended_at = max(chain.ended_at, call.ended_at or _LONG_AGO)
        latest = max(latest or _LONG_AGO, call.ended_at or _LONG_AGO)
    return chains


def _at(message: Message, at: datetime | None) -> Message:
    """The message with a time; four times as quick as `replace`, and asked for every message."""
    return Message(message.role, message.content, at, message.tool_calls, message.tool_call_id, message.name)


def _asked_at(call: Span, exchange: Exchange, latest: datetime | None) -> datetime | None:
    """When the user message that a call brings was sent: the start of the outermost span around it that began after `latest`."""
    at = call.started_at
    for span in exchange.above(call):
        if span.started_at is None or (latest is not None and span.started_at < latest):
            break
        at = span.started_at
    return at


def _stamp_first(given: list[Message], asked_at: datetime | None, call: Span) -> None:
    """Times of what a chain's first call was given: the question and what follows it; the history before has none."""
    for position in range(len(given) - 1, -1, -1):
        if given[position].role == "user":
            given[position] = _at(given[position], asked_at)
            return
        if given[position].role == "tool":
            given[position] = _at(given[position], call.started_at)


def _stamp_later(given: list[Message], start: int, asked_at: datetime | None, call: Span) -> None:
    for position in range(start, len(given)):
        at = asked_at if given[position].role == "user" else call.started_at
        given[position] = _at(given[position], at)


def _chosen(chains: list[_Chain], question: Message | None, answer: Message | None, so_far: Transcript) -> list[_Chain]:
    """The chains that spoke with the user, in order.

    Where the exchange has a question or an answer of its own, it is one chain: preferably one that gave the answer, then one that goes on
    from the conversation so far, then one that was asked the question, then the one that got furthest. Otherwise it is
    one for each question, without those that only served another.
    """
    if len(chains) == 1:
        return chains

    def rank(chain: _Chain) -> tuple[bool, bool, int, bool, int, datetime]:
        transcript = chain.transcript
        asked = question.content if question is not None else None
        return (
            answer is not None
            and any(m.content == answer.content for m in transcript.messages[chain.history :] if _is_reply(m)),
            so_far.match(transcript.keys[: chain.history]) is not None,
            0 if not asked else 2 if chain.question == asked else int(asked in chain.question),
            (chain.reply is None) == (answer is not None),  # a reply that is not the answer speaks against its chain
            len(transcript.messages),
            chain.ended_at,
        )

    if question is not None or answer is not None:
        return [max(chains, key=rank)]
    by_question: dict[str, _Chain] = {}
    for chain in chains:
        other = by_question.get(chain.question)
        by_question[chain.question] = chain if other is None else max(other, chain, key=rank)
    found = list(by_question.values())
    return [
        chain
        for i, chain in enumerate(found)
        if not any(_served(chain, other) for other in found[max(0, i - _RECENT) : i + _RECENT] if other is not chain)
    ]


def _served(chain: _Chain, other: _Chain) -> bool:
    """Whether a chain's call was about one of another chain's questions, or its answer went into another chain's question."""
    asked = (m.content for m in other.transcript.messages if m.role == "user" and m.content)
    if any(text in chain.question and len(text) < len(chain.question) for text in asked):
        return True
    return bool(chain.reply and chain.reply in other.question)


# --- the exchange's own question and answer ----------------------------------------------------------------------


def _ask(dialogue: Dialogue, question: Message, answer: Message | None) -> None:
    """Puts the question as the user put it in the place of what the model was given for it."""
    asked = next((i for i in range(dialogue.history - 1, -1, -1) if dialogue.messages[i].role == "user"), None)
    if asked is None:
        if not any(m.role == "user" for m in dialogue.messages):
            dialogue.messages.insert(0, question)
            dialogue.history += 1
        return
    given = dialogue.messages[asked].content or ""
    is_answered = answer is not None and any(_is_reply(m) and m.content == answer.content for m in dialogue.messages)
    if question.content and (question.content in given or is_answered):
        dialogue.messages[asked] = replace(dialogue.messages[asked], content=question.content)


def _answer(dialogue: Dialogue, answer: Message, exchange: Exchange) -> None:
    """Ends the dialogue with what the exchange gave the user, which no model call may have said."""
    messages = dialogue.messages
    is_agent = _is_agent(exchange)
    said = next(
        (
            i
            for i in range(len(messages) - 1, dialogue.history - 1, -1)
            if _is_reply(messages[i]) and messages[i].content == answer.content
        ),
        None,
    )
    if said is not None:
        del messages[said + 1 :]
    elif len(messages) == dialogue.history or not _is_reply(messages[-1]):
        messages.append(replace(answer, at=exchange.ended_at))
    elif answer.content and (is_agent or not messages[-1].content):
        messages[-1] = replace(messages[-1], content=answer.content)
    if is_agent and any(m.role == "user" for m in messages[dialogue.history :]):  # the agent prompting itself
        made = messages[dialogue.history : -1]
        messages[dialogue.history : -1] = [m for m in made if m.role == "tool" or m.tool_calls]
    _recount(dialogue)


def _end_unanswered(dialogue: Dialogue) -> None:
    """Ends the dialogue of an agent that gave nothing where the application begins to ask on its own."""
    messages = dialogue.messages
    for position in range(dialogue.history, len(messages)):
        if messages[position].role == "user":
            del messages[position:]
            break
    _recount(dialogue)


def _recount(dialogue: Dialogue) -> None:
    users = sum(m.role == "user" for m in dialogue.messages)
    dialogue.calls = [(span_id, min(count, users)) for span_id, count in dialogue.calls]


def _is_agent(exchange: Exchange) -> bool:
    return exchange.anchor is not None and exchange.anchor.operation == "invoke_agent"


def _is_reply(message: Message) -> bool:
    return message.role == "assistant" and not message.tool_calls


# --- tools ----------------------------------------------------------------------------------------------------


def _settle_tools(dialogue: Dialogue, exchange: Exchange) -> None:
    """Gives tool messages the times of their steps, and adds those that no later model call's history shows."""
    messages = dialogue.messages
    begin = next((i for i in range(dialogue.history - 1, -1, -1) if messages[i].role == "user"), 0)
    if not exchange.tools or not any(m.tool_calls for m in messages[begin:]):
        return
    steps = _Steps(exchange.tools)
    settled = messages[:begin]
    position = begin
    while position < len(messages):
        message = messages[position]
        settled.append(message)
        position += 1
        if not message.tool_calls:
            continue
        results: list[Message] = []
        while position < len(messages) and messages[position].role == "tool":
            results.append(messages[position])
            position += 1
        results = _results(message.tool_calls, results, steps)
        given = min((r.at for r in results if r.at is not None), default=None)
        if given is not None and message.at is not None and given < message.at:
            settled[-1] = _at(message, given)  # a streamed reply goes on while its tools already run
        settled += results
    messages[:] = settled


class _Steps:
    """The tool steps of an exchange, each given out once."""

    def __init__(self, steps: Sequence[Span]) -> None:
        self._by_id: dict[str, Span] = {}
        self._by_name: dict[str, deque[Span]] = {}
        for step in steps:
            call = step.tool_call
            if call is not None and call.id is not None and call.id not in self._by_id:
                self._by_id[call.id] = step
            elif name := call.name if call is not None else step.name:
                self._by_name.setdefault(name, deque()).append(step)

    def take(self, call: ToolCall) -> Span | None:
        """The step of a call: by id, else the earliest of that name that has no id."""
        step = self._by_id.pop(call.id, None) if call.id is not None else None
        if step is None and self._by_name.get(call.name):
            return self._by_name[call.name].popleft()
        return step


def _results(calls: Sequence[ToolCall], results: list[Message], steps: _Steps) -> list[Message]:
    """The tool messages that answer the calls, completed from the tool steps."""
    found = list(results)
    by_id = {m.tool_call_id: i for i, m in enumerate(found) if m.tool_call_id is not None}
    for number, call in enumerate(calls):
        step = steps.take(call)
        if step is None:
            continue
        at = by_id.get(call.id) if call.id is not None else None
        if at is None and number < len(found) and (call.id is None or found[number].tool_call_id is None):
            at = number
        made = _tool_message(step, call)
        if at is None:
            found += [made] if made.content is not None else []
        else:
            content = made.content if found[at].content is None else found[at].content
            found[at] = replace(made, content=content, tool_call_id=found[at].tool_call_id or call.id)
    return found


def _tool_message(step: Span, call: ToolCall) -> Message:
    """What a tool step gave. A failure is the object with its `error`, as applications tell it the model."""
    result = step.tool_result
    if result is None and step.output:
        result = step.output[-1].content
    if result is None and step.error is not None:
        result = orjson.dumps({"error": step.error}).decode()
    return Message("tool", result, step.ended_at, tool_call_id=call.id, name=call.name)
