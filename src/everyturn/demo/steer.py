"""What happens to each output, steered so that the planted rates come true whatever the size of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from everyturn.demo.people import DROPPING, Person
from everyturn.demo.phrases import Draw

Fate = Literal["as_is", "rewritten", "edited", "rejected", "abandoned"]
_DRAFT_FATES: tuple[Fate, ...] = ("as_is", "rejected", "edited", "rewritten", "abandoned")
_ANSWER_FATES: tuple[Fate, ...] = ("as_is", "rejected", "abandoned")

WEEKS = 10
BILLING_WEEK = 3  # the first with billing questions, counting from 0
DROP_WEEK = 6  # the first of the dropping cohort's lower trust
EROSION_WEEK = 5  # the first in which the eroding users accept less
SLIDING = "shipping"
BILLING = "billing"

# Shares of the week's conversations; billing takes its part off the top.
SHARES = {
    "refund": 0.1, "shipping": 0.235, "password": 0.07, "account": 0.08, "returns": 0.06, "reply": 0.14,
    "description": 0.105, "discount": 0.06, "inventory": 0.06, "tax": 0.04, "integration": 0.04, "other": 0.01,
}  # fmt: skip
DRAFTS = frozenset(("reply", "description"))
BILLING_SHARES = (0.0, 0.0, 0.0, 0.062, 0.058, 0.056, 0.055, 0.056, 0.088, 0.1)

LEVELS = {
    "refund": 0.73, "password": 0.75, "account": 0.73, "returns": 0.71, "reply": 0.72, "description": 0.71,
    "discount": 0.73, "inventory": 0.73, "tax": 0.70, "integration": 0.70, "other": 0.70,
}  # fmt: skip
SLIDE = (0.72,) * 6 + (0.685, 0.65, 0.615, 0.58)
BILLING_ACCEPTED = 0.03
DROP = 0.086
_REWRITTEN = 0.265  # of a draft's known outcomes; makes about 31 in 100 accepted drafts more than half redone
_EDITED = 0.13  # of a draft's known outcomes
_ABANDONED, _DRAFT_ABANDONED = 0.035, 0.01  # of the known outcomes of answers, of drafts
# Each deploy answers what the evals test a little better. It hides, in every average, what the new questions cost.
_BETTER = 0.0045  # of acceptance, a week
_GOLDEN = 0.6180339887498949  # the golden ratio's fraction: its multiples, modulo 1, fill the unit interval most evenly
# The share of outputs an eroding user takes as they are, by week.
EROSION = (0.85, 0.85, 0.85, 0.85, 0.85, 0.74, 0.63, 0.52, 0.41, 0.30)


@dataclass(slots=True)
class Account:
    """Draws classes at random but keeps to the rates asked for: a class drawn too rarely so far becomes likelier next.

    The counts stay within about two of the sum of the rates, so a planted rate comes true in small groups too. `push`
    favours the first class in one draw; it changes who gets that class and not how many do.
    """

    owed: list[float]
    noise: float = 1.1

    def draw(self, rates: tuple[float, ...], draw: Draw, *, push: float = 0.0) -> int:
        """The index of the class drawn; `rates` sum to 1."""
        owed = self.owed
        best, at = -9.0, 0
        for index, rate in enumerate(rates):
            owed[index] += rate
            weight = owed[index] + self.noise * draw()
            if index == 0:
                weight += push
            if weight > best:
                best, at = weight, index
        owed[at] -= 1.0
        return at

    def settle(self, rates: tuple[float, ...], at: int) -> None:
        """Adds an outcome that was decided elsewhere to the account."""
        for index, rate in enumerate(rates):
            self.owed[index] += rate
        self.owed[at] -= 1.0


class Steering:
    """Decides outcomes: one account for each intent and cohort, one of their own for each eroding user.

    Cohorts and people have accounts across intents as well, so that neither strays from its rate by luck alone.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._accounts: dict[tuple[str, str], Account] = {}
        self._owed: dict[str, float] = {}
        self._even: dict[str, float] = {}

    def fate(self, intent: str, person: Person, week: int) -> Fate:
        """What the person does with the next output whose outcome can be seen."""
        fates = _DRAFT_FATES if intent in DRAFTS else _ANSWER_FATES
        rates = _rates(intent, person.cohort, week)
        account = self._account(intent, "all" if intent == BILLING else person.cohort, len(rates))
        if person.eroding:
            own = self._account("draft" if intent in DRAFTS else "answer", person.user_id, len(rates))
            at = own.draw(_eroding_rates(intent, week), self._draw)
            # The rest of the cohort makes up for half of it, which hides these users in averages.
            if self._draw() < 0.5:
                account.settle(rates, at)
        else:
            owed = self._owed.get
            push = person.leaning + 0.3 * owed(person.cohort, 0.0) + 0.35 * owed(person.user_id, 0.0)
            at = account.draw(rates, self._draw, push=push)
            self._settle(person.user_id, rates[0], hit=at == 0)
        self._settle(person.cohort, rates[0], hit=at == 0)
        return fates[at]

    def unseen(self, intent: str, person: Person, week: int) -> Fate:
        """What the person does with an output whose outcome is never recorded; not counted towards any rate."""
        rates = _eroding_rates(intent, week) if person.eroding else _rates(intent, person.cohort, week)
        return "as_is" if self._draw() < rates[0] else "rejected"

    def _settle(self, whose: str, rate: float, *, hit: bool) -> None:
        # Bounded, so that a person's leaning is not worn down to nothing.
        self._owed[whose] = min(max(self._owed.get(whose, 0.0) + rate - hit, -1.5), 1.5)

    def _account(self, what: str, whose: str, classes: int) -> Account:
        account = self._accounts.get((what, whose))
        if account is None:
            account = self._accounts[what, whose] = Account([self._draw() - 0.5 for _ in range(classes)])
        return account

    def even(self, what: str, intent: str, person: Person) -> float:
        """The next number of an evenly spread sequence on [0, 1), one for each choice, intent and cohort; steadier than chance."""
        key = f"{what} {intent} {person.cohort}"
        at = self._even.get(key)
        self._even[key] = at = (self._draw() if at is None else at + _GOLDEN) % 1.0
        return at

    def deep_edits(self, person: Person, week: int) -> float:
        """The chance that an edit drops whole sentences."""
        if person.eroding:
            return 0.3 if week < EROSION_WEEK else 0.3 + 0.12 * (week - EROSION_WEEK + 1)
        return 0.88 if wary(person, week) else 0.35


