"""The default embedder, against a slow and obvious one."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest

from everyturn.errors import InputError
from everyturn.intents.embedders import stored
from everyturn.intents.embedders.lexical import Lexical, _batches
from everyturn.intents.embedders.ngrams import Weighed, count_letters, count_words
from everyturn.intents.embedders.worded import Worded

TEXTS = [
    "where is my order",
    "order is late",
    "my order",
    "ab a",
    "",
    "reset password password",
    "où est ça",
    "我的包裹",
]


def words_of(text):
    return Counter(text.split())


def characters_of(text):
    return Counter(
        padded[i : i + n]
        for padded in (f" {word} " for word in text.split())
        for n in (3, 4, 5)
        for i in range(len(padded) - n + 1)
    )


@pytest.mark.parametrize(("count", "slow"), [(count_words, words_of), (count_letters, characters_of)])
def test_ngrams_are_counted_as_a_slow_counter_counts_them(count, slow):
    counted = count(Worded.of(TEXTS))
    for row, text in enumerate(TEXTS):
        assert sorted(counted.said[row].data.tolist()) == sorted(slow(text).values()), text
    # and the same n-gram has the same number wherever it stands
    every = Counter()
    for text in TEXTS:
        every.update(slow(text).keys())
    assert len(set(counted.ids.tolist())) == len(counted.ids) == len(every)
    assert sorted(np.bincount(counted.said.indices).tolist()) == sorted(every.values())


@pytest.mark.parametrize("count", [count_words, count_letters])
def test_the_image_by_parts_is_that_of_the_whole(count):
    counted = count(Worded.of([*TEXTS, "banana banana anan ban", "where where is where"]))
    known = np.sort(counted.ids)[::2]
    random = np.random.default_rng(1)
    weighed = Weighed(counted, known, random.random(len(known)).astype(np.float32) + 1, 3.0)
    components = random.standard_normal((len(known), 5))
    matrix = weighed.matrix()
    assert weighed.image(components) == pytest.approx(matrix @ components)
    length = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    assert np.all(np.isclose(length, 1) | (length == 0))
    assert (length > 0).sum() >= 7


def slow_number(word):
    """SplitMix64's finaliser of a polynomial in the code points, in Python's own integers."""
    value = sum(ord(letter) * pow(0x9E3779B97F4A7C15, i, 2**64) for i, letter in enumerate(word)) % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return (value ^ value >> 31) >> 32


def test_ngram_numbers_come_from_the_letters_alone():
    ids = count_words(Worded.of(["refund order"])).ids
    assert ids.tolist() == [slow_number("refund"), slow_number("order")] == [37966054, 218027503]


def test_familiar_is_the_weight_known():
    lexical = Lexical()
    lexical.fit(["alpha beta", "alpha gamma", "beta gamma"])
    known, unknown, half = lexical.familiar(["alpha beta", "zzzz", "alpha zzzz"])
    assert known == pytest.approx(1.0)
    assert unknown == 0
    assert 0.2 < half < 0.9
    words = lexical._matrix(next(_batches(["alpha beta"]))).toarray()[0]
    assert np.count_nonzero(words[: len(lexical._ids[0])]) == 2
    # "alpha" is in two of three texts, "gamma" in as many
    both = lexical._matrix(next(_batches(["alpha gamma gamma"]))).toarray()[0][: len(lexical._ids[0])]
    expected = np.array([1, 1 + log(2)]) / np.hypot(1, 1 + log(2))
    assert sorted(both[both > 0]) == pytest.approx(expected.tolist(), rel=1e-5)


def test_forms_of_a_word_lie_nearer_than_other_words():
    nouns = ("order", "orders", "password", "invoice", "parcel", "refund")
    lexical = Lexical()
    lexical.fit([f"{verb} my {noun}" for verb in ("cancel", "change", "track", "find") for noun in nouns])
    order, orders, password = lexical.encode(["order", "orders", "password"])
    assert order @ orders > order @ password + 0.1


def test_the_sample_learnt_from_does_not_depend_on_the_order(monkeypatch):
    monkeypatch.setattr("everyturn.intents.embedders.lexical.SAMPLE", 50)
    texts = [f"question {chr(97 + i % 26)}{chr(97 + i // 26)} about thing {chr(97 + i % 7)}" for i in range(300)]
    one, other = Lexical(), Lexical()
    one.fit(texts)
    other.fit(texts[::-1] + texts[:40])
    assert one.to_bytes() == other.to_bytes()


def test_nothing_to_learn_from_is_an_error_without_the_texts():
    with pytest.raises(InputError) as error:
        Lexical().fit(["", " ?! "])
    assert "?!" not in str(error.value)


def test_other_states_and_other_embedders_are_refused():
    with pytest.raises(InputError):
        Lexical.from_bytes(b"nonsense")
    with pytest.raises(InputError) as error:
        stored("other/1", b"")
    assert "lexical/1" in str(error.value)
