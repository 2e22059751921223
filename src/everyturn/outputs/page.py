"""What the page shows: the report's JSON form, arranged. No mark-up here and no meaning in the template.

Every function gives plain values, `Figure`s and charts; what is missing in the report arrives as the words to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from everyturn.analysis.words import UNKNOWN, count, counted, percent, points
from everyturn.outputs import Result, cells, svg
from everyturn.outputs.days import day, is_complete, say_day, say_period
from everyturn.outputs.figures import (
    Figure,
    eval_figure,
    fields,
    figure,
    items,
    least_points,
    number,
    points_span,
)
from everyturn.outputs.findings import NO_INTENTS, kind_of_change, lead_of, measured, more_findings, orders_told, quiet
from everyturn.outputs.links import Links, cohort_anchor, finding_anchor, intent_anchor
from everyturn.outputs.map import arrange_map
from everyturn.outputs.overview import coverage_basis, coverage_figure, depth_of_coverage, has_evals, health, sizes
from everyturn.outputs.transcript import View, arrange_conversation, link, missing_link


def arrange(report: Result) -> View:
    """Everything the template shows, from a report. Assumes the report's shape; any field may be missing."""
    counts = fields(report, "counts")
    conversations = fields(report, "conversations")
    links = {str(key): link(str(key), value) for key, value in conversations.items()}
    to = Links(report)
    return {
        "title": report.get("title") or "Report",
        "period": say_period(fields(report, "period")),
        "meta": sizes(report),
        "has_evals": has_evals(report),
        "has_rework": any(fields(intent, "rework") for intent in items(report, "intents")),
        "has_actions": counts.get("actions") != 0,
        "headline": _headline(report),
        "findings": [
            {**_finding(finding, report, links, to), "rank": rank}
            for rank, finding in enumerate(items(report, "findings"), 1)
        ],
        "quiet": quiet(report),
        "watched": report.get("watch") or "",
        "more_findings": more_findings(report),
        "blind_spots": [str(spots.get("sentence") or "") for spots in items(report, "blind_spots")],
        "intents": [_intent(intent, report, links, to) for intent in items(report, "intents")],
        "intents_note": _intents_note(report),
        "no_intents": NO_INTENTS,
        "map": arrange_map(report),
        "contexts": [
            (
                context.get("sentence"),
                [links.get(str(i)) or missing_link(str(i)) for i in items(context, "conversations")],
            )
            for context in items(report, "contexts")
        ],
        "cohorts": _cohorts(report, to),
        "trust_order": [
            (order.get("cohort"), order.get("sentence")) for order in orders_told(items(report, "trust_order"))
        ],
        "coverage": _coverage(report, to),
        "conversations": [arrange_conversation(str(key), value) for key, value in conversations.items()],
        "notes": items(report, "notes"),
        "definitions": [(str(d.get("term") or ""), str(d.get("meaning") or "")) for d in items(report, "definitions")],
        "provenance": _provenance(report),
    }


# --- the headline ---------------------------------------------------------------------------------------------


