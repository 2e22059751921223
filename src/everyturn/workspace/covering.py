"""The verb `cover`: what eval suites miss, which real requests to turn into cases, and the cases made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.choosing import Choice, Demand, choose
from everyturn.analysis.coverage import measure_coverage
from everyturn.analysis.suites import SuiteCase, Suites, inspect, read_words
from everyturn.engines import evidence, inputs
from everyturn.engines.local import Database
from everyturn.errors import InputError
from everyturn.intents import Discovery, assign
from everyturn.intents.grid import members
from everyturn.model import Conversation, Message, digest
from everyturn.outputs.cases import NewCase, upload_cases, write_cases
from everyturn.redact import mask, mask_json
from everyturn.signals.actions import uses_by_turn
from everyturn.signals.outcome import outcomes
from everyturn.stats.summaries import Codes
from everyturn.workspace.discovering import known
from everyturn.workspace.looking import evals_of, names_of, panel_of
from everyturn.workspace.result import Progress

# The number of requests per intent that are considered as cases: failed ones first, one per user.
CANDIDATES = 256
_TRIED = 1024  # requests of an intent that are read at a time
_RECENT = timedelta(weeks=8)  # cases of intents nobody has asked for in this time are stale
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
    """A request that is to become a case: its place, its intent, what a good answer does (`rubric`), and the coverage it adds.

    `turn` is the turn whose user message the case ends with, `failed_turn` the first turn whose answer failed, None if none did.
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
    """The fields of the `cover` result. With `write` or `upload` these include the new cases and the coverage with them.

    If no case can be made, nothing is written or sent, and a note says so.
    """
    panel, evals, names = panel_of(db), evals_of(db), names_of(db)
    requests = inputs.requests(db)
    inspected = inspect_suites(db, requests)
    result = {**measure_coverage(panel, evals, names).to_json(), **inspected.to_json()}
    if write is None and upload is None:
        return result
    progress("choosing cases", 0, None)
    proposals, notes = propose(db, requests, names, count=count)
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


def inspect_suites(db: Database, requests: pa.Table) -> Suites:
    """The stale and duplicate cases of the loaded suites."""
    cases = [
        SuiteCase(row["suite"], row["case_id"], row["input"], row["intent_id"]) for row in inputs.cases(db).to_pylist()
    ]
    texts = (text or "" for some in requests["text"].chunks for text in some.to_pylist())
    last = pc.max(requests["day"]).as_py()
    is_recent = pc.field("day").is_null() | (pc.field("day") > pa.scalar(last - _RECENT if last else None, pa.date32()))
    recent = frozenset(requests.filter(is_recent)["intent_id"].unique().to_pylist())
    return inspect(cases, texts, recent)


def demands_of(db: Database, requests: pa.Table) -> tuple[list[Demand], list[Codes], dict[int, int]]:
    """Each intent's requests in the form `choose` needs, their numbers among all requests, and the turn a case of each ends with.

    The weight of a request is its share of all requests plus, if its answer failed, its share of all failures. A request may only become
    a case if its own message is inside its intent, so that loading the case again gives the coverage that was predicted.
    """
    of = requests["intent_id"].combine_chunks().dictionary_encode()
    intents = sorted(of.dictionary.to_pylist())
    code = pc.index_in(of.dictionary, pa.array(intents, pa.string())).to_numpy()[of.indices.to_numpy()]
    failed = pc.is_valid(requests["failed_turn"]).to_numpy()
    weight = 1 / max(len(requests), 1) + failed / max(int(failed.sum()), 1)
    cases = inputs.cases(db).to_pylist()
    words = read_words(pc.fill_null(requests["text"], "").to_pylist(), [case["input"] or "" for case in cases])
    rows = list(members(code))
    turns: dict[int, int] = {}
    demands = []
    for intent, own, found in zip(intents, rows, _candidates(db, requests, rows), strict=True):
        turns |= {int(own[place]): turn for place, turn in found.items()}
        tested = [i for i, case in enumerate(cases) if case["intent_id"] == intent]
        demands.append(
            Demand(
                words.requests[own],
                weight[own],
                np.array([*found], dtype=np.int64),
                words.cases[tested] if tested else None,
            )
        )
    return demands, rows, turns


def propose(
    db: Database, requests: pa.Table, names: Mapping[str, str], *, count: int
) -> tuple[list[Proposal], list[str]]:
    """The next `count` requests to turn into cases, the one that adds most first, and notes on how they were chosen."""
    demands, rows, turns = demands_of(db, requests)
    found = []
    for choice in choose(demands, count):
        number = int(rows[choice.intent][choice.row])
        (row,) = requests.slice(number, 1).to_pylist()
        found.append(_proposal(row, turns[number], names, choice))
    full = sum(len(demand.candidates) == CANDIDATES for demand in demands)
    notes = [f"Of {full:,} intents the {CANDIDATES} most telling requests were looked at as cases."] if full else []
    if not found:
        notes.append(
            "No case could be made, so none is written: there is no request with words that is inside an intent and not tested as it is."
        )
    return found, notes


