"""Results in the terminal: the page's content as text, and every other verb's answer, drawn by one function.

Text is folded, never cut. What conversations bring in cannot steer the terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from everyturn.outputs import Output, Result
from everyturn.outputs.figures import (
    UNKNOWN,
    Figure,
    count,
    counted,
    day,
    elapsed,
    eval_figure,
    fields,
    figure,
    is_complete,
    items,
    kind_of_change,
    number,
    percent,
    points,
    points_span,
    quiet,
    say_day,
    say_period,
    seconds,
    size_of_change,
)

_BLOCKS = "▁▂▃▄▅▆▇█"
_UNFINISHED = "░"
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)  # also what reverses reading direction


def render(result: Result, *, width: int = 100, colour: bool = False) -> str:
    """The result of any verb as text of at most `width` columns, ending in a newline.

    `colour` adds the terminal's bold and dim; the caller decides by NO_COLOR and by where the text goes. A result of a
    verb unknown here is shown field by field.

    >>> print(render({"schema": "everyturn/1", "verb": "forget", "conversations": 3}), end="")
    conversations  3
    """
    draw = _DRAWN.get(str(result.get("verb")), _plain)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        for part in draw(result):
            console.print(part, soft_wrap=False)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def render_text(report: Result, *, width: int = 100, colour: bool = False) -> str:
    """The report as a terminal page: the headline, the findings, the intents and the trust of each cohort."""
    return render({**report, "verb": "report"}, width=width, colour=colour)


def sparkline(
    weeks: Sequence[Mapping[str, Any]], *, key: str = "n", top: float | None = None, complete_until: object = None
) -> str:
    """The weeks as one block each, `top` or the largest full; an unfinished week is a shade, a missing value a space.

    >>> sparkline([{"n": 2}, {"n": 8}, {"n": None}, {"n": 4}])
    '▂█ ▄'
    >>> sparkline([{"week": "2025-04-28", "n": 5}, {"week": "2025-05-05", "n": 1}], complete_until="2025-05-08")
    '█░'
    """
    values = [number(week.get(key)) for week in weeks]
    full = max((v for v in values if v is not None), default=0.0) if top is None else top
    return "".join(
        " "
        if value is None
        else _UNFINISHED
        if not is_complete(week.get("week"), complete_until)
        else _BLOCKS[max(0, min(7, round(8 * value / full) - 1 if full else 0))]
        for week, value in zip(weeks, values, strict=True)
    )


# --- the page -------------------------------------------------------------------------------------------------


def _report(report: Result) -> Iterator[RenderableType]:
    head, counts = fields(report, "headline"), fields(report, "counts")
    sizes = [
        counted(value, noun)
        for noun, key in (("conversation", "conversations"), ("user", "users"), ("output", "outputs"))
        if (value := counts.get(key)) is not None
    ]
    yield _strong(report.get("title") or "Report")
    yield _soft(", ".join([say_period(fields(report, "period")), *sizes]))
    yield ""
    if head.get("sentence"):
        yield _strong(head["sentence"])
        yield ""
    yield from _headline(report)
    yield from _section("Findings")
    yield from _findings(items(report, "findings"), otherwise=quiet(report))
    yield from _section("Intents")
    yield from _intents(report)
    yield from _section("Trust by cohort")
    yield from _cohorts(report)
    if notes := items(report, "notes"):
        yield ""
    for note in notes:
        yield _soft(note)


def _headline(report: Result) -> Iterator[RenderableType]:
    head, counts = fields(report, "headline"), fields(report, "counts")
    coverage = fields(report, "coverage")
    covered = {"value": coverage.get("coverage"), "low": coverage.get("low"), "high": coverage.get("high")}
    evals = "no scores" if counts.get("eval_cases") else "no evals loaded"
    rework = "no actions loaded" if counts.get("actions") == 0 else UNKNOWN
    lines = [
        ("evals say", eval_figure(head.get("eval_score"), absent=evals)),
        ("users keep", figure(head.get("kept"))),
        ("evals cover", figure(covered if number(covered["value"]) is not None else None)),
        ("accepted", figure(head.get("acceptance"))),
        ("redone after acceptance", figure(head.get("rework"), of="accepted outputs", absent=rework)),
        ("edited before keeping", figure(head.get("edit_rate"), of="kept outputs")),
    ]
    table = _table("", "", "", heads=False)
    for rank, (label, f) in enumerate(lines):
        basis = f.basis
        if label == "evals cover" and f.known and counts.get("conversations") is not None:
            basis = f"of {counted(counts['conversations'], 'conversation')}"
        table.add_row(label, _strong(_brief(f)) if rank < 3 else _brief(f), _soft(basis))
    yield table
    if health := _health(fields(report, "dashboard")):
        yield _soft(f"dashboards say {health}, from the same traces")


def _health(dashboard: Mapping[str, Any]) -> str:
    completed, errors = number(dashboard.get("completion_rate")), number(dashboard.get("error_rate"))
    latency = number(dashboard.get("latency_seconds"))
    parts = [
        f"{percent(completed)} completed" if completed is not None else "",
        f"{percent(errors)} errors" if errors is not None else "",
        f"{seconds(latency)} latency" if latency is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _findings(findings: Sequence[Any], *, otherwise: str) -> Iterator[RenderableType]:
    if not findings:
        yield Text(otherwise)
    for rank, finding in enumerate(findings, 1):
        table = _table("", "", heads=False)
        table.columns[0].width = 2
        table.add_row(str(rank), _strong(finding.get("sentence") or finding.get("title") or "unnamed"))
        since = f"began in the week of {say_day(finding['since'])}" if day(finding.get("since")) else ""
        scope = [str(finding[key]) for key in ("cohort", "intent") if finding.get(key)]
        facts = [kind_of_change(finding), *scope, size_of_change(finding), since]
        table.add_row("", _soft(" · ".join(fact for fact in facts if fact)))
        for detail in items(finding, "details"):
            table.add_row("", _safe(detail))
        if finding.get("id"):
            behind = counted(len(items(finding, "conversations")), "conversation")
            table.add_row("", _soft(f"everyturn show {finding['id']}  ({behind})"))
        yield table
        if rank < len(findings):
            yield ""


def _intents(report: Result) -> Iterator[RenderableType]:
    intents, until = items(report, "intents"), fields(report, "period").get("complete_until")
    if not intents:
        yield Text("No intents yet: everyturn discover")
        return
    table = _table("intent", ">volume", "by week", ">accepted", ">redone", ">cases", ">evals", ">gap")
    for intent in intents:
        told = [str(s) for s in items(intent, "status") if s != "no cases"]  # the cases have a column
        evals = _as_figure(intent.get("eval_score"), absent="none")
        table.add_row(
            _safe(intent.get("intent") or "unnamed") + (f" ({', '.join(told)})" if told else ""),
            count(intent.get("volume")),
            sparkline(items(intent, "weekly"), complete_until=until),
            _two_lines(*_rate_lines(intent.get("acceptance"))),
            _two_lines(*_rate_lines(intent.get("rework"))),
            count(intent.get("cases")),
            _two_lines(evals.text, evals.span),
            _two_lines(*_distance(intent)),
        )
    yield table
    unfinished = any(not is_complete(week.get("week"), until) for i in intents for week in items(i, "weekly"))
    legend = "under a rate: known + unknown outcomes; gap: evals minus accepted, in points"
    yield _soft(f"{legend}; {_UNFINISHED} week not over" if unfinished else legend)
    if unclear := fields(report, "counts").get("unclear_conversations"):
        yield _soft(f"{counted(unclear, 'conversation')} fit no intent and are in no row")


def _cohorts(report: Result) -> Iterator[RenderableType]:
    cohorts, until = items(report, "cohorts"), fields(report, "period").get("complete_until")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    table = _table("cohort", ">users", "trust by week", ">trust", ">accepted")
    for cohort in cohorts:
        table.add_row(
            _safe(cohort.get("cohort") or "unnamed"),
            count(cohort.get("users")),
            sparkline(items(cohort, "trust_weekly"), key="value", top=1.0, complete_until=until),
            _brief(figure(cohort.get("trust"))),
            _two_lines(*_rate_lines(cohort.get("acceptance"))),
        )
    yield table


# --- the other verbs ------------------------------------------------------------------------------------------


def _load(result: Result) -> Iterator[RenderableType]:
    rejected, shown = items(result, "rejected"), 10
    sizes = [
        counted(result[key], key.removesuffix("s")) for key in ("records", "conversations", "users") if key in result
    ]
    yield _strong(", ".join([*sizes, f"{count(len(rejected))} rejected"]))
    if rejected:
        yield ""
        yield Text(f"{counted(len(rejected), 'record')} not read; the rest are loaded")
        table = _table("where", "expected")
        for row in rejected[:shown]:
            table.add_row(_safe(row.get("where")), _safe(row.get("expected")))
        yield table
        if len(rejected) > shown:
            yield _soft(f"and {count(len(rejected) - shown)} more; --rejected FILE writes them all")
    for reason, skipped in fields(result, "skipped").items():
        yield _soft(f"{counted(skipped, 'record')} left out: {reason}")
    lacking = fields(result, "silent_because")
    for signal in items(result, "silent_signals"):
        needs = (
            ", ".join(str(need).replace("_", " ") for need in items(lacking, str(signal))) or "data that is not loaded"
        )
        yield Text(f"{_safe(signal)} stays silent: it needs {_safe(needs)}")


def _discover(result: Result) -> Iterator[RenderableType]:
    yield from _intents({**result, "counts": result})


def _measure(result: Result) -> Iterator[RenderableType]:
    rows = items(result, "rows")
    if result.get("signal"):
        yield _strong(result["signal"])
    if not rows:
        yield Text("There is nothing to measure with these conditions.")
        return
    groups = list(dict.fromkeys(chain.from_iterable(fields(row, "group") for row in rows)))
    table = _table(*groups, ">value", ">range", ">known", ">unknown", ">users")
    for row in rows:
        f = figure(row)
        group = fields(row, "group")
        names = [_safe("unknown" if group.get(name) is None else group[name]) for name in groups]
        if f.known:
            table.add_row(
                *names, _strong(f.text), f.span, count(row.get("n")), count(row.get("unknown")), count(row.get("users"))
            )
        else:
            table.add_row(*names, _soft(f.text), "", "", "", _soft(f.basis))
    yield table
    methods = dict.fromkeys(f"{percent(number(r.get('level')))} {r['method']}" for r in rows if r.get("method"))
    if methods:
        yield _soft(f"ranges: {'; '.join(methods)}")


def _compare(result: Result) -> Iterator[RenderableType]:
    yield _strong(f"{_safe(result.get('signal') or 'signal')}: {_safe(result.get('verdict') or UNKNOWN)}")
    table = _table("", "", "", heads=False)
    for side in ("current", "baseline"):
        f = figure(result.get(side))
        table.add_row(side, _brief(f), _soft(f.basis))
    for name, label in (("effect", "difference"), ("mix", "of it mix shift"), ("within", "of it rate change")):
        if change := fields(result, name):
            low, high = number(change.get("low")), number(change.get("high"))
            said = points(number(change.get("value")))
            table.add_row(label, f"{said} ({points_span(low, high)})" if low is not None else said, "")
    yield table
    if result.get("sentence"):
        yield Text(_safe(result["sentence"]))


def _watch(result: Result) -> Iterator[RenderableType]:
    yield from _findings(items(result, "findings"), otherwise="Nothing moved beyond its usual range.")


def _gap(result: Result) -> Iterator[RenderableType]:
    rows = items(result, "rows")
    if not rows:
        yield Text("No intents yet: everyturn discover")
        return
    table = _table("intent", ">conversations", ">eval cases", ">eval score", ">accepted", ">gap, points")
    for row in rows:
        table.add_row(
            _safe(row.get("intent") or "unnamed"),
            count(row.get("volume")),
            count(row.get("cases")),
            _brief(_as_figure(row.get("eval_score"), absent="none")),
            _brief(_as_figure(row.get("acceptance"))),
            _two_lines(*_distance(row)),
        )
    yield table


def _cover(result: Result) -> Iterator[RenderableType]:
    value = number(result.get("coverage"))
    covered = {"value": value, "low": result.get("low"), "high": result.get("high")}
    f = figure(covered if value is not None else result)
    yield _strong(f"{_brief(f)} of conversations ask for something an eval case tests" if f.known else str(f))
    if uncovered := items(result, "uncovered"):
        yield ""
        table = _table("not tested", ">share", ">accepted")
        for row in uncovered:
            table.add_row(
                _safe(row.get("intent") or "unnamed"),
                percent(number(row.get("share"))),
                _brief(_as_figure(row.get("acceptance"))),
            )
        yield table
    elif f.known:
        yield Text("Every intent has at least one eval case.")
    if written := fields(result, "written"):
        yield ""
        yield Text(f"{counted(written.get('cases'), 'eval case')} written to {_safe(written.get('file'))}")


def _show(result: Result) -> Iterator[RenderableType]:
    if conversation := fields(result, "conversation"):
        yield from _conversation(conversation)
    elif intent := fields(result, "intent"):
        yield _strong(intent.get("intent") or "unnamed")
        if intent.get("description"):
            yield Text(_safe(intent["description"]))
        yield from (Text(f"  “{_safe(phrase)}”") for phrase in items(intent, "phrases"))
        yield ""
        yield from _intents({"intents": [intent], "period": result.get("period")})
    elif finding := fields(result, "finding"):
        yield from _findings([finding], otherwise="")
    else:
        yield from _plain(fields(result, "signal") or result)
        return
    for conversation in items(result, "conversations"):
        yield ""
        if isinstance(conversation, Mapping):
            yield from _conversation(conversation)
        else:
            yield Text(f"everyturn show conversation {_safe(conversation)}")


def _conversation(conversation: Mapping[str, Any]) -> Iterator[RenderableType]:
    started = conversation.get("started_at")
    about = [conversation.get("user_id"), say_day(started, year=True) if day(started) else None]
    about += [conversation.get("intent"), conversation.get("cohort")]
    yield _strong(conversation.get("conversation_id") or "conversation")
    yield _soft(", ".join(_safe(part) for part in about if part))
    table = _table("", "", heads=False)
    table.columns[0].no_wrap = True
    outcomes = {outcome.get("turn"): outcome for outcome in items(conversation, "outcomes")}
    turn = -1
    messages = items(conversation, "messages")
    for position, message in enumerate(messages):
        role = str(message.get("role"))
        turn += role == "user"
        for call in items(message, "tool_calls"):
            arguments = call.get("arguments")
            said = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            table.add_row(_soft("agent"), _soft(f"called {_safe(call.get('name'))} {said}"))
        if message.get("content") or not items(message, "tool_calls"):
            who = {"user": "user", "assistant": "agent"}.get(role, _safe(role))
            table.add_row(
                _strong(who) if role == "user" else _soft(who), Text(_safe(message.get("content") or "(empty)"))
            )
        ends_turn = position + 1 == len(messages) or messages[position + 1].get("role") == "user"
        if ends_turn and turn in outcomes:
            table.add_row("", _soft(f"→ {_outcome(outcomes[turn])}"))
    for action in items(conversation, "actions"):
        when = elapsed(started, action.get("at"))
        table.add_row(_soft("then"), Text(" ".join(filter(None, (_safe(action.get("kind")).replace("_", " "), when)))))
    yield table


def _outcome(outcome: Mapping[str, Any]) -> str:
    share = number(outcome.get("edit_share"))
    parts = [
        str(outcome.get("outcome") or UNKNOWN),
        f"{percent(share)} changed" if share else "",
        f"evidence: {outcome['evidence']}" if outcome.get("evidence") else "",
        str(outcome.get("detail") or ""),
    ]
    return ", ".join(part for part in parts if part)


def _plain(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Any object, field by field: simple values in two columns, lists of objects as tables."""
    table = _table("", "", heads=False)
    lists = []
    for key, value in result.items():
        if key in {"schema", "verb"}:
            continue
        if isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            lists.append((key, value))
        else:
            table.add_row(_safe(key).replace("_", " "), Text(_safe(_say(value))))
    if table.row_count:
        yield table
    for key, rows in lists:
        yield from _section(_safe(key).replace("_", " "))
        columns = list(dict.fromkeys(chain.from_iterable(rows)))
        drawn = _table(*(_safe(column).replace("_", " ") for column in columns))
        for row in rows:
            drawn.add_row(*(Text(_safe(_say(row.get(column)))) for column in columns))
        yield drawn


