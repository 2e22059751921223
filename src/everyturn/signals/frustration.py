"""How often did the user show frustration?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("frustration", "How often did the user show frustration?", ("frustration",))
