"""Keeps the ids of intents: matches new groups with the known intents, and says what happened to each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from everyturn.intents.grid import Labels
from everyturn.model import digest

Change = Literal["born", "grown", "split", "merged", "faded"]

# Jaccard overlap from which a group is an intent that is known already; a quarter lets an intent split in three keep its id.
_SAME = 0.25
_PART = 0.2  # of an intent's requests, what another group must hold to be a part of it split off
_SWALLOWED = 0.5  # of an intent's requests, what a group must hold for the intent to be merged into it
_GROWN = 1.5  # times its earlier share of all requests: from there an intent may be called grown
_SURE = 0.01  # if the chance of so many new requests at the earlier share is below this
_QUIET = timedelta(weeks=4)  # without a request, after which an intent is called faded


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an intent.

    - born: it was first asked for
    - grown: its share of all requests has risen by at least half since the last discovery, and by more than chance
    - split: it separated from `other`
    - merged: it became part of `other`
    - faded: it has not been asked for in the last four weeks, or no group contains it any more

    `chance` is the probability of this if nothing had changed: of as few people asking before a birth, as many since a growth, none since
    a fading. It is None if there is nothing to compare with, or if people made the change.
    """

    kind: Change
    intent_id: str
    at: datetime | None
    other: str | None = None
    chance: float | None = None


def match(overlap: Labels, known_sizes: Labels, group_sizes: Labels) -> Labels:
    """For each group the number of the known intent it continues, -1 where it continues none.

    `overlap[g, k]` is the number of requests in both. Each intent is matched with at most one group, so that the sum of their overlaps
    (Jaccard indices) is greatest.

    Method: optimal assignment (Kuhn 1955).

    >>> match(np.array([[8, 0], [2, 0], [0, 5]]), np.array([10, 5]), np.array([8, 2, 9])).tolist()
    [0, -1, 1]
    """
    from scipy.optimize import linear_sum_assignment

    union = group_sizes[:, None] + known_sizes[None, :] - overlap
    jaccard = np.round(overlap / np.maximum(union, 1), 6)
    groups, intents = linear_sum_assignment(-jaccard)
    matched = np.full(len(group_sizes), -1)
    for group, intent in zip(groups, intents, strict=True):
        if jaccard[group, intent] >= _SAME:
            matched[group] = intent
    return matched


def new_ids(contents: Sequence[str], used: Collection[str]) -> list[str]:
    """An id like "i-3f9a2c" for each new intent, made from its most central text; ids in `used` are not given again.

    >>> new_ids(["refund my order"], ())
    ['i-9f6d6c']
    """
    taken = set(used)
    ids = []
    for content in contents:
        number = 0
        while (candidate := f"i-{digest(content, str(number))[:6]}") in taken:
            number += 1
        taken.add(candidate)
        ids.append(candidate)
    return ids


def restructured(
    ids: Sequence[str], matched: Labels, overlap: Labels, known_ids: Sequence[str], at: datetime | None
) -> list[Event]:
    """The splits, mergers and fadings that turned the known intents into groups named `ids`."""
    events = []
    sizes = np.maximum(overlap.sum(axis=0), 1)
    for group, intent_id in enumerate(ids):
        if matched[group] < 0 and len(known_ids):
            source = int(overlap[group].argmax())
            if overlap[group, source] >= _PART * sizes[source]:
                events.append(Event("split", intent_id, at, known_ids[source]))
    for intent in sorted(set(range(len(known_ids))) - set(matched.tolist())):
        into = int(overlap[:, intent].argmax()) if len(ids) else -1
        if into >= 0 and overlap[into, intent] >= _SWALLOWED * sizes[intent]:
            events.append(Event("merged", known_ids[intent], at, ids[into]))
        else:
            events.append(Event("faded", known_ids[intent], at))
    return events


@dataclass(frozen=True, slots=True)
class Life:
    """Numbers about the users of an intent, from which its events are derived.

    `people` users asked for it, `people_before` of them before `first_seen`; `share_before` is the share of all requests that were made
    before then. `known` of `everyone_known` users asked for it up to the last discovery, `new` of `everyone_new` since. All requests span
    `days` days.
    """

    first_seen: datetime | None
    last_seen: datetime | None
    is_new: bool
    share_before: float
    people: int
    people_before: int
    known: int
    everyone_known: int
    new: int
    everyone_new: int
    days: float


def lived(intent_id: str, life: Life, *, now: datetime | None) -> list[Event]:
    """The events of a single intent.

    Method: exact binomial tails with users as the unit, assuming that the day on which a user asks is any of all days.

    >>> life = Life(None, None, False, 0.0, 100, 0, 20, 1000, 80, 1000, 0.0)
    >>> [event.kind for event in lived("i-1", life, now=None)]
    ['grown']
    """
    from scipy.stats import binom

    events = []
    if life.is_new:
        chance = float(binom.cdf(life.people_before, life.people, life.share_before)) if life.share_before > 0 else None
        events.append(Event("born", intent_id, life.first_seen, None, _rounded(chance)))
    elif life.everyone_new and life.everyone_known and life.new:
        share = (life.known + 1) / (life.everyone_known + 2)
        chance = float(binom.sf(life.new - 1, life.everyone_new, share))
        if life.new / life.everyone_new >= _GROWN * life.known / life.everyone_known and chance < _SURE:
            events.append(Event("grown", intent_id, now, None, _rounded(chance)))
    if now is not None and life.last_seen is not None and now - life.last_seen > _QUIET:
        quiet = (now - life.last_seen) / timedelta(days=1)
        chance = (1 - min(quiet / max(life.days, quiet), 1)) ** life.people
        events.append(Event("faded", intent_id, life.last_seen, None, _rounded(chance)))
    return events


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else float(f"{chance:.2g}")
