"""Coverage and the cases that close its gap: what the suites miss, which real requests to make cases of, and the cases made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from everyturn.analysis.choosing import Choice, Demand, choose
from everyturn.analysis.coverage import measure_coverage
from everyturn.analysis.suites import SuiteCase, Suites, Words, inspect, read_words
from everyturn.engines import evidence, inputs
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.intents import assign
from everyturn.model import Conversation, Message, digest
from everyturn.outputs.cases import NewCase, upload_cases, write_cases
from everyturn.redact import mask, mask_json
from everyturn.signals.actions import uses_by_turn
from everyturn.signals.outcome import outcomes
from everyturn.stats.summaries import Codes
from everyturn.workspace.discovering import known
from everyturn.workspace.looking import evals_of, names_of, panel_of
from everyturn.workspace.result import Progress

# Of each intent: those that failed first, one a user; the rest of it is still what they must stand for.
CANDIDATES = 256
_RECENT = timedelta(weeks=8)  # an intent nobody asked for within it is stale
_OBJECTED = "A good answer does what was asked the first time: here the user objected to the answer"
_REASONS: Mapping[tuple[str, str | None], str] = {
    ("rejected", "words"): _OBJECTED,
    ("rejected", "action"): "A good answer is kept: here the user rated it down or turned it away",
    ("rejected", "artefact"): "A good answer can be used: here nearly nothing of it was",
    ("rejected", "silence"): "An answer has to be given: here there was none",
    ("abandoned", "silence"): "A good answer moves the matter on: here the user left without having what they came for",
    ("edited", "artefact"): "A good answer can be used as it stands: here the user changed it before using it",
    ("edited", "action"): "A good answer can be used as it stands: here the user changed it before using it",
}
_REWORKED = "A good answer stands: here the user accepted it and then did it over elsewhere"
_UNTESTED = "A good answer gives the user what they ask for; no failure was seen here, and nothing tests it yet"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One request to make a case of: where it stands, its intent, how it failed, and what it adds.

    `turn` is the turn whose user message the case ends with, `failed_turn` the first whose answer failed.
    """

    conversation_id: str
    request: int
    turn: int
    failed_turn: int | None
    intent_id: str
    intent: str
    rubric: str
    gain: float


def cover(
    db: Database, *, write: str | Path | None, to: str, count: int, upload: str | None, progress: Progress
) -> dict[str, Any]:
    """Coverage and what is wrong with the suites; with `write` or `upload`, the next cases, where they went, and coverage with them.

    Where no case can be made nothing is written or sent, and a note says so.
    """
    panel, evals, names = panel_of(db), evals_of(db), names_of(db)
    inspected, words, requests = inspect_suites(db)
    result = {**measure_coverage(panel, evals, names).to_json(), **inspected.to_json()}
    if write is None and upload is None:
        return result
    progress("choosing cases", 0, None)
    proposals, notes = propose(db, requests, words, names, count=count)
    cases = make_cases(db, proposals)
    result["proposed"] = [
        {"case_id": c.case_id, "conversation_id": p.conversation_id, "turn": p.turn, "intent": p.intent,
         "intent_id": p.intent_id, "gain": round(p.gain, 6), "rubric": p.rubric, "has_expected": c.expected is not None}
        for p, c in zip(proposals, cases, strict=True)
    ]  # fmt: skip
    if cases:
        added = Counter(proposal.intent_id for proposal in proposals)
        result["predicted"] = measure_coverage(panel, evals, names, also=added).to_json()
    result["notes"] = notes
    if cases and write is not None:
        files = write_cases(cases, write, to=to)
        result["written"] = {"file": str(write), "to": to, "cases": len(cases), "files": [str(f) for f in files]}
    if cases and upload is not None:
        result["uploaded"] = {"dataset": upload, "to": to, "cases": upload_cases(cases, upload, to=to)}
    return result


