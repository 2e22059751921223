"""What happened to an intent, in plain words."""

from __future__ import annotations

import pytest

from everyturn.outputs.lives import lives, say_event
from everyturn.outputs.text import render

AT = "2025-03-31T00:00:00+00:00"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"kind": "born"}, "Born: asked since 31 March 2025, as far back as could be compared."),
        (
            {"kind": "born", "chance": 1.7e-27},
            "Born: asked since 31 March 2025. Chance of as few asking before had nothing changed: under 0.0001.",
        ),
        ({"kind": "born", "at": None}, "Born; when is not known."),
        (
            {"kind": "grown", "chance": 0.0021},
            "Grown: seen on 31 March 2025. Chance of as much had nothing changed: 0.0021.",
        ),
        (
            {"kind": "faded", "chance": 0.3},
            "Faded: last asked on 31 March 2025. Chance of none asking since had nothing changed: 0.3.",
        ),
        ({"kind": "split", "other_intent": "Refunds"}, 'Split: it came apart from "Refunds" on 31 March 2025.'),
        (
            {"kind": "split", "intent_id": "i-2", "intent": "Late refunds"},
            'Split: "Late refunds" came apart from it on 31 March 2025.',
        ),
        ({"kind": "merged", "other_intent": "Refunds"}, 'Merged: it went up in "Refunds" on 31 March 2025.'),
        (
            {"kind": "merged", "intent_id": "i-2", "intent": None},
            'Merged: "an intent that is gone" went up in it on 31 March 2025.',
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
    assert "Theme: Money\nBorn: asked since 31 March 2025" in text
    assert "Most like it: Late refunds (0.61), Returns; 1 would be the same\n" in text
    assert list(lives({"intent": {"intent": "Refunds"}, "events": None, "nearest": [{}]})) == [
        "Most like it: unnamed; 1 would be the same"
    ]
    assert "None" not in render({"verb": "show", "intent": {"intent": "Refunds"}})
