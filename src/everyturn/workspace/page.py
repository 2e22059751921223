"""The report: every number of the page in one JSON object, and the conversations behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from everyturn.analysis import Finding
from everyturn.analysis.blind import least_change
from everyturn.analysis.contexts import Context
from everyturn.analysis.coverage import Coverage
from everyturn.analysis.findings import Watch
from everyturn.analysis.gap import Gap, GapRow
from everyturn.analysis.leading import Order
from everyturn.analysis.panel import Panel
from everyturn.analysis.trust import CohortTrust
from everyturn.analysis.words import counted, percent
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.local import Database
from everyturn.model import Conversation, Json
from everyturn.signals.actions import EDITED, Use, uses_by_turn
from everyturn.stats import Estimate
from everyturn.stats.intervals import rate
from everyturn.version import __version__
from everyturn.workspace.measuring import intents_by_cohort, summary_of

_FINDINGS = 5  # what a meeting has time for; `watch` gives all
_COHORTS = 8  # shown for each intent; `show intent` gives all
_EXAMPLES = 3  # conversations shown for each intent; findings have their own five

DEFINITIONS = (
    ("Output", "The final answer the agent gave in a turn."),
    ("Accepted", "The user took the answer, judged by what they kept, did or said next. The rate counts only outputs with a known outcome."),
    ("Unknown", "Nothing the user did or said shows whether they took the answer. The number of unknown outcomes stands beside every rate."),
    ("Edited", "Kept, but changed first. The rate is the share of edited outputs among those accepted or edited."),
    ("Redone (shadow rework)", "Accepted in the conversation but, within 7 days, more than half rewritten, taken to a person, or reverted."),
    ("Kept", "Accepted, and not redone later."),
    ("Trust", "How often users act on an answer without checking, changing or redoing it. It is inferred from what they do and claims nothing about what they feel."),
    ("Covered", "At least one eval case tests what the user asked for. Covered in depth: there are enough cases for two runs to show a fall of 25 points in the score."),
    ("Gap", "Eval score minus acceptance, in points. An intent without eval cases has no score and therefore no gap."),
    ("Detectable change", "The smallest change of acceptance that four more weeks would probably show. A smaller one would go unseen."),
    ("Range", "Where the true value lies, with 95 % confidence. Ranges count people rather than answers, because the answers of one person resemble each other. In the headline and the findings they stay valid however often you look, which makes them wider than elsewhere. Charts draw them as bars and bands."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen, by the analysis that saw it."""

    panel: Panel
    gap: Gap
    coverage: Coverage
    trust: Sequence[CohortTrust]
    order: Sequence[Order]
    watched: Watch
    contexts: Sequence[Context]


def build(database: Database, seen: Seen, *, title: str, provenance: dict[str, Json]) -> dict[str, Json]:
    """The report object: what `everyturn report --json` prints and the page is drawn from."""
    panel, gap, watched = seen.panel, seen.gap, seen.watched
    findings = watched.findings[:_FINDINGS]
    counts = inputs.counts(database)
    complete = metrics.last_complete_week(database)
    arrived = {f.intent_id for f in watched.findings if f.kind == "new_intent"}
    by_cohort = intents_by_cohort(database)
    intents = [
        {**intent_json(database, row, is_new=row.intent_id in arrived), **_most_asked(by_cohort.get(row.intent_id, []))}
        for row in gap.rows
    ]
    groups = (findings, intents, told := [context.to_json() for context in seen.contexts])
    wanted = dict.fromkeys(c for group in groups for item in group for c in _conversations(item))
    return {
        "title": title,
        "generated_at": evidence.instant(datetime.now(UTC).replace(microsecond=0)),
        "period": {
            **_period(database),
            "weeks": [week.isoformat() for week in panel.weeks],
            "complete_until": (complete + timedelta(days=6)).isoformat() if complete else None,
        },
        "counts": counts,
        "dashboard": inputs.dashboard(database),
        "headline": {**gap.headline.watched().to_json(), "sentence": _sentence(gap, counts)},
        "findings": [finding.to_json() for finding in findings],
        "more_findings": len(watched.findings) - len(findings),
        "watch": watched.sentence,
        "blind_spots": [spots.to_json() for spots in watched.blind],
        "intents": intents,
        "contexts": told,
        "cohorts": _cohorts(database, seen.trust, weeks=len(panel.weeks)),
        "trust_order": [each.to_json() for each in seen.order],
        "coverage": seen.coverage.to_json(),
        "conversations": shown_conversations(database, wanted),
        "notes": _notes(counts, complete if panel.complete > 0 else None),
        "definitions": [{"term": term, "meaning": meaning} for term, meaning in DEFINITIONS],
        "provenance": {**provenance, "window_days": 7, "version": __version__},
    }


