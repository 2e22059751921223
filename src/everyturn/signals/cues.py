"""Words -> cues: what a message says about the answer before it, and what an answer says about itself, by lists of phrases.

The lists are data, one file per language (`cues/<language>.toml`, phrases as in `phrases.py`); `languages.py` tells which to use. A match under
`ignore` means nothing, so "no, thanks" is not a "no": the longer of two overlapping matches wins. A complaint that is denied
("not useless") or only supposed ("what if it doesn't work?") is no complaint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from everyturn.signals.languages import (
    LANGUAGES,
    LATIN,
    Tally,
    count,
    is_plenty,
    language_of,
    load,
    script_of,
    words_in,
)
from everyturn.signals.phrases import STOPS, Phrases, fold, tokens_of

Kind = Literal[
    "negation", "correction", "failure", "confusion", "rephrase", "repeat", "frustration", "giveup", "escalation", "praise",
    "thanks",
]  # fmt: skip
AgentKind = Literal["apology", "inability", "offer", "policy"]  # what an agent's own words admit
Strength = Literal["firm", "unless_asked", "weak"]

_KINDS: tuple[Kind, ...] = (
    "negation", "correction", "failure", "confusion", "frustration", "giveup", "escalation", "praise", "thanks",
)  # fmt: skip
_AGENT_KINDS: tuple[AgentKind, ...] = ("apology", "inability", "offer", "policy")
_STRENGTHS: tuple[Strength, ...] = ("firm", "unless_asked", "weak")

_EMOJI: Mapping[str, tuple[Kind, Strength]] = {
    **dict.fromkeys("👍👌💯🎉🥳😍❤", ("praise", "firm")),
    "🙏": ("thanks", "firm"),
    "👎": ("negation", "firm"),
    **dict.fromkeys("😡🤬😠", ("frustration", "firm")),
    **dict.fromkeys("😤🙄😒🤦", ("frustration", "weak")),
}

_HEAD, _TAIL = 1200, 400  # characters of a long message its writer speaks in; what lies between is mostly pasted
_LONG, _LONG_TAIL = 16_000, 4_000  # characters in which code and quotes are looked for
_OUTPUT = 400  # characters at either end of an output in which an agent speaks of itself
_LOOK_BACK = 3  # words before a cue in which something may undo it, as "not" does
_FEW = 5  # words, up to which a phrase tells the language where no function word does

_NOT_OWN = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>[^\n]*|\"[^\"\n]{12,1000}\"|\u201c[^\u201c\u201d\n]{12,1000}\u201d|«[^«»\n]{12,1000}»"
    r"|„[^„“\n]{12,1000}“|[\u300c\u300e][^\u300c-\u300f\n]{8,1000}[\u300d\u300f]",
    re.DOTALL | re.MULTILINE,
)
_QUOTES = re.compile(r"[`>\"\u201c«„\u300c\u300e]")
_SHOUTS = re.compile(r"!!|\?\?|!\?|\?!|\uff01\uff01|\uff1f\uff1f")
_EMOJIS = re.compile("|".join(_EMOJI))


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing a message says. A strength of "unless_asked" is firm, except in the answer to a question the agent asked."""

    kind: Kind
    strength: Strength


