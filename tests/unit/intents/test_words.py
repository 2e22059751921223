"""Words as intents see them."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyturn.intents.words import _MASKED, _TOKEN, is_content, normal, stem, tokens


@pytest.mark.parametrize(
    "text",
    [
        "order #A-5512",
        "NW-48213",
        "on 2026-03-02 at 9:30",
        "€129.00",
        "mail a.b@shop.example",
        "https://shop.example/orders?id=x",
        "[email] or [phone]",
        "<NAME> [PERSON_1]",
        "{{order_id}}",
    ],
)
def test_what_could_identify_a_person_or_a_case_is_masked(text):
    words = tokens(text)
    assert "0" in words
    assert set(words) <= {"0", "order", "on", "at", "mail", "or"}


def test_letters_of_any_script_are_words():
    assert tokens("Où est mon colis? 我的包裹 Straße") == ["où", "est", "mon", "colis", "我的包裹", "straße"]
    assert tokens("ＦＵＬＬ width, don’t") == ["full", "width", "don't"]


def test_tokens_of_tokens_are_the_same():
    words = tokens("Where's #12 (NW-1)? It's 5% off")
    assert tokens(" ".join(words)) == words


@given(st.text("aZbé 'w.-_/0@[<{:?#\n’ß\x1c", max_size=16) | st.text(max_size=16))
def test_plain_text_is_read_as_every_text_is(text):
    masked = _MASKED.sub(" 0 ", unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    assert tokens(text) == _TOKEN.findall(masked)
    assert normal(text) == " ".join(tokens(text))


@pytest.mark.parametrize("text", ["a" * 200_000, "a-" * 100_000, "{{" * 50_000, "<A" * 50_000, "1." * 100_000])
def test_odd_text_takes_no_longer_than_plain_text(text):
    started = time.process_time()
    tokens(text)
    assert time.process_time() - started < 2


def test_function_words_of_several_languages_say_nothing():
    assert not any(
        is_content(word) for word in ("the", "nicht", "avec", "para", "gracias", "obrigado", "perché", "het")
    )
    assert all(is_content(word) for word in ("refund", "rechnung", "facture", "reembolso"))


def test_forms_of_a_word_share_their_stem_and_others_do_not():
    assert len({stem(word) for word in ("charge", "charged", "charges", "charging")}) == 1
    assert len({stem(word) for word in ("refund", "return", "report")}) == 3