def _conversations(item: Finding | dict[str, Any]) -> Sequence[str]:
    found: Sequence[str] = item.conversations if isinstance(item, Finding) else item["conversations"]
    return found


def _period(database: Database) -> dict[str, Json]:
    first, last = database.rows("SELECT min(started_at)::DATE, max(started_at)::DATE FROM conversations")[0]
    return {"from": first.isoformat() if first else None, "to": last.isoformat() if last else None}


def _sentence(gap: Gap, counts: dict[str, Json]) -> str:
    """The page's first line. Says no more than is known."""
    if counts["conversations"] and not counts["users"]:
        return "No conversation has a user id, so what users keep is not known."
    head = gap.headline
    kept = f"{head.kept.value:.0%}".replace("%", " %") if isinstance(head.kept, Estimate) else None
    score = f"{head.eval_score.value:.0%}".replace("%", " %") if isinstance(head.eval_score, Estimate) else None
    if kept and score:
        return f"Evals say {score}. Users keep {kept} of what the agent gives them."
    if kept:
        absent = "No eval scores" if counts["eval_cases"] else "No evals"
        return f"Users keep {kept} of what the agent gives them. {absent} are loaded to compare with."
    if score:
        return f"Evals say {score}. What users did with the answers is not known yet."
    return "Not enough is known yet to say what users keep."


def intent_json(database: Database, row: GapRow, *, is_new: bool = False) -> dict[str, Json]:
    """One row of the intent table: what the gap row says, with its name, its novelty and conversations to read."""
    told = database.rows(
        "SELECT description, phrases, first_seen::DATE, path[-1], x, y FROM intents WHERE intent_id = ?",
        [row.intent_id],
    )
    description, phrases, first_seen, theme, x, y = told[0] if told else (None, "[]", None, None, None, None)
    form = row.to_json()
    estimates = form["estimates"]
    conversations = evidence.examples(
        database, {"intent_id": row.intent_id, "signal": "acceptance", "value": 0}, limit=_EXAMPLES
    )
    return {
        "intent_id": row.intent_id,
        "intent": row.intent,
        "description": description,
        "phrases": _texts(phrases),
        "theme": theme,
        "x": x,
        "y": y,
        "status": [*(["new"] if is_new else []), *row.status],
        "first_seen": first_seen.isoformat() if first_seen else None,
        "volume": row.volume,
        "share": form["share"],
        "users": row.users,
        "weekly": form["weekly"],
        "acceptance": estimates["acceptance"],
        "smallest_change": row.smallest_change,
        "acceptance_weekly": form["acceptance_weekly"],
        "rework": estimates.get("rework"),
        "edit_rate": estimates.get("edit_rate"),
        "escalation": estimates.get("escalation"),
        "cases": row.cases,
        "eval_score": estimates["eval_score"],
        "distance": estimates["distance"],
        "lost": form["lost"],
        "conversations": conversations,
    }