def inspect_suites(db: Database) -> tuple[Suites, Words, list[dict[str, Any]]]:
    """What is wrong with the loaded suites, the words of requests and cases, and the requests themselves."""
    requests = inputs.requests(db).to_pylist()
    cases = [
        SuiteCase(row["suite"], row["case_id"], row["input"], row["intent_id"]) for row in inputs.cases(db).to_pylist()
    ]
    words = read_words([row["text"] or "" for row in requests], [case.text or "" for case in cases])
    days = [row["day"] for row in requests if row["day"] is not None]
    since = max(days) - _RECENT if days else None
    recent = frozenset(r["intent_id"] for r in requests if since is None or r["day"] is None or r["day"] > since)
    return inspect(cases, words, recent), words, requests


def demands_of(
    db: Database, requests: Sequence[Mapping[str, Any]], words: Words
) -> tuple[list[Demand], list[Codes], dict[int, int]]:
    """Each intent's requests as they are to be stood for, their places among all requests, and the turn a case of each ends with.

    A request weighs its share of all requests, and where its answer failed its share of all failures too. Only a request
    whose own message is inside its intent may become a case: then reading the case back covers what was predicted.
    """
    of = np.array([row["intent_id"] for row in requests])
    failed = np.array([row["failed_turn"] is not None for row in requests], dtype=bool)
    weight = 1 / max(len(requests), 1) + failed / max(int(failed.sum()), 1)
    cases = inputs.cases(db)["intent_id"].to_pylist()
    turns = _case_turns(db, requests)
    demands, rows = [], []
    for intent in sorted(set(of.tolist())):
        own = np.flatnonzero(of == intent)
        able = np.array([i for i, r in enumerate(own) if r in turns], dtype=np.int64)
        tested = [i for i, case in enumerate(cases) if case == intent]
        demands.append(
            Demand(
                words.requests[own],
                weight[own],
                _candidates(able, own, requests),
                words.cases[tested] if tested else None,
            )
        )
        rows.append(own)
    return demands, rows, turns


def propose(
    db: Database, requests: Sequence[Mapping[str, Any]], words: Words, names: Mapping[str, str], *, count: int
) -> tuple[list[Proposal], list[str]]:
    """The next `count` requests to make cases of, the one that adds most first, and what to know of how they were found."""
    demands, rows, turns = demands_of(db, requests, words)
    found = []
    for choice in choose(demands, count):
        number = int(rows[choice.intent][choice.row])
        found.append(_proposal(requests[number], turns[number], names, choice))
    full = sum(len(demand.candidates) == CANDIDATES for demand in demands)
    notes = [f"Of {full:,} intents the {CANDIDATES} most telling requests were looked at as cases."] if full else []
    if not found:
        notes.append(
            "No case could be made, so none is written: there is no request with words that is inside an intent and not tested as it is."
        )
    return found, notes


def _candidates(able: Codes, own: Codes, requests: Sequence[Mapping[str, Any]]) -> Codes:
    """The rows of an intent that may become cases: the failures where there are any, one a user, up to `CANDIDATES`."""
    rows = [(int(i), requests[int(own[i])]) for i in able]
    failures = [(i, row) for i, row in rows if row["failed_turn"] is not None]
    by_user: dict[str, int] = {}
    for i, row in sorted(failures or rows, key=lambda r: (not _has_text(r[1]), r[1]["turn"], r[0])):
        by_user.setdefault(row["user_id"] or row["conversation_id"], i)
    return np.array(sorted(list(by_user.values())[:CANDIDATES]), dtype=np.int64)


def _has_text(row: Mapping[str, Any]) -> bool:
    """Whether the user's own version of the answer is known."""
    return bool(row["evidence"] == "artefact" or row["reworked"])


