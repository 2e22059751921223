"""Results in the terminal: the page's content as text, and every other verb's answer, drawn by one function.

Text is folded, never cut. What conversations bring in cannot steer the terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from everyturn.outputs import Output, Result
from everyturn.outputs.diff import action_diff
from everyturn.outputs.figures import (
    UNKNOWN,
    count,
    counted,
    coverage_figure,
    day,
    elapsed,
    eval_figure,
    fields,
    figure,
    is_complete,
    items,
    kind_of_change,
    lead_of,
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
from everyturn.outputs.terminal import (
    UNFINISHED,
    as_figure,
    brief,
    distance_lines,
    grid,
    heading,
    printable,
    rate_lines,
    say,
    soft,
    sparkline,
    strong,
    two_lines,
    word_diff,
)


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
        force_jupyter=False,  # else a notebook would be drawn on directly
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


# --- the page -------------------------------------------------------------------------------------------------


def _report(report: Result) -> Iterator[RenderableType]:
    head, counts = fields(report, "headline"), fields(report, "counts")
    sizes = [
        counted(value, noun)
        for noun, key in (("conversation", "conversations"), ("user", "users"), ("output", "outputs"))
        if (value := counts.get(key)) is not None
    ]
    yield strong(report.get("title") or "Report")
    yield soft(", ".join([say_period(fields(report, "period")), *sizes]))
    yield ""
    if head.get("sentence"):
        yield strong(head["sentence"])
        yield ""
    yield from _headline(report)
    yield from heading("Findings")
    yield from _findings(items(report, "findings"), otherwise=quiet(report))
    yield from heading("Intents")
    yield from _intents(report)
    yield from _contexts(report)
    yield from heading("Trust by cohort")
    yield from _cohorts(report)
    if notes := items(report, "notes"):
        yield ""
    for note in notes:
        yield soft(note)


def _headline(report: Result) -> Iterator[RenderableType]:
    head, counts = fields(report, "headline"), fields(report, "counts")
    evals = "no scores" if counts.get("eval_cases") else "no evals loaded"
    rework = "no actions loaded" if counts.get("actions") == 0 else UNKNOWN
    lines = [
        ("evals say", eval_figure(head.get("eval_score"), absent=evals)),
        ("users keep", figure(head.get("kept"))),
        ("evals cover", coverage_figure(report)),
        ("accepted", figure(head.get("acceptance"))),
        ("redone after acceptance", figure(head.get("rework"), of="accepted outputs", absent=rework)),
        ("edited before keeping", figure(head.get("edit_rate"), of="kept outputs")),
    ]
    table = grid("", "", "", heads=False)
    for rank, (label, f) in enumerate(lines):
        basis = f.basis
        if label == "evals cover" and f.known and counts.get("outputs") is not None:
            basis = f"of {counted(counts['outputs'], 'output')}"
        table.add_row(label, strong(brief(f)) if rank < 3 else brief(f), soft(basis))
    yield table
    if health := _health(fields(report, "dashboard")):
        yield soft(f"dashboards say {health}, from the same traces")


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
        table = grid("", "", heads=False)
        table.columns[0].width = 2
        lead, rest = lead_of(finding.get("sentence") or finding.get("title") or "unnamed")
        table.add_row(str(rank), strong(lead))
        if rest:
            table.add_row("", printable(rest))
        since = f"began in the week of {say_day(finding['since'])}" if day(finding.get("since")) else ""
        scope = [str(finding[key]) for key in ("cohort", "intent") if finding.get(key)]
        facts = [kind_of_change(finding), *scope, size_of_change(finding), since]
        table.add_row("", soft(" · ".join(fact for fact in facts if fact)))
        for detail in items(finding, "details"):
            table.add_row("", printable(detail))
        if finding.get("id"):
            behind = counted(len(items(finding, "conversations")), "conversation")
            table.add_row("", soft(f"everyturn show {finding['id']}  ({behind})"))
        yield table
        if rank < len(findings):
            yield ""


def _intents(report: Result) -> Iterator[RenderableType]:
    intents, until = items(report, "intents"), fields(report, "period").get("complete_until")
    if not intents:
        yield Text("No intents yet: everyturn discover")
        return
    table = grid("intent", ">volume", "by week", ">accepted", ">redone", ">cases", ">evals", ">gap")
    for intent in intents:
        told = [str(s) for s in items(intent, "status") if s != "no cases"]  # the cases have a column
        evals = as_figure(intent.get("eval_score"), absent="none")
        table.add_row(
            printable(intent.get("intent") or "unnamed") + (f" ({', '.join(told)})" if told else ""),
            count(intent.get("volume")),
            sparkline(items(intent, "weekly"), complete_until=until),
            two_lines(*rate_lines(intent.get("acceptance"))),
            two_lines(*rate_lines(intent.get("rework"))),
            count(intent.get("cases")),
            two_lines(evals.text, evals.span),
            two_lines(*distance_lines(intent)),
        )
    yield table
    unfinished = any(not is_complete(week.get("week"), until) for i in intents for week in items(i, "weekly"))
    legend = "under a rate: known + unknown outcomes; gap: evals minus accepted, in points"
    yield soft(f"{legend}; {UNFINISHED} week not over" if unfinished else legend)
    if unclear := fields(report, "counts").get("unclear_conversations"):
        yield soft(f"{counted(unclear, 'conversation')} fit no intent and are in no row")


def _cohorts(report: Result) -> Iterator[RenderableType]:
    cohorts, until = items(report, "cohorts"), fields(report, "period").get("complete_until")
    if not cohorts:
        yield Text("No cohort has enough users to show.")
        return
    table = grid("cohort", ">users", "trust by week", ">trust", ">accepted")
    for cohort in cohorts:
        table.add_row(
            printable(cohort.get("cohort") or "unnamed"),
            count(cohort.get("users")),
            sparkline(items(cohort, "trust_weekly"), key="value", top=1.0, complete_until=until),
            brief(figure(cohort.get("trust"))),
            two_lines(*rate_lines(cohort.get("acceptance"))),
        )
    yield table


# --- the other verbs ------------------------------------------------------------------------------------------


def _load(result: Result) -> Iterator[RenderableType]:
    rejected, shown = items(result, "rejected"), 10
    sizes = [
        counted(result[key], key.removesuffix("s")) for key in ("records", "conversations", "users") if key in result
    ]
    yield strong(", ".join([*sizes, f"{count(len(rejected))} rejected"]))
    if rejected:
        yield ""
        rest = "the rest are loaded" if result.get("data_records") else "nothing else was there to load"
        yield Text(f"{counted(len(rejected), 'record')} not read; {rest}")
        table = grid("where", "expected", "found")
        for row in rejected[:shown]:
            table.add_row(*(printable(row.get(name)) for name in ("where", "expected", "found")))
        yield table
        if len(rejected) > shown:
            yield soft(f"and {count(len(rejected) - shown)} more; --rejected FILE writes them all")
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
    nobody = result.get("without_user_id")
    if nobody:
        yield Text(
            f"no user id on {counted(nobody, 'conversation')} here, which no range can count; "
            "--user-id FIELD names the field that holds it"
        )
    yield from _silent(result)


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


def _discover(result: Result) -> Iterator[RenderableType]:
    yield from _intents({**result, "counts": result})


def _measure(result: Result) -> Iterator[RenderableType]:
    rows = items(result, "rows")
    if result.get("signal"):
        yield strong(result["signal"])
    if not rows:
        yield Text("There is nothing to measure with these conditions.")
        return
    groups = list(dict.fromkeys(chain.from_iterable(fields(row, "group") for row in rows)))
    table = grid(*groups, ">value", ">range", ">known", ">unknown", ">users")
    for row in rows:
        f = figure(row)
        group = fields(row, "group")
        names = [printable("unknown" if group.get(name) is None else group[name]) for name in groups]
        if f.known:
            table.add_row(
                *names, strong(f.text), f.span, count(row.get("n")), count(row.get("unknown")), count(row.get("users"))
            )
        else:
            table.add_row(*names, soft(f.text), "", "", "", soft(f.basis))
    yield table
    methods = dict.fromkeys(f"{percent(number(r.get('level')))} {r['method']}" for r in rows if r.get("method"))
    if methods:
        yield soft(f"ranges: {'; '.join(methods)}")
    if result.get("note"):
        yield Text(result["note"])


def _compare(result: Result) -> Iterator[RenderableType]:
    yield strong(f"{printable(result.get('signal') or 'signal')}: {printable(result.get('verdict') or UNKNOWN)}")
    table = grid("", "", "", heads=False)
    for side in ("current", "baseline"):
        f = figure(result.get(side))
        table.add_row(side, brief(f), soft(f.basis))
    for name, label in (("effect", "difference"), ("mix", "of it mix shift"), ("within", "of it rate change")):
        if change := fields(result, name):
            low, high = number(change.get("low")), number(change.get("high"))
            said = points(number(change.get("value")))
            table.add_row(label, f"{said} ({points_span(low, high)})" if low is not None else said, "")
    yield table
    if result.get("sentence"):
        yield Text(printable(result["sentence"]))


def _check(result: Result) -> Iterator[RenderableType]:
    yield strong(f"{printable(result.get('verdict') or UNKNOWN)}: {printable(result.get('sentence'))}")
    table = grid("", "", heads=False)
    for row in items(result, "checks"):
        table.add_row(printable(row.get("verdict")), printable(row.get("sentence")))
    yield table


def _watch(result: Result) -> Iterator[RenderableType]:
    yield from _findings(items(result, "findings"), otherwise="Nothing moved beyond its usual range.")
    if listed := items(result, "watch_list"):
        yield from heading("Watch list: clear, but not clear enough to page anyone")
        yield from _findings(listed, otherwise="")


def _groups(result: Result) -> Iterator[RenderableType]:
    yield from heading("By how they use the product")
    groups = items(result, "groups")
    if not groups:
        yield soft("No groups: the users are one crowd, or too few of them are known well enough.")
    table = grid("group", ">users", ">firm", ">accepted", ">could show", "what sets it apart")
    for group in groups:
        apart = "; ".join(str(a) for a in items(group, "apart"))
        table.add_row(strong(group["name"]), *_of_cohort(group, firmness=group.get("firmness")), apart)
    if groups:
        yield table
    yield soft(f"{count(result.get('new'))} users are new: too little history to tell.")
    declared = items(result, "declared")
    if declared:
        yield from heading(f"Declared: {result.get('attribute')}")
        table = grid("cohort", ">users", ">firm", ">accepted", ">could show")
        for cohort in declared:
            table.add_row(strong(cohort["cohort"]), *_of_cohort(cohort, firmness=None))
        yield table
    yield soft("could show: the smallest change of acceptance that four more weeks would probably show.")


def _of_cohort(row: Mapping[str, Any], *, firmness: object) -> tuple[str, str, str, str]:
    firm, least = number(firmness), number(row.get("smallest_change"))
    return (
        count(row.get("users")),
        "" if firm is None else f"{firm:.2f}",
        brief(figure(row.get("acceptance"))),
        "nothing" if least is None else points(least, signed=False),
    )


def _gap(result: Result) -> Iterator[RenderableType]:
    rows = items(result, "rows")
    if not rows:
        yield Text("No intents yet: everyturn discover")
        return
    table = grid("intent", ">outputs", ">cases", ">evals", ">accepted", ">gap, points", ">lost", "since")
    for row in rows:
        told = [str(s) for s in items(row, "status") if s != "no eval cases"]  # the cases have a column
        lost = number(row.get("lost"))
        table.add_row(
            printable(row.get("intent") or "unnamed") + (f" ({', '.join(told)})" if told else ""),
            count(row.get("volume")),
            count(row.get("cases")),
            brief(as_figure(row.get("eval_score"), absent="none")),
            brief(as_figure(row.get("acceptance"))),
            two_lines(*distance_lines(row)),
            UNKNOWN if lost is None else f"{lost:,.0f}",
            _since(fields(row, "opened")),
        )
    yield table
    yield soft("lost: answers users would have accepted at the product's own rate; since: when the gap opened")


def _since(opened: Result) -> str:
    """The week a gap opened, and by what."""
    week, by = day(opened.get("week")), opened.get("by")
    if week is None:
        return ""
    return "all along" if by == "all along" else f"{say_day(opened['week'])} ({by})"


def _cover(result: Result) -> Iterator[RenderableType]:
    value = number(result.get("coverage"))
    covered = {"value": value, "low": result.get("low"), "high": result.get("high")}
    f = figure(covered if value is not None else result)
    yield strong(f"{brief(f)} of outputs answer something an eval case tests" if f.known else str(f))
    shares = (("of outputs users did not accept", "of_failures"), ("of intents, each counted once", "of_intents"))
    for words, name in shares:
        if (share := as_figure(result.get(name))).known:
            yield Text(f"{brief(share)} {words}")
    if uncovered := items(result, "uncovered"):
        yield ""
        table = grid("not tested", ">share", ">accepted")
        for row in uncovered:
            table.add_row(
                printable(row.get("intent") or "unnamed"),
                percent(number(row.get("share"))),
                brief(as_figure(row.get("acceptance"))),
            )
        yield table
    elif f.known:
        yield Text("Every intent has at least one eval case.")
    yield from _suites(result)
    yield from _proposed(result)


def _suites(result: Result) -> Iterator[RenderableType]:
    """What each further step costs, and what is wrong with the cases there are."""
    if steps := [s for s in items(result, "steps") if number(s.get("coverage")) is not None]:
        told = ", ".join(f"{counted(s.get('cases'), 'case')} to {percent(number(s['coverage']))}" for s in steps)
        yield soft(f"what it takes: {told}")
    if stale := items(result, "stale"):
        yield ""
        yield Text(f"{counted(len(stale), 'case')} may test nothing users ask")
        reasons: dict[str, list[str]] = {}
        for case in stale:
            reasons.setdefault(str(case.get("why")), []).append(f"{case.get('suite')}/{case.get('case_id')}")
        for why, names in reasons.items():
            more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
            yield soft(printable(f"{why}: {', '.join(names[:5])}{more}"))
        yield soft("about 3 in 100 texts of an intent fall outside it")
    if duplicates := items(result, "duplicates"):
        yield ""
        spare = sum(len(group) - 1 for group in duplicates)
        yield Text(f"{counted(spare, 'case')} nearly repeat another, in {counted(len(duplicates), 'group')}")


def _proposed(result: Result) -> Iterator[RenderableType]:
    """The cases made, where they went, and the coverage with them."""
    if proposed := items(result, "proposed"):
        yield ""
        table = grid("next cases", ">gain", "what a good answer does")
        for case in proposed:
            gain = number(case.get("gain"))
            table.add_row(
                printable(case.get("intent") or "unnamed"),
                UNKNOWN if gain is None else f"{gain:.3f}",
                printable(case.get("rubric") or ""),
            )
        yield table
    predicted = fields(result, "predicted")
    value = number(predicted.get("coverage"))
    if value is not None:
        reached = figure({"value": value, "low": predicted.get("low"), "high": predicted.get("high")})
        yield strong(f"{brief(reached)} of outputs with these cases")
    for note in items(result, "notes"):
        yield soft(printable(note))
    if written := fields(result, "written"):
        yield Text(f"{counted(written.get('cases'), 'eval case')} written to {printable(written.get('file'))}")
    if uploaded := fields(result, "uploaded"):
        yield Text(f"{counted(uploaded.get('cases'), 'eval case')} uploaded to {printable(uploaded.get('dataset'))}")


def _show(result: Result) -> Iterator[RenderableType]:
    if conversation := fields(result, "conversation"):
        yield from _conversation(conversation)
    elif intent := fields(result, "intent"):
        yield strong(intent.get("intent") or "unnamed")
        if intent.get("description"):
            yield Text(printable(intent["description"]))
        yield from (Text(f"  “{printable(phrase)}”") for phrase in items(intent, "phrases"))
        yield ""
        yield from _intents({"intents": [intent], "period": result.get("period")})
        yield from _contexts(result)
    elif finding := fields(result, "finding"):
        yield from _findings([finding], otherwise="")
    else:
        yield from _plain(fields(result, "signal") or result)
        yield from _contexts(result)
    for conversation in items(result, "conversations"):
        yield ""
        if isinstance(conversation, Mapping):
            yield from _conversation(conversation)
        else:
            yield Text(f"everyturn show conversation {printable(conversation)}")


def _contexts(result: Result) -> Iterator[RenderableType]:
    told = items(result, "contexts")
    if told:
        yield ""
        yield strong("Where it depends on the context")
    for context in told:
        yield Text(printable(context.get("sentence")))


def _conversation(conversation: Mapping[str, Any]) -> Iterator[RenderableType]:
    started = conversation.get("started_at")
    about = [conversation.get("user_id"), say_day(started, year=True) if day(started) else None]
    about += [conversation.get("intent"), conversation.get("cohort")]
    yield strong(conversation.get("conversation_id") or "conversation")
    yield soft(", ".join(printable(part) for part in about if part))
    table = grid("", "", heads=False)
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
            table.add_row(soft("agent"), soft(f"called {printable(call.get('name'))} {said}"))
        if message.get("content") or not items(message, "tool_calls"):
            who = {"user": "user", "assistant": "agent"}.get(role, printable(role))
            table.add_row(
                strong(who) if role == "user" else soft(who), Text(printable(message.get("content") or "(empty)"))
            )
        ends_turn = position + 1 == len(messages) or messages[position + 1].get("role") == "user"
        if ends_turn and turn in outcomes:
            table.add_row("", soft(f"→ {_outcome(outcomes[turn])}"))
    for action in items(conversation, "actions"):
        when = elapsed(started, action.get("at"))
        table.add_row(
            soft("then"), Text(" ".join(filter(None, (printable(action.get("kind")).replace("_", " "), when))))
        )
        if pieces := action_diff(conversation, action):
            table.add_row("", word_diff(pieces))
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
    table = grid("", "", heads=False)
    lists = []
    for key, value in result.items():
        if key in {"schema", "verb"}:
            continue
        if isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            lists.append((key, value))
        else:
            table.add_row(printable(key).replace("_", " "), Text(printable(say(value))))
    if table.row_count:
        yield table
    for key, rows in lists:
        yield from heading(printable(key).replace("_", " "))
        columns = list(dict.fromkeys(chain.from_iterable(rows)))
        drawn = grid(*(printable(column).replace("_", " ") for column in columns))
        for row in rows:
            drawn.add_row(*(Text(printable(say(row.get(column)))) for column in columns))
        yield drawn


_DRAWN: dict[str, Callable[[Result], Iterator[RenderableType]]] = {
    "report": _report,
    "load": _load,
    "pull": _load,
    "discover": _discover,
    "measure": _measure,
    "compare": _compare,
    "check": _check,
    "watch": _watch,
    "cohorts": _groups,
    "gap": _gap,
    "cover": _cover,
    "show": _show,
}


OUTPUT = Output(name="text", media_type="text/plain", verbs=frozenset(), render=render)
