"""What the kinds of action mean: which took an output, which turned it away, which sent the matter to people.

The kinds are those readers normalise to; others are kept and mean nothing here.
"""

from __future__ import annotations

ACCEPTING = frozenset(
    {"accepted", "copied", "inserted", "applied", "sent", "resolved", "saved", "published", "committed"}
)
REJECTING = frozenset({"rejected", "dismissed", "regenerated", "undone"})
EDITED = "edited"
REVERTED = "reverted"
RETURNED = "returned"  # with the same matter, in another channel
HUMAN = frozenset({"ticket_opened", "human_requested", "called", "emailed"})
ASIDE = REJECTING | {REVERTED, "copied"}
"""The text that goes with these is a part of the output, or what stood there before, and not what became of it."""


def spelt(kind: str) -> str:
    """A kind as the lists spell it.

    >>> spelt("Ticket-Opened")
    'ticket_opened'
    """
    return kind.strip().casefold().replace("-", "_").replace(" ", "_")


def quoted(kinds: frozenset[str]) -> str:
    """The kinds as a list in SQL.

    >>> quoted(frozenset({"sent", "saved"}))
    "'saved', 'sent'"
    """
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))
