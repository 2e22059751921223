"""Facts about what users ask for, the human queue and the gap to evals -> Finding."""

from __future__ import annotations

from dataclasses import replace

from everyturn.analysis import Finding, Size
from everyturn.analysis.demand import NewIntent, ShareChange
from everyturn.analysis.drift import Node, day_after
from everyturn.analysis.gap import EVALS_ONLY, USERS_ONLY, GapRow
from everyturn.analysis.panel import Rows
from everyturn.analysis.teller import Teller
from everyturn.analysis.tickets import QueueGrowth
from everyturn.analysis.words import (
    capital,
    counted,
    from_to,
    joined,
    listed,
    moved,
    percent,
    points,
    quoted,
    short,
    signed,
    span,
)
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.compare import Split
from everyturn.stats.intervals import always_valid

_HALF = 0.5  # of the answers fail, for ranking alone, where users' acceptance is not known yet


def say_new_intent(t: Teller, fact: NewIntent, others: Rows, *, tickets: float) -> Finding:
    """An intent that arrived; `others` is acceptance without the new intents, `tickets` what it adds to the queue a week."""
    label, intent_id = t.label(fact.intent), t.intent_id(fact.intent)
    share, accepted = always_valid(fact.share), always_valid(t.accepted(Node(intent=fact.intent), fact.since))
    elsewhere = t.accepted(Node(), rows=others)
    total = t.accepted(Node())
    taken = "it is not known yet how users take the answers"
    if isinstance(accepted, Estimate):
        taken = f"{percent(accepted.value)} of its answers since then are accepted ({span(accepted.low, accepted.high, beside=accepted.value)})"
        taken += f", compared with {percent(elsewhere.value)} elsewhere" if isinstance(elsewhere, Estimate) else ""
    rest = t.shift(others, fact.since)
    steady = isinstance(rest, Estimate) and rest.low <= 0 <= rest.high
    so_far = f"{counted(fact.users, 'user')} and {counted(fact.requests, 'request')} so far"
    details = [f"{t.found(fact.found_at)} {capital(so_far)}. {t.range_note(share)}", t.rarity(fact.rarity)]
    if isinstance(total, Estimate) and isinstance(elsewhere, Estimate):
        details.append(
            f"It changes total acceptance by {points(total.value - elsewhere.value)}, to {percent(total.value)}."
        )
    if isinstance(rest, Estimate) and not steady:
        details.append(f"Acceptance of everything else: {moved(rest.value, rest.low, rest.high)}.")
    untested = t.evals.cases > 0 and not t.evals.count(intent_id)
    return Finding(
        kind="new_intent",
        signal="acceptance",
        cohort=None,
        intent=label,
        since=t.panel.weeks[fact.since],
        found_at=fact.found_at,
        size=Size.of(share),
        title=f"New and untested: {short(label)}" if untested else f"New request: {short(label)}",
        sentence=joined(
            f"Users began asking for {quoted(label)} in {t.started(fact.since)}; it now makes up {percent(share.value)} of all"
            f" requests ({span(share.low, share.high, beside=share.value)}), and {taken}.",
            f"It adds about {counted(tickets, 'ticket')} a week to the queue of the human team."
            if tickets >= 1
            else "",
            t.evals_score(fact.intent),
            "The rest of the product held steady." if steady else "",
        ),
        unit="share",
        story="new intent",
        intent_id=intent_id,
        details=tuple(details),
        series=t.share_series(fact.intent),
        where=t.where(Node(intent=fact.intent), fact.since, "acceptance", 0),
        severity=fact.requests * (1 - accepted.value if isinstance(accepted, Estimate) else _HALF),
    )


def say_share(t: Teller, fact: ShareChange) -> Finding:
    """An intent asked for more, or less, than before."""
    label, change, node = t.label(fact.intent), always_valid(fact.change, least=-1.0), Node(intent=fact.intent)
    accepted = t.accepted(node, fact.since)
    how = "more" if change.value > 0 else "less"
    traffic = t.panel.traffic
    shortfall = 1 - accepted.value if isinstance(accepted, Estimate) else _HALF
    return Finding(
        kind="share",
        signal="acceptance",
        cohort=t.cohort(fact.cohort),
        intent=label,
        since=t.panel.weeks[fact.since],
        found_at=fact.found_at,
        size=Size.of(change),
        title=f"{short(label)}: asked {how} often",
        sentence=joined(
            f"{t.cohort(fact.cohort) or 'Users'} have asked for {quoted(label)} {how} often since {t.started(fact.since)}:"
            f" {from_to(fact.baseline.value, change.value)} of {'their' if fact.cohort is not None else 'all'} requests"
            f" ({moved(change.value, change.low, change.high)}).",
            f"{percent(accepted.value)} of its answers are accepted." if isinstance(accepted, Estimate) else "",
            t.evals_score(fact.intent),
        ),
        unit="share",
        story="demand",
        intent_id=t.intent_id(fact.intent),
        details=(
            f"{t.found(fact.found_at)} {counted(change.users, 'user')} compared. {t.range_note(change, fact.tier)}",
            t.rarity(fact.rarity, fact.tier),
            *t.tier_note(fact.tier),
        ),
        series=t.share_series(fact.intent),
        where={"intent_id": t.intent_id(fact.intent), "weeks": tuple(t.panel.weeks[fact.since :])},
        severity=max(change.value, 0.0) * float(traffic.n[traffic.week >= fact.since].sum()) * shortfall,
        tier=t.tier(fact.tier),
    )