@dataclass(frozen=True, slots=True)
class Text:
    """A user's message, taken apart once: the writer's own words, their tokens, the words among these, and the language its script shows."""

    own: str
    tokens: list[str]
    words: tuple[str, ...]
    script: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one message.

    `language` is one of `LANGUAGES`, "other" for a language without cues, None where the words do not tell. `words` are
    folded (no case, no accents, no punctuation).
    """

    language: str | None
    cues: frozenset[Cue]
    words: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether finding no cue means that there is none: the language has lists of cues, or there are no words."""
        return self.language in LANGUAGES or not self.words


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's lists. `repeating` marks requests that are meant to be made again ("another one").

    `variants` maps the other way of writing a character to the one the lists are in.
    """

    user: Phrases[Cue | None]  # None: ignore
    agent: Phrases[str]  # "courtesy", "request" or an AgentKind
    function_words: frozenset[str]
    negators: frozenset[str]
    requesting: frozenset[str]
    hypothetical: frozenset[str]
    repeating: frozenset[str]
    thanking: frozenset[str]
    variants: Mapping[int, str]


def read(text: str, *, tally: Tally | None = None) -> Reading:
    """The cues of one message, in the language it is written in.

    `tally` counts the function words of the whole conversation (see `count_words`) and settles the language of a message
    too short to tell. Code, quoted lines and quoted phrases are not the writer's own words and are left out.

    >>> sorted({cue.kind for cue in read("No, that's not what I asked. Can I talk to a human?").cues})
    ['escalation', 'negation']
    >>> read("Not bad at all, thanks!").cues == {Cue("praise", "firm"), Cue("thanks", "firm")}
    True
    >>> sorted({cue.kind for cue in read("不对，我要转人工").cues})
    ['escalation', 'negation']
    """
    return read_text(take_apart(text), tally)


def take_apart(text: str) -> Text:
    """The message's own words, folded and split."""
    own = _own_words(text)
    tokens = tokens_of(fold(own))
    return Text(own, tokens, words_in(tokens), script_of(own))


def read_text(text: Text, tally: Tally | None = None) -> Reading:
    """The cues of a message that was taken apart before; see `read`."""
    own, tokens, words = text.own, text.tokens, text.words
    script = script_of(own, tally) if text.script == "zh" else text.script
    language = language_of(own, words, script, tally)
    found: set[Cue] = set()
    if language in LANGUAGES:
        found = _match(tokens, lexicon(language))
    elif language is None and 0 < len(words) <= _FEW:  # "merci": no function word, but a phrase of one language
        known = {each: sum(m.end - m.start for m in lexicon(each).user.find(tokens)) for each in LATIN}
        best = max(known, key=lambda each: known[each])
        if known[best]:
            language, found = best, _match(tokens, lexicon(best))
    if not own.isascii():
        found.update(Cue(*_EMOJI[sign]) for sign in _EMOJIS.findall(own))
    is_glad = any(cue.kind in ("praise", "thanks") for cue in found)  # "Thank you!!"
    if not is_glad and (_SHOUTS.search(own) or (len(words) >= 4 and own.isupper())):
        found.add(Cue("frustration", "weak"))
    return Reading(language, frozenset(found), words)


def count_words(texts: Iterable[str | Text]) -> Tally:
    """The function words of these texts by language: what tells the language of a conversation.

    Stops once one language has 40, which is enough to be sure.
    """
    tally: Tally = 0
    for text in texts:
        apart = take_apart(text) if isinstance(text, str) else text
        tally += count(apart.words, apart.script)
        if is_plenty(tally):
            break
    return tally


