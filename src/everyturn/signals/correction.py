"""How often did the user correct the agent or repeat what they meant?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal(
    "correction", "How often did the user correct the agent or repeat what they meant?", ("correction",)
)
