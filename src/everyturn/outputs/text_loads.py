"""What became of the records of a load or pull, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from everyturn.outputs import Result
from everyturn.outputs.figures import count, counted, fields, items
from everyturn.outputs.terminal import grid, printable, soft, strong

_HELD = {"eval_cases": "eval case", "eval_scores": "score", "actions": "action"}
_SHOWN = 5  # reasons, and places of each


def draw_load(result: Result) -> Iterator[RenderableType]:
    """What became of the records, and what the data lack."""
    rejected = items(result, "rejected")
    held = [counted(result[key], noun) for key, noun in _HELD.items() if key in result]
    read = ("records",) if held else ("records", "conversations", "users")
    sizes = [counted(result[key], key.removesuffix("s")) for key in read if key in result]
    yield strong(", ".join([*sizes, f"{count(len(rejected))} rejected"]))
    if held:
        yield Text(f"the workspace now holds {' and '.join(held)}")
    if rejected:
        yield ""
        rest = "the rest are loaded" if result.get("data_records") else "nothing else was there to load"
        yield Text(f"{counted(len(rejected), 'record')} not read; {rest}")
        yield from _refused(rejected)
    for reason, skipped in fields(result, "skipped").items():
        yield soft(f"{counted(skipped, 'record')} left out: {reason}")
    if wordless := result.get("without_content"):
        calls = counted(result.get("model_calls") or wordless, "model call")
        yield Text(
            f"{count(wordless)} of {calls} came without content: turns and tools are known, not what was said; "
            "the client's setting to record content adds it"
        )
    if alone := result.get("without_conversation_id"):
        yield Text(
            f"no conversation id in {counted(alone, 'conversation')}: their traces are told together by the history they repeat; "
            "--conversation-id FIELD names the attribute that holds it"
        )
    if labels := result.get("labels"):
        yield Text(
            f"{counted(labels, 'outcome')} of conversations whose messages are here: what was seen there counts in the rates; "
            "these are labels for everyturn fit"
        )
    nobody = result.get("without_user_id")
    if nobody:
        yield Text(
            f"no user id on {counted(nobody, 'conversation')} here, which no range can count; "
            "--user-id FIELD names the field that holds it"
        )
    yield from _silent(result)


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
        yield soft("--rejected FILE writes them all")


def _silent(result: Result) -> Iterator[RenderableType]:
    """The signals without data, those that lack the same in one line."""
    lacking = fields(result, "silent_because")
    by_need: dict[str, list[str]] = {}
    for signal in items(result, "silent_signals"):
        needs = ", ".join(str(need).replace("_", " ") for need in items(lacking, str(signal)))
        by_need.setdefault(needs or "data that is not loaded", []).append(str(printable(signal)))
    for needs, signals in by_need.items():
        stay, it = ("stay", "they need") if len(signals) > 1 else ("stays", "it needs")
        yield soft(f"{', '.join(signals)} {stay} silent: {it} {printable(needs)}")
