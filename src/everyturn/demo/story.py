"""Tells conversations: what is asked, what the agent answers, and what the person does with it."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

from everyturn.demo import drafts, tools
from everyturn.demo.people import written
from everyturn.demo.phrases import Phrases, Slots, pick
from everyturn.demo.steer import BILLING, DRAFTS, SHARES, Fate, Steering, wary
from everyturn.demo.talk import Done, Exchange, Result, Talk, Thumb, Visit

_OTHER_INTENTS = tuple(name for name in SHARES if name != "other")
_OTHER_SHARES = tuple(SHARES[name] for name in _OTHER_INTENTS)
_MOST_TURNS = 6
FAULTS = 0.003  # of the recorded spans end in an error; the model call is then made again


class Storyteller:
    """Makes up conversations, one after the other, from one random stream; nothing happens after `end`."""

    def __init__(self, rng: random.Random, phrases: Phrases, steering: Steering, *, end: float) -> None:
        self.rng = rng
        self.phrases = phrases
        self.steering = steering
        self.end = end
        self.faults = 0.0  # failed spans that are due

    def tell(self, visit: Visit) -> Talk:
        """The whole conversation of one visit."""
        talk = Talk(
            f"conv-{self.rng.getrandbits(48):012x}", visit.person, visit.intent, visit.week, visit.mobile, visit.at
        )
        scene = _Scene(self, talk)
        scene.play()
        talk.intent, talk.topic = scene.intent, scene.topic
        talk.slots = scene.slots
        return talk

    def ticket(self, talk: Talk, rng: random.Random) -> None:
        """The person writes to a human about the last matter, minutes to hours after the conversation."""
        draw, slots = rng.random, talk.slots
        said = [self.phrases.about(talk.intent, section, talk.topic) for section in ("ticket", "ticket_body")]
        if slots is None or said[0] not in self.phrases:
            return
        slots.draw = draw
        at = talk.ended + 60.0 - 2400.0 * math.log(1.0 - draw())
        subject, description = (written(self.phrases.tell(rule, slots), talk.person, draw) for rule in said)
        done = Done(at, "ticket_opened", linked=draw() < 0.85, subject=subject, description=description)
        talk.actions.append(_within(done, talk, self.end, draw()))


class _Scene:
    """A conversation while it is being made up."""

    def __init__(self, teller: Storyteller, talk: Talk) -> None:
        self.teller = teller
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
        self.reply = ""  # what the agent is about to answer
        self.asked: set[str] = set()  # follow-up questions so far
        day = datetime.fromtimestamp(talk.started, UTC).date()
        self.slots = Slots(self.phrases, self.draw, day, style=self.person.dates, money=self.person.money)
        self.slots["plan"] = self.person.plan
        self.wary = wary(self.person, talk.week)

    # --- the course of it ---

    def play(self) -> None:
        """Plays one request after the other until the person stops, at most six turns."""
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
        self.unturn()

    def request(self, *, first: bool = False, answered: bool = False) -> bool:
        """Plays one request with as many attempts as it takes; True if the person is content enough to go on."""
        attempts = 1 if self.intent == BILLING and self.draw() < 0.6 else 3
        for attempt in range(attempts):
            if len(self.talk.exchanges) >= _MOST_TURNS:
                return False
            fate = self.fate()
            if fate == "abandoned":
                self.ask_back(vague=answered or attempt > 0)
                self.note(fate)
                return False
            if first and attempt == 0 and self.intent not in DRAFTS and self.draw() < 0.09:
                self.say = self.typed(self.ask_back(vague=False))
            if not (answered and attempt == 0):
                self.reply = self.answer(fate or self.hidden(), again=attempt > 0)
            self.exchange(self.reply, use_tools=self.draw() < 0.6)
            taken = fate is not None and fate in ("as_is", "rewritten", "edited")
            self.note(fate)
            if fate is None:
                self.say = ""
                return self.draw() < 0.5
            if taken:
                self.take(fate)
                return True
            if not self.turn_down(last=attempt == attempts - 1):
                return False
        return False

    def ask_back(self, *, vague: bool) -> str:
        """The agent answers with a question; returns what the person would reply."""
        question, reply = self.phrases.tell("common.clarify", self.slots), ""
        if not vague and (pair := self.phrases.pair(f"{self.intent}.clarify", self.slots)):
            question, reply = pair
        self.exchange(question)
        return reply

    def fate(self) -> Fate | None:
        """What the person does with the next output, or None if that is never recorded."""
        silent = 0.24 if self.intent == BILLING else 0.15
        if self.draw() < silent:
            return None
        return self.steering.fate(self.intent, self.person, self.talk.week)

    def hidden(self) -> Fate:
        """The quality of an output whose outcome is never recorded."""
        return self.steering.unseen(self.intent, self.person, self.talk.week)

    def note(self, fate: Fate | None) -> None:
        """Records the truth about the output just given."""
        self.talk.results.append(Result(len(self.talk.exchanges) - 1, self.intent, fate))

    # --- what is said ---

    def choose_topic(self) -> None:
        """Picks one topic of the subject, so that question and answer fit."""
        topics = self.phrases.topics.get(self.intent)
        self.topic = pick(topics, self.draw) if topics else ""
        self.slots.goods = self.topic if self.intent == "description" else ""

    def tell(self, section: str) -> str:
        """A text from the subject's section; from the topic's own if there is one."""
        return self.phrases.tell(self.phrases.about(self.intent, section, self.topic), self.slots)

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
        """Asks a further question on the same matter; False if the subject has none."""
        pair = self.phrases.pair(f"{self.intent}.follow", self.slots, used=self.asked)
        if pair is None:
            if self.intent not in DRAFTS:
                return False
            self.slots.forget("product", "material", "thing", "product2", "qty")
            self.join(pick(("next one: ", "and ", "another one. ", "now ", ""), self.draw) + self.tell("ask"))
            self.reply = self.answer("as_is", again=False)
            return True
        self.join(pair[0])
        self.reply = pair[1]
        return True

    def another(self) -> None:
        """Begins a new request on another subject."""
        self.intent = self.rng.choices(_OTHER_INTENTS, _OTHER_SHARES)[0]
        self.choose_topic()
        self.slots.forget("order", "product", "material", "thing", "product2", "qty", "amount", "date", "date2")
        self.join(
            f"{self.phrases.tell('common.also', self.slots)}{pick((', ', ': ', ' '), self.draw)}{self.tell('ask')}"
        )

    def join(self, text: str) -> None:
        """What the person asks next, after any thanks still due."""
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
        elif chance < 0.3 and not text.startswith(("Done", "Yes", "Thank", "I ")):
            text = f"{tell('common.lead', slots)} {text}"
        if chance > 0.82:
            text = f"{text} {tell('common.tail', slots)}"
        return text

    # --- what is recorded ---

    def exchange(self, agent: str, *, use_tools: bool = False) -> None:
        """The person writes, the agent answers; then the person reads."""
        seconds = math.exp(0.4628 + 0.5 * self.rng.gauss(0.0, 1.0))  # log-normal, 1.8 s on average
        used = tools.use(self.intent, self.topic, self.slots, self.rng) if use_tools else []
        exchange = Exchange(self.say.strip(), self.now, agent.strip(), seconds, used)
        if not self.talk.mobile:
            self.teller.faults += FAULTS * exchange.spans
            if self.teller.faults > 1.0:
                self.teller.faults -= 1.0
                exchange.error = pick(("RateLimitError", "InternalServerError", "APITimeoutError"), self.draw)
        self.talk.exchanges.append(exchange)
        self.now += seconds + 6.0 + len(agent) * 0.03 + 25.0 * math.exp(0.9 * self.rng.gauss(0.0, 1.0))
        self.say = ""

    def do(self, done: Done) -> None:
        """An action, its time given as seconds after the last answer, never past the end of the world."""
        done.at += self.talk.ended
        self.talk.actions.append(_within(done, self.talk, self.end, self.draw()))

    def click(self, *kinds: str) -> None:
        """The person presses a button right after the answer."""
        self.do(Done(2.0 + 30.0 * self.draw(), pick(kinds, self.draw), len(self.talk.exchanges) - 1))

    def thumb(self, *, up: bool) -> None:
        """The person rates the answer just given."""
        comment = self.phrases.tell("common.thumb_up" if up else "common.thumb_down", self.slots)
        said = comment if self.draw() < 0.35 else None
        at = self.talk.ended + 4.0 + 20.0 * self.draw()
        self.talk.thumbs.append(Thumb(len(self.talk.exchanges) - 1, up, at, said))

    # --- what the person does with an answer ---

    def take(self, fate: Fate) -> None:
        """The person accepts, with a click or a word of thanks; a draft is then used elsewhere, edited or not."""
        if self.intent in DRAFTS:
            self.take_draft(fate)
            return
        self.talk.results[-1].taken = True
        thumbs = not self.talk.mobile and self.draw() < 0.08
        if thumbs:
            self.thumb(up=True)
        if self.steering.even("thanks", self.intent, self.person) < (0.17 if self.wary else 0.24):
            self.say = self.typed(self.phrases.tell("common.thanks", self.slots))
        elif not thumbs or self.draw() < 0.7:
            self.click(
                "resolved", "resolved", "accepted", "copied", *(("applied",) if self.intent == "discount" else ())
            )

    def take_draft(self, fate: Fate) -> None:
        """The person copies the draft and uses it elsewhere, or edits it on the spot."""
        turn = len(self.talk.exchanges) - 1
        draft = self.talk.exchanges[-1].agent
        deep = self.steering.even("deep", self.intent, self.person) < self.steering.deep_edits(
            self.person, self.talk.week
        )
        kept = drafts.used(draft, fate, self.intent, self.slots, deep=deep)
        if fate == "edited" and self.draw() < 0.3:
            self.do(Done(20.0 + 200.0 * self.draw(), "edited", turn, artefact=kept, before=draft))
            return
        self.talk.results[-1].taken = True
        self.click("copied", "inserted")
        if self.draw() < 0.07 and not self.talk.mobile:
            self.thumb(up=True)
        kind, hours = ("sent", 0.15) if self.intent == "reply" else (pick(("published", "saved"), self.draw), 3.0)
        after = 60.0 + min(3600.0 * hours * math.exp(1.1 * self.rng.gauss(0.0, 1.0)), 5 * 86_400.0)
        self.do(Done(after, kind, turn, artefact=kept))
        if self.draw() < 0.12:
            self.say = self.typed(self.phrases.tell("common.thanks", self.slots))

    def turn_down(self, *, last: bool) -> bool:
        """The person rejects: says so and tries again, or leaves. True if another attempt follows."""
        tell, slots = self.phrases.tell, self.slots
        drafting = self.intent in DRAFTS
        chance = self.steering.even("turned down", self.intent, self.person)
        chance *= 0.8 if self.wary else 1.0
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

    def unturn(self) -> None:
        """Drops the turn from one in eight editor actions where only the last turn can be meant: some editors do not know it."""
        for done in self.talk.actions:
            if done.artefact is not None and done.turn == len(self.talk.exchanges) - 1 and self.draw() < 0.12:
                done.turn = None

    # --- the short forms ---

    def chat(self) -> None:
        """Small talk, whose outcome is never recorded."""
        self.say = self.typed(self.phrases.tell("common.chitchat", self.slots))
        self.exchange(self.phrases.tell("common.chitchat_answer", self.slots))
        self.note(None)

    def foreign(self, language: str) -> None:
        """A conversation in the person's own language: one question, one answer, and a click at most."""
        tell, slots = self.phrases.tell, self.slots
        self.choose_topic()
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
        self.note(fate)
        if fate is None:
            return
        if fate != "rejected":
            self.take(fate)
            self.say = ""
        else:
            self.talk.gave_up = True
            self.click("dismissed", "rejected")


def _within(done: Done, talk: Talk, end: float, share: float) -> Done:
    if done.at >= end:
        done.at = talk.ended + (end - talk.ended) * (0.1 + 0.8 * share)
    return done


def _stopped(text: str) -> str:
    return text if not text or text[-1] in ".?!," else text + "."
