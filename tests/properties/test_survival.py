"""Laws of survival, and the fast measures against slow, obvious ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from everyturn.signals.fingerprints import all_fingerprints, letters
from everyturn.signals.survival import Artefact, _coverage, _runs, above, grade, survival

WORD = st.sampled_from(
    [
        "the",
        "a",
        "of",
        "order",
        "parcel",
        "tent",
        "pole",
        "left",
        "right",
        "again",
        "soon",
        "Lyon",
        "Friday",
        "12",
        "nine",
        "return",
        "def",
        "if",
        "x",
    ]
)
TEXT = st.lists(WORD, max_size=60).map(" ".join)
LONG = st.lists(WORD, min_size=12, max_size=60).map(" ".join)
LINES = st.lists(
    st.sampled_from(
        ["x = 1", "y = f(x)", "if x:", "    return y", "for a in b:", "print(a, b)", "z[0] += x * 2", "}", "# why"]
    ),
    min_size=4,
    max_size=30,
).map("\n".join)
ANY = st.text(max_size=200)


def reference_coverage(words, others):
    """Each word of the output: does any window of four around it stand anywhere in the artefact?"""
    kept = 0
    for index, word in enumerate(words):
        windows = [words[start : start + 4] for start in range(index - 3, index + 1) if start >= 0]
        windows = [window for window in windows if len(window) == 4]
        places = range(len(others) - 3)
        if any(others[place : place + 4] == window for window in windows for place in places):
            kept += len(word)
    return kept / sum(map(len, words))


def reference_letter(sign):
    """One byte a letter: ASCII as it is, all others by the top seven bits of a multiplied code point."""
    point = ord(sign)
    return point if point < 128 else 128 + (point * 0x9E3779B1 % 2**32 >> 25)


def reference_fingerprints(text):
    """Hash every eight letters with plain integers, then take the smallest of every four neighbours."""
    letters = [reference_letter(sign) for sign in text.casefold() if sign.isalnum()]
    hashes = []
    for start in range(len(letters) - 7):
        value = int.from_bytes(bytes(letters[start : start + 8]), "little")
        value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        value = ((value ^ value >> 27) * 0x94D049BB133111EB) % 2**64
        hashes.append(value ^ value >> 31)
    return {min(hashes[start : start + 4]) for start in range(len(hashes) - 3)}


@given(LONG, TEXT)
def test_coverage_equals_the_slow_reference(output, artefact):
    words, others = output.split(), artefact.split()
    assert _coverage(words, frozenset(_runs(others))) == reference_coverage(words, others)


@given(ANY | LINES)
def test_fingerprints_equal_the_slow_reference(text):
    assert set(Artefact(text).fingerprints.tolist()) == reference_fingerprints(text)


@given(st.lists(ANY | LINES, max_size=8))
def test_many_texts_have_the_fingerprints_each_has_alone(texts):
    found = all_fingerprints(texts)
    for text, start, end in zip(texts, found.starts[:-1], found.starts[1:], strict=True):
        own = Artefact(text).fingerprints
        if len(own):
            assert set(found.hashes[start:end].tolist()) == set(own.tolist())
        else:  # too short: one print of the whole, if it has a letter
            assert end - start == bool(letters(text))


def test_fingerprints_are_the_same_in_every_process():
    assert Artefact("return the total of all items").fingerprints.tolist()[:2] == [
        926452340962640967,
        993273352693394137,
    ]


@given(TEXT | LINES | ANY)
def test_identical_texts_are_kept_whole(text):
    assert survival(text, text) == 1.0


@given(TEXT | LINES | ANY, TEXT | LINES | ANY)
def test_a_share_is_a_share_and_has_a_grade(output, artefact):
    share = survival(output, artefact)
    assert 0.0 <= share <= 1.0
    assert grade(share) in ("as-is", "light", "heavy", "rewritten")
    assert share == survival(output, artefact)


@given(LONG, TEXT, TEXT)
def test_what_the_user_pasted_in_counts_neither_way(output, pasted, artefact):
    share = survival(f"{pasted} {output}", artefact, pasted=Artefact(pasted))
    assert share is None or 0.0 <= share <= 1.0
    assert survival(f"{pasted} {output}", f"{pasted} {output}", pasted=Artefact(pasted)) in {None, 1.0}
    assert survival(output, artefact, pasted=Artefact(output)) is None
    assert survival(output, artefact, pasted=Artefact("αβγ δε ζηθ ικ")) == survival(output, artefact)


@given(st.floats(0, 1), st.floats(0, 0.99))
def test_the_noise_floor_keeps_the_ends_and_the_order(share, floor):
    assert above(1.0, floor) == 1.0
    assert above(floor, floor) == 0.0
    assert 0.0 <= above(share, floor) <= share


@given(LONG)
def test_disjoint_texts_keep_nothing(output):
    assert (
        survival(output, "\u03b1\u03b2\u03b3 \u03b4\u03b5 \u03b6\u03b7\u03b8 \u03b9\u03ba \u03bb\u03bc\u03bd " * 20)
        == 0.0
    )


@given(LONG, TEXT, TEXT)
def test_prose_around_the_output_costs_nothing(output, before, after):
    assert survival(output, f"{before} {output} {after}") == 1.0


@given(LINES, LINES, LINES)
def test_code_around_the_output_costs_nothing(output, before, after):
    assert survival(output, f"{before}\n{output}\n{after}") == 1.0


@given(LONG, st.lists(WORD, max_size=60), st.integers(0, 60))
def test_cutting_the_artefact_short_never_keeps_more(output, words, end):
    assert survival(output, " ".join(words[:end])) <= survival(output, " ".join(words))


@given(LONG, st.lists(WORD, max_size=30), st.lists(WORD, max_size=30))
def test_an_artefact_that_goes_on_never_keeps_less(output, words, more):
    assert survival(output, " ".join(words)) <= survival(output, " ".join(words + more))


@settings(max_examples=50)
@given(LINES, st.integers(0, 30))
def test_code_cut_short_never_keeps_more(output, end):
    whole = f"{output}\nimport os\n{output}".splitlines()
    cut, uncut = (Artefact("\n".join(lines)).fingerprints for lines in (whole[:end], whole))
    assert len(cut) <= len(uncut)
    assert np.isin(cut, uncut).all()
