"""Evidence that may be looked at every day: it crosses a bar of γ days at most once in γ days when nothing changes."""

from __future__ import annotations

import numpy as np

from everyturn.stats.summaries import Floats

_SIZES = (0.4, 1.0, 2.0)  # bets on the count being e^0.4, e and e² times what is expected
_SLACK = 1.15  # a rise of less than 15 % is not what is looked for


def rise_evidence(counts: Floats, expected: Floats, *, days: Floats) -> Floats:
    """The running evidence, in days, that counts have risen above what was expected; compare with a bar in days.

    `counts` and `expected` per period, `days` how long each period is. An alarm when the evidence reaches γ comes at
    most once in γ days while nothing changes, however often it is looked at.

    Assumes: given the past, a count has a mean of at most `expected` and a Poisson tail or a lighter one.
    Method: mixture Shiryaev-Roberts e-detector over three sizes (Shin, Ramdas & Rinaldo 2022).

    >>> rise_evidence(np.array([0.0, 4.0, 5.0]), np.full(3, 0.5), days=np.full(3, 7.0)).round().tolist()
    [3.0, 261.0, 106338.0]
    """
    evidence = np.zeros(len(counts))
    running = np.zeros(len(_SIZES))
    sizes = np.array(_SIZES)
    for t in range(len(counts)):
        gain = np.exp(np.minimum(sizes * counts[t] - np.expm1(sizes) * expected[t] * _SLACK, 500.0))
        running = np.minimum((running + days[t]) * gain, 1e30)  # any bar is far below
        evidence[t] = running.mean()
    return evidence