_DRAWN: dict[str, Callable[[Result], Iterator[RenderableType]]] = {
    "report": _report,
    "load": _load,
    "discover": _discover,
    "measure": _measure,
    "compare": _compare,
    "watch": _watch,
    "gap": _gap,
    "cover": _cover,
    "show": _show,
}


# --- words and tables -----------------------------------------------------------------------------------------


def _say(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple) and not any(isinstance(v, Mapping | list | tuple) for v in value):
        return ", ".join(_say(v) for v in value) or "none"
    return json.dumps(value, ensure_ascii=False)


def _brief(f: Figure) -> str:
    """The number with its range; only the words where there is none."""
    return str(f) if f.known else f.text


def _rate_lines(estimate: object) -> tuple[str, str]:
    """A rate with its range, and what it rests on: known + unknown, or the users there are of those needed."""
    stated: Mapping[str, Any] = estimate if isinstance(estimate, Mapping) else {}
    f = figure(stated)
    if f.known:
        unknown = stated.get("unknown")
        return str(f), f"{count(stated.get('n'))} + {count(unknown)}" if unknown else count(stated.get("n"))
    if shortage := fields(stated, "not_enough"):
        return "not enough", f"{count(shortage.get('users'))} of {count(shortage.get('needed'))} users"
    return f.text, ""


