"""The eval suite the team believes in: 200 cases over four subjects, and one run for each deploy."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

from everyturn.demo.phrases import Phrases, Slots, pick

SUITE = "support-agent"
SUBJECTS = {"refunds": "refund", "shipping": "shipping", "password resets": "password", "account changes": "account"}
CASES = 200
PASSED = 188  # in every run: 94 of 100
_HARD = 30  # cases that fail more often than the rest


def write_cases(path: Path, phrases: Phrases, *, rng: random.Random, now: datetime) -> list[str]:
    """Writes the cases, fifty for each subject; their ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    lines = []
    ids = []
    for subject, intent in SUBJECTS.items():
        number = 0
        while number < CASES // len(SUBJECTS):
            topic = pick(phrases.topics[intent], rng.random)
            slots = Slots(phrases, rng.random, now.date())
            asked = phrases.tell(f"{intent}.ask.{topic}", slots)
            asked = asked[:1].upper() + asked[1:]
            if asked in seen:
                continue
            seen.add(asked)
            number += 1
            case_id = f"{intent}-{number:03d}"
            ids.append(case_id)
            case = {
                "suite": SUITE,
                "case_id": case_id,
                "input": asked if asked[-1] in ".?!" else asked + ".",
                "expected": phrases.tell(f"{intent}.answer.{topic}", slots),
                "metadata": {"subject": subject},
            }
            lines.append(json.dumps(case, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ids


def write_results(path: Path, case_ids: list[str], versions: dict[str, datetime], *, rng: random.Random) -> None:
    """Writes one run of every case for each version, just before it goes out; each passes exactly 94%."""
    hard = rng.sample(case_ids, _HARD)
    lines = []
    for version, monday in versions.items():
        failed: set[str] = set()
        while len(failed) < len(case_ids) - PASSED:
            failed.add(pick(tuple(hard), rng.random) if rng.random() < 0.7 else pick(tuple(case_ids), rng.random))
        at = monday + timedelta(hours=4, minutes=30)
        for number, case_id in enumerate(case_ids):
            result = {
                "suite": SUITE,
                "case_id": case_id,
                "run_id": f"deploy-{version}",
                "metric": "correct",
                "score": 0.0 if case_id in failed else 1.0,
                "at": (at + timedelta(seconds=2 * number)).isoformat().replace("+00:00", "Z"),
            }
            lines.append(json.dumps(result))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
