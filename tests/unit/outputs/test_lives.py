"""What happened to an intent, in plain words."""

from __future__ import annotations

import pytest

from everyturn.outputs.lives import lives, say_event
from everyturn.outputs.text import render

AT = "2025-03-31T00:00:00+00:00"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"kind": "born"}, "New: first asked on 31 March 2025, as far back as the data can be compared."),
        (
            {"kind": "born", "chance": 1.7e-27},
            "New: first asked on 31 March 2025. Chance of so few before had nothing changed: under 0.0001.",
        ),
        ({"kind": "born", "at": None}, "New; when is not known."),
        (
            {"kind": "grown", "chance": 0.0021},
            "Grown: seen on 31 March 2025. Chance of this many had nothing changed: 0.0021.",
        ),
        (
            {"kind": "faded", "chance": 0.3},
            "Faded: last asked on 31 March 2025. Chance of none since had nothing changed: 0.3.",
        ),
        ({"kind": "split", "other_intent": "Refunds"}, 'Split: it split off from "Refunds" on 31 March 2025.'),
        (
            {"kind": "split", "intent_id": "i-2", "intent": "Late refunds"},
            'Split: "Late refunds" split off from it on 31 March 2025.',
        ),
        ({"kind": "merged", "other_intent": "Refunds"}, 'Merged: it went into "Refunds" on 31 March 2025.'),
        (
            {"kind": "merged", "intent_id": "i-2", "intent": None},
            'Merged: "an intent that is gone" went into it on 31 March 2025.',
        ),
        ({"kind": "a kind of a later version"}, ""),
    ],
)
def test_each_event_is_a_sentence(event, said) -> None:
    assert say_event({"intent_id": "i-1", "at": AT, **event}, of="i-1") == said


def test_show_intent_tells_them_and_says_nothing_of_what_is_not_known() -> None:
    told = {
        "verb": "show",
        "intent": {"intent_id": "i-1", "intent": "Refunds", "theme": "Money"},
        "events": [{"kind": "born", "intent_id": "i-1", "at": AT}],
        "nearest": [{"intent": "Late refunds", "likeness": 0.61}, {"intent": "Returns", "likeness": None}],
    }
    text = render(told)
    assert "Theme: Money\nNew: first asked on 31 March 2025" in text
    assert "Most similar: Late refunds (0.61), Returns, where 1 means identical\n" in text
    assert list(lives({"intent": {"intent": "Refunds"}, "events": None, "nearest": [{}]})) == [
        "Most similar: unnamed, where 1 means identical"
    ]
    assert "None" not in render({"verb": "show", "intent": {"intent": "Refunds"}})
