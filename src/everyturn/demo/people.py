"""The people of the simulated world: shop owners and staff, how much they write and how they write it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from everyturn.demo.phrases import Draw, pick

COHORTS = {"shops": 0.62, "agencies": 0.18, "marketplaces": 0.11, "new shops": 0.09}  # shares of users
_USE = {
    "shops": 0.9,
    "agencies": 2.5,
    "marketplaces": 1.0,
    "new shops": 0.8,
}  # how much each writes, relative to the others
DROPPING = "agencies"
STEADY = "shops"
_PLANS = {
    "shops": ("Starter", "Starter", "Growth", "Growth", "Pro"),
    "agencies": ("Growth", "Pro", "Pro"),
    "marketplaces": ("Growth", "Pro"),
    "new shops": ("Starter", "Starter", "Starter", "Growth"),
}
_LOCALES = ("en-US",) * 8 + ("en-GB",) * 6 + ("en-CA", "en-IE", "en-AU", "nl-NL", "de-DE", "de-DE", "fr-FR", "es-ES")
_MONEY = {"en-US": "$", "en-CA": "$", "en-AU": "$", "en-GB": "£"}
_DATES = {"en-US": "us", "de-DE": "dot", "es-ES": "slash", "fr-FR": "slash"}  # elsewhere "12 October"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One user: what they are, how often they write, how readily they accept, and the habits of their writing.

    `leaning` moves their acceptance against the average, as a push in `steer.Account`; `mobile` is the chance that a
    talk is on the phone; `sloppy` the chance of a slip in each word; `wordy` their liking for long messages, 0 to 1.
    `native` means that they write in their own language;
    `billed_wrong` marks those the new invoices hit; `eroding` those whose trust will wear away.
    """

    user_id: str
    cohort: str
    plan: str
    locale: str
    weight: float
    leaning: float
    mobile: float
    case: str
    stops: bool
    sloppy: float
    wordy: float
    polite: float
    native: bool
    billed_wrong: bool
    eroding: bool

    @property
    def money(self) -> str:
        """The currency sign before their amounts."""
        return _MONEY.get(self.locale, "€")

    @property
    def dates(self) -> str:
        """How they write a date."""
        return _DATES.get(self.locale, "long")

    @property
    def language(self) -> str:
        """The two letters of the language they write in."""
        return self.locale[:2] if self.native else "en"


def people(rng: random.Random, *, count: int, eroding: int) -> list[Person]:
    """The users, in no order of use. Cohorts have fixed shares; eroding users are in every cohort but the dropping one."""
    draw = rng.random
    cohorts = [name for name, share in COHORTS.items() for _ in range(round(share * count))]
    cohorts += [STEADY] * (count - len(cohorts))
    rng.shuffle(cohorts)
    others = [index for index, cohort in enumerate(cohorts) if cohort != DROPPING]
    worn = set(rng.sample(others, min(eroding, len(others))))
    return [_person(index, cohort, rng, draw, eroding=index in worn) for index, cohort in enumerate(cohorts)]


def _person(index: int, cohort: str, rng: random.Random, draw: Draw, *, eroding: bool) -> Person:
    case = draw()
    # A log-normal spread of use: the heaviest tenth writes about a third of all conversations; agencies work to a rhythm.
    spread = 0.4 if cohort == DROPPING else 0.8
    weight = _USE[cohort] * min(max(math.exp(rng.gauss(0.0, spread)), 0.2), 7.0)
    return Person(
        user_id=f"u{index + 1:04d}",
        cohort=cohort,
        plan=pick(_PLANS[cohort], draw),
        locale="en-GB" if eroding else pick(_LOCALES, draw),
        weight=0.0 if eroding else weight,
        leaning=rng.gauss(0.0, 0.22),
        mobile=0.75 if draw() < 0.28 else 0.06,
        case="lower" if case < 0.2 else "as typed" if case < 0.55 else "sentence" if case < 0.985 else "upper",
        stops=draw() < 0.6,
        sloppy=0.05 * draw() ** 3 + (0.03 if draw() < 0.1 else 0.0),
        wordy=draw(),
        polite=draw(),
        native=draw() < 0.32,
        billed_wrong=not eroding and draw() < 0.24,
        eroding=eroding,
    )


# --- how a person writes -------------------------------------------------------------------------------------

_NEAR = {
    "a": "s", "b": "v", "c": "x", "d": "f", "e": "r", "f": "g", "g": "h", "h": "j", "i": "o", "k": "l", "l": "k",
    "m": "n", "n": "m", "o": "i", "p": "o", "r": "t", "s": "d", "t": "r", "u": "i", "v": "b", "w": "e", "y": "u",
}  # fmt: skip


def written(text: str, person: Person, draw: Draw) -> str:
    """The text as this person types it: with their casing, their full stops and their typos (never in codes or numbers)."""
    if person.sloppy:
        words = text.split(" ")
        expected = person.sloppy * len(words)
        slips = int(expected) + (draw() < expected - int(expected))
        for _ in range(slips):
            at = int(draw() * len(words))
            words[at] = _slip(words[at], draw)
        text = " ".join(words)
    if person.case == "lower":
        text = text.lower()
        if draw() < 0.4:
            text = text.replace("'", "")
    elif person.case == "sentence":
        text = _sentences(text)
    elif person.case == "upper":
        text = text.upper()
    if not text:
        return text
    if text[-1] in "?.":
        return text if person.stops or draw() < 0.5 else text[:-1]
    return text + "." if person.stops and person.case == "sentence" and text[-1].isalnum() and draw() < 0.6 else text


def _slip(word: str, draw: Draw) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    at = 1 + int(draw() * (len(word) - 2))
    kind = int(draw() * 5)
    if kind < 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 2:
        return word[:at] + word[at + 1 :]
    if kind == 3:
        return word[:at] + word[at] + word[at:]
    return word[:at] + _NEAR.get(word[at], word[at]) + word[at + 1 :]


def _sentences(text: str) -> str:
    out = text[:1].upper() + text[1:]
    for stop in (". ", "? ", "! "):
        if stop in out:
            out = stop.join(part[:1].upper() + part[1:] for part in out.split(stop))
    return out
