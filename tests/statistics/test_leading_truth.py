"""The order in which trust and use fall, planted both ways, together and not at all.

600 users (1,500 where trust does not go first) over 26 weeks, of whom 12% come a fifth as often from some week on; some 25 (60) of
them with a habit that shows it. Seen in 30 runs: trust six weeks before, by 20 points 30 of 30, by 10 points 30 of 30, never called
use first; both in one week 30 of 30 "use first, trust with it or after", two weeks after it 15 of 30 and else unclear, both over the
same four weeks twice wrongly trust first; both over the same 8 or 12 weeks (not asserted) trust first in 4 of 24, else unclear; no loss of trust, or only in those who stay: one wrong claim each in 67 looks.
"""

import sys
from collections import Counter

import pytest

from departing import Departing
from everyturn.analysis.leading import leading_order

pytestmark = pytest.mark.statistics

RUNS = 30
WORLDS = {
    "trust six weeks before": {"trust_after": -6},
    "trust six weeks before, half as much": {"trust_after": -6, "drop": 0.1},
    "trust two weeks after": {"trust_after": 2, "users": 1_500},
    "both in one week": {"trust_after": 0, "users": 1_500},
    "both over the same four weeks": {"trust_after": 0, "ramp": 4, "users": 1_500},
    "no loss of trust": {"trust_after": None},
    "only those who stay": {"trust_after": None, "others": 0.12},
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_planted_order_is_found_and_no_other(world):
    product, cohorts = Counter(), Counter()
    for run in range(RUNS):
        orders = leading_order(Departing(seed=5_000 + run, **WORLDS[world]).panel())
        product[orders[0].first] += 1
        cohorts.update(order.first for order in orders[1:])
    text = f"{world}: product {dict(product)}, cohorts {dict(cohorts)}"
    sys.stdout.write(text + "\n")
    everything = product + cohorts
    looks = everything.total()
    if world.startswith("trust six"):
        assert product["trust"] >= (0.9 if "half" not in world else 0.6) * RUNS, text
        assert everything["use"] <= 0.05 * looks, text
    elif world.startswith(("trust two", "both")):
        assert everything["trust"] <= 0.05 * looks + 1, text
        least = {"both in one week": 0.8, "trust two weeks after": 0.3}.get(
            world, 0.0
        )  # few answers are left to tell it from
        assert product["use"] >= least * RUNS, text
    else:
        assert everything["trust"] + everything["use"] <= 0.05 * looks + 1, text