def wary(person: Person, week: int) -> bool:
    """Whether the person's whole cohort has begun to rely on the agent less: more words against it, deeper edits."""
    return person.cohort == DROPPING and week >= DROP_WEEK


def accepted_rate(intent: str, cohort: str, week: int) -> float:
    """The planned acceptance of an intent in one cohort and week, among known outcomes."""
    if intent == BILLING:
        return BILLING_ACCEPTED
    if intent == SLIDING:
        return SLIDE[week]
    drop = DROP if cohort == DROPPING and week >= DROP_WEEK else 0.0
    return LEVELS[intent] + _BETTER * (week - 4.5) - drop


def _rates(intent: str, cohort: str, week: int) -> tuple[float, ...]:
    """The rates of `_DRAFT_FATES` for a draft, of `_ANSWER_FATES` for any other answer; they add up to 1."""
    accepted = accepted_rate(intent, cohort, week)
    if intent not in DRAFTS:
        return accepted, 1 - accepted - _ABANDONED, _ABANDONED
    drop = DROP if cohort == DROPPING and week >= DROP_WEEK else 0.0
    edited, rewritten = _EDITED + drop, _REWRITTEN + 0.5 * drop
    return accepted - rewritten, 1 - accepted - edited - _DRAFT_ABANDONED, edited, rewritten, _DRAFT_ABANDONED


def _eroding_rates(intent: str, week: int) -> tuple[float, ...]:
    """The same for an eroding user."""
    as_is = EROSION[week]
    if intent not in DRAFTS:
        return as_is, 1 - as_is, 0.0
    rest = 1 - as_is
    return as_is, rest * 0.2, rest * 0.72, rest * 0.08, 0.0
