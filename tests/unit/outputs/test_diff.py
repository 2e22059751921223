"""What was changed, word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyturn.outputs.diff import action_diff, diff, folded
from everyturn.outputs.terminal import word_diff

TEXT = st.lists(st.sampled_from(["the ", "order ", "left\n", " Lyon", "今天", "\u202e", "x "]), max_size=30).map(
    "".join
)
LONG = " ".join(f"word{number}" for number in range(100))


def side(pieces, *fates):
    return "".join(piece.text for piece in pieces if piece.fate in fates)


@given(TEXT | st.text(max_size=60), TEXT | st.text(max_size=60))
def test_nothing_of_either_text_is_lost(before, after):
    pieces = diff(before, after)
    assert side(pieces, "kept", "new") == after
    assert side(pieces, "kept", "gone").split() == before.split() or "今" in before + after
    assert "".join(side(pieces, "kept", "gone").split()) == "".join(before.split())


@given(TEXT)
def test_the_same_text_is_kept_whole(text):
    assert {piece.fate for piece in diff(text, text)} <= {"kept"}


def test_two_words_between_changes_are_part_of_the_change():
    pieces = diff("a b c one of d e f", "a b c two of g e f")
    assert [(piece.fate, piece.text) for piece in pieces] == [
        ("kept", "a b c"), ("gone", " one of d e f"), ("new", " two of g e f")]  # fmt: skip


def test_texts_too_long_to_compare_are_said_not_to_be():
    assert diff("a b " * 10_000, "b c " * 10_000) is None


def test_long_kept_runs_are_folded_and_counted():
    pieces = folded(diff(f"{LONG} old end of it", f"{LONG} new end of it"))
    assert [piece.fate for piece in pieces] == ["skipped", "kept", "gone", "new", "kept"]
    assert "88 words kept" in pieces[0].text
    assert folded(diff("a b c d", "a b c d")) == diff("a b c d", "a b c d")


def conversation(**action):
    messages = [
        {"role": "user", "content": "write"},
        {"role": "assistant", "content": "It left Lyon today and is late."},
    ]
    return {"messages": messages}, {
        "kind": "sent",
        "turn": 0,
        "compared": True,
        "artefact": "It left Lyon today and is early.",
        **action,
    }


def test_an_action_is_compared_with_its_turns_output():
    pieces = action_diff(*conversation())
    assert side(pieces, "gone").strip() == "late."
    assert str(word_diff(pieces)) == "It left Lyon today and is [-late.-] {+early.+}"


def test_an_edit_is_compared_with_the_text_it_began_with():
    pieces = action_diff(*conversation(before="It left Lyon today and is slow."))
    assert side(pieces, "gone").strip() == "slow."


@pytest.mark.parametrize("action", [{"artefact": None}, {"turn": None}, {"turn": 7}, {"compared": False}])
def test_without_two_texts_there_is_no_diff(action):
    assert action_diff(*conversation(**action)) is None
