"""What the kinds of action mean: which accept an output, which reject it, which hand the matter to a person.

Kinds are compared in the spelling of `spelt`. Actions of any other kind are stored too; they say nothing about an output.
"""

from __future__ import annotations

ACCEPTING = frozenset(
    {"accepted", "copied", "inserted", "applied", "sent", "resolved", "saved", "published", "committed"}
)
REJECTING = frozenset({"rejected", "dismissed", "regenerated", "undone"})
EDITED = "edited"
REVERTED = "reverted"
RETURNED = "returned"  # the user came back with the same matter in another channel
HUMAN = frozenset({"ticket_opened", "human_requested", "called", "emailed"})
ASIDE = REJECTING | {REVERTED, "copied"}
"""Kinds whose text is a part of the output or an earlier state of it, and so does not show what became of it."""


def spelt(kind: str) -> str:
    """A kind in the spelling used here: lower case, words joined by underscores.

    >>> spelt("Ticket-Opened")
    'ticket_opened'
    """
    return kind.strip().casefold().replace("-", "_").replace(" ", "_")


def quoted(kinds: frozenset[str]) -> str:
    """The kinds as they stand in the brackets of an SQL `IN (…)`.

    >>> quoted(frozenset({"sent", "saved"}))
    "'saved', 'sent'"
    """
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))