Asking = Literal["asks", "courtesy"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What an agent's output says about itself: whether it ends with a question, and what it admits or offers."""

    asked: Asking | None
    cues: frozenset[AgentKind]


NOTHING_SPOKEN = Spoken(None, frozenset())


def listen(output: str, *, tally: Tally | None = None) -> Spoken:
    """What an agent's output says about itself, read from its beginning and its end.

    >>> listen("I can do that. Which of the two orders do you mean?").asked
    'asks'
    >>> listen("It arrives on Friday. Is there anything else I can help you with?").asked
    'courtesy'
    >>> listen("Who pays? The seller does. It takes three days to arrive.").asked is None
    True
    >>> sorted(listen("I'm sorry for the confusion. I can connect you with a human agent.").cues)
    ['apology', 'offer']
    """
    if len(output) > 2 * _OUTPUT:
        output = f"{output[:_OUTPUT]}\n{output[-_OUTPUT:]}"
    tokens = tokens_of(fold(output.rstrip()))
    if not tokens:
        return NOTHING_SPOKEN
    language = language_of(output, words_in(tokens), script_of(output, tally), tally)
    spoken = LATIN if language is None else (language,) if language in LANGUAGES else ()
    found = []
    for each in spoken:
        lists = lexicon(each)
        found += lists.agent.find(_in_variant(tokens, lists))
    admitted: frozenset[AgentKind] = frozenset(m.meaning for m in found if m.meaning in _AGENT_KINDS)
    endings = [(m.first, m.meaning) for m in found if m.meaning in ("courtesy", "request")]
    return Spoken(_ending(tokens, endings), admitted)


def _ending(tokens: Sequence[str], found: Sequence[tuple[int, str]]) -> Asking | None:
    """What the last two sentences do; a request counts before a courtesy."""
    if not found and "?" not in tokens:
        return None
    verdict: Asking | None = None
    end, sentences = len(tokens), 0
    while end and sentences < 2:
        start = end - 1
        while start and tokens[start - 1] not in (".", "?"):
            start -= 1
        if any(token not in STOPS for token in tokens[start:end]):
            sentences += 1
            meanings = {meaning for index, meaning in found if start <= index < end}
            if "courtesy" in meanings:
                verdict = verdict or "courtesy"
            elif tokens[end - 1] == "?" or "request" in meanings:
                return "asks"
        end = start
    return verdict


@cache
def lexicon(language: str) -> Lexicon:
    """The lists of one of `LANGUAGES`. Read from the package's own data once."""
    data = load(language)
    cues: list[tuple[str, Cue | None]] = [(phrase, None) for phrase in data["ignore"]]
    cues += [
        (phrase, Cue(kind, strength))
        for strength in _STRENGTHS
        for kind in _KINDS
        for phrase in data.get(kind, {}).get(strength, [])
    ]
    spoken = [
        (phrase, kind) for kind in ("courtesy", "request", *_AGENT_KINDS) for phrase in data["agent"].get(kind, [])
    ]
    lists = {key: frozenset(words_in(tokens_of(fold(data[key])))) for key in _WORD_LISTS}
    common = lists["function_words"]
    variants = {ord(pair[0]): pair[1] for pair in data.get("variants", "").split()}
    return Lexicon(Phrases(cues, common=common), Phrases(spoken, common=common), variants=variants, **lists)


_WORD_LISTS = ("function_words", "negators", "requesting", "hypothetical", "repeating", "thanking")


def _own_words(text: str) -> str:
    if len(text) > _LONG + _LONG_TAIL:
        fence = "```" if text.count("```", 0, -_LONG_TAIL) % 2 else ""  # the end may lie within code
        head, tail = text[:_LONG], fence + text[-_LONG_TAIL:]
        return f"{_without_quotes(head)[:_HEAD]}\n{_without_quotes(tail)[-_TAIL:]}"
    text = _without_quotes(text)
    return f"{text[:_HEAD]}\n{text[-_TAIL:]}" if len(text) > _HEAD + _TAIL else text


def _without_quotes(text: str) -> str:
    return _NOT_OWN.sub(" ", text) if _QUOTES.search(text) else text


def _in_variant(tokens: list[str], lists: Lexicon) -> list[str]:
    return "\t".join(tokens).translate(lists.variants).split("\t") if lists.variants and tokens else tokens


def _match(tokens: list[str], lists: Lexicon) -> set[Cue]:
    found: set[Cue] = set()
    tokens = _in_variant(tokens, lists)
    for match in lists.user.find(tokens):
        cue = match.meaning
        if cue is None:
            continue
        before = _before(tokens, match.first)
        if cue.kind == "thanks":
            earlier = tokens[: match.first]
            if "?" not in earlier and lists.requesting.isdisjoint(earlier):  # "Where is it? Thanks": asks for more
                found.add(cue)
        elif not lists.negators.isdisjoint(before):
            if cue.kind == "praise":  # "not helpful"
                found.add(Cue("negation", "weak"))
        elif lists.hypothetical.isdisjoint(before):
            found.add(cue)
            if cue.kind == "praise" and not lists.thanking.isdisjoint(tokens[match.first : match.stop]):
                found.add(Cue("thanks", "firm"))  # "great, thanks" is a phrase of praise
    return found


def _before(tokens: list[str], index: int) -> list[str]:
    """Up to three words before, of the same clause."""
    before: list[str] = []
    for token in reversed(tokens[max(0, index - _LOOK_BACK) : index]):
        if token in STOPS:
            break
        before.append(token)
    return before
