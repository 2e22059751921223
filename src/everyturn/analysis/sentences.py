"""Facts -> Finding: what a product manager reads on Monday. Since when, how large, who, what did not move, what evals said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from everyturn.analysis import Finding, Weekly
from everyturn.analysis.demand import NewIntent, QueueGrowth, ShareChange
from everyturn.analysis.drift import Node, RateChange, day_after
from everyturn.analysis.erosion import ErodingUser
from everyturn.analysis.evals import Evals
from everyturn.analysis.gap import EVALS_ONLY, GapRow
from everyturn.analysis.hotspots import Hotspot
from everyturn.analysis.panel import WORSE, Panel, node_mask
from everyturn.analysis.trust import TrustDrop, cohort_trust
from everyturn.analysis.words import (
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
    span,
    week,
)
from everyturn.stats import Estimate, NotEnough
from everyturn.stats.compare import Split
from everyturn.stats.intervals import rate
from everyturn.stats.summaries import summarise, summarise_one

_SAME = "The rest of the product did not move."

_WORDS: Mapping[str, tuple[str, str]] = {
    "acceptance": ("Answers{} are accepted less", "accepted less"),
    "feedback": ("Answers{} are rated lower", "rated lower"),
    "edits": ("Answers{} are edited more often", "edited more often"),
    "edit_share": ("Answers{} are edited more heavily", "edited more heavily"),
    "rework": ("Accepted answers{} are redone elsewhere more often", "redone more often"),
    "complaint": ("Answers{} draw more complaints", "draw more complaints"),
    "escalation": ("Answers{} end with a person more often", "end with a person"),
}
"""Per signal: the clause of a sentence, with room for the place, and the end of a title."""

_NOUNS: Mapping[str, str] = {
    "acceptance": "acceptance",
    "feedback": "ratings",
    "edits": "answers edited",
    "edit_share": "text edited",
    "rework": "rework",
    "complaint": "complaints",
    "escalation": "escalation",
}


@dataclass(frozen=True)
class Teller:
    """Turns facts into findings over one panel, its evals and the intents' names."""

    panel: Panel
    evals: Evals
    names: Mapping[str, str]
    needed: int

    @property
    def latest(self) -> date:
        """The last finished week."""
        return self.panel.weeks[max(self.panel.complete - 1, 0)]

    def intent_id(self, code: int | None) -> str | None:
        """The id of an intent's code."""
        return None if code is None else self.panel.intents[code]

    def label(self, code: int) -> str:
        """The name of an intent's code."""
        intent_id = self.panel.intents[code]
        return "unclear requests" if intent_id is None else self.names.get(intent_id, intent_id)

    def weeks_from(self, start: int) -> tuple[date, ...]:
        """The Mondays from a week of the panel on, the unfinished week with them."""
        return tuple(self.panel.weeks[start:])

    def started(self, since: int) -> str:
        """The week of a start, in words."""
        return week(self.panel.weeks[since], self.latest)

    # --- what the evals said ------------------------------------------------------------------------------------

    def evals_said(self, intent: int | None, since: int | None) -> str:
        """What the evals said of an intent (None: of everything) meanwhile."""
        if not self.evals.cases:
            return "No evals are loaded."
        intent_id = self.intent_id(intent)
        cases = self.evals.count(intent_id)
        if not cases:
            return "No eval case covers it."
        if since is None:
            score = self.evals.latest(intent_id)
            if isinstance(score, NotEnough):
                return f"Its {counted(cases, 'eval case')} have no score."
            return f"The evals score it {percent(score.value)} ({span(score.low, score.high)})."
        before, after = self.evals.around(intent_id, self.panel.weeks[since])
        if isinstance(after, NotEnough):
            at = f" (before: {percent(before.value)})" if isinstance(before, Estimate) else ""
            return f"No eval has run since{at}."
        if isinstance(before, NotEnough):
            return f"The evals score it {percent(after.value)} ({span(after.low, after.high)})."
        if after.high < before.low or after.low > before.high:
            return f"The evals moved as well: {percent(before.value)} before, {percent(after.value)} since."
        return f"The evals did not see it: {percent(before.value)} before, {percent(after.value)} since."

    # --- findings -----------------------------------------------------------------------------------------------

    def new_intent(self, fact: NewIntent, *, others: Estimate | NotEnough, quiet: bool, tickets: float) -> Finding:
        """An intent that arrived."""
        panel, label = self.panel, self.label(fact.intent)
        rows = panel.rows("acceptance")
        own = rows.take((rows.intent == fact.intent) & (rows.week >= fact.since))
        accepted = rate(summarise_one(own.user, own.n, own.y, own.unknown), needed=self.needed)
        taken = "how users take the answers is not known yet"
        lost = fact.outputs * 0.5
        if isinstance(accepted, Estimate):
            taken = f"{percent(accepted.value)} of the answers are accepted ({span(accepted.low, accepted.high)})"
            lost = fact.outputs * (1 - accepted.value)
            if isinstance(others, Estimate):
                taken += f", {percent(others.value)} elsewhere"
        total = rate(summarise_one(rows.user, rows.n, rows.y), needed=self.needed)
        details = [
            f"First clear on {day(fact.found_at, self.latest)}.",
            f"{counted(fact.users, 'user')} and {counted(fact.outputs, 'answer')} since then.",
        ]
        if isinstance(total, Estimate) and isinstance(others, Estimate) and abs(others.value - total.value) >= 0.005:
            details.append(
                f"It moves total acceptance by {points(total.value - others.value)}:"
                f" {percent(total.value)} with it, {percent(others.value)} without."
            )
        if tickets >= 1:
            details.append(f"{counted(tickets, 'ticket')} a week to the human queue come from it.")
        untested = self.evals.cases and not self.evals.count(self.intent_id(fact.intent))
        return Finding(
            "new_intent",
            "acceptance",
            None,
            label,
            panel.weeks[fact.since],
            fact.found_at,
            fact.share.value,
            fact.share.low,
            fact.share.high,
            f"New and untested: {short(label)}" if untested else f"New request: {short(label)}",
            joined(
                f"Users began to ask for {quoted(label)} in {self.started(fact.since)}; it is now {percent(fact.share.value)}"
                f" of all requests ({span(fact.share.low, fact.share.high)}), and {taken}.",
                self.evals_said(fact.intent, None),
                _SAME if quiet else "",
            ),
            unit="share",
            story="new intent",
            intent_id=self.intent_id(fact.intent),
            details=tuple(details),
            series=self._share_series(fact.intent),
            where=self._where(None, fact.intent, fact.since, "acceptance", 0),
            severity=lost,
        )

    def rate_change(self, fact: RateChange) -> Finding:
        """A rate that slid."""
        panel, node = self.panel, fact.node
        cohort = None if node.cohort is None else panel.cohorts[node.cohort]
        within = fact.split.within
        clause, ending = _WORDS[fact.signal]
        title = f"{short(self.label(node.intent)) if node.intent is not None else cohort or 'All answers'}: {ending}"
        rest = (
            "" if node.level == 0 else _SAME if fact.rest_z < 2 else "The rest of the product moved too, less clearly."
        )
        rows = panel.rows(fact.signal)
        late = rows.take(node.mask(rows) & (rows.week >= fact.since))
        return Finding(
            "level",
            fact.signal,
            cohort,
            None if node.intent is None else self.label(node.intent),
            panel.weeks[fact.since],
            day_after(panel, fact.found_week),
            within.value,
            within.low,
            within.high,
            title,
            joined(
                f"{clause.format(self._place(node))} since {self.started(fact.since)}:"
                f" {from_to(fact.baseline, within.value)} ({moved(within.value, within.low, within.high)}).",
                rest,
                self.evals_said(node.intent, fact.since),
            ),
            story={1: "cohort"}.get(node.level, "rework" if fact.signal == "rework" else "slide"),
            intent_id=self.intent_id(node.intent),
            details=(
                *(self._mix_detail(fact.split)),
                *(self._most_of_it(fact)),
                *(
                    f"{_NOUNS[a.signal].capitalize()} moved with it: {from_to(a.baseline, a.split.within.value)}"
                    f" ({moved(a.split.within.value, a.split.within.low, a.split.within.high)})."
                    for a in fact.also
                ),
                f"{counted(within.users, 'user')}, {counted(within.n, 'known answer')} compared.",
            ),
            series=panel.weekly(fact.signal, cohort=node.cohort, intent=node.intent, needed=self.needed),
            where=self._where(node.cohort, node.intent, fact.settled, fact.signal, int(WORSE[fact.signal] > 0)),
            severity=abs(within.value) * float(late.n.sum()),
        )

    def trust_drop(self, fact: TrustDrop, also: Sequence[RateChange]) -> Finding:
        """A cohort that relies less on what it gets; `also` are its own rate changes, told here."""
        panel, cohort = self.panel, self.panel.cohorts[fact.cohort]
        fell = fact.change
        parts = sorted(fact.parts.items(), key=lambda item: (round(item[1].value, 9), item[0]))
        clear = [f"{name} {points(change.value)}" for name, change in parts if change.high < 0]
        hidden = fact.total is not None and fact.total.low <= 0 <= fact.total.high
        others = fact.others is not None and fact.others.low <= 0 <= fact.others.high
        steady = (
            "The product as a whole hides it: its trust did not move."
            if hidden
            else "All other cohorts together did not move."
            if others
            else ""
        )
        signal = {"depth of edits": "edit_share", "verification": "complaint", "rework": "rework"}.get(
            parts[0][0] if parts else "", "acceptance"
        )
        traffic = panel.traffic
        outputs = traffic.n[(traffic.cohort == fact.cohort) & (traffic.week >= fact.since)].sum()
        weekly = next((c.weekly for c in cohort_trust(panel, needed=self.needed) if c.cohort == cohort), ())
        return Finding(
            "level",
            "trust",
            cohort,
            None,
            panel.weeks[fact.since],
            day_after(panel, fact.found_week),
            fell.value,
            fell.low,
            fell.high,
            f"{short(cohort)[1:-1]}: less reliance on what they get",
            joined(
                f"{cohort} rely less on what they get since {self.started(fact.since)}:"
                f" trust {from_to(fact.baseline.value, fell.value)} ({moved(fell.value, fell.low, fell.high)}).",
                f"What moved: {listed(clear)}." if clear else "",
                steady,
                self.evals_said(None, fact.since),
            ),
            story="cohort",
            details=(
                *(
                    f"{name.capitalize()}: {moved(change.value, change.low, change.high)}"
                    + (", not clear alone." if change.high >= 0 else ".")
                    for name, change in parts
                ),
                *(
                    f"Per answer, {_NOUNS[a.signal]}: {from_to(a.baseline, a.split.within.value)} since {self.started(a.since)}."
                    for a in also
                ),
                *(
                    [f"All other cohorts together: {moved(fact.others.value, fact.others.low, fact.others.high)}."]
                    if fact.others
                    else []
                ),
                f"{counted(fell.users, 'user')} compared. Trust is inferred from reliance, not asked.",
            ),
            series=weekly,
            where=self._where(fact.cohort, None, fact.settled, signal, int(signal != "acceptance")),
            severity=abs(fell.value) * float(outputs),
        )

    def hotspot(self, fact: Hotspot) -> Finding:
        """Accepted answers that are redone elsewhere, all along."""
        panel, node = self.panel, fact.node
        cohort = None if node.cohort is None else panel.cohorts[node.cohort]
        accepted = panel.rows("acceptance")
        own = accepted.take(node.mask(accepted))
        inside = rate(summarise_one(own.user, own.n, own.y), needed=self.needed)
        looks_fine = (
            f"In the conversation it looks fine: {percent(inside.value)} accepted."
            if isinstance(inside, Estimate)
            else ""
        )
        name = short(self.label(node.intent)) if node.intent is not None else str(cohort)
        return Finding(
            "level",
            "rework",
            cohort,
            None if node.intent is None else self.label(node.intent),
            None,
            day_after(panel, panel.complete),
            fact.above.value,
            fact.above.low,
            fact.above.high,
            f"{name}: accepted, then redone",
            joined(
                f"{percent(fact.rate.value)} of accepted answers{self._place(node)} are redone elsewhere afterwards"
                f" ({span(fact.rate.low, fact.rate.high)}), {percent(fact.rest.value)} in the rest of the product; it has been"
                f" so in all {panel.complete} weeks.",
                looks_fine,
                self.evals_said(node.intent, None),
            ),
            story="rework",
            intent_id=self.intent_id(node.intent),
            details=(
                f"{moved(fact.above.value, fact.above.low, fact.above.high)} against the rest.",
                f"{counted(fact.rate.users, 'user')}, {counted(fact.rate.n, 'accepted answer')} whose window is over.",
            ),
            series=panel.weekly("rework", cohort=node.cohort, intent=node.intent, needed=self.needed),
            where=self._where(node.cohort, node.intent, 0, "rework", 1),
            severity=fact.above.value * fact.rate.n,
        )

    def eroding(self, facts: Sequence[ErodingUser], *, false_share: float, quiet: bool) -> Finding:
        """Users who keep coming and no longer take what they get."""
        panel = self.panel
        part = "unmodified acceptance"
        known = [f for f in facts if part in f.before and part in f.after] or list(facts)
        name = part if all(part in f.before and part in f.after for f in known) else "depth of edits"
        before = float(np.mean([f.before[name] for f in known]))
        after = float(np.mean([f.after[name] for f in known]))
        use = [float(np.mean([getattr(f, side) for f in facts])) for side in ("weekly_before", "weekly_since")]
        chance = max(round(false_share * len(facts)), 1)
        starts = sorted(f.since for f in facts)
        since = starts[len(starts) // 2]
        users = tuple(panel.users[f.user] for f in facts)
        rows = panel.rows("acceptance")
        own = rows.take(np.isin(rows.user, [f.user for f in facts]))
        weeks = summarise(own.week, own.user, own.n, own.y, own.unknown, groups=len(panel.weeks))
        lines = [
            f"{panel.users[f.user]}: {percent(f.before.get(name, before))} → {percent(f.after.get(name, after))} since"
            f" {self.started(f.since)}, {counted(f.weekly_since, 'output')} a week."
            for f in facts
        ]
        what = "take unchanged" if name == part else "keep the text of"
        return Finding(
            "user",
            "trust",
            None,
            None,
            panel.weeks[since],
            day_after(panel, panel.complete),
            float(len(facts)),
            float(len(facts) - chance),
            float(len(facts)),
            f"{counted(len(facts), 'steady user')} stopped taking the answers",
            joined(
                f"{counted(len(facts), 'user')} come as often as before ({use[0]:.1f} → {use[1]:.1f} outputs a week) and no longer"
                f" take what they get: they {what} {percent(before)} → {percent(after)} of the answers, from about"
                f" {self.started(since)} on. Expect about {chance} of them to be chance.",
                "Users beside them did not move." if quiet else "",
                self.evals_said(None, since),
            ),
            unit="count",
            story="erosion",
            details=tuple(lines),
            series=tuple(
                (monday, rate(total, needed=min(self.needed, len(facts))))
                for monday, total in zip(panel.weeks[: panel.complete], weeks, strict=False)
            ),
            where={"user_ids": users, "weeks": self.weeks_from(since), "signal": "acceptance", "value": 0},
            severity=sum(f.outputs for f in facts) * max(before - after, 0.0),
        )

    def share_change(self, fact: ShareChange) -> Finding:
        """An intent asked for more, or less, than before."""
        panel, label, change = self.panel, self.label(fact.intent), fact.change
        rows = panel.rows("acceptance")
        own = rows.take((rows.intent == fact.intent) & (rows.week >= fact.since))
        accepted = rate(summarise_one(own.user, own.n, own.y), needed=self.needed)
        grew = change.value > 0
        taken = f"{percent(accepted.value)} of its answers are accepted." if isinstance(accepted, Estimate) else ""
        shortfall = 1 - accepted.value if isinstance(accepted, Estimate) else 0.5
        traffic = panel.traffic
        outputs = float(traffic.n[traffic.week >= fact.since].sum())
        return Finding(
            "share",
            "acceptance",
            None,
            label,
            panel.weeks[fact.since],
            day_after(panel, fact.found_week),
            change.value,
            change.low,
            change.high,
            f"{short(label)}: asked {'more' if grew else 'less'} often",
            joined(
                f"Users ask {'more' if grew else 'less'} for {quoted(label)} since {self.started(fact.since)}:"
                f" {from_to(fact.baseline.value, change.value)} of all requests"
                f" ({moved(change.value, change.low, change.high)}).",
                taken,
                "Within each cohort the same: the cohorts' sizes do not explain it.",
                self.evals_said(fact.intent, None),
            ),
            unit="share",
            story="demand",
            intent_id=self.intent_id(fact.intent),
            details=(f"{counted(change.users, 'user')} compared.",),
            series=self._share_series(fact.intent),
            where={"intent_id": self.intent_id(fact.intent), "weeks": self.weeks_from(fact.since)},
            severity=max(change.value, 0.0) * outputs * shortfall,
        )

    def queue(self, fact: QueueGrowth) -> Finding:
        """More matters handed to people."""
        panel = self.panel
        rise = fact.after.value - fact.before.value
        sources = [(intent, n) for intent, n in fact.added if n >= 1][:2]
        total = rise * fact.after.n / max(panel.complete - fact.since, 1)
        named = [f"{quoted(self.label(i))} (+{n:.0f} a week)" for i, n in sources]
        return Finding(
            "level",
            "escalation",
            None,
            None,
            panel.weeks[fact.since],
            day_after(panel, fact.found_week),
            rise,
            fact.low,
            fact.high,
            "More requests end in the human queue",
            joined(
                f"The human queue grows since {self.started(fact.since)}: {fact.before.value * 100:.1f} →"
                f" {fact.after.value * 100:.1f} tickets per 100 answers ({moved(rise, fact.low, fact.high)}).",
                f"Most of it: {listed(named)}." if named else "The tickets do not say through which intent.",
                "More traffic does not explain it: it is counted per answer.",
                self.evals_said(None, fact.since),
            ),
            story="queue",
            details=(f"About {counted(total, 'ticket')} a week more than at the earlier rate.",),
            series=fact.weekly,
            where=self._where(None, sources[0][0] if sources else None, fact.since, "escalation", 1),
            severity=rise * fact.after.n,
        )

    def mix(self, split: Split, since: int) -> Finding:
        """A total that moved because other people came, or came for other things."""
        panel, mix, within = self.panel, split.mix, split.within
        still = within.low <= 0 <= within.high
        return Finding(
            "mix",
            "acceptance",
            None,
            None,
            panel.weeks[since],
            day_after(panel, panel.complete),
            mix.value,
            mix.low,
            mix.high,
            "Acceptance moved because the mix did",
            joined(
                f"Over the four weeks from {self.started(since)} the mix of cohorts and requests moved total acceptance by"
                f" {moved(mix.value, mix.low, mix.high)}.",
                "The same people with the same requests did not move."
                if still
                else f"The rates themselves moved it by another {points(within.value)}.",
                "The evals cannot see a mix: they weigh every case alike." if self.evals.cases else "",
            ),
            story="mix",
            details=(f"{counted(split.total.users, 'user')} compared with all earlier weeks.",),
            series=panel.weekly("acceptance", needed=self.needed),
            where={"weeks": self.weeks_from(since)},
            severity=max(-mix.value, 0.0) * float(split.total.n) * 4 / max(panel.complete, 4),
        )

    def gap(self, row: GapRow, overall: Estimate) -> Finding | None:
        """An intent where users get no value and the evals do not say so."""
        accepted = row.acceptance
        if isinstance(accepted, NotEnough):
            return None
        beside = row.distance if EVALS_ONLY in row.status else None
        if beside is not None and isinstance(row.eval_score, Estimate):
            size = beside
            said = (
                f"Evals score {quoted(row.intent)} {percent(row.eval_score.value)}"
                f" ({span(row.eval_score.low, row.eval_score.high)}), users accept {percent(accepted.value)}"
                f" ({span(accepted.low, accepted.high)}): {size.value * 100:.0f} points apart."
            )
            title = f"{short(row.intent)}: evals good, users not"
        else:
            shortfall = overall.value - accepted.value
            size = Estimate(
                shortfall, overall.low - accepted.high, overall.high - accepted.low, accepted.users, accepted.n
            )
            said = (
                f"Users accept {percent(accepted.value)} of the answers to {quoted(row.intent)}"
                f" ({span(accepted.low, accepted.high)}), and no eval case covers it."
            )
            title = f"{short(row.intent)}: little value, no eval"
        return Finding(
            "gap",
            "acceptance",
            None,
            row.intent,
            None,
            day_after(self.panel, self.panel.complete),
            size.value,
            size.low,
            size.high,
            title,
            joined(
                said,
                f"The product as a whole: {percent(overall.value)}.",
                f"{counted(row.volume, 'answer')} to {counted(row.users, 'user')} so far; it has been so all along.",
            ),
            story="gap",
            intent_id=row.intent_id,
            details=(f"{counted(row.lost, 'answer')} fewer accepted than at the product's own rate.",),
            series=row.acceptance_weekly,
            where={"intent_id": row.intent_id, "signal": "acceptance", "value": 0},
            severity=row.lost,
        )

    # --- parts --------------------------------------------------------------------------------------------------

    def _place(self, node: Node) -> str:
        intent = f" to {quoted(self.label(node.intent))}" if node.intent is not None else ""
        cohort = f" for {self.panel.cohorts[node.cohort]}" if node.cohort is not None else ""
        return intent + cohort

    def _where(
        self, cohort: int | None, intent: int | None, start: int, signal: str, value: int
    ) -> Mapping[str, object]:
        where: dict[str, object] = {"weeks": self.weeks_from(start), "signal": signal, "value": value}
        if intent is not None:
            where["intent_id"] = self.intent_id(intent)
        if cohort is not None:
            where["cohort"] = self.panel.cohorts[cohort]
        return where

    def _mix_detail(self, split: Split) -> list[str]:
        mix = split.mix
        if len(split.parts) < 2:
            return []
        if abs(mix.value) >= 0.01 and not mix.low <= 0 <= mix.high:
            return [f"Other requests and people moved it by another {points(mix.value)}, which is not in this number."]
        return ["The mix of people and requests explains none of it: the same requests are taken worse."]

    def _most_of_it(self, fact: RateChange) -> list[str]:
        """The intents of a cohort or of the product that carry a slide, where they clearly do."""
        if fact.node.intent is not None or len(fact.split.parts) < 2:
            return []
        rows, _ = self.panel.trend(fact.signal)
        rows = rows.take(node_mask(rows, fact.node.cohort, None))
        cells = np.unique(rows.cohort * len(self.panel.intents) + rows.intent)
        if len(cells) != len(fact.split.parts):
            return []  # parts were numbered over other rows
        by_intent: dict[int, float] = {}
        for part in fact.split.parts:
            intent = int(cells[part.group]) % len(self.panel.intents)
            by_intent[intent] = by_intent.get(intent, 0.0) + part.within.value
        whole = fact.split.within.value
        largest = sorted(by_intent.items(), key=lambda item: (round(item[1] / whole, 9) * -1, item[0]))[:2]
        named = [f"{quoted(self.label(i))} ({points(v)})" for i, v in largest if v / whole >= 0.25]
        return [f"Most of it: {listed(named)}."] if named else []

    def _share_series(self, intent: int) -> tuple[Weekly, ...]:
        rows = self.panel.traffic
        rows = rows.take(rows.week < self.panel.complete)
        totals = summarise(rows.week, rows.user, rows.n, rows.n * (rows.intent == intent), groups=self.panel.complete)
        return tuple(
            (monday, rate(total, needed=self.needed))
            for monday, total in zip(self.panel.weeks[: self.panel.complete], totals, strict=True)
        )
