"""How often did the user ask the same again?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("rephrase", "How often did the user ask the same again?", ("rephrase", "repeat"))
