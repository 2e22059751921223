"""The verb `report`: everything on the page in one object, with the conversations behind its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from everyturn.analysis.coverage import measure_coverage
from everyturn.analysis.gap import Gap, measure_gap
from everyturn.analysis.leading import leading_order
from everyturn.analysis.trust import CohortTrust, cohort_trust
from everyturn.analysis.words import counted, percent
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.local import Database
from everyturn.model import Json
from everyturn.stats import Estimate, NotEnough
from everyturn.version import __version__
from everyturn.workspace.discovering import known_embedder
from everyturn.workspace.looking import evals_of, findings_of, names_of, panel_of
from everyturn.workspace.measuring import UNASKED, acceptance_by, intents_by_cohort
from everyturn.workspace.observing import signals
from everyturn.workspace.result import Progress
from everyturn.workspace.separating import SEPARATED, contexts_of
from everyturn.workspace.shown import EXAMPLES, intent_json, shown_conversations

_FINDINGS = 5  # on the page; `watch` gives all
_FIRST = 20  # conversations on a page without findings or intents
_COHORTS = 8  # for each intent; `show intent` gives all

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
    ("Range", "Where the true value lies, with 95% confidence. Ranges count people rather than answers, because the answers of one person resemble each other. In the headline and the findings they stay valid however often you look, which makes them wider than elsewhere. Charts draw them as bars and bands."),
)  # fmt: skip


def report_on(database: Database, *, title: str, progress: Progress) -> dict[str, Json]:
    """The fields of the `report` result, from which the page is drawn. Intents must have been found."""
    panel, evals, names, asked = panel_of(database), evals_of(database), names_of(database), signals()
    progress("looking for changes", 0, None)
    gap = measure_gap(panel, evals, names)
    seen = findings_of(database)
    findings = seen["findings"][:_FINDINGS]
    arrived = {finding["intent_id"] for finding in seen["findings"] if finding["kind"] == "new_intent"}
    by_cohort, to_read = intents_by_cohort(database), evidence.examples_by_intent(database, limit=EXAMPLES)
    intents = [
        intent_json(database, row.to_json(), to_read.get(row.intent_id, ()), is_new=row.intent_id in arrived)
        | _most_asked(by_cohort.get(row.intent_id, []))
        for row in gap.rows
    ]
    contexts = [context for name in SEPARATED for context in contexts_of(database, asked[name])]
    counts, complete = inputs.counts(database), metrics.last_complete_week(database)
    read = [item["conversations"] for item in (*findings, *intents, *contexts)]
    # where nothing points to any conversation yet, the latest are there to read
    ids = [*chain.from_iterable(read)] or evidence.latest(database, limit=_FIRST)
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
        "findings": findings,
        "more_findings": [
            {name: finding[name] for name in ("id", "title", "tier")} for finding in seen["findings"][_FINDINGS:]
        ],
        "watch": seen["sentence"],
        "blind_spots": seen["blind_spots"],
        "intents": intents,
        "contexts": contexts,
        "cohorts": _cohorts(database, cohort_trust(panel)),
        "trust_order": [order.to_json() for order in leading_order(panel)],
        "coverage": measure_coverage(panel, evals, names).to_json(),
        "conversations": shown_conversations(database, ids),
        "notes": _notes(counts, complete if panel.complete > 0 else None),
        "definitions": [{"term": term, "meaning": meaning} for term, meaning in DEFINITIONS],
        "provenance": {
            "embedder": known_embedder(database),
            "signals": {name: signal.version for name, signal in asked.items()},
            "window_days": 7,
            "version": __version__,
        },
    }


def _period(database: Database) -> dict[str, Json]:
    first, last = database.rows("SELECT min(started_at)::DATE, max(started_at)::DATE FROM conversations")[0]
    return {"from": first.isoformat() if first else None, "to": last.isoformat() if last else None}


def _sentence(gap: Gap, counts: dict[str, Json]) -> str:
    """The first line of the page, depending on what is known."""
    if counts["conversations"] and not counts["users"]:
        return "No conversation has a user id, so what users keep is not known."
    head = gap.headline
    take = "keep" if counts["actions"] else "accept"  # what was redone later is not known without actions
    kept, score = (percent(e.value) if isinstance(e, Estimate) else None for e in (head.kept, head.eval_score))
    if kept and score:
        return f"Evals say {score}. Users {take} {kept} of what the agent gives them."
    if kept:
        absent = "No eval scores" if counts["eval_cases"] else "No evals"
        return f"Users {take} {kept} of what the agent gives them. {absent} are loaded to compare with."
    if score:
        return f"Evals say {score}. What users did with the answers is not known yet."
    if isinstance(head.acceptance, NotEnough) and counts["conversations"]:
        few = counted(head.acceptance.users, "user")
        return (
            f"Too few users to say what they keep: {few} with a known outcome so far, {head.acceptance.needed} needed."
        )
    return "Not enough is known yet to say what users keep."


def _most_asked(cohorts: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """The cohorts of an intent with the most known answers, in their original order, and how many are left out."""
    largest = sorted(range(len(cohorts)), key=lambda i: (-cohorts[i]["raw"]["n"], i))[:_COHORTS]
    return {"by_cohort": [cohorts[i] for i in sorted(largest)], "more_cohorts": len(cohorts) - len(largest)}


def _cohorts(database: Database, trust: Sequence[CohortTrust]) -> list[dict[str, Json]]:
    """All cohorts whose trust is known, the largest first."""
    known = {each.cohort: each.to_json() for each in trust}
    taken = acceptance_by(database, "cohort")
    return [
        {**cohort, **taken.get(name, UNASKED), "users": cohort["users"], **known[name]}
        for cohort in inputs.cohorts(database)
        if (name := cohort["cohort"]) in known
    ]


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
    if days := counts["horizon_days"]:
        notes.append(
            f"{counts['coming_outputs']:,} of these are still coming in: outputs count once they are {counted(days, 'day')} old,"
            " because answers that were taken and answers that were not become known at different speeds. Trends of acceptance end before them."
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
