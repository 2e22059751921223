"""What became of an output, in words, the same on the page and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from everyturn.analysis.words import percent
from everyturn.outputs.figures import number

_SOURCES = {
    "artefact": "from the text that was kept",
    "action": "from what the user did",
    "words": "from the user's next words",
    "silence": "from the user's silence",
    "judge": "from a judge's score",
}
CUES = {
    "negation": "said no",
    "failure": "said that it did not work",
    "correction": "corrected the agent",
    "confusion": "did not follow",
    "escalation": "asked for a person",
    "giveup": "gave up",
    "frustration": "showed annoyance",
    "rephrase": "asked again in other words",
    "repeat": "asked the same again",
    "praise": "praised it",
    "thanks": "said thanks",
    "agent: apology": "the agent apologised",
    "agent: inability": "the agent said that it could not help",
    "agent: repetition": "the agent repeated itself",
    "agent: conceded": "the agent then apologised",
}
"""What each cue in the detail of an outcome says, in plain words."""
_EDITS = {"as-is": "as it was", "light": "with light edits", "heavy": "with heavy edits", "rewritten": "and rewritten"}
_SILENCE = {
    "no reply by the user": "",
    "asked the user, who never came back": "the agent asked, and the user never came back",
    "empty reply": "the agent's reply was empty",
    "ended in a tool call": "the agent's turn ended in a tool call",
}
_LIKELY = "likely, by one cue: "


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
    """What an outcome was told from, in plain words; the cues' own names in brackets, for whoever looks them up.

    >>> say_evidence({"evidence": "words", "detail": "likely, by one cue: giveup, agent: conceded"})
    "from the user's next words: gave up; the agent then apologised (giveup, agent: conceded); likely, not certain"
    >>> say_evidence({"evidence": "artefact", "detail": "sent, kept 0.71: heavy"})
    'from the text that was kept: sent with heavy edits'
    >>> say_evidence({"evidence": "silence", "detail": "no reply by the user"})
    "from the user's silence"
    """
    kind, detail = str(outcome.get("evidence") or ""), str(outcome.get("detail") or "")
    source = _SOURCES.get(kind, f"from {kind}") if kind else ""
    say = {"words": _words, "artefact": _kept, "action": _done}.get(kind)
    said = say(detail) if say else _SILENCE.get(detail, detail)
    return f"{source}: {said}" if source and said else source or said


def _words(detail: str) -> str:
    """What the user's next words say: cues, surely or likely; or that they moved on, with cues too faint to count."""
    if detail.startswith("moved on (") and detail.endswith(")"):
        return f"moved on; too faint to count: {_cues(detail[len('moved on (') : -1])}"
    if detail.startswith(_LIKELY):
        return f"{_cues(detail.removeprefix(_LIKELY))}; likely, not certain"
    return _cues(detail)


def _cues(detail: str) -> str:
    names = detail.split(", ")
    if not all(name in CUES for name in names):
        return detail
    users, agents = ([name for name in names if name.startswith("agent: ") is is_agent] for is_agent in (False, True))
    told = "; ".join(", ".join(CUES[name] for name in part) for part in (users, agents) if part)
    coded = [name for name in names if name not in CUES[name].split()]
    return f"{told} ({', '.join(coded)})" if coded else told


def _kept(detail: str) -> str:
    found = re.fullmatch(r"(\w+), kept [\d.]+: ([\w-]+)", detail)
    if found is None or found[2] not in _EDITS:
        return detail
    how = _EDITS[found[2]]
    return f"{found[1].replace('_', ' ')} {how}" if found[1] != "edited" else f"kept {how}"


def _done(detail: str) -> str:
    rated = re.fullmatch(r"rated (\d\.\d+)", detail)
    return f"rated {float(rated[1]):g} on a scale from 0 to 1" if rated else detail.replace("_", " ")