def _case_turns(db: Database, requests: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """The turn each request's case would end with: the one that failed if its message is inside the intent, else the first.

    Requests neither of whose messages is inside their intent are left out.
    """
    discovery = known(db)
    if discovery is None:
        return {}
    wanted = [
        (i, turn)
        for i, r in enumerate(requests)
        for turn in dict.fromkeys((r["failed_turn"], r["turn"]))
        if turn is not None
    ]
    texts = {
        (conversation, turn): content
        for conversation, turn, content in db.rows(
            "SELECT conversation_id, turn, content FROM messages WHERE role = 'user' AND content <> '' AND turn IS NOT NULL"
        )
    }
    asked = [(i, turn, texts[key]) for i, turn in wanted if (key := (requests[i]["conversation_id"], turn)) in texts]
    placed, _ = assign([mask(text) for _, _, text in asked], discovery)
    found: dict[int, int] = {}
    for (i, turn, _), intent in zip(asked, placed, strict=True):
        if intent == requests[i]["intent_id"]:
            found.setdefault(i, turn)
    return found


def _proposal(row: Mapping[str, Any], turn: int, names: Mapping[str, str], choice: Choice) -> Proposal:
    intent_id = row["intent_id"]
    return Proposal(
        conversation_id=row["conversation_id"],
        request=row["request"],
        turn=turn,
        failed_turn=row["failed_turn"],
        intent_id=intent_id,
        intent=names.get(intent_id, intent_id),
        rubric=_rubric(row, turn),
        gain=choice.gain,
    )


def _rubric(row: Mapping[str, Any], turn: int) -> str:
    """One sentence on what went wrong and what a good answer does instead; it quotes nobody."""
    if row["failed_turn"] is None:
        return f"{_UNTESTED}."
    reason = _REWORKED if row["reworked"] else _REASONS.get((row["label"], row["evidence"]), _OBJECTED)
    later = row["failed_turn"] - turn
    return reason + (f", {later} turn{'s' if later > 1 else ''} later" if later > 0 else "") + "."


# --- proposals -> cases ------------------------------------------------------------------------------------------


def make_cases(db: Database, proposals: Sequence[Proposal]) -> list[NewCase]:
    """The proposed cases whole: what the agent saw, masked, and the user's own version where there is one."""
    found = evidence.several(db, (proposal.conversation_id for proposal in proposals))
    return [_case(found[p.conversation_id], p) for p in proposals if p.conversation_id in found]


def _case(conversation: Conversation, proposal: Proposal) -> NewCase:
    messages: list[Message] = []
    turn = -1
    for message in conversation.messages:
        turn += message.role == "user"
        if turn > proposal.turn:
            break
        messages.append(_masked(message))
        if message.role == "user" and turn == proposal.turn:
            break
    metadata = {
        "intent": proposal.intent,
        "conversation_id": proposal.conversation_id,
        "turn": str(proposal.turn),
        "gain": f"{proposal.gain:.6f}",
    }
    return NewCase(
        f"case-{digest(proposal.conversation_id, str(proposal.request))[:12]}",
        tuple(messages),
        _correction(conversation, proposal),
        proposal.rubric,
        metadata,
    )


def _masked(message: Message) -> Message:
    import orjson

    calls = tuple(
        replace(call, arguments=orjson.loads(mask_json(orjson.dumps(call.arguments).decode())))
        for call in message.tool_calls
    )
    return replace(
        message, content=None if message.content is None else mask(message.content), at=None, tool_calls=calls
    )


def _correction(conversation: Conversation, proposal: Proposal) -> str | None:
    """What the user made of the answer to the case's question, None where that is not known or they changed nothing."""
    if proposal.failed_turn != proposal.turn:
        return None
    answered = [turn for turn in conversation.turns if turn.agent]
    uses = uses_by_turn(conversation, answered).get(proposal.turn, [])
    shown = [use.artefact for use in uses if use.artefact is not None]
    outcome = next((o for o in outcomes(conversation) if o.turn == proposal.turn), None)
    if not shown or outcome is None or outcome.grade == "as-is":
        return None
    return mask(shown[-1])


def require_inputs(db: Database, loaded: Mapping[str, Any], suites: Sequence[object]) -> None:
    """An error where the suites named hold records and no case has an input: they could cover nothing."""
    if not loaded["records"] or db.scalar("SELECT count(*) FROM eval_cases WHERE input <> ''"):
        return
    raise InputError(
        "no case has an input",
        where=", ".join(map(str, suites)),
        expected="an input, question or prompt in each case",
        try_="the file of the cases beside that of their scores",
    )
