"""Context-dependent failure: what distinguishes, among the requests of one intent, the answers that work from those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from everyturn.analysis.words import moved, percent, quoted
from everyturn.stats import Estimate, NotEnough, Summary
from everyturn.stats.compare import benjamini_hochberg
from everyturn.stats.intervals import difference, rate
from everyturn.stats.summaries import Joint

FALSE = 0.05  # expected share of false discoveries among the contexts reported, at most
LEAST = 0.05  # smaller differences (5 points) are not reported, however certain
_MOST = 5  # contexts reported for one intent, at most

_MESSAGE = {
    "identifier": ("the request names a table, a column or a field", "the request names no table, column or field"),
    "number": ("the request contains a number", "the request contains no number"),
    "code": ("the request contains code", "the request contains no code"),
    "link": ("the request contains a link", "the request contains no link"),
    "question mark": ("the request contains a question mark", "the request contains no question mark"),
    "long": ("the request is longer than 600 characters", "the request is no longer than 600 characters"),
    "short": ("the request is shorter than 25 characters", "the request is no shorter than 25 characters"),
}
_PLACE = {
    "first": ("it is the first answer of a conversation", "it is not the first answer of a conversation"),
    "late": ("three or more turns came before", "fewer than three turns came before"),
}
_RATED = {"acceptance": "accepted", "rework": "redone", "edits": "edited", "complaint": "met with a complaint"}


@dataclass(frozen=True, slots=True)
class Context:
    """A context in which an intent's answers do worse than its other answers.

    `has` says whether they do worse where the context is present (True) or where it is absent. `failing` and `rest` are the signal's
    rates in the worse context and elsewhere, `change` is `failing` minus `rest`, paired by user.
    """

    signal: str
    intent_id: str | None
    intent: str
    kind: str
    name: str
    has: bool
    failing: Estimate
    rest: Estimate
    change: Estimate
    conversations: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The worse context in words, to be put after "where"."""
        return say_context(self.kind, self.name, has=self.has)

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        rated = _RATED.get(self.signal, self.signal)
        effect = moved(self.change.value, self.change.low, self.change.high)
        return (
            f"{quoted(self.intent)} does worse where {self.words}: {percent(self.failing.value)} {rated}, compared with"
            f" {percent(self.rest.value)} elsewhere ({effect})."
        )

    def to_json(self) -> dict[str, Any]:
        """The context in the JSON form of results."""
        return {
            "signal": self.signal,
            "intent_id": self.intent_id,
            "intent": self.intent,
            "context": self.words,
            "kind": self.kind,
            "failing": self.failing.to_json(),
            "rest": self.rest.to_json(),
            "size": round(self.change.value, 6),
            "low": round(self.change.low, 6),
            "high": round(self.change.high, 6),
            "sentence": self.sentence,
            "conversations": list(self.conversations),
        }


def say_context(kind: str, name: str, *, has: bool) -> str:
    """A context in words, to be put after "where".

    >>> print(say_context("attribute", "plan = pro", has=False))
    plan is not "pro"
    """
    side = 0 if has else 1
    if kind == "message":
        return _MESSAGE[name][side]
    if kind == "place":
        return _PLACE[name][side]
    if kind == "tool":
        return f"the agent called {name}" if has else f"the agent did not call {name}"
    if kind == "tool error":
        return f"{name} gave an error" if has else f"{name} gave no error"
    attribute, _, value = name.partition(" = ")
    return f"{attribute} is {'' if has else 'not '}{quoted(value)}"


