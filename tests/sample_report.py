"""A report as a team of some two thousand users would get it, and the same with data missing. Seeded; nobody in it exists."""

from __future__ import annotations

import copy
import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np

WEEKS = [date(2025, 3, 3) + timedelta(weeks=i) for i in range(10)]  # the last one ends after the data
HOSTILE = '</script><img src=x onerror="document.title=1"> & \u2028 <b>'

# name, what users say, share, first and last acceptance, rework, eval cases, eval score, since week (or None)
_INTENTS: list[tuple[str, list[str], float, float, float, float, int, float | None, int | None]] = [
    (
        "Dispute a charge",
        ["i was billed twice for march", "this charge isn't mine", "why two payments on the 4th"],
        0.101,
        0.52,
        0.31,
        0.19,
        0,
        None,
        3,
    ),
    (
        "Change a booked delivery",
        ["move my delivery to thursday", "can the driver come after six", "reschedule please"],
        0.122,
        0.71,
        0.44,
        0.22,
        24,
        0.95,
        4,
    ),
    (
        "Export for the accountant",
        ["csv of all invoices 2024", "need the vat summary", "export doesn't open in excel"],
        0.061,
        0.49,
        0.38,
        0.31,
        3,
        0.93,
        None,
    ),
    (
        "Order status",
        ["where is my order", "has it shipped yet", "tracking says nothing"],
        0.194,
        0.84,
        0.83,
        0.05,
        52,
        0.97,
        None,
    ),
    ("Refund status", ["when do i get my money back", "refund still pending"], 0.107, 0.74, 0.72, 0.09, 31, 0.96, None),
    ("Reset a password", ["can't log in", "reset link expired"], 0.083, 0.91, 0.90, 0.02, 28, 0.98, None),
    (
        "Write a product description",
        ["make it shorter", "description for the oak table", "less salesy"],
        0.078,
        0.66,
        0.63,
        0.34,
        18,
        0.92,
        None,
    ),
    (
        "Compare two plans",
        ["team or business plan", "what do i lose if i downgrade"],
        0.057,
        0.70,
        0.69,
        0.08,
        14,
        0.94,
        None,
    ),
    (
        "Bulk price update",
        ["raise all prices by 4%", "change vat on 300 items"],
        0.044,
        0.41,
        0.39,
        0.16,
        0,
        None,
        None,
    ),
    (
        "Cancel a subscription",
        ["cancel at the end of the month", "stop my plan"],
        0.048,
        0.77,
        0.75,
        0.06,
        17,
        0.91,
        None,
    ),
    (
        "Connect a warehouse scanner",
        ["scanner not pairing", "which port for the zebra"],
        0.038,
        0.36,
        0.35,
        0.12,
        0,
        None,
        6,
    ),
    ("Tax form for a marketplace", ["dac7 form", "which tax id do they want"], 0.0006, 0.5, 0.5, 0.1, 0, None, None),
]


def estimate(value: float, n: int, *, unknown: int = 0, users: int | None = None) -> dict[str, Any]:
    """An estimate with a range of the width users give."""
    people = max(1, n // 4) if users is None else users
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.01) / people)
    low, high = max(0.0, value - half), min(1.0, value + half)
    return {
        "value": value,
        "low": low,
        "high": high,
        "level": 0.95,
        "users": people,
        "n": n,
        "unknown": unknown,
        "method": "user-clustered t",
    }


def not_enough(users: int, needed: int = 10) -> dict[str, Any]:
    return {"not_enough": {"users": users, "needed": needed}}


