"""Facts about rates, trust and users -> Finding: what a product manager reads on Monday.

Each says since when, how much with its range, for whom, what did not move, and what the evals said meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from everyturn.analysis import Finding, Size
from everyturn.analysis.drift import Node, RateChange, day_after
from everyturn.analysis.erosion import ErodingUser
from everyturn.analysis.panel import WORSE
from everyturn.analysis.teller import Teller
from everyturn.analysis.trust import TrustDrop, cohort_trust
from everyturn.analysis.words import (
    NOUNS,
    PARTS,
    capital,
    counted,
    day,
    from_to,
    joined,
    listed,
    moved,
    percent,
    points,
    quoted,
    short,
)
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.compare import Split
from everyturn.stats.intervals import NEEDED_USERS, always_valid

_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "acceptance": ("Answers{} have been accepted", "less often", "more often", "accepted"),
    "feedback": ("Answers{} have been rated", "lower", "higher", "rated"),
    "edits": ("Answers{} have been edited", "more often", "less often", "edited"),
    "edit_share": ("Answers{} have been edited", "more heavily", "less heavily", "edited"),
    "rework": ("Accepted answers{} have been redone elsewhere", "more often", "less often", "redone"),
    "complaint": ("Answers{} have drawn complaints", "more often", "less often", "complained about"),
    "escalation": ("Answers{} have been handed to a person", "more often", "less often", "handed over"),
}
"""Per signal: the clause of a sentence with room for the place, how it got worse, how better, and the verb of a title."""

_PART_SIGNALS: Mapping[str, str] = {
    "unmodified acceptance": "acceptance",
    "depth of edits": "edit_share",
    "verification": "complaint",
    "rework": "rework",
}


def say_slide(t: Teller, fact: RateChange) -> Finding:
    """A rate that moved at a node."""
    node, within = fact.node, fact.size
    clause, worse, better, verb = _WORDS[fact.signal]
    how = worse if fact.is_worse else better
    subject = short(t.label(node.intent)) if node.intent is not None else t.cohort(node.cohort) or "All answers"
    rest = (
        "The rest of the product held steady."
        if fact.rest_z < 2
        else "The rest of the product moved too, but less clearly."
    )
    rows = t.panel.rows(fact.signal)
    since = t.index(fact.since)
    cost = float(rows.n[node.mask(rows) & (rows.week >= since)].sum()) * abs(within.value)
    story = "cohort" if node.level == 1 else "rework" if fact.signal == "rework" else "slide"
    return Finding(
        kind="level",
        signal=fact.signal,
        cohort=t.cohort(node.cohort),
        intent=None if node.intent is None else t.label(node.intent),
        since=fact.since,
        found_at=fact.found,
        size=Size.of(within),
        title=f"{capital(subject)}: {verb} {how}",
        sentence=joined(
            f"{clause.format(t.place(node))} {how} since about {day(fact.since, t.latest)}: {_change(fact)}.",
            rest if node.level else "",
            t.evals_moved(node.intent, since),
        ),
        story=story if fact.is_worse else "better",
        intent_id=t.intent_id(node.intent),
        details=(
            f"{t.found(fact.found)} {counted(within.users, 'user')}, {counted(within.n, 'known answer')} compared. {t.range_note(within, fact.tier)}",
            *_most_of_it(t, fact),
            *(f"{NOUNS[a.signal]} changed with it: {_change(a)}." for a in fact.also),
            *_mix(fact.split),
            t.rarity(fact.rarity, fact.tier),
            *t.tier_note(fact.tier),
        ),
        series=t.panel.weekly(fact.signal, cohort=node.cohort, intent=node.intent),
        where=t.where(node, since, fact.signal, int((WORSE[fact.signal] > 0) == fact.is_worse)),
        severity=cost if fact.is_worse else 0.0,
        tier=t.tier(fact.tier),
    )


def say_trust(t: Teller, fact: TrustDrop, *, tier: str, rarity: float) -> Finding:
    """A cohort that relies less on what it gets."""
    cohort, fell = t.panel.cohorts[fact.cohort], always_valid(fact.change, least=-1.0)
    parts = sorted(
        ((name, always_valid(change, least=-1.0)) for name, change in fact.parts.items()),
        key=lambda item: (round(item[1].value, 9), item[0]),
    )
    clear = [f"{PARTS[name]} {points(change.value)}" for name, change in parts if change.high < 0]
    largest = f"Most of it: {PARTS[parts[0][0]]} {points(parts[0][1].value)}." if parts else ""
    steady = ""
    if fact.total is not None and fact.total.low <= 0 <= fact.total.high:
        steady = "The overall figure hides it: trust across all users did not move."
    elif fact.others is not None and fact.others.low <= 0 <= fact.others.high:
        steady = "The other cohorts, taken together, did not move."
    signal = _PART_SIGNALS[parts[0][0]] if parts else "acceptance"
    traffic = t.panel.traffic
    outputs = traffic.n[(traffic.cohort == fact.cohort) & (traffic.week >= fact.since)].sum()
    return Finding(
        kind="level",
        signal="trust",
        cohort=cohort,
        intent=None,
        since=t.panel.weeks[fact.since],
        found_at=fact.found_at,
        size=Size.of(fell),
        title=f"{capital(cohort)}: less reliance on the answers",
        sentence=joined(
            f"{capital(cohort)} have relied less on the answers since {t.started(fact.since)}: trust"
            f" {from_to(fact.baseline.value, fell.value)} ({moved(fell.value, fell.low, fell.high)}).",
            f"What changed: {listed(clear)}." if clear else largest,
            steady,
            t.evals_moved(None, fact.since),
        ),
        story="cohort",
        details=(
            f"{t.found(fact.found_at)} {counted(fell.users, 'user')} compared, each counted once. {t.range_note(fell, tier)}",
            t.rarity(rarity, tier),
            *(f"{PARTS[name].capitalize()}: {_clearly(change)}." for name, change in parts),
            *([f"All other cohorts together: {_clearly(fact.others)}."] if fact.others else []),
            *t.tier_note(tier),
            "Trust is inferred from what people do; nobody was asked.",
        ),
        series=next((c.weekly for c in cohort_trust(t.panel) if c.cohort == cohort), ()),
        where=t.where(Node(fact.cohort), fact.since, signal, int(signal != "acceptance")),
        severity=abs(fell.value) * float(outputs),
        tier=t.tier(tier),
    )


def say_erosion(t: Teller, facts: Sequence[ErodingUser], *, found_week: int, false_share: float) -> Finding:
    """Users who keep coming and no longer take what they get."""
    use = float(np.mean([f.weekly_before for f in facts])), float(np.mean([f.weekly_since for f in facts]))
    by_chance = max(round(false_share * len(facts)), 1)
    since = sorted(f.since for f in facts)[len(facts) // 2]
    rows = t.panel.rows("acceptance")
    own = rows.take(np.isin(rows.user, [f.user for f in facts]))
    shift = always_valid(t.shift(own, since), least=-1.0)
    early = own.take(own.week < since)
    before, after = float(early.y.sum() / early.n.sum()), float(np.mean([f.accepted_since for f in facts]))
    change = ""
    if isinstance(shift, Estimate):  # the change with its users paired, so that the three numbers add up
        after = max(before + shift.value, 0.0)
        change = f" ({moved(shift.value, shift.low, shift.high)})"
    others = t.shift(rows.take(~np.isin(rows.user, [f.user for f in facts])), since)
    steady = isinstance(others, Estimate) and others.low <= 0 <= others.high
    users = tuple(t.panel.users[f.user] for f in facts)
    return Finding(
        kind="user",
        signal="trust",
        cohort=None,
        intent=None,
        since=t.panel.weeks[since],
        found_at=day_after(t.panel, found_week),
        size=Size(float(len(facts)), float(len(facts) - by_chance), float(len(facts))),
        title=f"{counted(len(facts), 'steady user')} take fewer answers",
        sentence=joined(
            f"{counted(len(facts), 'user')} come back as often as before ({use[0]:.1f} → {use[1]:.1f} answers a week) but take fewer answers as they"
            f" are: {percent(before)} before, {percent(after)} since about {t.started(since)}{change}.",
            f"About {by_chance} of them may be here by chance.",
            "All other users accept as many answers as before." if steady else "",
            t.evals_moved(None, since),
        ),
        unit="count",
        story="erosion",
        details=tuple(
            f"{user}: {percent(f.accepted_before)} → {percent(f.accepted_since)} of answers taken unchanged"
            f" since {t.started(f.since)}, at {f.weekly_since:.0f} answers a week."
            for user, f in zip(users, facts, strict=True)
        ),
        series=t.series(own, own.y, needed=min(NEEDED_USERS, len(facts))),
        where={
            "user_ids": users,
            "weeks": tuple(t.panel.weeks[since:]),
            "signal": "acceptance",
            "value": 0,
        },
        severity=sum(f.answers_since for f in facts) * max(before - after, 0.0),
    )


def _change(fact: RateChange) -> str:
    within = fact.size
    return f"{from_to(fact.baseline, within.value)} ({moved(within.value, within.low, within.high)})"


def _clearly(change: Estimate | NotEnough) -> str:
    if isinstance(change, NotEnough):
        return "not enough data"
    unclear = ", which may be chance" if change.low <= 0 <= change.high else ""
    return moved(change.value, change.low, change.high) + unclear


def _mix(split: Split) -> list[str]:
    if len(split.parts) < 2:
        return []
    mix = split.mix
    if abs(mix.value) >= 0.01 and not mix.low <= 0 <= mix.high:
        return [
            f"A change in who asks and what they ask for moved it by another {points(mix.value)}, which is not counted here."
        ]
    return ["A change in who asks or what they ask for does not explain it."]


def _most_of_it(t: Teller, fact: RateChange) -> list[str]:
    """The intents that carry a change of a cohort or of the whole, where a few clearly do."""
    if fact.node.intent is not None or len(fact.split.parts) < 2:
        return []
    by_intent: dict[int, float] = {}
    for cell, part in zip(fact.cells, fact.split.parts, strict=True):
        by_intent[cell] = by_intent.get(cell, 0.0) + part.within.value
    whole = fact.split.within.value
    largest = sorted(by_intent.items(), key=lambda item: (-round(item[1] / whole, 9), item[0]))[:2]
    named = [f"{quoted(t.label(i))} ({points(value)})" for i, value in largest if value / whole >= 0.25]
    return [f"Most of it: {listed(named)}."] if named else []
