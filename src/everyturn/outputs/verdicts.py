"""What became of an output, in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everyturn.analysis.words import percent
from everyturn.outputs.figures import number

_SOURCES = {
    "artefact": "from the text that was kept",
    "action": "from what the user did",
    "words": "from what the user said next",
    "silence": "from the user's silence",
    "judge": "from a judge's score",
}


def say_change(outcome: Mapping[str, Any]) -> str:
    """How much of an output was changed, and whether after it was accepted; empty where nothing is known of a change.

    >>> say_change({"outcome": "edited", "edit_share": 0.2}), say_change({"outcome": "accepted", "rework": 1.0, "edit_share": 0.7})
    ('20% changed', 'redone later, 70% changed')
    """
    share = number(outcome.get("edit_share"))
    changed = f"{percent(share)} changed" if share else ""
    if outcome.get("outcome") != "accepted":
        return changed
    if outcome.get("rework"):
        return f"redone later, {changed}" if changed else "redone later"
    return f"later {changed}" if changed else ""


def say_evidence(outcome: Mapping[str, Any]) -> str:
    """What an outcome was told from.

    >>> say_evidence({"evidence": "words", "detail": "thanks"}), say_evidence({"evidence": "silence"})
    ('from what the user said next: thanks', "from the user's silence")
    """
    kind, detail = outcome.get("evidence"), outcome.get("detail")
    source = _SOURCES.get(str(kind), f"from {kind}") if kind else ""
    return f"{source}: {detail}" if source and detail else source or str(detail or "")
