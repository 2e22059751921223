"""Rows of answers -> bets: one per person, stream and block; then what each block pays to each stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everyturn.analysis.ledger import ordered, starts_of
from everyturn.stats.sequential import RATE_SIZES, rate_bets
from everyturn.stats.summaries import Codes, Floats

TRUST_STAKE = 0.25  # of each of up to four parts: parts that hang together are not as many as they look
_LEAST = 0.05
_BETS = len(RATE_SIZES)


@dataclass(frozen=True, slots=True)
class Increment:
    """Rows ordered by block, signal and person: places of parts (`at`) and of streams (`stream`), a row per part and per level.

    `run` numbers block, signal and person together; `by_intent` orders rows by run and intent; `named` says where an intent fits.
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
    """What each row was expected to be from what was known before its block, and how that came out.

    `expected` per answer, `excess` all of the row's answers together, `alike` how alike two more answers of this person still
    are, `kappa` the signal's variance as a multiple of a yes-or-no's.
    """

    expected: Floats
    excess: Floats
    alike: Floats
    kappa: Floats


@dataclass(frozen=True, slots=True)
class Units:
    """One unit per person, signal, stream and block: the order of rows, where each unit starts, its stream and level."""

    rows: Codes
    starts: Codes
    stream: Codes
    level: Codes


@dataclass(frozen=True, slots=True)
class Paid:
    """What each block pays to each stream it reaches: logarithms of factors, ordered by block."""

    block: Codes
    stream: Codes
    won: Floats


def units_of(rows: Increment, ready: np.ndarray, levels: np.ndarray) -> Units:
    """One unit per person, signal, stream and block: the rows of each, level after level; `levels` says which rows count at each."""
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
    """The payments of one block to one stream multiplied."""
    key = (block - block.min()) * streams + stream if len(block) else block
    order = ordered(key)
    starts = starts_of(key[order])
    won = np.add.reduceat(paid[order], starts, axis=0) if len(order) else paid.reshape(-1, _BETS)
    return Paid(block[order][starts], stream[order][starts], won)
