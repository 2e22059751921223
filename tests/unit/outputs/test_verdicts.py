"""What became of an output, in words that need no glossary."""

from __future__ import annotations

import pytest

from everyturn.outputs.verdicts import CUES, say_evidence
from everyturn.signals.outcome import LIKELY
from everyturn.signals.replies import AGENT_WEIGHT, WEIGHT


def test_every_cue_there_is_has_plain_words() -> None:
    assert set(CUES) == {*WEIGHT, *(f"agent: {name}" for name in (*AGENT_WEIGHT, "conceded"))}


@pytest.mark.parametrize(
    ("evidence", "detail", "said"),
    [
        ("words", f"{LIKELY}: negation", "from the user's next words: said no (negation); likely, not certain"),
        ("words", "thanks", "from the user's next words: said thanks"),
        (
            "words",
            "correction, agent: inability",
            "from the user's next words: corrected the agent; the agent said that it could not help (correction, agent: inability)",
        ),
        ("words", "moved on", "from the user's next words: moved on"),
        (
            "words",
            "moved on (correction)",
            "from the user's next words: moved on; too faint to count: corrected the agent (correction)",
        ),
        ("artefact", "sent, kept 1.00: as-is", "from the text that was kept: sent as it was"),
        ("artefact", "edited, kept 0.99: light", "from the text that was kept: kept with light edits"),
        ("action", "rated 0.00", "from what the user did: rated 0 on a scale from 0 to 1"),
        ("action", "ticket_opened", "from what the user did: ticket opened"),
        ("silence", "empty reply", "from the user's silence: the agent's reply was empty"),
        (None, "language not recognised", "language not recognised"),
        ("words", "a detail of someone's own", "from the user's next words: a detail of someone's own"),
        (None, None, ""),
    ],
)
def test_an_outcome_says_what_it_was_told_from(evidence: str | None, detail: str | None, said: str) -> None:
    assert say_evidence({"evidence": evidence, "detail": detail}) == said
