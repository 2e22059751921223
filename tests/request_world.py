"""A small made-up body of requests whose subjects are known."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache

import pyarrow as pa

from everyturn.intents import Discovery, discover
from everyturn.model.schemas import REQUEST_SCHEMA

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
SUBJECTS = {
    "refund": "refund|money back|reimburse|return payment|customer wants refund|partial refund",
    "password": "password|reset link|log in|login|locked account|forgot password",
    "invoice": "invoice|tax number|vat|receipt|billing address|download invoice",
    "shipping": "parcel|tracking number|delivery|courier|late parcel|shipment",
    "report": "report|dashboard|weekly chart|export numbers|statistics|dashboard export",
}
FRAMES = (
    "how do I get the {a} for my {b}",
    "{a} does not work with {b}",
    "please explain the {a} and the {b}",
    "where can I see {b} or {a}?",
    "I need {a} today, {b} is missing",
    "my {a} is wrong since the {b} changed",
)


def ask(subject: str, random_: random.Random) -> str:
    """A request of the subject, in one of six frames."""
    a, b = random_.sample(SUBJECTS[subject].split("|"), 2)
    return random_.choice(FRAMES).format(a=a, b=b)


def requests_of(rows: list[tuple[str, str, str | None, datetime | None]]) -> pa.Table:
    """A request table of (conversation, text, user, time) rows, one request each."""
    conversations, texts, users, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    n = len(rows)
    columns = {"conversation_id": conversations, "request": [0] * n, "turn": [0] * n, "user_id": users, "at": times}
    return pa.table({**columns, "text": texts}, schema=REQUEST_SCHEMA)


def world(weeks: int = 6, *, per_week: int = 20, late: str = "invoice", late_from: int = 3, seed: int = 1) -> pa.Table:
    """`per_week` requests a week of each subject, of 40 users; the subject `late` begins in week `late_from`."""
    random_ = random.Random(seed)
    rows = []
    for week in range(weeks):
        for subject in SUBJECTS:
            if subject == late and week < late_from:
                continue
            for i in range(per_week):
                at = START + timedelta(weeks=week, minutes=random_.randrange(10_000))
                rows.append((f"{subject}-{week}-{i}", ask(subject, random_), f"u{random_.randrange(40):04d}", at))
    return requests_of(rows)


@cache
def discovered(weeks: int = 6) -> Discovery:
    """The intents of `world(weeks)`, found once for all tests."""
    return discover(world(weeks), known=None)


def subject_of(conversation_id: str) -> str:
    """The subject a conversation of `world` was made for."""
    return conversation_id.split("-", maxsplit=1)[0]
