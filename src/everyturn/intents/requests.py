"""Extracts the requests from conversations: the texts that say what a user came for.

Greetings, thanks, mere confirmations, answers to the agent's questions, complaints without a subject, ids and pasted documents are left
out. Text that elaborates a request is joined to it; text that clearly asks for something else begins another request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from everyturn.intents.words import OPENING, SMALL_TALK, is_content, tokens
from everyturn.model import Conversation
from everyturn.model.schemas import REQUEST_SCHEMA


def extract(conversations: Iterable[Conversation]) -> pa.Table:
    """The requests of each conversation, numbered from 0, as `REQUEST_SCHEMA`.

    A conversation whose user said nothing of substance has one row with the text ""; one without any text by the user has none. A message
    without a time gets that of the conversation's start. A message only begins a new request if it names several things that were not
    mentioned before, does not answer a question, does not object, and does not refer back ("it", "that").

    >>> from everyturn.model import Conversation, Message
    >>> messages = (
    ...     Message("user", "Hi! I was charged twice in March."),
    ...     Message("assistant", "Which card was it?"),
    ...     Message("user", "the one ending 4411"),
    ...     Message("assistant", "Refunded. Anything else?"),
    ...     Message("user", "Also, how do I add a colleague to our workspace?"),
    ... )
    >>> extract([Conversation("c1", "u1", None, messages)]).select(["request", "turn", "text"]).to_pylist()[1]
    {'request': 1, 'turn': 2, 'text': 'how do I add a colleague to our workspace?'}
    """
    columns: dict[str, list[object]] = {name: [] for name in REQUEST_SCHEMA.names}
    for conversation in conversations:
        for number, request in enumerate(_requests(conversation)):
            columns["conversation_id"].append(conversation.conversation_id)
            columns["request"].append(number)
            columns["turn"].append(request.turn)
            columns["user_id"].append(conversation.user_id)
            columns["at"].append(request.at or conversation.started_at)
            columns["text"].append(" \n".join(request.texts))
    return pa.table(columns, schema=REQUEST_SCHEMA)


@dataclass(slots=True)
class _Request:
    turn: int
    at: datetime | None
    texts: list[str] = field(default_factory=list)
    length: int = 0
    stems: set[str] = field(default_factory=set)

    def add(self, text: str, stems: set[str]) -> None:
        if self.length and self.length + len(text) > _LONGEST:
            return
        self.texts.append(text)
        self.length += len(text)
        self.stems |= stems


def _requests(conversation: Conversation) -> Sequence[_Request]:
    requests: list[_Request] = []
    spoken_at: datetime | None = None
    has_spoken = False
    reply = ""
    said: set[str] = set()
    for turn in conversation.turns:
        if turn.user.content is not None:
            if not has_spoken:
                has_spoken, spoken_at = True, turn.user.at
            text = _own_words(turn.user.content)
            words = tokens(text)
            stems = {word[:_STEM] for word in words if is_content(word)}
            if requests:
                stems -= _SMALL_STEMS
                if stems:
                    _continue(
                        requests, _Request(turn.index, turn.user.at, [text], len(text), stems), words, reply, said
                    )
            elif stems - _OPENING_STEMS:
                requests.append(_Request(turn.index, turn.user.at, [text], len(text), stems))
            said |= stems
        output = next((m.content for m in reversed(turn.agent) if m.role == "assistant" and m.content), "")
        if output:
            reply = output
            said.update(word[:_STEM] for word in _WORD.findall(output[:_READ].lower()))
    return requests or ([_Request(0, spoken_at)] if has_spoken else [])


def _continue(requests: list[_Request], new: _Request, words: list[str], reply: str, said: set[str]) -> None:
    """Joins a message to the latest request, begins another one with it, or leaves it out."""
    latest, text = requests[-1], new.texts[0]
    lower = text.lower()
    asks = _OFFERS.search(reply[-_END:]) is None and "?" in reply[-_END:]
    if asks and len(new.stems) < _SUBSTANTIAL and "?" not in text:
        if len(latest.stems - _SMALL_STEMS) < 2:  # "help with my order": what it is about comes with the answer
            latest.add(text, new.stems)
        return
    turned = _ALSO.match(lower)
    if turned or not (asks or _OBJECTS.match(lower) or _POINTS_BACK.intersection(words)):
        known = len(new.stems & (said | latest.stems)) / len(new.stems)
        if (turned and len(new.stems) >= 2 and known <= 0.5) or (len(new.stems) >= _SUBSTANTIAL and known <= 0.125):
            new.texts = [text[turned.end() :].lstrip(" ,.:;-\n") or text] if turned else new.texts
            requests.append(new)
            return
    if new.stems - latest.stems:
        latest.add(text, new.stems)


_STEM = 5  # letters a word is compared by: "charge", "charged", "charges"
_LONGEST = 600  # characters of one request; what is said after so many adds no new subject
_SUBSTANTIAL = 4  # different words that say something
_READ = 1500  # characters of a reply that are searched for words already spoken of
_END = 160  # characters at the end of a reply in which it asks something
_WORD = re.compile(r"[^\W\d_]{2,}")
_SMALL_STEMS = {word[:_STEM] for word in SMALL_TALK}
_OPENING_STEMS = {word[:_STEM] for word in OPENING}
_POINTS_BACK = frozenset(
    (
        "it",
        "it's",
        "that",
        "that's",
        "this",
        "these",
        "those",
        "them",
        "they",
        "one",
        "ones",
        "instead",
        "above",
        "das",
        "es",
        "cela",
        "ça",
        "eso",
        "isso",
    )
)
_OFFERS = re.compile(
    r"(?:any|some)thing (?:else|more)|else (?:can|may|could) i|(?:how|what) (?:else )?(?:can|may|could) i (?:help|do|assist)"
    r"|help (?:you )?with|assist you|noch etwas|sonst noch|weiterhelfen|helfen|autre chose|vous aider|algo más|ayudar"
    r"|algo mais|ajudar|altro|aiutar",
    re.IGNORECASE,
)
_ALSO = re.compile(
    r"(?:ok(?:ay)?[,. ]+|great[,.! ]+|thanks?(?: you)?[,.! ]+|perfect[,.! ]+|and |oh,? (?:and )?)*"
    r"(?:also|another (?:thing|question|one)|one (?:more|other|last) (?:thing|question)|next(?: one| question| thing)?"
    r"|(?:a )?(?:different|separate|second|new|unrelated) (?:topic|question|issue|thing|matter)|separately|by the way|btw"
    r"|while (?:i have you|i'm here|we're at it)|außerdem|noch (?:eine frage|etwas)|übrigens|au fait|autre (?:chose|question)"
    r"|por cierto|otra (?:cosa|pregunta)|además|outra (?:coisa|pergunta)|aliás)\b"
)
_OBJECTS = re.compile(
    r"(?:no|nope|nah|not|wrong|incorrect|but|still|actually|i (?:said|meant|mean|already|just)|you (?:did|didn't|don't|keep)"
    r"|that(?:'s| is| was)? |this (?:is|was)|it(?:'s| is) not|nein|nicht|falsch|non|pas|faux|mal|não|errado)\b"
)

# --- a user's own words --------------------------------------------------------------------------------------


def _own_words(text: str) -> str:
    """The text without code, quoted lines, pasted blocks, greeting and closing."""
    if len(text) > _BLOCK or "\n" in text or "```" in text:
        text = _without_pasted(text)
    text = _GREETING.sub("", text.strip())
    head, end = text[:-_CLOSES], text[-_CLOSES:]
    return (head + _CLOSING.sub("", end)).strip()


def _without_pasted(text: str) -> str:
    text = _QUOTED.sub("\n", text)
    blocks = [block.strip() for block in text.split("\n")]
    own = [block for block in blocks if block and len(block) <= _BLOCK]
    if not own:  # one long block: what is asked stands at its beginning or its end
        longest = max(blocks, key=len)
        return longest if len(longest) <= _BLOCK else f"{longest[:_HEAD]} {longest[-_TAIL:]}"
    if sum(map(len, own)) > _BLOCK:  # many short lines: a log, a list, a letter
        head: list[str] = []
        length = 0
        for block in own:
            length += len(block)
            if length > _HEAD and head:
                break
            head.append(block)
        own = [*head, own[-1]] if len(own) > len(head) and len(own[-1]) <= _TAIL else head
    return " \n".join(own)


_BLOCK = 500  # characters: few people type a longer paragraph into a chat
_HEAD, _TAIL = 300, 120
_QUOTED = re.compile(r"```.*?(?:```|\Z)|^[ \t]*>[^\n]*", re.DOTALL | re.MULTILINE)
_GREETING = re.compile(
    r"\A(?:(?:hi|hello|hey|hiya|heya|yo|greetings|good (?:morning|afternoon|evening|day)|morning|evening|hallo|moin|servus"
    r"|guten (?:tag|morgen|abend)|bonjour|bonsoir|salut|hola|buen[oa]s?(?: d[ií]as?| tardes| noches)?|olá|oi|bom dia"
    r"|boa (?:tarde|noite)|ciao|buon ?giorno|buonasera|hoi|goede(?:morgen|middag|navond)|ok(?:ay)?|so|right|well|please"
    r"|quick (?:question|one)|(?:just )?a (?:quick )?question|me again|sorry to bother(?: you)?)"
    r"(?:[ ,]+(?:there|all|team|everyone|again|folks|guys|support|zusammen|à tous|a todos|so))?(?:[\s,.!:;…-]+|$))+",
    re.IGNORECASE,
)
_CLOSES = 80  # characters at the end in which thanks and pleas are looked for
_CLOSING = re.compile(
    r"(?:[\s,.!;-]*(?:\b(?:thanks?(?: you| u)?(?: so much| a lot| in advance| very much)?|many thanks|thx|ty|ta|cheers|please"
    r"|(?:much |any help (?:is |would be )?)?appreciated?(?: it)?|(?:kind|best|warm) regards|regards|let me know|no rush|asap"
    r"|as soon as possible|(?:this is |it(?:'s| is) )?(?:(?:very|a bit|bit|quite|really|rather) )?(?:urgent|time[- ]sensitive)"
    r"|(?:can|could) you (?:help|sort (?:this|it)(?: out)?)(?: me)?(?: today| now)?|(?:please )?help(?: me)?"
    r"|danke(?: schön| im voraus)?|vielen dank|(?:es ist |ist )?dringend|merci(?: beaucoup| d'avance)?|(?:c'est )?urgent"
    r"|(?:muchas )?gracias|(?:es )?urgente|(?:muito )?obrigad[oa]|grazie(?: mille)?|bedankt)\b|🙏))+[\s,.!?]*\Z",
    re.IGNORECASE,
)
