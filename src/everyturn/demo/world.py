"""The simulated world: ten weeks of a support agent at a platform for small shops, and what goes wrong in them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from everyturn.demo import evals, steer
from everyturn.demo.files import ChatFile, EventFile, TicketFile
from everyturn.demo.people import DROPPING, STEADY, Person, people
from everyturn.demo.phrases import phrases
from everyturn.demo.steer import BILLING, DRAFTS, SHARES, SLIDING, WEEKS, Account, Steering
from everyturn.demo.story import Storyteller
from everyturn.demo.talk import Talk, Visit
from everyturn.demo.traces import TraceFile
from everyturn.demo.truth import Tally
from everyturn.errors import InputError

CONVERSATIONS = 9_000
LAST_MONDAY = datetime(2026, 11, 9, tzinfo=UTC)  # the last full week ends on Sunday, 15 November 2026
_FEWEST = 200
_PER_PERSON = 10  # conversations of a user, on average
_ERODING_VISITS = 5  # a week, steadily
_WEEK_SECONDS = 7 * 86_400

TICKETS = 0.054  # tickets for each conversation about anything but billing
BILLING_TICKETS = 0.5

_DAYS = (1.25, 1.15, 1.1, 1.05, 1.0, 0.5, 0.4)
_HOURS = (
    0.1, 0.06, 0.05, 0.05, 0.06, 0.1, 0.25, 0.55, 1.0, 1.5, 1.7, 1.6, 1.2, 1.3, 1.5, 1.5, 1.3, 1.1, 0.9, 0.8, 0.7, 0.5,
    0.3, 0.0,
)  # fmt: skip
_LAG = {"en-US": 6, "en-CA": 5}  # hours by which the place's clock is behind the files' clock


@dataclass(frozen=True, slots=True)
class World:
    """What was written and what is true in it.

    `conversations`, `actions` and `evals` are the files to load; `truth` the one no analysis may read. `mondays` are the
    weeks' first days, `billing_since` the one from which users ask about billing discrepancies. `planted` holds the
    figures aimed at, `realised` what came out, with counts by week.
    """

    folder: Path
    conversations: tuple[Path, ...]
    actions: tuple[Path, ...]
    evals: tuple[Path, ...]
    truth: Path
    mondays: tuple[datetime, ...]
    billing_since: datetime
    sliding_intent: str
    dropping_cohort: str
    steady_cohort: str
    eroding_users: tuple[str, ...]
    planted: dict[str, Any] = field(repr=False)
    realised: dict[str, Any] = field(repr=False)


def write_world(
    folder: str | Path, *, seed: int = 7, conversations: int | None = None, now: datetime | None = None
) -> World:
    """Writes the world's files into the folder and says what is true in them.

    Ten full weeks ending with the last one that was over at `now` (without it, always Sunday, 15 November 2026), so the
    numbers never depend on the day. `conversations` is how many there are (9,000 unless given); users grow with them. The
    same arguments give the same bytes. Raises InputError for fewer than 200 conversations: the planted facts need room.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     world = write_world(folder, conversations=200)
    ...     print(world.billing_since.date(), len(world.conversations), world.realised["conversations"])
    2026-09-28 11 200
    """
    path = Path(folder)
    tale = _Tale(seed, _enough(conversations), _mondays(now))
    traces = [
        TraceFile(
            path / "traces" / f"{monday.date()}.otlp.jsonl.gz",
            rng=random.Random(f"{seed} traces {week}"),
            version=version,
        )
        for week, (version, monday) in enumerate(tale.versions.items())
    ]
    chat = ChatFile(path / "chat" / "mobile-app.jsonl.gz")
    events = EventFile(path / "actions" / "events.jsonl.gz", rng=random.Random(f"{seed} events"))
    tickets = TicketFile(path / "actions" / "helpdesk.csv")
    versions = tuple(tale.versions)
    week = 0
    for talk in tale.talks():
        while talk.week > week:
            traces[week].close()
            week += 1
        if talk.mobile:
            chat.write(talk, version=versions[talk.week])
        else:
            traces[talk.week].write(talk)
        for done in talk.actions:
            (tickets if done.kind == "ticket_opened" else events).add(talk, done)
        events.flush(talk.started)
        tickets.flush(talk.started)
    for trace_file in traces[week:]:
        trace_file.close()
    for file in (chat, events, tickets):
        file.close()
    rng = random.Random(f"{seed} evals")
    case_ids = evals.write_cases(path / "evals" / "cases.jsonl", phrases(), rng=rng, now=tale.mondays[0])
    evals.write_results(path / "evals" / "results.jsonl", case_ids, tale.versions, rng=rng)
    return tale.world(path)


def write_chat(path: str | Path, *, conversations: int, seed: int = 7) -> World:
    """Writes the same world as one chat file and one file of actions beside it, for measuring speed at any size.

    `path` gets one conversation a line; the actions, tickets among them, go to `<name>.actions.jsonl`. Memory does not
    grow with the conversations of more than one week.
    """
    chat_path = Path(path)
    name = chat_path.name.removesuffix(".gz").removesuffix(".jsonl")
    action_path = chat_path.with_name(f"{name}.actions.jsonl" + (".gz" if chat_path.suffix == ".gz" else ""))
    tale = _Tale(seed, _enough(conversations), _mondays(None))
    chat = ChatFile(chat_path)
    events = EventFile(action_path, rng=random.Random(f"{seed} events"))
    versions = tuple(tale.versions)
    for talk in tale.talks():
        chat.write(talk, version=versions[talk.week])
        for done in talk.actions:
            events.add(talk, done)
        events.flush(talk.started)
    chat.close()
    events.close()
    return tale.world(chat_path.parent, conversations=(chat_path,), actions=(action_path,))


def _enough(conversations: int | None) -> int:
    wanted = CONVERSATIONS if conversations is None else conversations
    if wanted < _FEWEST:
        raise InputError(
            f"{wanted:,} conversations are too few for the story",
            where="conversations",
            expected=f"at least {_FEWEST}, so that every planted fact is in it",
            try_=f"conversations={_FEWEST}",
        )
    return wanted


def _mondays(now: datetime | None) -> tuple[datetime, ...]:
    last = LAST_MONDAY
    if now is not None:
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        last = day - timedelta(days=day.weekday() + 7)
    return tuple(last - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1))


class _Tale:
    """Everything that happens, week by week."""

    def __init__(self, seed: int, conversations: int, mondays: tuple[datetime, ...]) -> None:
        self.seed = seed
        self.mondays = mondays
        self.versions = {f"{monday:%G.%V}": monday for monday in mondays}
        self._rng = random.Random(f"{seed} plan")
        count = max(30, conversations // _PER_PERSON)
        self._people = people(self._rng, count=count, eroding=max(1, round(count / 64)))
        self._weights = list(accumulate(person.weight for person in self._people))
        # The wrong invoices reach heavy and light users almost alike.
        self._billing_weights = list(
            accumulate(math.sqrt(person.weight) if person.billed_wrong else 0.0 for person in self._people)
        )
        self._weekly = [conversations // WEEKS + (week < conversations % WEEKS) for week in range(WEEKS)]
        self._tally = Tally()

    def talks(self) -> Iterator[Talk]:
        """Every conversation in the order in which they began, tickets included."""
        rng = random.Random(f"{self.seed} talk")
        end = (self.mondays[-1] + timedelta(weeks=1)).timestamp()
        teller = Storyteller(rng, phrases(), Steering(rng.random), end=end)
        # A random stream of its own, so that tickets leave the conversations as they are.
        desk = random.Random(f"{self.seed} tickets")
        queue = {billing: Account([0.0, 0.0], noise=0.4) for billing in (True, False)}
        for week in range(WEEKS):
            for visit in self._visits(week):
                talk = teller.tell(visit)
                billing = visit.intent == BILLING
                rate = BILLING_TICKETS if billing else TICKETS
                push = 0.5 if talk.gave_up else -0.4
                if visit.intent != "other" and queue[billing].draw((rate, 1 - rate), desk.random, push=push) == 0:
                    teller.ticket(talk, desk)
                self._tally.add(talk)
                for done in talk.actions:
                    if done.kind == "ticket_opened":
                        opened = int((done.at - self.mondays[0].timestamp()) // _WEEK_SECONDS)
                        self._tally.add_ticket(min(opened, WEEKS - 1), billing=billing)
                yield talk

    def world(
        self, folder: Path, *, conversations: tuple[Path, ...] | None = None, actions: tuple[Path, ...] | None = None
    ) -> World:
        """The world written so far; also writes the truth beside its files."""
        planted = _planted(self.mondays)
        realised = self._tally.realised()
        truth = folder / "truth.json"
        text = json.dumps({"seed": self.seed, "planted": planted, "realised": realised}, indent=1, ensure_ascii=False)
        truth.write_text(text + "\n", encoding="utf-8")
        traces = tuple(folder / "traces" / f"{monday.date()}.otlp.jsonl.gz" for monday in self.mondays)
        return World(
            folder=folder,
            conversations=conversations or (*traces, folder / "chat" / "mobile-app.jsonl.gz"),
            actions=actions or (folder / "actions" / "events.jsonl.gz", folder / "actions" / "helpdesk.csv"),
            evals=() if conversations else (folder / "evals" / "cases.jsonl", folder / "evals" / "results.jsonl"),
            truth=truth,
            mondays=self.mondays,
            billing_since=self.mondays[steer.BILLING_WEEK],
            sliding_intent=SLIDING,
            dropping_cohort=DROPPING,
            steady_cohort=STEADY,
            eroding_users=tuple(person.user_id for person in self._people if person.eroding),
            planted=planted,
            realised=realised,
        )

    # --- who comes when, about what ---

    def _visits(self, week: int) -> list[Visit]:
        """The week's conversations by time: so many of each intent, each with a person and a moment."""
        rng = self._rng
        left = _counts(self._weekly[week], week)
        visits = []
        for person in self._people:
            if person.eroding:
                for _ in range(_ERODING_VISITS):
                    intent = self._eroding_intent(left)
                    left[intent] -= 1
                    visits.append(self._visit(person, intent, week))
        for intent, count in left.items():
            weights = self._billing_weights if intent == BILLING else self._weights
            chosen = rng.choices(self._people, cum_weights=weights, k=count)
            visits.extend(self._visit(person, intent, week) for person in chosen)
        visits.sort(key=lambda visit: (visit.at, visit.person.user_id))
        return visits

    def _eroding_intent(self, left: dict[str, int]) -> str:
        """The intent of an eroding user's conversation: often a draft, while the week has room; never one that changes for everybody."""
        drafting = self._rng.random() < 0.4
        free = [name for name in left if name not in {BILLING, SLIDING, "other"} and left[name] > 0]
        open_ = [name for name in free if (name in DRAFTS) == drafting] or free
        return self._rng.choices(open_, [SHARES[name] for name in open_])[0]

    def _visit(self, person: Person, intent: str, week: int) -> Visit:
        rng = self._rng
        lag = _LAG.get(person.locale, 0)
        day = rng.choices(range(7), _DAYS)[0]
        hour = rng.choices(range(24), _HOURS)[0]
        hour = min(hour + lag, 22)
        at = self.mondays[week].timestamp() + day * 86_400 + hour * 3600 + round(rng.random() * 3599, 3)
        return Visit(person, intent, week, rng.random() < person.mobile, at)