def _weekly(first: float, last: float, n: int, since: int | None, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for i, week in enumerate(WEEKS):
        if since is None:
            level = first + (last - first) * i / 9
        else:
            level = first if i < since else last + (first - last) * 0.5 ** (i - since + 1)
        here = max(4, int(n * (0.45 if i == 9 else 1.0) * rng.uniform(0.85, 1.15)))
        value = float(np.clip(level + rng.normal(0, 0.5 / math.sqrt(here)), 0.02, 0.98))
        half = 1.96 * math.sqrt(value * (1 - value) / here) * 1.25
        rows.append(
            {
                "week": week.isoformat(),
                "value": value,
                "low": max(0, value - half),
                "high": min(1, value + half),
                "n": here,
            }
        )
    return rows


def _counts(total: int, since: int | None, rng: np.random.Generator, *, new: bool) -> list[dict[str, Any]]:
    weights = np.array(
        [(1.0 if not new else 0.02 if i < (since or 0) else 0.6 + 0.25 * (i - (since or 0))) for i in range(10)]
    )
    weights *= rng.uniform(0.9, 1.1, 10)
    weights[9] *= 0.45
    counts = np.round(total * weights / weights.sum()).astype(int)
    return [{"week": week.isoformat(), "n": int(n)} for week, n in zip(WEEKS, counts, strict=True)]


def sample_report() -> dict[str, Any]:
    """The whole report: 12 intents, 10 weeks, 5 findings, 4 cohorts, 20 conversations."""
    rng = np.random.default_rng(7)
    conversations = _conversations()
    by_intent: dict[str, list[str]] = {}
    for key, conversation in conversations.items():
        by_intent.setdefault(conversation["intent"], []).append(key)
    intents = []
    for number, (name, phrases, share, first, last, rework, cases, score, since) in enumerate(_INTENTS):
        volume = round(share * 12480)
        weekly = _weekly(first, last, volume // 10, since, rng)
        rare = volume < 20
        known = int(volume * 1.2)
        value = sum(row["value"] * row["n"] for row in weekly) / sum(row["n"] for row in weekly)
        acceptance = not_enough(4) if rare else estimate(value, known, unknown=int(volume * 0.24))
        status = (["new"] if name == "Connect a warehouse scanner" else []) + (
            ["rising"] if name == "Dispute a charge" else []
        )
        intents.append(
            {
                "intent_id": f"i{number:02d}",
                "intent": name,
                "description": f"Requests like “{phrases[0]}”, asked by {volume // 4:,} users.",
                "phrases": phrases,
                "theme": ("Money", "Orders", "Settings")[number % 3],
                "x": round(math.cos(2.4 * number) * math.sqrt(number / 12), 4),
                "y": round(math.sin(2.4 * number) * math.sqrt(number / 12), 4),
                "status": status + (["no eval cases"] if cases == 0 else []),
                "smallest_change": None if rare else 0.08,
                "by_cohort": [
                    {
                        "group": {"cohort": cohort},
                        "raw": {"value": shares, "n": answers, "unknown": 2},
                        "drawn": estimate(value, answers),
                    }
                    for cohort, shares, answers in (("Enterprise", 0.6, 120), ("Trial", 0.25, 4))
                    if not rare
                ],
                "more_cohorts": 0 if number else 3,
                "volume": volume,
                "share": share,
                "weekly": _counts(volume, since, rng, new=name == "Connect a warehouse scanner"),
                "acceptance": acceptance,
                "acceptance_weekly": [] if rare else weekly,
                "rework": not_enough(4)
                if rare
                else estimate(rework, int(known * value * 0.8), unknown=int(known * value * 0.1)),
                "edit_rate": not_enough(4) if rare else estimate(min(0.9, rework * 1.3), int(known * value)),
                "escalation": not_enough(4) if rare else estimate(min(0.5, (1 - value) * 0.3), volume),
                "cases": cases,
                "eval_score": estimate(score, cases, users=cases) if score is not None else None,
                "distance": {"value": score - value, "low": score - value - 0.06, "high": score - value + 0.06}
                if score is not None
                else None,
                "conversations": by_intent.get(name, []),
            }
        )
    by_name = {intent["intent"]: intent for intent in intents}
    cohorts = [
        _cohort("Enterprise", 312, 3890, 0.74, 0.49, 4, rng),
        _cohort("Mid-market", 604, 4310, 0.71, 0.70, None, rng),
        _cohort("Small shops", 1109, 3950, 0.66, 0.67, None, rng),
        _cohort("Trial", 115, 330, 0.58, 0.57, None, rng),
    ]
    keys = list(conversations)
    return {
        "schema": "everyturn/1",
        "verb": "report",
        "title": "Northwind support agent",
        "generated_at": "2025-05-09T06:00:00+00:00",
        "period": {
            "from": "2025-03-03",
            "to": "2025-05-08",
            "weeks": [w.isoformat() for w in WEEKS],
            "complete_until": "2025-05-08",
        },
        "counts": {
            "conversations": 12480,
            "users": 2140,
            "outputs": 19204,
            "unknown_outputs": 4310,
            "actions": 8841,
            "eval_cases": 187,
            "intents": 12,
            "unclear_conversations": 811,
        },
        "dashboard": {
            "latency_seconds": 1.84,
            "error_rate": 0.0038,
            "steps": 61300,
            "completion_rate": 0.9921,
            "turns": 19204,
        },
        "headline": {
            "eval_score": estimate(0.94, 187, users=187),
            "eval_runs": [
                {
                    "run_id": f"run-{i}",
                    "at": f"2025-0{3 + i // 2}-{3 + 13 * (i % 2):02d}T08:00:00+00:00",
                    "score": s,
                    "cases": 187,
                }
                for i, s in enumerate((0.93, 0.94, 0.94, 0.94, 0.94))
            ],
            "acceptance": estimate(0.712, 14894, unknown=4310, users=2140),
            "kept": estimate(0.624, 14120, unknown=5084, users=2118),
            "rework": estimate(0.127, 9830, unknown=774, users=1874),
            "edit_rate": estimate(0.214, 13491, users=2096),
            "sentence": "Evals say 94%. Users keep 62% of what the agent gives them.",
        },
        "findings": [
            {
                "id": "f-7c1e",
                "kind": "level",
                "signal": "acceptance",
                "cohort": None,
                "intent": "Change a booked delivery",
                "since": "2025-03-31",
                "found_at": "2025-04-17",
                "size": -0.27,
                "low": -0.33,
                "high": -0.21,
                "title": "Delivery changes stopped working for users",
                "sentence": "Users accept 44% of the answers about changing a delivery, 27 points less than before the week of 31 March, while its 24 eval cases kept scoring 95%.",
                "details": [
                    "The drop is in the rate, not in what users ask for: the mix of intents moved it by 1 point.",
                    "It hits all cohorts alike.",
                ],
                "series": by_name["Change a booked delivery"]["acceptance_weekly"],
                "unit": "rate",
                "conversations": keys[0:5],
            },
            {
                "id": "f-19ad",
                "kind": "level",
                "signal": "trust",
                "cohort": "Enterprise",
                "intent": None,
                "since": "2025-03-31",
                "found_at": "2025-04-24",
                "size": -0.22,
                "low": -0.29,
                "high": -0.15,
                "title": "Enterprise users check more",
                "sentence": "Enterprise users still come as often, but act on answers without checking them 22 points less than before the week of 31 March.",
                "details": ["Questions for sources doubled; edits got deeper, from 18% to 33% of the text."],
                "series": [
                    {"week": r["week"], "value": r["value"], "low": r["low"], "high": r["high"], "n": r["users"]}
                    for r in cohorts[0]["trust_weekly"]
                ],
                "unit": "rate",
                "conversations": keys[5:10],
            },
            {
                "id": "f-c402",
                "kind": "new_intent",
                "signal": None,
                "cohort": None,
                "intent": "Connect a warehouse scanner",
                "since": "2025-04-14",
                "found_at": "2025-04-23",
                "size": 0.071,
                "low": 0.062,
                "high": 0.081,
                "title": "A new request: warehouse scanners",
                "sentence": "Since the week of 14 April users ask how to connect a warehouse scanner; no eval case tests it and 35% accept the answer.",
                "details": [],
                "series": [
                    {
                        "week": r["week"],
                        "value": r["n"] / 1350,
                        "low": max(0, r["n"] / 1350 - 0.012),
                        "high": r["n"] / 1350 + 0.012,
                        "n": 1350 if i < 9 else 600,
                    }
                    for i, r in enumerate(by_name["Connect a warehouse scanner"]["weekly"])
                ],
                "unit": "share",
                "conversations": keys[10:13],
            },
            {
                "id": "f-55b0",
                "kind": "level",
                "signal": "rework",
                "cohort": None,
                "intent": "Export for the accountant",
                "since": "2025-03-17",
                "found_at": "2025-04-02",
                "size": 0.18,
                "low": 0.10,
                "high": 0.26,
                "title": "Exports are redone in the spreadsheet",
                "sentence": "31% of the exports users accepted were redone within 7 days, 18 points more than before the week of 17 March.",
                "details": ["Most saved files keep less than half of what the agent wrote."],
                "series": _weekly(0.13, 0.36, 68, 2, rng),
                "unit": "rate",
                "conversations": keys[13:16],
            },
            {
                "id": "f-e8f3",
                "kind": "gap",
                "signal": "acceptance",
                "cohort": None,
                "intent": "Dispute a charge",
                "since": None,
                "found_at": "2025-05-08",
                "size": 0.56,
                "low": 0.51,
                "high": 0.61,
                "title": "Nobody tests disputes",
                "sentence": "One conversation in ten disputes a charge; none of the 187 eval cases covers it and 38% of the answers are accepted, where evals say 94%.",
                "details": [],
                "series": by_name["Dispute a charge"]["acceptance_weekly"],
                "unit": "rate",
                "conversations": [*keys[16:20], "c-9999"],
            },
        ],
        "more_findings": [{"id": "f-6", "title": "Trial: accepted less often", "tier": "list"}],
        "blind_spots": [
            {
                "kind": "cohort",
                "sentence": "In 1 of 3 cohorts a fall of acceptance by 10 points could go unseen: Trial.",
            }
        ],
        "intents": intents,
        "cohorts": cohorts,
        "trust_order": [
            {
                "cohort": None,
                "first": "trust",
                "sentence": "Trust fell before use: 31 users who left had relied less before.",
            },
            {"cohort": "Trial", "first": "unclear", "sentence": "No order shows: 12 users left."},
            {"cohort": "Enterprise", "first": "use", "sentence": "Use fell first: 14 users left."},
        ],
        "coverage": {
            "in_depth": {"value": 0.61, "low": 0.60, "high": 0.62, "users": 2118, "n": 18640, "unknown": 0},
            "thin": [{"intent": "Change a booking", "cases": 3, "outputs": 1204, "smallest_fall": None}],
            "coverage": 0.748,
            "low": 0.739,
            "high": 0.757,
            "estimate": {"value": 0.748, "low": 0.739, "high": 0.757, "users": 2118, "n": 18640, "unknown": 0},
            "uncovered": [
                {"intent": i["intent"], "share": i["share"], "acceptance": i["acceptance"]}
                for i in sorted(intents, key=lambda i: -i["share"])
                if not i["cases"]
            ],
        },
        "conversations": conversations,
        "notes": [
            "Whether a task succeeded outside the conversation is not verifiable from words; no success check is registered.",
            "Actions come from mail and the help desk. What users redid by hand elsewhere is not seen.",
            "The week of 5 May is not over: it is drawn hatched and enters no finding.",
        ],
        "definitions": [
            {"term": "Output", "meaning": "What the agent finally gave the user in a turn."},
            {
                "term": "Accepted",
                "meaning": "The user took the output: an action, a rating or their next words say so. Rate: accepted / outputs with a known outcome.",
            },
            {"term": "Kept", "meaning": "Accepted, and not redone within 7 days."},
            {
                "term": "Shadow rework",
                "meaning": "Accepted in the conversation, then redone elsewhere: less than half of it survives, it was reverted, or a person was asked for the same.",
            },
            {
                "term": "Trust",
                "meaning": "How often users act on an output without checking it. Inferred from what they do, never claimed as a feeling.",
            },
            {"term": "Gap", "meaning": "Eval score minus acceptance, in percentage points."},
        ],
        "provenance": {
            "embedder": "hashed words",
            "signals": {"acceptance": 1, "edits": 1, "rework": 1, "trust": 1},
            "window_days": 7,
            "version": "0.1.0",
        },
    }


def _cohort(
    name: str, users: int, conversations: int, first: float, last: float, since: int | None, rng: np.random.Generator
) -> dict[str, Any]:
    weekly = [
        {"week": r["week"], "value": r["value"], "low": r["low"], "high": r["high"], "users": r["n"]}
        for r in _weekly(first, last, users // 2, since, rng)
    ]
    recent = sum(r["value"] for r in weekly[-4:-1]) / 3
    return {
        "cohort": name,
        "users": users,
        "conversations": conversations,
        "acceptance": estimate(recent + 0.04, conversations, unknown=conversations // 5, users=users),
        "trust": estimate(recent, conversations, users=users),
        "trust_weekly": weekly,
    }


def _conversations() -> dict[str, Any]:
    scripts = [
        (
            "Change a booked delivery",
            "Enterprise",
            "Please move delivery 88213 to Thursday after 18:00.",
            "Your delivery 88213 has been moved to Thursday. You will receive a confirmation by mail.",
            "It still says Tuesday. After six, not in the morning!",
            "rejected",
            "words",
        ),
        (
            "Dispute a charge",
            "Small shops",
            "I was billed twice for March, 49.00 each.",
            "You can find all charges under Billing > History. Charges are explained in our pricing guide.",
            "That does not answer my question. I want one of them back.",
            "rejected",
            "words",
        ),
        (
            "Export for the accountant",
            "Mid-market",
            "CSV of all 2024 invoices with VAT per line please.",
            "Here is your export:\n\ninvoice,date,net,vat,gross\n10021,2024-01-04,120.00,22.80,142.80\n10022,2024-01-09,80.00,15.20,95.20\n…\n\nThe file has 1,204 lines.",
            "thanks",
            "accepted",
            "words",
        ),
        (
            "Connect a warehouse scanner",
            "Enterprise",
            "Which port does the handheld scanner need on the label printer network?",
            "I do not have details on scanners. Could you tell me which model you use?",
            None,
            "abandoned",
            "silence",
        ),
        (
            "Order status",
            "Trial",
            "where is my order 55120",
            "Order 55120 left our warehouse yesterday and arrives on Friday.",
            "great, thank you",
            "accepted",
            "words",
        ),
    ]
    conversations = {}
    for i in range(20):
        intent, cohort, asked, answered, reply, outcome, evidence = scripts[i % 5] if i >= 5 else scripts[0]
        started = datetime(2025, 4, 7, 9, 12, tzinfo=timezone.utc) + timedelta(hours=31 * i)  # noqa: UP017
        key = f"c-{i + 1}"
        messages: list[dict[str, Any]] = [
            {
                "role": "system",
                "content": "You are the support agent of Northwind. Be brief and correct.",
                "at": started.isoformat(),
            },
            {"role": "user", "content": asked if i != 19 else f"{asked} {HOSTILE}", "at": started.isoformat()},
            {
                "role": "assistant",
                "content": None,
                "at": started.isoformat(),
                "tool_calls": [{"name": "look_up", "arguments": {"account": f"u{400 + i:04d}", "about": intent}}],
            },
            {"role": "tool", "name": "look_up", "content": '{"found": true, "records": 3}', "at": started.isoformat()},
            {"role": "assistant", "content": answered, "at": (started + timedelta(seconds=4)).isoformat()},
        ]
        outcomes = [
            {
                "turn": 0,
                "outcome": outcome,
                "evidence": evidence,
                "edit_share": None,
                "detail": "correction" if outcome == "rejected" else None,
            }
        ]
        if reply:
            messages.append({"role": "user", "content": reply, "at": (started + timedelta(minutes=2)).isoformat()})
            messages.append(
                {
                    "role": "assistant",
                    "content": "Is there anything else I can help you with?",
                    "at": (started + timedelta(minutes=2, seconds=3)).isoformat(),
                }
            )
            outcomes.append(
                {"turn": 1, "outcome": "unknown", "evidence": "silence", "edit_share": None, "detail": None}
            )
        actions = []
        if intent == "Export for the accountant":
            actions = [
                {
                    "at": (started + timedelta(days=1, hours=2)).isoformat(),
                    "kind": "saved",
                    "artefact": "Invoice;Date;Net;VAT;Gross\n10021;04.01.2024;120,00;22,80;142,80",
                },
                {"at": (started + timedelta(days=2)).isoformat(), "kind": "ticket_opened", "artefact": None},
            ]
        conversations[key] = {
            "conversation_id": key,
            "user_id": f"u{400 + i:04d}",
            "started_at": started.isoformat(),
            "intent": intent,
            "cohort": cohort,
            "attributes": {"agent_version": "2.4", "channel": "web"},
            "messages": messages,
            "outcomes": outcomes,
            "feedback": [{"name": "thumbs", "value": 0.0, "label": "down", "comment": "not what I asked", "turn": 0}]
            if i % 7 == 1
            else [],
            "actions": actions,
        }
    return conversations


def without_evals() -> dict[str, Any]:
    report = copy.deepcopy(sample_report())
    report["counts"]["eval_cases"] = 0
    report["headline"].update(eval_score=None, eval_runs=[], sentence="Users keep 62% of what the agent gives them.")
    for intent in report["intents"]:
        intent.update(
            cases=None, eval_score=None, distance=None, status=[s for s in intent["status"] if s != "no eval cases"]
        )
    report["coverage"] = None
    report["findings"] = [f for f in report["findings"] if f["kind"] != "gap"]
    return report


def without_actions() -> dict[str, Any]:
    report = copy.deepcopy(sample_report())
    report["counts"]["actions"] = 0
    report["headline"].update(
        kept=None, rework=None, sentence="Evals say 94%. Users accept 71% of what the agent gives them."
    )
    for intent in report["intents"]:
        intent["rework"] = None
    report["findings"] = [f for f in report["findings"] if f["signal"] != "rework"]
    return report


def with_few_users() -> dict[str, Any]:
    """Four users, six conversations: no rate can be given."""
    full = sample_report()
    conversations = dict(list(full["conversations"].items())[:6])
    intent = {
        **full["intents"][1],
        "volume": 6,
        "share": 1.0,
        "weekly": [{"week": "2025-03-03", "n": 6}],
        "acceptance": not_enough(4),
        "acceptance_weekly": [],
        "rework": not_enough(4),
        "edit_rate": not_enough(4),
        "escalation": not_enough(4),
        "cases": 3,
        "eval_score": None,
        "distance": None,
        "conversations": list(conversations),
    }
    return {
        "schema": "everyturn/1",
        "verb": "report",
        "title": "Northwind support agent",
        "generated_at": "2025-03-09T06:00:00+00:00",
        "period": {"from": "2025-03-03", "to": "2025-03-08", "weeks": ["2025-03-03"], "complete_until": "2025-03-08"},
        "counts": {
            "conversations": 6,
            "users": 4,
            "outputs": 11,
            "unknown_outputs": 5,
            "actions": 2,
            "eval_cases": 3,
            "intents": 1,
            "unclear_conversations": 0,
        },
        "dashboard": {"latency_seconds": 0.9, "error_rate": 0.0, "completion_rate": 1.0},
        "headline": {
            "eval_score": None,
            "eval_runs": [],
            "acceptance": not_enough(4),
            "kept": not_enough(4),
            "rework": not_enough(4),
            "edit_rate": not_enough(4),
            "sentence": None,
        },
        "findings": [],
        "intents": [intent],
        "cohorts": [],
        "coverage": {"coverage": None, "low": None, "high": None, "uncovered": []},
        "conversations": conversations,
        "notes": [],
        "definitions": [],
        "provenance": {},
    }


def with_nothing_found() -> dict[str, Any]:
    return {**sample_report(), "findings": []}


def empty() -> dict[str, Any]:
    """What a workspace with nothing in it gives."""
    return {"schema": "everyturn/1", "verb": "report"}


STATES = [sample_report, without_evals, without_actions, with_few_users, with_nothing_found, empty]
