"""Intents as text: their table, and the contexts in which they go worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import count, counted
from everyturn.outputs import Result
from everyturn.outputs.days import is_complete, say_day
from everyturn.outputs.figures import fields, items
from everyturn.outputs.findings import NO_INTENTS
from everyturn.outputs.terminal import (
    GAP,
    UNDER_A_RATE,
    UNFINISHED,
    as_figure,
    distance_lines,
    grid,
    printable,
    rate_lines,
    soft,
    sparkline,
    strong,
    two_lines,
)


def draw_discovery(result: Result) -> Iterator[RenderableType]:
    """The intents found, the most asked first; what users made of them is for `gap` to say."""
    intents = items(result, "intents")
    table = grid("intent", ">conversations", ">users", "first asked", "~in their words")
    for intent in intents:
        table.add_row(
            printable(intent.get("intent") or "unnamed"),
            count(intent.get("volume")),
            count(intent.get("users")),
            say_day(intent.get("first_seen")),
            soft(", ".join(str(phrase) for phrase in items(intent, "phrases"))),
        )
    yield table if intents else Text(NO_INTENTS)
    if (asked := result.get("requests")) is not None:
        yield soft(f"{counted(asked, 'request')} read; {count(result.get('unclear'))} fit no intent")


def draw_intents(report: Result) -> Iterator[RenderableType]:
    """A row per intent: how much is asked, what users make of it, and what the evals say; no column where none has a number."""
    intents, until = items(report, "intents"), fields(report, "period").get("complete_until")
    if not intents:
        yield Text(NO_INTENTS)
        return
    has_rework = any(fields(intent, "rework") for intent in intents)
    has_evals = any(_is_tested_or_not(intent) for intent in intents)
    table = grid(
        "intent",
        ">outputs",
        "by week",
        ">accepted",
        *([">redone"] if has_rework else []),
        *([">eval cases", ">eval score", ">gap, points"] if has_evals else []),
    )
    for intent in intents:
        told = [str(s) for s in items(intent, "status") if s != "no eval cases"]  # the cases have a column
        table.add_row(
            printable(intent.get("intent") or "unnamed") + (f" ({', '.join(told)})" if told else ""),
            count(intent.get("volume")),
            sparkline(items(intent, "weekly"), complete_until=until),
            two_lines(*rate_lines(intent.get("acceptance"))),
            *([two_lines(*rate_lines(intent.get("rework")))] if has_rework else []),
            *(_evals(intent) if has_evals else []),
        )
    yield table
    unfinished = any(not is_complete(week.get("week"), until) for i in intents for week in items(i, "weekly"))
    notes = [UNDER_A_RATE, GAP if has_evals else "", f"{UNFINISHED}: a week that is not over." if unfinished else ""]
    yield soft(" ".join(filter(None, notes)))
    if unclear := fields(report, "counts").get("unclear_conversations"):
        yield soft(f"{counted(unclear, 'conversation')} fit no intent and are left out.")


def _evals(intent: Mapping[str, Any]) -> list[RenderableType]:
    score = as_figure(intent.get("eval_score"), absent="none")
    return [count(intent.get("cases")), two_lines(score.text, score.span), two_lines(*distance_lines(intent))]


def _is_tested_or_not(intent: Mapping[str, Any]) -> bool:
    """Whether evals are loaded that could test it: without any, an intent is neither tested nor untested."""
    return bool(intent.get("cases") or fields(intent, "eval_score") or "no eval cases" in items(intent, "status"))


def draw_contexts(result: Result) -> Iterator[RenderableType]:
    """The contexts in which it goes worse; nothing where there are none."""
    told = items(result, "contexts")
    if told:
        yield ""
        yield strong("Where it depends on the context")
    for context in told:
        yield Text(printable(context.get("sentence")))