def _candidates(db: Database, requests: pa.Table, rows: Sequence[Codes]) -> list[dict[int, int]]:
    """For each intent, the requests that may become cases (as places in its `rows`), and the turn with which each case would end.

    Failed requests if there are any, one per user, up to `CANDIDATES`: those with the user's own version of the answer first, then the
    earliest. A number of requests of each intent is read at a time, until there are enough.
    """
    found: list[dict[int, tuple[int, int]]] = [{} for _ in rows]
    discovery = known(db)
    if discovery is None:
        return [{} for _ in rows]
    failed, turn = pc.is_valid(requests["failed_turn"]).to_numpy(), requests["turn"].to_numpy()
    is_kept = pc.fill_null(pc.equal(requests["evidence"], "artefact"), fill_value=False)
    has_text = pc.or_(is_kept, requests["reworked"]).to_numpy()  # whether the user's own version is known
    people = pc.coalesce(requests["user_id"], requests["conversation_id"]).combine_chunks().dictionary_encode()
    user = people.indices.to_numpy()
    for is_failed in (True, False):
        waiting: dict[int, Codes] = {}
        for intent, own in enumerate(rows):
            places = np.flatnonzero(failed[own] == is_failed)
            if len(places) and not found[intent]:
                best_first = np.lexsort((places, turn[own[places]], ~has_text[own[places]]))
                waiting[intent] = places[best_first]
        while waiting:
            tried = [
                (intent, place, int(rows[intent][place]))
                for intent, places in waiting.items()
                for place in places[:_TRIED].tolist()
                if int(user[rows[intent][place]]) not in found[intent]
            ]
            turns = _case_turns(db, discovery, requests, np.array([number for _, _, number in tried], np.int64))
            for intent, place, number in tried:
                if number in turns:
                    found[intent].setdefault(int(user[number]), (place, turns[number]))
            waiting = {
                intent: places[_TRIED:]
                for intent, places in waiting.items()
                if len(places) > _TRIED and len(found[intent]) < CANDIDATES
            }
    return [dict(sorted([*of_user.values()][:CANDIDATES])) for of_user in found]


def _case_turns(db: Database, discovery: Discovery, requests: pa.Table, numbers: Codes) -> dict[int, int]:
    """The turn with which the case of each request would end: the failed one if its message is inside the intent, else the first.

    Requests with neither of these messages inside their intent are left out.
    """
    some = requests.take(numbers)
    failed, first = some["failed_turn"], some["turn"]
    is_other = pc.fill_null(pc.not_equal(first, failed), fill_value=True)
    names = {name: some[name] for name in ("conversation_id", "intent_id")} | {"number": numbers}
    wanted = pa.concat_tables(
        [
            pa.table(names | {"turn": failed, "is_first": np.zeros(len(numbers), bool)}),
            pa.table(names | {"turn": first, "is_first": np.ones(len(numbers), bool)}).filter(is_other),
        ]
    )
    asked = inputs.said(db, wanted).to_pylist()
    placed, _ = assign([mask(row["content"]) for row in asked], discovery)
    found: dict[int, int] = {}
    for row, intent in zip(asked, placed, strict=True):
        if intent == row["intent_id"]:
            found.setdefault(row["number"], row["turn"])
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
    """A sentence on what went wrong and what a good answer does instead, without quoting anybody."""
    if row["failed_turn"] is None:
        return f"{_UNTESTED}."
    reason = _REWORKED if row["reworked"] else _REASONS.get((row["label"], row["evidence"]), _OBJECTED)
    later = row["failed_turn"] - turn
    return reason + (f", {later} turn{'s' if later > 1 else ''} later" if later > 0 else "") + "."


# --- proposals -> cases ------------------------------------------------------------------------------------------


def make_cases(db: Database, proposals: Sequence[Proposal]) -> list[NewCase]:
    """The proposed cases: the conversation up to the question, masked, and the user's own version of the answer if there is one."""
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
    calls = tuple(
        replace(call, arguments=orjson.loads(mask_json(orjson.dumps(call.arguments).decode())))
        for call in message.tool_calls
    )
    return replace(
        message, content=None if message.content is None else mask(message.content), at=None, tool_calls=calls
    )


def _correction(conversation: Conversation, proposal: Proposal) -> str | None:
    """The user's own version of the answer to the case's question; None if it is not known or they changed nothing."""
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
    """Raises InputError if the suites loaded have records but no case has an input, because they could cover nothing."""
    if not loaded["records"] or db.scalar("SELECT count(*) FROM eval_cases WHERE input <> ''"):
        return
    raise InputError(
        "no case has an input",
        where=", ".join(map(str, suites)),
        expected="an input, question or prompt in each case",
        try_="the file of the cases beside that of their scores",
    )