def _headline(report: Result) -> View:
    head, counts = fields(report, "headline"), fields(report, "counts")
    evals = figure(
        head.get("eval_score"), of="eval cases", absent="no scores" if counts.get("eval_cases") else "no evals"
    )
    kept, acceptance = figure(head.get("kept")), figure(head.get("acceptance"), absent="not measured")
    users, label, meaning = (
        (kept, "Users keep", "Accepted, and not redone elsewhere within {} days.")
        if head.get("kept") and counts.get("actions") != 0
        else (acceptance, "Users accept", "In the conversation; what was redone later is not known.")
    )
    window = fields(report, "provenance").get("window_days") or 7
    coverage = coverage_figure(report)
    rework_absent = "no actions loaded" if counts.get("actions") == 0 else "unknown"
    measures = [
        ("Accepted", acceptance, "of known outcomes"),
        (
            "Redone after acceptance",
            figure(head.get("rework"), of="accepted outputs", absent=rework_absent),
            "shadow rework",
        ),
        ("Edited before keeping", figure(head.get("edit_rate"), of="kept outputs"), "of accepted and edited"),
    ]
    return {
        "sentence": head.get("sentence"),
        "evals": evals,
        "evals_note": _runs_note(items(head, "eval_runs")),
        "users": users,
        "users_label": label,
        "users_meaning": meaning.format(window),
        "bounds": " to ".join(ends) if len(ends := list(dict.fromkeys(map(percent, users.bounds or ())))) > 1 else "",
        "coverage": coverage,
        "coverage_chart": _coverage_chart(coverage),
        "coverage_note": _coverage_note(report),
        "coverage_absent": _why_no_coverage(counts, coverage),
        "scale": svg.scale(users, evals=evals.value, label=f"Evals beside users. {label}"),
        "measures": [{"label": name, "figure": value, "note": note} for name, value, note in measures],
        "health": [{"label": meaning, "text": text} for text, meaning in health(report)],
    }


def _why_no_coverage(counts: Mapping[str, Any], coverage: Figure) -> str:
    if coverage.basis:
        return coverage.basis
    if not counts.get("eval_cases"):
        return "No eval cases are loaded, so what they test is not known."
    return (
        f"{counted(counts['eval_cases'], 'eval case')} loaded; how many conversations they stand for is not known yet."
    )


def _runs_note(runs: Sequence[Any]) -> str:
    scores = [score for run in runs if (score := number(run.get("score"))) is not None]
    if not scores:
        return "No scores are loaded."
    last = runs[-1]
    cases = counted(last.get("cases"), "case") if last.get("cases") is not None else "cases"
    when = f" on {say_day(last['at'])}" if day(last.get("at")) else ""
    if len(scores) == 1:
        return f"Mean score of {cases}{when}."
    low, high = percent(min(scores)), percent(max(scores))
    between = f"always {low}" if low == high else f"between {low} and {high}"
    return f"Mean score of {cases}{when}. {counted(len(scores), 'run')}, {between}."


# --- findings -------------------------------------------------------------------------------------------------


def _finding(finding: Mapping[str, Any], report: Result, links: Mapping[str, View], to: Links) -> View:
    series = _series(items(finding, "series"), report, n="n")
    unit = _unit(finding, series)
    since = day(finding.get("since"))
    ns = [int(p.n) for p in series if p.n is not None and p.complete]
    scope = [str(finding[key]) for key in ("cohort", "intent") if finding.get(key)]
    signal = measured(finding)
    # A user's trust is drawn by its plainest part: a week of one user is too short for the others.
    drawn = "answers taken unchanged" if finding.get("kind") == "user" else signal
    drawn = {"share": "share of outputs"}.get(unit) or drawn or {"count": "outputs"}.get(unit, "rate")
    counted_in = "users" if signal == "trust" and finding.get("cohort") else "outputs"
    counted_in = "accepted outputs" if finding.get("signal") == "rework" else counted_in
    details = [str(detail) for detail in items(finding, "details")]
    behind = [links.get(str(i)) or missing_link(str(i)) for i in items(finding, "conversations")]
    lead, rest = lead_of(finding.get("sentence") or "")
    read = [counted(len(behind), "conversation")] if behind else []
    return {
        "id": finding.get("id"),
        "anchor": finding_anchor(finding),
        "kind": kind_of_change(finding),
        "is_listed": finding.get("tier") == "list",
        "scope": [
            *([to.cohort(finding["cohort"])] if finding.get("cohort") else []),
            *([to.intent(finding["intent"])] if finding.get("intent") else []),
        ],
        "title": finding.get("title") or kind_of_change(finding),
        "sentence": lead,
        "rest": rest,
        "details": details,
        "more": " and ".join((["Details"] if details else []) + read),
        "chart": svg.trend(series, svg.axis(series, unit=unit), label=", ".join([drawn, *scope]), since=since),
        "caption": f"{drawn[:1].upper()}{drawn[1:]} by week, {_per_week(ns, counted_in)}" if series else "",
        "conversations": behind,
    }


