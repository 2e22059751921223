"""Ragas: samples that `EvaluationDataset.from_jsonl` loads.

A file holds single-turn samples where every case is a first question, else multi-turn ones, since Ragas takes one kind a file.
Ragas has no system messages: what the agent was told stays out. A tool's result needs its call before it, so one that
stands alone stays out too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from everyturn.model import Message
from everyturn.outputs.cases import CaseFormat, NewCase, json_lines, without_missing

_TYPES = {"user": "human", "assistant": "ai", "tool": "tool"}


def _messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        if message.role == "tool" and not (found and (found[-1]["type"] == "tool" or found[-1].get("tool_calls"))):
            continue
        calls = [
            {
                "name": call.name,
                "args": call.arguments if isinstance(call.arguments, dict) else {"value": call.arguments},
            }
            for call in message.tool_calls
        ]
        form = {"content": message.content or "", "type": _TYPES[message.role], "tool_calls": calls or None}
        found.append(without_missing(form))
    return found


def _files(cases: Sequence[NewCase], _suite: str, target: Path) -> Mapping[Path, bytes]:
    listed = [_messages(case.messages) for case in cases]
    is_single = all(len(messages) == 1 for messages in listed)
    rows = (
        without_missing(
            {
                "user_input": messages[-1]["content"] if is_single else messages,
                "reference": case.expected,
                "rubrics": {
                    "score1_description": "Fails the user again in the same way.",
                    "score5_description": case.rubric,
                },
                **({} if is_single else {"reference_topics": _topics(case)}),
            }
        )
        for case, messages in zip(cases, listed, strict=True)
    )
    return {target: json_lines(rows)}


def _topics(case: NewCase) -> list[str] | None:
    """The intent as the topic the conversation is about, None where it is not known."""
    intent = case.metadata.get("intent")
    return [intent] if intent else None


CASES = CaseFormat("ragas", "Ragas samples, single- or multi-turn", _files)
