"""How often did the user say that the answer was wrong or not what was asked?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal(
    "negation", "How often did the user say that the answer was wrong or not what was asked?", ("negation",)
)