def _unit(finding: Mapping[str, Any], series: Sequence[svg.Point]) -> str:
    """What a finding's series is drawn as; its `unit` is that of its size, which for people differs from the series'."""
    if any(p.value is not None and p.value > 1 for p in series):
        return "count"
    return "share" if finding.get("kind") in {"share", "new_intent"} else "rate"


# --- intents --------------------------------------------------------------------------------------------------


def _intent(intent: Mapping[str, Any], report: Result, links: Mapping[str, View], to: Links) -> View:
    name = str(intent.get("intent") or "unnamed")
    acceptance = figure(intent.get("acceptance"))
    evals = eval_figure(intent.get("eval_score"), absent="none")
    weekly = _series(items(intent, "acceptance_weekly"), report, n="n")
    distance = fields(intent, "distance")
    gap = number(distance.get("value"))
    cases = intent.get("cases")
    rework = figure(intent.get("rework"), of="accepted outputs")
    return {
        "name": name,
        "anchor": intent_anchor(intent),
        "theme": intent.get("theme") or "",
        "description": intent.get("description") or "",
        "phrases": items(intent, "phrases"),
        "status": [str(status) for status in items(intent, "status")],
        "findings": to.findings("intent", intent.get("intent")),
        "volume": number(intent.get("volume")),
        "volume_text": count(intent.get("volume")),
        "share": percent(number(intent.get("share")), absent=""),
        "bars": svg.bars(_series(items(intent, "weekly"), report, n="n"), label=f"Outputs on {name}"),
        "no_bars": "no full week yet" if intent.get("weekly") == [] else UNKNOWN,
        "acceptance": acceptance,
        "chart": svg.interval(acceptance, evals=evals.value, label=name),
        "rework": rework,
        "cases": number(cases),
        "cases_text": count(cases),
        "evals": evals,
        "gap": gap,
        "gap_text": points(gap, plus=False).removesuffix(" points") if gap is not None else "",
        "gap_span": points_span(number(distance.get("low")), number(distance.get("high")), plus=False),
        "gap_absent": _why_no_gap(acceptance, evals, cases),
        "others": [
            ("Edited before keeping", figure(intent.get("edit_rate"), of="kept outputs")),
            ("A person asked for", figure(intent.get("escalation"), of="conversations")),
        ],
        "detectable": _detectable(intent),
        "by_cohort": cells.of_cohorts(intent),
        "more_cohorts": counted(more, "cohort") if (more := number(intent.get("more_cohorts"))) else "",
        "weekly": svg.trend(weekly, svg.axis(weekly), label=f"Acceptance of {name}"),
        "conversations": [links.get(str(i)) or missing_link(str(i)) for i in items(intent, "conversations")],
    }


def _detectable(row: Mapping[str, Any]) -> str:
    """The smallest change of acceptance that four more weeks would probably show."""
    return least_points(row.get("smallest_change"))


def _why_no_gap(acceptance: Figure, evals: Figure, cases: object) -> str:
    if not evals.known:
        return "not tested" if cases == 0 else "not scored"
    return acceptance.text


def _intents_note(report: Result) -> str:
    counts = fields(report, "counts")
    unclear, total = counts.get("unclear_conversations"), counts.get("conversations")
    if not unclear or not total:
        return ""
    return f"{counted(unclear, 'conversation')} ({percent(unclear / total)}) fit no intent and are left out."


# --- cohorts and coverage -------------------------------------------------------------------------------------


