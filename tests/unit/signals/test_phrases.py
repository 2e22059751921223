"""The phrase language: what each sign matches and what it does not."""

from __future__ import annotations

import pytest

from everyturn.signals.phrases import compile_phrases, fold, matches, tokens_of


def found(text: str, *phrases: str) -> list[str]:
    compiled = compile_phrases((phrase, phrase) for phrase in phrases)
    return sorted(match.meaning for match in matches(tokens_of(fold(text)), compiled))


@pytest.mark.parametrize(
    ("phrase", "text", "is_there"),
    [
        ("wrong|bad answer", "a BAD answer", True),
        ("wrong|bad answer", "a bad, answer", True),
        ("wrong|bad answer", "bad. answer", False),
        ("wrong|bad answer", "bad answers", False),
        ("not the? one", "not one", True),
        ("not the? one", "not the one", True),
        ("not the? one", "not that one", False),
        ("please? try again", "try again", True),
        ("please? try again", "please try again", True),
        ("you .. wrong", "you got it all wrong", True),
        ("you .. wrong", "you wrong", True),
        ("you .. wrong", "you got it all so very wrong", False),
        ("you .. wrong", "you got it. wrong", False),
        ("so frustrat*", "so frustrating", True),
        ("^ wrong $", "Wrong!", True),
        ("^ wrong $", "no, wrong, sorry", True),
        ("^ wrong $", "the wrong one", False),
        ("^^ no $", "No.", True),
        ("^^ no $", "Well. No.", False),
        ("doesn't work", "doesn’t work", True),
        ("doesn't work", "doesnt work", True),
        ("doesn't work", "does work", False),
        ("i|we have_already|'ve_already said", "I've already said", True),
        ("i|we have_already|'ve_already said", "we have already said", True),
        ("ça marche", "ca MARCHE", True),
        ("für dich", "fur dich", True),
    ],
)
def test_a_phrase_matches(phrase, text, is_there):
    assert bool(found(text, phrase)) is is_there


def test_the_longer_of_two_overlapping_matches_wins():
    assert found("no thanks", "no", "thanks", "no thanks") == ["no thanks"]
    assert found("no, and many thanks", "no", "thanks", "no thanks") == ["no", "thanks"]


def test_a_phrase_that_could_begin_with_anything_is_refused():
    with pytest.raises(ValueError, match="whole word"):
        compile_phrases([("frustrat* me", "x")])
