"""One conversation: what was asked, what the agent did, and what the person did with it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from everyturn.demo import drafts, tools
from everyturn.demo.people import Person, written
from everyturn.demo.phrases import Phrases, Slots, pick
from everyturn.demo.steer import BILLING, DRAFTS, SHARES, Fate, Steering
from everyturn.demo.tools import ToolUse

_OTHER_INTENTS = tuple(name for name in SHARES if name != "other")
_OTHER_SHARES = tuple(SHARES[name] for name in _OTHER_INTENTS)
_MOST_TURNS = 6


@dataclass(slots=True)
class Exchange:
    """One turn as it was recorded. `seconds` the agent took; `error` the kind of failure a first model call ran into."""

    user: str
    at: float
    agent: str
    seconds: float
    tools: list[ToolUse]
    error: str | None = None


@dataclass(slots=True)
class Done:
    """Something the person did outside the conversation. `turn` None where the tool that recorded it does not know."""

    at: float
    kind: str
    turn: int | None
    artefact: str | None = None
    before: str | None = None
    linked: bool = True
    subject: str | None = None
    description: str | None = None


@dataclass(slots=True)
class Thumb:
    """A thumb up or down on one turn."""

    turn: int
    up: bool
    at: float
    comment: str | None


@dataclass(slots=True)
class Result:
    """The truth about one output that answered something. `fate` None where nothing that was recorded can tell."""

    turn: int
    intent: str
    fate: Fate | None
    taken: bool = False  # accepted within the conversation, whatever was done with it later


@dataclass(slots=True)
class Talk:
    """One conversation with everything that came of it."""

    conversation_id: str
    person: Person
    intent: str
    week: int
    mobile: bool
    started: float
    exchanges: list[Exchange] = field(default_factory=list)
    actions: list[Done] = field(default_factory=list)
    thumbs: list[Thumb] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    gave_up: bool = False

    @property
    def ended(self) -> float:
        """When the agent last answered."""
        last = self.exchanges[-1]
        return last.at + last.seconds


@dataclass(frozen=True, slots=True)
class Visit:
    """A conversation about to happen."""

    person: Person
    intent: str
    week: int
    mobile: bool
    at: float


class Storyteller:
    """Tells conversations, one after the other, from one stream of chance; nothing happens after `end`."""

    def __init__(self, rng: random.Random, phrases: Phrases, steering: Steering, *, end: float) -> None:
        self.rng = rng
        self.phrases = phrases
        self.steering = steering
        self.end = end

    def tell(self, visit: Visit) -> Talk:
        """The whole conversation of one visit."""
        talk = Talk(
            f"conv-{self.rng.getrandbits(48):012x}", visit.person, visit.intent, visit.week, visit.mobile, visit.at
        )
        _Scene(self, talk).play()
        return talk

    def ticket(self, talk: Talk) -> None:
        """The person writes to a human about the same matter, minutes to hours after the conversation."""
        scene = _Scene(self, talk)
        intent = talk.intent if f"{talk.intent}.ticket" in self.phrases else BILLING
        scene.do(
            "ticket_opened",
            None,
            after=60.0 + 2400.0 * -math.log(1.0 - self.rng.random()),
            linked=self.rng.random() < 0.85,
            subject=written(self.phrases.tell(f"{intent}.ticket", scene.slots), talk.person, self.rng.random),
            description=written(self.phrases.tell(f"{intent}.ticket_body", scene.slots), talk.person, self.rng.random),
        )


class _Scene:
    """A conversation while it is being told."""

    def __init__(self, teller: Storyteller, talk: Talk) -> None:
        self.rng = teller.rng
        self.draw = teller.rng.random
        self.phrases = teller.phrases
        self.steering = teller.steering
        self.end = teller.end
        self.talk = talk
        self.person = talk.person
        self.intent = talk.intent
        self.topic = ""
        self.now = talk.started
        self.say = ""  # what the person is about to write
        day = datetime.fromtimestamp(talk.started, UTC).date()
        self.slots = Slots(self.phrases, self.draw, day, style=self.person.dates, money=self.person.money)
        self.slots["plan"] = self.person.plan

    # --- the course of it ---

    def play(self) -> None:
        """Requests one after the other until the person stops, at most six turns."""
        language = self.person.language
        if language != "en" and f"{language}.{self.intent}" in self.phrases:
            self.foreign(language)
            return
        if self.intent == "other":
            self.chat()
            return
        self.choose_topic()
        self.say = self.first_message()
        going = self.request(first=True)
        while going and len(self.talk.exchanges) < _MOST_TURNS - 1:
            chance = self.draw()
            if chance < 0.29 and self.follow_up():
                going = self.request(answered=True)
            elif 0.29 <= chance < 0.41:
                self.another()
                going = self.request()
            else:
                break
        if self.say and len(self.talk.exchanges) < _MOST_TURNS:
            self.exchange(self.phrases.tell("common.welcome", self.slots))

    def request(self, *, first: bool = False, answered: bool = False) -> bool:
        """One request with as many attempts as it takes; whether the person is content enough to go on."""
        attempts = 1 if self.intent == BILLING and self.draw() < 0.6 else 3
        for attempt in range(attempts):
            if len(self.talk.exchanges) >= _MOST_TURNS:
                return False
            fate = self.fate()
            if fate == "abandoned":
                self.exchange(self.tell("clarify"))
                self.results(fate)
                return False
            if first and attempt == 0 and self.intent not in DRAFTS and self.draw() < 0.09:
                self.exchange(self.tell("clarify"))
                self.say = self.typed(self.tell("detail"))
            if not (answered and attempt == 0):
                self.answer_text = self.answer(fate or self.hidden(), again=attempt > 0)
            self.exchange(self.answer_text, use_tools=self.draw() < 0.6)
            taken = fate is not None and fate in ("as_is", "rewritten", "edited")
            self.results(fate)
            if fate is None:
                self.say = ""
                return self.draw() < 0.5
            if taken:
                self.take(fate)
                return True
            if not self.turn_down(last=attempt == attempts - 1):
                return False
        return False

    def fate(self) -> Fate | None:
        """What becomes of the next output, or None where nobody will see it."""
        silent = 0.24 if self.intent == BILLING else 0.15
        if self.draw() < silent:
            return None
        return self.steering.fate(self.intent, self.person, self.talk.week)

    def hidden(self) -> Fate:
        """The quality of an output whose outcome nobody sees."""
        return self.steering.unseen(self.intent, self.person, self.talk.week)

    def results(self, fate: Fate | None) -> None:
        """Notes the truth about the output just given."""
        self.talk.results.append(Result(len(self.talk.exchanges) - 1, self.intent, fate))

    # --- what is said ---

    def choose_topic(self) -> None:
        """One side of the subject, so that question and answer fit."""
        topics = self.phrases.topics.get(self.intent)
        self.topic = pick(topics, self.draw) if topics else ""

    def tell(self, section: str) -> str:
        """The section of this subject, the topic's own where it has one."""
        rule = f"{self.intent}.{section}.{self.topic}"
        return self.phrases.tell(rule if rule in self.phrases else f"{self.intent}.{section}", self.slots)

    def typed(self, text: str) -> str:
        """As this person types it."""
        return written(text, self.person, self.draw)

    def first_message(self) -> str:
        """Short, plain or long, with or without a greeting, as the person's habits are."""
        tell, slots = self.phrases.tell, self.slots
        length = self.draw() * 0.6 + self.person.wordy * 0.4 - (0.12 if self.talk.mobile else 0.0)
        polite = self.person.polite * 0.5 + self.draw() * 0.5
        if length < 0.27:
            text = self.tell("short")
            if polite > 0.7:
                text = f"{tell('common.opener', slots)}, {text}"
        else:
            text = self.tell("ask")
            if length > 0.62:
                why = self.tell("why")
                if length > 0.8 and (more := self.tell("why")) != why:
                    why = f"{why} {more}"
                text = f"{why} {text}" if self.draw() < 0.4 else f"{_stopped(text)} {why}"
            if polite > 0.45:
                text = f"{tell('common.opener', slots)}{pick((', ', ' ', '. ', '! ', ' - '), self.draw)}{text}"
        if polite > 0.6 and self.draw() < 0.5:
            text = f"{_stopped(text)} {tell('common.closer', slots)}"
        return self.typed(text)

    def follow_up(self) -> bool:
        """A further question on the same matter; False where the subject has none."""
        pair = self.phrases.follow(self.intent, self.slots)
        if pair is None:
            if self.intent not in DRAFTS:
                return False
            self.slots.forget("product", "material", "thing", "product2", "qty")
            self.join(pick(("next one: ", "and ", "another one. ", "now ", ""), self.draw) + self.tell("ask"))
            self.answer_text = self.answer("as_is", again=False)
            return True
        self.join(pair[0])
        self.answer_text = pair[1]
        return True

    def another(self) -> None:
        """A new request on another subject."""
        kinds = self.rng.choices(_OTHER_INTENTS, _OTHER_SHARES)[0]
        self.intent = kinds
        self.choose_topic()
        self.slots.forget("order", "product", "material", "thing", "product2", "qty", "amount", "date", "date2")
        self.join(f"{self.phrases.tell('common.also', self.slots)}{pick((', ', ': ', ' '), self.draw)}{self.tell('ask')}")

    def join(self, text: str) -> None:
        """What the person goes on to ask, after the thanks that are still due."""
        text = self.typed(text)
        self.say = f"{_stopped(self.say)} {text}" if self.say else text

    def answer(self, fate: Fate, *, again: bool) -> str:
        """The agent's text: a draft, an answer to the question, or one that misses it."""
        tell, slots = self.phrases.tell, self.slots
        if self.intent in DRAFTS:
            return self.tell("draft")
        good = fate == "as_is"
        if self.intent == "other":
            return tell("common.chitchat_answer", slots)
        text = self.tell("answer" if good else "miss")
        chance = self.draw()
        if again:
            text = f"{tell('common.sorry', slots)} {text}"
        elif chance < 0.3:
            text = f"{tell('common.lead', slots)} {text}"
        if chance > 0.82:
            text = f"{text} {tell('common.tail', slots)}"
        return text

    # --- what is recorded ---

    def exchange(self, agent: str, *, use_tools: bool = False) -> None:
        """The person writes, the agent answers; then the person reads."""
        seconds = math.exp(0.4628 + 0.5 * self.rng.gauss(0.0, 1.0))  # log-normal, 1.8 s on average
        used = tools.use(self.intent, self.topic, self.slots, self.rng) if use_tools else []
        self.talk.exchanges.append(Exchange(self.say, self.now, agent, seconds, used))
        self.now += seconds + 6.0 + len(agent) * 0.03 + 25.0 * math.exp(0.9 * self.rng.gauss(0.0, 1.0))
        self.say = ""

    def do(self, kind: str, turn: int | None, *, after: float, **details: object) -> None:
        """An action some seconds after the last answer, never past the end of the world."""
        at = self.talk.ended + after
        if at >= self.end:
            at = self.talk.ended + (self.end - self.talk.ended) * (0.2 + 0.7 * self.draw())
        self.talk.actions.append(Done(at, kind, turn, **details))  # type: ignore[arg-type]

    def click(self, *kinds: str) -> None:
        """A button pressed right after the answer."""
        self.do(pick(kinds, self.draw), len(self.talk.exchanges) - 1, after=2.0 + 30.0 * self.draw())

    def thumb(self, *, up: bool) -> None:
        """A rating of the answer just given."""
        comment = self.phrases.tell("common.thumb_up" if up else "common.thumb_down", self.slots)
        said = comment if self.draw() < 0.35 else None
        at = self.talk.ended + 4.0 + 20.0 * self.draw()
        self.talk.thumbs.append(Thumb(len(self.talk.exchanges) - 1, up, at, said))

    # --- what the person does with an answer ---

    def take(self, fate: Fate) -> None:
        """Accepts: a click or a word of thanks; a draft then goes where drafts go, as it is or not."""
        if self.intent in DRAFTS:
            self.take_draft(fate)
            return
        self.talk.results[-1].taken = True
        thumbs = not self.talk.mobile and self.draw() < 0.08
        if thumbs:
            self.thumb(up=True)
        if self.draw() < 0.24:
            self.say = self.typed(self.phrases.tell("common.thanks", self.slots))
        elif not thumbs or self.draw() < 0.7:
            self.click("resolved", "resolved", "accepted", "copied", *(("applied",) if self.intent == "discount" else ()))

    def take_draft(self, fate: Fate) -> None:
        """Copies the draft and uses it elsewhere, or edits it on the spot."""
        turn = len(self.talk.exchanges) - 1
        draft = self.talk.exchanges[-1].agent
        kept = drafts.used(draft, fate, self.intent, self.slots, deep=self.deep())
        hours = 0.15 if self.intent == "reply" else 3.0
        after = 60.0 + min(3600.0 * hours * math.exp(1.1 * self.rng.gauss(0.0, 1.0)), 5 * 86_400.0)
        if fate == "edited" and self.draw() < 0.3:
            self.do("edited", turn, after=20.0 + 200.0 * self.draw(), artefact=kept, before=draft)
            return
        self.talk.results[-1].taken = True
        self.click("copied", "inserted")
        if self.draw() < 0.07 and not self.talk.mobile:
            self.thumb(up=True)
        known = self.draw() < 0.9
        kind = "sent" if self.intent == "reply" else pick(("published", "saved"), self.draw)
        self.do(kind, turn if known else None, after=after, artefact=kept)
        if not known:
            self.talk.actions[-1].turn = turn if len(self.talk.exchanges) > 1 else None
        if self.draw() < 0.12:
            self.say = self.typed(self.phrases.tell("common.thanks", self.slots))

    def deep(self) -> float:
        """The chance that an edit goes deep: more where trust is falling."""
        return self.steering.deep_edits(self.person, self.talk.week)

    def turn_down(self, *, last: bool) -> bool:
        """Rejects: in words and tries again, or leaves; whether another attempt follows."""
        tell, slots = self.phrases.tell, self.slots
        chance = self.draw()
        drafting = self.intent in DRAFTS
        if not last and chance < (0.7 if drafting else 0.42):
            if drafting:
                if self.draw() < 0.35:
                    self.click("regenerated")
                self.say = self.typed(self.tell("tweak"))
            else:
                cue = tell("common.not_it" if self.draw() < 0.8 else "common.frustrated", slots)
                self.say = self.typed(cue if self.draw() < 0.25 else f"{_stopped(cue)} {self.tell('again')}")
            return True
        self.talk.gave_up = True
        if not drafting and chance < 0.62 and len(self.talk.exchanges) < _MOST_TURNS:
            human = self.draw() < 0.55
            self.say = self.typed(tell("common.escalate" if human else "common.give_up", slots))
            self.exchange(tell("common.handover" if human else "common.let_go", slots))
            return False
        if not self.talk.mobile and self.draw() < 0.2:
            self.thumb(up=False)
        else:
            self.click("dismissed", "rejected")
        return False

    # --- the short forms ---

    def chat(self) -> None:
        """Small talk, about which nothing is known."""
        self.say = self.typed(self.phrases.tell("common.chitchat", self.slots))
        self.exchange(self.phrases.tell("common.chitchat_answer", self.slots))
        self.results(None)

    def foreign(self, language: str) -> None:
        """A talk in the person's own language: one question, one answer, and a click at most."""
        tell, slots = self.phrases.tell, self.slots
        text = tell(f"{language}.{self.intent}", slots)
        if self.draw() < 0.6:
            text = f"{tell(f'{language}.opener', slots)}, {text}"
        if self.draw() < 0.4:
            text = f"{_stopped(text)} {tell(f'{language}.closer', slots)}"
        self.say = self.typed(text)
        fate = self.fate()
        if fate == "abandoned":
            fate = None
        self.exchange(tell(f"{language}.{self.intent}_answer", slots), use_tools=self.draw() < 0.5)
        self.results(fate)
        if fate is None:
            return
        if fate != "rejected":
            self.take(fate)
            self.say = ""
        else:
            self.talk.gave_up = True
            self.click("dismissed", "rejected")


def _stopped(text: str) -> str:
    return text if not text or text[-1] in ".?!," else text + "."
