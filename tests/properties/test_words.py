"""What holds of reading words whatever is said: hostile text does no harm, order and names do not matter, nothing is said twice."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everyturn.model import Conversation, Message
from everyturn.registry import find
from everyturn.signals.cues import count_words, lexicon, listen, read
from everyturn.signals.languages import LANGUAGES
from everyturn.signals.outcome import LIKELY, observe_all, outcomes
from everyturn.signals.phrases import Phrases, fold, tokens_of
from everyturn.signals.replies import words_of

START = datetime(2026, 3, 2, tzinfo=UTC)
SIGNALS = list(find("signals", "SIGNAL").values())
drawn = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAID = st.sampled_from(
    [
        "no, that's not what I asked", "it still doesn't work!!", "Thanks, perfect!", "Where is my order, when will it come?", "never mind",
        "Das ist falsch", "不对，还是不行", "ありがとうございます", "まだエラーが出ます", "это не то", "what do you mean?", "", "👍", "??",
        "I'm sorry, I can't do that.", "Which order do you mean?", "It arrives on Friday.", "I can connect you with a human agent.",
    ]
)  # fmt: skip
ODD = st.text(
    st.sampled_from("\0\u200b\u200d\u202e\u0301\ufeff🤦🏽‍♀️אבג不是ーっ。？!?.,'`>\"«„ \n\tnoNO_*^$|\ud800")
    | st.characters(),
    max_size=80,
)


def talk(texts: list[str | None], name: str = "c1", user: str | None = "u1") -> Conversation:
    messages = [
        Message("assistant" if index % 2 else "user", text, START + timedelta(minutes=index))
        for index, text in enumerate(texts)
    ]
    return Conversation(name, user, START, tuple(messages))


TALKS = st.lists(st.none() | SAID | ODD, max_size=9)


@drawn
@given(ODD)
def test_odd_text_is_read_and_gives_what_its_parts_are(text):
    first = read(text)
    assert read(text) == first
    assert first.language is None or first.language in (*LANGUAGES, "other")
    assert listen(text).asked in (None, "asks", "courtesy")
    assert count_words([text]) >= 0


@drawn
@given(st.lists(TALKS, max_size=6), st.randoms())
def test_shuffling_conversations_and_batches_changes_nothing(texts, draw: random.Random):
    talks = [talk(each, f"c{number}", f"u{number % 3}") for number, each in enumerate(texts)]
    rows = observe_all(talks, SIGNALS).to_pylist()
    fresh = [replace(each) for each in talks]
    draw.shuffle(fresh)
    cut = draw.randint(0, len(fresh))
    again = observe_all(fresh[:cut], SIGNALS).to_pylist() + observe_all(fresh[cut:], SIGNALS).to_pylist()

    def key(row: dict[str, object]) -> str:
        return repr((row["conversation_id"], row["signal"], row["turn"]))

    assert sorted(again, key=key) == sorted(rows, key=key)


@drawn
@given(TALKS)
def test_there_are_never_more_answers_than_places(texts):
    conversation = talk(texts)
    words = words_of(conversation)
    assert (
        len(words.replies) == len(words.spoken) == len(words.readings) == len(words.repeated) == len(conversation.turns)
    )
    replied = sum(reply is not None for reply in words.replies)
    assert replied <= max(0, len(conversation.turns) - 1)
    for signal in SIGNALS:
        places = [each.turn for each in signal.observe(conversation)]
        assert len(places) <= (len(conversation.turns) if signal.unit == "output" else 1)


@drawn
@given(TALKS)
def test_no_turn_is_certain_by_one_cue(texts):
    conversation = talk(texts)
    for each in outcomes(conversation):
        if (
            each.verdict.evidence != "words"
            or each.verdict.outcome == "unknown"
            or each.verdict.detail.startswith(LIKELY)
        ):
            continue
        reply = words_of(conversation).replies[each.turn]
        assert reply is not None
        is_last = each.turn == len(conversation.turns) - 2
        assert len(set(reply.cues)) + bool(reply.agent) + is_last >= 2


@drawn
@given(TALKS, st.sampled_from([("c2", "u9"), ("", None), ("\0", "ü")]))
def test_ids_do_not_matter(texts, names):
    ids = ("conversation_id",)
    rows, again = (
        [
            {k: v for k, v in row.items() if k not in ids}
            for row in observe_all([talk(texts, *name)], SIGNALS).to_pylist()
        ]
        for name in (("c1", "u1"), names)
    )
    assert rows == again


def test_an_empty_conversation_says_nothing():
    assert observe_all([talk([])], SIGNALS).num_rows == 0


@drawn
@given(
    st.lists(
        st.sampled_from(["no", "that", "is not", "it", "work|works", "the?", "..", "wrong", "$"]),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.sampled_from(["no", "that", "is", "not", "it", "work", "works", "the", "wrong", ".", ","]), max_size=9),
)
def test_looking_up_by_rare_words_finds_what_looking_everywhere_does(parts, tokens):
    text = " ".join(part for index, part in enumerate(parts) if part != "$" or index == len(parts) - 1)
    try:
        phrases = Phrases([(text, "x")])
    except ValueError:
        return
    by_other = Phrases([(text, "x")], common=frozenset({"no", "that", "is", "not", "it", "the"}))
    assert by_other.find(tokens) == phrases.find(tokens)


HOSTILE = {
    "quotes": "„" * 1_000_000,
    "guillemets": "«" * 1_000_000,
    "brackets": "「" * 1_000_000,
    "backticks": "`" * 1_000_001,
    "fences": "```\n" * 250_001,
    "half quotes": '"a' * 500_000,
    "angles": ">" * 1_000_000,
    "lines": "\n>" * 500_000,
    "blanks": " " * 1_000_000,
    "no not": "no not " * 150_000,
    "base64": "QUJDREVGRw" * 100_000 + "==",
    "accents": "a" + "\u0301" * 1_000_000,
    "zero width": "n\u200bo\u200b " * 200_000,
    "nul": "\0" * 1_000_000,
    "right to left": "\u202eשלום " * 150_000,
    "emoji": "🤦🏽‍♀️" * 200_000,
    "marks": "?!" * 500_000,
    "han": "不是" * 500_000,
    "kana": "ない" * 500_000,
    "gaps": "you " + "x " * 500_000 + "wrong",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_anything_takes_no_time(text):
    for language in LANGUAGES:
        lexicon(language)
    read(text[:100]), listen(text[:100])  # lists are compiled as they are needed
    start = time.process_time()
    said = talk([text, text, text, "ok"])
    words_of(said)
    assert time.process_time() - start < 2


def test_many_turns_take_time_in_proportion():
    def spent(turns: int) -> float:
        said = talk(
            ["where is my order 4711 now" if i % 2 == 0 else f"it is number {i} on the way" for i in range(2 * turns)]
        )
        start = time.process_time()
        words_of(said)
        return time.process_time() - start

    spent(200)
    few, many = min(spent(500) for _ in range(3)), min(spent(4000) for _ in range(3))
    assert many < 8 * 3 * few


def test_tokens_are_those_of_the_folded_text():
    assert tokens_of(fold("Ａ＝１ 違う\u200b。")) == ["a", "1", "違", "う", "."]