def say_queue(t: Teller, fact: QueueGrowth) -> Finding:
    """More matters handed to people."""
    rise = fact.after.value - fact.before.value
    sources = [(intent, n) for intent, n in fact.added if n >= 1][:2]
    named = [f"{quoted(t.label(intent))} (+{n:.0f} a week)" for intent, n in sources]
    per_hundred = f"{fact.before.value * 100:.1f} → {fact.after.value * 100:.1f} tickets per 100 answers"
    return Finding(
        kind="level",
        signal="escalation",
        cohort=None,
        intent=None,
        since=t.panel.weeks[fact.since],
        found_at=day_after(t.panel, fact.found_week),
        size=Size(rise, fact.low, fact.high),
        title="The human queue grows",
        sentence=joined(
            f"The queue of the human team has grown since {t.started(fact.since)}: {per_hundred}"
            f" ({signed(rise)}, between {signed(fact.low)} and {signed(fact.high)}).",
            f"Most of it: {listed(named)}." if named else "The tickets do not show which requests they come from.",
            "More traffic does not explain it, because it is counted per answer.",
            t.evals_moved(None, fact.since),
        ),
        story="queue",
        details=(
            f"So far that is {counted(rise * fact.after.n, 'ticket')} more than at the earlier rate.",
            *t.start_range(fact.first, fact.last),
        ),
        series=fact.weekly,
        where=t.where(Node(intent=sources[0][0] if sources else None), fact.since, "escalation", 1),
        severity=rise * fact.after.n,
    )


def say_mix(t: Teller, split: Split, since: int) -> Finding:
    """A total that moved because other people came, or came for other things."""
    mix, within = (always_valid(part, least=-1.0) for part in (split.mix, split.within))
    rows = t.panel.rows("acceptance")
    still = within.low <= 0 <= within.high
    return Finding(
        kind="mix",
        signal="acceptance",
        cohort=None,
        intent=None,
        since=t.panel.weeks[since],
        found_at=day_after(t.panel, t.panel.complete),
        size=Size.of(mix),
        title="Acceptance moved because the mix did",
        sentence=joined(
            f"Since {t.started(since)}, a change in who asks and what they ask for has moved total acceptance by"
            f" {points(mix.value)} (between {signed(mix.low)} and {signed(mix.high)}).",
            "For the same requests and the same cohorts, nothing clearly changed."
            if still
            else f"The rates themselves moved it by another {points(within.value)}.",
            "Evals weigh every case the same, so they cannot see this." if t.evals.cases else "",
        ),
        story="mix",
        details=(
            f"{counted(split.total.users, 'user')} compared with all earlier weeks. {t.range_note(mix)}",
            "If the mix had not changed, something this clear would appear about once in 10 years.",
        ),
        series=t.panel.weekly("acceptance"),
        where={"weeks": tuple(t.panel.weeks[since:])},
        severity=max(-mix.value, 0.0) * float(rows.n[rows.week >= since].sum()),
    )


def say_gap(row: GapRow, overall: Estimate) -> Finding | None:
    """An intent where users get little and the evals do not say so; None where too little is known of it."""
    accepted, score = row.acceptance, row.eval_score
    if isinstance(accepted, NotEnough):
        return None
    users = f"users accept {percent(accepted.value)} of the answers ({span(accepted.low, accepted.high, beside=accepted.value)})"
    if EVALS_ONLY in row.status and row.distance is not None and isinstance(score, Estimate):
        size = row.distance
        evals = f"Evals score {quoted(row.intent)} {percent(score.value)} ({span(score.low, score.high, beside=score.value)})"
        said, title = f"{evals}; {users}.", f"{short(row.intent)}: evals good, users not"
    elif USERS_ONLY in row.status and row.distance is not None and isinstance(score, Estimate):
        return _say_reverse(row, row.distance, score, users)
    else:
        shortfall = overall.value - accepted.value
        size = Estimate(shortfall, overall.low - accepted.high, overall.high - accepted.low, accepted.users, accepted.n)
        said = f"No eval case covers {quoted(row.intent)}, and {users}."
        title = f"{short(row.intent)}: little value, no eval"
    sentence = joined(
        said,
        f"Across the whole product it is {percent(overall.value)}.",
        f"It has been like this all along, for {counted(row.users, 'user')}.",
    )
    lost = f"At the rate of the whole product, {counted(row.lost, 'more answer')} would have been accepted."
    return replace(_standing(row, size, title, sentence), story="gap", details=(lost,), severity=row.lost)


def _say_reverse(row: GapRow, size: Estimate, score: Estimate, users: str) -> Finding:
    """An intent whose evals fail while users keep the answers: the cases may ask for what nobody needs."""
    sentence = joined(
        f"Evals score {quoted(row.intent)} {percent(score.value)} ({span(score.low, score.high, beside=score.value)}), yet {users}.",
        f"Its {counted(row.cases, 'case')} may test something users do not need, or do not ask for.",
    )
    found = _standing(row, size, f"{short(row.intent)}: evals bad, users content", sentence)
    kept = {"intent_id": row.intent_id, "signal": "acceptance", "value": 1}
    return replace(found, story="reverse gap", where=kept, severity=0.0)  # it costs no user anything


def _standing(row: GapRow, size: Estimate, title: str, sentence: str) -> Finding:
    """A finding on how an intent stands all along, with the answers that users did not take."""
    return Finding(
        kind="gap",
        signal="acceptance",
        cohort=None,
        intent=row.intent,
        since=None,
        found_at=None,
        size=Size.of(size),
        title=title,
        sentence=sentence,
        intent_id=row.intent_id,
        series=row.acceptance_weekly,
        where={"intent_id": row.intent_id, "signal": "acceptance", "value": 0},
    )
