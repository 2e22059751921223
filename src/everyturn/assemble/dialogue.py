"""From the spans of an exchange to its messages.

Its model calls form chains (`chains`), one of which spoke with the user. The question and answer recorded on the exchange itself, and the
results of its tools, are inserted into that chain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson

from everyturn.assemble.chains import at_time, chains_of, chosen, is_reply, spoken
from everyturn.assemble.history import Transcript, key
from everyturn.assemble.traces import Exchange, in_order
from everyturn.model import Message, Span, ToolCall


@dataclass(slots=True)
class Dialogue:
    """The messages of an exchange, of which the first `history` were given to its first model call.

    `calls` holds each model call's span id and the number of user messages up to its end. `is_spoken` says that the answer is recorded on
    the exchange itself and not only on its model calls.
    """

    messages: list[Message]
    history: int
    calls: list[tuple[str, int]] = field(default_factory=list)
    is_spoken: bool = False


def dialogues(exchange: Exchange, so_far: Transcript) -> list[Dialogue]:
    """The messages of an exchange: one dialogue, or one for each question if the trace does not separate exchanges."""
    question = next((m for m in reversed(spoken(_anchor_input(exchange))) if m.role == "user"), None)
    answer = next((m for m in reversed(spoken(_anchor_output(exchange))) if is_reply(m)), None)
    chains = chains_of(exchange)
    if not chains:
        return _anchor_dialogue(exchange)
    found = []
    for chain in chosen(chains, question, answer, so_far):
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
    """The messages of an exchange without recorded content: who spoke when, and which tools were called.

    A failed model call gives no message. Tools belong to the model call before them.
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
    """The dialogue recorded on the anchor itself, for exchanges without model calls or whose model calls have no messages."""
    given, made = spoken(_anchor_input(exchange)), spoken(_anchor_output(exchange))
    if not given and not made:
        return []
    if given and [key(m) for m in made[: len(given)]] == [key(m) for m in given]:
        made = made[len(given) :]  # an agent's state, given back whole
    for position in range(len(given) - 1, -1, -1):
        if given[position].role == "user":
            given[position] = at_time(given[position], exchange.started_at)
            break
    dialogue = Dialogue(given + [at_time(m, exchange.ended_at) for m in made], len(given), is_spoken=True)
    _settle_tools(dialogue, exchange)
    return [dialogue]


# --- the exchange's own question and answer ----------------------------------------------------------------------


def _ask(dialogue: Dialogue, question: Message, answer: Message | None) -> None:
    """Replaces the model's version of the question with the user's own words."""
    asked = next((i for i in range(dialogue.history - 1, -1, -1) if dialogue.messages[i].role == "user"), None)
    if asked is None:
        if not any(m.role == "user" for m in dialogue.messages):
            dialogue.messages.insert(0, question)
            dialogue.history += 1
        return
    given = dialogue.messages[asked].content or ""
    is_answered = answer is not None and any(is_reply(m) and m.content == answer.content for m in dialogue.messages)
    if question.content and (question.content in given or is_answered):
        dialogue.messages[asked] = replace(dialogue.messages[asked], content=question.content)


def _answer(dialogue: Dialogue, answer: Message, exchange: Exchange) -> None:
    """Ends the dialogue with the answer recorded on the exchange, which may be on no model call."""
    messages = dialogue.messages
    is_agent = _is_agent(exchange)
    said = next(
        (
            i
            for i in range(len(messages) - 1, dialogue.history - 1, -1)
            if is_reply(messages[i]) and messages[i].content == answer.content
        ),
        None,
    )
    if said is not None:
        del messages[said + 1 :]
    elif len(messages) == dialogue.history or not is_reply(messages[-1]):
        messages.append(replace(answer, at=exchange.ended_at))
    elif answer.content and (is_agent or not messages[-1].content):
        messages[-1] = replace(messages[-1], content=answer.content)
    if is_agent and any(m.role == "user" for m in messages[dialogue.history :]):  # the agent prompting itself
        made = messages[dialogue.history : -1]
        messages[dialogue.history : -1] = [m for m in made if m.role == "tool" or m.tool_calls]
    _recount(dialogue)


def _end_unanswered(dialogue: Dialogue) -> None:
    """Ends the dialogue of an agent that gave no answer before the messages the application itself sent to the model."""
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


# --- tools ----------------------------------------------------------------------------------------------------


def _settle_tools(dialogue: Dialogue, exchange: Exchange) -> None:
    """Sets the times of tool messages from their steps, and adds those that are in no later model call's history."""
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
            settled[-1] = at_time(message, given)  # a streamed reply goes on while its tools already run
        settled += results
    messages[:] = settled


class _Steps:
    """The tool steps of an exchange, each of which can be taken once."""

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
    """The tool messages that answer the calls, completed with the tool steps."""
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
    """The message with a tool step's result; for a failure an object with its `error`, as applications send it to the model."""
    result = step.tool_result
    if result is None and step.output:
        result = step.output[-1].content
    if result is None and step.error is not None:
        result = orjson.dumps({"error": step.error}).decode()
    return Message("tool", result, step.ended_at, tool_call_id=call.id, name=call.name)
