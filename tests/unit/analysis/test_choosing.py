"""The next eval cases: lazy greedy against plain greedy, and against the best set there is."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from everyturn.analysis.choosing import Demand, choose


def demands(seed: int, *, sizes=(6, 4), tested: bool = False) -> list[Demand]:
    rng = np.random.default_rng(seed)
    made = []
    for size in sizes:
        words = np.abs(rng.normal(size=(size, 5))) * (rng.random((size, 5)) < 0.5)
        words[:, 0] += 0.1
        words /= np.linalg.norm(words, axis=1, keepdims=True)
        old = sparse.csr_matrix(words[:1]) if tested else None
        made.append(Demand(sparse.csr_matrix(words), rng.random(size), np.arange(size), old))
    return made


def value(made: list[Demand], chosen: list[tuple[int, int]]) -> float:
    """What a set of cases, as (intent, row), adds: over all requests, weight times how much better the best case stands for it."""
    added = 0.0
    for intent, demand in enumerate(made):
        words = demand.words.toarray()
        before = [] if demand.tested is None else list(demand.tested.toarray())
        after = [*before, *(words[row] for of, row in chosen if of == intent)]
        for request, weight in zip(words, demand.weight, strict=True):
            old, new = (
                max((0.5 + 0.5 * float(case @ request) for case in cases), default=0.0) for cases in (before, after)
            )
            added += weight * (new - old)
    return added


def plain_greedy(made: list[Demand], count: int) -> list[tuple[int, int]]:
    """The slow, obvious way: every set is valued from scratch."""
    chosen: list[tuple[int, int]] = []
    every = [(i, int(row)) for i, demand in enumerate(made) for row in demand.candidates]
    for _ in range(count):
        best = max(every, key=lambda c: (round(value(made, [*chosen, c]), 10), -c[0], -c[1]))
        if value(made, [*chosen, best]) <= value(made, chosen) + 1e-12:
            break
        chosen.append(best)
    return chosen


@given(seed=st.integers(0, 10_000), count=st.integers(1, 8), tested=st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_lazy_greedy_is_greedy(seed, count, tested):
    made = demands(seed, tested=tested)
    lazy = choose(made, count)
    assert [(c.intent, c.row) for c in lazy] == plain_greedy(made, count)
    assert sum(c.gain for c in lazy) == pytest.approx(value(made, [(c.intent, c.row) for c in lazy]))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_it_reaches_its_guarantee(seed, count):
    made = demands(seed)
    every = [(i, int(row)) for i, demand in enumerate(made) for row in demand.candidates]
    best = max(value(made, chosen) for chosen in combinations(every, count))
    assert value(made, [(c.intent, c.row) for c in choose(made, count)]) >= (1 - 1 / np.e) * best - 1e-9


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_gains_only_fall(seed):
    gains = [c.gain for c in choose(demands(seed), 8)]
    assert gains == sorted(gains, reverse=True)


def test_the_untested_intent_comes_before_the_tested_one():
    words = sparse.identity(4, format="csr")
    tested = Demand(words, np.ones(4), np.arange(4), tested=words[:1])
    untested = Demand(words, np.full(4, 0.9), np.arange(4))
    assert choose([tested, untested], 1)[0].intent == 1


def test_nothing_to_gain_is_nothing_chosen():
    words = sparse.identity(3, format="csr")
    assert choose([Demand(words, np.ones(3), np.arange(3), tested=words)], 5) == []
    assert choose([Demand(words, np.ones(3), np.arange(0))], 5) == []
    assert choose([], 5) == []