def _cohorts(report: Result, to: Links) -> list[View]:
    cohorts, asked = items(report, "cohorts"), cells.of_intents(report, to)
    series = [_series(items(cohort, "trust_weekly"), report, n="users") for cohort in cohorts]
    shared = svg.axis([p for weekly in series for p in weekly])
    return [
        {
            "name": str(cohort.get("cohort") or "unnamed"),
            "size": ", ".join(
                counted(value, noun)
                for noun, key in (("user", "users"), ("conversation", "conversations"))
                if (value := cohort.get(key)) is not None
            ),
            "anchor": cohort_anchor(cohort),
            "findings": to.findings("cohort", cohort.get("cohort")),
            "intents": asked.get(str(cohort.get("cohort")), []),
            "trust": figure(cohort.get("trust")),
            "acceptance": figure(cohort.get("acceptance")),
            "detectable": _detectable(cohort),
            "chart": svg.trend(weekly, shared, label=f"Trust of {cohort.get('cohort') or 'unnamed'}"),
            "caption": f"Trust by week, {_per_week([int(p.n) for p in weekly if p.n is not None and p.complete], 'users')}",
        }
        for cohort, weekly in zip(cohorts, series, strict=True)
    ]


def _coverage(report: Result, to: Links) -> View:
    coverage = coverage_figure(report)
    uncovered = items(fields(report, "coverage"), "uncovered")
    most = max((share for row in uncovered if (share := number(row.get("share"))) is not None), default=0.0)
    return {
        "figure": coverage,
        "chart": _coverage_chart(coverage),
        "note": _coverage_note(report),
        "thin": [
            f"{row.get('intent') or 'unnamed'}: {counted(row.get('cases'), 'case')} for {counted(row.get('outputs'), 'output')}"
            for row in items(fields(report, "coverage"), "thin")
        ],
        "uncovered": [
            {
                **to.intent(row.get("intent") or "unnamed"),
                "share": percent(number(row.get("share"))),
                "chart": svg.share_bar(number(row.get("share")), of=most, label=str(row.get("intent") or "unnamed")),
                "acceptance": figure(row.get("acceptance")),
            }
            for row in uncovered
        ],
    }


def _coverage_chart(coverage: Figure) -> str:
    if coverage.value is None:
        return ""
    return svg.coverage_bar(coverage.value, coverage.low, coverage.high, label="Outputs whose intent evals test")


def _coverage_note(report: Result) -> str:
    counts, intents = fields(report, "counts"), items(report, "intents")
    tested = sum(1 for intent in intents if intent.get("cases"))
    cases = counted(counts.get("eval_cases"), "eval case")
    named = f"{coverage_basis(report)}, by {cases} in {tested} of {counted(len(intents), 'intent')}"
    deep = depth_of_coverage(report)
    return f"{named}; {deep}" if deep else named


# --- what several parts need ------------------------------------------------------------------------------------


def _series(rows: Sequence[Any], report: Result, *, n: str) -> list[svg.Point]:
    """The rows of a weekly list as points; `n` names the field that counts."""
    until = fields(report, "period").get("complete_until")
    weeks: list[tuple[date, Any]] = [(week, row) for row in rows if (week := day(row.get("week"))) is not None]
    return [
        svg.Point(
            week,
            number(row.get("value")),
            number(row.get("low")),
            number(row.get("high")),
            number(row.get(n)),
            complete=is_complete(week, until),
        )
        for week, row in weeks
    ]


def _per_week(ns: Sequence[int], noun: str) -> str:
    if not ns:
        return f"{noun} per week unknown"
    low, high = min(ns), max(ns)
    return f"{count(low)} {noun} a week" if low == high else f"{count(low)} to {count(high)} {noun} a week"


def _provenance(report: Result) -> list[str]:
    made = fields(report, "provenance")
    signals = ", ".join(f"{name} {version}" for name, version in fields(made, "signals").items())
    generated = say_day(report.get("generated_at"), year=True) if day(report.get("generated_at")) else ""
    parts = [
        f"Everyturn {made['version']}" if made.get("version") else "Everyturn",
        f"generated {generated}" if generated else "",
        f"embedder {made['embedder']}" if made.get("embedder") else "",
        f"signal versions: {signals}" if signals else "",
        f"rework window {made['window_days']} days" if made.get("window_days") else "",
    ]
    return [part for part in parts if part]
