"""What really happened in the simulated world, counted while it was made up. No analysis ever reads this."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from everyturn.demo.people import COHORTS, Person
from everyturn.demo.steer import BILLING, BILLING_WEEK, DRAFTS, DROP_WEEK, SLIDING, WEEKS
from everyturn.demo.talk import Result, Talk


class Tally:
    """Counts of outcomes by intent, cohort and week, and of everything else that was planted."""

    def __init__(self) -> None:
        self.conversations = [0] * WEEKS
        self.by_intent: dict[str, list[int]] = defaultdict(lambda: [0] * WEEKS)
        self.tickets = [0] * WEEKS
        self.billing_tickets = 0
        self.turns = self.spans = self.errors = 0
        self.seconds = 0.0
        self.unknown = 0
        self.accepted: dict[str, list[int]] = defaultdict(lambda: [0] * WEEKS)
        self.known: dict[str, list[int]] = defaultdict(lambda: [0] * WEEKS)
        self.taken_drafts = self.redone_drafts = self.taken = 0
        self.people: dict[str, set[str]] = defaultdict(set)
        # by user: [outputs taken as they are, known outputs] before the drop and from it on; `apart` leaves out the two
        # intents where acceptance falls for everybody, which would hide what a single cohort does
        self.reliance: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.apart: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.cohort_of: dict[str, str] = {}
        self.eroding: dict[str, list[list[int]]] = defaultdict(lambda: [[0, 0] for _ in range(WEEKS)])

    def add(self, talk: Talk) -> None:
        """Counts one conversation."""
        week, person = talk.week, talk.person
        self.conversations[week] += 1
        intents = {result.intent for result in talk.results}
        for intent in intents:
            self.by_intent[intent][week] += 1
        if BILLING in intents:
            self.people["billing"].add(person.user_id)
            if week == BILLING_WEEK:
                self.people["billing in its first week"].add(person.user_id)
        self.people["all"].add(person.user_id)
        self.cohort_of[person.user_id] = person.cohort
        self.unknown += len(talk.exchanges)
        for exchange in talk.exchanges:
            self.turns += 1
            self.seconds += exchange.seconds
            if not talk.mobile:
                self.spans += exchange.spans
                self.errors += exchange.error is not None
        for result in talk.results:
            if result.fate is not None:
                self._add_known(result, week, person)

    def _add_known(self, result: Result, week: int, person: Person) -> None:
        self.unknown -= 1
        as_is = result.fate == "as_is"
        for group in (result.intent, f"cohort {person.cohort}", "all"):
            self.known[group][week] += 1
            self.accepted[group][week] += as_is or result.fate == "rewritten"
        late = 2 if week >= DROP_WEEK else 0
        for reliance in (self.reliance, self.apart) if result.intent not in {BILLING, SLIDING} else (self.reliance,):
            reliance[person.user_id][late] += as_is
            reliance[person.user_id][late + 1] += 1
        if person.eroding:
            own = self.eroding[person.user_id][week]
            own[0] += as_is
            own[1] += 1
        self.taken += result.taken
        if result.taken and result.intent in DRAFTS:
            self.taken_drafts += 1
            self.redone_drafts += result.fate == "rewritten"

    def add_ticket(self, week: int, *, billing: bool) -> None:
        """Counts one ticket in the week it was opened."""
        self.tickets[week] += 1
        self.billing_tickets += billing

    def realised(self) -> dict[str, Any]:
        """Every planted figure as it turned out, with the counts behind it."""
        return {
            "conversations": sum(self.conversations),
            "users": len(self.people["all"]),
            "conversations_by_week": self.conversations,
            "intents_by_week": dict(sorted(self.by_intent.items())),
            "outputs": self.turns,
            "unknown_outputs": self.unknown,
            "latency_seconds": self.seconds / max(self.turns, 1),
            "error_rate": self.errors / max(self.spans, 1),
            "completion": 1.0,
            "acceptance": {group: self._rate(group) for group in sorted(self.known)},
            "acceptance_by_week": {group: self._weekly(group) for group in sorted(self.known)},
            "billing": {
                "users": len(self.people["billing"]),
                "users_in_first_week": len(self.people["billing in its first week"]),
                "tickets": self.billing_tickets,
            },
            "tickets_by_week": self.tickets,
            "ticket_growth": sum(self.tickets[-2:]) / max(sum(self.tickets[-4:-2]), 1) - 1,
            "slide": self._weekly(SLIDING)[-5:],
            "cohort_trust": {cohort: self._reliance(cohort) for cohort in (*COHORTS, "all")},
            "rework_of_drafts": self.redone_drafts / max(self.taken_drafts, 1),
            "rework_of_all_accepted": self.redone_drafts / max(self.taken, 1),
            "eroding_users": {
                user: [round(own[0] / own[1], 3) if own[1] else None for own in weeks]
                for user, weeks in sorted(self.eroding.items())
            },
        }

    def _rate(self, group: str) -> float:
        return sum(self.accepted[group]) / max(sum(self.known[group]), 1)

    def _weekly(self, group: str) -> list[float | None]:
        pairs = zip(self.accepted[group], self.known[group], strict=True)
        return [round(accepted / known, 4) if known else None for accepted, known in pairs]

    def _reliance(self, cohort: str) -> dict[str, float]:
        """Outputs taken as they are, before the drop and from it on: of all outputs, apart, and as a mean over users."""
        rows = self._rows(self.reliance, cohort)
        both = [row for row in rows if row[1] and row[3]]
        before, after = _shares(rows)
        apart = _shares(self._rows(self.apart, cohort))
        mean = [sum(row[at] / row[at + 1] for row in both) / max(len(both), 1) for at in (0, 2)]
        return {
            "before": before,
            "after": after,
            "change": after - before,
            "change_apart_from_billing_and_slide": apart[1] - apart[0],
            "change_of_user_mean": mean[1] - mean[0],
            "users": len(both),
        }

    def _rows(self, reliance: dict[str, list[int]], cohort: str) -> list[list[int]]:
        return [row for user, row in reliance.items() if cohort in {"all", self.cohort_of[user]}]


def _shares(rows: list[list[int]]) -> tuple[float, float]:
    total = [sum(row[index] for row in rows) for index in range(4)]
    return total[0] / max(total[1], 1), total[2] / max(total[3], 1)
