"""How often did the user report that the answer did not work?"""

from __future__ import annotations

from everyturn.signals.rates import reply_signal

SIGNAL = reply_signal("failure", "How often did the user report that the answer did not work?", ("failure",))