def _most_asked(cohorts: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """The cohorts of an intent with the most known answers, in the order they came, and how many are left out."""
    largest = sorted(range(len(cohorts)), key=lambda i: (-cohorts[i]["raw"]["n"], i))[:_COHORTS]
    return {"by_cohort": [cohorts[i] for i in sorted(largest)], "more_cohorts": len(cohorts) - len(largest)}


def _texts(phrases: str | None) -> list[str]:
    import orjson

    found: list[str] = orjson.loads(phrases or "[]")
    return found


def _cohorts(database: Database, trust: Sequence[CohortTrust], *, weeks: int) -> list[dict[str, Json]]:
    known = {c.cohort: c for c in trust}
    rows = []
    for cohort in inputs.cohorts(database):
        name = cohort["cohort"]
        found = known.get(name)
        if found is None:
            continue
        summaries = metrics.summarise(database, "acceptance", where=f"cohort = '{name.replace(chr(39), chr(39) * 2)}'")
        form = found.to_json()
        total = summary_of(summaries.to_pylist()[0])
        least = least_change(total, weeks)
        rows.append({**cohort, "acceptance": rate(total).to_json(), "smallest_change": least, **form})
    return rows


def shown_conversations(database: Database, ids: Iterable[str]) -> dict[str, dict[str, Json]]:
    """Conversations as the page and `show conversation` show them, by id and in the order of the ids, each read once.

    Each is whole, with its first intent, its cohort and what became of its outputs; ids that are not stored are left out.
    """
    found = evidence.several(database, ids)
    cohort = metrics.dimensions(database)["cohort"]
    about = {
        conversation_id: {"intent": intent, "cohort": group}
        for conversation_id, intent, group in database.rows(
            f"""
            SELECT conversation_id, (SELECT arg_min(coalesce(i.label, a.intent_id, ''), a.request) FROM assignments a
                LEFT JOIN intents i USING (intent_id) WHERE a.conversation_id = c.conversation_id), {cohort}
            FROM conversations c WHERE conversation_id IN (SELECT unnest(?::VARCHAR[]))
            """,
            [list(found)],
        )
    }
    outcomes = evidence.outcomes(database, found)
    return {
        conversation_id: {
            **evidence.conversation_json(conversation),
            "intent": about[conversation_id]["intent"] or None,
            "cohort": about[conversation_id]["cohort"],
            "outcomes": outcomes.get(conversation_id, []),
            "actions": [_action_json(use, turn) for turn, use in _uses(conversation)],
        }
        for conversation_id, conversation in found.items()
    }


def _uses(conversation: Conversation) -> list[tuple[int | None, Use]]:
    """The actions in order, each with the turn whose output it is about."""
    answered = [turn for turn in conversation.turns if turn.agent]
    found = uses_by_turn(conversation, answered)
    if not answered:
        return [(a.turn, Use(a, a.kind, is_named=False)) for a in conversation.actions]
    pairs = [(turn, use) for turn, uses in found.items() for use in uses]
    return sorted(pairs, key=lambda pair: (pair[1].action.at, pair[1].action.action_id))


def _action_json(use: Use, turn: int | None) -> dict[str, Json]:
    """An action as it is shown. `compared` says that its text is what became of the output, or of `before` where there is one."""
    action = use.action
    form = {"at": evidence.instant(action.at), "kind": action.kind, "turn": turn, "artefact": action.artefact}
    if use.artefact is not None:
        form |= {"compared": True}
    if use.kind == EDITED and action.before:
        form |= {"before": action.before}
    return form


def _notes(counts: dict[str, Json], complete: date | None) -> list[str]:
    """What the reader should know of the limits of this report."""
    notes = []
    outputs, unknown = counts["outputs"], counts["unknown_outputs"]
    if counts["conversations"] and not counts["users"]:
        notes.append(
            "The conversations have no user ids, so no range can be given. Name the field that holds them: everyturn load … --user-id FIELD"
        )
    if outputs:
        notes.append(
            f"{unknown:,} of {counted(outputs, 'output')} ({percent(unknown / outputs)}) have no known outcome:"
            " nothing the user did or said shows whether they took the answer."
        )
    if not counts["actions"]:
        notes.append(
            "No actions are loaded, so answers that were redone later cannot be seen. Load them: everyturn load --as actions FILE"
        )
    if not counts["eval_cases"]:
        notes.append(
            "No evals are loaded, so there is nothing to compare users with. Load them: everyturn load --as evals FILE"
        )
    if counts["unclear_conversations"]:
        unclear = counted(counts["unclear_conversations"], "conversation")
        notes.append(f"No intent fits {unclear}; the intents leave them out.")
    if not counts.get("success_checks"):
        notes.append(
            "Whether tasks succeeded is not known: words alone cannot show it, and everyturn.toml holds no success check."
        )
    if complete is not None:
        notes.append(f"Trends end with the week of {complete.day} {complete:%B %Y}, the last finished one.")
    return notes
