"""How often did the user not follow what the agent said?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("confusion", "How often did the user not follow what the agent said?", ("confusion",))
