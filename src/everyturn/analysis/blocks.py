"""From rows of answers to bets: one per user, stream and block; then what each block pays to each stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everyturn.analysis.ledger import ordered, starts_of
from everyturn.stats.sequential import RATE_SIZES, rate_bets
from everyturn.stats.summaries import Codes, Floats

TRUST_STAKE = 0.25  # of each of up to four parts of trust, which may be correlated
_LEAST = 0.05  # the least a bet on trust can be multiplied by
_BETS = len(RATE_SIZES)


@dataclass(frozen=True, slots=True)
class Increment:
    """The rows of some blocks, ordered by block, signal and user.

    `at` holds each row's place in every part of the expectation (parts x rows), `stream` its stream at every level (levels x rows).
    `run` numbers the combinations of block, signal and user, `by_intent` is the order of rows by run and intent, and `named` says for
    which rows an intent fits.
    """

    block: Codes
    signal: Codes
    user: Codes
    cohort: Codes
    n: Floats
    y: Floats
    at: Codes
    stream: Codes
    named: np.ndarray
    run: Codes
    by_intent: Codes


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was expected of each row, from what was known before its block, and how it turned out.

    `expected` is the rate expected, `excess` the sum of the row's answers beyond it, `alike` the remaining correlation of two further
    answers of this user, `kappa` the signal's variance as a multiple of a yes-or-no answer's.
    """

    expected: Floats
    excess: Floats
    alike: Floats
    kappa: Floats


@dataclass(frozen=True, slots=True)
class Units:
    """The units of betting, one per user, signal, stream and block: the order of rows, where each unit starts, its stream and level."""

    rows: Codes
    starts: Codes
    stream: Codes
    level: Codes


@dataclass(frozen=True, slots=True)
class Paid:
    """What each block pays to each stream that has answers in it: logarithms of factors (`won`, a column per size), ordered by block."""

    block: Codes
    stream: Codes
    won: Floats


def units_of(rows: Increment, ready: np.ndarray, levels: np.ndarray) -> Units:
    """The units of the rows, level after level; `ready` says which rows count at all, `levels` which count at each level."""
    orders: list[tuple[Codes, Codes, Codes, Codes]] = []
    for level, keep in enumerate(levels):
        order = rows.by_intent[(ready & keep)[rows.by_intent]] if level == 2 else np.flatnonzero(ready & keep)
        orders.append((order, rows.stream[level][order], rows.run[order], np.full(len(order), level)))
    order, stream, run, level_of = (np.concatenate(column) for column in zip(*orders, strict=True))
    starts = starts_of(stream, run)
    return Units(order, starts, stream[starts], level_of[starts])


def pay(rows: Increment, foreseen: Foreseen, units: Units) -> Floats:
    """The logarithm of what the bets on each unit pay."""
    e, n, own = foreseen.expected, rows.n, units.rows
    chance = n * e * (1 - e)
    sums = [np.add.reduceat(v[own], units.starts) for v in (n, foreseen.excess, n * e, chance, foreseen.alike)]
    count, missed, mean, chance, likeness = sums
    size = np.diff(np.r_[units.starts, len(own)])
    kappa = foreseen.kappa[own[units.starts]]
    variance = kappa * chance / count * (1 + (count - 1) * likeness / size) / count
    return rate_bets(mean / count, missed / count, variance)


def trust_of(
    rows: Increment, units: Units, paid: Floats, *, sign: Codes, stream_of: Codes
) -> tuple[Codes, Codes, Floats]:
    """One more bet per person, cohort and block: a quarter of what the parts of trust won, each with its good side up.

    Gives the block, the stream and the payment of each. `sign` says per signal which way it tells of trust (0: not at all),
    `stream_of` the stream of each cohort's trust. Quarters add up to a fair bet whichever parts are seen and however they hang
    together; their product would not be one, and a mean over the parts seen would make a loss of every answer that was not taken,
    for which there are no edits to see.
    """
    first = units.rows[units.starts]
    at = np.flatnonzero((units.level == 1) & (sign[rows.signal[first]] != 0))
    own = first[at]
    people = int(rows.user.max()) + 1
    key = ((rows.block[own] - rows.block[0]) * people + rows.user[own]) * len(stream_of) + rows.cohort[own]
    order = ordered(key)
    starts = starts_of(key[order])
    good = (sign[rows.signal[own]] > 0)[:, None]
    won = np.expm1(np.where(good, paid[at], paid[at, ::-1]))[order]
    total = np.add.reduceat(won, starts, axis=0) if len(order) else won
    who = own[order][starts]
    return rows.block[who], stream_of[rows.cohort[who]], np.log(np.maximum(1 + TRUST_STAKE * total, _LEAST))


def paid_of(block: Codes, stream: Codes, paid: Floats, *, streams: int) -> Paid:
    """The payments by block and stream: those of all units of the same block and stream multiplied."""
    key = (block - block.min()) * streams + stream if len(block) else block
    order = ordered(key)
    starts = starts_of(key[order])
    won = np.add.reduceat(paid[order], starts, axis=0) if len(order) else paid.reshape(-1, _BETS)
    return Paid(block[order][starts], stream[order][starts], won)
