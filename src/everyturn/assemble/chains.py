"""The chains that the model calls of an exchange form, and which of them spoke with the user.

Not every model call speaks to the user: applications also use models to classify, rewrite, judge and plan. Calls that continue each other's
history form a chain. The chain whose answer is that of the whole exchange is the one the user saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from everyturn.assemble.history import Match, Transcript, key
from everyturn.assemble.traces import Exchange
from everyturn.model import Message, Span

# How many of the latest chains a call may continue; keeps the work linear for traces with many unrelated calls.
_RECENT = 8
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Chain:
    """Model calls, each of which was given the input and the answer of the one before."""

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
        """The chain's last message if it is a text that calls no tool, else None."""
        last = self.transcript.messages[-1] if len(self.transcript.messages) > self.history else None
        return last.content if last is not None and is_reply(last) else None


def spoken(messages: Iterable[Message] | None) -> list[Message]:
    """The messages without system prompts, which are not part of a conversation."""
    return [m for m in messages or () if m.role != "system"]


def chains_of(exchange: Exchange) -> list[Chain]:
    """The chains of an exchange's calls, in the order of their first calls.

    A call whose history matches a chain only up to a point before its end (a retry, a parallel call) starts a new chain from there.
    """
    chains: list[Chain] = []
    latest: datetime | None = None
    for call in exchange.calls:
        given, made = spoken(call.input), spoken(call.output)
        if not given and not made:
            continue
        asked_at = exchange.started_at if latest is None else _asked_at(call, exchange, latest)
        continued = _continued(chains[-_RECENT:], given)
        if continued is None:
            chain, known = Chain(Transcript(), len(given)), 0
            chains.append(chain)
            _stamp_first(given, asked_at, call)
        else:
            chain, match, pairs = continued
            covered, known = match.known + pairs, match.given + pairs
            if covered < len(chain.transcript.messages):
                start = Transcript(chain.transcript.messages[:covered], chain.transcript.keys[:covered])
                chain = Chain(start, covered + len(given) - known)
                chains.append(chain)
            chain.transcript.enrich(match, given, pairs)
            _stamp_later(given, known, asked_at, call)
        for message in given[known:]:
            chain.transcript.append(message)
        for message in made:
            chain.transcript.append(at_time(message, call.ended_at))
        chain.calls.append((call.span_id, chain.transcript.users))
        chain.ended_at = max(chain.ended_at, call.ended_at or _LONG_AGO)
        latest = max(latest or _LONG_AGO, call.ended_at or _LONG_AGO)
    return chains


def _continued(chains: Sequence[Chain], given: Sequence[Message]) -> tuple[Chain, Match, int] | None:
    """The chain of which a call's history covers most (the latest of equals), how they match, and how many messages differ only in form.

    None if the history has nothing in common with any chain.
    """
    if not given:
        return None
    keys = [key(m) for m in given]
    best, most = None, 0
    for chain in chains:
        match = chain.transcript.match(keys)
        if match is None:
            continue
        pairs = chain.transcript.paired(match, given)
        if match.known + pairs >= most:
            best, most = (chain, match, pairs), match.known + pairs
    return best


def at_time(message: Message, at: datetime | None) -> Message:
    """The message with another time; four times as fast as `replace`, which matters because it is called for every message."""
    return Message(message.role, message.content, at, message.tool_calls, message.tool_call_id, message.name)


def _asked_at(call: Span, exchange: Exchange, latest: datetime | None) -> datetime | None:
    """When the user message of a call was sent: the start of the outermost span around the call that began after `latest`."""
    at = call.started_at
    for span in exchange.above(call):
        if span.started_at is None or (latest is not None and span.started_at < latest):
            break
        at = span.started_at
    return at


def _stamp_first(given: list[Message], asked_at: datetime | None, call: Span) -> None:
    """Sets the times of the question and what follows it in a chain's first call; the history before it gets none."""
    for position in range(len(given) - 1, -1, -1):
        if given[position].role == "user":
            given[position] = at_time(given[position], asked_at)
            return
        if given[position].role == "tool":
            given[position] = at_time(given[position], call.started_at)


def _stamp_later(given: list[Message], start: int, asked_at: datetime | None, call: Span) -> None:
    for position in range(start, len(given)):
        at = asked_at if given[position].role == "user" else call.started_at
        given[position] = at_time(given[position], at)


def chosen(chains: list[Chain], question: Message | None, answer: Message | None, so_far: Transcript) -> list[Chain]:
    """The chains that spoke with the user, in order.

    Where the exchange has a question or an answer of its own, it is one chain: preferably one that gave the answer, then one that goes on
    from the conversation so far, then one that was asked the question, then the one that got furthest. Otherwise it is
    one for each question, without those that only served another.
    """
    if len(chains) == 1:
        return chains

    def rank(chain: Chain) -> tuple[bool, bool, int, bool, int, datetime]:
        transcript = chain.transcript
        asked = question.content if question is not None else None
        return (
            answer is not None
            and any(m.content == answer.content for m in transcript.messages[chain.history :] if is_reply(m)),
            so_far.match(transcript.keys[: chain.history]) is not None,
            0 if not asked else 2 if chain.question == asked else int(asked in chain.question),
            (chain.reply is None) == (answer is not None),  # a reply that is not the answer speaks against its chain
            len(transcript.messages),
            chain.ended_at,
        )

    if question is not None or answer is not None:
        return [max(chains, key=rank)]
    by_question: dict[str, Chain] = {}
    for chain in chains:
        other = by_question.get(chain.question)
        by_question[chain.question] = chain if other is None else max(other, chain, key=rank)
    found = list(by_question.values())
    return [
        chain
        for i, chain in enumerate(found)
        if not any(_served(chain, other) for other in found[max(0, i - _RECENT) : i + _RECENT] if other is not chain)
    ]


def _served(chain: Chain, other: Chain) -> bool:
    """Whether a chain's call was about one of another chain's questions, or its answer went into another chain's question."""
    asked = (m.content for m in other.transcript.messages if m.role == "user" and m.content)
    if any(text in chain.question and len(text) < len(chain.question) for text in asked):
        return True
    return bool(chain.reply and chain.reply in other.question)


def is_reply(message: Message) -> bool:
    """Whether the agent speaks to the user with it."""
    return message.role == "assistant" and not message.tool_calls
