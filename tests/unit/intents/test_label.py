"""Names that stand in a table somebody reads."""

from __future__ import annotations

import numpy as np

from everyturn.intents.label import name_groups

BILLING = [
    "I was charged twice this month",
    "why was my card charged twice?",
    "charged twice for one order",
    "double charge on my bill",
    "you charged me twice",
]
RESET = [
    "reset my password",
    "password reset link",
    "I forgot my password",
    "the password reset mail is missing",
    "reset password for my colleague",
]


def names(*groups, **options):
    texts = [text for group in groups for text in group]
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return name_groups(texts, labels, **options)


def test_a_label_is_a_phrase_people_wrote_and_others_did_not():
    billing, reset = names(BILLING, RESET)
    assert billing.label == "charged twice"
    assert reset.label.startswith(("password reset", "reset password"))
    assert "charged twice" in billing.description
    assert billing.phrases[0] == "charged twice"


def test_no_label_holds_a_number_a_place_of_masked_data_or_a_function_word_alone():
    texts = [f"parcel NW-{i} for {i}@shop.example is late, please check order 55{i}" for i in range(5)]
    (name,) = names(texts)
    assert not any(character.isdigit() for phrase in (name.label, *name.phrases) for character in phrase)
    assert not {"please", "for", "is"} & {name.label, *name.phrases}


def test_labels_are_unlike_each_other():
    found = names(BILLING, BILLING, BILLING)
    assert len({name.label for name in found}) == 3


def test_a_phrase_of_too_few_people_is_not_shown():
    users = [frozenset([1])] * 3 + [frozenset([i]) for i in range(2, 9)]
    texts = ["zebra stripes fade"] * 3 + ["invoice is missing"] * 7
    (name,) = name_groups(texts, np.zeros(10, np.int64), users, minimum_users=5)
    assert name.label.startswith("invoice")
    assert not any("zebra" in phrase for phrase in name.phrases)
    (hidden,) = name_groups(texts[:3], np.zeros(3, np.int64), users[:3], minimum_users=5)
    assert hidden.phrases == ()
    assert "zebra" not in hidden.label + hidden.description


def test_what_is_asked_counts_for_more_than_what_is_explained():
    tail = ". Our accountant closes the quarter"
    asked = [f"{verb} the delivery address{tail}" for verb in ("change", "correct", "edit", "replace", "swap")]
    (name, _) = names(asked, RESET)
    assert name.label.startswith("delivery address")


def test_a_group_keeps_the_label_it_has():
    billing, reset = names(BILLING, RESET, before={0: "billing discrepancy"})
    assert billing.label == "billing discrepancy"
    assert "charged twice" in billing.phrases
    assert reset.label != billing.label


def test_a_group_of_several_languages_says_so_and_one_of_mostly_one_does_not():
    german = [
        f"Wo ist mein Paket {word} mit der Sendung" for word in ("jetzt", "bitte", "denn", "eigentlich", "nur", "noch")
    ]
    spanish = [
        f"¿Dónde está mi pedido {word} con el envío?" for word in ("ya", "hoy", "ahora", "por favor", "pues", "todavía")
    ]
    english = [
        f"where is my parcel {word} with the tracking" for word in ("now", "please", "then", "really", "only", "yet")
    ]
    texts = [*german, *spanish, *english, german[0] + " heute", *[f"how do I reset my password {i}" for i in range(12)]]
    labels = np.array([0] * 12 + [1] * 7 + [2] * 12)
    mixed, mostly, one = name_groups(texts, labels)
    assert mixed.label.startswith("German and Spanish: ")
    assert mixed.description.startswith("Requests in German and Spanish that speak of ")
    assert ":" not in mostly.label
    assert ":" not in one.label
    assert one.description.startswith("Requests that speak of ")


def test_groups_that_mix_languages_as_all_do_are_named_by_their_subject():
    lines = {
        "parcel": ("where is my parcel with the tracking", "wo ist mein Paket mit der Sendung"),
        "password": ("how can you reset my password", "wie kann ich mein Passwort noch ändern"),
    }
    texts = [f"{line} {number}" for pair in lines.values() for line in pair for number in range(10)]
    names = name_groups(texts, np.repeat([0, 1], 20))
    assert all(":" not in name.label for name in names)