def _two_lines(first: str, second: str) -> Text:
    return Text.assemble(first, ("\n" + second if second else "", "dim"))


def _as_figure(value: object, *, absent: str = UNKNOWN) -> Figure:
    """An estimate, or a bare share, as a figure."""
    bare = number(value)
    if bare is not None:
        return Figure(percent(bare), value=bare)
    return figure(value if isinstance(value, Mapping) else None, absent=absent)


def _distance(row: Mapping[str, Any]) -> tuple[str, str]:
    """The gap of a row in points, and its range; the range stands in the row or with the distance."""
    nested = fields(row, "distance")
    value = number(nested.get("value")) if nested else number(row.get("distance"))
    if value is None:
        return "not tested" if row.get("cases") == 0 else UNKNOWN, ""
    low, high = (number((nested or row).get(key)) for key in ("low", "high"))
    return points(value, signed=False).split(" ")[0], points_span(low, high, signed=False)


def _safe(text: object) -> str:
    """The text with its control characters made visible, so that no conversation steers the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", "" if text is None else str(text).replace("\r\n", "\n"))


def _strong(text: object) -> Text:
    return Text(_safe(text), style="bold")


def _soft(text: object) -> Text:
    return Text(_safe(text), style="dim")


def _section(title: str) -> Iterator[RenderableType]:
    yield ""
    yield Text(title, style="bold")


def _table(*columns: str, heads: bool = True) -> Table:
    """A plain table; a column whose name begins with ">" is right-aligned. Text is folded, never cut."""
    table = Table(box=None, show_header=heads, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            Text(column.removeprefix(">")), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    return table


OUTPUT = Output(name="text", media_type="text/plain", verbs=frozenset(), render=render)