def contexts(
    totals: pa.Table,
    names: Mapping[str, str],
    *,
    signal: str,
    better: Literal["higher", "lower"],
    within: Callable[[str | None, tuple[str, str]], pa.Table],
) -> list[Context]:
    """The contexts in which intents do worse, the clearest first; at most 5% of them expected to be chance.

    `totals` holds a row an intent and context: users, n and y with the context (1) and without (2), their squares and the cross
    totals of users on both sides. `within(intent, context)` gives the same among outputs that have that context and among those
    that lack it (`held`): a context is told only where it still matters at either value of every clearer one of its intent, so
    that of two that go together the clearer is told.

    Assumes: users independent; both sides need ten users. The other context is held fixed by averaging the differences
    with Mantel-Haenszel weights n1 n2 / (n1 + n2).
    """
    search = _Search(signal, 1 if better == "higher" else -1, names, within)
    compared = []
    for row in totals.to_pylist():
        change = _difference(row)
        if isinstance(change, Estimate):
            compared.append((row, change))
    believed = benjamini_hochberg([_p(change) for _, change in compared], share=FALSE)
    clear = [
        search.context(row, change)
        for (row, change), is_believed in zip(compared, believed, strict=True)
        if is_believed and abs(change.value) >= LEAST
    ]
    by_intent: dict[str | None, list[Context]] = {}
    for found in sorted(clear, key=lambda c: (round(_p(c.change), 12), c.kind, c.name)):
        told = by_intent.setdefault(found.intent_id, [])
        if len(told) < _MOST and all(search.still_matters(found, other) for other in told):
            told.append(found)
    every = [context for told in by_intent.values() for context in told]
    return sorted(every, key=lambda c: (-abs(c.change.value) * min(c.failing.n, c.rest.n), c.intent, c.words))


@dataclass(frozen=True, slots=True)
class _Search:
    """What one search holds fixed. `sign` is 1 where a higher rate is better."""

    signal: str
    sign: int
    names: Mapping[str, str]
    within: Callable[[str | None, tuple[str, str]], pa.Table]

    def context(self, row: Mapping[str, Any], change: Estimate) -> Context:
        """The worse side of one comparison."""
        has = self.sign * change.value < 0
        sides = [rate(_summary(row, side)) for side in ("1", "2")]
        failing, rest = sides if has else sides[::-1]
        assert isinstance(failing, Estimate)
        assert isinstance(rest, Estimate)
        turned = change if has else replace(change, value=-change.value, low=-change.high, high=-change.low)
        intent_id = row["intent_id"]
        intent = "unclear requests" if intent_id is None else self.names.get(intent_id, intent_id)
        return Context(
            signal=self.signal,
            intent_id=intent_id,
            intent=intent,
            kind=row["kind"],
            name=row["name"],
            has=has,
            failing=failing,
            rest=rest,
            change=turned,
        )

    def still_matters(self, found: Context, other: Context) -> bool:
        """Whether a context matters among outputs alike in the other one: the mean difference is clear, and of the same sign."""
        rows = self.within(found.intent_id, (other.kind, other.name)).to_pylist()
        own = [row for row in rows if (row["kind"], row["name"]) == (found.kind, found.name)]
        weights, values, halves = [], [], []
        for row in own:
            change = _difference(row)
            if isinstance(change, Estimate):
                weights.append(row["n1"] * row["n2"] / (row["n1"] + row["n2"]))
                values.append(change.value)
                halves.append(max(change.high - change.value, change.value - change.low))
        if not weights:
            return False  # the two cannot be told apart
        w = np.array(weights) / np.sum(weights)
        mean, half = float(w @ values), float(np.sqrt(np.sum((w * halves) ** 2)))
        was = found.change.value if found.has else -found.change.value
        return abs(mean) > max(half, LEAST) and (mean > 0) == (was > 0)


def _difference(row: Mapping[str, Any]) -> Estimate | NotEnough:
    joint = Joint(int(row["shared"]), row["nn"], row["ny"], row["yn"], row["yy"]) if row["shared"] else None
    return difference(_summary(row, "1"), _summary(row, "2"), joint)


def _summary(row: Mapping[str, Any], side: str) -> Summary:
    users, *totals = (row[f"{name}{side}"] for name in ("users", "n", "y", "nn", "ny", "yy"))
    return Summary(int(users), *totals)


def _p(change: Estimate) -> float:
    """The two-sided p-value that goes with a 95% range: how far its near end lies from the value, in units of the value."""
    from scipy.special import ndtr

    reach = change.value - change.low if change.value > 0 else change.high - change.value
    return float(2 * ndtr(-abs(change.value) / max(reach / 1.96, 1e-12)))


def with_examples(found: Iterable[Context], examples: Callable[[Context], Iterable[str]]) -> list[Context]:
    """The contexts, each with conversations to read."""
    return [replace(context, conversations=tuple(examples(context))) for context in found]
