"""The join of artefacts and outputs against one that compares all pairs, and what may not change its answer."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.signals import origins
from everyturn.signals.fingerprints import all_fingerprints
from everyturn.signals.origins import Texts, find_origins

DAY = 86_400_000_000
WINDOW = 7 * DAY
SENTENCES = [
    "the order left our warehouse in Lyon this morning",
    "a new pole is on its way to you",
    "please keep the broken one",
    "we took five percent off your invoice",
    "the tax on stoves is nineteen percent",
    "amount = sum(item.price for item in items)",
    "return round(amount * (1 + tax), 2)",
    "您的包裹今天早上离开了我们在里昂的仓库",
    "ok",
    "\u202eшатёр \U0001f3d5\ufe0f \x00",
]
TEXT = st.lists(st.sampled_from(SENTENCES), max_size=5).map(". ".join)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20 * 24), TEXT), max_size=8)


def texts(rows):
    """Rows of (user, hour, text)."""
    users, hours, contents = zip(*rows, strict=True) if rows else ((), (), ())
    return Texts(np.array(users, dtype=np.int64), np.array(hours, dtype=np.int64) * (DAY // 24), contents)


def prints_of(text):
    return set(all_fingerprints([text]).hashes.tolist())


def reference(outputs, artefacts):
    """For each artefact all outputs of its user in the days before, the best by what they share; ties to the later, then the longer."""
    found = []
    known = [prints_of(text) for _, _, text in outputs]
    for user, hour, text in artefacts:
        theirs = prints_of(text)
        best = (0.0, None, None)
        for (owner, since, output), own in zip(outputs, known, strict=True):
            shared = len(own & theirs)
            if owner != user or not hour - 7 * 24 <= since <= hour or not (shared >= 3 or (own and own <= theirs)):
                continue
            score = round(shared / len(own) + shared / len(theirs), 9)
            best = max(
                best,
                (score, (since, len(output), output), shared / len(own)),
                key=lambda each: (each[0], each[1] or ()),
            )
        found.append((best[1], best[2]))
    return found


def answers(outputs, artefacts):
    found = find_origins(texts(outputs), texts(artefacts), window=WINDOW)
    return [
        (None, None) if index < 0 else ((outputs[index][1], len(outputs[index][2]), outputs[index][2]), share)
        for index, share in zip(found.outputs.tolist(), found.shares.tolist(), strict=True)
    ]


@given(ROWS, ROWS)
def test_the_join_finds_what_comparing_all_pairs_finds(outputs, artefacts):
    for (where, share), (expected, held) in zip(
        answers(outputs, artefacts), reference(outputs, artefacts), strict=True
    ):
        assert where == expected
        assert share is None or share == pytest.approx(held)


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_neither_order_nor_names_nor_company_change_an_answer(outputs, artefacts, draw):
    expected = dict(zip(map(str, artefacts), answers(outputs, artefacts), strict=True))
    shuffled = draw.sample(outputs, len(outputs))
    rename = {0: 900, 1: 17, 2: 5_000_000_000}
    renamed = [(rename[user], hour, text) for user, hour, text in shuffled]
    for user in rename:  # each user alone, under another name, in another order
        own = [each for each in artefacts if each[0] == user]
        for each, answer in zip(own, answers(renamed, [(rename[u], h, t) for u, h, t in own]), strict=True):
            assert answer == expected[str(each)]


@given(TEXT.filter(lambda text: any(map(str.isalnum, text))))
def test_an_output_kept_as_it_was_is_found_whole(text):
    assert answers([(0, 0, text)], [(0, 1, text)]) == [((0, len(text), text), 1.0)]


@given(TEXT)
def test_what_came_later_too_early_or_from_others_is_no_origin(text):
    assert answers([(0, 2, text), (1, 0, text)], [(0, 1, text)]) == [(None, None)]
    assert answers([(0, 0, text)], [(0, 7 * 24 + 1, text)]) == [(None, None)]


@settings(max_examples=20)
@given(st.text(max_size=2000), st.text(max_size=2000))
def test_odd_texts_never_raise(one, other):
    find_origins(texts([(0, 0, one), (0, 0, other)]), texts([(0, 1, other + one), (0, 1, "")]), window=WINDOW)


def test_hostile_texts_take_no_longer_than_their_length():
    draw = random.Random(7)
    megabyte = "a" * 1_000_000
    base64 = "".join(draw.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=1_000_000))
    hidden = "\u200b\u200d\ufeff" * 100_000 + "the order left Lyon"
    rows = [(0, hour, text) for hour, text in enumerate([megabyte, base64, hidden, "\x00" * 1000, "x" * 1000])]
    found = find_origins(texts(rows), texts([(user, hour + 10, text) for user, hour, text in rows]), window=WINDOW)
    assert found.outputs.tolist()[:2] == [0, 1]
    assert found.outputs.tolist()[3] == -1


def test_the_same_text_given_a_thousand_times_is_looked_at_a_few_times():
    draft = "Thank you for writing to us about the tent. A new pole leaves our warehouse tomorrow."
    outputs = texts([(0, hour % 100, draft) for hour in range(3000)])
    artefacts = texts([(0, 100, draft)] * 3000)
    known, _ = origins._keys(outputs.users, all_fingerprints(outputs.texts), np.arange(3000))
    asked, _ = origins._keys(artefacts.users, all_fingerprints(artefacts.texts), np.arange(3000, 6000))
    pairs, _ = origins._meetings(known, asked, np.zeros(6000, dtype=np.int64))
    assert len(pairs) <= 3000 * origins.LATEST
    found = find_origins(outputs, artefacts, window=WINDOW)
    assert set(found.shares.tolist()) == {1.0}
    assert {int(outputs.at[index]) for index in found.outputs} == {99 * (DAY // 24)}  # the latest of them
