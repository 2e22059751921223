"""What became of the records of a load or pull, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.analysis.words import count, counted
from everyturn.outputs import Result
from everyturn.outputs.commands import command
from everyturn.outputs.figures import fields, items
from everyturn.outputs.terminal import grid, printable, soft, strong

_HELD = {"eval_cases": "eval case", "eval_scores": "score", "actions": "action"}
_SHOWN = 5  # reasons, and places of each
_NEEDS = {
    "actions": "actions",
    "artefacts": "texts that users kept",
    "feedback": "ratings by users",
    "judge_scores": "scores by a judge",
    "labels": "labels",
    "success_checks": "success checks ([[success]] rules in everyturn.toml)",
}
_FROM = {
    "actions": "load --as actions FILE",
    "artefacts": "load --as actions FILE",
    "labels": "load --as outcomes FILE",
}


def draw_load(result: Result) -> Iterator[RenderableType]:
    """What became of the records, and what the data lack."""
    rejected = items(result, "rejected")
    held = [counted(result[key], noun) for key, noun in _HELD.items() if key in result]
    read = ("records",) if held else ("records", "conversations", "users")
    sizes = [counted(result[key], key.removesuffix("s")) for key in read if key in result]
    yield strong(", ".join([*sizes, f"{count(len(rejected))} rejected"]))
    if held:
        yield Text(f"The workspace now holds {' and '.join(held)}.")
    if rejected:
        yield ""
        rest = "the others are loaded" if result.get("data_records") else "there was nothing else to load"
        yield Text(f"{counted(len(rejected), 'record')} could not be read; {rest}.")
        yield from _refused(rejected)
    for reason, skipped in fields(result, "skipped").items():
        yield soft(f"{counted(skipped, 'record')} left out: {reason}")
    if wordless := result.get("without_content"):
        calls = counted(result.get("model_calls") or wordless, "model call")
        yield Text(
            f"{count(wordless)} of {calls} came without content: which turns and tools there were is known, what was said is not. "
            "Switch on the recording of content in the client to add it."
        )
    if alone := result.get("without_conversation_id"):
        yield Text(
            f"{counted(alone, 'conversation')} came without a conversation id: their traces were joined by the history they repeat. "
            "If an attribute holds the id, name it: --conversation-id FIELD"
        )
    if labels := result.get("labels"):
        yield Text(
            f"{counted(labels, 'outcome')} belong to conversations whose messages are loaded. The rates count what the messages show; "
            f"{command('fit')} uses these outcomes as labels."
        )
    nobody = result.get("without_user_id")
    if nobody:
        yield Text(
            f"{counted(nobody, 'conversation')} came without a user id, so no range can count them. "
            "If a field holds the id, name it: --user-id FIELD"
        )
    if timeless := result.get("without_time"):
        yield Text(
            f"{counted(timeless, 'conversation')} came without a time, so no week holds them and no change can be told. "
            "If a field holds the time, call it `at`."
        )
    if result.get("data_records"):  # of nothing, every signal is missing, which helps nobody
        yield from _silent(result)
        yield ""
        yield Text(f"Next: {command('report page.html')}")


def _refused(rejected: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """The records refused, those for one reason together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rejected:
        reasons.setdefault((str(row.get("expected")), str(row.get("found"))), []).append(str(row.get("where")))
    table = grid("", "", heads=False)
    for (expected, found), places in list(reasons.items())[:_SHOWN]:
        if table.row_count:
            table.add_row("", "")
        more = [f"and {count(len(places) - _SHOWN)} more"] if len(places) > _SHOWN else []
        table.add_row(soft("  where"), printable("\n".join([*places[:_SHOWN], *more])))
        table.add_row(soft("  expected"), printable(expected))
        table.add_row(soft("  found"), printable(found))
    yield table
    if len(reasons) > _SHOWN or any(len(places) > _SHOWN for places in reasons.values()):
        yield soft("To write all of them to a file: --rejected FILE")


def _silent(result: Result) -> Iterator[RenderableType]:
    """The signals without data, those that lack the same in one line."""
    lacking = fields(result, "silent_because")
    by_need: dict[str, list[str]] = {}
    for signal in items(result, "silent_signals"):
        needs = " and ".join(_need(str(need)) for need in items(lacking, str(signal)))
        by_need.setdefault(needs or "data that is not loaded", []).append(printable(signal))
    if by_need:
        yield ""
        yield soft("Not measured, because the data for it are missing:")
    for needs, signals in by_need.items():
        yield soft(f"  {', '.join(signals)}: no {printable(needs)}")


def _need(need: str) -> str:
    """What is missing, and the command that brings it."""
    named = _NEEDS.get(need, need.replace("_", " "))
    if need not in _FROM:
        return named
    then = f", then {command('fit')}" if need == "labels" else ""
    return f"{named} ({command(_FROM[need])}{then})"