def _counts(total: int, week: int) -> dict[str, int]:
    """How many conversations of each intent the week has, by largest remainder."""
    billing = steer.BILLING_SHARES[week]
    wanted = {name: total * share * (1 - billing) for name, share in SHARES.items()} | {BILLING: total * billing}
    counts = {name: int(value) for name, value in wanted.items()}
    short = total - sum(counts.values())
    for name in sorted(wanted, key=lambda name: (round(counts[name] - wanted[name], 9), name))[:short]:
        counts[name] += 1
    return counts


def _planned(first: int, end: int) -> float:
    """The acceptance planned for the dropping cohort in those weeks, in any intent but the two that move for everybody."""
    rates = [steer.accepted_rate("refund", DROPPING, week) for week in range(first, end)]
    return sum(rates) / len(rates)


def _planted(mondays: tuple[datetime, ...]) -> dict[str, Any]:
    """The planted figures, by name."""
    return {
        "weeks": [str(monday.date()) for monday in mondays],
        "billing_since": str(mondays[steer.BILLING_WEEK].date()),
        "billing_acceptance": steer.BILLING_ACCEPTED,
        "ticket_growth": 0.22,
        "sliding_intent": SLIDING,
        "slide": list(steer.SLIDE),
        "dropping_cohort": DROPPING,
        "drop": round(_planned(steer.DROP_WEEK, WEEKS) - _planned(0, steer.DROP_WEEK), 4),
        "drop_since": str(mondays[steer.DROP_WEEK].date()),
        "steady_cohort": STEADY,
        "rework_of_drafts": 0.31,
        "erosion": list(steer.EROSION),
        "erosion_since": str(mondays[steer.EROSION_WEEK].date()),
        "latency_seconds": 1.8,
        "error_rate": 0.003,
        "completion": 1.0,
        "eval_cases": evals.CASES,
        "eval_score": evals.PASSED / evals.CASES,
        "eval_subjects": list(evals.SUBJECTS),
    }
