import random
from datetime import date

import pytest

from everyturn.demo.phrases import Phrases, Slots, phrases

SOURCES = {
    "slots": "@colour\nred\nblue\ngreen\n",
    "pets": "# a comment\n@topics\ncat dog\n@ask\n<please |>feed the {colour} <cat|dog<gy|>>\n@path\nHelp > Contact <a > b|c>\n"
    "@sound\n{name} says {word}\n@word\nmeow\nwoof\n@name\ncat\n@follow\nand the {colour} one? => It is {word}.\n@lines\none\\ntwo\n",
}


def slots(source, seed=1):
    return Slots(source, random.Random(seed).random, date(2026, 10, 5))


@pytest.fixture
def known():
    return Phrases(SOURCES)


def test_choices_and_details(known):
    told = {known.tell("pets.ask", slots(known, seed)) for seed in range(200)}
    starts = ("please feed the ", "feed the ")
    ends = (" cat", " dog", " doggy")
    assert told == {f"{start}{colour}{end}" for start in starts for colour in ("red", "blue", "green") for end in ends}
    assert known.variants("pets.ask") == 6


def test_detail_stays_the_same_through_one_conversation(known):
    for seed in range(20):
        one = slots(known, seed)
        assert len({one["colour"] for _ in range(5)} | {known.tell("pets.ask", one).split()[-2]}) == 1


def test_forgotten_detail_is_drawn_anew(known):
    one = slots(known)
    seen = set()
    for _ in range(50):
        seen.add(one["colour"])
        one.forget("colour", "order")
    assert seen == {"red", "blue", "green"}


def test_own_sections_are_chosen_anew_each_time(known):
    one = slots(known)
    assert {known.tell("pets.sound", one) for _ in range(50)} == {"cat says meow", "cat says woof"}


def test_sign_between_spaces_is_text(known):
    assert {known.tell("pets.path", slots(known, seed)) for seed in range(30)} == {
        "Help > Contact a > b",
        "Help > Contact c",
    }


def test_line_breaks(known):
    assert known.tell("pets.lines", slots(known)) == "one\ntwo"


def test_pairs_are_asked_once_in_a_conversation(known):
    one, used = slots(known), set()
    question, answer = known.pair("pets.follow", one, used=used)
    assert question == f"and the {one['colour']} one?"
    assert answer in {"It is meow.", "It is woof."}
    assert known.pair("pets.follow", one, used=used) is None
    assert known.pair("pets.nothing", one) is None


def test_open_choice_is_an_error():
    with pytest.raises(ValueError, match="a choice is not closed in the phrases of pets"):
        Phrases({"pets": "@ask\n<a|b\n"})


def test_unknown_detail_is_an_error(known):
    with pytest.raises(KeyError, match="nonsense"):
        slots(known)["nonsense"]


def test_reference_names_the_order_in_several_ways(known):
    one = slots(known)
    digits = one["order"].removeprefix("TW-")
    assert {one["ref"] for _ in range(100)} == {f"TW-{digits}", f"#{digits}", digits, f"TW{digits}"}


@pytest.mark.parametrize(
    ("style", "expected"), [("us", "Oct 1"), ("long", "1 October"), ("slash", "01/10"), ("dot", "01.10")]
)
def test_dates_as_people_write_them(known, style, expected):
    assert Slots(known, random.Random(1).random, date(2026, 10, 5), style=style).dated(-4) == expected


def test_amounts_carry_the_sign_of_the_place(known):
    one = Slots(known, random.Random(1).random, date(2026, 10, 5), money="£")
    one["plan"] = "Growth"
    assert one["price"] == "£79"
    assert float(one["price2"].removeprefix("£")) > 79


def test_every_shipped_rule_gives_a_text():
    known = phrases()
    rules = list(known._rules)
    assert len(rules) > 300
    for rule in rules:
        for seed in range(8):
            told = known.tell(rule, slots(known, seed))
            assert told
            assert not set("<>{}|") & set(told.replace(" > ", " ")), rule
