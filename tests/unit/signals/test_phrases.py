"""The phrase language: what each sign matches and what it does not."""

from __future__ import annotations

import pytest

from everyturn.signals.phrases import Phrases, fold, tokens_of


def found(text: str, *phrases: str) -> list[str]:
    compiled = Phrases((phrase, phrase) for phrase in phrases)
    return sorted(match.meaning for match in compiled.find(tokens_of(fold(text))))


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
        ("worked well|now|$", "it worked", True),
        ("worked well|now|$", "it worked now", True),
        ("worked well|now|$", "it worked for you", False),
        ("不是 我|这个", "这不是我要的", True),
        ("不是 我|这个", "不是，我", True),
        ("不是 我|这个", "不是的", False),
        ("ai客服 不行", "AI客服不行", True),
        ("wrong", "wr\u200bong", True),
    ],
)
def test_a_phrase_matches(phrase, text, is_there):
    assert bool(found(text, phrase)) is is_there


def test_the_longer_of_two_overlapping_matches_wins():
    assert found("no thanks", "no", "thanks", "no thanks") == ["no thanks"]
    assert found("no, and many thanks", "no", "thanks", "no thanks") == ["no", "thanks"]


def test_a_phrase_that_could_begin_with_anything_is_refused():
    with pytest.raises(ValueError, match="whole word"):
        Phrases([("frustrat* me", "x")])


@pytest.mark.parametrize("phrase", ["maybe?", "a? b?", "what? ..", "be?fore it", "a||b"])
def test_a_phrase_that_could_match_nothing_is_refused(phrase):
    with pytest.raises(ValueError, match="cue phrase"):
        Phrases([(phrase, "x")])


def test_the_words_that_are_looked_up_never_change_what_is_found():
    phrases = ["it .. work|works", "not the? one", "^ no $", "do|does n't", "don't|do_not like it|that"]
    texts = ["It does not work", "not that, no", "not one. No", "I don't like it", "dont like that", "it really works!"]
    for text in texts:
        tokens = tokens_of(fold(text))
        plain = Phrases((each, each) for each in phrases).find(tokens)
        common = Phrases(
            ((each, each) for each in phrases), common=frozenset(["it", "not", "no", "do", "does", "i", "the"])
        )
        assert common.find(tokens) == plain
