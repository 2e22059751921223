"""How often did the user give up?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("giveup", "How often did the user give up?", ("giveup",))
